//! RawSocket: a transport of its own or a section of a universal one.

use std::time::Duration;

use crate::define::map;
use crate::{AuthConfig, Serializer};

map! {
    /// WAMP over RawSocket.
    pub struct RawSocketConfig = "rawsocket", trap = reader::rawsocket::trap;
    optional {
        /// What is accepted.
        serializers: Vec<Serializer> = Serializer::OFFERED.to_vec() => words_list(
            word().only(|word| word != Serializer::FlatBuffers).hint(reader::websocket::serializer_trap)
        );
        /// Who may join. Absent or empty: everybody, as `anonymous`.
        auth: Option<AuthConfig> = None => reader::auth::auth();
        /// Log more of this transport.
        debug: bool = false => flag(),
            without_effect("how much is logged is set for the whole node, by --loglevel");
        /// Further settings.
        options: RawSocketOptions = RawSocketOptions::default() => map();
    }
}

map! {
    /// Further settings of a RawSocket.
    pub struct RawSocketOptions = "rawsocket options", trap = reader::rawsocket::options_trap;
    optional {
        /// Longest message taken, rounded up to a power of two.
        max_message_size: usize = 16_777_216 => reader::rawsocket::power_of_two();
        /// From the finished handshake to HELLO; 0: no limit.
        hello_timeout: Option<Duration> = Some(Duration::from_secs(5)) => ms();
        /// Bytes queued towards one session before events are held back.
        max_send_queue: usize = 16_777_216 => size(1..=1_073_741_824);
        /// Send a PING this long after the last frame from the peer; 0: never. Autobahn clients cannot stand one.
        ping_interval: Option<Duration> = None => ms();
        /// Drop the connection when a PING is not answered by then; 0: never.
        ping_timeout: Option<Duration> = Some(Duration::from_secs(10)) => ms();
    }
}
