//! Strings of JSON: finding their end, undoing and making escapes, and the convention for binary values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How a string that stands for bytes begins. JSON has no other way to write U+0000.
const BINARY: &[u8] = b"\\u0000";

/// The place of the next quotation mark, backslash or control character, or the end. Eight bytes at a time, and in
/// long strings 32.
#[inline(always)]
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        if let Some(offset) = first_special(*eight) {
            return at + offset;
        }
        at += 8;
        if at - from == 32 {
            at = skip_plain(bytes, at);
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| is_special(*byte)).map_or(bytes.len(), |offset| at + offset)
}

#[inline(always)]
fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

#[inline(always)]
fn first_special(eight: [u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(eight);
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    // A byte's high bit is set where it is found; the lowest one is right, and that is the first byte.
    let found = (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    (found & HIGH != 0).then(|| (found & HIGH).trailing_zeros() as usize / 8)
}

/// Leaves out blocks of 32 bytes that have nothing special in them. The compiler makes vectors of this.
#[inline(never)]
fn skip_plain(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        if block.iter().fold(false, |found, byte| found | is_special(*byte)) {
            break;
        }
        at += 32;
    }
    at
}

/// What a string means, from what stands between its quotation marks. A surrogate without its other half becomes
/// U+FFFD.
pub(in crate::codec) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (letter, after) = match escape {
            [_, letter, after @ ..] => (*letter, after),
            _ => return out,
        };
        rest = after;
        match letter {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (c, after) = unicode(rest);
                rest = after;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
    out
}

/// The character of an escape after its `\u`, and what follows it.
fn unicode(rest: &[u8]) -> (char, &[u8]) {
    let Some((first, after)) = hex(rest) else { return (char::REPLACEMENT_CHARACTER, rest) };
    if (0xd800..0xdc00).contains(&first)
        && let Some((second, after)) = after.strip_prefix(b"\\u").and_then(hex)
        && (0xdc00..0xe000).contains(&second)
    {
        let c = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER), after);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), after)
}

/// Four hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, after) = bytes.split_first_chunk::<4>()?;
    let mut value = 0;
    for digit in digits {
        value = value << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((value, after))
}

/// The bytes that a string stands for, if it is one of those. `raw` is what stands between its quotation marks.
pub(in crate::codec) fn binary(raw: &[u8]) -> Option<Vec<u8>> {
    let rest = raw.strip_prefix(BINARY)?;
    if rest.contains(&b'\\') { STANDARD.decode(unescape(rest)).ok() } else { STANDARD.decode(rest).ok() }
}

/// Writes a string with its quotation marks.
pub(super) fn write(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut from = 0;
    loop {
        let at = special(text, from);
        out.extend_from_slice(text.get(from..at).unwrap_or_default());
        let Some(byte) = text.get(at) else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let digit = |n: u8| char::from_digit(n.into(), 16).map_or(b'0', |c| c as u8);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        from = at + 1;
    }
    out.push(b'"');
}

/// Writes the string that stands for bytes.
pub(super) fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(BINARY);
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = out.get_mut(start..).map(|space| STANDARD.encode_slice(bytes, space));
    debug_assert!(matches!(written, Some(Ok(n)) if start + n == out.len()));
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_when_anywhere_is_found() {
        for length in (0..40).chain(90..110) {
            for place in 0..length {
                for byte in [b'"', b'\\', 0, 0x1f] {
                    let mut bytes = vec![b' '; length];
                    bytes[place] = byte;
                    assert_eq!(special(&bytes, 0), place);
                    assert_eq!(special(&bytes, place), place);
                    assert_eq!(special(&bytes, place + 1), length);
                }
            }
        }
        assert_eq!(special(&[0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff, 0xa2, 0xdc, 0x9f], 0), 11);
    }

    #[test]
    fn escapes_when_undone_give_their_text() {
        for (raw, text) in [
            (r"plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u00e4\u20ac!", "ä€!"),
            (r"\ud83d\ude00", "😀"),
            (r"\uD83D", "\u{fffd}"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"a\u0000b", "a\0b"),
        ] {
            assert_eq!(String::from_utf8(unescape(raw.as_bytes())).unwrap(), text);
        }
    }

    #[test]
    fn text_when_written_is_read_back() {
        let all: String = (0..0x250u32).filter_map(char::from_u32).chain("😀\u{2028}".chars()).collect();
        let mut out = Vec::new();
        write(&mut out, all.as_bytes());
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), all);
        assert_eq!(unescape(&out[1..out.len() - 1]), all.as_bytes());
    }

    #[test]
    fn binary_when_written_follows_the_convention() {
        let bytes = *b"\x10\xe3\xff\x90\x53\x07\x5c\x52\x6f\x5f\xc0\x6d\x4f\xe3\x7c\xdb";
        let mut out = Vec::new();
        write_binary(&mut out, &bytes);
        assert_eq!(out, br#""\u0000EOP/kFMHXFJvX8BtT+N82w==""#);
        assert_eq!(binary(&out[1..out.len() - 1]).unwrap(), bytes);
        assert_eq!(binary(br"\u0000EOP\/kFMHXFJvX8BtT+N82w==").unwrap(), bytes);
        assert_eq!(binary(br"\u0000").unwrap(), b"");
    }

    #[test]
    fn binary_when_no_base64_is_none() {
        for raw in [r"\u0000EOP", r"\u0000 EOP/", r"\u0000EOP/=", r"\u0001EOP/", r"EOP/", r"\u0000EOP_"] {
            assert_eq!(binary(raw.as_bytes()), None, "{raw}");
        }
    }
}
