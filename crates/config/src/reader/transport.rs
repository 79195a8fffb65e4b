//! Listening transports.

use super::cursor::{Map, Val, one_of, plain};
use super::finding::Severity;
use super::suggest::nearest;
use super::tree::Kind;
use super::web::{self, SniffTimeout};
use super::{endpoint, rawsocket, websocket};
use crate::{
    RawSocketConfig, Transport, TransportProtocol, UniversalConfig, UniversalWebSocket, WebSocketConfig,
};

/// All types of the dialect.
const TYPES: [&str; 8] = [
    "web",
    "websocket",
    "rawsocket",
    "universal",
    "mqtt",
    "flashpolicy",
    "websocket.testee",
    "stream.testee",
];

/// Keys of endpoints, to recognise them one level too high.
const ENDPOINT_KEYS: [&str; 6] = ["port", "portrange", "interface", "host", "backlog", "tls"];

/// A transport of a router worker; `None` if it is wrong or asks for what this release lacks.
pub(crate) fn transport(value: &Val<'_>) -> Option<Transport> {
    let map = value.map("transport")?;
    let kind = map.req("type")?;
    kind.has_words(TYPES);
    let read: fn(&Map<'_>) -> Option<TransportProtocol> = match kind.str()? {
        "universal" => universal,
        "websocket" => |map| Some(TransportProtocol::WebSocket(Box::new(websocket::websocket(map)))),
        "rawsocket" => |map| Some(TransportProtocol::RawSocket(Box::new(rawsocket::rawsocket(map)))),
        "web" => |map| {
            let sniff_timeout = SniffTimeout::Own;
            Some(TransportProtocol::Web(Box::new(web::web(map, sniff_timeout, true))))
        },
        other if TYPES.contains(&other) => {
            kind.unsupported(&format!("transport type {other:?}"), None);
            return None;
        }
        other => {
            let hint = match other {
                "tcp" | "unix" | "tls" | "onion" => {
                    Some(format!("{other:?} is a type of endpoint; the transport around it has its own"))
                }
                "flash" => Some("did you mean \"flashpolicy\"?".to_owned()),
                _ => nearest(other, TYPES).map(|word| format!("did you mean {word:?}?")),
            };
            kind.invalid_value(format!("must be {}", one_of(TYPES.into_iter())), hint.as_deref());
            return None;
        }
    };
    let what = format!("{} transport", kind.str()?);
    let map = value.map(what)?;
    map.get("type");
    let id = map.id("transport", &map.cx.ids.transport, true);
    let endpoint = map.req("endpoint").and_then(|endpoint| endpoint::listening(&endpoint));
    let max_connections_written =
        map.int("max_connections", 1..=i64::MAX).and_then(|limit| usize::try_from(limit).ok());
    let protocol = read(&map);
    map.finish(&|key| match key {
        _ if ENDPOINT_KEYS.contains(&key) => Some("put it under \"endpoint\"".to_owned()),
        _ => match &protocol {
            Some(TransportProtocol::WebSocket(_)) => websocket::trap(key),
            Some(TransportProtocol::RawSocket(_)) => rawsocket::trap(key),
            Some(TransportProtocol::Web(_)) => web::trap(key),
            Some(TransportProtocol::Universal(_)) | None => universal_trap(key),
        },
    });
    Some(Transport {
        place: map.place.clone(),
        id,
        endpoint: endpoint?,
        max_connections_written,
        protocol: protocol?,
    })
}

fn universal_trap(key: &str) -> Option<String> {
    match key {
        "options" | "auth" | "serializers" | "url" | "cookie" => {
            Some("each section has its own: put it under \"websocket\", \"rawsocket\" or \"web\"".to_owned())
        }
        "paths" => Some("put it under \"web\"".to_owned()),
        _ => None,
    }
}

/// The sections of a universal transport; `None` if one of them is wrong.
fn universal(map: &Map<'_>) -> Option<TransportProtocol> {
    let sniff_timeout = map.ms("sniff_timeout", UniversalConfig::default().sniff_timeout);
    let rawsocket = map.get("rawsocket").map(|section| rawsocket_section(&section));
    let websocket = map.get("websocket").map(|section| websocket_section(&section));
    let web = map.get("web").map(|section| {
        let web = section.map("universal.web section")?;
        section_type(&web, "web");
        let config = web::web(&web, SniffTimeout::Of(sniff_timeout), false);
        web.finish(&|key| section_trap(key).or_else(|| web::trap(key)));
        Some(config)
    });
    let mqtt = map.unsupported("mqtt", None);
    let none = rawsocket.is_none() && websocket.is_none() && web.is_none() && !mqtt;
    if none {
        map.cx.note(
            Severity::Error,
            &map.place,
            map.span,
            "missing mandatory attribute in universal transport: it needs at least one of \"rawsocket\", \
             \"websocket\", \"mqtt\" and \"web\""
                .to_owned(),
            None,
        );
    }
    if let (Some(Some(UniversalWebSocket::Paths(paths))), Some(Some(web))) = (&websocket, &web) {
        for (path, _) in paths {
            if web.paths.iter().any(|other| other.path == *path)
                && let Some(section) = map.get("websocket").and_then(|section| section.map("websocket"))
            {
                let message = format!("path {path:?} is also in \"web\"; the websocket answers there");
                section.say_at_key(Severity::Warning, path, message, None);
            }
        }
    }
    if mqtt && rawsocket.is_none() && websocket.is_none() && web.is_none() {
        return None;
    }
    let config = UniversalConfig {
        rawsocket: sections(rawsocket)?,
        websocket: sections(websocket)?,
        web: sections(web)?,
        sniff_timeout,
    };
    Some(TransportProtocol::Universal(Box::new(config)))
}

/// An absent section is fine, a wrong one is not.
#[allow(clippy::option_option, reason = "the outer one: is there a section; the inner one: can it be used")]
fn sections<T>(section: Option<Option<T>>) -> Option<Option<T>> {
    match section {
        Some(None) => None,
        Some(Some(section)) => Some(Some(section)),
        None => Some(None),
    }
}

/// `type` in a section is needless, but may be there.
fn section_type(map: &Map<'_>, name: &'static str) {
    if let Some(value) = map.get("type") {
        value.word(&[(name, ())]);
    }
    map.ignored(Severity::Note, "id", "the universal transport has one, and that is what counts");
}

/// What was probably meant by a key that no section has.
fn section_trap(key: &str) -> Option<String> {
    match key {
        "endpoint" => Some("it belongs to the universal transport".to_owned()),
        "max_connections" => Some("set it on the universal transport".to_owned()),
        "sniff_timeout" => Some("set it on the universal transport".to_owned()),
        _ => None,
    }
}

fn rawsocket_section(value: &Val<'_>) -> Option<RawSocketConfig> {
    let map = value.map("universal.rawsocket section")?;
    section_type(&map, "rawsocket");
    let config = rawsocket::rawsocket(&map);
    map.finish(&|key| section_trap(key).or_else(|| rawsocket::trap(key)));
    Some(config)
}

/// The two forms of the `websocket` section.
fn websocket_section(value: &Val<'_>) -> Option<UniversalWebSocket> {
    const PLAIN: [&str; 8] = ["id", "type", "url", "serializers", "debug", "options", "auth", "cookie"];
    const FORMS: &str = "write either one websocket configuration, {\"options\": {…}}, or paths with one each, \
                         {\"ws\": {\"type\": \"websocket\"}}";
    let map = value.map("universal.websocket section")?;
    let is_websocket = |node: &super::tree::Node| match &node.kind {
        Kind::Map(entries) => entries.iter().any(|entry| {
            entry.key == "type" && matches!(&entry.value.kind, Kind::Str(t) if t == "websocket")
        }),
        _ => false,
    };
    if !map.is_empty() && map.entries().all(|(_, _, value)| is_websocket(value.node)) {
        return websocket_paths(&map);
    }
    let not_plain: Vec<_> = map.entries().filter(|(key, _, _)| !PLAIN.contains(key)).collect();
    if not_plain.is_empty() {
        section_type(&map, "websocket");
        let config = websocket::websocket(&map);
        map.finish(&plain);
        return Some(UniversalWebSocket::Everywhere(Box::new(config)));
    }
    for (key, span, value) in not_plain {
        let kind = value.node;
        let hint = match section_trap(key).or_else(|| websocket::trap(key)) {
            Some(hint) => hint,
            None if is_websocket(kind) => FORMS.to_owned(),
            None => match (&kind.kind, nearest(key, PLAIN)) {
                (Kind::Map(entries), None) if !entries.iter().any(|entry| entry.key == "type") => {
                    format!("add \"type\": \"websocket\" to it if {key:?} is a path; {FORMS}")
                }
                (_, Some(near)) => format!("did you mean {near:?}?"),
                (_, None) => FORMS.to_owned(),
            },
        };
        let message = format!("unknown attribute {key:?} in universal.websocket section");
        map.cx.note(Severity::Error, &map.place, span, message, Some(hint));
    }
    None
}

fn websocket_paths(map: &Map<'_>) -> Option<UniversalWebSocket> {
    let mut paths: Vec<(String, WebSocketConfig)> = Vec::new();
    for (key, span, value) in map.entries() {
        web::check_path_key(map, key, span);
        let Some(config) = value.map("universal.websocket path") else { continue };
        section_type(&config, "websocket");
        let read = websocket::websocket(&config);
        config.finish(&|key| section_trap(key).or_else(|| websocket::trap(key)));
        paths.push((key.to_owned(), read));
    }
    Some(UniversalWebSocket::Paths(paths))
}
