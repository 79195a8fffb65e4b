//! UBJSON, draft 12 and BJData: the bytes that py-ubjson 0.16.1 and bjdata 0.6.6 write for the same values, and every
//! form that they read.

use bytes::Bytes;
use transom_wamp::*;

use crate::{encode, frame, hex, unhex};

const JSON: Serializer = Serializer::Json;
const CBOR: Serializer = Serializer::Cbor;
const BJDATA: Serializer = Serializer::BjData;
const DRAFT12: Serializer = Serializer::Ubjson;

fn args(serializer: Serializer, bytes: &[u8]) -> Payload {
    Payload { serializer, shape: Shape::Args, bytes: Bytes::copy_from_slice(bytes) }
}

fn from_json(json: &str) -> Payload {
    args(JSON, json.as_bytes())
}

/// What a list of one value in hexadecimal digits is in JSON.
fn to_json(serializer: Serializer, value: &str) -> String {
    let payload = args(serializer, &[b"[", &unhex(value)[..], b"]"].concat());
    let json = payload.to(JSON);
    assert_eq!(json.shape, Shape::Args, "{serializer:?} {value}");
    String::from_utf8(json.bytes.to_vec()).unwrap()
}

/// A YIELD with a list of one value.
fn message(serializer: Serializer, value: &[u8]) -> Result<Message, DecodeError> {
    decode(serializer, &[b"[UFU\x01{}[", value, b"]]"].concat().into())
}

#[test]
fn values_when_written_are_the_bytes_of_the_python_packages() {
    for (json, draft12, bjdata) in [
        ("[]", "5b5d", "5b5d"),
        ("[[],{},null,true,false]", "5b 5b5d 7b7d 5a 54 46 5d", "5b 5b5d 7b7d 5a 54 46 5d"),
        ("[1,127,128,255]", "5b 5501 557f 5580 55ff 5d", "5b 5501 557f 5580 55ff 5d"),
        (
            "[256,32767,32768,65535,65536]",
            "5b 490100 497fff 6c00008000 6c0000ffff 6c00010000 5d",
            "5b 750001 75ff7f 750080 75ffff 6d00000100 5d",
        ),
        (
            "[2147483647,2147483648,4294967295,4294967296]",
            "5b 6c7fffffff 4c0000000080000000 4c00000000ffffffff 4c0000000100000000 5d",
            "5b 6dffffff7f 6d00000080 6dffffffff 4d0000000001000000 5d",
        ),
        (
            "[9007199254740992,9223372036854775807]",
            "5b 4c0020000000000000 4c7fffffffffffffff 5d",
            "5b 4d0000000000002000 4dffffffffffffff7f 5d",
        ),
        (
            "[9223372036854775808,18446744073709551615]",
            "5b 48551339323233333732303336383534373735383038 4855143138343436373434303733373039353531363135 5d",
            "5b 4d0000000000000080 4dffffffffffffffff 5d",
        ),
        (
            "[18446744073709551616,-9223372036854775809]",
            "5b 4855143138343436373434303733373039353531363136 4855142d39323233333732303336383534373735383039 5d",
            "5b 4855143138343436373434303733373039353531363136 4855142d39323233333732303336383534373735383039 5d",
        ),
        ("[-1,-128,-129,-32768]", "5b 69ff 6980 49ff7f 498000 5d", "5b 69ff 6980 497fff 490080 5d"),
        (
            "[-32769,-2147483648,-2147483649,-9223372036854775808]",
            "5b 6cffff7fff 6c80000000 4cffffffff7fffffff 4c8000000000000000 5d",
            "5b 6cff7fffff 6c00000080 4cffffff7fffffffff 4c0000000000000080 5d",
        ),
        (
            "[1.5,0.1,1e300]",
            "5b 443ff8000000000000 443fb999999999999a 447e37e43c8800759c 5d",
            "5b 44000000000000f83f 449a9999999999b93f 449c7500883ce4377e 5d",
        ),
        (r#"["","\u00e9"]"#, "5b 535500 535502c3a9 5d", "5b 535500 535502c3a9 5d"),
        (r#"[{"":1,"a":{}}]"#, "5b 7b 5500 5501 550161 7b7d 7d 5d", "5b 7b 5500 5501 550161 7b7d 7d 5d"),
        (
            r#"["\u0000","\u0000YWI="]"#,
            "5b 5b2455235500 5b24552355026162 5d",
            "5b 5b2442235500 5b24422355026162 5d",
        ),
    ] {
        for (serializer, bytes) in [(DRAFT12, draft12), (BJDATA, bjdata)] {
            let payload = from_json(json).to(serializer);
            assert_eq!(hex(&payload.bytes), hex(&unhex(bytes)), "{serializer:?} {json}");
            // And back.
            let again = payload.to(CBOR);
            assert_eq!(again, from_json(json).to(CBOR), "{serializer:?} {json}");
        }
    }
    let long = format!(r#"["{}"]"#, "x".repeat(256));
    assert!(from_json(&long).to(DRAFT12).bytes.starts_with(b"[SI\x01\x00xx"));
    assert!(from_json(&long).to(BJDATA).bytes.starts_with(b"[Su\x00\x01xx"));
}

#[test]
fn infinities_when_written_are_null_only_where_there_are_none() {
    let cbor = args(CBOR, &unhex("83 f97e00 f97c00 f9fc00"));
    assert_eq!(cbor.to(DRAFT12).bytes, &b"[ZZZ]"[..]);
    assert_eq!(cbor.to(BJDATA).to(CBOR), cbor);
    assert_eq!(to_json(BJDATA, "44000000000000f87f"), "[null]");
}

#[test]
fn values_when_in_any_form_are_read() {
    for (both, json) in [
        ("4361", r#"["a"]"#),    // a character
        ("4e 5501 4e4e", "[1]"), // what means nothing
        ("5b 4e 5501 4e 5d", "[[1]]"),
        ("7b 4e 550161 4e 5501 4e 7d", r#"[{"a":1}]"#),
        ("5b 23 5502 5501 5502", "[[1,2]]"), // counted
        ("5b 23 5502 4e 5501 5502", "[[1,2]]"),
        ("7b 23 5501 550161 5505", r#"[{"a":5}]"#),
        ("7b 24 55 23 5501 550161 05", r#"[{"a":5}]"#), // typed
        ("5b 24 69 23 5502 61 ff", "[[97,-1]]"),
        ("5b 24 53 23 5502 550161 550162", r#"[["a","b"]]"#),
        ("5b 24 43 23 5502 6162", r#"[["a","b"]]"#),
        ("5b 24 48 23 5501 55023432", "[[42]]"),
        ("5b 24 5a 23 5503", "[[null,null,null]]"),
        ("5b 24 54 23 5502", "[[true,true]]"),
        ("5b 24 55 23 5500 5501", "[[],1]"),
        ("4855023432", "[42]"), // decimal
        ("4855022d31", "[-1]"),
        ("485503312e35", "[1.5]"),
        ("48550431453939", "[1e99]"),
        ("4855034e614e", "[null]"),
        ("4855022b31", "[1.0]"),
        ("48550320 3432", "[42.0]"),
        ("48690130", "[0]"), // a length of another width
    ] {
        for serializer in [DRAFT12, BJDATA] {
            let json = if both == "5b 24 55 23 5500 5501" && serializer == DRAFT12 {
                r#"["\u0000",1]"#
            } else {
                json
            };
            assert_eq!(to_json(serializer, both), json, "{serializer:?} {both}");
            assert!(message(serializer, &unhex(both)).is_ok(), "{serializer:?} {both}");
        }
    }
    for (serializer, value, json) in [
        (DRAFT12, "5b 24 55 23 5502 6162", r#"["\u0000YWI="]"#),
        (DRAFT12, "5b 24 5b 23 5502 5d 5501 5d", "[[[],[1]]]"),
        (DRAFT12, "5b 24 7b 23 5501 550161 5a 7d", r#"[[{"a":null}]]"#),
        (DRAFT12, "5b 24 5b 23 5502 23 5501 5501 24 55 23 5501 02", r#"[[[1],"\u0000Ag=="]]"#),
        (DRAFT12, "643fc00000", "[1.5]"),
        (BJDATA, "5b 24 55 23 5502 6162", "[[97,98]]"),
        (BJDATA, "5b 24 42 23 5502 6162", r#"["\u0000YWI="]"#),
        (BJDATA, "4241", "[65]"),
        (BJDATA, "68003e", "[1.5]"),
        (BJDATA, "640000c03f", "[1.5]"),
        (BJDATA, "4c0500000000000000", "[5]"),
        // Arrays of one, two and of typed dimensions.
        (BJDATA, "5b 24 55 23 5b5502 5d 0102", "[[1,2]]"),
        (BJDATA, "5b 24 64 23 5b 5502 5502 5d 0000803f 00000040 00004040 00008040", "[[1.0,2.0,3.0,4.0]]"),
        (BJDATA, "5b 24 75 23 5b 24 55 23 5502 0201 0100 0200", "[[1,2]]"),
        (BJDATA, "5b 24 75 23 5b 23 5501 5501 0100", "[[1]]"),
        (BJDATA, "5b 24 44 23 5b 5500 5d", "[[]]"),
        (BJDATA, "5b 24 42 23 5b 5502 5d 6162", r#"["\u0000YWI="]"#),
    ] {
        assert_eq!(to_json(serializer, value), json, "{serializer:?} {value}");
        assert!(message(serializer, &unhex(value)).is_ok(), "{serializer:?} {value}");
    }
}

#[test]
fn values_when_malformed_are_refused() {
    let both = [
        "58",
        "45",
        "24",
        "23",
        "5d",
        "7d",
        "53",
        "5355",
        "535502 61",
        "5369ff",
        "534401",
        "53 53550161",
        "5b",
        "5b5501",
        "5b24",
        "5b2455",
        "5b24555501",
        "5b24 4e 23 5501",
        "5b24 24 23 5501 00",
        "5b23",
        "5b23 69ff",
        "5b23 5502 5501",
        "5b24 49 23 5502 0000",
        "5b24 55 23 69ff",
        "5b23 6cffffffff",
        "5b24 5a 23 6c7fffffff",
        "5b23 4c7fffffffffffffff",
        "5b24 44 23 4c1fffffffffffffff 00",
        "7b550161",
        "7b 24 5a 23 6c7fffffff",
        "7b 23 5502 550161",
        "485500",
        "48550178",
        "485502 3130 3130",
        "49",
        "6c0000",
        "64",
        "44 00",
    ];
    for value in both {
        for serializer in [DRAFT12, BJDATA] {
            let result = message(serializer, &unhex(value));
            assert!(
                matches!(result, Err(DecodeError::Malformed { .. })),
                "{serializer:?} {value}: {result:?}"
            );
        }
    }
    for (serializer, value) in [
        // What the other one has.
        (DRAFT12, "750001"),
        (DRAFT12, "6d00000000"),
        (DRAFT12, "4d0000000000000000"),
        (DRAFT12, "680000"),
        (DRAFT12, "4241"),
        (DRAFT12, "5b 24 42 23 5502 6162"),
        (DRAFT12, "5b 24 55 23 5b 5502 5d 6162"),
        // Records.
        (BJDATA, "7b 24 7b 550178 55 7d 23 5501 01"),
        (BJDATA, "5b 24 5b 23 5502 5d 5d"),
        // Dimensions that are none, that have no end, that are too many, and whose product is too large.
        (BJDATA, "5b 24 55 23 5b 5d"),
        (BJDATA, "5b 24 55 23 5b 5501"),
        (BJDATA, "5b 24 55 23 5b 54 5d 00"),
        (BJDATA, "5b 24 55 23 5b 24 5b 23 5501 00"),
        (BJDATA, "5b 24 55 23 5b 24 55 23 4dffffffffffffffff 01"),
        (BJDATA, "5b 24 55 23 5b 4dffffffffffffffff 4dffffffffffffffff 5d 00"),
        (BJDATA, "5b 24 5a 23 5b 6dffffffff 6dffffffff 5d"),
        (BJDATA, "5b 23 5b 5502 5d 0102"),
    ] {
        let result = message(serializer, &unhex(value));
        assert!(matches!(result, Err(DecodeError::Malformed { .. })), "{serializer:?} {value}: {result:?}");
    }
    let many = [unhex("5b 24 55 23 5b"), b"U\x01".repeat(33), unhex("5d 00")].concat();
    assert!(matches!(message(BJDATA, &many), Err(DecodeError::Malformed { .. })));
}

#[test]
fn texts_and_keys_when_wrong_are_refused() {
    for serializer in [DRAFT12, BJDATA] {
        for value in
            ["5355 01 ff", "43c3", "7b 5501ff 5a 7d", "5b 24 43 23 5502 61ff", "5b 24 53 23 5501 5501ff"]
        {
            assert_eq!(message(serializer, &unhex(value)), Err(DecodeError::NotUtf8), "{value}");
        }
        for value in ["7b 5a 5a 7d", "7b 53550161 5a 7d", "7b 6901 61 5a 69ff 5a 7d", "7b 5b5d 5a 7d"] {
            assert_eq!(message(serializer, &unhex(value)), Err(DecodeError::KeyNotString), "{value}");
        }
    }
}

#[test]
fn nesting_when_beyond_the_limit_is_refused() {
    for serializer in [DRAFT12, BJDATA] {
        // The message and its arguments are two levels.
        let nested = |levels: usize| [b"[".repeat(levels), b"]".repeat(levels)].concat();
        assert!(message(serializer, &nested(126)).is_ok());
        let deep = message(serializer, &nested(126)).unwrap();
        for to in Serializer::ALL {
            assert!(decode(to, &encode(to, &deep)).is_ok(), "{to:?}");
        }
        for levels in [127, 10_000, 1_000_000] {
            assert_eq!(message(serializer, &nested(levels)), Err(DecodeError::TooDeep));
        }
    }
    // Lists of lists, each announced by the one around it, cost five bytes a level.
    let typed = [b"[".to_vec(), b"$[#U\x01".repeat(200_000), b"]".to_vec()].concat();
    assert_eq!(message(DRAFT12, &typed), Err(DecodeError::TooDeep));
    // Dimensions do not nest.
    let dimensions = b"[$U#".repeat(200_000);
    assert!(matches!(message(BJDATA, &dimensions), Err(DecodeError::Malformed { .. })));
}

#[test]
fn payload_when_it_is_bytes_is_opaque() {
    for (serializer, bytes) in [(DRAFT12, &b"[$U#U\x02ab"[..]), (BJDATA, b"[$B#U\x02ab")] {
        let frame = [b"[U\x10U\x01{}SU\x03a.b", bytes, b"]"].concat();
        let Message::Publish(publish) = decode(serializer, &frame.into()).unwrap() else { panic!() };
        assert_eq!((publish.payload.shape, &publish.payload.bytes[..]), (Shape::Opaque, bytes));
        assert_eq!(publish.payload.to(JSON).bytes, &br#""\u0000YWI=""#[..]);
    }
}

#[test]
fn hello_when_written_by_either_package_is_the_same() {
    // What both write for a client of realm1.
    let bytes = unhex(
        "5b55015355067265616c6d317b5505726f6c65737b550663616c6c65727b550866656174757265737b550e63616c6c5f63616e63656c
         696e67547d7d7d7d5d",
    );
    let expected = decode(
        JSON,
        &frame(JSON, r#"[1,"realm1",{"roles":{"caller":{"features":{"call_canceling":true}}}}]"#),
    );
    for serializer in [DRAFT12, BJDATA] {
        assert_eq!(decode(serializer, &Bytes::from(bytes.clone())), expected);
    }
}
