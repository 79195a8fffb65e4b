//! The header of a frame (RFC 6455 §5.2), read and written without any memory of its own.

use crate::{Control, Data, FrameError, OpCode};

/// The longest payload of a control frame, in octets.
pub const MAX_CONTROL: usize = 125;

/// The reserved bit of the first frame of a message that permessage-deflate compressed, RSV1 (RFC 7692 §6).
pub(crate) const COMPRESSED: u8 = 4;

/// Which side of a connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We accepted it: what comes must be masked.
    Server,
    /// We opened it: what comes must not be masked.
    Client,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// The three reserved bits, 0 to 7; RSV1 is 4.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: OpCode,
    /// The key its payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Octets of payload, below 2^63.
    pub len: u64,
}

/// A header as it goes over the wire, 2 to 14 octets.
#[derive(Debug, Clone, Copy)]
pub struct HeaderBytes {
    octets: [u8; 14],
    len: usize,
}

impl HeaderBytes {
    /// The octets.
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, octets: &[u8]) {
        for (slot, octet) in self.octets.iter_mut().skip(self.len).zip(octets) {
            *slot = *octet;
        }
        self.len += octets.len();
    }
}

impl Header {
    /// Reads a header and tells how many octets it took; `None` while it is not whole.
    ///
    /// # Errors
    ///
    /// A length that is not written in its shortest form or beyond 2^63, and a reserved opcode.
    pub fn parse(input: &[u8]) -> Result<Option<(Header, usize)>, FrameError> {
        let Some((&[first, second], rest)) = input.split_first_chunk::<2>() else { return Ok(None) };
        let (len, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk::<2>() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            len => (u64::from(len), rest),
        };
        if length_code(len) != second & 0x7f || len >> 63 != 0 {
            return Err(FrameError::BadLength);
        }
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            match rest.split_first_chunk::<4>() {
                Some((mask, rest)) => (Some(*mask), rest),
                None => return Ok(None),
            }
        };
        let header =
            Header { fin: first & 0x80 != 0, rsv: first >> 4 & 7, opcode: opcode(first)?, mask, len };
        Ok(Some((header, input.len() - rest.len())))
    }

    /// Writes it.
    pub fn bytes(&self) -> HeaderBytes {
        let mut out = HeaderBytes { octets: [0; 14], len: 0 };
        let code = length_code(self.len);
        let first = u8::from(self.fin) << 7 | (self.rsv & 7) << 4 | u8::from(self.opcode) & 0x0f;
        out.push(&[first, u8::from(self.mask.is_some()) << 7 | code]);
        let len = self.len.to_be_bytes();
        match code {
            126 => out.push(len.last_chunk::<2>().unwrap_or(&[0; 2])),
            127 => out.push(&len),
            _ => {}
        }
        if let Some(mask) = self.mask {
            out.push(&mask);
        }
        out
    }
}

/// The seven bits for a length: itself, or how many octets follow.
fn length_code(len: u64) -> u8 {
    match u8::try_from(len) {
        Ok(short @ 0..=125) => short,
        _ if len <= u64::from(u16::MAX) => 126,
        _ => 127,
    }
}

/// The opcode in a frame's first octet.
pub(crate) fn opcode(first: u8) -> Result<OpCode, FrameError> {
    Ok(match first & 0x0f {
        0 => OpCode::Data(Data::Continue),
        1 => OpCode::Data(Data::Text),
        2 => OpCode::Data(Data::Binary),
        8 => OpCode::Control(Control::Close),
        9 => OpCode::Control(Control::Ping),
        10 => OpCode::Control(Control::Pong),
        reserved => return Err(FrameError::ReservedOpcode(reserved)),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use tungstenite::protocol::frame::FrameHeader;

    use super::*;

    fn theirs(header: &Header) -> FrameHeader {
        FrameHeader {
            is_final: header.fin,
            rsv1: header.rsv & 4 != 0,
            rsv2: header.rsv & 2 != 0,
            rsv3: header.rsv & 1 != 0,
            opcode: header.opcode,
            mask: header.mask,
        }
    }

    fn any_header() -> impl Strategy<Value = Header> {
        let opcodes = proptest::sample::select(vec![0u8, 1, 2, 8, 9, 10]);
        let lengths = prop_oneof![
            0..130u64,
            65_530..65_540u64,
            any::<u64>().prop_map(|len| len >> 1),
            Just(125),
            Just(126),
            Just(65_535),
            Just(65_536)
        ];
        (any::<bool>(), 0..8u8, opcodes, any::<Option<[u8; 4]>>(), lengths).prop_map(
            |(fin, rsv, code, mask, len)| Header { fin, rsv, opcode: opcode(code).unwrap(), mask, len },
        )
    }

    proptest! {
        #[test]
        fn headers_are_written_and_read_as_tungstenite_does(header in any_header()) {
            let ours = header.bytes();
            let mut written = Vec::new();
            theirs(&header).format(header.len, &mut written).unwrap();
            prop_assert_eq!(ours.as_slice(), &written);

            let parsed = FrameHeader::parse(&mut Cursor::new(&written)).unwrap().unwrap();
            prop_assert_eq!(parsed, (theirs(&header), header.len));

            for end in 0..written.len() {
                prop_assert_eq!(Header::parse(&written[..end]), Ok(None));
            }
            let size = written.len();
            written.extend_from_slice(b"payload");
            prop_assert_eq!(Header::parse(&written), Ok(Some((header, size))));
        }

        #[test]
        fn any_octets_are_read_as_tungstenite_reads_them_or_refused(octets: [u8; 14]) {
            let ours = Header::parse(&octets);
            let mut cursor = Cursor::new(&octets[..]);
            match (ours, FrameHeader::parse(&mut cursor)) {
                (Ok(Some((header, size))), Ok(Some((other, len)))) => {
                    prop_assert_eq!((theirs(&header), header.len), (other, len));
                    prop_assert_eq!(size as u64, cursor.position());
                }
                (Err(FrameError::ReservedOpcode(_)), Err(_)) | (Err(FrameError::BadLength), _) => {}
                (ours, other) => prop_assert!(false, "{ours:?} {other:?}"),
            }
        }
    }

    #[test]
    fn length_must_be_written_in_its_shortest_form() {
        for octets in [
            &b"\x82\x7e\x00\x7d"[..],
            b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
            b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
        ] {
            assert_eq!(Header::parse(octets), Err(FrameError::BadLength), "{octets:?}");
        }
    }
}
