//! Writes UBJSON: every integer in its narrowest type, floats always 64 bits wide, lists and maps with their ends.

use super::octet;
use crate::codec::{self, Big};

pub(crate) struct Writer<const BJ: bool>;

/// Appends the octets of a number.
macro_rules! number {
    ($out:expr, $marker:expr, $value:expr) => {{
        $out.push($marker);
        $out.extend_from_slice(&if BJ { $value.to_le_bytes() } else { $value.to_be_bytes() });
    }};
}

impl<const BJ: bool> Writer<BJ> {
    /// A number in decimal digits.
    fn decimal(out: &mut Vec<u8>, digits: &[u8]) {
        out.push(b'H');
        Self::string(out, digits);
    }

    /// A string without its type.
    #[inline]
    fn string(out: &mut Vec<u8>, value: &[u8]) {
        match u8::try_from(value.len()) {
            Ok(len) => out.extend_from_slice(&[b'U', len]),
            Err(_) => <Self as codec::Writer>::uint(out, value.len() as u64),
        }
        out.extend_from_slice(value);
    }
}

impl<const BJ: bool> codec::Writer for Writer<BJ> {
    const TAIL: &'static [u8] = b"]";
    const COUNTED: bool = false;

    fn list(out: &mut Vec<u8>, _len: usize) {
        out.push(b'[');
    }

    fn list_end(out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn map(out: &mut Vec<u8>, _len: usize) {
        out.push(b'{');
    }

    fn map_end(out: &mut Vec<u8>) {
        out.push(b'}');
    }

    fn key(out: &mut Vec<u8>, key: &[u8]) {
        Self::string(out, key);
    }

    fn null(out: &mut Vec<u8>) {
        out.push(b'Z');
    }

    fn boolean(out: &mut Vec<u8>, value: bool) {
        out.push(if value { b'T' } else { b'F' });
    }

    fn uint(out: &mut Vec<u8>, value: u64) {
        match (BJ, value) {
            (_, 0..=0xff) => out.extend_from_slice(&[b'U', value as u8]),
            (false, 0x100..=0x7fff) => number!(out, b'I', (value as i16)),
            (false, 0x8000..=0x7fff_ffff) => number!(out, b'l', (value as i32)),
            (false, 0x8000_0000..=0x7fff_ffff_ffff_ffff) => number!(out, b'L', (value as i64)),
            (false, _) => Self::decimal(out, itoa::Buffer::new().format(value).as_bytes()),
            (true, 0x100..=0xffff) => number!(out, b'u', (value as u16)),
            (true, 0x1_0000..=0xffff_ffff) => number!(out, b'm', (value as u32)),
            (true, _) => number!(out, b'M', value),
        }
    }

    fn negative(out: &mut Vec<u8>, n: u64) {
        // -1 - n in two's complement.
        let value = !n;
        match n {
            0..=0x7f => out.extend_from_slice(&[b'i', value as u8]),
            0x80..=0x7fff => number!(out, b'I', (value as i16)),
            0x8000..=0x7fff_ffff => number!(out, b'l', (value as i32)),
            0x8000_0000..=0x7fff_ffff_ffff_ffff => number!(out, b'L', (value as i64)),
            _ => Self::decimal(out, itoa::Buffer::new().format(-1 - i128::from(n)).as_bytes()),
        }
    }

    fn big(out: &mut Vec<u8>, value: &Big<'_>) {
        match (value.small(), value.digits()) {
            (Some((false, n)), _) => Self::uint(out, n),
            (Some((true, n)), _) => Self::negative(out, n),
            (None, Some(digits)) => Self::decimal(out, &digits),
            (None, None) => Self::binary(out, value.raw()),
        }
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        // Draft 12 has no infinities.
        if BJ || value.is_finite() { number!(out, b'D', value) } else { Self::null(out) }
    }

    #[inline]
    fn text(out: &mut Vec<u8>, value: &[u8]) {
        out.push(b'S');
        Self::string(out, value);
    }

    fn binary(out: &mut Vec<u8>, value: &[u8]) {
        out.extend_from_slice(&[b'[', b'$', octet::<BJ>(), b'#']);
        Self::string(out, value);
    }

    fn options(out: &mut Vec<u8>) -> usize {
        out.push(b'{');
        0
    }

    fn options_end(out: &mut Vec<u8>, _at: usize, _len: usize) {
        out.push(b'}');
    }
}
