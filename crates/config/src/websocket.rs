//! WebSocket: a transport of its own, a section of a universal one, or a web service.

use std::time::Duration;

use crate::{AuthConfig, Place, Serializer};

/// How one WAMP-over-WebSocket server behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketConfig {
    /// Where it stands.
    pub place: Place,
    /// `ws://` or `wss://` URL shown on the status page; its scheme says whether the outside is
    /// secure. It does not select the path.
    pub url: Option<String>,
    /// The serializers offered, never empty. Default all. Batched forms are not offered yet.
    pub serializers: Vec<Serializer>,
    /// `None`: everybody joins as `anonymous`.
    pub auth: Option<AuthConfig>,
    /// Log more of this transport. Default false. This release does not act on it.
    pub debug: bool,
    /// `options`
    pub options: WebSocketOptions,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            place: Place::root(),
            url: None,
            serializers: Serializer::ALL.to_vec(),
            auth: None,
            debug: false,
            options: WebSocketOptions::default(),
        }
    }
}

/// `options` of WebSocket. Times are in milliseconds in a file; there, a value of 1 to 999 is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketOptions {
    /// Origins that may connect, `*` standing for any run of characters; compared to
    /// `scheme://host:port`, and to the form without port where it is the scheme's default. A request
    /// without Origin always passes; another mismatch is answered 400. Default `["*"]`.
    pub allowed_origins: Vec<String>,
    /// Accept `Origin: null` and `file:` origins; false refuses them even with `["*"]`. Default true.
    pub allow_null_origin: bool,
    /// A port in the Host header must equal this, else 400. Default `None`: anything.
    pub external_port: Option<u16>,
    /// Accept `Sec-WebSocket-Version: 8`. Default true.
    pub enable_hybi10: bool,
    /// Accept `Sec-WebSocket-Version: 13`, RFC 6455. Default true.
    pub enable_rfc6455: bool,
    /// Time for the HTTP upgrade. Default 10 s; `None` = no limit.
    pub open_handshake_timeout: Option<Duration>,
    /// Time for the peer to answer a close frame. Default 5 s; `None` = no limit.
    pub close_handshake_timeout: Option<Duration>,
    /// Answer a plain GET with a status page, otherwise with 426. Default true.
    pub enable_webstatus: bool,
    /// Text that is not UTF-8 closes with 1007. Default true.
    pub validate_utf8: bool,
    /// Mask frames that the server sends, against RFC 6455. Default false.
    pub mask_server_frames: bool,
    /// An unmasked client frame closes with 1002. Default true.
    pub require_masked_client_frames: bool,
    /// Really XOR payloads; false leaves them as they are while the mask bit stays. Default true.
    pub apply_mask: bool,
    /// Longest incoming frame payload on the wire, bytes, at most 67108864; beyond it, close 1009.
    /// Default `None` = unlimited (0 in a file).
    pub max_frame_size: Option<usize>,
    /// Longest incoming message after decompression, bytes, at most 67108864; beyond it, close 1009.
    /// Default 16777216; `None` = unlimited (0 in a file).
    pub max_message_size: Option<usize>,
    /// Split outgoing messages into frames of at most this payload, bytes. Default `None` = never.
    pub auto_fragment_size: Option<usize>,
    /// Drop the connection on a protocol violation instead of closing it properly. Default false.
    pub fail_by_drop: bool,
    /// Answer a close with the peer's code and reason instead of 1000. Default false.
    pub echo_close_codereason: bool,
    /// Default true. It is always on in this release.
    pub tcp_nodelay: bool,
    /// Ping this long after open and after each pong. Default 30 s; `None` = never.
    pub auto_ping_interval: Option<Duration>,
    /// Abort when no pong came by then. Default 30 s; `None` = never.
    pub auto_ping_timeout: Option<Duration>,
    /// Payload of a ping, bytes, 12..=125. Default 12.
    pub auto_ping_size: usize,
    /// Any data frame counts as a pong. Default true.
    pub auto_ping_restart_on_any_traffic: bool,
    /// Without a common subprotocol: refuse with 400 (true, default), or speak `wamp.2.json` without
    /// announcing it (false; then json is among the serializers).
    pub require_websocket_subprotocol: bool,
    /// Put the version into the `Server` header. Default false.
    pub show_server_version: bool,
    /// From the finished upgrade to HELLO. Default 5 s; `None` = no limit.
    pub hello_timeout: Option<Duration>,
    /// Bytes queued towards one session before events are held back, 1..=1 GiB. Default 16 MiB.
    pub max_send_queue: usize,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        Self {
            allowed_origins: vec!["*".to_owned()],
            allow_null_origin: true,
            external_port: None,
            enable_hybi10: true,
            enable_rfc6455: true,
            open_handshake_timeout: Some(Duration::from_secs(10)),
            close_handshake_timeout: Some(Duration::from_secs(5)),
            enable_webstatus: true,
            validate_utf8: true,
            mask_server_frames: false,
            require_masked_client_frames: true,
            apply_mask: true,
            max_frame_size: None,
            max_message_size: Some(1 << 24),
            auto_fragment_size: None,
            fail_by_drop: false,
            echo_close_codereason: false,
            tcp_nodelay: true,
            auto_ping_interval: Some(Duration::from_secs(30)),
            auto_ping_timeout: Some(Duration::from_secs(30)),
            auto_ping_size: 12,
            auto_ping_restart_on_any_traffic: true,
            require_websocket_subprotocol: true,
            show_server_version: false,
            hello_timeout: Some(Duration::from_secs(5)),
            max_send_queue: 1 << 24,
        }
    }
}
