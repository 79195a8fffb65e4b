//! Writes MessagePack in its shortest forms. Floats are always 64 bits wide: receivers with static types expect that.

use crate::codec::{self, Big};

pub(crate) struct Writer;

impl codec::Writer for Writer {
    const TAIL: &'static [u8] = b"";
    const COUNTED: bool = true;

    fn list(out: &mut Vec<u8>, len: usize) {
        match len {
            0..=15 => out.push(0x90 | len as u8),
            16..=0xffff => wide(out, 0xdc, &(len as u16).to_be_bytes()),
            _ => wide(out, 0xdd, &(len as u32).to_be_bytes()),
        }
    }

    fn list_end(_out: &mut Vec<u8>) {}

    fn map(out: &mut Vec<u8>, len: usize) {
        match len {
            0..=15 => out.push(0x80 | len as u8),
            16..=0xffff => wide(out, 0xde, &(len as u16).to_be_bytes()),
            _ => wide(out, 0xdf, &(len as u32).to_be_bytes()),
        }
    }

    fn map_end(_out: &mut Vec<u8>) {}

    fn key(out: &mut Vec<u8>, key: &[u8]) {
        Self::text(out, key);
    }

    fn null(out: &mut Vec<u8>) {
        out.push(0xc0);
    }

    fn boolean(out: &mut Vec<u8>, value: bool) {
        out.push(0xc2 | u8::from(value));
    }

    fn uint(out: &mut Vec<u8>, value: u64) {
        match value {
            0..=0x7f => out.push(value as u8),
            0x80..=0xff => wide(out, 0xcc, &[value as u8]),
            0x100..=0xffff => wide(out, 0xcd, &(value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => wide(out, 0xce, &(value as u32).to_be_bytes()),
            _ => wide(out, 0xcf, &value.to_be_bytes()),
        }
    }

    fn negative(out: &mut Vec<u8>, n: u64) {
        // -1 - n in two's complement.
        let value = !n;
        match n {
            0..=0x1f => out.push(value as u8),
            0x20..=0x7f => wide(out, 0xd0, &[value as u8]),
            0x80..=0x7fff => wide(out, 0xd1, &(value as u16).to_be_bytes()),
            0x8000..=0x7fff_ffff => wide(out, 0xd2, &(value as u32).to_be_bytes()),
            0x8000_0000..=0x7fff_ffff_ffff_ffff => wide(out, 0xd3, &value.to_be_bytes()),
            _ => Self::big(out, &Big::negative(n)),
        }
    }

    fn big(out: &mut Vec<u8>, value: &Big<'_>) {
        match value.small() {
            Some((false, n)) => return Self::uint(out, n),
            // What is below the range of 64 bits comes from `negative` and must not go back there.
            Some((true, n)) if n <= i64::MAX as u64 => return Self::negative(out, n),
            _ => {}
        }
        if let Some(float) = value.exact_float() {
            Self::float(out, float);
        } else if let Some(digits) = value.digits() {
            Self::text(out, &digits);
        } else {
            Self::binary(out, value.raw());
        }
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        wide(out, 0xcb, &value.to_be_bytes());
    }

    #[inline]
    fn text(out: &mut Vec<u8>, value: &[u8]) {
        match value.len() {
            len @ 0..=31 => out.push(0xa0 | len as u8),
            len @ 32..=0xff => wide(out, 0xd9, &[len as u8]),
            len @ 0x100..=0xffff => wide(out, 0xda, &(len as u16).to_be_bytes()),
            len => wide(out, 0xdb, &(len as u32).to_be_bytes()),
        }
        out.extend_from_slice(value);
    }

    fn binary(out: &mut Vec<u8>, value: &[u8]) {
        match value.len() {
            len @ 0..=0xff => wide(out, 0xc4, &[len as u8]),
            len @ 0x100..=0xffff => wide(out, 0xc5, &(len as u16).to_be_bytes()),
            len => wide(out, 0xc6, &(len as u32).to_be_bytes()),
        }
        out.extend_from_slice(value);
    }

    fn options(out: &mut Vec<u8>) -> usize {
        out.push(0x80);
        out.len() - 1
    }

    fn options_end(out: &mut Vec<u8>, at: usize, len: usize) {
        match out.get_mut(at) {
            Some(head) if len <= 15 => *head = 0x80 | len as u8,
            _ => {
                let mut head = Vec::new();
                Self::map(&mut head, len);
                out.splice(at..=at, head);
            }
        }
    }
}

fn wide(out: &mut Vec<u8>, head: u8, rest: &[u8]) {
    out.push(head);
    out.extend_from_slice(rest);
}
