//! Hexadecimal text.

use std::fmt::Write as _;

/// Why a text is not the hexadecimal number that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotHex {
    /// Another number of digits.
    #[error("it has {found} characters, not {expected} hexadecimal digits")]
    Length {
        /// The digits there should be.
        expected: usize,
        /// The characters there are.
        found: usize,
    },
    /// An odd number of digits.
    #[error("it has an odd number of hexadecimal digits")]
    Odd,
    /// Something else than a digit.
    #[error("it holds something else than hexadecimal digits")]
    Digit,
}

/// The bytes that hexadecimal digits of either case stand for.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, NotHex> {
    if !text.len().is_multiple_of(2) {
        return Err(NotHex::Odd);
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8).ok_or(NotHex::Digit);
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Ok(digit(*high)? << 4 | digit(*low)?),
            _ => Err(NotHex::Odd),
        })
        .collect()
}

/// The same for a number of bytes that is known.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], NotHex> {
    if text.len() != 2 * N {
        return Err(NotHex::Length { expected: 2 * N, found: text.chars().count() });
    }
    let bytes = decode(text)?;
    bytes.try_into().map_err(|_| NotHex::Digit)
}

/// Lower-case digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_are_read_and_lower_case_is_written() {
        assert_eq!(decode("00fFaB").unwrap(), [0, 255, 0xab]);
        assert_eq!(encode(&[0, 255, 0xab]), "00ffab");
        assert_eq!(decode_array::<2>("0aF0"), Ok([10, 240]));
    }

    #[test]
    fn what_is_no_hex_is_told() {
        assert_eq!(decode("0"), Err(NotHex::Odd));
        assert_eq!(decode("0x"), Err(NotHex::Digit));
        assert_eq!(decode("+1"), Err(NotHex::Digit));
        assert_eq!(decode("äb"), Err(NotHex::Odd));
        assert_eq!(decode("ä"), Err(NotHex::Digit));
        assert_eq!(decode_array::<2>("00"), Err(NotHex::Length { expected: 4, found: 2 }));
        assert_eq!(decode_array::<2>("äb1"), Err(NotHex::Digit));
    }
}
