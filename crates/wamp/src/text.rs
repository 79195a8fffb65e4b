//! UTF-8 text that shares the memory of the frame it came in.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// Text that is cheap to clone and to cut out of a received frame. Always valid UTF-8.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Bytes);

/// Bytes that are no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text is not valid UTF-8")]
pub struct NotUtf8;

impl Text {
    /// Text that lives as long as the program.
    pub const fn from_static(text: &'static str) -> Self {
        Text(Bytes::from_static(text.as_bytes()))
    }

    /// Checks that bytes are UTF-8 and keeps them.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, NotUtf8> {
        match simdutf8::basic::from_utf8(&bytes) {
            Ok(_) => Ok(Text(bytes)),
            Err(_) => Err(NotUtf8),
        }
    }

    /// Text from bytes that a reader has checked.
    pub(crate) fn checked(bytes: Bytes) -> Self {
        debug_assert!(simdutf8::basic::from_utf8(&bytes).is_ok());
        Text(bytes)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Checked when it was made. A second check costs a few nanoseconds and needs no unsafe code.
        simdutf8::basic::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A copy in memory of its own, for texts that outlive the frame they came in.
    #[must_use]
    pub fn detached(&self) -> Text {
        Text(Bytes::copy_from_slice(&self.0))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(Bytes::from(text.into_bytes()))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_when_no_utf8_are_no_text() {
        assert_eq!(Text::from_utf8(Bytes::from_static(b"a\xff")), Err(NotUtf8));
        assert_eq!(Text::from_utf8(Bytes::from_static("ä".as_bytes())).unwrap(), "ä");
    }

    #[test]
    fn text_when_detached_leaves_its_frame() {
        let frame = Bytes::from(b"abcdef".to_vec());
        let text = Text::from_utf8(frame.slice(1..3)).unwrap();
        let detached = text.detached();
        assert_eq!(detached, text);
        assert_ne!(detached.as_bytes().as_ptr(), text.as_bytes().as_ptr());
    }
}
