//! Writes JSON without space. Whether a comma is due shows in the last byte written: only an opening bracket, a colon
//! and a comma are followed by a value without one, and no value ends with those.

use std::io::Write as _;

use super::text;
use crate::codec::{self, Big};

pub(crate) struct Writer;

impl Writer {
    #[inline]
    fn separate(out: &mut Vec<u8>) {
        if !matches!(out.last(), None | Some(b'[' | b'{' | b':' | b',')) {
            out.push(b',');
        }
    }

    #[inline]
    fn plain(out: &mut Vec<u8>, bytes: &[u8]) {
        Self::separate(out);
        out.extend_from_slice(bytes);
    }
}

impl codec::Writer for Writer {
    const TAIL: &'static [u8] = b"]";
    const COUNTED: bool = false;

    fn list(out: &mut Vec<u8>, _len: usize) {
        Self::plain(out, b"[");
    }

    fn list_end(out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn map(out: &mut Vec<u8>, _len: usize) {
        Self::plain(out, b"{");
    }

    fn map_end(out: &mut Vec<u8>) {
        out.push(b'}');
    }

    fn key(out: &mut Vec<u8>, key: &[u8]) {
        Self::text(out, key);
        out.push(b':');
    }

    fn null(out: &mut Vec<u8>) {
        Self::plain(out, b"null");
    }

    fn boolean(out: &mut Vec<u8>, value: bool) {
        Self::plain(out, if value { b"true" } else { b"false" });
    }

    fn uint(out: &mut Vec<u8>, value: u64) {
        Self::plain(out, itoa::Buffer::new().format(value).as_bytes());
    }

    fn negative(out: &mut Vec<u8>, n: u64) {
        Self::plain(out, itoa::Buffer::new().format(-1 - i128::from(n)).as_bytes());
    }

    fn big(out: &mut Vec<u8>, value: &Big<'_>) {
        match value.digits() {
            Some(digits) => Self::plain(out, &digits),
            None => Self::binary(out, value.raw()),
        }
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        if value.is_finite() {
            Self::separate(out);
            // The shortest digits that give the same number again. Writing to memory does not fail.
            let _ = write!(out, "{value:?}");
        } else {
            Self::null(out);
        }
    }

    #[inline]
    fn text(out: &mut Vec<u8>, value: &[u8]) {
        Self::separate(out);
        text::write(out, value);
    }

    fn binary(out: &mut Vec<u8>, value: &[u8]) {
        Self::separate(out);
        text::write_binary(out, value);
    }

    fn options(out: &mut Vec<u8>) -> usize {
        Self::plain(out, b"{");
        0
    }

    fn options_end(out: &mut Vec<u8>, _at: usize, _len: usize) {
        out.push(b'}');
    }

    fn before_payload(out: &mut Vec<u8>) {
        out.push(b',');
    }
}
