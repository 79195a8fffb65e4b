//! Payloads on their way from one format into another.

use bytes::Bytes;
use transom_wamp::*;

use crate::{hex, unhex};

const JSON: Serializer = Serializer::Json;
const MSGPACK: Serializer = Serializer::MsgPack;
const CBOR: Serializer = Serializer::Cbor;

fn args(serializer: Serializer, bytes: Vec<u8>) -> Payload {
    Payload { serializer, shape: Shape::Args, bytes: bytes.into() }
}

fn from_json(json: &str) -> Payload {
    args(JSON, json.as_bytes().to_vec())
}

#[test]
fn json_when_transcoded_is_written_in_the_shortest_form() {
    for (json, msgpack, cbor) in [
        ("[]", "90", "80"),
        (" [ 1 , [ ] , { } ] ", "93 01 90 80", "83 01 80 a0"),
        ("[null,true,false]", "93 c0 c3 c2", "83 f6 f5 f4"),
        (
            "[0,127,128,255,256,65535,65536]",
            "97 00 7f cc80 ccff cd0100 cdffff ce00010000",
            "87 00 187f 1880 18ff 190100 19ffff 1a00010000",
        ),
        (
            "[4294967295,4294967296,18446744073709551615]",
            "93 ceffffffff cf0000000100000000 cfffffffffffffffff",
            "83 1affffffff 1b0000000100000000 1bffffffffffffffff",
        ),
        (
            "[-0,-1,-32,-33,-128,-129,-32768,-32769]",
            "98 00 ff e0 d0df d080 d1ff7f d18000 d2ffff7fff",
            "88 00 20 381f 3820 387f 3880 397fff 398000",
        ),
        (
            "[-2147483648,-2147483649,-9223372036854775808]",
            "93 d280000000 d3ffffffff7fffffff d38000000000000000",
            "83 3a7fffffff 3a80000000 3b7fffffffffffffff",
        ),
        (
            "[0.0,1.5,0.1,1e300,100000.0]",
            "95 cb0000000000000000 cb3ff8000000000000 cb3fb999999999999a cb7e37e43c8800759c cb40f86a0000000000",
            "85 f90000 f93e00 fb3fb999999999999a fb7e37e43c8800759c fa47c35000",
        ),
        (r#"["","ä\n\"\\\/\u20ac"]"#, "92 a0 a9 c3a40a225c2fe282ac", "82 60 69 c3a40a225c2fe282ac"),
        (r#"[{"a":1,"a":[{}]}]"#, "91 82 a161 01 a161 91 80", "81 a2 6161 01 6161 81 a0"),
        // Binary values, at any depth, and what only looks like one.
        (
            r#"["\u0000EOP/kFMHXFJvX8BtT+N82w=="]"#,
            "91 c410 10e3ff9053075c526f5fc06d4fe37cdb",
            "81 50 10e3ff9053075c526f5fc06d4fe37cdb",
        ),
        (r#"[{"k":["\u0000","\u0000AA=="]}]"#, "91 81 a16b 92 c400 c40100", "81 a1 616b 82 40 4100"),
        (
            r#"["\u0000AA=","\u0000 A==","a\u0000AA=="]"#,
            "93 a4 0041413d a5 0020413d3d a6 610041413d3d",
            "83 64 0041413d 65 0020413d3d 66 610041413d3d",
        ),
        (r#"[{"\u0000AA==":1}]"#, "91 81 a5 0041413d3d 01", "81 a1 65 0041413d3d 01"),
        // Halves of pairs.
        (
            r#"["\ud83d\ude00","\ud83d","\ude00x"]"#,
            "93 a4 f09f9880 a3 efbfbd a4 efbfbd78",
            "83 64 f09f9880 63 efbfbd 64 efbfbd78",
        ),
        // Integers beyond 64 bits: exactly a float, or digits; bignums in CBOR.
        (
            "[18446744073709551616,18446744073709551617]",
            "92 cb43f0000000000000 b4 3138343436373434303733373039353531363137",
            "82 c249010000000000000000 c249010000000000000001",
        ),
        (
            "[-9223372036854775809,-18446744073709551616,-18446744073709551617]",
            "93 b4 2d39323233333732303336383534373735383039 cbc3f0000000000000 b5 2d3138343436373434303733373039353531363137",
            "83 3b8000000000000000 3bffffffffffffffff c349010000000000000000",
        ),
    ] {
        let payload = from_json(json);
        assert_eq!(hex(&payload.to(MSGPACK).bytes), hex(&unhex(msgpack)), "{json}");
        assert_eq!(hex(&payload.to(CBOR).bytes), hex(&unhex(cbor)), "{json}");
    }
}

#[test]
fn long_lists_maps_and_texts_when_transcoded_have_wide_heads() {
    let text = "x".repeat(300);
    let items = vec!["1"; 70_000].join(",");
    let pairs: Vec<String> = (0..20).map(|n| format!("\"{n:02}\":{n}")).collect();
    let json = format!(r#"["{text}","\u0000{}",[{items}],{{{}}}]"#, "AAAA".repeat(100), pairs.join(","));
    let payload = from_json(&json);
    let msgpack = payload.to(MSGPACK);
    let cbor = payload.to(CBOR);
    assert_eq!(msgpack.bytes[..4], unhex("94 da 012c"));
    assert_eq!(cbor.bytes[..4], unhex("84 79 012c"));
    assert_eq!(msgpack.to(JSON).bytes, json.as_bytes());
    assert_eq!(cbor.to(JSON).bytes, json.as_bytes());
    assert_eq!(cbor.to(MSGPACK), msgpack);
    assert_eq!(msgpack.to(CBOR), cbor);
}

#[test]
fn binary_formats_when_transcoded_give_these() {
    for (from, bytes, to, expected) in [
        // NaN and the infinities.
        (MSGPACK, "93 cb7ff8000000000000 cb7ff0000000000000 caff800000", JSON, "[null,null,null]"),
        (CBOR, "83 f97e00 f97c00 fa7f800000", JSON, "[null,null,null]"),
        (MSGPACK, "92 cb7ff8000000000001 cb7ff0000000000000", CBOR, "82f97e00f97c00"),
        // Floats keep being floats.
        (MSGPACK, "93 ca3f800000 cb3ff0000000000000 ca3dcccccd", JSON, "[1.0,1.0,0.10000000149011612]"),
        (
            CBOR,
            "83 f93c00 f90001 fb7fefffffffffffff",
            JSON,
            "[1.0,5.960464477539063e-8,1.7976931348623157e308]",
        ),
        (CBOR, "81 f93c00", MSGPACK, "91cb3ff0000000000000"),
        // Extension types: timestamps and others.
        (MSGPACK, "92 d6ff 6553f100 d5 05 aabb", JSON, r#"["2023-11-14T22:13:20Z","\u0000qrs="]"#),
        (MSGPACK, "91 d6ff 6553f100", CBOR, "8174323032332d31312d31345432323a31333a32305a"),
        (MSGPACK, "92 c700 07 d4ff 00", CBOR, "82404100"),
        // Tags, undefined, simple values.
        (CBOR, "84 c11a514b67b0 f7 e0 d8204161", MSGPACK, "94ce514b67b0c0c0c40161"),
        (CBOR, "81 c48221196ab3", JSON, "[[-2,27315]]"),
        // Bignums: small, wide, too wide, and no bytes at all.
        (CBOR, "84 c240 c340 c24101 c2480000000000000002", JSON, "[0,-1,1,2]"),
        (CBOR, "82 c25f 41 01 4800000000000000 00 ff c2 01", JSON, "[18446744073709551616,1]"),
        (CBOR, "81 3bffffffffffffffff", JSON, "[-18446744073709551616]"),
        (CBOR, "81 3bffffffffffffffff", MSGPACK, "91cbc3f0000000000000"),
        // Text with what JSON must escape.
        (MSGPACK, "91 a6 00 1f 22 5c 0a 7f", JSON, "[\"\\u0000\\u001f\\\"\\\\\\n\u{7f}\"]"),
        (CBOR, "81 a1 7f 60 61 61 ff f5", JSON, r#"[{"a":true}]"#),
    ] {
        let result = args(from, unhex(bytes)).to(to);
        assert_eq!(result.shape, Shape::Args, "{from} {bytes}");
        match to {
            JSON => assert_eq!(std::str::from_utf8(&result.bytes).unwrap(), expected, "{from} {bytes}"),
            _ => assert_eq!(hex(&result.bytes), expected, "{from} {bytes}"),
        }
    }
    let wide = [unhex("81 c2 5881"), vec![1; 129]].concat();
    assert!(args(CBOR, wide).to(JSON).bytes.starts_with(br#"["\u0000AQEB"#));
    let digits = "9".repeat(400);
    let text = [unhex("81 790190"), digits.clone().into_bytes()].concat();
    assert_eq!(from_json(&format!("[{digits}]")).to(CBOR).bytes, text);
}

#[test]
fn big_integers_when_sent_through_cbor_keep_their_digits() {
    for digits in
        ["18446744073709551616", "-98765432109876543210987654321098765432109876543210", &"7".repeat(308)]
    {
        let json = format!("[{digits}]");
        assert_eq!(from_json(&json).to(CBOR).to(JSON).bytes, json.as_bytes());
    }
    // Between peers of one format nothing is touched at all.
    let odd = from_json("[1e400,-0,1.10,12345678901234567890123,\"\\ud800\"]");
    assert_eq!(odd.to(JSON), odd);
}

#[test]
fn opaque_payloads_when_transcoded_stay_opaque() {
    let bytes = [0u8, 1, 2, 255];
    for from in Serializer::ALL {
        for to in Serializer::ALL {
            let payload = Payload::from_opaque(from, &bytes).to(to);
            assert_eq!(payload, Payload::from_opaque(to, &bytes));
            let (args, kwargs) = payload.to_values().unwrap();
            assert_eq!(
                (args, kwargs),
                (vec![Value::Binary(Bytes::copy_from_slice(&bytes))], Dict::default())
            );
        }
    }
    let text = Payload { serializer: JSON, shape: Shape::Opaque, bytes: Bytes::from_static(b"\"abc\"") };
    assert_eq!(text.to(CBOR).bytes, unhex("63616263"));
    assert_eq!(text.to(MSGPACK).bytes, unhex("a3616263"));
}

#[test]
fn values_when_empty_take_no_place() {
    let mut kwargs = Dict::default();
    for serializer in Serializer::ALL {
        assert_eq!(Payload::from_values(serializer, &[], &Dict::default()), Payload::empty(serializer));
        assert_eq!(Payload::from_values(serializer, &[Value::Null], &Dict::default()).shape, Shape::Args);
    }
    kwargs.push("a", 1i64);
    assert_eq!(Payload::from_values(JSON, &[], &kwargs).bytes, br#"[],{"a":1}"#[..]);
    assert_eq!(Payload::from_values(MSGPACK, &[], &kwargs).bytes, unhex("90 81 a161 01"));
    assert_eq!(Payload::from_values(CBOR, &[], &kwargs).bytes, unhex("80 a1 6161 01"));
}

#[test]
fn values_when_nested_too_deep_become_null() {
    let mut value = Value::Int(1);
    for _ in 0..1000 {
        value = Value::List(vec![value]);
    }
    for serializer in Serializer::ALL {
        let payload = Payload::from_values(serializer, &[value.clone()], &Dict::default());
        let message = Message::Yield(Yield {
            request: Id::new(1).unwrap(),
            progress: false,
            passthru: None,
            payload: payload.clone(),
        });
        let read = decode(serializer, &crate::encode(serializer, &message)).unwrap();
        assert_eq!(read, message);
        assert!(payload.to_values().is_ok());
    }
    // Its own destructor is recursive as well.
    while let Value::List(mut inner) = value {
        value = inner.pop().unwrap_or(Value::Null);
    }
}

#[test]
fn payloads_when_not_valid_become_none() {
    for (serializer, shape, bytes) in [
        (JSON, Shape::Args, &b"[1"[..]),
        (JSON, Shape::Args, b"[\"\xff\"]"),
        (JSON, Shape::Args, b"{}"),
        (JSON, Shape::Args, b"[1],{}"),
        (JSON, Shape::ArgsKwargs, b"[1]"),
        (JSON, Shape::Opaque, b"[1]"),
        (JSON, Shape::Args, b""),
        (MSGPACK, Shape::Args, b"\x92\x01"),
        (MSGPACK, Shape::Args, b"\xdd\xff\xff\xff\xff"),
        (CBOR, Shape::Args, b"\x9f\x01"),
        (CBOR, Shape::Opaque, b"\x01"),
    ] {
        let payload = Payload { serializer, shape, bytes: Bytes::from_static(bytes) };
        for to in Serializer::ALL.into_iter().filter(|to| *to != serializer) {
            assert_eq!(payload.to(to), Payload::empty(to), "{serializer} {bytes:?}");
        }
        if shape != Shape::Opaque {
            assert!(payload.to_values().is_err(), "{serializer} {bytes:?}");
        }
    }
}
