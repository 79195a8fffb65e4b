//! What only shows when several items are seen together.

use transom_config::{Loaded, Severity};

use super::support::*;

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
