//! What only shows when several items are seen together.

use transom_config::{Loaded, Severity};

use super::super::support::*;

/// Two RawSocket transports with these endpoints.
fn two(first: &str, second: &str) -> Loaded {
    let one = |text: &str| format!(r#"{{"type": "rawsocket", "endpoint": {{{text}}}}}"#);
    worker(&format!(r#""transports": [{}, {}]"#, one(first), one(second)))
}

#[test]
fn endpoints_when_they_meet() {
    use Severity::{Error, Warning};
    let tcp = |more: &str| format!(r#""type": "tcp", "port": 80{more}"#);
    let shared = tcp(r#", "shared": true"#);
    let local = tcp(r#", "interface": "127.0.0.1""#);
    let six = tcp(r#", "version": 6"#);
    let six_only = tcp(r#", "version": 6, "v6only": true"#);
    let name = tcp(r#", "interface": "localhost""#);
    let unix = r#""type": "unix", "mode": "0600", "path": "x""#.to_owned();
    let table = [
        (tcp(""), tcp(""), Some(Error)),
        (tcp(""), r#""type": "tcp", "port": 81"#.to_owned(), None),
        (shared.clone(), shared.clone(), None),
        (shared, tcp(""), Some(Error)),
        (tcp(""), local.clone(), Some(Warning)),
        (local.clone(), tcp(r#", "interface": "127.0.0.2""#), None),
        (local.clone(), local, Some(Error)),
        (tcp(""), six.clone(), Some(Warning)),
        (tcp(""), six_only, None),
        (tcp(r#", "interface": "::1""#), six, Some(Warning)),
        (name.clone(), name.clone(), Some(Error)),
        (name, tcp(""), None),
        (r#""type": "tcp", "portrange": [80, 81]"#.to_owned(), tcp(""), None),
        (unix.clone(), unix.clone(), Some(Error)),
        (unix.replace("\"x\"", "\"./y/../x\""), unix, Some(Error)),
    ];
    for (first, second, expected) in table {
        let loaded = two(&first, &second);
        let found: Vec<_> = loaded.findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(
            found,
            expected.into_iter().collect::<Vec<_>>(),
            "{first} and {second}: {}",
            loaded.findings
        );
    }
}

#[test]
fn endpoints_when_they_meet_across_workers() {
    let text = r#"{"version": 2, "workers": [
        {"type": "router", "transports": [
            {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 80}}]},
        {"type": "router", "transports": [
            {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 80}}]}]}"#;
    check_lines(&[(
        text,
        &[
            "5:47: error: workers[1].transports[0].endpoint: invalid value: port 80 of every address is already listened on by workers[0].transports[0].endpoint",
        ],
    )]);
}

#[test]
fn names_when_used_twice() {
    let text = r#"{"version": 2, "workers": [{"type": "router", "id": "one",
        "realms": [
            {"name": "realm1", "id": "realm002", "roles": [
                {"name": "a", "id": "same"},
                {"name": "b", "id": "same"},
                {"name": "a"}]},
            {"name": "realm1", "id": "other"},
            {"name": "realm2"},
            {"name": "realm3"}],
        "transports": [
            {"type": "rawsocket", "id": "twin", "endpoint": {"type": "tcp", "port": 1}},
            {"type": "rawsocket", "id": "twin", "endpoint": {"type": "tcp", "port": 2}}]},
        {"type": "router", "id": "one", "realms": [{"name": "realm1"}]}]}"#;
    check_lines(&[(
        text,
        &[
            r#"5:37: error: workers[0].realms[0].roles[1].id: invalid value: role ID "same" is already used by workers[0].realms[0].roles[0]"#,
            r#"6:26: error: workers[0].realms[0].roles[2].name: invalid value: role name "a" is already used by workers[0].realms[0].roles[0]"#,
            r#"7:22: error: workers[0].realms[1].name: invalid value: realm name "realm1" is already used by workers[0].realms[0]"#,
            // The second default ID of the node meets one that was given.
            r#"9:13: error: workers[0].realms[3].id: invalid value: realm ID "realm002" is already used by workers[0].realms[0]"#,
            r#"12:41: error: workers[0].transports[1].id: invalid value: transport ID "twin" is already used by workers[0].transports[0]"#,
            r#"13:34: error: workers[1].id: invalid value: worker ID "one" is already used by workers[0]"#,
        ],
    )]);
}

#[test]
fn anonymous_role_when_some_realm_has_it() {
    let read = |auth: &str| {
        let service =
            format!(r#"{{"type": "websocket", "auth": {{"anonymous": {{"type": "static", {auth}}}}}}}"#);
        worker(&format!(
            r#""realms": [{{"name": "realm1", "roles": [{{"name": "guest"}}]}}, {{"name": "realm2"}}],
               "transports": [{{"type": "web", "endpoint": {{"type": "tcp", "port": 1}},
                   "paths": {{"/": {{"type": "path", "paths": {{"ws": {service}}}}}}}}}]"#
        ))
    };
    let table = [
        (r#""role": "guest""#, 0),
        (r#""role": "anonymous""#, 0),
        (r#""role": "guest", "realm": "realm1""#, 0),
        (r#""role": "guest", "realm": "realm2""#, 1),
        (r#""role": "gest""#, 1),
        (r#""realm": "realm9""#, 1),
    ];
    for (auth, warnings) in table {
        let loaded = read(auth);
        assert_eq!(loaded.findings.count(Severity::Warning), warnings, "{auth}: {}", loaded.findings);
        sound(&loaded);
    }
}
