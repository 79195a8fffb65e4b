//! RFC 6455 without I/O, and WAMP over WebSocket
