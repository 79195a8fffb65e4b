//! Kinds, checks and hints of WebSocket, and the URLs of all transports.

use serde_json::Value as Json;

use super::describe::Shape;
use super::finding::Severity;
use super::kind::{Kind, Text, int, regular};
use super::map::Map;
use super::val::Val;
use super::writer::Writer;
use crate::{Serializer, WebSocketConfig, WebSocketOptions};

/// All names under `options`, to recognise them one level too high.
pub(crate) const OPTIONS: [&str; 29] = [
    "allowed_origins",
    "allow_null_origin",
    "external_port",
    "enable_hybi10",
    "enable_rfc6455",
    "open_handshake_timeout",
    "close_handshake_timeout",
    "enable_webstatus",
    "validate_utf8",
    "mask_server_frames",
    "require_masked_client_frames",
    "apply_mask",
    "max_frame_size",
    "max_message_size",
    "auto_fragment_size",
    "fail_by_drop",
    "echo_close_codereason",
    "tcp_nodelay",
    "auto_ping_interval",
    "auto_ping_timeout",
    "auto_ping_size",
    "auto_ping_restart_on_any_traffic",
    "compression",
    "require_websocket_subprotocol",
    "show_server_version",
    "enable_flash_policy",
    "flash_policy",
    "hello_timeout",
    "max_send_queue",
];

/// What was probably meant by a key that WebSocket does not have.
pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        "serializer" => Some("did you mean \"serializers\" (a list)?".to_owned()),
        _ if OPTIONS.contains(&key) => Some("put it under \"options\"".to_owned()),
        _ => None,
    }
}

pub(crate) fn options_trap(key: &str) -> Option<String> {
    match key {
        "serializers" | "serializer" | "auth" | "cookie" | "url" => {
            Some("it stands beside \"options\", not in it".to_owned())
        }
        _ => None,
    }
}

/// What was meant by a serializer that does not exist.
pub(crate) fn serializer_trap(word: &str) -> Option<String> {
    let base = word.strip_suffix(".batched")?;
    Serializer::ALL
        .iter()
        .any(|serializer| serializer.name() == base)
        .then(|| format!("write \"{base}\"; batched forms have no name here, and are not offered yet"))
}

pub(crate) fn check(config: &mut WebSocketConfig, map: &Map<'_>) {
    if !config.options.require_websocket_subprotocol && !config.serializers.contains(&Serializer::Json) {
        let Some(options) = map.peek("options").and_then(|options| options.map("websocket options")) else {
            return;
        };
        let why = "clients without a subprotocol speak json, which is not among the serializers";
        options.conflict("require_websocket_subprotocol", why, Some("add \"json\" to \"serializers\""));
    }
}

pub(crate) fn check_options(options: &mut WebSocketOptions, map: &Map<'_>) {
    if !options.enable_rfc6455 && !options.enable_hybi10 {
        map.say_at_key(
            Severity::Warning,
            "enable_rfc6455",
            "with both protocol versions switched off nobody can connect",
            None,
        );
    }
}

/// Window bits that are asked for: 9 to 15, or 0 for not asking.
pub(crate) fn requested_bits() -> RequestedBits {
    RequestedBits
}

pub(crate) struct RequestedBits;

impl Kind for RequestedBits {
    type Value = Option<u8>;

    fn read(&self, value: &Val<'_>) -> Option<Option<u8>> {
        let bits: u8 = int(0..=15).read(value)?;
        match bits {
            0 => Some(None),
            9.. => Some(Some(bits)),
            1..9 => {
                value.invalid_value("must be 9..15, or 0 to ask for nothing", None);
                None
            }
        }
    }

    fn write(&self, value: &Option<u8>, _: &Writer) -> Option<Json> {
        Some(value.unwrap_or(0).into())
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![Shape::Values(vec![0.into()]), int::<u8>(9..=15).shape()])
    }
}

/// The part of a pattern that all URLs have: host and port.
macro_rules! authority {
    () => {
        r"(unix:[^\s#?]+|(\[[0-9A-Fa-f:.]+\]|[^\s/:#?\[\]]+)(:0*[1-9][0-9]{0,4})?"
    };
}

/// A `ws://` or `wss://` URL of a server: no query, no fragment.
pub(crate) fn server_url() -> Text {
    regular(
        "a `ws://` or `wss://` URL without query",
        Some(concat!("^wss?://", authority!(), r"(/[^\s#?]*)?)$")),
        |url| url_fault(url, &["ws", "wss"], false),
    )
}

/// A `ws://` or `wss://` URL that a client asks for.
pub(crate) fn client_url() -> Text {
    regular(
        "a `ws://` or `wss://` URL",
        Some(concat!("^wss?://", authority!(), r"([/?][^\s#]*)?)$")),
        |url| url_fault(url, &["ws", "wss"], true),
    )
}

/// An `rs://` or `rss://` URL.
pub(crate) fn rawsocket_url() -> Text {
    regular("an `rs://` or `rss://` URL", Some(concat!("^rss?://", authority!(), r"(/[^\s#?]*)?)$")), |url| {
        url_fault(url, &["rs", "rss"], false)
    })
}

/// A URL of any of them.
pub(crate) fn any_url() -> Text {
    regular(
        "a `ws://`, `wss://`, `rs://` or `rss://` URL",
        Some(concat!("^[wr]ss?://", authority!(), r"([/?][^\s#]*)?)$")),
        |url| url_fault(url, &["ws", "wss", "rs", "rss"], true),
    )
}

fn url_fault(url: &str, schemes: &[&str], query: bool) -> Option<&'static str> {
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)?.strip_prefix("://"));
    let Some(rest) = rest else {
        return Some(match schemes {
            ["rs", ..] => "must begin with rs:// or rss://",
            ["ws", "wss"] => "must begin with ws:// or wss://",
            _ => "must begin with ws://, wss://, rs:// or rss://",
        });
    };
    if url.contains('#') {
        return Some("must not have a fragment (#)");
    }
    if url.contains('?') && !query {
        return Some("must not have a query (?)");
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("must not contain blanks");
    }
    if let Some(path) = rest.strip_prefix("unix:") {
        return path.is_empty().then_some("must name a socket after unix:");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    let colon = authority.get(after_brackets..).and_then(|tail| tail.find(':')).map(|at| after_brackets + at);
    let (host, port) = match colon.and_then(|at| authority.split_at_checked(at)) {
        Some((host, port)) => (host, port.get(1..)),
        None => (authority, None),
    };
    if host.is_empty() || host == "[]" {
        return Some("must name a host");
    }
    let port_is_sound = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    (!port_is_sound).then_some("must have a port of 1..65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_when_checked() {
        let sound = ["ws://h", "wss://h:8080/ws", "ws://[::1]:80/", "ws://unix:/run/x", "ws://h/a:b"];
        for url in sound {
            assert_eq!(url_fault(url, &["ws", "wss"], false), None, "{url}");
        }
        let faulty = [
            "http://h", "ws://", "ws:///x", "ws://h:0", "ws://h:x", "ws://h:", "ws://h?a", "ws://h#a",
            "ws://a b", "rs://h",
        ];
        for url in faulty {
            assert!(url_fault(url, &["ws", "wss"], false).is_some(), "{url}");
        }
        assert_eq!(url_fault("ws://h?a", &["ws", "wss"], true), None);
        assert_eq!(url_fault("rs://unix:/run/x", &["rs", "rss"], false), None);
    }
}
