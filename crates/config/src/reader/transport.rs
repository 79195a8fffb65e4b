//! Kinds, checks and hints of transports.

use std::collections::HashSet;
use std::marker::PhantomData;

use serde_json::Value as Json;

use super::describe::{Definition, KeyDefinition, MapReference, Shape, Status};
use super::finding::Severity;
use super::kind::{Fields, Group, Kind, count, dict, int};
use super::map::Map;
use super::suggest::nearest;
use super::tree;
use super::val::Val;
use super::writer::Writer;
use super::{rawsocket, web, websocket};
use crate::{
    ConnectEndpoint, DEFAULT_MAX_CONNECTIONS, TesteeTransport, UniversalConfig, UniversalWebSocket,
    WebSocketConfig, WebSocketConnect,
};

/// Keys of endpoints, to recognise them one level too high.
const ENDPOINT_KEYS: [&str; 6] = ["port", "portrange", "interface", "host", "backlog", "tls"];

pub(crate) fn type_trap(word: &str) -> Option<String> {
    match word {
        "tcp" | "unix" | "tls" | "onion" => {
            Some(format!("{word:?} is a type of endpoint; the transport around it has its own"))
        }
        "flash" => Some("did you mean \"flashpolicy\"?".to_owned()),
        "memory" => Some("sessions inside the node need no transport".to_owned()),
        _ => None,
    }
}

pub(crate) fn connecting_type_trap(word: &str) -> Option<String> {
    match word {
        "tcp" | "unix" | "tls" | "tor" => {
            Some(format!("{word:?} is a type of endpoint; the transport around it has its own"))
        }
        "universal" | "web" => {
            Some("it is for listening; connect by \"websocket\" or \"rawsocket\"".to_owned())
        }
        _ => None,
    }
}

pub(crate) fn trap(key: &str) -> Option<String> {
    ENDPOINT_KEYS.contains(&key).then(|| "put it under \"endpoint\"".to_owned())
}

/// `max_connections`. Whether it is written counts: one that the process cannot have is warned of.
pub(crate) struct MaxConnections;

impl Group for MaxConnections {
    type Value = Option<usize>;

    fn read(&self, map: &Map<'_>, _: impl FnOnce() -> Self::Value) -> Option<Self::Value> {
        Some(map.get("max_connections").and_then(|value| int(1..=i64::MAX).read(&value)))
    }

    fn write(&self, value: &Self::Value, out: &mut Writer) {
        out.key("max_connections", &count(), &value.unwrap_or(DEFAULT_MAX_CONNECTIONS));
    }

    fn define(&self, definition: &mut Definition) {
        definition.keys.push(KeyDefinition {
            name: "max_connections",
            text: "Open sockets from accept to close; a further connection is reset at once.".to_owned(),
            shape: int::<usize>(1..=i64::MAX).shape(),
            required: false,
            default: Some(DEFAULT_MAX_CONNECTIONS.into()),
            status: Status::Works,
        });
    }
}

pub(crate) fn universal_trap(key: &str) -> Option<String> {
    match key {
        "options" | "auth" | "serializers" | "url" | "cookie" => {
            Some("each section has its own: put it under \"websocket\", \"rawsocket\" or \"web\"".to_owned())
        }
        "paths" => Some("put it under \"web\"".to_owned()),
        _ => None,
    }
}

/// What only a look at all sections shows.
pub(crate) fn check_universal(config: &mut UniversalConfig, map: &Map<'_>) {
    if ["rawsocket", "websocket", "mqtt", "web"].iter().all(|section| !map.has(section)) {
        map.say(
            Severity::Error,
            "missing mandatory attribute in universal transport: it needs at least one of \"rawsocket\", \
             \"websocket\", \"mqtt\" and \"web\"",
            None,
        );
    }
    if let (Some(UniversalWebSocket::Paths(_)), Some(web)) = (&config.websocket, &config.web) {
        let others: HashSet<&str> = web.paths.iter().map(|path| path.path.as_str()).collect();
        let section = map.peek("websocket").and_then(|section| section.map("websocket"));
        for (path, token, value) in section.iter().flat_map(|section| section.entries()) {
            if others.contains(path) {
                let message = format!("path {path:?} is also in \"web\"; the websocket answers there");
                map.cx.note(Severity::Warning, value.place(), token, message, None);
            }
        }
    }
}

/// What was probably meant by a key that no section has.
fn section_trap(key: &str) -> Option<String> {
    match key {
        "endpoint" => Some("it belongs to the universal transport".to_owned()),
        "max_connections" | "sniff_timeout" => Some("set it on the universal transport".to_owned()),
        _ => None,
    }
}

/// What a `websocket-reverseproxy` connects to. Its type need not be said: there is only one.
pub(crate) fn backend() -> Backend {
    Backend
}

pub(crate) struct Backend;

impl Kind for Backend {
    type Value = Box<WebSocketConnect>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        let map = value.map("connecting websocket transport")?;
        if let Some(kind) = map.get("type")
            && let Some(word) = kind.word(["websocket"])
            && word != "websocket"
        {
            kind.none_of(["websocket"], connecting_type_trap(word));
        }
        let read = Fields::read_fields(&map);
        map.finish();
        read
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        let mut nested = out.nested();
        nested.word("type", "websocket");
        value.write_fields(&mut nested);
        Some(nested.done())
    }

    fn shape(&self) -> Shape {
        Shape::Map(MapReference { what: "reverse proxy backend", open: false, define: define_backend })
    }
}

fn define_backend(definition: &mut Definition) {
    definition.keys.push(KeyDefinition {
        name: "type",
        text: "What it is.".to_owned(),
        shape: Shape::Values(vec!["websocket".into()]),
        required: false,
        default: Some("websocket".into()),
        status: Status::Works,
    });
    WebSocketConnect::define(definition);
}

/// What is spoken in a section of a universal transport.
pub(crate) trait Spoken: Fields {
    /// The word under `type`.
    const WORD: &'static str;
}

impl Spoken for crate::RawSocketConfig {
    const WORD: &'static str = "rawsocket";
}

impl Spoken for WebSocketConfig {
    const WORD: &'static str = "websocket";
}

impl Spoken for crate::WebConfig {
    const WORD: &'static str = "web";
}

impl Spoken for crate::MqttConfig {
    const WORD: &'static str = "mqtt";
}

impl<T: Spoken> Spoken for Box<T> {
    const WORD: &'static str = T::WORD;
}

/// A section of a universal transport. `type` is needless there, but may be there.
pub(crate) fn section<T: Spoken>(what: &'static str) -> Section<T> {
    Section { what, define: define_section::<T>, value: PhantomData }
}

pub(crate) struct Section<T> {
    what: &'static str,
    define: fn(&mut Definition),
    value: PhantomData<fn() -> T>,
}

impl<T: Spoken> Kind for Section<T> {
    type Value = T;

    fn read(&self, value: &Val<'_>) -> Option<T> {
        let map = value.map(self.what)?;
        map.hook(section_trap, false, &[]);
        if let Some(value) = map.get("type")
            && let Some(text) = value.word([T::WORD])
            && text != T::WORD
        {
            value.none_of([T::WORD], None);
        }
        map.get("id");
        map.ignored(Severity::Note, "id", "the universal transport has one, and that is what counts");
        let read = T::read_fields(&map);
        map.finish();
        read
    }

    fn write(&self, value: &T, out: &Writer) -> Option<Json> {
        let mut nested = out.nested();
        nested.word("type", T::WORD);
        value.write_fields(&mut nested);
        Some(nested.done())
    }

    fn shape(&self) -> Shape {
        Shape::Map(MapReference { what: self.what, open: false, define: self.define })
    }
}

fn define_section<T: Spoken>(definition: &mut Definition) {
    T::define(definition);
    let key = |name, text: &str, shape, status| KeyDefinition {
        name,
        text: text.to_owned(),
        shape,
        required: false,
        default: None,
        status,
    };
    let text = "The type of the section, which its name says already.";
    definition.keys.push(key("type", text, Shape::Values(vec![T::WORD.into()]), Status::Works));
    let why = "the universal transport has one, and that is what counts";
    let ignored = Status::Ignored { severity: Severity::Note, why, always: true };
    definition.keys.push(key("id", "Nothing.", Shape::Text { rule: "", pattern: None }, ignored));
}

/// One of several paths is told apart from one configuration for all by its type.
fn define_path(definition: &mut Definition) {
    define_section::<WebSocketConfig>(definition);
    for key in definition.keys.iter_mut().filter(|key| key.name == "type") {
        key.required = true;
        key.text = "What is spoken there.".to_owned();
    }
}

/// The two forms of the `websocket` section.
pub(crate) struct WebSocketSection;

impl WebSocketSection {
    const PLAIN: [&str; 8] = ["id", "type", "url", "serializers", "debug", "options", "auth", "cookie"];

    fn plain() -> Section<Box<WebSocketConfig>> {
        section("universal.websocket section")
    }

    fn paths() -> impl Kind<Value = Vec<(String, WebSocketConfig)>> {
        dict(
            "universal.websocket section",
            web::PATH_NAMES,
            web::check_path_key,
            Section { define: define_path, ..section::<WebSocketConfig>("universal.websocket path") },
        )
    }
}

impl Kind for WebSocketSection {
    type Value = UniversalWebSocket;

    fn read(&self, value: &Val<'_>) -> Option<UniversalWebSocket> {
        const FORMS: &str = "write either one websocket configuration, {\"options\": {…}}, or paths with one each, \
                             {\"ws\": {\"type\": \"websocket\"}}";
        let map = value.map("universal.websocket section")?;
        if !map.is_empty() && map.entries().all(|(_, _, value)| is_websocket(value.node)) {
            return Self::paths().read(value).map(UniversalWebSocket::Paths);
        }
        let not_plain: Vec<_> = map.entries().filter(|(key, _, _)| !Self::PLAIN.contains(key)).collect();
        if not_plain.is_empty() {
            return Self::plain().read(value).map(UniversalWebSocket::Everywhere);
        }
        for (key, token, value) in not_plain {
            let kind = value.node;
            let hint = match section_trap(key).or_else(|| websocket::trap(key)) {
                Some(hint) => hint,
                None if is_websocket(kind) => FORMS.to_owned(),
                None => match nearest(key, Self::PLAIN) {
                    None => FORMS.to_owned(),
                    Some(near) => format!("did you mean {near:?}?"),
                },
            };
            let message = format!("unknown attribute {key:?} in universal.websocket section");
            map.cx.note(Severity::Error, map.place.clone(), token, message, Some(hint));
        }
        None
    }

    fn write(&self, value: &UniversalWebSocket, out: &Writer) -> Option<Json> {
        match value {
            UniversalWebSocket::Everywhere(config) => Self::plain().write(config, out),
            UniversalWebSocket::Paths(paths) => Self::paths().write(paths, out),
        }
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![Self::plain().shape(), Self::paths().shape()])
    }
}

fn is_websocket(node: &tree::Node) -> bool {
    match &node.kind {
        tree::Kind::Map(entries) => entries.iter().any(|entry| {
            entry.key == "type" && matches!(&entry.value.kind, tree::Kind::Str(t) if t == "websocket")
        }),
        _ => false,
    }
}

/// A testee speaks no WAMP.
pub(crate) fn check_testee(_: &mut TesteeTransport, map: &Map<'_>) {
    for key in ["auth", "cookie", "serializers"] {
        map.ignored(Severity::Warning, key, "a testee speaks no WAMP");
    }
    map.ignored(Severity::Note, "url", "a testee has no status page");
    map.ignored(Severity::Warning, "max_connections", "a worker of this type is not limited");
}

/// Whether endpoint and URL agree about TLS, and which options have an effect.
pub(crate) fn check_websocket_connect(config: &mut WebSocketConnect, map: &Map<'_>) {
    let tls = match config.endpoint.plain() {
        // There is no TLS over Unix sockets, whatever the URL.
        ConnectEndpoint::Unix(_) => return,
        endpoint => endpoint.tls().is_some(),
    };
    if let Some(url) = map.peek("url")
        && tls != config.url.starts_with("wss://")
    {
        let message = match tls {
            true => "the endpoint speaks TLS, but the URL is no wss:// URL; the endpoint decides",
            false => "the endpoint does not speak TLS, but the URL is a wss:// URL; the endpoint decides",
        };
        url.warn(message, None);
    }
    let options = map.peek("options").filter(Val::is_map);
    let Some(options) = options.and_then(|options| options.map("websocket options")) else { return };
    for key in LISTENING_OPTIONS {
        options.ignored(Severity::Note, key, "it is about listening");
    }
}

/// Options of WebSocket that have no effect on a client.
const LISTENING_OPTIONS: [&str; 11] = [
    "allowed_origins",
    "allow_null_origin",
    "external_port",
    "enable_hybi10",
    "enable_rfc6455",
    "enable_webstatus",
    "mask_server_frames",
    "require_masked_client_frames",
    "require_websocket_subprotocol",
    "show_server_version",
    "hello_timeout",
];

pub(crate) fn websocket_connect_trap(key: &str) -> Option<String> {
    match key {
        "debug" | "auth" | "cookie" => Some("only listening transports have it".to_owned()),
        _ => trap(key).or_else(|| websocket::trap(key)),
    }
}

pub(crate) fn rawsocket_connect_trap(key: &str) -> Option<String> {
    match key {
        "serializers" => Some("did you mean \"serializer\" (one word)?".to_owned()),
        "auth" => Some("only listening transports have it".to_owned()),
        _ => trap(key).or_else(|| rawsocket::trap(key)),
    }
}
