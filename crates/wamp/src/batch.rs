//! Batched framing: several messages in one message of the transport, as the subprotocols `wamp.2.NAME.batched` have
//! it. In binary formats each message stands behind its length, 32 bits, big-endian; in JSON each is followed by one
//! octet that JSON has no other use for.

use bytes::{Buf, Bytes};

use crate::Serializer;

/// What follows a JSON message, as Autobahn and Crossbar.io write it.
pub const CANCEL: u8 = 0x18;

/// What follows a JSON message, as the WAMP specification has it.
pub const RECORD_SEPARATOR: u8 = 0x1e;

/// What came is no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// There is no message in it.
    #[error("a batch without a message")]
    Empty,
    /// It ends within a message.
    #[error("a batch ends within a message")]
    Cut,
}

/// The messages of a batch that are not taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    rest: Bytes,
    text: bool,
}

impl Batch {
    /// A batch as it came.
    ///
    /// # Errors
    ///
    /// There is nothing in it.
    pub fn new(serializer: Serializer, bytes: Bytes) -> Result<Self, BatchError> {
        if bytes.is_empty() {
            return Err(BatchError::Empty);
        }
        Ok(Batch { rest: bytes, text: serializer.is_text() })
    }

    /// The next message, a slice of the batch; `None` at its end.
    ///
    /// # Errors
    ///
    /// The batch ends within a message. What was taken before is whole.
    #[allow(clippy::should_implement_trait, reason = "an iterator that may fail is used differently")]
    pub fn next(&mut self) -> Result<Option<Bytes>, BatchError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let len = if self.text {
            self.rest.iter().position(|octet| is_separator(*octet)).ok_or(BatchError::Cut)?
        } else {
            let len = self.rest.try_get_u32().map_err(|_| BatchError::Cut)?;
            usize::try_from(len).ok().filter(|len| *len <= self.rest.len()).ok_or(BatchError::Cut)?
        };
        let message = self.rest.split_to(len);
        if self.text {
            self.rest.advance(1);
        }
        Ok(Some(message))
    }

    /// The octet that follows the next message of a JSON batch.
    pub fn separator(&self) -> Option<u8> {
        self.rest.iter().copied().find(|octet| self.text && is_separator(*octet))
    }
}

fn is_separator(octet: u8) -> bool {
    matches!(octet, CANCEL | RECORD_SEPARATOR)
}

/// What stands before a message of so many octets in a binary batch; `None` beyond 32 bits.
pub fn batch_prefix(len: usize) -> Option<[u8; 4]> {
    u32::try_from(len).ok().map(u32::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of a batch, and how it ends.
    fn taken(serializer: Serializer, bytes: &'static [u8]) -> (Vec<Bytes>, Option<BatchError>) {
        let mut messages = Vec::new();
        let mut batch = match Batch::new(serializer, Bytes::from_static(bytes)) {
            Ok(batch) => batch,
            Err(error) => return (messages, Some(error)),
        };
        loop {
            match batch.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return (messages, None),
                Err(error) => return (messages, Some(error)),
            }
        }
    }

    #[test]
    fn batches_when_whole_cut_and_empty_give_what_they_hold() {
        use BatchError::{Cut, Empty};
        for (serializer, bytes, messages, end) in [
            (Serializer::Json, &b"[1]\x18"[..], &[&b"[1]"[..]][..], None),
            (Serializer::Json, b"[1]\x18[2]\x1e[3]\x18", &[b"[1]", b"[2]", b"[3]"], None),
            (Serializer::Json, b"[1]\x18[2]", &[b"[1]"], Some(Cut)),
            (Serializer::Json, b"\x18", &[b""], None),
            (Serializer::Json, b"", &[], Some(Empty)),
            (Serializer::Cbor, b"\0\0\0\x01a\0\0\0\x02bc", &[b"a", b"bc"], None),
            (Serializer::Cbor, b"\0\0\0\0", &[b""], None),
            (Serializer::Cbor, b"\0\0\0\x01a\0\0\0", &[b"a"], Some(Cut)),
            (Serializer::Cbor, b"\0\0\0\x01a\0\0\0\x02b", &[b"a"], Some(Cut)),
            (Serializer::Cbor, b"\xff\xff\xff\xffab", &[], Some(Cut)),
            (Serializer::Cbor, b"", &[], Some(Empty)),
        ] {
            let messages: Vec<Bytes> = messages.iter().map(|message| Bytes::from_static(message)).collect();
            assert_eq!(taken(serializer, bytes), (messages, end), "{serializer} {bytes:?}");
        }
    }

    #[test]
    fn separator_when_asked_for_is_that_of_the_next_message() {
        let mut batch = Batch::new(Serializer::Json, Bytes::from_static(b"[1]\x1e[2]\x18")).unwrap();
        assert_eq!(batch.separator(), Some(RECORD_SEPARATOR));
        batch.next().unwrap();
        assert_eq!(batch.separator(), Some(CANCEL));
        assert_eq!(Batch::new(Serializer::Cbor, Bytes::from_static(b"\x18")).unwrap().separator(), None);
    }

    #[test]
    fn length_when_written_is_read_back() {
        assert_eq!(batch_prefix(0x01_02_03_04), Some([1, 2, 3, 4]));
        assert_eq!(batch_prefix(1 << 32), None);
    }
}
