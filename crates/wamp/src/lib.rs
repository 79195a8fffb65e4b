//! WAMP v2 without I/O: messages, URIs, IDs, the serializers, and the port between a transport and a router.
//! It must not know sockets or realms.
//!
//! Start reading at [`Message`]; [`decode`] and [`Encoder`] are the way in and out; [`RouterPort`], [`SessionPort`]
//! and [`SessionSink`] are the seam between transports and the router; [`Link`] is the half of that seam which all
//! transports share.

mod batch;
mod codec;
mod error;
mod id;
mod link;
mod message;
mod payload;
mod port;
mod prepared;
mod serializer;
mod subprotocol;
mod text;
mod value;

pub mod uri;

pub use batch::{Batch, BatchError, CANCEL, RECORD_SEPARATOR, batch_prefix};
pub use error::DecodeError;
pub use id::{Id, RandomIds};
pub use link::{Link, LinkEnd};
pub use message::*;
pub use payload::{Payload, Shape};
pub use port::{
    Class, CloseReason, Flow, Offered, Outgoing, Refusal, RouterPort, SessionError, SessionPort, SessionSink,
    TransportDetails,
};
pub use prepared::Prepared;
pub use serializer::{Encoded, Encoder, Serializer, UnknownSerializer, decode};
pub use subprotocol::Subprotocol;
pub use text::{NotUtf8, Text};
pub use value::{Dict, Value};
