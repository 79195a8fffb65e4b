//! What a message carries for its receivers, unparsed: the router passes it on and looks at none of it.

use bytes::Bytes;

use crate::Serializer;

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
