//! WebSocket (RFC 6455) without I/O, and WAMP over it.
//!
//! The first half is usable alone and knows nothing of WAMP: [`Decoder`] turns bytes into messages, [`Framing`] turns
//! messages into bytes, both for either role, and [`handshake`] is the HTTP part of a connection for either side.
//! The second half is the transport: [`WebSocketSession`] is one WAMP peer, and with the feature `http` (on by
//! default) [`WampWebSocket`] is the web service that starts such sessions. The crate must not know endpoints, the
//! router or the configuration's shape.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use transom_websocket::{Data, Decoder, Event, FrameError, Framing, Parts, Role, Rules};
//!
//! // What a server says goes out unmasked, in one frame.
//! let mut wire = Vec::new();
//! let hello = Parts { head: b"Hel", body: &Bytes::from_static(b"lo"), tail: b"" };
//! Framing::new(Role::Server).message(Data::Text, hello, &mut wire);
//! assert_eq!(wire, b"\x81\x05Hello");
//!
//! // A client reads it, however it is cut.
//! let mut decoder = Decoder::new(Rules::new(Role::Client));
//! let mut input = BytesMut::from(&wire[..4]);
//! assert_eq!(decoder.decode(&mut input)?, None);
//! input.extend_from_slice(&wire[4..]);
//! let message = Event::Message { text: true, data: Bytes::from_static(b"Hello") };
//! assert_eq!(decoder.decode(&mut input)?, Some(message));
//! # Ok::<(), FrameError>(())
//! ```
//!
//! An extension such as permessage-deflate stands between frame and message: in the decoder between
//! the unmasked payload of a data frame and the message it belongs to, in the framing before a message is cut into
//! frames. Everything outside of those two places sees whole messages or single frames.

mod close;
mod connection;
mod decode;
pub mod deflate;
mod encode;
mod error;
mod frame;
pub mod handshake;
mod mask;
mod ping;
mod seal;
#[cfg(feature = "http")]
mod service;
mod session;
mod settings;
mod sink;
mod stream;
mod testee;
mod utf8;

pub use close::CloseFrame;
pub use connection::{Application, WebSocketConnection};
pub use decode::{Decoder, Event, Rules};
pub use deflate::{Deflate, DeflateClient, DeflateServer, DeflateSettings};
pub use encode::{Framing, Output, Parts};
pub use error::FrameError;
pub use frame::{Header, HeaderBytes, MAX_CONTROL, Role};
#[cfg(feature = "http")]
pub use service::{Recognized, Recognizer, WampWebSocket};
pub use session::{Agreement, WampApplication, WebSocketSession};
pub use settings::WebSocketSettings;
pub use sink::WebSocketSender;
pub use stream::{WebSocket, WebSocketError, WebSocketMessage};
pub use testee::WebSocketTestee;
pub use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
