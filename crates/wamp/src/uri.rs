//! URIs: their syntax, and those that WAMP itself uses. Source: WAMP specification, "URIs".

/// ABORT: the peer broke the protocol.
pub const PROTOCOL_VIOLATION: &str = "wamp.error.protocol_violation";
