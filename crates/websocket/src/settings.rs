//! What can be set about a WebSocket, and about WAMP over it. Plain data with the defaults of the configuration dialect;
//! whoever reads a configuration fills it in.

use std::time::Duration;

use transom_wamp::Serializer;

use crate::{DeflateSettings, Framing, Role, Rules};

/// Settings of one WebSocket server, most often for WAMP. A client has the same: what only means something to a server
/// has no effect there. The time for the HTTP part of the handshake is the HTTP server's, and socket options are the
/// endpoint's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketSettings {
    /// Serializers spoken, each one by one and in batches. Their order means nothing: the client's does. Default all.
    /// Where both forms of UBJSON are among them, draft 12 is for clients that say that they are Autobahn|Python up to
    /// 25.12, and BJData for all others.
    pub serializers: Vec<Serializer>,
    /// The server's URL, shown on the status page. Default none.
    pub url: Option<String>,
    /// Origins that may connect, `*` standing for any run of characters; compared to `scheme://host:port`, and also to
    /// the form without port where it is the scheme's default. A request without Origin always passes. Default `*`.
    pub allowed_origins: Vec<String>,
    /// Accept the origin `null` and `file:` origins; otherwise they are refused whatever `allowed_origins` says.
    /// Default true.
    pub allow_null_origin: bool,
    /// The port that a Host header with a port must name. Default none: any.
    pub external_port: Option<u16>,
    /// Accept version 8 of the protocol, a draft that browsers once spoke. Default true.
    pub enable_hybi10: bool,
    /// Accept version 13, RFC 6455. Default true.
    pub enable_rfc6455: bool,
    /// How long the peer may take to answer our close frame; none = no limit. Default 5 s.
    pub close_handshake_timeout: Option<Duration>,
    /// Answer a plain GET with a status page instead of 426. Default true.
    pub enable_webstatus: bool,
    /// Refuse text that is not UTF-8 with 1007. Default true.
    pub validate_utf8: bool,
    /// Mask frames to clients, against RFC 6455 §5.1. Default false.
    pub mask_server_frames: bool,
    /// Refuse unmasked frames of clients with 1002. Default true.
    pub require_masked_client_frames: bool,
    /// Really mask and unmask payloads; without it they stay as they are under a mask bit. Default true.
    pub apply_mask: bool,
    /// The longest payload of an incoming frame in octets, else 1009; none = no limit. Default none.
    pub max_frame_size: Option<usize>,
    /// The longest incoming message in octets over all its frames, else 1009; none = no limit. Default 16 MiB.
    pub max_message_size: Option<usize>,
    /// The longest payload of an outgoing frame in octets, at least 1; longer messages are split; none = never.
    /// Default none.
    pub auto_fragment_size: Option<usize>,
    /// Drop the connection of a peer that breaks the protocol, without a close frame. Default false.
    pub fail_by_drop: bool,
    /// Answer a close frame with the peer's code and reason instead of 1000. Default false.
    pub echo_close_codereason: bool,
    /// Compress messages with permessage-deflate, where the peer agrees; none = never. Default none.
    pub compression: Option<DeflateSettings>,
    /// Time from the start, and from each pong, to the next ping; none = never. Default 30 s.
    pub auto_ping_interval: Option<Duration>,
    /// How long a pong may take before the connection is dropped; none = no limit. Default 30 s.
    pub auto_ping_timeout: Option<Duration>,
    /// Octets of payload of a ping, 12 to 125. Default 12.
    pub auto_ping_size: usize,
    /// A data frame counts as a pong. Default true.
    pub auto_ping_restart_on_any_traffic: bool,
    /// Without a common subprotocol refuse the connection; otherwise speak JSON, if that is spoken at all, and announce
    /// no subprotocol. Default true.
    pub require_websocket_subprotocol: bool,
    /// Show the version in the `Server` header. Default false.
    pub show_server_version: bool,
    /// How long the first HELLO may take; none = no limit. Default 5 s.
    pub hello_timeout: Option<Duration>,
    /// Octets queued towards one peer before nothing more is taken. Default 16 MiB.
    pub max_send_queue: usize,
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        WebSocketSettings {
            serializers: Serializer::ALL.to_vec(),
            url: None,
            allowed_origins: vec!["*".to_owned()],
            allow_null_origin: true,
            external_port: None,
            enable_hybi10: true,
            enable_rfc6455: true,
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
            compression: None,
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

impl WebSocketSettings {
    /// What is accepted from the peer of a role.
    pub fn rules(&self, role: Role) -> Rules {
        Rules {
            require_mask: self.require_masked_client_frames,
            apply_mask: self.apply_mask,
            validate_utf8: self.validate_utf8,
            max_frame: self.max_frame_size.unwrap_or(usize::MAX),
            max_message: self.max_message_size.unwrap_or(usize::MAX),
            ..Rules::new(role)
        }
    }

    /// How frames are written by a role.
    pub fn framing(&self, role: Role) -> Framing {
        Framing {
            mask: role == Role::Client || self.mask_server_frames,
            apply_mask: self.apply_mask,
            fragment: self.auto_fragment_size.unwrap_or(usize::MAX),
        }
    }
}
