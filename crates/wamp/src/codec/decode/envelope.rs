//! The list that a message is: element after element, each of the type that is expected.

use std::ops::Range;

use bytes::Bytes;

use crate::codec::{DEPTH, Kind, Level, Reader, Result, fault, tree};
use crate::{DecodeError, Dict, Id, Payload, Serializer, Shape, Text, TrustLevel};

/// A message that is being read.
pub(super) struct Envelope<'a, R> {
    r: R,
    frame: &'a Bytes,
    serializer: Serializer,
    level: Level,
    ahead: Ahead,
    name: &'static str,
    seen: usize,
    /// Where the payload stands in the frame, once it is read.
    cut: &'a mut Range<usize>,
}

/// What is known of what comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    Unknown,
    /// An element that is not begun.
    Element,
    /// The end of the list has been read.
    End,
}

impl<'a, R: Reader<'a>> Envelope<'a, R> {
    #[inline]
    pub(super) fn open(frame: &'a Bytes, serializer: Serializer, cut: &'a mut Range<usize>) -> Result<Self> {
        let mut r = R::open(frame)?;
        let level = r.list()?.ok_or_else(|| fault(DecodeError::NotAMessage))?;
        Ok(Envelope { r, frame, serializer, level, ahead: Ahead::Unknown, name: "message", seen: 0, cut })
    }

    /// The type code, the first element.
    pub(super) fn code(&mut self) -> Result<u64> {
        if !self.more()? {
            return Err(fault(DecodeError::NotAMessage));
        }
        self.ahead = Ahead::Unknown;
        self.r.integer()?.ok_or_else(|| fault(DecodeError::NotAMessage))
    }

    /// What it is called in errors from here on.
    pub(super) fn named(&mut self, name: &'static str) -> &mut Self {
        self.name = name;
        self
    }

    /// The message's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether another element follows.
    #[inline]
    pub(super) fn more(&mut self) -> Result<bool> {
        if self.ahead == Ahead::Unknown {
            self.ahead = if self.r.more(&mut self.level)? {
                self.seen += 1;
                Ahead::Element
            } else {
                Ahead::End
            };
        }
        Ok(self.ahead == Ahead::Element)
    }

    /// Comes to the next element.
    #[inline]
    fn next(&mut self) -> Result<()> {
        match self.ahead {
            Ahead::Unknown if self.r.more(&mut self.level)? => {
                self.seen += 1;
                Ok(())
            }
            Ahead::Element => {
                self.ahead = Ahead::Unknown;
                Ok(())
            }
            Ahead::Unknown | Ahead::End => self.too_short(),
        }
    }

    #[cold]
    fn too_short(&self) -> Result<()> {
        Err(fault(DecodeError::Length { message: self.name, len: self.seen }))
    }

    #[cold]
    fn element<T>(&self, element: &'static str, expected: &'static str) -> Result<T> {
        Err(fault(DecodeError::Element { message: self.name, element, expected }))
    }

    #[inline]
    pub(super) fn id(&mut self, element: &'static str) -> Result<Id> {
        self.next()?;
        match self.r.integer()?.and_then(Id::new) {
            Some(id) => Ok(id),
            None => self.element(element, "an integer from 0 to 2^53"),
        }
    }

    pub(super) fn request_type(&mut self) -> Result<u16> {
        self.next()?;
        match self.r.integer()?.map(u16::try_from) {
            Some(Ok(code)) => Ok(code),
            _ => self.element("REQUEST.Type", "the type code of a request"),
        }
    }

    #[inline]
    pub(super) fn text(&mut self, element: &'static str) -> Result<Text> {
        self.next()?;
        match self.r.text()? {
            Some(raw) => Ok(raw.text(self.frame)),
            None => self.element(element, "a string"),
        }
    }

    pub(super) fn text_or_null(&mut self, element: &'static str) -> Result<Option<Text>> {
        self.next()?;
        if self.r.kind()? == Kind::Null {
            self.r.skip(0)?;
            return Ok(None);
        }
        match self.r.text()? {
            Some(raw) => Ok(Some(raw.text(self.frame))),
            None => self.element(element, "a string or null"),
        }
    }

    pub(super) fn dict(&mut self, element: &'static str) -> Result<Dict> {
        self.next()?;
        match self.r.map()? {
            Some(level) => tree::dict(&mut self.r, self.frame, level, tree::IN_ELEMENT),
            None => self.element(element, "a map"),
        }
    }

    /// Reads options: `known` gets each key, and reads or skips its value.
    #[inline]
    pub(super) fn options(
        &mut self,
        element: &'static str,
        mut known: impl FnMut(&mut Field<'_, 'a, R>, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.next()?;
        let Some(mut level) = self.r.map()? else { return self.element(element, "a map") };
        let mut field = Field { r: &mut self.r, frame: self.frame, name: self.name };
        while field.r.more(&mut level)? {
            let key = field.r.key()?.bytes();
            known(&mut field, &key)?;
        }
        Ok(())
    }

    /// Checks the rest of the message: nothing, arguments, or one opaque value. Nothing follows it. Where it stands is
    /// noted in `cut`; its bytes are put in when nobody reads in the frame any more.
    #[inline]
    pub(super) fn payload(&mut self) -> Result<Payload> {
        let payload = self.rest()?;
        self.finish()?;
        Ok(payload)
    }

    #[inline]
    fn rest(&mut self) -> Result<Payload> {
        if !self.more()? {
            return Ok(Payload::empty(self.serializer));
        }
        self.ahead = Ahead::Unknown;
        let kind = self.r.kind()?;
        let start = self.r.at();
        match kind {
            Kind::List | Kind::Null | Kind::Text | Kind::Binary => self.r.skip(DEPTH - 1)?,
            _ => return self.element("Arguments", "a list, or one binary or string value"),
        }
        let mut end = self.r.at();
        let mut shape = match kind {
            Kind::List => Shape::Args,
            Kind::Null => Shape::Empty,
            _ => Shape::Opaque,
        };
        if self.more()? {
            if shape == Shape::Opaque {
                return self.element("Arguments", "a list where ArgumentsKw follows");
            }
            self.ahead = Ahead::Unknown;
            let kind = self.r.kind()?;
            let second = self.r.at();
            match kind {
                Kind::Map | Kind::Null => self.r.skip(DEPTH - 1)?,
                _ => return self.element("ArgumentsKw", "a map"),
            }
            if kind == Kind::Map {
                end = self.r.at();
                if shape == Shape::Empty {
                    return Ok(self.without_args(second, end));
                }
                shape = Shape::ArgsKwargs;
            }
        }
        if shape == Shape::Empty {
            return Ok(Payload::empty(self.serializer));
        }
        *self.cut = start..end;
        Ok(Payload { serializer: self.serializer, shape, bytes: Bytes::new() })
    }

    /// Null arguments before keyword arguments: an empty list takes their place.
    fn without_args(&self, start: usize, end: usize) -> Payload {
        let none: &[u8] = match self.serializer {
            Serializer::Json => b"[],",
            Serializer::MsgPack => b"\x90",
            Serializer::Cbor => b"\x80",
            Serializer::Ubjson | Serializer::BjData => b"[]",
        };
        let kwargs = self.frame.get(start..end).unwrap_or_default();
        let bytes = [none, kwargs].concat().into();
        Payload { serializer: self.serializer, shape: Shape::ArgsKwargs, bytes }
    }

    /// Checks that the message ends, and the frame with it.
    #[inline]
    pub(super) fn finish(&mut self) -> Result<()> {
        if !self.more()? {
            return self.r.end();
        }
        // Too long: by how much?
        loop {
            self.ahead = Ahead::Unknown;
            self.r.skip(DEPTH - 1)?;
            if !self.more()? {
                return Err(fault(DecodeError::Length { message: self.name, len: self.seen }));
            }
        }
    }
}

/// The value of one option.
pub(super) struct Field<'e, 'a, R> {
    r: &'e mut R,
    frame: &'a Bytes,
    name: &'static str,
}

impl<'a, R: Reader<'a>> Field<'_, 'a, R> {
    pub(super) fn wrong<T>(&self, option: &'static str, expected: &'static str) -> Result<T> {
        Err(fault(DecodeError::Option { message: self.name, option, expected }))
    }

    /// An option that means nothing here.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.r.skip(tree::IN_ELEMENT)
    }

    pub(super) fn boolean(&mut self, option: &'static str) -> Result<bool> {
        // The token of another type is read and dropped: what is wrong is known.
        match self.r.value()? {
            crate::codec::Token::Bool(value) => Ok(value),
            _ => self.wrong(option, "true or false"),
        }
    }

    pub(super) fn integer(&mut self, option: &'static str) -> Result<u64> {
        match self.r.integer()? {
            Some(value) => Ok(value),
            None => self.wrong(option, "an integer that is not negative"),
        }
    }

    pub(super) fn trustlevel(&mut self) -> Result<TrustLevel> {
        match self.r.integer()?.map(u32::try_from) {
            Some(Ok(level)) => Ok(TrustLevel::new(level)),
            _ => self.wrong("trustlevel", "an integer from 0 to 2^32 - 1"),
        }
    }

    pub(super) fn id(&mut self, option: &'static str) -> Result<Id> {
        match self.r.integer()?.and_then(Id::new) {
            Some(id) => Ok(id),
            None => self.wrong(option, "an integer from 0 to 2^53"),
        }
    }

    pub(super) fn text(&mut self, option: &'static str) -> Result<Text> {
        match self.r.text()? {
            Some(raw) => Ok(raw.text(self.frame)),
            None => self.wrong(option, "a string"),
        }
    }

    pub(super) fn ids(&mut self, option: &'static str) -> Result<Vec<Id>> {
        const EXPECTED: &str = "a list of session IDs";
        self.list(option, EXPECTED, |field| match field.r.integer()?.and_then(Id::new) {
            Some(id) => Ok(id),
            None => field.wrong(option, EXPECTED),
        })
    }

    pub(super) fn texts(&mut self, option: &'static str) -> Result<Vec<Text>> {
        const EXPECTED: &str = "a list of strings";
        self.list(option, EXPECTED, |field| match field.r.text()? {
            Some(raw) => Ok(raw.text(field.frame)),
            None => field.wrong(option, EXPECTED),
        })
    }

    /// A list whose items `item` reads.
    pub(super) fn list<T>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let Some(mut level) = self.r.list()? else { return self.wrong(option, expected) };
        let mut items = Vec::new();
        while self.r.more(&mut level)? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A map whose values `value` reads by their keys.
    pub(super) fn map(
        &mut self,
        option: &'static str,
        expected: &'static str,
        mut value: impl FnMut(&mut Self, Text) -> Result<()>,
    ) -> Result<()> {
        let Some(mut level) = self.r.map()? else { return self.wrong(option, expected) };
        while self.r.more(&mut level)? {
            let key = self.r.key()?.text(self.frame);
            value(self, key)?;
        }
        Ok(())
    }

    pub(super) fn dict(&mut self, option: &'static str) -> Result<Dict> {
        match self.r.map()? {
            Some(level) => tree::dict(self.r, self.frame, level, tree::IN_ELEMENT - 1),
            None => self.wrong(option, "a map"),
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        words: &[(&str, T)],
    ) -> Result<T> {
        let word = match self.r.text()? {
            Some(raw) => raw.bytes(),
            None => return self.wrong(option, expected),
        };
        match words.iter().find(|(known, _)| known.as_bytes() == &*word) {
            Some((_, value)) => Ok(*value),
            None => self.wrong(option, expected),
        }
    }
}
