//! Proxy workers: transports whose sessions are relayed to routers.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map as JsonMap, Value as Json};

use crate::define::{choice, map};
use crate::{
    ConnectSerializer, IpVersion, RawSocketOptions, Serializer, TlsVersion, Transport, UnixConnectConfig,
    WebSocketOptions, WorkerOptions,
};

map! {
    /// Transports whose sessions are relayed to routers.
    pub struct ProxyWorker = "proxy worker", open = true, check = reader::proxy::check;
    optional {
        /// Unique in the node.
        id: String = String::new() => id("worker", |ids| &ids.worker, false);
        /// Further settings.
        options: WorkerOptions = WorkerOptions::default() => map_as("proxy worker options").open();
        /// How routers are reached, by name.
        connections: Vec<(String, ProxyConnection)> = Vec::new() =>
            dict("proxy connections", ("a name", None), |_, _, _| true, map());
        /// Which connections serve a session, by realm and role.
        routes: Vec<(String, Vec<(String, Vec<String>)>)> = Vec::new() => dict(
            "proxy routes",
            ("a realm", None),
            |_, _, _| true,
            dict("proxy routes of a realm", ("a role", None), |_, _, _| true, one_or_list(text())),
        );
        /// What it listens on, in start order.
        transports: Vec<Transport> = Vec::new() => list(whole(map()));
    }
}

map! {
    /// How a router is reached.
    pub struct ProxyConnection = "proxy connection", open = true, check = reader::proxy::check_connection;
    required {
        /// The connection.
        transport: ProxyTransport => map();
    }
    optional {
        /// How the proxy proves who it is.
        auth: ProxyAuth = ProxyAuth::default() => map();
    }
}

map! {
    /// How a proxy proves who it is: one of these.
    pub struct ProxyAuth = "proxy connection auth";
    optional {
        /// By the node's key.
        cryptosign["cryptosign-proxy"]: Option<ProxyMethod> = None => some(map());
        /// Not at all: only over Unix sockets.
        anonymous["anonymous-proxy"]: Option<ProxyMethod> = None => some(map());
    }
}

choice! {
    /// A way for proxies to prove who they are.
    pub enum ProxyMethod = "proxy authentication";
    /// As configured here.
    "static" => Static(ProxyMethodStatic) = "static proxy authentication";
}

map! {
    /// Nothing more is needed.
    pub struct ProxyMethodStatic = "proxy authentication", open = true;
    optional {}
}

choice! {
    /// The connection to a router.
    pub enum ProxyTransport = "proxy connection transport", default = Some("websocket");
    /// WAMP over WebSocket.
    "websocket" => WebSocket(Box<ProxyWebSocket>) = "proxy connection websocket transport";
    /// WAMP over RawSocket.
    "rawsocket" => RawSocket(Box<ProxyRawSocket>) = "proxy connection rawsocket transport";
}

map! {
    /// WAMP over WebSocket.
    pub struct ProxyWebSocket = "proxy connection websocket transport", open = true;
    optional {
        /// What is offered, the preferred first.
        serializers: Vec<Serializer> = vec![Serializer::Cbor, Serializer::Json] => words_list(word());
        /// Further settings.
        options: WebSocketOptions = WebSocketOptions::default() => map();
        /// Further headers of the request.
        headers: JsonMap<String, Json> = JsonMap::new() => reader::realm::JsonObject;
        /// An HTTP proxy on the way.
        proxy: Option<HttpProxy> = None => some(map());
    }
    parts {
        /// Where it connects to, and when again.
        target: ProxyTarget = ProxyTarget::default() => inside();
    }
}

map! {
    /// WAMP over RawSocket.
    pub struct ProxyRawSocket = "proxy connection rawsocket transport", open = true;
    optional {
        /// What is spoken.
        serializer: ConnectSerializer = ConnectSerializer::Cbor => word();
        /// Further settings.
        options: RawSocketOptions = RawSocketOptions::default() => map();
    }
    parts {
        /// Where it connects to, and when again.
        target: ProxyTarget = ProxyTarget::default() => inside();
    }
}

map! {
    /// Where a proxy connects to, and when again.
    pub struct ProxyTarget = "proxy connection transport",
        check = reader::proxy::check_target, one_of = &["url", "endpoint"];
    optional {
        /// The URL of the router: `ws://`, `wss://`, `rs://` or `rss://`.
        url: Option<String> = None => some(reader::websocket::any_url());
        /// Where it connects to; without it, where the URL says.
        endpoint: Option<ProxyEndpoint> = None => some(map());
        /// How often it is tried again; -1: for ever.
        max_retries: i64 = -1 => int(-1..=i64::MAX);
        /// Seconds between tries at most.
        max_retry_delay: Json = Json::from(300) => reader::proxy::number();
        /// Seconds until the first try again.
        initial_retry_delay: Json = Json::from(1.5) => reader::proxy::number();
        /// How much longer each wait is than the one before.
        retry_delay_growth: Json = Json::from(1.5) => reader::proxy::number();
        /// How much waits differ by chance.
        retry_delay_jitter: Json = Json::from(0.1) => reader::proxy::number();
    }
}

choice! {
    /// Where a proxy connects to.
    pub enum ProxyEndpoint = "proxy connection endpoint";
    /// A TCP port.
    "tcp" => Tcp(ProxyTcp) = "proxy connection tcp endpoint";
    /// A Unix socket.
    "unix" => Unix(UnixConnectConfig) = "proxy connection unix endpoint";
}

map! {
    /// A TCP port that a proxy connects to.
    pub struct ProxyTcp = "proxy connection tcp endpoint", open = true;
    required {
        /// Host name or address.
        host: String => text();
        /// The port.
        port: u16 => port();
    }
    optional {
        /// For a host name, the family that is looked up.
        version: IpVersion = IpVersion::V4 => reader::endpoint::ip_version();
        /// Time for the whole connect; 0: no limit.
        timeout: Option<Duration> = Some(Duration::from_secs(10)) => seconds(0..=600);
        /// TCP keepalive: so long may a connection be idle before it is probed, three times in that time again; 0: never.
        keepalive["keepalive_s"]: Option<Duration> = Some(Duration::from_secs(60)) => seconds(0..=32_767);
        /// Speak TLS; `true`: with the system's authorities and the name of the host.
        tls: Option<ProxyTls> = None => reader::proxy::Tls;
    }
}

map! {
    /// TLS of a proxy.
    pub struct ProxyTls = "proxy connection tls";
    optional {
        /// The name that is asked for and that the certificate must be for; without it, the host.
        hostname: Option<String> = None => some(text());
        /// A file with the authority that the certificate must come from, PEM.
        trust_root: Option<PathBuf> = None => some(path());
        /// Files with the authorities that the certificate may come from, PEM.
        ca_certificates: Vec<PathBuf> = Vec::new() => list(path());
        /// The private key of a client certificate, PEM.
        key: Option<PathBuf> = None => some(path());
        /// The client certificate, PEM, with its chain.
        certificate: Option<PathBuf> = None => some(path());
        /// The least version of TLS.
        min_version: TlsVersion = TlsVersion::V1_2 => reader::tls::version();
    }
}

map! {
    /// An HTTP proxy that is asked to CONNECT.
    pub struct HttpProxy = "proxy connection http proxy";
    required {
        /// Its host name or address.
        host: String => text();
        /// Its port.
        port: u16 => port();
    }
}
