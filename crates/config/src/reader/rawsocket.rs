//! Kinds and hints of RawSocket.

use serde_json::Value as Json;

use super::describe::Shape;
use super::kind::{Kind, size};
use super::val::Val;
use super::writer::Writer;

/// Options that stand under `options`, to recognise them one level too high.
const OPTIONS: [&str; 5] =
    ["max_message_size", "hello_timeout", "max_send_queue", "ping_interval", "ping_timeout"];

/// What was probably meant by a key that RawSocket does not have.
pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        "serializer" => Some("did you mean \"serializers\" (a list)?".to_owned()),
        "cookie" => Some("only WebSocket has cookies".to_owned()),
        _ if OPTIONS.contains(&key) => Some("put it under \"options\"".to_owned()),
        _ => None,
    }
}

pub(crate) fn options_trap(key: &str) -> Option<String> {
    match key {
        "serializers" | "serializer" => Some("it stands beside \"options\", not in it".to_owned()),
        _ => None,
    }
}

/// A message size, rounded up to a power of two.
pub(crate) fn power_of_two() -> PowerOfTwo {
    PowerOfTwo
}

pub(crate) struct PowerOfTwo;

impl Kind for PowerOfTwo {
    type Value = usize;

    fn read(&self, value: &Val<'_>) -> Option<usize> {
        size(512..=16_777_216).read(value).map(usize::next_power_of_two)
    }

    fn write(&self, value: &usize, out: &Writer) -> Option<Json> {
        size(512..=16_777_216).write(value, out)
    }

    fn shape(&self) -> Shape {
        size::<usize>(512..=16_777_216).shape()
    }
}
