//! Frames: a prefix of four octets and a payload (WAMP specification, "RawSocket Transport: Serialization").
//! Without I/O, and both ways the same.
//!
//! ```text
//! RRRR XTTT  LLLLLLLL LLLLLLLL LLLLLLLL    R 0; T 0 message, 1 PING, 2 PONG; L the length; X with L = 0: 2^24
//! ```

use bytes::{Buf, Bytes, BytesMut};

/// Length of a prefix in octets.
pub const PREFIX: usize = 4;

/// The longest payload there is: 2^24 octets.
pub const LONGEST: usize = 1 << 24;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A serialized WAMP message.
    Message,
    /// A question whether the other end lives.
    Ping,
    /// The answer, with the payload of the question.
    Pong,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub kind: Kind,
    /// What it carries: a part of the buffer it was read into.
    pub payload: Bytes,
}

/// Octets are no frame that may come here. The connection is lost: where the next frame begins is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Reserved bits are set in the first octet.
    #[error("reserved bits are set in the frame prefix ({0:#04x})")]
    ReservedBits(u8),
    /// The type is none of those known.
    #[error("frames of type {0} are not known")]
    ReservedType(u8),
    /// The bit for 2^24 stands beside another length.
    #[error("the frame prefix gives two lengths")]
    TwoLengths,
    /// The payload is longer than this end accepts.
    #[error("a frame of {len} octets is longer than the {max} that were agreed")]
    TooLong {
        /// Its length in octets.
        len: usize,
        /// The limit in octets.
        max: usize,
    },
    /// A message without any octets.
    #[error("a message of no octets is no message")]
    EmptyMessage,
}

/// The prefix of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// What the frame is for.
    pub kind: Kind,
    /// Length of the payload in octets, at most [`LONGEST`].
    pub len: usize,
}

impl Prefix {
    /// Reads a prefix. Payloads longer than `max` octets are refused.
    #[inline]
    pub fn parse(octets: [u8; PREFIX], max: usize) -> Result<Prefix, FrameError> {
        let [first, a, b, c] = octets;
        if first & 0xF0 != 0 {
            return Err(FrameError::ReservedBits(first));
        }
        let kind = match first & 0x07 {
            0 => Kind::Message,
            1 => Kind::Ping,
            2 => Kind::Pong,
            other => return Err(FrameError::ReservedType(other)),
        };
        let len = match (first & 0x08 != 0, u32::from_be_bytes([0, a, b, c]) as usize) {
            (false, len) => len,
            (true, 0) => LONGEST,
            (true, _) => return Err(FrameError::TwoLengths),
        };
        if len > max {
            return Err(FrameError::TooLong { len, max });
        }
        if len == 0 && kind == Kind::Message {
            return Err(FrameError::EmptyMessage);
        }
        Ok(Prefix { kind, len })
    }

    /// The four octets. Lengths above [`LONGEST`] cannot be written; their higher bits are lost.
    pub fn to_octets(self) -> [u8; PREFIX] {
        let kind = match self.kind {
            Kind::Message => 0,
            Kind::Ping => 1,
            Kind::Pong => 2,
        };
        let [extra, a, b, c] = (self.len as u32).to_be_bytes();
        [kind | ((extra & 1) << 3), a, b, c]
    }
}

/// Takes the next frame off the front of `input`; `None` when it is not all there yet. Payloads longer than `max`
/// octets are refused as soon as their prefix is read. Nothing is copied.
#[inline]
pub fn take(input: &mut BytesMut, max: usize) -> Result<Option<Frame>, FrameError> {
    let Some(prefix) = input.first_chunk::<PREFIX>() else { return Ok(None) };
    let Prefix { kind, len } = Prefix::parse(*prefix, max)?;
    if input.len() < PREFIX + len {
        return Ok(None);
    }
    let mut payload = input.split_to(PREFIX + len).freeze();
    payload.advance(PREFIX);
    Ok(Some(Frame { kind, payload }))
}

/// Octets of the frame at the front of `input`, prefix included, as far as the prefix is there and legal; else 0.
pub fn wanted(input: &[u8], max: usize) -> usize {
    let prefix = input.first_chunk::<PREFIX>().and_then(|prefix| Prefix::parse(*prefix, max).ok());
    prefix.map_or(0, |prefix| PREFIX + prefix.len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use transom_testkit::every_split;

    use super::*;

    fn message(len: usize) -> Result<Prefix, FrameError> {
        Ok(Prefix { kind: Kind::Message, len })
    }

    #[test]
    fn prefix_when_read_follows_the_table() {
        let max = LONGEST;
        for (octets, max, expected) in [
            ([0, 0, 0, 1], max, message(1)),
            ([0, 1, 2, 3], max, message(0x01_02_03)),
            ([0, 0xFF, 0xFF, 0xFF], max, message(LONGEST - 1)),
            ([8, 0, 0, 0], max, message(LONGEST)),
            ([8, 0, 0, 0], LONGEST - 1, Err(FrameError::TooLong { len: LONGEST, max: LONGEST - 1 })),
            ([8, 0, 0, 1], max, Err(FrameError::TwoLengths)),
            ([0, 0, 2, 0], 512, message(512)),
            ([0, 0, 2, 1], 512, Err(FrameError::TooLong { len: 513, max: 512 })),
            ([0, 0, 0, 0], max, Err(FrameError::EmptyMessage)),
            ([1, 0, 0, 0], max, Ok(Prefix { kind: Kind::Ping, len: 0 })),
            ([2, 0, 0, 9], max, Ok(Prefix { kind: Kind::Pong, len: 9 })),
            ([1, 0, 2, 1], 512, Err(FrameError::TooLong { len: 513, max: 512 })),
            ([3, 0, 0, 1], max, Err(FrameError::ReservedType(3))),
            ([7, 0, 0, 1], max, Err(FrameError::ReservedType(7))),
            ([0x10, 0, 0, 1], max, Err(FrameError::ReservedBits(0x10))),
            ([0x80, 0, 0, 1], max, Err(FrameError::ReservedBits(0x80))),
        ] {
            assert_eq!(Prefix::parse(octets, max), expected, "{octets:x?}");
            if let Ok(prefix) = expected {
                assert_eq!(prefix.to_octets(), octets);
            }
        }
    }

    /// All frames and the error that `pieces` give, fed one after the other.
    fn frames(pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
        let (mut input, mut out) = (BytesMut::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            loop {
                match take(&mut input, 512) {
                    Ok(Some(frame)) => out.push(frame),
                    Ok(None) => break,
                    Err(error) => return (out, Some(error)),
                }
            }
        }
        (out, None)
    }

    #[test]
    fn frames_when_cut_anywhere_are_the_same() {
        let bytes = b"\0\0\0\x03abc\x01\0\0\x02hi\x02\0\0\0\0\0\0\x01!\x10\0\0\x01?";
        let whole = frames(&[bytes]);
        assert_eq!(whole.0.len(), 4);
        assert_eq!(whole.1, Some(FrameError::ReservedBits(0x10)));
        every_split(bytes, |pieces| assert_eq!(frames(pieces), whole, "{pieces:?}"));
    }

    #[test]
    fn payload_when_taken_is_not_copied() {
        let mut input = BytesMut::from(&b"\0\0\0\x05hello\0\0"[..]);
        let at = input[PREFIX..].as_ptr();
        let frame = take(&mut input, 512).unwrap().unwrap();
        assert_eq!(frame.payload.as_ptr(), at);
        assert_eq!(&input[..], b"\0\0");
    }

    proptest! {
        #[test]
        fn octets_when_random_never_panic_and_never_grow(bytes: Vec<u8>, max in 0..2000_usize) {
            let mut input = BytesMut::from(&bytes[..]);
            let mut taken = 0;
            while let Ok(Some(frame)) = take(&mut input, max) {
                prop_assert!(frame.payload.len() <= max);
                taken += PREFIX + frame.payload.len();
            }
            prop_assert_eq!(taken + input.len(), bytes.len());
        }

        #[test]
        fn frames_when_written_are_read_back(
            payloads in prop::collection::vec((0..3_u8, prop::collection::vec(any::<u8>(), 1..50)), 0..10),
            cut in 0..100_usize,
        ) {
            let kinds = [Kind::Message, Kind::Ping, Kind::Pong];
            let expected: Vec<Frame> = payloads
                .into_iter()
                .map(|(kind, payload)| Frame { kind: kinds[usize::from(kind)], payload: payload.into() })
                .collect();
            let mut bytes = Vec::new();
            for frame in &expected {
                bytes.extend(Prefix { kind: frame.kind, len: frame.payload.len() }.to_octets());
                bytes.extend(&frame.payload);
            }
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(frames(&[first, second]), (expected, None));
        }
    }
}
