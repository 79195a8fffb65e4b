//! The test vectors of the WAMP specification's own test suite. They stand in the repository, not in the package.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use transom_wamp::{DecodeError, Encoder, Message, Payload, Serializer, Shape, decode};

fn folder() -> Option<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = crates.join("../../tests/vendor/wamp-proto-testsuite/singlemessage");
    if folder.is_dir() {
        return Some(folder);
    }
    let workspace = crates.join("../../xtask").is_dir();
    assert!(!workspace, "the vectors are missing from the workspace: {}", folder.display());
    println!("SKIPPED: a packaged crate does not contain the vectors");
    None
}

/// Every sample of every file with the file's name.
fn samples() -> Vec<(String, Json)> {
    let mut samples = Vec::new();
    for part in folder().into_iter().flat_map(|folder| [folder.join("basic"), folder.join("advanced")]) {
        for file in std::fs::read_dir(part).unwrap() {
            let path = file.unwrap().path();
            let file: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            for sample in file["samples"].as_array().unwrap() {
                let name = format!("{}: {}", path.display(), sample["description"].as_str().unwrap());
                samples.push((name, sample.clone()));
            }
        }
    }
    samples
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn encode(serializer: Serializer, message: &Message) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let encoded = encoder.encode(serializer, message);
    [encoded.head, encoded.body, encoded.tail].concat()
}

/// A message as the JSON list that stands for it.
fn as_json(message: &Message) -> Json {
    serde_json::from_slice(&encode(Serializer::Json, message)).unwrap()
}

/// The attributes that the suite expects, read from the message's JSON.
fn attributes(message: &Message) -> Map<String, Json> {
    let list = as_json(message);
    let list = list.as_array().unwrap();
    let names: &[&str] = match message.code() {
        1 => &["realm", "details"],
        2 => &["session_id", "details"],
        3 | 6 => &["details", "reason"],
        4 => &["method", "extra"],
        5 => &["signature", "extra"],
        8 => &["request_type", "request_id", "details", "error"],
        16 => &["request_id", "options", "topic"],
        17 => &["request_id", "publication_id"],
        32 => &["request_id", "options", "topic"],
        33 | 34 => &["request_id", "subscription_id"],
        35 | 67 => &["request_id"],
        36 => &["subscription", "publication", "details"],
        48 => &["request_id", "options", "procedure"],
        49 | 69 | 70 => &["request_id", "options"],
        50 => &["request_id", "details"],
        64 => &["request_id", "options", "procedure"],
        65 | 66 => &["request_id", "registration_id"],
        68 => &["request_id", "registration_id", "details"],
        337 => &["publication_id"],
        other => panic!("type {other} has no names"),
    };
    let mut found: Map<String, Json> =
        names.iter().zip(&list[1..]).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    found.insert("message_type".into(), list[0].clone());
    if let Some(details) = found.get("details").and_then(|details| details.get("roles")) {
        found.insert("roles".into(), details.clone());
    }
    if let Some(payload) = message.payload() {
        found.extend(payload_attributes(payload));
    }
    found
}

fn payload_attributes(payload: &Payload) -> Map<String, Json> {
    let json = payload.to(Serializer::Json);
    let (mut args, mut kwargs, mut opaque) = (Json::Null, Json::Null, Json::Null);
    match json.shape {
        Shape::Empty => {}
        Shape::Opaque => {
            let (values, _) = payload.to_values().unwrap();
            let [transom_wamp::Value::Binary(bytes)] = &values[..] else {
                panic!("{values:?} is not binary")
            };
            opaque = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        }
        Shape::Args | Shape::ArgsKwargs => {
            let both: Json = serde_json::from_slice(&[b"[", &json.bytes[..], b"]"].concat()).unwrap();
            args = both[0].clone();
            kwargs = both.get(1).cloned().unwrap_or_default();
        }
    }
    [("args".into(), args), ("kwargs".into(), kwargs), ("payload".into(), opaque)].into_iter().collect()
}

/// What is expected, as this crate keeps it.
fn expected(sample: &Json) -> Map<String, Json> {
    let mut expected = sample["expected_attributes"].as_object().unwrap().clone();
    for options in ["options", "details"] {
        if let Some(options) = expected.get_mut(options).and_then(Json::as_object_mut) {
            // Only links between routers may say it: read, checked and dropped.
            options.remove("forward_for");
        }
    }
    // The default is written out, since the receiver is told in any case.
    if expected["message_type"] == 69 && expected["options"] == json!({}) {
        expected.insert("options".into(), json!({"mode": "killnowait"}));
    }
    expected
}

/// The variants of a sample in one format. Both forms of UBJSON stand under one name, and notes tell them apart.
fn variants_of(sample: &Json, serializer: Serializer) -> impl Iterator<Item = &Json> {
    let variants = sample["serializers"][serializer.name()].as_array().unwrap();
    variants.iter().filter(move |variant| {
        let bjdata = variant["note"].as_str().is_some_and(|note| note.starts_with("BJData"));
        (serializer == Serializer::BjData) == bjdata
    })
}

#[test]
fn messages_when_in_any_variant_have_the_expected_attributes() {
    let samples = samples();
    let mut variants = 0;
    for (name, sample) in samples.iter().filter(|(_, sample)| sample.get("serializers").is_some()) {
        let expected = expected(sample);
        for serializer in Serializer::ALL {
            for variant in variants_of(sample, serializer) {
                let bytes = Bytes::from(unhex(variant["bytes_hex"].as_str().unwrap()));
                if let Some(text) = variant.get("bytes").and_then(Json::as_str) {
                    assert_eq!(bytes, text.as_bytes(), "{name}");
                }
                let message = decode(serializer, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
                let found = attributes(&message);
                for (key, value) in &expected {
                    assert_eq!(found.get(key).unwrap_or(&Json::Null), value, "{name}: {serializer}: {key}");
                }
                variants += 1;
            }
        }
    }
    assert!(samples.is_empty() || variants >= 100, "only {variants} variants were found");
}

#[test]
fn messages_when_written_are_one_of_the_variants() {
    for (name, sample) in samples().iter().filter(|(_, sample)| sample.get("serializers").is_some()) {
        for serializer in Serializer::ALL {
            let variants: Vec<Vec<u8>> = variants_of(sample, serializer)
                .map(|variant| unhex(variant["bytes_hex"].as_str().unwrap()))
                .collect();
            assert!(!variants.is_empty(), "{name}: {serializer:?}");
            for variant in &variants {
                let message = decode(serializer, &Bytes::from(variant.clone())).unwrap();
                let written = encode(serializer, &message);
                // Maps may be written in another order, and forward_for and defaults differ: then only what is read
                // back counts.
                let same = variants.contains(&written);
                let again = decode(serializer, &Bytes::from(written)).unwrap();
                assert_eq!(attributes(&again), attributes(&message), "{name}");
                let exempt = ["HELLO", "EVENT", "PUBLISH", "INTERRUPT"].contains(&message.name());
                assert!(same || exempt || serializer == Serializer::Json, "{name}: {serializer}: {again:?}");
            }
        }
    }
}

#[test]
fn options_when_wrong_are_named() {
    let samples = samples();
    let mut seen = 0;
    for (name, sample) in samples.iter().filter(|(_, sample)| sample.get("wmsg").is_some()) {
        // A message is a list like arguments are, and so can be written in every format.
        let json = serde_json::to_vec(&sample["wmsg"]).unwrap();
        let list = Payload { serializer: Serializer::Json, shape: Shape::Args, bytes: json.into() };
        seen += 1;
        for serializer in Serializer::ALL {
            let result = decode(serializer, &list.to(serializer).bytes);
            match sample.get("expected_error") {
                None => drop(result.unwrap_or_else(|error| panic!("{name}: {error}"))),
                Some(expected) => {
                    let error = result.expect_err(name);
                    assert!(matches!(error, DecodeError::Option { .. }), "{name}: {error}");
                    let named = expected["contains"].as_str().unwrap();
                    assert!(error.to_string().contains(named), "{name}: {error}");
                }
            }
        }
    }
    assert!(samples.is_empty() || seen >= 60, "only {seen} samples were found");
}
