//! WAMP over RawSocket: the handshake of four octets, the frames, and a [`ConnectionHandler`](transom_base::ConnectionHandler)
//! that serves sessions with them (WAMP specification, "RawSocket Transport").
//! It must not know endpoints or the router.
//!
//! [`handshake`] and [`frame`] work without I/O and without WAMP, for both ends of a connection; start reading there.
//! [`RawSocket`] is the handler; [`connect`] and [`RawSocketSession`] are the client's side.
//!
//! ```
//! use bytes::BytesMut;
//! use transom_rawsocket::{MaxLength, frame, handshake::{Reply, Request}};
//!
//! // A client asks for JSON and takes messages up to 16 MiB; the server takes them up to 64 KiB.
//! let request = Request { max_length: MaxLength::MAX, serializer: 1 };
//! assert_eq!(request.to_octets(), [0x7F, 0xF1, 0, 0]);
//! let max = Reply::parse(&[0x7F, 0x71, 0, 0], request)?.expect("four octets are a whole reply");
//! assert_eq!(max.octets(), 65_536);
//!
//! // Frames come out of a buffer as soon as they are whole.
//! let mut input = BytesMut::from(&b"\0\0\0\x05hello\0\0"[..]);
//! let first = frame::take(&mut input, 65_536)?.expect("all of it is there");
//! assert_eq!(first.payload, "hello");
//! assert_eq!(frame::take(&mut input, 65_536)?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod frame;
pub mod handshake;

mod connect;
mod handler;
mod hint;
mod length;
mod session;
mod settings;
mod sink;

pub use connect::{ConnectError, connect};
pub use handler::RawSocket;
pub use length::MaxLength;
pub use session::RawSocketSession;
pub use settings::Settings;
