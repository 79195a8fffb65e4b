//! Reads UBJSON: containers with an end, with a count, and with a type for all their items.

use smallvec::SmallVec;

use super::octet;
use crate::DecodeError;
use crate::codec::{self, Input, Kind, Level, Raw, Result, Token, big, fault, half};

pub(crate) struct Reader<'a, const BJ: bool> {
    input: Input<'a>,
    /// The type of the next value, where its container said it for all; 0 where it stands before the value.
    marker: u8,
}

const NO_MARKER: &str = "a type is named that there is not";
const NO_COUNT: &str = "a list or map has a type and no count";
const NO_LENGTH: &str = "a length is no integer from 0";
/// Dimensions of an array of numbers. Nobody thinks in more.
const MAX_DIMENSIONS: usize = 32;

/// Reads an array of octets as a number of a type.
macro_rules! number {
    ($reader:expr, $type:ty) => {{
        let octets = $reader.input.array()?;
        if BJ { <$type>::from_le_bytes(octets) } else { <$type>::from_be_bytes(octets) }
    }};
}

impl<'a, const BJ: bool> Reader<'a, BJ> {
    /// Reads over what means nothing.
    #[inline]
    fn padding(&mut self) {
        while self.input.bytes.get(self.input.at) == Some(&b'N') {
            self.input.at += 1;
        }
    }

    /// The type of the next value, without taking it.
    #[inline]
    fn peek(&mut self) -> Result<u8> {
        if self.marker != 0 {
            return Ok(self.marker);
        }
        self.padding();
        self.input.peek()
    }

    /// The type of the next value.
    #[inline]
    fn take_marker(&mut self) -> Result<u8> {
        let marker = self.peek()?;
        if self.marker == 0 {
            self.input.at += 1;
        }
        self.marker = 0;
        Ok(marker)
    }

    /// An integer of a type; `None` where the type is another one.
    #[inline]
    fn integer_of(&mut self, marker: u8) -> Result<Option<Token<'a>>> {
        let signed = |n: i64| u64::try_from(n).map_or(Token::Negative(!(n as u64)), Token::Uint);
        Ok(Some(match marker {
            b'U' => Token::Uint(self.input.byte()?.into()),
            b'i' => signed(i8::from_be_bytes(self.input.array()?).into()),
            b'I' => signed(number!(self, i16).into()),
            b'l' => signed(number!(self, i32).into()),
            b'L' => signed(number!(self, i64)),
            b'B' if BJ => Token::Uint(self.input.byte()?.into()),
            b'u' if BJ => Token::Uint(number!(self, u16).into()),
            b'm' if BJ => Token::Uint(number!(self, u32).into()),
            b'M' if BJ => Token::Uint(number!(self, u64)),
            _ => return Ok(None),
        }))
    }

    /// A length or count, an integer with its type before it.
    #[inline]
    fn len(&mut self) -> Result<usize> {
        let marker = self.input.byte()?;
        self.len_of(marker)
    }

    #[inline]
    fn len_of(&mut self, marker: u8) -> Result<usize> {
        match self.integer_of(marker)? {
            Some(Token::Uint(len)) => match usize::try_from(len) {
                Ok(len) => Ok(len),
                Err(_) => self.input.malformed("it ends too early"),
            },
            _ => self.input.malformed(NO_LENGTH),
        }
    }

    /// Text of a type that is text; `None` where the type is another one.
    #[inline]
    fn text_of(&mut self, marker: u8) -> Result<Option<&'a [u8]>> {
        Ok(Some(match marker {
            b'S' => {
                let len = self.len()?;
                self.input.utf8(len)?
            }
            b'C' => self.input.utf8(1)?,
            _ => return Ok(None),
        }))
    }

    /// A number in decimal digits: any integer exactly, anything else as the nearest float.
    fn decimal(&mut self) -> Result<Token<'a>> {
        let len = self.len()?;
        let text = self.input.take(len)?;
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let plain = match digits {
            [b'0'] => true,
            [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        if plain {
            return Ok(big::integer(text));
        }
        match std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()) {
            Some(float) => Ok(Token::Float(float)),
            None => self.input.malformed("a decimal number is none"),
        }
    }

    /// Opens a list or map after its bracket, or reads the bytes that a list of octets is.
    #[inline]
    fn container(&mut self, map: bool) -> Result<Token<'a>> {
        let opened = |level| if map { Token::Map(level) } else { Token::List(level) };
        let marker = match self.input.peek()? {
            b'$' => {
                self.input.at += 1;
                let marker = self.input.byte()?;
                if !is_item::<BJ>(marker) {
                    return self.input.malformed("a list or map has items of a type that they cannot have");
                }
                if self.input.peek()? != b'#' {
                    return self.input.malformed(NO_COUNT);
                }
                marker
            }
            b'#' => 0,
            _ => return Ok(opened(Level::open(map))),
        };
        self.input.at += 1;
        let count = self.count(marker != 0 && !map)?;
        if !map && marker == octet::<BJ>() {
            return Ok(Token::Binary(Raw::Plain(self.input.take(count)?)));
        }
        self.check_count(count, marker, map)?;
        let level = Level { marker, ..Level::counted(count, map) };
        Ok(opened(level))
    }

    /// How many items there are. In BJData an array of numbers may say it as a list of dimensions; its items are read
    /// as one list.
    #[inline]
    fn count(&mut self, array: bool) -> Result<usize> {
        if BJ && array && self.input.peek()? == b'[' {
            return self.dimensions();
        }
        self.len()
    }

    #[cold]
    fn dimensions(&mut self) -> Result<usize> {
        self.input.at += 1;
        let (marker, left) = match self.input.peek()? {
            b'$' => {
                self.input.at += 1;
                let marker = self.input.byte()?;
                if self.input.byte()? != b'#' {
                    return self.input.malformed(NO_COUNT);
                }
                (Some(marker), Some(self.len()?))
            }
            b'#' => {
                self.input.at += 1;
                (None, Some(self.len()?))
            }
            _ => (None, None),
        };
        let mut count = 1usize;
        for dimension in 0..=MAX_DIMENSIONS {
            let over = match left {
                Some(left) => dimension == left,
                None => self.input.peek()? == b']',
            };
            if over {
                self.input.at += usize::from(left.is_none());
                return if dimension > 0 { Ok(count) } else { self.input.malformed(NO_LENGTH) };
            }
            let len = match marker {
                Some(marker) => self.len_of(marker)?,
                None => self.len()?,
            };
            count = count.saturating_mul(len);
        }
        self.input.malformed("an array has more dimensions than anybody needs")
    }

    /// Whether so many items can follow.
    #[inline]
    fn check_count(&self, count: usize, marker: u8, map: bool) -> Result<()> {
        match width(marker) {
            // They take no bytes. Nobody writes such lists; they must not be a way to let a few bytes grow to many.
            Some(0) if !map && count > self.input.bytes.len() => {
                self.input.malformed("a list is announced that is longer than the message")
            }
            Some(0) if !map => Ok(()),
            Some(width) => self.input.fits((count as u64).saturating_mul(width + u64::from(map))),
            None => self.input.fits((count as u64).saturating_mul(if map { 2 } else { 1 })),
        }
    }
}

/// Bytes of every value of a type, where they are always as many.
fn width(marker: u8) -> Option<u64> {
    Some(match marker {
        b'Z' | b'T' | b'F' => 0,
        b'i' | b'U' | b'B' | b'C' => 1,
        b'I' | b'u' | b'h' => 2,
        b'l' | b'm' | b'd' => 4,
        b'L' | b'M' | b'D' => 8,
        _ => return None,
    })
}

/// Whether all items of a container may have this type. In BJData a container in its place would describe records,
/// which WAMP has no values for.
fn is_item<const BJ: bool>(marker: u8) -> bool {
    match marker {
        b'i' | b'U' | b'I' | b'l' | b'L' | b'd' | b'D' | b'C' | b'S' | b'H' | b'Z' | b'T' | b'F' => true,
        b'B' | b'u' | b'm' | b'M' | b'h' => BJ,
        b'[' | b'{' => !BJ,
        _ => false,
    }
}

impl<'a, const BJ: bool> codec::Reader<'a> for Reader<'a, BJ> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        Ok(Reader { input: Input { bytes, at: 0, serializer: "ubjson" }, marker: 0 })
    }

    fn at(&self) -> usize {
        self.input.at
    }

    #[inline]
    fn kind(&mut self) -> Result<Kind> {
        Ok(match self.peek()? {
            b'[' => {
                let inside = self.input.at + usize::from(self.marker == 0);
                let octets = [b'$', octet::<BJ>(), b'#'];
                if self.input.bytes.get(inside..).is_some_and(|rest| rest.starts_with(&octets)) {
                    Kind::Binary
                } else {
                    Kind::List
                }
            }
            b'{' => Kind::Map,
            b'S' | b'C' => Kind::Text,
            b'Z' => Kind::Null,
            _ => Kind::Other,
        })
    }

    fn value(&mut self) -> Result<Token<'a>> {
        let marker = self.take_marker()?;
        if let Some(integer) = self.integer_of(marker)? {
            return Ok(integer);
        }
        if let Some(text) = self.text_of(marker)? {
            return Ok(Token::Text(Raw::Plain(text)));
        }
        Ok(match marker {
            b'[' => self.container(false)?,
            b'{' => self.container(true)?,
            b'Z' => Token::Null,
            b'T' => Token::Bool(true),
            b'F' => Token::Bool(false),
            b'd' => Token::Float(number!(self, f32).into()),
            b'D' => Token::Float(number!(self, f64)),
            b'h' if BJ => Token::Float(half::to_f64(number!(self, u16))),
            b'H' => self.decimal()?,
            _ => return self.input.malformed(NO_MARKER),
        })
    }

    fn key(&mut self) -> Result<Raw<'a>> {
        // A key is a string without its type. What else stands there is no length.
        let marker = self.input.byte()?;
        match self.integer_of(marker)? {
            Some(Token::Uint(len)) => match usize::try_from(len) {
                Ok(len) => Ok(Raw::Plain(self.input.utf8(len)?)),
                Err(_) => self.input.malformed("it ends too early"),
            },
            _ => Err(fault(DecodeError::KeyNotString)),
        }
    }

    #[inline]
    fn more(&mut self, level: &mut Level) -> Result<bool> {
        if !level.open {
            let Some(left) = level.left.checked_sub(1) else { return Ok(false) };
            level.left = left;
            self.marker = level.marker;
            return Ok(true);
        }
        self.padding();
        if self.input.peek()? != if level.map { b'}' } else { b']' } {
            return Ok(true);
        }
        self.input.at += 1;
        Ok(false)
    }

    fn skip(&mut self, room: usize) -> Result<()> {
        let mut around: SmallVec<[Level; 8]> = SmallVec::new();
        loop {
            if let Token::List(mut level) | Token::Map(mut level) = self.value()? {
                if around.len() >= room {
                    return Err(fault(DecodeError::TooDeep));
                }
                if let (false, Some(width)) = (level.map, width(level.marker))
                    && level.marker != b'C'
                {
                    // Numbers: nothing about them can be wrong, and all of them are there.
                    self.input.take(level.left.saturating_mul(width as usize))?;
                    level.left = 0;
                }
                around.push(level);
            }
            loop {
                let Some(level) = around.last_mut() else { return Ok(()) };
                if codec::Reader::more(self, level)? {
                    if level.map {
                        self.key()?;
                    }
                    break;
                }
                around.pop();
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.input.end()
    }
}
