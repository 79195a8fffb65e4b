//! The names of the WAMP serializers as the configuration writes them.

use std::fmt;

use crate::define::words;

words! {
    /// A WAMP serializer that a transport may offer.
    pub enum Serializer;
    /// JSON.
    "json" => Json;
    /// MessagePack.
    "msgpack" => MsgPack;
    /// CBOR.
    "cbor" => Cbor;
    /// UBJSON.
    "ubjson" => UbJson;
    /// FlatBuffers.
    "flatbuffers" => FlatBuffers, unsupported();
}

impl Serializer {
    /// What a transport offers when `serializers` is absent.
    pub const OFFERED: [Self; 4] = [Self::Json, Self::MsgPack, Self::Cbor, Self::UbJson];
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
