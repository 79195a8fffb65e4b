//! Frames of RawSocket (WAMP specification, RawSocket transport) and WebSocket (RFC 6455 §5.2), as far as a
//! client meets them: headers out, boundaries in.

use super::{Carrier, Encoding, Wire};
use crate::error::{Error, Result};

/// Which end writes: a WebSocket client must mask, a server must not (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Ping,
    Pong,
    Close,
}

/// One frame at the start of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) body: &'a [u8],
    /// Octets the whole frame takes.
    pub(crate) len: usize,
}

/// Appends the header of a message of `len` octets (below 16 MiB).
///
/// The mask key is 0: legal on the wire, and it leaves the body as it is, so that masking costs the generator
/// nothing while the router unmasks as ever.
pub(crate) fn append_header(wire: Wire, side: Side, out: &mut Vec<u8>, len: usize) {
    match wire.carrier {
        Carrier::RawSocket => out.extend_from_slice(&(len as u32).to_be_bytes()),
        Carrier::WebSocket => {
            let opcode = match wire.encoding {
                Encoding::Json => 1,
                Encoding::MessagePack => 2,
            };
            websocket_header(opcode, side, out, len);
        }
    }
}

/// Appends the answer to a ping.
pub(crate) fn append_pong(carrier: Carrier, out: &mut Vec<u8>, body: &[u8]) {
    match carrier {
        Carrier::RawSocket => out.extend_from_slice(&(body.len() as u32 | 2 << 24).to_be_bytes()),
        Carrier::WebSocket => websocket_header(10, Side::Client, out, body.len()),
    }
    out.extend_from_slice(body);
}

fn websocket_header(opcode: u8, side: Side, out: &mut Vec<u8>, len: usize) {
    let mask = if side == Side::Client { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    match len {
        0..126 => out.push(mask | len as u8),
        126..=0xffff => {
            out.push(mask | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if side == Side::Client {
        out.extend_from_slice(&[0; 4]);
    }
}

/// The first frame of `input`; `None` when it is not complete yet.
pub(crate) fn split(carrier: Carrier, input: &[u8]) -> Result<Option<Frame<'_>>> {
    match carrier {
        Carrier::RawSocket => rawsocket(input),
        Carrier::WebSocket => websocket(input),
    }
}

fn rawsocket(input: &[u8]) -> Result<Option<Frame<'_>>> {
    let Some((prefix, rest)) = input.split_first_chunk::<4>() else { return Ok(None) };
    let prefix = u32::from_be_bytes(*prefix);
    let kind = match prefix >> 24 {
        0 => Kind::Message,
        1 => Kind::Ping,
        2 => Kind::Pong,
        _ => return Err(Error::Frame("RawSocket prefix with reserved bits")),
    };
    let len = (prefix & 0x00ff_ffff) as usize;
    Ok(rest.get(..len).map(|body| Frame { kind, body, len: len + 4 }))
}

fn websocket(input: &[u8]) -> Result<Option<Frame<'_>>> {
    let Some((&[first, second], rest)) = input.split_first_chunk::<2>() else { return Ok(None) };
    let kind = match first {
        0x81 | 0x82 => Kind::Message,
        0x88 => Kind::Close,
        0x89 => Kind::Ping,
        0x8a => Kind::Pong,
        0x00..=0x02 => {
            return Err(Error::Frame("fragmented WebSocket message (fragmenting is not measured)"));
        }
        _ => return Err(Error::Frame("WebSocket opcode or reserved bits")),
    };
    let (len, rest, header) = match second {
        0..126 => (usize::from(second), rest, 2),
        126 => match rest.split_first_chunk::<2>() {
            Some((len, rest)) => (usize::from(u16::from_be_bytes(*len)), rest, 4),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((len, rest)) => {
                let len = usize::try_from(u64::from_be_bytes(*len));
                (len.map_err(|_| Error::Frame("WebSocket length"))?, rest, 10)
            }
            None => return Ok(None),
        },
        _ => return Err(Error::Frame("masked WebSocket frame")),
    };
    Ok(rest.get(..len).map(|body| Frame { kind, body, len: len + header }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(wire: Wire, side: Side, len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        append_header(wire, side, &mut out, len);
        out.resize(out.len() + len, b'x');
        out
    }

    #[test]
    fn frames_of_every_length_form_when_split_come_out_whole_and_not_before() {
        for wire in [Wire::RS_MSGPACK, Wire::WS_JSON] {
            for len in [1, 125, 126, 65_535, 65_536] {
                let bytes = framed(wire, Side::Server, len);
                let frame = split(wire.carrier, &bytes).unwrap().unwrap();
                assert_eq!((frame.kind, frame.body.len(), frame.len), (Kind::Message, len, bytes.len()));
                for cut in [0, 1, 2, 3, 9, bytes.len() - 1] {
                    let part = &bytes[..cut.min(bytes.len() - 1)];
                    assert_eq!(split(wire.carrier, part).unwrap(), None, "{wire:?} {len} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn client_frames_when_read_by_an_independent_server_carry_the_body_unchanged() {
        for len in [1usize, 125, 126, 65_535, 65_536] {
            let bytes = framed(Wire::WS_JSON, Side::Client, len);
            let mut cursor = std::io::Cursor::new(&bytes);
            let (header, body) =
                tungstenite::protocol::frame::FrameHeader::parse(&mut cursor).unwrap().unwrap();
            assert_eq!(header.mask, Some([0; 4]));
            assert_eq!(body as usize, len);
            assert_eq!(cursor.position() as usize + len, bytes.len());
        }
    }

    #[test]
    fn illegal_frames_when_split_are_refused() {
        assert!(split(Carrier::RawSocket, &[0x80, 0, 0, 1, 0]).is_err());
        assert!(split(Carrier::RawSocket, &[3, 0, 0, 1, 0]).is_err());
        assert!(split(Carrier::WebSocket, &[0x81, 0x81, 0, 0, 0, 0, 0]).is_err());
        assert!(split(Carrier::WebSocket, &[0x01, 0x01, 0]).is_err());
        assert!(split(Carrier::WebSocket, &[0xc1, 0x01, 0]).is_err());
    }

    #[test]
    fn ping_when_answered_gets_its_own_body_back() {
        let mut out = Vec::new();
        append_pong(Carrier::RawSocket, &mut out, b"abc");
        assert_eq!(out, [2, 0, 0, 3, b'a', b'b', b'c']);
        out.clear();
        append_pong(Carrier::WebSocket, &mut out, b"abc");
        assert_eq!(out, [0x8a, 0x83, 0, 0, 0, 0, b'a', b'b', b'c']);
    }
}
