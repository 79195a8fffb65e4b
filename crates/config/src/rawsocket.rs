//! RawSocket: a transport of its own or a section of a universal one.

use std::time::Duration;

use crate::{AuthConfig, Place, Serializer};

/// How one RawSocket server behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSocketConfig {
    /// Where it stands.
    pub place: Place,
    /// The serializers accepted, never empty. Default all.
    pub serializers: Vec<Serializer>,
    /// `None`: everybody joins as `anonymous`.
    pub auth: Option<AuthConfig>,
    /// Log more of this transport. Default false. This release does not act on it.
    pub debug: bool,
    /// `options`
    pub options: RawSocketOptions,
}

impl Default for RawSocketConfig {
    fn default() -> Self {
        Self {
            place: Place::root(),
            serializers: Serializer::ALL.to_vec(),
            auth: None,
            debug: false,
            options: RawSocketOptions::default(),
        }
    }
}

/// `options` of RawSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSocketOptions {
    /// Longest message taken, bytes, 512..=16777216 and always a power of two: what a file says is
    /// rounded up. Default 16 MiB.
    pub max_message_size: usize,
    /// From the finished handshake to HELLO. Default 5 s; `None` = no limit.
    pub hello_timeout: Option<Duration>,
    /// Bytes queued towards one session before events are held back, 1..=1 GiB. Default 16 MiB.
    pub max_send_queue: usize,
    /// Send a PING this long after the last frame from the peer. Default `None` = never, because
    /// Autobahn clients cannot stand one.
    pub ping_interval: Option<Duration>,
    /// Drop the connection when a PING is not answered by then. Default 10 s; `None` = never.
    pub ping_timeout: Option<Duration>,
}

impl Default for RawSocketOptions {
    fn default() -> Self {
        Self {
            max_message_size: 1 << 24,
            hello_timeout: Some(Duration::from_secs(5)),
            max_send_queue: 1 << 24,
            ping_interval: None,
            ping_timeout: Some(Duration::from_secs(10)),
        }
    }
}
