//! Frames that no peer may send, and what is said of them.

use bytes::Bytes;
use transom_wamp::*;

use crate::{encode, frame, hex, unhex};

const JSON: Serializer = Serializer::Json;
const MSGPACK: Serializer = Serializer::MsgPack;
const CBOR: Serializer = Serializer::Cbor;

fn read(serializer: Serializer, bytes: impl AsRef<[u8]>) -> Result<Message, DecodeError> {
    decode(serializer, &Bytes::copy_from_slice(bytes.as_ref()))
}

#[test]
fn ids_when_out_of_range_are_refused() {
    for id in
        ["9007199254740993", "-1", "1.5", "18446744073709551616", "\"1\"", "null", "true", "[]", "1e300"]
    {
        for serializer in Serializer::ALL {
            let result = decode(serializer, &frame(serializer, &format!("[17,{id},1]")));
            let refused = matches!(result, Err(DecodeError::Element { element: "PUBLISH.Request", .. }));
            assert!(refused, "{serializer} {id}: {result:?}");
        }
    }
    assert!(read(JSON, "[17,9007199254740992,0]").is_ok());
}

#[test]
fn hello_when_wrong_is_refused() {
    for (details, option) in [
        ("{}", "roles"),
        (r#"{"roles":{}}"#, "roles"),
        (r#"{"roles":[]}"#, "roles"),
        (r#"{"roles":{"broker":{}}}"#, "roles"),
        (r#"{"roles":{"caller":{},"other":{}}}"#, "roles"),
        (r#"{"roles":{"caller":true}}"#, "roles"),
        (r#"{"roles":{"caller":{"features":{"a":1}}}}"#, "features"),
        (r#"{"roles":{"caller":{"features":[]}}}"#, "features"),
        (r#"{"roles":{"caller":{}},"authmethods":"ticket"}"#, "authmethods"),
        (r#"{"roles":{"caller":{}},"authmethods":[1]}"#, "authmethods"),
        (r#"{"roles":{"caller":{}},"authid":1}"#, "authid"),
        (r#"{"roles":{"caller":{}},"authrole":null}"#, "authrole"),
        (r#"{"roles":{"caller":{}},"authextra":[]}"#, "authextra"),
        (r#"{"roles":{"caller":{}},"agent":1}"#, "agent"),
    ] {
        for serializer in Serializer::ALL {
            let result = decode(serializer, &frame(serializer, &format!(r#"[1,"r",{details}]"#)));
            match result {
                Err(DecodeError::Option { message: "HELLO", option: named, .. }) => assert_eq!(named, option),
                other => panic!("{serializer} {details}: {other:?}"),
            }
        }
    }
}

#[test]
fn options_when_known_and_wrong_are_named() {
    for (message, option) in [
        (r#"[48,1,{"timeout":-1},"a"]"#, "timeout"),
        (r#"[48,1,{"timeout":"1"},"a"]"#, "timeout"),
        (r#"[48,1,{"receive_progress":1},"a"]"#, "receive_progress"),
        (r#"[48,1,{"progress":null},"a"]"#, "progress"),
        (r#"[48,1,{"disclose_me":0},"a"]"#, "disclose_me"),
        (r#"[48,1,{"ppt_scheme":1},"a"]"#, "ppt_scheme"),
        (r#"[48,1,{"enc_serializer":"xml"},"a"]"#, "enc_serializer"),
        (r#"[49,1,{"mode":"cancel"}]"#, "mode"),
        (r#"[69,1,{"mode":"skip"}]"#, "mode"),
        (r#"[69,1,{"reason":1}]"#, "reason"),
        (r#"[64,1,{"invoke":"load"},"a"]"#, "invoke"),
        (r#"[64,1,{"invoke":"all"},"a"]"#, "invoke"),
        (r#"[64,1,{"match":"regex"},"a"]"#, "match"),
        (r#"[64,1,{"concurrency":0},"a"]"#, "concurrency"),
        (r#"[64,1,{"concurrency":1.5},"a"]"#, "concurrency"),
        (r#"[64,1,{"force_reregister":"yes"},"a"]"#, "force_reregister"),
        (r#"[64,1,{"disclose_caller":"yes"},"a"]"#, "disclose_caller"),
        (r#"[64,1,{"forward_timeout":1},"a"]"#, "forward_timeout"),
        (r#"[64,1,{"forward_for":[{"session":1}]},"a"]"#, "forward_for"),
        (r#"[34,1,2,{"forward_for":[1]}]"#, "forward_for"),
        (r#"[70,1,{"progress":"true"}]"#, "progress"),
        (r#"[50,1,{"enc_algo":"rot13"}]"#, "enc_algo"),
        (r#"[8,68,1,{"enc_key":1},"a"]"#, "enc_key"),
        (r#"[68,1,2,{"caller":"me"}]"#, "caller"),
        (r#"[68,1,2,{"trustlevel":-1}]"#, "trustlevel"),
        (r#"[6,{"message":1},"a"]"#, "message"),
        (r#"[3,{"message":["a"]},"a"]"#, "message"),
    ] {
        for serializer in Serializer::ALL {
            match decode(serializer, &frame(serializer, message)) {
                Err(DecodeError::Option { option: named, .. }) => assert_eq!(named, option),
                other => panic!("{serializer} {message}: {other:?}"),
            }
        }
    }
}

#[test]
fn messages_when_of_other_length_are_refused() {
    for (message, name, len) in [
        (r#"[1,"r"]"#, "HELLO", 2),
        (r#"[1,"r",{"roles":{"caller":{}}},1]"#, "HELLO", 4),
        (r#"[3,{},"a",[],{},1]"#, "ABORT", 6),
        (r#"[6,{},"a",[]]"#, "GOODBYE", 4),
        (r#"[8,68,1,{}]"#, "ERROR", 4),
        (r#"[8,68,1,{},"a",[],{},[]]"#, "ERROR", 8),
        (r#"[16,1,{}]"#, "PUBLISH", 3),
        (r#"[16,1,{},"a",[],{},1,2,3]"#, "PUBLISH", 9),
        (r#"[32,1,{},"a",[]]"#, "SUBSCRIBE", 5),
        (r#"[34,1]"#, "UNSUBSCRIBE", 2),
        (r#"[34,1,2,{},3]"#, "UNSUBSCRIBE", 5),
        (r#"[35]"#, "UNSUBSCRIBED", 1),
        (r#"[48,1,{}]"#, "CALL", 3),
        (r#"[49,1]"#, "CANCEL", 2),
        (r#"[70,1,{},[],{},[]]"#, "YIELD", 6),
        (r#"[337,1,{}]"#, "EVENT_RECEIVED", 3),
    ] {
        for serializer in Serializer::ALL {
            let result = decode(serializer, &frame(serializer, message));
            assert_eq!(result, Err(DecodeError::Length { message: name, len }), "{serializer} {message}");
        }
    }
}

#[test]
fn elements_when_of_other_type_are_refused() {
    for (message, element) in [
        (r#"[1,1,{}]"#, "Realm"),
        (r#"[1,"r",[]]"#, "Details"),
        (r#"[5,1,{}]"#, "Signature"),
        (r#"[5,"s",null]"#, "Extra"),
        (r#"[8,-1,1,{},"a"]"#, "REQUEST.Type"),
        (r#"[16,1,null,"a"]"#, "Options"),
        (r#"[16,1,{},null]"#, "Topic"),
        (r#"[16,1,{},"a",1]"#, "Arguments"),
        (r#"[16,1,{},"a",{}]"#, "Arguments"),
        (r#"[16,1,{},"a","opaque",{}]"#, "Arguments"),
        (r#"[16,1,{},"a",[],[]]"#, "ArgumentsKw"),
        (r#"[16,1,{},"a",[],"k"]"#, "ArgumentsKw"),
        (r#"[48,1,{},5]"#, "Procedure"),
    ] {
        for serializer in Serializer::ALL {
            match decode(serializer, &frame(serializer, message)) {
                Err(DecodeError::Element { element: named, .. }) => assert_eq!(named, element, "{message}"),
                other => panic!("{serializer} {message}: {other:?}"),
            }
        }
    }
}

#[test]
fn frames_when_no_message_are_refused() {
    for serializer in Serializer::ALL {
        for (json, error) in [
            ("[]", DecodeError::NotAMessage),
            (r#"["a"]"#, DecodeError::NotAMessage),
            ("[-1]", DecodeError::NotAMessage),
            ("[[]]", DecodeError::NotAMessage),
            ("[0]", DecodeError::UnknownType(0)),
            ("[7,1]", DecodeError::UnknownType(7)),
            ("[65552,1,{}]", DecodeError::UnknownType(65552)),
        ] {
            assert_eq!(decode(serializer, &frame(serializer, json)), Err(error), "{serializer} {json}");
        }
        assert!(matches!(read(serializer, b""), Err(DecodeError::Malformed { .. })));
    }
    assert_eq!(read(JSON, "{}"), Err(DecodeError::NotAMessage));
    assert_eq!(read(MSGPACK, [0x80]), Err(DecodeError::NotAMessage));
    assert_eq!(read(CBOR, [0xa0]), Err(DecodeError::NotAMessage));
}

#[test]
fn bytes_when_malformed_are_refused() {
    let json = |args: &str| format!(r#"[16,1,{{}},"a",[{args}]]"#).into_bytes();
    let msgpack = |args: &str| unhex(&format!("95 10 01 80 a161 {args}"));
    let cbor = |args: &str| unhex(&format!("85 10 01 a0 6161 {args}"));
    let mut cases = Vec::new();
    for args in [
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "NaN",
        "Infinity",
        "nul",
        "nulll",
        "True",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\n\"",
        "\"\u{1}\"",
        "1 2",
        "1,",
        ",1",
        "[1",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "{,}",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "]",
        "/*c*/1",
        "\u{a0}1",
    ] {
        cases.push((JSON, json(args)));
    }
    for text in
        ["\u{feff}[17,1,2]", "[17,1,2]]", "[17,1,2],", "[17,1,2] x", "[17,1,2", "[17 1,2]", "[17,1,2,]"]
    {
        cases.push((JSON, text.as_bytes().to_vec()));
    }
    for args in [
        "91 c1",      // never used
        "92 01",      // too few items
        "91 a3 6161", // text that is too short
        "91 d9ff 61",
        "91 dbffffffff 61", // lengths beyond the frame
        "91 c6ffffffff 00",
        "dcffff 01",
        "ddffffffff 01",
        "91 dfffffffff 01",
        "91 c9ffffffff 01",
        "91 d8 01 00",
        "91 01 02", // something after the message
    ] {
        cases.push((MSGPACK, msgpack(args)));
    }
    for args in [
        "81 1c 00", // reserved
        "81 1f",    // a number without value
        "81 df 00",
        "81 fc",
        "81 f8 18",             // a simple value below 32 in two bytes
        "81 ff",                // an end where there is none to
        "9f 01",                // no end
        "81 bf 6161 ff",        // an end in the place of a value
        "9f c1 ff",             // a tag of nothing
        "81 7f 41 61 ff",       // a part of another type
        "81 5f 5f 41 61 ff ff", // indefinite in indefinite
        "81 7b ffffffffffffffff 61",
        "9b ffffffffffffffff 01",
        "81 bb ffffffffffffffff 01",
        "81 01 02",
    ] {
        cases.push((CBOR, cbor(args)));
    }
    for (serializer, bytes) in cases {
        let result = read(serializer, &bytes);
        let shown = String::from_utf8_lossy(&bytes);
        assert!(
            matches!(result, Err(DecodeError::Malformed { .. })),
            "{serializer} {} {shown}: {result:?}",
            hex(&bytes)
        );
    }
}

#[test]
fn text_when_no_utf8_is_refused() {
    for (serializer, bytes) in [
        (JSON, b"[16,1,{},\"a\",[\"\xff\"]]".to_vec()),
        (JSON, b"[16,1,{},\"\xc3\"]".to_vec()),
        (JSON, b"[16,1,{\"\xed\xa0\x80\":1},\"a\"]".to_vec()),
        (MSGPACK, unhex("94 10 01 80 a1ff")),
        (MSGPACK, unhex("94 10 01 81 a1ff 01 a161")),
        (MSGPACK, unhex("95 10 01 80 a161 91 a1ff")),
        (MSGPACK, unhex("96 10 01 80 a161 90 81 a1ff 01")),
        (CBOR, unhex("84 10 01 a0 61ff")),
        (CBOR, unhex("84 10 01 a1 61ff 01 6161")),
        (CBOR, unhex("85 10 01 a0 6161 81 61ff")),
        // A character that is cut between two parts.
        (CBOR, unhex("85 10 01 a0 6161 81 7f 61c3 61a4 ff")),
        (CBOR, unhex("86 10 01 a0 6161 80 bf 7f 61ff ff 01 ff")),
    ] {
        assert_eq!(read(serializer, &bytes), Err(DecodeError::NotUtf8), "{serializer} {}", hex(&bytes));
    }
}

#[test]
fn keys_when_no_strings_are_refused() {
    for (serializer, bytes) in [
        (MSGPACK, unhex("94 10 01 81 01 02 a161")),
        (MSGPACK, unhex("96 10 01 80 a161 90 81 01 02")),
        (MSGPACK, unhex("95 10 01 80 a161 91 82 a161 01 c0 01")),
        (MSGPACK, unhex("95 10 01 80 a161 91 81 91 01 01")),
        (MSGPACK, unhex("95 10 01 80 a161 91 81 c40161 01")),
        (CBOR, unhex("84 10 01 a1 01 02 6161")),
        (CBOR, unhex("86 10 01 a0 6161 80 a1 01 02")),
        (CBOR, unhex("85 10 01 a0 6161 81 bf 6161 01 4161 01 ff")),
        (CBOR, unhex("85 10 01 a0 6161 81 a1 80 01")),
        (CBOR, unhex("85 10 01 a0 6161 81 a1 c1 6161 01")),
    ] {
        assert_eq!(read(serializer, &bytes), Err(DecodeError::KeyNotString), "{serializer} {}", hex(&bytes));
    }
}

#[test]
fn nesting_when_beyond_the_limit_is_refused() {
    // The message is one level, its arguments are the second.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"[16,1,{{}},"a",{open}{close}]"#)
    };
    let nested_cbor =
        |levels: usize| [unhex("85 10 01 a0 6161"), vec![0x81; levels - 2], vec![0x80]].concat();
    let open_cbor =
        |levels: usize| [unhex("85 10 01 a0 6161"), vec![0x9f; levels - 1], vec![0xff; levels - 1]].concat();
    let nested_msgpack =
        |levels: usize| [unhex("95 10 01 80 a161"), vec![0x91; levels - 2], vec![0x90]].concat();
    assert!(read(JSON, nested(128)).is_ok());
    assert!(read(CBOR, nested_cbor(128)).is_ok());
    assert!(read(CBOR, open_cbor(128)).is_ok());
    assert!(read(MSGPACK, nested_msgpack(128)).is_ok());
    for levels in [129, 10_000, 100_000] {
        assert_eq!(read(JSON, nested(levels)), Err(DecodeError::TooDeep));
        assert_eq!(read(CBOR, nested_cbor(levels)), Err(DecodeError::TooDeep));
        assert_eq!(read(CBOR, open_cbor(levels)), Err(DecodeError::TooDeep));
        assert_eq!(read(MSGPACK, nested_msgpack(levels)), Err(DecodeError::TooDeep));
    }
    // In options, in a tree, and in what follows the last element.
    let deep = "[".repeat(200) + &"]".repeat(200);
    for text in [
        format!(r#"[16,1,{{"x":{deep}}},"a"]"#),
        format!(r#"[5,"s",{{"x":{deep}}}]"#),
        format!(r#"[1,"r",{{"roles":{{"caller":{{}}}},"authextra":{{"x":{deep}}}}}]"#),
        format!("[17,1,2,{deep}]"),
    ] {
        assert_eq!(read(JSON, text), Err(DecodeError::TooDeep));
    }
    // Tags nest as well; one before a plain value takes no level.
    let tags = |n: usize| [unhex("85 10 01 a0 6161 81"), vec![0xc1; n], vec![0x00]].concat();
    assert!(read(CBOR, tags(127)).is_ok());
    assert_eq!(read(CBOR, tags(128)), Err(DecodeError::TooDeep));
    // At the deepest level every value can still be written in every format.
    let digits = format!(r#"[16,1,{{}},"a",{}18446744073709551616{}]"#, "[".repeat(127), "]".repeat(127));
    let message = read(JSON, digits).unwrap();
    for serializer in Serializer::ALL {
        assert!(decode(serializer, &encode(serializer, &message)).is_ok(), "{serializer}");
    }
}
