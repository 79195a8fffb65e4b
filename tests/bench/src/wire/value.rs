//! A value small enough for the messages a load generator builds, and its two encodings.

use super::Encoding;

/// What a message is made of.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Int(u64),
    Str(&'a str),
    List(Vec<Value<'a>>),
    Map(Vec<(&'a str, Value<'a>)>),
}

impl Value<'_> {
    /// Appends the value.
    pub(crate) fn encode(&self, encoding: Encoding, out: &mut Vec<u8>) {
        match encoding {
            Encoding::MessagePack => self.msgpack(out),
            Encoding::Json => self.json(out),
        }
    }

    fn msgpack(&self, out: &mut Vec<u8>) {
        match self {
            Value::Int(value) => msgpack_uint(out, *value),
            Value::Str(text) => msgpack_str(out, text),
            Value::List(items) => {
                msgpack_array(out, items.len());
                for item in items {
                    item.msgpack(out);
                }
            }
            Value::Map(entries) => {
                sized(out, entries.len(), 0x80, 15, [None, Some(0xde), Some(0xdf)]);
                for (key, value) in entries {
                    msgpack_str(out, key);
                    value.msgpack(out);
                }
            }
        }
    }

    fn json(&self, out: &mut Vec<u8>) {
        match self {
            Value::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Value::Str(text) => json_str(out, text),
            Value::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.json(out);
                }
                out.push(b']');
            }
            Value::Map(entries) => {
                out.push(b'{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    json_str(out, key);
                    out.push(b':');
                    value.json(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Appends an array header.
pub(crate) fn msgpack_array(out: &mut Vec<u8>, len: usize) {
    sized(out, len, 0x90, 15, [None, Some(0xdc), Some(0xdd)]);
}

/// Appends an unsigned integer in its shortest form.
pub(crate) fn msgpack_uint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else if value <= 0xff {
        out.extend_from_slice(&[0xcc, value as u8]);
    } else if value <= 0xffff {
        out.push(0xcd);
        out.extend_from_slice(&(value as u16).to_be_bytes());
    } else if value <= 0xffff_ffff {
        out.push(0xce);
        out.extend_from_slice(&(value as u32).to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn msgpack_str(out: &mut Vec<u8>, text: &str) {
    sized(out, text.len(), 0xa0, 31, [Some(0xd9), Some(0xda), Some(0xdb)]);
    out.extend_from_slice(text.as_bytes());
}

/// A header with a length: in the first octet up to `fix_max`, else after one of the markers for 8, 16 and 32 bits.
fn sized(out: &mut Vec<u8>, len: usize, fix: u8, fix_max: usize, markers: [Option<u8>; 3]) {
    let [eight, sixteen, thirty_two] = markers;
    match (eight, sixteen, thirty_two) {
        _ if len <= fix_max => out.push(fix | len as u8),
        (Some(marker), _, _) if len <= 0xff => out.extend_from_slice(&[marker, len as u8]),
        (_, Some(marker), _) if len <= 0xffff => {
            out.push(marker);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        (_, _, Some(marker)) => {
            out.push(marker);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
        _ => {}
    }
}

fn json_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths() -> Vec<usize> {
        vec![0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536]
    }

    #[test]
    fn strings_of_every_header_size_when_encoded_are_read_back_by_other_decoders() {
        for len in lengths() {
            let text = "a".repeat(len);
            let value = Value::List(vec![Value::Str(&text)]);
            let mut packed = Vec::new();
            value.encode(Encoding::MessagePack, &mut packed);
            assert_eq!(
                rmp_serde::from_slice::<Vec<String>>(&packed).unwrap(),
                vec![text.clone()],
                "length {len}"
            );
            let mut json = Vec::new();
            value.encode(Encoding::Json, &mut json);
            assert_eq!(serde_json::from_slice::<Vec<String>>(&json).unwrap(), [text], "length {len}");
        }
    }

    #[test]
    fn integers_when_encoded_take_the_shortest_form() {
        for (value, len) in
            [(0, 1), (127, 1), (128, 2), (255, 2), (256, 3), (65_535, 3), (65_536, 5), (1 << 32, 9)]
        {
            let mut out = Vec::new();
            msgpack_uint(&mut out, value);
            assert_eq!(out.len(), len, "value {value}");
            assert_eq!(rmp_serde::from_slice::<u64>(&out).unwrap(), value);
        }
    }

    #[test]
    fn lists_and_maps_of_every_header_size_when_packed_are_read_back() {
        for len in [0, 15, 16, 65_535, 65_536] {
            let list = Value::List(vec![Value::Int(7); len]);
            let map = Value::Map(vec![("k", list)]);
            let mut out = Vec::new();
            map.encode(Encoding::MessagePack, &mut out);
            let back: std::collections::HashMap<String, Vec<u64>> = rmp_serde::from_slice(&out).unwrap();
            assert_eq!(back["k"].len(), len);
        }
    }

    #[test]
    fn quotes_and_controls_when_written_as_json_are_escaped() {
        let text = "a\"b\\c\n\u{1}é";
        let mut out = Vec::new();
        Value::Str(text).encode(Encoding::Json, &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    #[test]
    fn hello_when_encoded_both_ways_means_the_same() {
        let message = super::super::hello("realm1");
        let (mut packed, mut json) = (Vec::new(), Vec::new());
        message.encode(Encoding::MessagePack, &mut packed);
        message.encode(Encoding::Json, &mut json);
        let packed: serde_json::Value = rmp_serde::from_slice(&packed).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(packed, json);
        assert_eq!(json[0], 1);
        assert_eq!(json[1], "realm1");
        assert_eq!(json[2]["roles"].as_object().unwrap().len(), 4);
    }
}
