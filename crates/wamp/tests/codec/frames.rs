//! Frames as peers send them, in every form that is allowed.

use bytes::Bytes;
use transom_wamp::*;

use crate::{encode, frame, hex, unhex};

const JSON: Serializer = Serializer::Json;
const MSGPACK: Serializer = Serializer::MsgPack;
const CBOR: Serializer = Serializer::Cbor;

fn read(serializer: Serializer, bytes: impl AsRef<[u8]>) -> Result<Message, DecodeError> {
    decode(serializer, &Bytes::copy_from_slice(bytes.as_ref()))
}

fn payload(serializer: Serializer, bytes: impl AsRef<[u8]>) -> Payload {
    read(serializer, bytes).unwrap().payload().unwrap().clone()
}

#[test]
fn publish_when_written_is_the_known_bytes() {
    for (serializer, bytes) in [
        (JSON, br#"[16,239714735,{},"com.myapp.mytopic1",["Hello, world!"]]"#.to_vec()),
        (
            MSGPACK,
            unhex("9510ce0e49c1af80b2636f6d2e6d796170702e6d79746f7069633191ad48656c6c6f2c20776f726c6421"),
        ),
        (CBOR, unhex("85101a0e49c1afa072636f6d2e6d796170702e6d79746f70696331816d48656c6c6f2c20776f726c6421")),
    ] {
        let payload = Payload::from_values(serializer, &["Hello, world!".into()], &Dict::default());
        let message = Message::Publish(Publish {
            request: Id::new(239714735).unwrap(),
            options: PublishOptions::default(),
            topic: "com.myapp.mytopic1".into(),
            payload,
        });
        assert_eq!(encode(serializer, &message), bytes);
        assert_eq!(read(serializer, &bytes).unwrap(), message);
    }
    let goodbye = Message::Goodbye(Goodbye { message: None, reason: "a.b".into() });
    assert_eq!(encode(JSON, &goodbye), br#"[6,{},"a.b"]"#[..]);
}

#[test]
fn payload_when_read_is_a_slice_of_the_frame() {
    for serializer in Serializer::ALL {
        let frame = frame(serializer, r#"[48,1,{},"com.example.longer.than.fits.in.place",[1,2],{"k":"v"}]"#);
        let Message::Call(call) = decode(serializer, &frame).unwrap() else { panic!() };
        let within = frame.as_ptr_range();
        assert!(within.contains(&call.procedure.as_bytes().as_ptr()));
        assert!(within.contains(&call.payload.bytes.as_ptr()));
        assert_eq!(call.payload.shape, Shape::ArgsKwargs);
        // Written again it is shared again.
        let mut encoder = Encoder::default();
        let message = Message::Call(call);
        let encoded = encoder.encode(serializer, &message);
        assert!(within.contains(&encoded.body.as_ptr()));
    }
}

#[test]
fn payload_when_absent_null_or_empty_has_its_shape() {
    for serializer in Serializer::ALL {
        for (rest, shape, json) in [
            ("", Shape::Empty, ""),
            (",null", Shape::Empty, ""),
            (",null,null", Shape::Empty, ""),
            (",[]", Shape::Args, "[]"),
            (",[1],null", Shape::Args, "[1]"),
            (",[],{}", Shape::ArgsKwargs, "[],{}"),
            (r#",null,{"a":1}"#, Shape::ArgsKwargs, r#"[],{"a":1}"#),
            (r#",[[1],2],{"a":{}}"#, Shape::ArgsKwargs, r#"[[1],2],{"a":{}}"#),
            (r#","opaque""#, Shape::Opaque, r#""opaque""#),
            (r#","\u0000AAEC""#, Shape::Opaque, r#""\u0000AAEC""#),
        ] {
            let payload = payload(serializer, frame(serializer, &format!(r#"[16,1,{{}},"a"{rest}]"#)));
            assert_eq!(payload.shape, shape, "{serializer} {rest}");
            assert_eq!(payload.to(JSON).bytes, json.as_bytes(), "{serializer} {rest}");
        }
    }
}

#[test]
fn json_when_spaced_or_escaped_means_the_same() {
    let plain = read(JSON, r#"[16,7,{"acknowledge":true,"exclude":[1,2]},"a/ä",[1],{"a":2}]"#).unwrap();
    let text = " [ 16 ,\t7 , { \"\\u0061cknowledge\" : true , \"x_other\" : [ { } ] , \"exclude\" : [ 1 , 2 ] } ,\r\n \"a\\/\\u00e4\" , [1],{\"a\":2} ] \n";
    assert_eq!(read(JSON, text).unwrap(), plain);
    let Message::Publish(publish) = plain else { panic!() };
    assert!(publish.options.acknowledge);
    assert_eq!(publish.topic, "a/ä");
    assert_eq!(payload(JSON, r#"[16,7,{},"a", [1] , {"a":2} ]"#).bytes, r#"[1] , {"a":2}"#.as_bytes());
}

#[test]
fn ids_when_floats_or_wide_are_read() {
    for (serializer, bytes) in [
        (JSON, b"[17,1.0,2e2]".to_vec()),
        (JSON, b"[17, 1 ,200.00]".to_vec()),
        (MSGPACK, unhex("93 11 cb3ff0000000000000 ca43480000")),
        (MSGPACK, unhex("93 cc11 cf0000000000000001 d3 00000000000000c8")),
        (MSGPACK, unhex("dc0003 d011 d100 01 cd00c8")),
        (MSGPACK, unhex("dd00000003 d200000011 01 ccc8")),
        (CBOR, unhex("83 11 f93c00 fa43480000")),
        (CBOR, unhex("9f 1811 190001 1b00000000000000c8 ff")),
        (CBOR, unhex("9a00000003 1a00000011 fb3ff0000000000000 fb4069000000000000")),
    ] {
        let expected = Published { request: Id::new(1).unwrap(), publication: Id::new(200).unwrap() };
        assert_eq!(read(serializer, &bytes), Ok(Message::Published(expected)), "{}", hex(&bytes));
    }
}

#[test]
fn cbor_when_of_indefinite_length_is_read() {
    // The list, its options, a key, the topic, and the arguments.
    let bytes = unhex(
        "9f 10 01 bf 7f 65 61636b6e6f 66 776c65646765 ff f5 ff 7f 61 61 60 62 2e62 ff 9f 01 5f 41 00 40 ff bf ff ff ff",
    );
    let Message::Publish(publish) = read(CBOR, &bytes).unwrap() else { panic!() };
    assert!(publish.options.acknowledge);
    assert_eq!(publish.topic, "a.b");
    // Without the end of the outer list.
    assert_eq!(publish.payload.bytes, unhex("9f 01 5f 41 00 40 ff bf ff ff"));
    assert_eq!(publish.payload.to(JSON).bytes, br#"[1,"\u0000AA==",{}]"#[..]);
    assert_eq!(publish.payload.to(MSGPACK).bytes, unhex("93 01 c40100 80"));
}

#[test]
fn cbor_when_extended_is_read() {
    // Tags, bignums, undefined, simple values, halves, a date in nested tags.
    let args = "89 c249010000000000000000 c34100 f7 f0 f8ff f93e00 c074323031332d30332d32315432303a30343a30305a d9d9f7c102 f97e00";
    let bytes = unhex(&format!("85 10 01 a0 6161 {args}"));
    let payload = payload(CBOR, bytes);
    assert_eq!(payload.bytes, unhex(args));
    assert_eq!(
        payload.to(JSON).bytes,
        br#"[18446744073709551616,-1,null,null,null,1.5,"2013-03-21T20:04:00Z",2,null]"#[..]
    );
}

#[test]
fn revocations_when_read_name_what_is_gone() {
    let id = Id::new(7).unwrap();
    for serializer in Serializer::ALL {
        for (code, key) in [(35, "subscription"), (67, "registration")] {
            let text = format!(r#"[{code},0,{{"{key}":7,"reason":"a.b"}}]"#);
            let revocation = Revocation { id, reason: Some("a.b".into()) };
            let expected = match code {
                35 => Message::SubscriptionRevoked(revocation),
                _ => Message::RegistrationRevoked(revocation),
            };
            let frame = frame(serializer, &text);
            assert_eq!(decode(serializer, &frame).unwrap(), expected);
            assert_eq!(encode(serializer, &expected), frame);
        }
    }
    assert_eq!(read(JSON, "[35,7,{}]"), Ok(Message::Unsubscribed(Unsubscribed { request: id })));
    let error = read(JSON, "[67,0,{}]").unwrap_err();
    assert!(matches!(error, DecodeError::Option { message: "UNREGISTERED", option: "registration", .. }));
}

#[test]
fn hello_when_read_has_roles_and_features() {
    let text = r#"[1,null,{"roles":{"caller":{"features":{"call_cancelling":true,"b":false,"a":true}},"callee":{"x":1}},
        "authmethods":["ticket","anonymous"],"authid":"me","authextra":{"k":[1,"\u0000AAEC"]},"resumable":true,"other":{}}]"#;
    for serializer in Serializer::ALL {
        let Message::Hello(hello) = decode(serializer, &frame(serializer, text)).unwrap() else { panic!() };
        assert_eq!(hello.realm, None);
        let caller = hello.details.roles.caller.unwrap();
        assert!(caller.has("call_canceling") && caller.has("a") && !caller.has("b"));
        assert_eq!(hello.details.roles.callee, Some(Features::default()));
        assert_eq!(hello.details.roles.publisher, None);
        assert_eq!(hello.details.authmethods, Some(vec!["ticket".into(), "anonymous".into()]));
        let extra = hello.details.authextra.unwrap();
        let bytes = Value::Binary(Bytes::from_static(&[0, 1, 2]));
        assert_eq!(extra.get("k"), Some(&Value::List(vec![Value::Int(1), bytes])));
    }
}

#[test]
fn options_when_standing_twice_count_last() {
    for serializer in Serializer::ALL {
        let text = r#"[16,1,{"acknowledge":true,"enc_key":"a","acknowledge":false,"enc_key":"b"},"a"]"#;
        let Message::Publish(publish) = decode(serializer, &frame(serializer, text)).unwrap() else {
            panic!()
        };
        assert!(!publish.options.acknowledge);
        let passthru = publish.options.passthru.unwrap();
        assert_eq!(passthru.0, [("enc_key".into(), Value::Text("b".into()))]);
    }
}

#[test]
fn options_when_many_are_written_with_a_long_head() {
    let ids = vec![Id::new(1).unwrap()];
    let texts = vec![Text::from("x")];
    let mut passthru = Dict::default();
    for key in ["ppt_scheme", "ppt_serializer", "ppt_cipher", "ppt_keyid", "enc_key", "transaction_hash"] {
        passthru.push(key, "x");
    }
    let options = PublishOptions {
        acknowledge: true,
        exclude_me: Some(false),
        disclose_me: true,
        retain: true,
        receivers: Some(Box::new(Receivers {
            exclude: ids.clone(),
            exclude_authid: texts.clone(),
            exclude_authrole: texts.clone(),
            eligible: Some(ids),
            eligible_authid: Some(texts),
            eligible_authrole: Some(vec![]),
        })),
        passthru: Some(Box::new(passthru)),
    };
    for serializer in Serializer::ALL {
        let message = Message::Publish(Publish {
            request: Id::new(1).unwrap(),
            options: options.clone(),
            topic: "a".into(),
            payload: Payload::from_values(serializer, &[1i64.into()], &Dict::default()),
        });
        let bytes = encode(serializer, &message);
        assert_eq!(decode(serializer, &bytes).unwrap(), message, "{serializer}");
    }
}

#[test]
fn trees_when_as_deep_as_allowed_need_little_stack() {
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(|| {
        // The message and its element are two levels of the 128.
        let mut value = Value::Int(1);
        for level in 0..126 {
            value = match level % 2 {
                0 => Value::List(vec![value]),
                _ => Value::Map(Dict(vec![("k".into(), value)])),
            };
        }
        let extra = Dict(vec![("x".into(), value)]);
        let message = Message::Authenticate(Authenticate { signature: "s".into(), extra });
        for serializer in Serializer::ALL {
            assert_eq!(decode(serializer, &encode(serializer, &message)).unwrap(), message);
        }
    });
    thread.unwrap().join().unwrap();
}
