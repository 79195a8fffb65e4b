//! WebSocket configurations.

use std::time::Duration;

use super::cursor::{Map, Val, plain};
use super::finding::Severity;
use super::rawsocket::{MAX_SEND_QUEUE, authentication, debug, serializers};
use super::tree::Kind;
use crate::{Serializer, WebSocketConfig, WebSocketOptions};

/// Largest frame and message, bytes.
const MAX_SIZE: i64 = 67_108_864;

/// Why Flash policies are ignored.
const FLASH: &str = "no browser runs Flash any more";

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

/// The keys of WebSocket in a map that its caller opened and will finish.
pub(crate) fn websocket(map: &Map<'_>) -> WebSocketConfig {
    let url = map.get("url").and_then(|url| server_url(&url));
    let serializers = serializers(map, true);
    map.unsupported("cookie", None);
    let options = map.get("options").and_then(|options| options.map("websocket options"));
    let options = options.map(|options| read_options(&options, &serializers)).unwrap_or_default();
    WebSocketConfig {
        place: map.place.clone(),
        url,
        serializers,
        auth: authentication(map),
        debug: debug(map),
        options,
    }
}

/// What was probably meant by a key that WebSocket does not have.
pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        "serializer" => Some("did you mean \"serializers\" (a list)?".to_owned()),
        _ if OPTIONS.contains(&key) => Some("put it under \"options\"".to_owned()),
        _ => None,
    }
}

/// A `ws://` or `wss://` URL of a server: no query, no fragment.
fn server_url(value: &Val<'_>) -> Option<String> {
    let url = value.str()?;
    match url_fault(url) {
        None => Some(url.to_owned()),
        Some(fault) => {
            value.invalid_value(fault, None);
            None
        }
    }
}

fn url_fault(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("ws://").or_else(|| url.strip_prefix("wss://")) else {
        return Some("must begin with ws:// or wss://");
    };
    if url.contains('#') {
        return Some("must not have a fragment (#)");
    }
    if url.contains('?') {
        return Some("must not have a query (?)");
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("must not contain blanks");
    }
    if let Some(path) = rest.strip_prefix("unix:") {
        return path.is_empty().then_some("must name a socket after unix:");
    }
    let authority = rest.split('/').next().unwrap_or(rest);
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

fn read_options(map: &Map<'_>, serializers: &[Serializer]) -> WebSocketOptions {
    let d = WebSocketOptions::default();
    let size = |key, default| map.size_or_none(key, MAX_SIZE, default);
    let options = WebSocketOptions {
        allowed_origins: map
            .get("allowed_origins")
            .and_then(|origins| origins.str_list())
            .unwrap_or(d.allowed_origins),
        allow_null_origin: map.bool("allow_null_origin", d.allow_null_origin),
        external_port: map.get("external_port").and_then(|port| port.port()),
        enable_hybi10: map.bool("enable_hybi10", d.enable_hybi10),
        enable_rfc6455: map.bool("enable_rfc6455", d.enable_rfc6455),
        open_handshake_timeout: ms(map, "open_handshake_timeout", d.open_handshake_timeout),
        close_handshake_timeout: ms(map, "close_handshake_timeout", d.close_handshake_timeout),
        enable_webstatus: map.bool("enable_webstatus", d.enable_webstatus),
        validate_utf8: map.bool("validate_utf8", d.validate_utf8),
        mask_server_frames: map.bool("mask_server_frames", d.mask_server_frames),
        require_masked_client_frames: map
            .bool("require_masked_client_frames", d.require_masked_client_frames),
        apply_mask: map.bool("apply_mask", d.apply_mask),
        max_frame_size: size("max_frame_size", d.max_frame_size),
        max_message_size: size("max_message_size", d.max_message_size),
        auto_fragment_size: map.size_or_none("auto_fragment_size", i64::from(u32::MAX), d.auto_fragment_size),
        fail_by_drop: map.bool("fail_by_drop", d.fail_by_drop),
        echo_close_codereason: map.bool("echo_close_codereason", d.echo_close_codereason),
        tcp_nodelay: map.bool("tcp_nodelay", d.tcp_nodelay),
        auto_ping_interval: ms(map, "auto_ping_interval", d.auto_ping_interval),
        auto_ping_timeout: ms(map, "auto_ping_timeout", d.auto_ping_timeout),
        auto_ping_size: map.size("auto_ping_size", 12..=125, d.auto_ping_size),
        auto_ping_restart_on_any_traffic: map
            .bool("auto_ping_restart_on_any_traffic", d.auto_ping_restart_on_any_traffic),
        require_websocket_subprotocol: map
            .bool("require_websocket_subprotocol", d.require_websocket_subprotocol),
        show_server_version: map.bool("show_server_version", d.show_server_version),
        hello_timeout: map.ms("hello_timeout", d.hello_timeout),
        max_send_queue: map.size("max_send_queue", 1..=MAX_SEND_QUEUE, d.max_send_queue),
    };
    if !options.tcp_nodelay {
        let why = "it is always on; what is to be sent together leaves in one write anyway";
        map.ignored(Severity::Warning, "tcp_nodelay", why);
    }
    if let Some(compression) = map.get("compression") {
        read_compression(&compression);
    }
    let flash = map.get("enable_flash_policy").and_then(|value| value.bool()).unwrap_or(false);
    if flash {
        map.ignored(Severity::Warning, "enable_flash_policy", FLASH);
    }
    if map.get("flash_policy").and_then(|value| value.str()).is_some() {
        map.ignored(Severity::Warning, "flash_policy", FLASH);
    }
    map.finish(&|key| match key {
        "serializers" | "serializer" | "auth" | "cookie" | "url" => {
            Some("it stands beside \"options\", not in it".to_owned())
        }
        _ => None,
    });
    if !options.require_websocket_subprotocol && !serializers.contains(&Serializer::Json) {
        map.say_at_key(
            Severity::Error,
            "require_websocket_subprotocol",
            "invalid value false for attribute \"require_websocket_subprotocol\" in websocket options: \
             clients without a subprotocol speak json, which is not among the serializers"
                .to_owned(),
            Some("add \"json\" to \"serializers\""),
        );
    }
    if !options.enable_rfc6455 && !options.enable_hybi10 {
        map.say_at_key(
            Severity::Warning,
            "enable_rfc6455",
            "with both protocol versions switched off nobody can connect".to_owned(),
            None,
        );
    }
    options
}

/// Milliseconds in the sense of the WebSocket options: 0 = off, and 1 to 999 are a mistake for seconds.
fn ms(map: &Map<'_>, key: &'static str, default: Option<Duration>) -> Option<Duration> {
    let Some(value) = map.get(key) else { return default };
    let time = value.ms().unwrap_or(default);
    if time.is_some_and(|time| time < Duration::from_secs(1)) {
        value.invalid_value("it is in milliseconds; must be 0 (off) or at least 1000", None);
        return default;
    }
    time
}

/// `compression`: checked as a whole; `{}` is off.
fn read_compression(value: &Val<'_>) {
    let Some(map) = value.map("compression") else { return };
    if let Some(deflate) = map.get("deflate").and_then(|value| value.map("deflate")) {
        deflate.bool("request_no_context_takeover", false);
        if let Some(bits) = deflate.get("request_max_window_bits")
            && !matches!(&bits.node.kind, Kind::Number(n) if n.as_i64() == Some(0))
        {
            bits.int(9..=15);
        }
        deflate.bool("no_context_takeover", false);
        deflate.int("max_window_bits", 9..=15);
        deflate.int("memory_level", 1..=9);
        deflate.finish(&plain);
        map.unsupported("deflate", Some("remove it; clients do without compression"));
    }
    map.finish(&plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_when_checked() {
        let sound = ["ws://h", "wss://h:8080/ws", "ws://[::1]:80/", "ws://unix:/run/x", "ws://h/a:b"];
        for url in sound {
            assert_eq!(url_fault(url), None, "{url}");
        }
        let faulty = [
            "http://h", "ws://", "ws:///x", "ws://h:0", "ws://h:x", "ws://h:", "ws://h?a", "ws://h#a",
            "ws://a b",
        ];
        for url in faulty {
            assert!(url_fault(url).is_some(), "{url}");
        }
    }
}
