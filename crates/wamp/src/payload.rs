//! What a message carries for its receivers, unparsed: the router passes it on and looks at none of it.

use bytes::Bytes;

use crate::{DecodeError, Dict, Serializer, Value, codec};

/// The trailing `Arguments` and `ArgumentsKw` of a message, as they stood in the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// How the bytes are written.
    pub serializer: Serializer,
    /// What they are.
    pub shape: Shape,
    /// The serialized elements, one after the other as in the message: in JSON with the comma between them but none
    /// before, in MessagePack and CBOR back to back. Checked when the message was decoded: UTF-8, string keys, depth.
    pub bytes: Bytes,
}

/// Which trailing elements a payload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Shape {
    /// None: neither `Arguments` nor `ArgumentsKw`.
    #[default]
    Empty,
    /// `Arguments`, a list.
    Args,
    /// `Arguments`, a list, and `ArgumentsKw`, a map.
    ArgsKwargs,
    /// One binary or string value in the place of `Arguments` (payload transparency).
    Opaque,
}

impl Payload {
    /// No payload.
    pub fn empty(serializer: Serializer) -> Self {
        Payload { serializer, shape: Shape::Empty, bytes: Bytes::new() }
    }

    /// A payload of arguments. Empty keyword arguments are left out, and so are empty arguments where no keyword
    /// arguments follow. What is nested deeper than a message may be becomes null.
    pub fn from_values(serializer: Serializer, args: &[Value], kwargs: &Dict) -> Self {
        codec::write_values(serializer, args, kwargs)
    }

    /// A payload of bytes that only the ends understand.
    pub fn from_opaque(serializer: Serializer, bytes: &[u8]) -> Self {
        codec::write_opaque(serializer, bytes)
    }

    /// A copy in memory of its own, for payloads that outlive the frame they came in.
    #[must_use]
    pub fn detached(&self) -> Payload {
        Payload { bytes: Bytes::copy_from_slice(&self.bytes), ..*self }
    }

    /// Arguments and keyword arguments as trees; one opaque value counts as the only argument. Integers outside the
    /// range of 64 bits become the nearest float, tags and extension types are dropped.
    ///
    /// # Errors
    /// Only for bytes that [`crate::decode`] would not have let through.
    pub fn to_values(&self) -> Result<(Vec<Value>, Dict), DecodeError> {
        Ok(codec::read_values(self)?)
    }

    /// The same payload for a receiver with another serializer. The shape stays; equal serializers share the bytes.
    ///
    /// - Binary values stand in JSON as a string of U+0000 and their Base64, and come back from such a string at any
    ///   depth. Text that begins with U+0000 without being that stays text.
    /// - Integers keep all their digits between JSON and CBOR (as bignums) up to 1024 bits; longer ones become text
    ///   in CBOR and bytes in JSON. In MessagePack, what 64 bits do not hold is a float where that is exact, else
    ///   decimal text.
    /// - NaN and the infinities become null in JSON, and so do values that only CBOR has.
    /// - Timestamps of MessagePack become RFC 3339 text, its other extension types bytes; tags of CBOR are dropped.
    /// - Escapes of JSON for half a surrogate pair become U+FFFD.
    /// - A key that stands twice stands twice.
    ///
    /// Bytes that [`crate::decode`] would not have let through become no payload at all.
    #[must_use]
    pub fn to(&self, serializer: Serializer) -> Payload {
        if serializer == self.serializer {
            return self.clone();
        }
        match codec::transcode(self.serializer, serializer, self.shape, &self.bytes) {
            Ok(bytes) => Payload { serializer, shape: self.shape, bytes: bytes.into() },
            Err(_) => Payload::empty(serializer),
        }
    }
}

impl Shape {
    /// How many elements of the message it takes.
    pub fn elements(self) -> usize {
        match self {
            Shape::Empty => 0,
            Shape::Args | Shape::Opaque => 1,
            Shape::ArgsKwargs => 2,
        }
    }
}
