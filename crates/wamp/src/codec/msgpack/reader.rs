//! Reads MessagePack.

use smallvec::SmallVec;

use super::time;
use crate::DecodeError;
use crate::codec::{self, Input, Kind, Level, Raw, Result, Token, fault};

pub(crate) struct Reader<'a>(Input<'a>);

/// The head of a value: the value itself, or how many bytes or items of it follow.
enum Head {
    Null,
    Bool(bool),
    Uint(u64),
    Int(i64),
    Float(f64),
    Text(usize),
    Binary(usize),
    Ext(i8, usize),
    List(usize),
    Map(usize),
}

impl<'a> Reader<'a> {
    #[inline]
    fn head(&mut self) -> Result<Head> {
        let byte = self.0.byte()?;
        Ok(match byte {
            0x00..=0x7f => Head::Uint(byte.into()),
            0x80..=0x8f => Head::Map((byte & 0x0f).into()),
            0x90..=0x9f => Head::List((byte & 0x0f).into()),
            0xa0..=0xbf => Head::Text((byte & 0x1f).into()),
            0xc0 => Head::Null,
            0xc1 => return self.0.malformed(NEVER),
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4..=0xc6 => Head::Binary(self.0.len(byte - 0xc4)?),
            0xc7..=0xc9 => {
                let len = self.0.len(byte - 0xc7)?;
                Head::Ext(i8::from_be_bytes(self.0.array()?), len)
            }
            0xca => Head::Float(f32::from_be_bytes(self.0.array()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.0.array()?)),
            0xcc => Head::Uint(self.0.byte()?.into()),
            0xcd => Head::Uint(u16::from_be_bytes(self.0.array()?).into()),
            0xce => Head::Uint(u32::from_be_bytes(self.0.array()?).into()),
            0xcf => Head::Uint(u64::from_be_bytes(self.0.array()?)),
            0xd0 => Head::Int(i8::from_be_bytes(self.0.array()?).into()),
            0xd1 => Head::Int(i16::from_be_bytes(self.0.array()?).into()),
            0xd2 => Head::Int(i32::from_be_bytes(self.0.array()?).into()),
            0xd3 => Head::Int(i64::from_be_bytes(self.0.array()?)),
            0xd4..=0xd8 => Head::Ext(i8::from_be_bytes(self.0.array()?), 1 << (byte - 0xd4)),
            0xd9..=0xdb => Head::Text(self.0.len(byte - 0xd9)?),
            0xdc | 0xdd => Head::List(self.0.len(byte - 0xdb)?),
            0xde | 0xdf => Head::Map(self.0.len(byte - 0xdd)?),
            0xe0..=0xff => Head::Int(i8::from_be_bytes([byte]).into()),
        })
    }
}

const NEVER: &str = "the byte c1 stands for nothing";

impl Input<'_> {
    /// A length in 1, 2 or 4 bytes, for a width of 0, 1 or 2.
    #[inline]
    fn len(&mut self, width: u8) -> Result<usize> {
        Ok(match width {
            0 => self.byte()?.into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            _ => match usize::try_from(u32::from_be_bytes(self.array()?)) {
                Ok(len) => len,
                Err(_) => return self.malformed("a length is announced that no memory holds"),
            },
        })
    }
}

impl<'a> codec::Reader<'a> for Reader<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        Ok(Reader(Input { bytes, at: 0, serializer: "msgpack" }))
    }

    fn at(&self) -> usize {
        self.0.at
    }

    #[inline]
    fn kind(&mut self) -> Result<Kind> {
        Ok(match self.0.peek()? {
            0x80..=0x8f | 0xde | 0xdf => Kind::Map,
            0x90..=0x9f | 0xdc | 0xdd => Kind::List,
            0xa0..=0xbf | 0xd9..=0xdb => Kind::Text,
            0xc0 => Kind::Null,
            0xc4..=0xc6 => Kind::Binary,
            _ => Kind::Other,
        })
    }

    fn value(&mut self) -> Result<Token<'a>> {
        Ok(match self.head()? {
            Head::Null => Token::Null,
            Head::Bool(value) => Token::Bool(value),
            Head::Uint(n) => Token::Uint(n),
            Head::Int(n) => u64::try_from(n).map_or(Token::Negative(!(n as u64)), Token::Uint),
            Head::Float(value) => Token::Float(value),
            Head::Text(len) => Token::Text(Raw::Plain(self.0.utf8(len)?)),
            Head::Binary(len) => Token::Binary(Raw::Plain(self.0.take(len)?)),
            Head::Ext(kind, len) => {
                let data = self.0.take(len)?;
                match time::rfc3339(kind, data) {
                    Some(text) => Token::Text(Raw::Made(text)),
                    None => Token::Binary(Raw::Plain(data)),
                }
            }
            Head::List(len) => {
                self.0.fits(len as u64)?;
                Token::List(Level::counted(len, false))
            }
            Head::Map(len) => {
                self.0.fits(len as u64 * 2)?;
                Token::Map(Level::counted(len, true))
            }
        })
    }

    fn key(&mut self) -> Result<Raw<'a>> {
        match self.head()? {
            Head::Text(len) => Ok(Raw::Plain(self.0.utf8(len)?)),
            _ => Err(fault(DecodeError::KeyNotString)),
        }
    }

    #[inline]
    fn more(&mut self, level: &mut Level) -> Result<bool> {
        match level.left.checked_sub(1) {
            Some(left) => {
                level.left = left;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn skip(&mut self, room: usize) -> Result<()> {
        // Of every list and map around the place but the outermost, which nothing follows: items left, twice, plus one
        // in maps.
        let mut around: SmallVec<[u64; 8]> = SmallVec::new();
        let mut inside = 0;
        let (mut left, mut map) = (1u64, false);
        let mut input = self.0;
        loop {
            while left == 0 {
                let Some(level) = around.pop() else {
                    self.0.at = input.at;
                    return Ok(());
                };
                inside -= 1;
                left = level >> 1;
                map = level & 1 == 1;
            }
            let key = map && left.is_multiple_of(2);
            left -= 1;
            let byte = input.byte()?;
            // What is no text needs no second look but for its length.
            let (items, inner) = match byte {
                0xa0..=0xbf => {
                    input.utf8((byte & 0x1f).into())?;
                    continue;
                }
                0xd9..=0xdb => {
                    let len = input.len(byte - 0xd9)?;
                    input.utf8(len)?;
                    continue;
                }
                _ if key => return Err(fault(DecodeError::KeyNotString)),
                0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => continue,
                0x80..=0x8f => (u64::from(byte & 0x0f) * 2, true),
                0x90..=0x9f => ((byte & 0x0f).into(), false),
                0xdc | 0xdd => (input.len(byte - 0xdb)? as u64, false),
                0xde | 0xdf => (input.len(byte - 0xdd)? as u64 * 2, true),
                _ => {
                    let len = match byte {
                        0xc4..=0xc6 => input.len(byte - 0xc4)?,
                        0xc7..=0xc9 => input.len(byte - 0xc7)? + 1,
                        0xca => 4,
                        0xcb => 8,
                        0xcc..=0xcf => 1 << (byte - 0xcc),
                        0xd0..=0xd3 => 1 << (byte - 0xd0),
                        0xd4..=0xd8 => (1 << (byte - 0xd4)) + 1,
                        _ => return input.malformed(NEVER),
                    };
                    input.take(len)?;
                    continue;
                }
            };
            if inside >= room {
                return Err(fault(DecodeError::TooDeep));
            }
            input.fits(items)?;
            if inside > 0 {
                around.push(left << 1 | u64::from(map));
            }
            inside += 1;
            (left, map) = (items, inner);
        }
    }

    fn end(&mut self) -> Result<()> {
        self.0.end()
    }

    #[inline]
    fn list(&mut self) -> Result<Option<Level>> {
        let len = match self.0.peek()? {
            byte @ 0x90..=0x9f => {
                self.0.at += 1;
                usize::from(byte & 0x0f)
            }
            byte @ (0xdc | 0xdd) => {
                self.0.at += 1;
                self.0.len(byte - 0xdb)?
            }
            _ => return Ok(None),
        };
        self.0.fits(len as u64)?;
        Ok(Some(Level::counted(len, false)))
    }

    #[inline]
    fn map(&mut self) -> Result<Option<Level>> {
        let len = match self.0.peek()? {
            byte @ 0x80..=0x8f => {
                self.0.at += 1;
                usize::from(byte & 0x0f)
            }
            byte @ (0xde | 0xdf) => {
                self.0.at += 1;
                self.0.len(byte - 0xdd)?
            }
            _ => return Ok(None),
        };
        self.0.fits(len as u64 * 2)?;
        Ok(Some(Level::counted(len, true)))
    }

    #[inline]
    fn integer(&mut self) -> Result<Option<u64>> {
        // What the types and numbers of most messages are.
        if let byte @ 0x00..=0x7f = self.0.peek()? {
            self.0.at += 1;
            return Ok(Some(byte.into()));
        }
        Ok(match self.head()? {
            Head::Uint(n) => Some(n),
            Head::Int(n) => u64::try_from(n).ok(),
            Head::Float(f) => codec::whole(f),
            _ => None,
        })
    }

    #[inline]
    fn text(&mut self) -> Result<Option<Raw<'a>>> {
        if let byte @ 0xa0..=0xbf = self.0.peek()? {
            self.0.at += 1;
            return Ok(Some(Raw::Plain(self.0.utf8((byte & 0x1f).into())?)));
        }
        Ok(match self.head()? {
            Head::Text(len) => Some(Raw::Plain(self.0.utf8(len)?)),
            _ => None,
        })
    }
}
