//! UTF-8 text that shares the memory of the frame it came in.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// Text that is cheap to clone and to cut out of a received frame. Always valid UTF-8.
#[derive(Clone)]
pub struct Text(Repr);

/// Short text stands in place: it costs no reference to count, and keeps no frame in memory.
#[derive(Clone)]
enum Repr {
    Short { len: u8, bytes: [u8; SHORT] },
    Shared(Bytes),
}

/// The longest text in bytes that stands in place: as much as fits without making [`Text`] larger than [`Bytes`].
const SHORT: usize = 23;

/// Bytes that are no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text is not valid UTF-8")]
pub struct NotUtf8;

impl Text {
    /// Text that lives as long as the program.
    pub const fn from_static(text: &'static str) -> Self {
        Text(Repr::Shared(Bytes::from_static(text.as_bytes())))
    }

    /// Checks that bytes are UTF-8 and keeps them.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, NotUtf8> {
        match simdutf8::basic::from_utf8(&bytes) {
            Ok(_) => Ok(Text::short(&bytes).unwrap_or(Text(Repr::Shared(bytes)))),
            Err(_) => Err(NotUtf8),
        }
    }

    /// Text that stands in a frame, from bytes that a reader has checked.
    #[inline]
    pub(crate) fn within(frame: &Bytes, bytes: &[u8]) -> Self {
        debug_assert!(simdutf8::basic::from_utf8(bytes).is_ok());
        Text::short(bytes).unwrap_or_else(|| Text(Repr::Shared(frame.slice_ref(bytes))))
    }

    /// Text from bytes that a reader has checked.
    pub(crate) fn checked(bytes: Vec<u8>) -> Self {
        debug_assert!(simdutf8::basic::from_utf8(&bytes).is_ok());
        Text::short(&bytes).unwrap_or_else(|| Text(Repr::Shared(bytes.into())))
    }

    #[inline]
    fn short(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Text(Repr::Short { len: text.len() as u8, bytes }))
    }

    fn copied(text: &[u8]) -> Self {
        Text::short(text).unwrap_or_else(|| Text(Repr::Shared(Bytes::copy_from_slice(text))))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Checked when it was made. A second check costs a few nanoseconds and needs no unsafe code.
        simdutf8::basic::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text's bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// A copy in memory of its own, for texts that outlive the frame they came in.
    #[must_use]
    pub fn detached(&self) -> Text {
        Text::copied(self.as_bytes())
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
        Text::copied(text.as_bytes())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::checked(text.into_bytes())
    }
}

impl Default for Text {
    fn default() -> Self {
        Text(Repr::Short { len: 0, bytes: [0; SHORT] })
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
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
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn bytes_when_no_utf8_are_no_text() {
        assert_eq!(Text::from_utf8(Bytes::from_static(b"a\xff")), Err(NotUtf8));
        assert_eq!(Text::from_utf8(Bytes::from_static("ä".as_bytes())).unwrap(), "ä");
    }

    #[test]
    fn text_when_longer_than_fits_in_place_shares_its_frame_until_detached() {
        let frame = Bytes::from(vec![b'a'; 2 * SHORT]);
        let text = Text::within(&frame, &frame[1..SHORT + 2]);
        assert_eq!(text.as_bytes().as_ptr(), frame[1..].as_ptr());
        let detached = text.detached();
        assert_eq!(detached, text);
        assert_ne!(detached.as_bytes().as_ptr(), text.as_bytes().as_ptr());
    }

    #[test]
    fn text_is_the_same_wherever_it_stands() {
        assert_eq!(size_of::<Text>(), size_of::<Bytes>());
        let keys = std::hash::RandomState::new();
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 3 * SHORT] {
            let whole: &'static str = String::leak("z".repeat(len));
            let frame = Bytes::from_static(whole.as_bytes());
            let same = [
                Text::from_static(whole),
                Text::from(whole),
                Text::from(whole.to_owned()),
                Text::from_utf8(frame.clone()).unwrap(),
                Text::within(&frame, &frame),
                Text::from(whole).detached(),
            ];
            for text in &same {
                assert_eq!((text.as_str(), text), (whole, &same[0]));
                assert_eq!(keys.hash_one(text), keys.hash_one(&same[0]));
                assert!(*text < Text::from(format!("{whole}a")));
                assert_eq!(*text > Text::from("y".repeat(3 * SHORT)), len > 0);
            }
        }
    }
}
