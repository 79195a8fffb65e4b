//! The RawSocket handshake and frames without I/O, and WAMP over RawSocket
