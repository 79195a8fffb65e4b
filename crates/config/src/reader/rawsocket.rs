//! RawSocket configurations, and what they share with WebSocket.

use super::auth;
use super::cursor::{Map, Val, one_of};
use super::finding::Severity;
use super::suggest::nearest;
use crate::{AuthConfig, RawSocketConfig, RawSocketOptions, Serializer};

/// Largest send queue, bytes.
pub(crate) const MAX_SEND_QUEUE: i64 = 1 << 30;

/// Options that stand under `options`, to recognise them one level too high.
const OPTIONS: [&str; 5] =
    ["max_message_size", "hello_timeout", "max_send_queue", "ping_interval", "ping_timeout"];

/// The keys of RawSocket in a map that its caller opened and will finish.
pub(crate) fn rawsocket(map: &Map<'_>) -> RawSocketConfig {
    let options = map.get("options").and_then(|options| options.map("rawsocket options"));
    RawSocketConfig {
        place: map.place.clone(),
        serializers: serializers(map, false),
        auth: authentication(map),
        debug: debug(map),
        options: options.map(|options| read_options(&options)).unwrap_or_default(),
    }
}

/// What was probably meant by a key that RawSocket does not have.
pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        "serializer" => Some("did you mean \"serializers\" (a list)?".to_owned()),
        "cookie" => Some("only WebSocket has cookies".to_owned()),
        _ if OPTIONS.contains(&key) => Some("put it under \"options\"".to_owned()),
        _ => None,
    }
}

fn read_options(map: &Map<'_>) -> RawSocketOptions {
    let defaults = RawSocketOptions::default();
    let size = map.size("max_message_size", 512..=1 << 24, defaults.max_message_size);
    let options = RawSocketOptions {
        max_message_size: size.next_power_of_two(),
        hello_timeout: map.ms("hello_timeout", defaults.hello_timeout),
        max_send_queue: map.size("max_send_queue", 1..=MAX_SEND_QUEUE, defaults.max_send_queue),
        ping_interval: map.ms("ping_interval", defaults.ping_interval),
        ping_timeout: map.ms("ping_timeout", defaults.ping_timeout),
    };
    map.finish(&|key| match key {
        "serializers" | "serializer" => Some("it stands beside \"options\", not in it".to_owned()),
        _ => None,
    });
    options
}

/// `debug`.
pub(crate) fn debug(map: &Map<'_>) -> bool {
    let debug = map.bool("debug", false);
    if debug {
        let why = "how much is logged is set for the whole node, by --loglevel";
        map.ignored(Severity::Note, "debug", why);
    }
    debug
}

/// `auth`, absent like empty.
pub(crate) fn authentication(map: &Map<'_>) -> Option<AuthConfig> {
    let value = map.get("auth")?;
    auth::auth(&value)
}

/// `serializers`: never empty, each once, in file order.
pub(crate) fn serializers(map: &Map<'_>, websocket: bool) -> Vec<Serializer> {
    let Some(value) = map.get("serializers") else { return Serializer::ALL.to_vec() };
    let Some(items) = value.list() else { return Serializer::ALL.to_vec() };
    if items.is_empty() {
        value.invalid_value("at least one serializer is needed", None);
    }
    // What the dialect knows and this release lacks.
    let others: &[&str] = if websocket { &["ubjson", "flatbuffers"] } else { &["ubjson"] };
    let mut serializers = Vec::new();
    for item in items {
        let Some(serializer) = serializer(&item, others) else { continue };
        if serializers.contains(&serializer) {
            item.say(Severity::Warning, format!("serializer \"{serializer}\" is listed twice"), None);
        } else {
            serializers.push(serializer);
        }
    }
    if serializers.is_empty() { Serializer::ALL.to_vec() } else { serializers }
}

fn serializer(item: &Val<'_>, others: &[&str]) -> Option<Serializer> {
    let names = || Serializer::ALL.map(Serializer::name).into_iter();
    let words = || names().chain(others.iter().copied());
    item.has_words(words());
    let name = item.str()?;
    if let Some(serializer) = Serializer::from_name(name) {
        return Some(serializer);
    }
    if others.contains(&name) {
        item.unsupported(&format!("serializer {name:?}"), None);
        return None;
    }
    let base = name.strip_suffix(".batched").and_then(Serializer::from_name);
    let hint = match (base, nearest(name, words())) {
        (Some(base), _) => {
            Some(format!("write \"{base}\"; batched forms have no name here, and are not offered yet"))
        }
        (None, Some(near)) => Some(format!("did you mean {near:?}?")),
        (None, None) => None,
    };
    item.invalid_value(format!("must be {}", one_of(words())), hint.as_deref());
    None
}
