//! The serializers: which there are, how a frame becomes a [`Message`] and a message a frame.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::{DecodeError, Message, Payload, Shape, codec};

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Serializer {
    /// `json`: RFC 8259 in text frames.
    Json,
    /// `msgpack`: MessagePack version 5.
    MsgPack,
    /// `cbor`: RFC 8949.
    Cbor,
    /// `ubjson` as Autobahn|Python speaks it since 26.6: BJData, little-endian.
    BjData,
    /// `ubjson` as Autobahn|Python spoke it up to 25.12: UBJSON draft 12, big-endian. A HELLO looks the same in both, so
    /// a transport must know otherwise which one its peer speaks.
    Ubjson,
}

/// No serializer has this name or number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no serializer is called {0:?}")]
pub struct UnknownSerializer(pub String);

impl Serializer {
    /// All of them.
    pub const ALL: [Serializer; 5] =
        [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::BjData, Serializer::Ubjson];

    /// The names, each once.
    pub const NAMES: [&'static str; 4] = ["json", "msgpack", "cbor", "ubjson"];

    /// The name in configurations and in `wamp.2.NAME`; both forms of UBJSON have the same.
    pub fn name(self) -> &'static str {
        match self {
            Serializer::Json => "json",
            Serializer::MsgPack => "msgpack",
            Serializer::Cbor => "cbor",
            Serializer::Ubjson | Serializer::BjData => "ubjson",
        }
    }

    /// The number in the RawSocket handshake.
    pub fn rawsocket_id(self) -> u8 {
        match self {
            Serializer::Json => 1,
            Serializer::MsgPack => 2,
            Serializer::Cbor => 3,
            Serializer::Ubjson | Serializer::BjData => 4,
        }
    }

    /// The WebSocket subprotocol.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Serializer::Json => "wamp.2.json",
            Serializer::MsgPack => "wamp.2.msgpack",
            Serializer::Cbor => "wamp.2.cbor",
            Serializer::Ubjson | Serializer::BjData => "wamp.2.ubjson",
        }
    }

    /// Whether its frames are text.
    pub fn is_text(self) -> bool {
        self == Serializer::Json
    }
}

impl FromStr for Serializer {
    type Err = UnknownSerializer;

    fn from_str(name: &str) -> Result<Self, UnknownSerializer> {
        Serializer::ALL
            .into_iter()
            .find(|s| s.name() == name)
            .ok_or_else(|| UnknownSerializer(name.to_owned()))
    }
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A serialized message in three parts, so that a payload that is passed through is not copied.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'a> {
    /// Everything before the payload.
    pub head: &'a [u8],
    /// The payload.
    pub body: &'a Bytes,
    /// Everything after it.
    pub tail: &'static [u8],
}

impl Encoded<'_> {
    /// Length of the whole message in bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len() + self.tail.len()
    }

    /// Whether there is nothing in it, which no message is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Serializes messages, with memory that is used again.
#[derive(Debug, Default)]
pub struct Encoder {
    head: Vec<u8>,
    /// The last payload that was transcoded.
    body: Bytes,
}

impl Encoder {
    /// Serializes a message. A payload that is written otherwise is transcoded as [`Payload::to`] does it, and a
    /// payload of the same serializer is not copied. Nothing is allocated where the head fits into the memory of an
    /// earlier one.
    pub fn encode<'a>(&'a mut self, serializer: Serializer, message: &'a Message) -> Encoded<'a> {
        static NOTHING: Bytes = Bytes::new();
        self.head.clear();
        let (body, shape) = match message.payload() {
            Some(Payload { shape: Shape::Empty, .. }) | None => (&NOTHING, Shape::Empty),
            Some(payload) if payload.serializer == serializer => (&payload.bytes, payload.shape),
            Some(payload) => {
                let Payload { bytes, shape, .. } = payload.to(serializer);
                self.body = bytes;
                (&self.body, shape)
            }
        };
        let tail = codec::head(&mut self.head, serializer, message, shape);
        Encoded { head: &self.head, body, tail }
    }
}

/// Reads one message: its envelope, with the payload checked and left as it is. Texts and payload share the memory
/// of the frame.
///
/// # Errors
/// Whatever is wrong with the message, all of it a violation of the protocol by the sender.
pub fn decode(serializer: Serializer, frame: &Bytes) -> Result<Message, DecodeError> {
    codec::decode(serializer, frame.clone())
}
