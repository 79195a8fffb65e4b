//! Integers beyond 64 bits. JSON writes their digits, CBOR their bytes; neither is converted beyond 1024 bits, since
//! that takes time that grows with the square of the length. Longer ones stay text or bytes.

use std::borrow::Cow;

use super::Token;

/// An integer that is written in decimal digits after a sign, if there is one, without leading zeros.
pub(super) fn integer(text: &[u8]) -> Token<'_> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    let mut value = 0u64;
    for digit in digits {
        let next = value.checked_mul(10).and_then(|value| value.checked_add((digit - b'0').into()));
        match next {
            Some(next) => value = next,
            None => return Token::Big(Big::Digits(text)),
        }
    }
    match (negative, value.checked_sub(1)) {
        (true, Some(n)) => Token::Negative(n),
        _ => Token::Uint(value),
    }
}

/// The longest number that is converted, in bytes, and the most decimal digits that it can have.
const MAX_BYTES: usize = 128;
const MAX_DIGITS: usize = 309;

/// An integer that no `u64` holds, nor -1 - n for any `u64` n; or one that was written as if it were.
#[derive(Debug)]
pub(crate) enum Big<'a> {
    /// Decimal digits after a sign, if there is one, without leading zeros: JSON.
    Digits(&'a [u8]),
    /// A number n, most significant byte first, that stands for itself or for -1 - n: CBOR's tags 2 and 3.
    Bytes { negative: bool, bytes: Cow<'a, [u8]> },
}

impl<'a> Big<'a> {
    /// The number -1 - n.
    pub(crate) fn negative(n: u64) -> Self {
        Big::Bytes { negative: true, bytes: Cow::Owned(n.to_be_bytes().to_vec()) }
    }

    /// The number as n or, with the sign, -1 - n, if n fits.
    pub(crate) fn small(&self) -> Option<(bool, u64)> {
        let (negative, limbs) = self.limbs()?;
        match limbs.as_slice() {
            [] => Some((negative, 0)),
            [n] => Some((negative, *n)),
            _ => None,
        }
    }

    /// The float that is exactly this number, if there is one.
    pub(crate) fn exact_float(&self) -> Option<f64> {
        let limbs = self.magnitude()?.1;
        let top = limbs.last()?;
        let bits = limbs.len() * 64 - top.leading_zeros() as usize;
        let zeros = limbs.iter().position(|limb| *limb != 0)?;
        let zeros = zeros * 64 + limbs.get(zeros)?.trailing_zeros() as usize;
        if bits - zeros <= 53 && bits <= 1024 { self.nearest_float() } else { None }
    }

    /// The nearest float, infinite where the number is beyond them all.
    pub(crate) fn nearest_float(&self) -> Option<f64> {
        std::str::from_utf8(&self.digits()?).ok()?.parse().ok()
    }

    /// Decimal digits after a minus sign, if there is one.
    pub(crate) fn digits(&self) -> Option<Cow<'a, [u8]>> {
        if let Big::Digits(digits) = self {
            return Some(Cow::Borrowed(digits));
        }
        let (negative, mut limbs) = self.magnitude()?;
        let mut groups = Vec::new();
        while !limbs.is_empty() {
            groups.push(divide(&mut limbs, 10_000_000_000_000_000_000));
        }
        let mut text = String::from(if negative { "-" } else { "" });
        text.push_str(&groups.pop().unwrap_or_default().to_string());
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:019}"));
        }
        Some(Cow::Owned(text.into_bytes()))
    }

    /// The bytes of n, where the number is n or, with the sign, -1 - n.
    pub(crate) fn tagged(&self) -> Option<(bool, Vec<u8>)> {
        let (negative, limbs) = self.limbs()?;
        let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some((negative, bytes.get(zeros..).unwrap_or_default().to_vec()))
    }

    /// What stands in the input.
    pub(crate) fn raw(&self) -> &[u8] {
        match self {
            Big::Digits(digits) => digits,
            Big::Bytes { bytes, .. } => bytes,
        }
    }

    /// Sign and n in limbs of 64 bits, the least first, the last not 0; the number is n or -1 - n.
    fn limbs(&self) -> Option<(bool, Vec<u64>)> {
        match self {
            Big::Digits(digits) => {
                let (negative, digits) = match digits.split_first() {
                    Some((b'-', rest)) => (true, rest),
                    _ => (false, *digits),
                };
                if digits.len() > MAX_DIGITS {
                    return None;
                }
                let mut limbs = Vec::with_capacity(17);
                for group in digits.chunks(18) {
                    let value = group.iter().fold(0, |n, digit| n * 10 + u64::from(digit.wrapping_sub(b'0')));
                    multiply_add(&mut limbs, 10u64.pow(group.len() as u32), value);
                }
                if negative {
                    subtract_one(&mut limbs);
                }
                (limbs.len() * 8 <= MAX_BYTES).then_some((negative, limbs))
            }
            Big::Bytes { negative, bytes } => {
                let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                let bytes = bytes.get(zeros..).unwrap_or_default();
                if bytes.len() > MAX_BYTES {
                    return None;
                }
                let limb = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
                Some((*negative, bytes.rchunks(8).map(limb).collect()))
            }
        }
    }

    /// Sign and absolute value.
    fn magnitude(&self) -> Option<(bool, Vec<u64>)> {
        let (negative, mut limbs) = self.limbs()?;
        if negative {
            multiply_add(&mut limbs, 1, 1);
        }
        Some((negative, limbs))
    }
}

fn multiply_add(limbs: &mut Vec<u64>, factor: u64, addend: u64) {
    let mut carry = u128::from(addend);
    for limb in limbs.iter_mut() {
        carry += u128::from(*limb) * u128::from(factor);
        *limb = carry as u64;
        carry >>= 64;
    }
    if carry != 0 {
        limbs.push(carry as u64);
    }
}

fn subtract_one(limbs: &mut Vec<u64>) {
    for limb in limbs.iter_mut() {
        let borrow = *limb == 0;
        *limb = limb.wrapping_sub(1);
        if !borrow {
            break;
        }
    }
    trim(limbs);
}

/// Divides and gives the remainder.
fn divide(limbs: &mut Vec<u64>, divisor: u64) -> u64 {
    let mut rest = 0u128;
    for limb in limbs.iter_mut().rev() {
        rest = rest << 64 | u128::from(*limb);
        *limb = (rest / u128::from(divisor)) as u64;
        rest %= u128::from(divisor);
    }
    trim(limbs);
    rest as u64
}

fn trim(limbs: &mut Vec<u64>) {
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(negative: bool, bytes: &[u8]) -> Big<'static> {
        Big::Bytes { negative, bytes: Cow::Owned(bytes.to_vec()) }
    }

    #[test]
    fn numbers_when_converted_are_the_same_both_ways() {
        let mut power = vec![1];
        power.extend([0; 16]);
        for (digits, negative, n) in [
            ("18446744073709551616", false, vec![1, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("-18446744073709551617", true, vec![1, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("-18446744073709551616", true, vec![0xff; 8]),
            ("340282366920938463463374607431768211456", false, power),
            ("100000000000000000000000000000000000000", false, 10u128.pow(38).to_be_bytes().to_vec()),
            ("-1", true, vec![]),
            ("0", false, vec![]),
        ] {
            assert_eq!(Big::Digits(digits.as_bytes()).tagged(), Some((negative, n.clone())), "{digits}");
            let back = bytes(negative, &n);
            assert_eq!(back.digits().as_deref(), Some(digits.as_bytes()));
        }
    }

    #[test]
    fn numbers_when_they_fit_are_small() {
        assert_eq!(bytes(false, &[0, 0, 1, 2]).small(), Some((false, 0x102)));
        assert_eq!(bytes(true, &[]).small(), Some((true, 0)));
        assert_eq!(Big::negative(u64::MAX).small(), Some((true, u64::MAX)));
        assert_eq!(bytes(false, &[1, 0, 0, 0, 0, 0, 0, 0, 0]).small(), None);
    }

    #[test]
    fn floats_when_not_exact_are_none() {
        assert_eq!(Big::Digits(b"18446744073709551616").exact_float(), Some(18_446_744_073_709_551_616.0));
        assert_eq!(Big::Digits(b"-18446744073709551616").exact_float(), Some(-18_446_744_073_709_551_616.0));
        assert_eq!(Big::Digits(b"18446744073709551617").exact_float(), None);
        let mut max = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8];
        max.resize(128, 0);
        assert_eq!(bytes(false, &max).exact_float(), Some(f64::MAX));
    }

    #[test]
    fn numbers_when_too_long_are_left_alone() {
        let digits = "9".repeat(310);
        assert_eq!(Big::Digits(digits.as_bytes()).tagged(), None);
        assert_eq!(Big::Digits(digits.as_bytes()).digits().as_deref(), Some(digits.as_bytes()));
        assert_eq!(bytes(false, &[1; 129]).digits(), None);
        assert!(bytes(false, &[0xff; 128]).digits().is_some());
        // What has 309 digits is on either side of the limit, and what one side takes the other side gives back.
        assert_eq!(Big::Digits("9".repeat(309).as_bytes()).tagged(), None);
        let longest = bytes(false, &[0xff; 128]).digits().unwrap();
        assert_eq!(Big::Digits(&longest).tagged(), Some((false, vec![0xff; 128])));
    }
}
