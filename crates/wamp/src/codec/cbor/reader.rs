//! Reads CBOR.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::DecodeError;
use crate::codec::{self, Big, Input, Kind, Level, Raw, Result, Token, fault, half};

pub(crate) struct Reader<'a>(Input<'a>);

/// The head of a data item. Lengths are absent where they are indefinite.
enum Head {
    Uint(u64),
    Negative(u64),
    Binary(Option<u64>),
    Text(Option<u64>),
    List(Option<u64>),
    Map(Option<u64>),
    Tag(u64),
    Bool(bool),
    /// Null, undefined, and simple values that have no meaning yet.
    Null,
    Float(f64),
    Break,
}

const BREAK: u8 = 0xff;

/// The tags of bignums, RFC 8949 section 3.4.3.
const BIG: u64 = 2;
const BIG_NEGATIVE: u64 = 3;

impl<'a> Reader<'a> {
    #[inline(always)]
    fn head(&mut self) -> Result<Head> {
        let byte = self.0.byte()?;
        let (major, info) = (byte >> 5, byte & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24 => Some(self.0.byte()?.into()),
            25 => Some(u16::from_be_bytes(self.0.array()?).into()),
            26 => Some(u32::from_be_bytes(self.0.array()?).into()),
            27 => Some(u64::from_be_bytes(self.0.array()?)),
            31 => None,
            _ => return self.0.malformed("a length is written in a way that is reserved"),
        };
        Ok(match (major, argument) {
            (0, Some(n)) => Head::Uint(n),
            (1, Some(n)) => Head::Negative(n),
            (2, len) => Head::Binary(len),
            (3, len) => Head::Text(len),
            (4, len) => Head::List(len),
            (5, len) => Head::Map(len),
            (6, Some(tag)) => Head::Tag(tag),
            _ => return self.0.malformed("a number or tag has no value"),
        })
    }

    /// Reads over what [`Reader::simple`] reads.
    #[inline]
    fn skip_simple(&mut self, info: u8) -> Result<()> {
        match info {
            0..=23 => Ok(()),
            25..=27 => self.0.take(1 << (info - 24)).map(drop),
            _ => self.simple(info).map(drop),
        }
    }

    fn simple(&mut self, info: u8) -> Result<Head> {
        Ok(match info {
            20 => Head::Bool(false),
            21 => Head::Bool(true),
            0..=19 | 22 | 23 => Head::Null,
            24 if self.0.byte()? >= 32 => Head::Null,
            25 => Head::Float(half::to_f64(u16::from_be_bytes(self.0.array()?))),
            26 => Head::Float(f32::from_be_bytes(self.0.array()?).into()),
            27 => Head::Float(f64::from_be_bytes(self.0.array()?)),
            31 => Head::Break,
            _ => return self.0.malformed("a simple value is written in a way that is reserved"),
        })
    }

    #[inline]
    fn len(&self, len: u64) -> Result<usize> {
        match usize::try_from(len) {
            Ok(len) => Ok(len),
            Err(_) => self.0.malformed("it ends too early"),
        }
    }

    #[inline]
    fn plain(&mut self, len: u64, text: bool) -> Result<&'a [u8]> {
        let len = self.len(len)?;
        if text { self.0.utf8(len) } else { self.0.take(len) }
    }

    #[inline]
    fn string(&mut self, len: Option<u64>, text: bool) -> Result<Raw<'a>> {
        match len {
            Some(len) => Ok(Raw::Plain(self.plain(len, text)?)),
            None => self.chunks(text),
        }
    }

    /// Reads the chunks of a string of indefinite length: each of the same type, each UTF-8 by itself.
    fn chunks(&mut self, text: bool) -> Result<Raw<'a>> {
        let start = self.0.at;
        loop {
            let end = self.0.at;
            match self.head()? {
                Head::Break => {
                    return Ok(Raw::Chunks(self.0.bytes.get(start..end).unwrap_or_default()));
                }
                Head::Text(Some(len)) if text => drop(self.plain(len, true)?),
                Head::Binary(Some(len)) if !text => drop(self.plain(len, false)?),
                _ => return self.0.malformed("a string has a part that is none"),
            }
        }
    }

    #[inline]
    fn level(&self, len: Option<u64>, map: bool) -> Result<Level> {
        match len {
            None => Ok(Level::open(map)),
            Some(len) => {
                self.0.fits(len.saturating_mul(if map { 2 } else { 1 }))?;
                Ok(Level::counted(self.len(len)?, map))
            }
        }
    }

    #[inline]
    fn skip_value(&mut self, room: usize) -> Result<()> {
        let mut stack: SmallVec<[Around; 8]> = SmallVec::new();
        let mut here = Around { left: 1, map: false, open: false, levels: 0 };
        let mut depth = 0;
        // Tags before the next item. One before a plain value takes no level.
        let mut tags = 0;
        loop {
            while here.left == 0 {
                depth -= here.levels;
                let Some(level) = stack.pop() else { return Ok(()) };
                here = level;
            }
            let key = here.map && here.left.is_multiple_of(2);
            let byte = self.0.peek()?;
            if byte >> 5 == 7 && byte != BREAK && !key {
                self.0.at += 1;
                self.skip_simple(byte & 0x1f)?;
                here.left -= 1;
                tags = 0;
                continue;
            }
            let (len, map) = match self.head()? {
                Head::Text(len) => {
                    self.string(len, true)?;
                    here.left -= 1;
                    tags = 0;
                    continue;
                }
                Head::Break if here.open && tags == 0 && (key || !here.map) => {
                    here.left = 0;
                    continue;
                }
                Head::Break => return self.0.malformed("an end stands where a value must"),
                _ if key => return Err(fault(DecodeError::KeyNotString)),
                Head::Tag(_) => {
                    tags += 1;
                    if depth + tags > room + 1 {
                        return Err(fault(DecodeError::TooDeep));
                    }
                    continue;
                }
                Head::Binary(len) => {
                    self.string(len, false)?;
                    here.left -= 1;
                    tags = 0;
                    continue;
                }
                Head::List(len) => (len, false),
                Head::Map(len) => (len, true),
                Head::Uint(_) | Head::Negative(_) | Head::Bool(_) | Head::Null | Head::Float(_) => {
                    here.left -= 1;
                    tags = 0;
                    continue;
                }
            };
            let levels = tags + 1;
            if depth + levels > room {
                return Err(fault(DecodeError::TooDeep));
            }
            depth += levels;
            tags = 0;
            here.left -= 1;
            stack.push(here);
            let items = len.map(|len| len.saturating_mul(if map { 2 } else { 1 }));
            if let Some(items) = items {
                self.0.fits(items)?;
            }
            here = Around { left: items.unwrap_or(ENDLESS), map, open: len.is_none(), levels };
        }
    }
}

/// The bytes of all chunks, one after the other.
pub(in crate::codec) fn join(chunks: &[u8]) -> Vec<u8> {
    let mut reader = Reader(Input { bytes: chunks, at: 0, serializer: "cbor" });
    let mut joined = Vec::with_capacity(chunks.len());
    while let Ok(Head::Text(Some(len)) | Head::Binary(Some(len))) = reader.head() {
        let Ok(part) = reader.plain(len, false) else { break };
        joined.extend_from_slice(part);
    }
    joined
}

/// What `skip` knows of a list or map around the place.
#[derive(Clone, Copy)]
struct Around {
    /// Items left; keys and values count one each, and in maps keys come on even numbers. Where the length is
    /// indefinite, counted down from a number that no message reaches the end of.
    left: u64,
    map: bool,
    open: bool,
    /// Levels that it takes: itself and the tags before it.
    levels: usize,
}

/// Even, for maps.
const ENDLESS: u64 = u64::MAX - 1;

impl<'a> codec::Reader<'a> for Reader<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        Ok(Reader(Input { bytes, at: 0, serializer: "cbor" }))
    }

    fn at(&self) -> usize {
        self.0.at
    }

    fn kind(&mut self) -> Result<Kind> {
        let byte = self.0.peek()?;
        Ok(match byte >> 5 {
            2 => Kind::Binary,
            3 => Kind::Text,
            4 => Kind::List,
            5 => Kind::Map,
            _ if matches!(byte, 0xf6 | 0xf7) => Kind::Null,
            _ => Kind::Other,
        })
    }

    fn value(&mut self) -> Result<Token<'a>> {
        let mut tag = None;
        loop {
            return Ok(match self.head()? {
                Head::Tag(number) => {
                    tag = Some(number);
                    continue;
                }
                Head::Null => Token::Null,
                Head::Bool(value) => Token::Bool(value),
                Head::Uint(n) => Token::Uint(n),
                Head::Negative(n) => Token::Negative(n),
                Head::Float(value) => Token::Float(value),
                Head::Text(len) => Token::Text(self.string(len, true)?),
                Head::Binary(len) => match (tag, self.string(len, false)?) {
                    (Some(tag @ (BIG | BIG_NEGATIVE)), raw) => {
                        let bytes: Cow<'a, [u8]> = raw.bytes();
                        Token::Big(Big::Bytes { negative: tag == BIG_NEGATIVE, bytes })
                    }
                    (_, raw) => Token::Binary(raw),
                },
                Head::List(len) => Token::List(self.level(len, false)?),
                Head::Map(len) => Token::Map(self.level(len, true)?),
                Head::Break => return self.0.malformed("an end stands where a value must"),
            });
        }
    }

    fn key(&mut self) -> Result<Raw<'a>> {
        match self.head()? {
            Head::Text(len) => self.string(len, true),
            _ => Err(fault(DecodeError::KeyNotString)),
        }
    }

    #[inline]
    fn more(&mut self, level: &mut Level) -> Result<bool> {
        if level.open {
            if self.0.peek()? != BREAK {
                return Ok(true);
            }
            self.0.at += 1;
            return Ok(false);
        }
        match level.left.checked_sub(1) {
            Some(left) => {
                level.left = left;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn skip(&mut self, room: usize) -> Result<()> {
        // The place is kept in a register meanwhile.
        let mut r = Reader(self.0);
        r.skip_value(room)?;
        self.0 = r.0;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.0.end()
    }

    #[inline]
    fn list(&mut self) -> Result<Option<Level>> {
        if self.0.peek()? >> 5 != 4 {
            return Ok(None);
        }
        match self.head()? {
            Head::List(len) => Ok(Some(self.level(len, false)?)),
            _ => Ok(None),
        }
    }

    #[inline]
    fn map(&mut self) -> Result<Option<Level>> {
        if self.0.peek()? >> 5 != 5 {
            return Ok(None);
        }
        match self.head()? {
            Head::Map(len) => Ok(Some(self.level(len, true)?)),
            _ => Ok(None),
        }
    }

    #[inline]
    fn integer(&mut self) -> Result<Option<u64>> {
        Ok(match self.head()? {
            Head::Uint(n) => Some(n),
            Head::Float(f) => codec::whole(f),
            // A tag changes nothing about a number here.
            Head::Tag(_) => match self.value()? {
                Token::Uint(n) => Some(n),
                Token::Float(f) => codec::whole(f),
                _ => None,
            },
            _ => None,
        })
    }

    #[inline]
    fn text(&mut self) -> Result<Option<Raw<'a>>> {
        Ok(match self.head()? {
            Head::Text(len) => Some(self.string(len, true)?),
            Head::Tag(_) => match self.value()? {
                Token::Text(raw) => Some(raw),
                _ => None,
            },
            _ => None,
        })
    }
}
