//! Recognising a message by its first two elements: the code, and the ID that follows where there is one.

use super::Encoding;

/// The first two elements of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) code: u64,
    /// 0 where the second element is not an unsigned integer.
    pub(crate) id: u64,
}

/// Reads them; `None` for anything that is not a message.
pub(crate) fn parse(encoding: Encoding, body: &[u8]) -> Option<Head> {
    match encoding {
        Encoding::MessagePack => {
            let (&first, rest) = body.split_first()?;
            let rest = match first {
                0x91..=0x9f => rest,
                0xdc => rest.get(2..)?,
                _ => return None,
            };
            let (code, rest) = msgpack_uint(rest)?;
            let id = msgpack_uint(rest).map_or(0, |(id, _)| id);
            Some(Head { code, id })
        }
        Encoding::Json => {
            let rest = spaces(body).strip_prefix(b"[")?;
            let (code, rest) = digits(spaces(rest))?;
            let id =
                spaces(rest).strip_prefix(b",").and_then(|rest| digits(spaces(rest))).map_or(0, |(id, _)| id);
            Some(Head { code, id })
        }
    }
}

/// A message as text for an error report: JSON as it is, MessagePack with what is printable.
pub(crate) fn describe(body: &[u8]) -> String {
    let start = body.get(..body.len().min(300)).unwrap_or(body);
    start.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' }).collect()
}

fn msgpack_uint(input: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = input.split_first()?;
    match first {
        0..0x80 => Some((u64::from(first), rest)),
        0xcc => rest.split_first().map(|(value, rest)| (u64::from(*value), rest)),
        0xcd => rest.split_first_chunk().map(|(value, rest)| (u64::from(u16::from_be_bytes(*value)), rest)),
        0xce => rest.split_first_chunk().map(|(value, rest)| (u64::from(u32::from_be_bytes(*value)), rest)),
        0xcf | 0xd3 => rest.split_first_chunk().map(|(value, rest)| (u64::from_be_bytes(*value), rest)),
        _ => None,
    }
}

fn digits(input: &[u8]) -> Option<(u64, &[u8])> {
    let len = input.iter().take(19).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = input.split_at_checked(len)?;
    if number.is_empty() {
        return None;
    }
    let value = number.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    Some((value, rest))
}

fn spaces(input: &[u8]) -> &[u8] {
    input.trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_when_parsed_give_code_and_id_in_both_encodings() {
        for (code, id) in
            [(2u64, 83_636_961_581_391u64), (33, 1), (36, 200), (50, 300), (68, 70_000), (337, 1 << 53)]
        {
            let value = serde_json::json!([code, id, {}, ["x"]]);
            let head = Some(Head { code, id });
            assert_eq!(parse(Encoding::Json, value.to_string().as_bytes()), head);
            assert_eq!(parse(Encoding::MessagePack, &rmp_serde::to_vec(&value).unwrap()), head);
        }
    }

    #[test]
    fn head_when_second_element_is_no_integer_has_id_zero() {
        let value = serde_json::json!([6, {}, "wamp.close.normal"]);
        let head = Some(Head { code: 6, id: 0 });
        assert_eq!(parse(Encoding::Json, value.to_string().as_bytes()), head);
        assert_eq!(parse(Encoding::MessagePack, &rmp_serde::to_vec(&value).unwrap()), head);
    }

    #[test]
    fn head_when_json_has_spaces_is_found() {
        assert_eq!(parse(Encoding::Json, b"[36, 5, 7, {}]"), Some(Head { code: 36, id: 5 }));
    }

    #[test]
    fn head_when_input_is_cut_or_foreign_is_none_or_without_id_and_never_panics() {
        for input in [&b""[..], b"[", b"{", b"[\"a\"", b"\x95", b"\xdc\x00", b"\x95\xcf\x00", b"\xa1x"] {
            assert_eq!(parse(Encoding::Json, input), None);
            assert_eq!(parse(Encoding::MessagePack, input), None);
        }
        let long = b"[99999999999999999999999";
        assert!(parse(Encoding::Json, long).is_some());
    }
}
