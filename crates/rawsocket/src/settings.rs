//! What can be told to a RawSocket server.

use std::time::Duration;

use transom_wamp::Serializer;

use crate::MaxLength;

/// How RawSocket connections are served. The defaults are those of the configuration dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The serializers that clients may ask for. Both forms of UBJSON have one number: the first of them counts.
    /// Default: all.
    pub serializers: Vec<Serializer>,
    /// The largest message accepted from a client. Default 16 MiB.
    pub max_message_size: MaxLength,
    /// From the first octet to the last of the client's handshake, counted from the start; none = no limit.
    /// Default 10 s.
    pub handshake_timeout: Option<Duration>,
    /// From the finished handshake to HELLO; none = no limit. Default 5 s.
    pub hello_timeout: Option<Duration>,
    /// Octets queued towards one client before the queue is full. Default 16 MiB.
    pub max_send_queue: usize,
    /// Silence of the client after which a PING is sent; none = never, the default, because common clients break on
    /// a PING.
    pub ping_interval: Option<Duration>,
    /// Further silence after a PING that ends the connection; none = never. Default 10 s.
    pub ping_timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            serializers: Serializer::ALL.to_vec(),
            max_message_size: MaxLength::MAX,
            handshake_timeout: Some(Duration::from_secs(10)),
            hello_timeout: Some(Duration::from_secs(5)),
            max_send_queue: 1 << 24,
            ping_interval: None,
            ping_timeout: Some(Duration::from_secs(10)),
        }
    }
}

impl Settings {
    /// The serializer with a number of the handshake, if it is among those accepted.
    pub(crate) fn serializer(&self, number: u8) -> Option<Serializer> {
        self.serializers.iter().copied().find(|serializer| serializer.rawsocket_id() == number)
    }
}
