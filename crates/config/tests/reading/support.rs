//! Shared by the tests: reading a text in a made-up surrounding.

use std::path::Path;

use transom_config::{Context, Format, Loaded, Node, Purpose, parse_str};

/// The environment of all tests.
pub(crate) fn env(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("9000".to_owned()),
        "WORD" => Some("word".to_owned()),
        "RUN" => Some("/run/user".to_owned()),
        _ => None,
    }
}

pub(crate) fn read(text: &str, format: Format) -> Loaded {
    parse_str(text, format, &Context::new("c", Path::new("/node"), &env))
}

pub(crate) fn json(text: &str) -> Loaded {
    read(text, Format::Json)
}

/// The findings as `check` words them, without the file name.
pub(crate) fn lines(loaded: &Loaded) -> Vec<String> {
    let line = |finding| loaded.findings.line(finding, Purpose::Check)[2..].to_owned();
    loaded.findings.iter().map(line).collect()
}

/// A node of one router worker, from the inside of that worker.
pub(crate) fn worker(inside: &str) -> Loaded {
    json(&format!(r#"{{"version": 2, "workers": [{{"type": "router", {inside}}}]}}"#))
}

/// A node of one transport.
pub(crate) fn transport(text: &str) -> Loaded {
    worker(&format!(r#""transports": [{text}]"#))
}

/// The node of a text that has nothing wrong.
pub(crate) fn sound(loaded: &Loaded) -> Node {
    assert!(!loaded.findings.refuse_start(), "{}", loaded.findings);
    loaded.node.clone().expect("a node without errors")
}

/// Severity, path and message with the common beginnings cut away, for tables about one thing:
/// everything from `transports[0]` on.
pub(crate) fn said(loaded: &Loaded) -> Vec<String> {
    let strip = |line: String| {
        let line = line.splitn(3, ':').nth(2).unwrap_or_default().trim().to_owned();
        line.replace("workers[0].transports[0]", "T").replace("workers[0].realms[0]", "R")
    };
    lines(loaded).into_iter().map(strip).collect()
}

/// A RawSocket transport with that inside its endpoint.
pub(crate) fn endpoint(text: &str) -> Loaded {
    transport(&format!(r#"{{"type": "rawsocket", "endpoint": {{{text}}}}}"#))
}

/// A transport of that type with that beside its endpoint.
fn with_endpoint(kind: &str, text: &str) -> Loaded {
    transport(&format!(r#"{{"type": "{kind}", "endpoint": {{"type": "tcp", "port": 1}}, {text}}}"#))
}

pub(crate) fn websocket(text: &str) -> Loaded {
    with_endpoint("websocket", text)
}

pub(crate) fn rawsocket(text: &str) -> Loaded {
    with_endpoint("rawsocket", text)
}

pub(crate) fn web(text: &str) -> Loaded {
    with_endpoint("web", text)
}

pub(crate) fn universal(text: &str) -> Loaded {
    with_endpoint("universal", text)
}

/// A realm with that beside its name.
pub(crate) fn realm(text: &str) -> Loaded {
    worker(&format!(r#""realms": [{{"name": "realm1", {text}}}]"#))
}

/// A role with one permission.
pub(crate) fn permission(text: &str) -> Loaded {
    realm(&format!(r#""roles": [{{"name": "r", "permissions": [{{{text}}}]}}]"#))
}

/// A reader and its input, with what it has to say, see [`said`].
pub(crate) type Case<'c> = (fn(&str) -> Loaded, &'c str, &'c [&'c str]);

pub(crate) fn check(table: &[Case<'_>]) {
    for (read, text, expected) in table {
        let loaded = read(text);
        assert_eq!(said(&loaded), *expected, "{text}");
        let errors = expected.iter().any(|line| line.starts_with("error"));
        assert_eq!(loaded.node.is_none(), errors, "{text}");
    }
}

/// The same for whole JSON texts, with line and column.
pub(crate) fn check_lines(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(lines(&json(text)), *expected, "{text}");
    }
}
