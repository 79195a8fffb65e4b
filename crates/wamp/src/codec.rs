//! The codec: how bytes become messages and messages bytes. Five formats, each with a pull reader and a writer of
//! the same shape; above them, generic over the format, the envelope in both directions, the transcoder of payloads
//! and the trees. Start reading at `decode` and `encode`.
//!
//! Nothing here builds values for a payload on its way through the router, and nothing recurses as deep as a peer
//! likes.

mod big;
mod cbor;
mod decode;
mod encode;
mod half;
mod json;
mod msgpack;
mod transcode;
mod tree;
mod ubjson;

use std::borrow::Cow;

use bytes::Bytes;

use crate::{DecodeError, Text};

pub(crate) use big::Big;
pub(crate) use decode::decode;
pub(crate) use encode::head;
pub(crate) use transcode::transcode;
pub(crate) use tree::{read_values, write_opaque, write_values};

/// How deep lists and maps may stand in each other, the list that is the message included.
pub(crate) const DEPTH: usize = 128;

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// An error on its way up, small enough for results to stay in registers.
#[derive(Debug)]
pub(crate) struct Fault(Box<DecodeError>);

#[cold]
fn fault(error: DecodeError) -> Fault {
    Fault(Box::new(error))
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        *fault.0
    }
}

/// What comes next, without taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Text,
    Binary,
    List,
    Map,
    Other,
}

/// One value, or the opening of a list or map.
#[derive(Debug)]
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    Uint(u64),
    /// The number -1 - n.
    Negative(u64),
    Big(Big<'a>),
    Float(f64),
    Text(Raw<'a>),
    Binary(Raw<'a>),
    List(Level),
    Map(Level),
}

/// Text or bytes as they stand in the input.
#[derive(Debug)]
pub(crate) enum Raw<'a> {
    /// Themselves.
    Plain(&'a [u8]),
    /// JSON text between its quotes, with escapes.
    Escaped(&'a [u8]),
    /// The chunks of a CBOR string of indefinite length, without its head and break.
    Chunks(&'a [u8]),
    /// What stands for something that the other formats do not have.
    Made(Vec<u8>),
}

impl<'a> Raw<'a> {
    /// The bytes meant.
    pub(crate) fn bytes(self) -> Cow<'a, [u8]> {
        match self {
            Raw::Plain(bytes) => Cow::Borrowed(bytes),
            Raw::Escaped(bytes) => Cow::Owned(json::unescape(bytes)),
            Raw::Chunks(bytes) => Cow::Owned(cbor::join(bytes)),
            Raw::Made(bytes) => Cow::Owned(bytes),
        }
    }

    /// The bytes, sharing the memory of the frame they stand in where they can.
    pub(crate) fn share(self, frame: &Bytes) -> Bytes {
        match self.bytes() {
            Cow::Borrowed(bytes) => frame.slice_ref(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        }
    }

    /// The text. The reader has checked that it is UTF-8.
    #[inline]
    pub(crate) fn text(self, frame: &Bytes) -> Text {
        match self.bytes() {
            Cow::Borrowed(bytes) => Text::within(frame, bytes),
            Cow::Owned(bytes) => Text::checked(bytes),
        }
    }

    /// The bytes that a JSON string stands for by WAMP's convention, if it is one.
    pub(crate) fn json_binary(&self) -> Option<Vec<u8>> {
        match self {
            Raw::Escaped(bytes) => json::binary(bytes),
            _ => None,
        }
    }
}

/// Where a reader is in a list or map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    /// Items (in maps: pairs) still to come, where that is announced.
    pub(crate) left: usize,
    /// Whether it ends with a sign of its own instead.
    pub(crate) open: bool,
    /// Whether it is a map.
    pub(crate) map: bool,
    /// Whether nothing of it has been read.
    pub(crate) first: bool,
    /// The type of every value in it, where UBJSON says it once for all; else 0.
    pub(crate) marker: u8,
}

impl Level {
    fn counted(left: usize, map: bool) -> Self {
        Level { left, open: false, map, first: true, marker: 0 }
    }

    fn open(map: bool) -> Self {
        Level { left: 0, open: true, map, first: true, marker: 0 }
    }
}

/// Reads one format. Who reads asks for one item after the other and so drives the grammar; a reader keeps nothing
/// but its place. Text is checked when it is taken.
pub(crate) trait Reader<'a>: Sized {
    /// Begins at the first byte.
    fn open(bytes: &'a [u8]) -> Result<Self>;

    /// How many bytes have been read.
    fn at(&self) -> usize;

    /// What comes next. Space before it counts as read.
    fn kind(&mut self) -> Result<Kind>;

    /// The next value, or the opening of the next list or map.
    fn value(&mut self) -> Result<Token<'a>>;

    /// The next key of a map.
    fn key(&mut self) -> Result<Raw<'a>>;

    /// Whether a list or map has another item; its end has been read when it has not.
    fn more(&mut self, level: &mut Level) -> Result<bool>;

    /// Reads over what stands between two elements of a payload.
    fn between(&mut self) -> Result<()> {
        Ok(())
    }

    /// Reads over one value and checks all of it. `room` levels of lists and maps fit.
    fn skip(&mut self, room: usize) -> Result<()>;

    /// Checks that nothing follows.
    fn end(&mut self) -> Result<()>;

    /// The next value, if it is a list.
    fn list(&mut self) -> Result<Option<Level>> {
        match self.kind()? {
            Kind::List => match self.value()? {
                Token::List(level) => Ok(Some(level)),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The next value, if it is a map.
    fn map(&mut self) -> Result<Option<Level>> {
        match self.kind()? {
            Kind::Map => match self.value()? {
                Token::Map(level) => Ok(Some(level)),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The next value, if it is a whole number from 0; a float may stand for one.
    fn integer(&mut self) -> Result<Option<u64>> {
        Ok(match self.value()? {
            Token::Uint(n) => Some(n),
            Token::Float(f) => whole(f),
            _ => None,
        })
    }

    /// The next value, if it is text.
    fn text(&mut self) -> Result<Option<Raw<'a>>> {
        Ok(match self.value()? {
            Token::Text(raw) => Some(raw),
            _ => None,
        })
    }
}

/// Writes one format. What is announced must follow: `len` items, in maps pairs of key and value.
pub(crate) trait Writer {
    /// What ends a message after its payload.
    const TAIL: &'static [u8];
    /// Whether lists and maps announce their length.
    const COUNTED: bool;

    fn list(out: &mut Vec<u8>, len: usize);
    fn list_end(out: &mut Vec<u8>);
    fn map(out: &mut Vec<u8>, len: usize);
    fn map_end(out: &mut Vec<u8>);
    fn key(out: &mut Vec<u8>, key: &[u8]);
    fn null(out: &mut Vec<u8>);
    fn boolean(out: &mut Vec<u8>, value: bool);
    fn uint(out: &mut Vec<u8>, value: u64);
    /// The number -1 - n.
    fn negative(out: &mut Vec<u8>, n: u64);
    fn big(out: &mut Vec<u8>, value: &Big<'_>);
    fn float(out: &mut Vec<u8>, value: f64);
    fn text(out: &mut Vec<u8>, value: &[u8]);
    fn binary(out: &mut Vec<u8>, value: &[u8]);

    /// Opens a map whose length is not known yet; [`Writer::options_end`] closes it.
    fn options(out: &mut Vec<u8>) -> usize;
    /// Closes the map that was opened at `at`, after `len` pairs.
    fn options_end(out: &mut Vec<u8>, at: usize, len: usize);

    /// Ends the head of a message, where a payload follows.
    fn before_payload(_out: &mut Vec<u8>) {}

    /// Any integer.
    fn int(out: &mut Vec<u8>, value: i64) {
        match u64::try_from(value) {
            Ok(value) => Self::uint(out, value),
            // -1 - n, without overflow.
            Err(_) => Self::negative(out, !(value as u64)),
        }
    }
}

/// Bytes that are read from the front, for the binary formats.
#[derive(Debug, Clone, Copy)]
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    serializer: &'static str,
}

impl<'a> Input<'a> {
    #[cold]
    fn malformed<T>(&self, why: &'static str) -> Result<T> {
        Err(fault(DecodeError::Malformed { serializer: self.serializer, why }))
    }

    #[inline]
    fn peek(&self) -> Result<u8> {
        match self.bytes.get(self.at) {
            Some(byte) => Ok(*byte),
            None => self.malformed("it ends too early"),
        }
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => self.malformed("it ends too early"),
        }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => self.malformed("it ends too early"),
        }
    }

    #[inline]
    fn utf8(&mut self, len: usize) -> Result<&'a [u8]> {
        let bytes = self.take(len)?;
        check_utf8(bytes)?;
        Ok(bytes)
    }

    /// Whether so many items can follow: each takes a byte.
    #[inline]
    fn fits(&self, items: u64) -> Result<()> {
        let left = self.bytes.len().saturating_sub(self.at);
        if usize::try_from(items).is_ok_and(|items| items <= left) {
            Ok(())
        } else {
            self.malformed("a list or map is announced that is longer than the message")
        }
    }

    fn end(&self) -> Result<()> {
        if self.at == self.bytes.len() { Ok(()) } else { self.malformed("something follows the message") }
    }
}

/// The number that a float stands for, from 0 to 2^53: so far every whole number has a float of its own.
fn whole(float: f64) -> Option<u64> {
    (float.trunc() == float && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
}

#[inline]
fn check_utf8(bytes: &[u8]) -> Result<()> {
    // Most texts are short and of ASCII.
    if bytes.len() <= 64 && is_ascii(bytes) {
        return Ok(());
    }
    simdutf8::basic::from_utf8(bytes).map(drop).map_err(|_| fault(DecodeError::NotUtf8))
}

/// Eight bytes at a time, the last eight perhaps twice.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().fold(0, |all, byte| all | byte) < 0x80;
    };
    let (words, _) = bytes.as_chunks::<8>();
    let all = words.iter().fold(u64::from_le_bytes(*last), |all, word| all | u64::from_le_bytes(*word));
    all & 0x8080_8080_8080_8080 == 0
}
