//! Reads JSON, strictly.

use super::text;
use crate::DecodeError;
use crate::codec::{self, Kind, Level, Raw, Result, Token, big, check_utf8, fault};

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

#[cold]
fn malformed<T>(why: &'static str) -> Result<T> {
    Err(fault(DecodeError::Malformed { serializer: "json", why }))
}

impl<'a> Reader<'a> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Reads over space and shows the byte after it.
    #[inline(always)]
    fn space(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte,
            }
        }
    }

    #[inline(always)]
    fn take(&mut self, byte: u8, why: &'static str) -> Result<()> {
        if self.space() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            malformed(why)
        }
    }

    #[inline(always)]
    fn word(&mut self, word: &'static [u8]) -> Result<()> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(())
        } else {
            malformed("a word is none of true, false and null")
        }
    }

    /// Reads a string after its first quotation mark.
    #[inline]
    fn string(&mut self) -> Result<Raw<'a>> {
        let start = self.at;
        let (end, escaped) = self.string_end()?;
        let raw = self.bytes.get(start..end).unwrap_or_default();
        Ok(if escaped { Raw::Escaped(raw) } else { Raw::Plain(raw) })
    }

    /// Reads a string after its first quotation mark: where it ends, and whether it contains escapes.
    #[inline(always)]
    fn string_end(&mut self) -> Result<(usize, bool)> {
        let mut escaped = false;
        loop {
            let at = text::special(self.bytes, self.at);
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok((at, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at = at + self.escape(at + 1)?;
                }
                Some(_) => return malformed("a control character stands in a string"),
                None => return malformed("a string has no end"),
            }
        }
    }

    /// Reads a key and the colon after it.
    #[inline(always)]
    fn key_end(&mut self) -> Result<()> {
        self.take(b'"', "a map has a key that is no string")?;
        self.string_end()?;
        self.take(b':', "a key has no colon after it")
    }

    /// The length of an escape whose letter stands at a place.
    fn escape(&self, at: usize) -> Result<usize> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
            [b'u', digits @ ..] if text::hex(digits).is_some() => Ok(6),
            _ => malformed("an escape is none that JSON has"),
        }
    }

    /// Reads a number; whether it has neither fraction nor exponent.
    #[inline(always)]
    fn number(&mut self) -> Result<(&'a [u8], bool)> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return malformed("a value or number is none that JSON has"),
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            self.at += 1;
            whole = false;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            whole = false;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok((self.bytes.get(start..self.at).unwrap_or_default(), whole))
    }

    #[inline(always)]
    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn some_digits(&mut self) -> Result<()> {
        let start = self.at;
        self.digits();
        if self.at == start {
            malformed("a number has no digits after its point or exponent")
        } else {
            Ok(())
        }
    }

    #[inline]
    fn skip_value(&mut self, room: usize) -> Result<()> {
        // One bit for each list and map around the place, the innermost lowest: set in maps.
        let mut around = 0u128;
        let mut depth = 0;
        'value: loop {
            match self.space() {
                Some(b'"') => {
                    self.at += 1;
                    self.string_end()?;
                }
                Some(open @ (b'[' | b'{')) => {
                    self.at += 1;
                    if depth >= room.min(codec::DEPTH) {
                        return Err(fault(DecodeError::TooDeep));
                    }
                    let map = open == b'{';
                    // `[` and `{` are followed by their ends two places later in ASCII.
                    if self.space() == Some(open + 2) {
                        self.at += 1;
                    } else {
                        depth += 1;
                        around = around << 1 | u128::from(map);
                        if map {
                            self.key_end()?;
                        }
                        continue 'value;
                    }
                }
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                Some(_) => drop(self.number()?),
                None => return malformed("it ends too early"),
            }
            // A value is complete: what follows it?
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let map = around & 1 == 1;
                match self.space() {
                    Some(b',') => {
                        self.at += 1;
                        if map {
                            self.key_end()?;
                        }
                        continue 'value;
                    }
                    Some(byte) if byte == if map { b'}' } else { b']' } => {
                        self.at += 1;
                        depth -= 1;
                        around >>= 1;
                    }
                    Some(_) => return malformed("a comma or bracket is missing"),
                    None => return malformed("it ends too early"),
                }
            }
        }
    }
}

fn number(text: &[u8], whole: bool) -> Token<'_> {
    if !whole {
        let float = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        return Token::Float(float.unwrap_or(f64::NAN));
    }
    big::integer(text)
}

impl<'a> codec::Reader<'a> for Reader<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        check_utf8(bytes)?;
        Ok(Reader { bytes, at: 0 })
    }

    fn at(&self) -> usize {
        self.at
    }

    fn kind(&mut self) -> Result<Kind> {
        Ok(match self.space() {
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Map,
            Some(b'"') => Kind::Text,
            Some(b'n') => Kind::Null,
            Some(b't' | b'f' | b'-' | b'0'..=b'9') => Kind::Other,
            Some(_) => return malformed("a value or number is none that JSON has"),
            None => return malformed("it ends too early"),
        })
    }

    fn value(&mut self) -> Result<Token<'a>> {
        Ok(match self.space() {
            Some(b'"') => {
                self.at += 1;
                Token::Text(self.string()?)
            }
            Some(b'[') => {
                self.at += 1;
                Token::List(Level::open(false))
            }
            Some(b'{') => {
                self.at += 1;
                Token::Map(Level::open(true))
            }
            Some(b't') => {
                self.word(b"true")?;
                Token::Bool(true)
            }
            Some(b'f') => {
                self.word(b"false")?;
                Token::Bool(false)
            }
            Some(b'n') => {
                self.word(b"null")?;
                Token::Null
            }
            Some(_) => {
                let (text, whole) = self.number()?;
                number(text, whole)
            }
            None => return malformed("it ends too early"),
        })
    }

    fn key(&mut self) -> Result<Raw<'a>> {
        self.take(b'"', "a map has a key that is no string")?;
        let key = self.string()?;
        self.take(b':', "a key has no colon after it")?;
        Ok(key)
    }

    #[inline]
    fn more(&mut self, level: &mut Level) -> Result<bool> {
        let end = if level.map { b'}' } else { b']' };
        match self.space() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if level.first => {
                level.first = false;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => malformed("a comma or bracket is missing"),
            None => malformed("it ends too early"),
        }
    }

    fn between(&mut self) -> Result<()> {
        self.take(b',', "a comma is missing")
    }

    fn skip(&mut self, room: usize) -> Result<()> {
        // The place is kept in a register meanwhile.
        let mut r = Reader { ..*self };
        r.skip_value(room)?;
        self.at = r.at;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        match self.space() {
            None => Ok(()),
            Some(_) => malformed("something follows the message"),
        }
    }

    #[inline]
    fn list(&mut self) -> Result<Option<Level>> {
        if self.kind()? != Kind::List {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(Level::open(false)))
    }

    #[inline]
    fn map(&mut self) -> Result<Option<Level>> {
        if self.kind()? != Kind::Map {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(Level::open(true)))
    }

    #[inline]
    fn text(&mut self) -> Result<Option<Raw<'a>>> {
        if self.kind()? != Kind::Text {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.string()?))
    }

    #[inline]
    fn integer(&mut self) -> Result<Option<u64>> {
        self.space();
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut value = 0u64;
        let mut len = 0;
        for byte in rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(digit.into());
            len += 1;
        }
        // Up to 18 digits do not overflow. Anything unusual goes the long way.
        let zeros = len > 1 && rest.first() == Some(&b'0');
        if (1..=18).contains(&len) && !zeros && matches!(rest.get(len), Some(b',' | b']')) {
            self.at += len;
            return Ok(Some(value));
        }
        Ok(match self.value()? {
            Token::Uint(n) => Some(n),
            Token::Float(f) => codec::whole(f),
            _ => None,
        })
    }
}
