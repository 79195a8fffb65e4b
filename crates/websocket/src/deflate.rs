//! permessage-deflate (RFC 7692): what is agreed about it, and the two directions.
//!
//! A window is memory: 2^bits octets of what was said before, and the tables to find them again. Who keeps one from
//! message to message ("context takeover") needs it for each connection, who does not can share one with everybody.
//! So only so many connections are granted takeover at once; all others compress from nothing, and an event for
//! many of them is compressed once.

mod compress;
mod inflate;
mod negotiate;

use transom_base::Permit;

pub use compress::Compressor;
pub(crate) use compress::Once;
pub use inflate::Inflater;
pub use negotiate::{DeflateClient, DeflateServer, NotAnAnswer};

/// The name of the extension.
pub(crate) const NAME: &str = "permessage-deflate";

/// What can be set about compression. "We" is whoever is configured so, on either side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateSettings {
    /// Ask the peer not to keep its window between messages; as server, decline an offer that does not allow to ask.
    /// Default false.
    pub request_no_context_takeover: bool,
    /// Ask the peer for a window of at most 2^n octets, 9 to 15; as server, decline an offer that does not allow to ask.
    /// None = do not ask, the default.
    pub request_max_window_bits: Option<u8>,
    /// Reset our own window for each message. Default false.
    pub no_context_takeover: bool,
    /// Our own window is at most 2^n octets, 9 to 15; the peer may ask for a smaller one. Default 15.
    pub max_window_bits: u8,
    /// How much memory our side uses to find repetitions, 1 to 9, as zlib counts it. Default 8.
    pub memory_level: u8,
    /// How many connections of a server may keep windows between messages at once, in either direction. Further ones
    /// are told to do without. One costs 370 KiB for our window at the defaults, and up to 110 KiB for the
    /// peer's, while they are used. Default 512.
    pub max_contexts: usize,
}

impl Default for DeflateSettings {
    fn default() -> Self {
        DeflateSettings {
            request_no_context_takeover: false,
            request_max_window_bits: None,
            no_context_takeover: false,
            max_window_bits: 15,
            memory_level: 8,
            max_contexts: 512,
        }
    }
}

/// The window of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// It is 2^n octets, 8 to 15.
    pub bits: u8,
    /// It is kept from message to message.
    pub takeover: bool,
}

/// What both sides of a connection agreed on.
#[derive(Debug)]
pub struct Deflate {
    /// What our messages are compressed with.
    pub ours: Window,
    /// What the peer's messages are compressed with.
    pub theirs: Window,
    memory_level: u8,
    /// The place among the connections that keep windows.
    _permit: Option<Permit>,
}

impl Deflate {
    /// An agreement that was made elsewhere. `memory_level` is as in [`DeflateSettings`].
    pub fn new(ours: Window, theirs: Window, memory_level: u8) -> Self {
        Deflate { ours, theirs, memory_level, _permit: None }
    }
}
