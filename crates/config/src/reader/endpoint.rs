//! Kinds and checks of endpoints.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value as Json;

use super::describe::{Definition, Shape, Status};
use super::finding::Severity;
use super::kind::{Group, Kind, OrNone, ValueOf, int, list, port, some, unchecked_text, value_of};
use super::map::Map;
use super::network::network;
use super::val::Val;
use super::writer::Writer;
use crate::{
    FdListenConfig, IpVersion, ProxyPeer, ProxyVersion, TcpListenConfig, UnixAddress, UnixListenConfig,
};

/// Longest Unix socket name of the system, bytes.
const MAX_UNIX_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

pub(crate) fn listening_trap(word: &str) -> Option<String> {
    match word {
        "tls" | "ssl" => Some("TLS is the map \"tls\" of an endpoint of type \"tcp\"".to_owned()),
        "tor" => Some("\"tor\" is for connecting; to be reached over Tor is \"onion\"".to_owned()),
        "universal" | "websocket" | "rawsocket" | "web" => {
            Some(format!("{word:?} is a type of transport, not of endpoint"))
        }
        _ => None,
    }
}

pub(crate) fn connecting_trap(word: &str) -> Option<String> {
    match word {
        "tls" | "ssl" => Some("TLS is the map \"tls\" of an endpoint of type \"tcp\"".to_owned()),
        "onion" => Some("\"onion\" is for listening; to connect over Tor is \"tor\"".to_owned()),
        "fd" => Some("only listening endpoints can be inherited".to_owned()),
        "websocket" | "rawsocket" => Some(format!("{word:?} is a type of transport, not of endpoint")),
        _ => None,
    }
}

/// Keys that belong under `tls`.
const TLS_KEYS: [&str; 6] =
    ["certificate", "ca_certificates", "chain_certificates", "dhparam", "ciphers", "key"];

pub(crate) fn tcp_trap(key: &str) -> Option<String> {
    match key {
        "path" | "mode" | "owner" | "group" => Some("this is for endpoints of type \"unix\"".to_owned()),
        "timeout" => Some("only connecting endpoints have it".to_owned()),
        "address" | "ip" | "bind" | "hostname" => Some("did you mean \"interface\"?".to_owned()),
        _ if TLS_KEYS.contains(&key) => Some("put it under \"tls\"".to_owned()),
        _ => None,
    }
}

pub(crate) fn connecting_tcp_trap(key: &str) -> Option<String> {
    match key {
        "path" => Some("this is for endpoints of type \"unix\"".to_owned()),
        "interface" | "backlog" | "shared" | "portrange" | "user_timeout" => {
            Some("only listening endpoints have it".to_owned())
        }
        "hostname" => Some(
            "the name in the certificate stands under \"tls\"; where to connect to is \"host\"".to_owned(),
        ),
        _ if TLS_KEYS.contains(&key) => Some("put it under \"tls\"".to_owned()),
        _ => None,
    }
}

const TCP_KEYS: [&str; 10] = [
    "port",
    "portrange",
    "interface",
    "host",
    "shared",
    "version",
    "user_timeout",
    "keepalive_s",
    "v6only",
    "max_connections_per_address",
];

pub(crate) fn unix_trap(key: &str) -> Option<String> {
    match key {
        _ if TCP_KEYS.contains(&key) => Some("this is for endpoints of type \"tcp\"".to_owned()),
        "tls" => Some("there is no TLS over unix sockets".to_owned()),
        "timeout" => Some("only connecting endpoints have it".to_owned()),
        _ => None,
    }
}

pub(crate) fn connecting_unix_trap(key: &str) -> Option<String> {
    match key {
        _ if TCP_KEYS.contains(&key) => Some("this is for endpoints of type \"tcp\"".to_owned()),
        "tls" => Some("there is no TLS over unix sockets".to_owned()),
        "backlog" | "mode" | "owner" | "group" => Some("only listening endpoints have it".to_owned()),
        _ => None,
    }
}

/// `version`: 4 or 6.
pub(crate) fn ip_version() -> ValueOf<IpVersion> {
    value_of(&[(4, IpVersion::V4), (6, IpVersion::V6)])
}

/// `user_timeout`: milliseconds as the system counts them.
pub(crate) fn user_timeout() -> UserTimeout {
    UserTimeout(super::kind::limit(65_535))
}

pub(crate) struct UserTimeout(OrNone<u32>);

impl Kind for UserTimeout {
    type Value = Option<Duration>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        Some(self.0.read(value)?.map(|ms| Duration::from_millis(ms.into())))
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        self.0.write(&value.and_then(|time| u32::try_from(time.as_millis()).ok()), out)
    }

    fn shape(&self) -> Shape {
        Shape::Int { least: 0, most: 65_535, unit: Some("ms") }
    }
}

/// `port` and `portrange`.
pub(crate) struct Ports;

impl Group for Ports {
    type Value = RangeInclusive<u16>;

    fn read(&self, map: &Map<'_>, _: impl FnOnce() -> Self::Value) -> Option<Self::Value> {
        let (single, range) = (map.get("port"), map.get("portrange"));
        if single.is_none() && range.is_none() {
            map.missing("port", None);
        }
        let single = single.map(|value| ListeningPort.read(&value).map(|port| port..=port));
        // The range overrides the port, but both have to be right.
        match range.map(|value| port_range(&value)) {
            Some(range) => range,
            None => single.flatten(),
        }
    }

    fn write(&self, value: &Self::Value, out: &mut Writer) {
        if value.start() == value.end() {
            out.number("port", i64::from(*value.start()));
        } else {
            out.key("portrange", &list(port()), &vec![*value.start(), *value.end()]);
        }
    }

    fn define(&self, definition: &mut Definition) {
        let key = |name, text: &str, shape| super::describe::KeyDefinition {
            name,
            text: text.to_owned(),
            shape,
            required: false,
            default: None,
            status: Status::Works,
        };
        definition.one_of = &["port", "portrange"];
        let pair = Shape::List { item: Box::new(port().shape()), length: (2, 2) };
        definition.keys.insert(
            0,
            key(
                "portrange",
                "The first and the last port to try; the first free one is taken. Overrides `port`.",
                pair,
            ),
        );
        let text = "The port, or the environment variable that holds it.";
        definition.keys.insert(0, key("port", text, ListeningPort.shape()));
    }
}

/// A port, or the name of an environment variable that holds one.
struct ListeningPort;

impl Kind for ListeningPort {
    type Value = u16;

    fn read(&self, value: &Val<'_>) -> Option<u16> {
        let Some(text) = value.as_str() else {
            let value = value.or("\"$NAME\" of an environment variable");
            return if value.cx.any_port { int(0..=65_535).read(&value) } else { port().read(&value) };
        };
        let Some(name) = variable(text) else {
            let hint = text.trim().parse::<u16>().is_ok().then_some("write it as a number");
            value.invalid_value("must be an int (1..65535) or \"$NAME\" of an environment variable", hint);
            return None;
        };
        let Some(found) = (value.cx.env)(name) else {
            value.invalid_value(format!("the environment variable {name} is not set"), None);
            return None;
        };
        let port = found.trim().parse::<u16>().ok().filter(|port| *port > 0);
        if port.is_none() {
            let why = format!("the environment variable {name} does not hold a port (1..65535)");
            value.invalid_value(why, None);
        }
        port
    }

    fn write(&self, value: &u16, _: &Writer) -> Option<Json> {
        Some((*value).into())
    }

    fn shape(&self) -> Shape {
        let variable = Shape::Text {
            rule: "`$NAME` or `${NAME}`",
            pattern: Some(r"^\$([A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})$"),
        };
        Shape::Either(vec![port().shape(), variable])
    }
}

/// The name in `$NAME` or `${NAME}`.
fn variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = match rest.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => rest,
    };
    let sound = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    sound.then_some(name)
}

fn port_range(value: &Val<'_>) -> Option<RangeInclusive<u16>> {
    let items = value.list()?;
    let [first, last] = items.as_slice() else {
        value.invalid_value("must be two ports, the first and the last", None);
        return None;
    };
    let (first, last) = (port().read(first), port().read(last));
    let (first, last) = (first?, last?);
    if last < first {
        value.invalid_value(format!("must end at {first} or above, not at {last}"), None);
        return None;
    }
    Some(first..=last)
}

/// `interface`, or `host`, the other name for it.
pub(crate) struct Interface;

impl Group for Interface {
    type Value = Option<String>;

    fn read(&self, map: &Map<'_>, _: impl FnOnce() -> Self::Value) -> Option<Self::Value> {
        let text = |value: Val<'_>| value.str().map(|text| text.trim().to_owned());
        let interface = map.get("interface").and_then(text);
        let host_value = map.get("host");
        let host = host_value.clone().and_then(text);
        if let Some(value) = host_value {
            if interface.is_some() && host.is_some() && interface != host {
                value.invalid_value(
                    "it differs from \"interface\", which means the same",
                    Some("remove \"host\""),
                );
            } else {
                let message = "attribute \"host\" is taken as \"interface\" in listening tcp endpoint";
                map.say_at_key(Severity::Warning, "host", message, Some("write \"interface\""));
            }
        }
        Some(interface.or(host).filter(|name| !name.is_empty()))
    }

    fn write(&self, value: &Self::Value, out: &mut Writer) {
        out.key("interface", &some(unchecked_text()), value);
    }

    fn define(&self, definition: &mut Definition) {
        let kind = some(unchecked_text());
        definition.optional(
            "interface",
            "The address or host name to bind. Without it: every address of `version`.",
            &kind,
            &None,
            &Status::Works,
        );
        definition.optional("host", "Another name for `interface`; warned of.", &kind, &None, &Status::Works);
    }
}

/// A contradiction between an address and the keys about its family.
pub(crate) fn check_tcp(config: &mut TcpListenConfig, map: &Map<'_>) {
    let Some(ip) = config.ip() else { return };
    let contradicts = matches!(
        (ip, config.version),
        (IpAddr::V4(_), Some(IpVersion::V6)) | (IpAddr::V6(_), Some(IpVersion::V4))
    );
    if let (Some(version), true) = (map.peek("version"), contradicts) {
        let message = format!("\"version\" {} contradicts the address {ip}, which decides", version.shown());
        version.warn(message, None);
    }
    if config.v6only && ip.is_ipv4() {
        map.ignored(Severity::Warning, "v6only", "this endpoint listens on IPv4");
    }
}

/// What an address makes of the keys about a socket file.
pub(crate) fn check_unix(config: &mut UnixListenConfig, map: &Map<'_>) {
    if let UnixAddress::Abstract(_) = config.address {
        for key in ["mode", "owner", "group"] {
            map.ignored(Severity::Warning, key, "an abstract name is no file");
        }
    } else if !map.has("mode") {
        map.say(
            Severity::Note,
            "every local user can connect to this socket (mode 0666)",
            Some("\"mode\": \"0660\" together with a \"group\" is tighter"),
        );
    }
}

pub(crate) fn check_fd(_: &mut FdListenConfig, map: &Map<'_>) {
    match (map.has("name"), map.has("fd")) {
        (false, false) => map.missing("name", Some("or its number as \"fd\"")),
        (true, true) => map.conflict("fd", "give either \"name\" or \"fd\", not both", None),
        _ => {}
    }
}

/// Permission bits as text, in octal.
pub(crate) struct Mode;

impl Kind for Mode {
    type Value = u32;

    fn read(&self, value: &Val<'_>) -> Option<u32> {
        let Some(text) = value.as_str() else {
            value.invalid_type("str (permission bits in octal)", Some("write it in quotes: \"0660\""));
            return None;
        };
        let octal = text.strip_prefix("0o").unwrap_or(text);
        let bits =
            u32::from_str_radix(octal, 8).ok().filter(|bits| *bits <= 0o777 && !octal.starts_with('+'));
        if bits.is_none() {
            value.invalid_value("must be permission bits in octal, such as \"0660\"", None);
        }
        bits
    }

    fn write(&self, value: &u32, _: &Writer) -> Option<Json> {
        Some(format!("0{value:o}").into())
    }

    fn shape(&self) -> Shape {
        Shape::Text { rule: "octal, such as `\"0660\"`", pattern: Some("^(0o)?0*[0-7]{1,3}$") }
    }
}

/// The name of a socket: a file, or `@name` in the abstract namespace of Linux. Environment variables in it are replaced.
pub(crate) fn unix_address() -> UnixName {
    UnixName
}

pub(crate) struct UnixName;

impl Kind for UnixName {
    type Value = UnixAddress;

    fn read(&self, value: &Val<'_>) -> Option<UnixAddress> {
        let path = expand(value.non_empty()?, value.cx.env);
        let (address, length) = match path.strip_prefix('@') {
            Some(name) => (UnixAddress::Abstract(name.to_owned()), name.len() + 1),
            None => {
                let path = value.cx.path(&path);
                let length = path.as_os_str().len();
                (UnixAddress::Path(path), length)
            }
        };
        if path.contains('\0') {
            value.invalid_value("must not contain a NUL character", None);
            return None;
        }
        if length > MAX_UNIX_PATH {
            let why = format!(
                "the socket name {address} has {length} bytes, the system takes at most {MAX_UNIX_PATH}"
            );
            value.invalid_value(why, Some("use a shorter absolute path"));
            return None;
        }
        Some(address)
    }

    fn write(&self, value: &UnixAddress, _: &Writer) -> Option<Json> {
        Some(value.to_string().into())
    }

    fn shape(&self) -> Shape {
        Shape::Text { rule: "a path, or `@name`", pattern: Some(r"\S") }
    }
}

/// A network such as `10.0.0.0/8`, an address, or `unix`.
pub(crate) fn proxy_peer() -> Peer {
    Peer
}

pub(crate) struct Peer;

impl Kind for Peer {
    type Value = ProxyPeer;

    fn read(&self, value: &Val<'_>) -> Option<ProxyPeer> {
        let text = value.str()?;
        let peer = if text == "unix" {
            Some(ProxyPeer::Unix)
        } else {
            network(text).map(|(address, bits)| ProxyPeer::Network(address, bits))
        };
        if peer.is_none() {
            value.invalid_value("must be a network such as \"10.0.0.0/8\", an address, or \"unix\"", None);
        }
        peer
    }

    fn write(&self, value: &ProxyPeer, _: &Writer) -> Option<Json> {
        Some(match value {
            ProxyPeer::Unix => "unix".into(),
            ProxyPeer::Network(address, bits) => format!("{address}/{bits}").into(),
        })
    }

    fn shape(&self) -> Shape {
        Shape::Text {
            rule: "a network such as `10.0.0.0/8`, an address, or `unix`",
            pattern: Some("^(unix|[0-9A-Fa-f.:]+(/[0-9.]+)?)$"),
        }
    }
}

pub(crate) fn proxy_version() -> ValueOf<ProxyVersion> {
    value_of(&[(1, ProxyVersion::V1), (2, ProxyVersion::V2)])
}

/// Replaces `$NAME` and `${NAME}` anywhere; what is not set stays as written.
fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.get(1..).unwrap_or_default();
        let (name, length) = match after.strip_prefix('{') {
            Some(inner) => inner.find('}').map_or(("", 1), |end| (inner.get(..end).unwrap_or(""), end + 3)),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (after.get(..end).unwrap_or(""), end + 1)
            }
        };
        let (written, next) = from.split_at_checked(length).unwrap_or((from, ""));
        match Some(name).filter(|name| !name.is_empty()).and_then(env) {
            Some(value) => out.push_str(&value),
            None => out.push_str(written),
        }
        rest = next;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_when_inside_a_path() {
        let env = |name: &str| (name == "RUN").then(|| "/run".to_owned());
        let table = [
            ("$RUN/a", "/run/a"),
            ("${RUN}a", "/runa"),
            ("x$RUN", "x/run"),
            ("$RUNa/$", "$RUNa/$"),
            ("${NO}/${", "${NO}/${"),
            ("$$RUN", "$/run"),
            ("${é}$é", "${é}$é"),
            ("plain", "plain"),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
