//! Listening transports: an endpoint and what is spoken on it.

use std::time::Duration;

use crate::define::{choice, map, words};
use crate::{ListenEndpoint, MqttConfig, RawSocketConfig, WebConfig, WebSocketConfig, WebSocketOptions};

/// Open connections of one transport unless `max_connections` says otherwise.
pub const DEFAULT_MAX_CONNECTIONS: usize = 50_000;

map! {
    /// An endpoint and what is spoken on it.
    pub struct Transport = "transport", trap = reader::transport::trap;
    required {
        /// What it listens on.
        endpoint: ListenEndpoint => map();
    }
    optional {
        /// Unique in the worker.
        id: String = String::new() => id("transport", |ids| &ids.transport, true);
    }
    parts {
        /// Open sockets from accept to close; a further connection is reset at once. `None`: not written, so the default,
        /// see [`max_connections`](Self::max_connections).
        max_connections_written: Option<usize> = None => reader::transport::MaxConnections;
        /// What is spoken.
        protocol: TransportProtocol = TransportProtocol::RawSocket(Box::default()) => inside();
    }
}

impl Transport {
    /// The limit of open sockets in effect.
    pub fn max_connections(&self) -> usize {
        self.max_connections_written.unwrap_or(DEFAULT_MAX_CONNECTIONS)
    }
}

choice! {
    /// What a transport speaks.
    pub enum TransportProtocol = "transport", trap = reader::transport::type_trap;
    /// Several protocols on one socket, told apart by the first bytes.
    "universal" => Universal(Box<UniversalConfig>) = "universal transport";
    /// WAMP over WebSocket.
    "websocket" => WebSocket(Box<WebSocketConfig>) = "websocket transport";
    /// WAMP over RawSocket.
    "rawsocket" => RawSocket(Box<RawSocketConfig>) = "rawsocket transport";
    /// HTTP with services at paths.
    "web" => Web(Box<WebTransport>) = "web transport";
    /// MQTT 3.1.1, bridged to WAMP.
    "mqtt" => Mqtt(Box<MqttConfig>) = "mqtt transport", unsupported();
    /// A Flash policy file.
    "flashpolicy" => FlashPolicy(FlashPolicyConfig) = "flashpolicy transport", unsupported();
    /// WebSocket without WAMP that echoes, for conformance tests.
    "websocket.testee" => WebSocketTestee(Box<TesteeConfig>) = "websocket.testee transport";
    /// Bytes that are echoed.
    "stream.testee" => StreamTestee(StreamTesteeConfig) = "stream.testee transport";
}

map! {
    /// Several protocols on one socket, told apart by the first bytes.
    pub struct UniversalConfig = "universal transport",
        check = reader::transport::check_universal, trap = reader::transport::universal_trap,
        one_of = &["rawsocket", "websocket", "mqtt", "web"];
    optional {
        /// WAMP over RawSocket.
        rawsocket: Option<RawSocketConfig> = None =>
            some(reader::transport::section("universal.rawsocket section"));
        /// WAMP over WebSocket: one configuration for every path that `web` does not claim, or one for each path.
        websocket: Option<UniversalWebSocket> = None => some(reader::transport::WebSocketSection);
        /// Other HTTP, with services at paths.
        web: Option<WebConfig> = None => some(reader::transport::section("universal.web section"));
        /// MQTT 3.1.1, bridged to WAMP.
        mqtt: Option<MqttConfig> = None =>
            some(reader::transport::section("universal.mqtt section")), unsupported();
        /// Time until the protocol is known; 0: no limit.
        sniff_timeout: Option<Duration> = Some(Duration::from_secs(5)) => ms();
    }
}

/// The two forms of `websocket` in a universal transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UniversalWebSocket {
    /// One configuration, served at every path that `web` does not claim: a first path component that is a key of
    /// `web.paths` other than `/` goes to `web`; otherwise a request with `Upgrade: websocket` comes here, at any depth and
    /// also at `/`.
    Everywhere(Box<WebSocketConfig>),
    /// By the first component of the path (`/` = the root path), with or without an Upgrade header, ahead of `web`. In file
    /// order.
    Paths(Vec<(String, WebSocketConfig)>),
}

map! {
    /// HTTP with services at paths, on a port of its own.
    pub struct WebTransport = "web transport";
    optional {
        /// Time until the protocol is known; 0: no limit.
        sniff_timeout: Option<Duration> = Some(Duration::from_secs(5)) => ms();
    }
    parts {
        /// The services.
        web: WebConfig = WebConfig::default() => inside().needing("paths");
    }
}

map! {
    /// A Flash policy file.
    pub struct FlashPolicyConfig = "flashpolicy transport", without = &["max_connections"];
    optional {
        /// The domain that is let in.
        allowed_domain: String = "*".to_owned() => filled();
        /// The ports that are let in; none: all.
        allowed_ports: Vec<u16> = Vec::new() => list(port());
        /// Log more of this transport.
        debug: bool = false => flag(),
            without_effect("how much is logged is set for the whole node, by --loglevel");
    }
}

map! {
    /// WebSocket without WAMP that echoes.
    pub struct TesteeConfig = "websocket.testee transport", without = &["max_connections"];
    optional {
        /// The `ws://` or `wss://` URL of the server.
        url: Option<String> = None => some(reader::websocket::server_url()),
            without_effect("a testee has no status page");
        /// Log more of this transport.
        debug: bool = false => flag(),
            without_effect("how much is logged is set for the whole node, by --loglevel");
        /// Further settings.
        options: WebSocketOptions = WebSocketOptions::default() => map();
    }
}

map! {
    /// Bytes that are echoed.
    pub struct StreamTesteeConfig = "stream.testee transport", without = &["max_connections"];
    optional {
        /// Log more of this transport.
        debug: bool = false => flag(),
            without_effect("how much is logged is set for the whole node, by --loglevel");
    }
}

map! {
    /// What a worker of type `websocket-testee` listens on.
    pub struct TesteeTransport = "websocket-testee transport", check = reader::transport::check_testee;
    required {
        /// What it listens on.
        endpoint: ListenEndpoint => map();
        /// Which kind of transport.
        kind["type"]: TesteeKind => word();
    }
    optional {
        /// Unique in the worker.
        id: String = String::new() => id("transport", |ids| &ids.transport, true);
    }
    parts {
        /// How it is spoken.
        websocket: WebSocketConfig = WebSocketConfig::default() => inside();
        /// Not limited in a worker of this type.
        max_connections_written: Option<usize> = None => reader::transport::MaxConnections;
    }
}

words! {
    /// The kind of transport of a worker of type `websocket-testee`.
    pub enum TesteeKind;
    /// WebSocket.
    "websocket" => WebSocket;
}
