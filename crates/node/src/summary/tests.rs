//! What is printed and shown of transports, from configurations as they are written.

use std::path::Path;

use transom_config::{Context, Format, Transport, parse_str};

use super::*;

const TCP: BoundAddr =
    BoundAddr::Tcp(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080));

/// A transport of this configuration.
fn transport(json: &str) -> Transport {
    let file = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1"}}], "transports": [{json}]}}]}}"#
    );
    let context = Context::new("test.json", Path::new("/"), &|_| None);
    let loaded = parse_str(&file, Format::Json, &context);
    assert!(
        !loaded.findings.has_errors(),
        "{}",
        loaded.findings.render(transom_config::Purpose::Check, false)
    );
    loaded.node.unwrap().workers[0].transports()[0].clone()
}

fn running(json: &str, bound: BoundAddr) -> RunningTransport {
    let transport = transport(json);
    RunningTransport {
        worker: "worker001".to_owned(),
        id: transport.id,
        protocol: transport.protocol,
        bound: vec![bound],
        status: tokio::sync::watch::channel(Default::default()).1,
        counters: Default::default(),
        limit: transom_base::Limit::new(1),
    }
}

#[test]
fn urls_when_transports_differ_are_where_clients_connect() {
    let endpoint = r#""endpoint": {"type": "tcp", "port": 8080}"#;
    let cases: &[(&str, &[&str])] = &[
        (r#""type": "websocket""#, &["ws://127.0.0.1:8080/ws"]),
        (r#""type": "rawsocket""#, &["rs://127.0.0.1:8080"]),
        (r#""type": "web", "paths": {"/": {"type": "json", "value": 1}}"#, &["http://127.0.0.1:8080/"]),
        (
            r#""type": "web", "paths": {"/": {"type": "json", "value": 1}, "live": {"type": "websocket"}}"#,
            &["ws://127.0.0.1:8080/live", "http://127.0.0.1:8080/"],
        ),
        (
            r#""type": "web", "paths": {"/": {"type": "json", "value": 1},
               "a": {"type": "path", "paths": {"b": {"type": "websocket"}}}}"#,
            &["ws://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/"],
        ),
        (
            r#""type": "universal", "rawsocket": {}, "websocket": {}"#,
            &["ws://127.0.0.1:8080/ws", "rs://127.0.0.1:8080"],
        ),
        (
            r#""type": "universal", "websocket": {"one": {"type": "websocket"}, "two": {"type": "websocket"}}"#,
            &["ws://127.0.0.1:8080/one", "ws://127.0.0.1:8080/two"],
        ),
    ];
    for (keys, expected) in cases {
        let urls = served(&running(&format!("{{{endpoint}, {keys}}}"), TCP)).urls;
        let urls: Vec<_> = urls.into_iter().map(|(_, url)| url).collect();
        assert_eq!(urls, *expected, "{keys}");
    }
}

#[test]
fn url_when_all_addresses_are_bound_is_one_that_can_be_reached() {
    for (bound, expected) in [
        ("0.0.0.0:80", "rs://127.0.0.1:80"),
        ("[::]:80", "rs://[::1]:80"),
        ("192.0.2.7:80", "rs://192.0.2.7:80"),
        ("[2001:db8::1]:80", "rs://[2001:db8::1]:80"),
    ] {
        assert_eq!(url("rs", &BoundAddr::Tcp(bound.parse().unwrap()), ""), expected);
    }
}

#[test]
fn websocket_path_when_there_is_no_websocket_is_none() {
    let endpoint = r#""endpoint": {"type": "tcp", "port": 8080}"#;
    for (keys, expected) in [
        (r#""type": "rawsocket""#, None),
        (r#""type": "universal", "rawsocket": {}"#, None),
        (r#""type": "universal", "websocket": {}"#, Some("/ws")),
        (r#""type": "web", "paths": {"/": {"type": "websocket"}}"#, Some("/")),
    ] {
        let protocol = transport(&format!("{{{endpoint}, {keys}}}")).protocol;
        assert_eq!(websocket_path(&protocol).as_deref(), expected, "{keys}");
    }
}

#[test]
fn summary_when_nothing_is_served_says_so() {
    let text = Summary { realms: Vec::new(), transports: Vec::new() }.to_string();
    assert_eq!(text, "  Realms       none\n  Transports   none: nobody can connect\nCtrl-C stops the node.");
}

#[test]
fn summary_when_served_names_realms_and_urls() {
    let rawsocket = r#"{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8080}}"#;
    let summary = Summary {
        realms: vec!["one".to_owned(), "two".to_owned()],
        transports: vec![served(&running(rawsocket, TCP))],
    };
    assert_eq!(
        summary.to_string(),
        "  Realms       one, two\n  RawSocket    rs://127.0.0.1:8080\nCtrl-C stops the node."
    );
}
