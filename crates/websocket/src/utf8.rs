//! UTF-8 checked piece by piece, so that wrong text is found before all of it has come.

/// What is known about a text so far. A new text starts with [`Utf8::default`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utf8 {
    /// The beginning of a character that is cut by the end of what came.
    cut: [u8; 4],
    len: u8,
}

/// The text is not UTF-8, whatever comes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUtf8;

impl Utf8 {
    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        let mut piece = piece;
        while self.len > 0 {
            let Some((&next, rest)) = piece.split_first() else { return Ok(()) };
            let at = usize::from(self.len);
            *self.cut.get_mut(at).ok_or(NotUtf8)? = next;
            self.len += 1;
            piece = rest;
            let so_far = self.cut.get(..=at).ok_or(NotUtf8)?;
            match std::str::from_utf8(so_far) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_some() => return Err(NotUtf8),
                Err(_) => {}
            }
        }
        let Err(error) = simdutf8::compat::from_utf8(piece) else { return Ok(()) };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        for octet in piece.iter().skip(error.valid_up_to()) {
            *self.cut.get_mut(usize::from(self.len)).ok_or(NotUtf8)? = *octet;
            self.len += 1;
        }
        Ok(())
    }

    /// Whether the text may end here: no character is cut.
    pub(crate) fn is_whole(self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]]) -> Result<bool, NotUtf8> {
        let mut utf8 = Utf8::default();
        for piece in pieces {
            utf8.push(piece)?;
        }
        Ok(utf8.is_whole())
    }

    #[test]
    fn split_anywhere_it_agrees_with_the_standard_library() {
        for text in [
            &b""[..],
            "κόσμε, καλημέρα 🪟 and a rather long tail of plain letters, longer than a vector".as_bytes(),
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64",
            b"\xf4\x90\x80\x80",
            b"\xf4\x8f\xbf\xbf",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf8\x88\x80\x80\x80",
            b"\x80",
            b"ends in the middle \xf0\x9f\xaa",
        ] {
            let whole = std::str::from_utf8(text).is_ok();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    assert_eq!(check(&pieces) == Ok(true), whole, "{text:?} cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn wrong_text_is_refused_at_the_first_octet_that_cannot_be_right() {
        assert_eq!(check(&[b"\xf4"]), Ok(false));
        assert_eq!(check(&[b"\xf4", b"\x90"]), Err(NotUtf8));
        assert_eq!(check(&[b"\xed\xa0"]), Err(NotUtf8));
        assert_eq!(check(&[b"\xce", b"A"]), Err(NotUtf8));
    }
}
