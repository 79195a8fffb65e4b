//! Listening endpoints.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::cursor::{Map, Val, one_of};
use super::finding::Severity;
use super::suggest::nearest;
use crate::{IpVersion, ListenEndpoint, TcpListenConfig, UnixAddress, UnixListenConfig};

/// Longest Unix socket name of the system, bytes.
const MAX_UNIX_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

/// What a listening endpoint may be.
const TYPES: [&str; 5] = ["tcp", "unix", "twisted", "onion", "fd"];

/// `endpoint` of a listening transport; `None` if it is wrong or of a kind that this release lacks.
pub(crate) fn listening(value: &Val<'_>) -> Option<ListenEndpoint> {
    let map = value.map("listening endpoint")?;
    let kind = map.req("type")?;
    kind.has_words(TYPES);
    match kind.str()? {
        "tcp" => tcp(value).map(ListenEndpoint::Tcp),
        "unix" => unix(value).map(ListenEndpoint::Unix),
        other if TYPES.contains(&other) => {
            kind.unsupported(&format!("listening endpoint type {other:?}"), None);
            None
        }
        other => {
            let hint = match other {
                "tls" | "ssl" => Some("TLS is the map \"tls\" of an endpoint of type \"tcp\"".to_owned()),
                "tor" => Some("\"tor\" is for connecting; to be reached over Tor is \"onion\"".to_owned()),
                "universal" | "websocket" | "rawsocket" | "web" => {
                    Some(format!("{other:?} is a type of transport, not of endpoint"))
                }
                _ => nearest(other, TYPES).map(|word| format!("did you mean {word:?}?")),
            };
            kind.invalid_value(format!("must be {}", one_of(TYPES.into_iter())), hint.as_deref());
            None
        }
    }
}

fn tcp(value: &Val<'_>) -> Option<TcpListenConfig> {
    let map = value.map("listening tcp endpoint")?;
    map.get("type");
    let defaults = TcpListenConfig::new(0);
    let ports = ports(&map);
    let interface = interface(&map);
    let written_version = map.get("version");
    let version = written_version.as_ref().and_then(ip_version);
    let v6only = map.bool("v6only", defaults.v6only);
    let user_timeout = map.int("user_timeout", 0..=65_535).and_then(|ms| u64::try_from(ms).ok());
    let keepalive = match map.get("keepalive_s") {
        Some(value) => value.seconds(0..=32_767).unwrap_or(defaults.keepalive),
        None => defaults.keepalive,
    };
    // Plain text instead of TLS would be another node than the one described: no endpoint then.
    let unsupported = map.unsupported("tls", None) | map.unsupported("proxy_protocol", None);
    let config = TcpListenConfig {
        place: map.place.clone(),
        ports: ports.clone().unwrap_or(defaults.ports),
        interface,
        version,
        v6only,
        backlog: backlog(&map, defaults.backlog),
        shared: map.bool("shared", defaults.shared),
        user_timeout: user_timeout.filter(|ms| *ms > 0).map(Duration::from_millis),
        keepalive,
        accept_rate: map.limit("accept_rate", 1_000_000),
        max_connections_per_address: map.limit("max_connections_per_address", 1_000_000),
    };
    map.finish(&|key| match key {
        "path" | "mode" | "owner" | "group" => Some("this is for endpoints of type \"unix\"".to_owned()),
        "timeout" => Some("only connecting endpoints have it".to_owned()),
        "address" | "ip" | "bind" | "hostname" => Some("did you mean \"interface\"?".to_owned()),
        "certificate" | "ca_certificates" | "chain_certificates" | "dhparam" | "ciphers" => {
            Some("put it under \"tls\"".to_owned())
        }
        _ => None,
    });
    literal_and_version(&config, written_version.as_ref(), &map);
    ports.filter(|_| !unsupported)?;
    Some(config)
}

/// A contradiction between an address literal and the keys about its family.
fn literal_and_version(config: &TcpListenConfig, version: Option<&Val<'_>>, map: &Map<'_>) {
    let Some(ip) = config.ip() else { return };
    let contradicts = matches!(
        (ip, config.version),
        (IpAddr::V4(_), Some(IpVersion::V6)) | (IpAddr::V6(_), Some(IpVersion::V4))
    );
    if let (Some(version), true) = (version, contradicts) {
        version.say(
            Severity::Warning,
            format!("\"version\" {} contradicts the address {ip}, which decides", version.shown()),
            None,
        );
    }
    if config.v6only && ip.is_ipv4() {
        map.ignored(Severity::Warning, "v6only", "this endpoint listens on IPv4");
    }
}

fn ports(map: &Map<'_>) -> Option<RangeInclusive<u16>> {
    let single = map.get("port");
    let range = map.get("portrange");
    if single.is_none() && range.is_none() {
        map.missing("port", None);
    }
    let single = single.map(|value| listening_port(&value).map(|port| port..=port));
    // The range overrides the port, but both have to be right.
    match range.map(|value| port_range(&value)) {
        Some(range) => range,
        None => single.flatten(),
    }
}

/// A port, or the name of an environment variable that holds one.
fn listening_port(value: &Val<'_>) -> Option<u16> {
    let Some(text) = value.as_str() else { return value.port() };
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
        value.invalid_value(format!("the environment variable {name} does not hold a port (1..65535)"), None);
    }
    port
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
    let (first, last) = (first.port(), last.port());
    let (first, last) = (first?, last?);
    if last < first {
        value.invalid_value(format!("must end at {first} or above, not at {last}"), None);
        return None;
    }
    Some(first..=last)
}

/// `interface`, or the other name for it.
fn interface(map: &Map<'_>) -> Option<String> {
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
            map.say_at_key(Severity::Warning, "host", message.to_owned(), Some("write \"interface\""));
        }
    }
    interface.or(host).filter(|name| !name.is_empty())
}

fn ip_version(value: &Val<'_>) -> Option<IpVersion> {
    match value.int(i64::MIN..=i64::MAX)? {
        4 => Some(IpVersion::V4),
        6 => Some(IpVersion::V6),
        _ => {
            value.invalid_value("must be 4 or 6", None);
            None
        }
    }
}

fn backlog(map: &Map<'_>, default: u16) -> u16 {
    map.int("backlog", 1..=65_535).and_then(|n| u16::try_from(n).ok()).unwrap_or(default)
}

fn unix(value: &Val<'_>) -> Option<UnixListenConfig> {
    let map = value.map("listening unix endpoint")?;
    map.get("type");
    let address = map.req("path").and_then(|path| unix_address(&path));
    let defaults = UnixListenConfig::new(UnixAddress::Abstract(String::new()));
    let mode = map.get("mode").map(|value| mode(&value));
    let unsupported = map.unsupported("proxy_protocol", None);
    let config = UnixListenConfig {
        place: map.place.clone(),
        backlog: backlog(&map, defaults.backlog),
        mode: mode.flatten().unwrap_or(defaults.mode),
        owner: map.non_empty("owner"),
        group: map.non_empty("group"),
        accept_rate: map.limit("accept_rate", 1_000_000),
        address: address.clone().unwrap_or(defaults.address),
    };
    map.finish(&|key| match key {
        "port"
        | "portrange"
        | "interface"
        | "host"
        | "shared"
        | "version"
        | "user_timeout"
        | "keepalive_s"
        | "v6only"
        | "max_connections_per_address" => Some("this is for endpoints of type \"tcp\"".to_owned()),
        "tls" => Some("there is no TLS over unix sockets".to_owned()),
        "timeout" => Some("only connecting endpoints have it".to_owned()),
        _ => None,
    });
    if let Some(UnixAddress::Abstract(_)) = address {
        for key in ["mode", "owner", "group"] {
            map.ignored(Severity::Warning, key, "an abstract name is no file");
        }
    } else if address.is_some() && mode.is_none() {
        value.say(
            Severity::Note,
            "every local user can connect to this socket (mode 0666)",
            Some("\"mode\": \"0660\" together with a \"group\" is tighter"),
        );
    }
    address.filter(|_| !unsupported)?;
    Some(config)
}

fn mode(value: &Val<'_>) -> Option<u32> {
    let rule = "must be permission bits in octal, such as \"0660\"";
    let Some(text) = value.as_str() else {
        value.invalid_type("str (permission bits in octal)", Some("write it in quotes: \"0660\""));
        return None;
    };
    let octal = text.strip_prefix("0o").unwrap_or(text);
    let bits = u32::from_str_radix(octal, 8).ok().filter(|bits| *bits <= 0o777 && !octal.starts_with('+'));
    if bits.is_none() {
        value.invalid_value(rule, None);
    }
    bits
}

/// The name of a socket: a file, or `@name` in the abstract namespace of Linux. Environment variables in
/// it are replaced.
fn unix_address(value: &Val<'_>) -> Option<UnixAddress> {
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
        value.invalid_value(
            format!("the socket name {address} has {length} bytes, the system takes at most {MAX_UNIX_PATH}"),
            Some("use a shorter absolute path"),
        );
        return None;
    }
    Some(address)
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
