//! The codec from outside: frames in, messages out, and back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod frames;
mod refused;
mod round_trip;
mod transcode;
mod ubjson;

use bytes::Bytes;
use transom_wamp::{Encoder, Message, Payload, Serializer};

/// The whole message, serialized.
fn encode(serializer: Serializer, message: &Message) -> Bytes {
    let mut encoder = Encoder::default();
    let encoded = encoder.encode(serializer, message);
    let bytes = [encoded.head, encoded.body, encoded.tail].concat();
    assert_eq!(bytes.len(), encoded.len());
    bytes.into()
}

/// The bytes that hexadecimal digits stand for; space is left out.
fn unhex(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A message that is written in JSON, in another format.
fn frame(serializer: Serializer, json: &str) -> Bytes {
    // A message is a list, as arguments are.
    let bytes = Bytes::copy_from_slice(json.as_bytes());
    let list = Payload { serializer: Serializer::Json, shape: transom_wamp::Shape::Args, bytes };
    list.to(serializer).bytes
}
