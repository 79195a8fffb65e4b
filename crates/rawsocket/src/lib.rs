//! WAMP over RawSocket: the handshake of four octets, the frames, and a [`ConnectionHandler`](transom_base::ConnectionHandler)
//! that serves sessions with them (WAMP specification, "RawSocket Transport").
//! It must not know endpoints or the router.
//!
//! [`handshake`] and [`frame`] work without I/O and without WAMP, for both ends of a connection; start reading there.
//! [`RawSocket`] is the handler.

pub mod frame;
pub mod handshake;

mod handler;
mod hint;
mod length;
mod session;
mod settings;
mod sink;

pub use handler::RawSocket;
pub use length::MaxLength;
pub use settings::Settings;
