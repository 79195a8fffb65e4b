//! MQTT: a transport of its own or a section of a universal one.

use crate::AuthConfig;
use crate::define::{choice, map, words};

map! {
    /// MQTT 3.1.1, bridged to WAMP.
    pub struct MqttConfig = "mqtt";
    required {
        /// Further settings.
        options: MqttOptions => map();
    }
}

map! {
    /// Further settings of MQTT.
    pub struct MqttOptions = "mqtt options";
    required {
        /// The realm that all clients join.
        realm: String => reader::realm::realm_name();
    }
    optional {
        /// The role of clients that prove nothing.
        role: Option<String> = None => some(filled());
        /// Who may connect. Absent or empty: everybody, as `anonymous`.
        auth: Option<AuthConfig> = None => reader::auth::auth();
        /// How payloads become arguments of events, by the beginning of the topic's URI; the longest counts.
        payload_mapping: Vec<(String, PayloadMapping)> =
            vec![(String::new(), PayloadMapping::Passthrough(PassthroughMapping::default()))] =>
            dict("payload_mapping", ("the beginning of a URI", None), |_, _, _| true, map());
    }
}

choice! {
    /// How an MQTT payload becomes the arguments of an event.
    pub enum PayloadMapping = "payload mapping";
    /// It is passed on as it is.
    "passthrough" => Passthrough(PassthroughMapping) = "passthrough payload mapping";
    /// It holds arguments in a serializer of WAMP.
    "native" => Native(NativeMapping) = "native payload mapping";
    /// Procedures encode and decode it.
    "dynamic" => Dynamic(DynamicMapping) = "dynamic payload mapping";
}

map! {
    /// An MQTT payload that is passed on as it is.
    pub struct PassthroughMapping = "passthrough payload mapping", open = true;
    optional {}
}

map! {
    /// An MQTT payload that holds arguments in a serializer of WAMP.
    pub struct NativeMapping = "native payload mapping", open = true;
    required {
        /// The serializer.
        serializer: MappedSerializer => word();
    }
}

words! {
    /// A serializer of MQTT payloads.
    pub enum MappedSerializer;
    /// CBOR.
    "cbor" => Cbor;
    /// JSON.
    "json" => Json;
    /// MessagePack.
    "msgpack" => MsgPack;
    /// UBJSON.
    "ubjson" => UbJson;
}

map! {
    /// An MQTT payload that procedures encode and decode.
    pub struct DynamicMapping = "dynamic payload mapping", open = true;
    required {
        /// The procedure that makes a payload.
        encoder: String => text();
        /// The procedure that reads a payload.
        decoder: String => text();
    }
    optional {
        /// The realm of the procedures; without it, that of the transport.
        realm: Option<String> = None => some_or_null(reader::realm::realm_name());
    }
}
