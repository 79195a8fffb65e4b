//! Writes CBOR in its preferred encoding (RFC 8949 section 4.1).

use crate::codec::{self, Big, half};

pub(crate) struct Writer;

const UINT: u8 = 0;
const NEGATIVE: u8 = 1 << 5;
const BINARY: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
const LIST: u8 = 4 << 5;
const MAP: u8 = 5 << 5;
const TAG: u8 = 6 << 5;

#[inline]
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

impl codec::Writer for Writer {
    const TAIL: &'static [u8] = b"";
    const COUNTED: bool = true;

    fn list(out: &mut Vec<u8>, len: usize) {
        head(out, LIST, len as u64);
    }

    fn list_end(_out: &mut Vec<u8>) {}

    fn map(out: &mut Vec<u8>, len: usize) {
        head(out, MAP, len as u64);
    }

    fn map_end(_out: &mut Vec<u8>) {}

    fn key(out: &mut Vec<u8>, key: &[u8]) {
        Self::text(out, key);
    }

    fn null(out: &mut Vec<u8>) {
        out.push(0xf6);
    }

    fn boolean(out: &mut Vec<u8>, value: bool) {
        out.push(0xf4 | u8::from(value));
    }

    fn uint(out: &mut Vec<u8>, value: u64) {
        head(out, UINT, value);
    }

    fn negative(out: &mut Vec<u8>, n: u64) {
        head(out, NEGATIVE, n);
    }

    fn big(out: &mut Vec<u8>, value: &Big<'_>) {
        match (value.small(), value.tagged()) {
            (Some((false, n)), _) => Self::uint(out, n),
            (Some((true, n)), _) => Self::negative(out, n),
            (None, Some((negative, bytes))) => {
                head(out, TAG, if negative { 3 } else { 2 });
                Self::binary(out, &bytes);
            }
            (None, None) => Self::text(out, value.raw()),
        }
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        let single = value as f32;
        let exact = f64::from(single) == value || value.is_nan();
        match half::from_f32(single) {
            Some(half) if exact => {
                out.push(0xf9);
                out.extend_from_slice(&half.to_be_bytes());
            }
            _ if exact => {
                out.push(0xfa);
                out.extend_from_slice(&single.to_be_bytes());
            }
            _ => {
                out.push(0xfb);
                out.extend_from_slice(&value.to_be_bytes());
            }
        }
    }

    #[inline]
    fn text(out: &mut Vec<u8>, value: &[u8]) {
        head(out, TEXT, value.len() as u64);
        out.extend_from_slice(value);
    }

    fn binary(out: &mut Vec<u8>, value: &[u8]) {
        head(out, BINARY, value.len() as u64);
        out.extend_from_slice(value);
    }

    fn options(out: &mut Vec<u8>) -> usize {
        out.push(MAP);
        out.len() - 1
    }

    fn options_end(out: &mut Vec<u8>, at: usize, len: usize) {
        match out.get_mut(at) {
            Some(head) if len <= 23 => *head = MAP | len as u8,
            _ => {
                let mut long = Vec::new();
                head(&mut long, MAP, len as u64);
                out.splice(at..=at, long);
            }
        }
    }
}
