//! Frames on their way out (RFC 6455 §5).

use std::ops::Range;

use bytes::Bytes;
use transom_base::Queue;

use crate::frame::COMPRESSED;
use crate::{CloseFrame, Control, Data, Header, HeaderBytes, OpCode, Role, mask};

/// Masked payloads up to this size are written into the queue's own buffer, larger ones beside it.
const MASKED_IN_PLACE: usize = 16 * 1024;

/// Where frames are written.
pub trait Output {
    /// Appends a copy.
    fn copy(&mut self, bytes: &[u8]);

    /// Appends a piece that may be shared instead of copied.
    fn share(&mut self, bytes: &Bytes);

    /// Appends a piece that is written in place: `write` gets a buffer and only appends to it.
    fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>));
}

impl Output for Queue {
    fn copy(&mut self, bytes: &[u8]) {
        Queue::copy(self, bytes);
    }

    fn share(&mut self, bytes: &Bytes) {
        Queue::share(self, bytes);
    }

    fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        Queue::append_with(self, write);
    }
}

impl Output for Vec<u8> {
    fn copy(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn share(&mut self, bytes: &Bytes) {
        self.extend_from_slice(bytes);
    }

    fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self);
    }
}

/// The payload of a message in three pieces, so that the middle one need not be copied.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// What comes first.
    pub head: &'a [u8],
    /// What is shared when it is large.
    pub body: &'a Bytes,
    /// What comes last.
    pub tail: &'a [u8],
}

impl Parts<'_> {
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.body.len() + self.tail.len()
    }

    /// Hands on the octets from `from` to `to`.
    fn cut(&self, from: usize, to: usize, out: &mut impl Output) {
        let within = |start: usize, len: usize| {
            let at = |n: usize| n.saturating_sub(start).min(len);
            at(from)..at(to)
        };
        let (head, body) = (self.head.len(), self.body.len());
        out.copy(self.head.get(within(0, head)).unwrap_or_default());
        let middle = within(head, body);
        if middle.len() == body {
            out.share(self.body);
        } else if !middle.is_empty() {
            out.share(&self.body.slice(middle));
        }
        out.copy(self.tail.get(within(head + body, self.tail.len())).unwrap_or_default());
    }
}

/// How our side writes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Set the mask bit and send a key, as clients must.
    pub mask: bool,
    /// Really mask the payload with that key.
    pub apply_mask: bool,
    /// The longest payload of one frame of a message, in octets; longer messages are split. At least 1.
    pub fragment: usize,
}

impl Framing {
    /// What RFC 6455 asks of a role; messages are never split.
    pub fn new(role: Role) -> Self {
        Framing { mask: role == Role::Client, apply_mask: true, fragment: usize::MAX }
    }

    /// Octets of a message on the wire, headers included.
    pub fn message_len(&self, payload: usize) -> usize {
        let step = self.fragment.max(1);
        if payload <= step {
            return self.frame_len(payload);
        }
        let full = payload / step;
        let rest = payload % step;
        let last = if rest > 0 { self.frame_len(rest) } else { 0 };
        full * self.frame_len(step) + last
    }

    /// Writes one message.
    #[inline]
    pub fn message(&self, kind: Data, payload: Parts<'_>, out: &mut impl Output) {
        self.frames(kind, 0, payload, out);
    }

    /// Writes one message that permessage-deflate made of another (RFC 7692 §6).
    pub fn compressed(&self, kind: Data, payload: Parts<'_>, out: &mut impl Output) {
        self.frames(kind, COMPRESSED, payload, out);
    }

    #[inline]
    fn frames(&self, kind: Data, rsv: u8, payload: Parts<'_>, out: &mut impl Output) {
        let len = payload.len();
        let step = self.fragment.max(1);
        let (mut kind, mut rsv) = (kind, rsv);
        let mut from = 0usize;
        loop {
            let to = from.saturating_add(step).min(len);
            self.frame(OpCode::Data(kind), to == len, rsv, payload, from..to, out);
            if to == len {
                return;
            }
            from = to;
            (kind, rsv) = (Data::Continue, 0);
        }
    }

    /// The header of a message in one frame, where that is all that is to be done about it.
    pub(crate) fn plain_header(&self, kind: Data, len: usize) -> Option<HeaderBytes> {
        let header = Header { fin: true, rsv: 0, opcode: OpCode::Data(kind), mask: None, len: len as u64 };
        (!self.mask && len <= self.fragment.max(1)).then(|| header.bytes())
    }

    /// Octets of a control frame on the wire.
    pub fn control_len(&self, payload: usize) -> usize {
        self.frame_len(payload)
    }

    /// Writes a control frame; the payload is at most [`MAX_CONTROL`](crate::MAX_CONTROL) octets, or a peer will
    /// refuse it.
    pub fn control(&self, kind: Control, payload: &[u8], out: &mut impl Output) {
        let parts = Parts { head: payload, body: &Bytes::new(), tail: b"" };
        self.frame(OpCode::Control(kind), true, 0, parts, 0..payload.len(), out);
    }

    /// Writes a close frame.
    pub fn close(&self, close: Option<&CloseFrame>, out: &mut impl Output) {
        let payload = close.map(CloseFrame::payload).unwrap_or_default();
        self.control(Control::Close, &payload, out);
    }

    fn frame_len(&self, payload: usize) -> usize {
        let length = match payload {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + length + if self.mask { 4 } else { 0 } + payload
    }

    fn frame(
        &self,
        opcode: OpCode,
        fin: bool,
        rsv: u8,
        payload: Parts<'_>,
        part: Range<usize>,
        out: &mut impl Output,
    ) {
        let Range { start: from, end: to } = part;
        let mask = self.mask.then(mask::key);
        let header = Header { fin, rsv, opcode, mask, len: (to - from) as u64 };
        out.copy(header.bytes().as_slice());
        let masked = |buffer: &mut Vec<u8>, key| {
            let start = buffer.len();
            payload.cut(from, to, buffer);
            mask::apply(buffer.get_mut(start..).unwrap_or_default(), key, 0);
        };
        match mask {
            Some(key) if self.apply_mask && to - from <= MASKED_IN_PLACE => {
                out.append_with(|buffer| masked(buffer, key));
            }
            Some(key) if self.apply_mask => {
                let mut buffer = Vec::with_capacity(to - from);
                masked(&mut buffer, key);
                out.share(&Bytes::from(buffer));
            }
            _ => payload.cut(from, to, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(framing: Framing, kind: Data, head: &[u8], body: &'static [u8], tail: &[u8]) -> Vec<u8> {
        let body = Bytes::from_static(body);
        let mut out = Vec::new();
        framing.message(kind, Parts { head, body: &body, tail }, &mut out);
        assert_eq!(out.len(), framing.message_len(head.len() + body.len() + tail.len()));
        out
    }

    #[test]
    fn examples_of_rfc_6455_section_5_7() {
        let server = Framing::new(Role::Server);
        assert_eq!(written(server, Data::Text, b"He", b"ll", b"o"), b"\x81\x05Hello");
        let halves = Framing { fragment: 3, ..server };
        assert_eq!(written(halves, Data::Text, b"", b"Hello", b""), b"\x01\x03Hel\x80\x02lo");
        let mut ping = Vec::new();
        server.control(Control::Ping, b"Hello", &mut ping);
        assert_eq!(ping, b"\x89\x05Hello");
        let long = written(server, Data::Binary, b"", &[7; 256], b"");
        assert_eq!(long[..4], [0x82, 0x7e, 0x01, 0x00]);
        let longer = written(server, Data::Binary, b"", &[7; 65536], b"");
        assert_eq!(longer[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn message_is_split_across_its_pieces() {
        for fragment in 1..=11 {
            let framing = Framing { fragment, ..Framing::new(Role::Server) };
            let out = written(framing, Data::Binary, b"abc", b"defg", b"hij");
            let mut rest = &out[..];
            let mut joined = Vec::new();
            let mut first = true;
            while let Some((header, size)) = Header::parse(rest).unwrap() {
                let expected = if first { Data::Binary } else { Data::Continue };
                assert_eq!(header.opcode, OpCode::Data(expected));
                let (payload, next) = rest[size..].split_at(header.len as usize);
                assert!(payload.len() <= fragment);
                assert_eq!(header.fin, next.is_empty());
                joined.extend_from_slice(payload);
                rest = next;
                first = false;
            }
            assert_eq!(joined, b"abcdefghij", "fragments of {fragment}");
        }
    }

    #[test]
    fn empty_message_is_one_empty_frame() {
        let split = Framing { fragment: 4, ..Framing::new(Role::Server) };
        assert_eq!(written(split, Data::Text, b"", b"", b""), b"\x81\x00");
        assert_eq!(written(split, Data::Text, b"", b"1234", b""), b"\x81\x041234");
    }

    #[test]
    fn mask_that_is_not_applied_leaves_the_payload() {
        let framing = Framing { apply_mask: false, ..Framing::new(Role::Client) };
        let out = written(framing, Data::Text, b"Hello", b"", b"");
        assert_eq!((out[1], &out[6..]), (0x85, &b"Hello"[..]));
    }
}
