use super::*;

/// The request of RFC 6455 §1.2, with headers set, added (`+name`) or removed (`-name`).
fn request(changes: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .uri("/chat")
        .header("Host", "server.example.com")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Origin", "http://example.com")
        .header("Sec-WebSocket-Protocol", "chat, superchat")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap();
    for (name, value) in changes {
        let header = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        if let Some(name) = name.strip_prefix('+') {
            request.headers_mut().append(header(name), value);
        } else if let Some(name) = name.strip_prefix('-') {
            request.headers_mut().remove(header(name));
        } else {
            request.headers_mut().insert(header(name), value);
        }
    }
    request
}

fn rules() -> ServerRules {
    ServerRules {
        hybi10: true,
        subprotocols: vec!["superchat", "chat"],
        require_subprotocol: true,
        ..ServerRules::new()
    }
}

#[test]
fn example_of_rfc_6455_is_accepted() {
    let accepted = rules().accept(&request(&[])).unwrap();
    assert_eq!(accepted.subprotocol, Some("chat"));
    assert_eq!(accepted.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(accepted.headers["upgrade"], "websocket");
    assert_eq!(accepted.headers["connection"], "Upgrade");
    assert_eq!(accepted.headers["sec-websocket-protocol"], "chat");
}

#[test]
fn what_real_clients_vary_is_accepted() {
    for changes in [
        &[("connection", "keep-alive, Upgrade")][..],
        &[("connection", "keep-alive"), ("+connection", "upgrade")],
        &[("upgrade", "WebSocket")],
        &[("-origin", "")],
        &[("host", "server.example.com:8080")],
        &[("host", "[::1]:8080")],
        &[("host", "[::1]")],
        &[("sec-websocket-version", "8")],
        &[("sec-websocket-protocol", "unknown,chat")],
        &[("sec-websocket-protocol", "unknown"), ("+sec-websocket-protocol", "chat")],
        &[("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")],
        &[("sec-websocket-key", "////////////////////////==".split_at(2).1)],
        &[("sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEC==")],
    ] {
        assert_eq!(rules().accept(&request(changes)).map(|a| a.subprotocol), Ok(Some("chat")), "{changes:?}");
    }
}

#[test]
fn refusal_says_what_is_wrong() {
    for (changes, status, word) in [
        (&[("-host", "")][..], 400, "Host header is missing"),
        (&[("+host", "other")], 400, "host header came more than once"),
        (&[("host", "x:port")], 400, "invalid port"),
        (&[("host", "x:70000")], 400, "invalid port"),
        (&[("-upgrade", "")], 426, "Upgrade"),
        (&[("upgrade", "h2c")], 426, "Upgrade"),
        (&[("-connection", "")], 400, "Connection"),
        (&[("connection", "close")], 400, "Connection"),
        (&[("-sec-websocket-version", "")], 400, "Version"),
        (&[("sec-websocket-version", "7")], 400, "13, 8"),
        (&[("+sec-websocket-version", "13")], 400, "more than once"),
        (&[("-sec-websocket-key", "")], 400, "Key"),
        (&[("sec-websocket-key", "c2hvcnQ=")], 400, "16 octets"),
        (&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=!")], 400, "16 octets"),
        (&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQAA")], 400, "16 octets"),
        (&[("+sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")], 400, "more than once"),
        (&[("origin", "http://evil.example")], 400, "http://evil.example"),
        (&[("origin", "nonsense")], 400, "nonsense"),
        (&[("+origin", "http://example.com")], 400, "more than once"),
        (&[("-sec-websocket-protocol", "")], 400, "superchat, chat"),
        (&[("sec-websocket-protocol", "Chat")], 400, "superchat, chat"),
    ] {
        let rules = ServerRules { origins: Origins::new(["http://example.com"], true), ..rules() };
        let refusal = rules.accept(&request(changes)).unwrap_err();
        assert_eq!(refusal.status, status, "{changes:?}: {refusal}");
        assert!(refusal.message.contains(word), "{changes:?}: {refusal}");
    }
    let mut post = request(&[]);
    *post.method_mut() = Method::POST;
    assert_eq!(rules().accept(&post).unwrap_err().status, 405);
    let mut old = request(&[]);
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(rules().accept(&old).unwrap_err().status, 505);
}

#[test]
fn versions_that_are_switched_off_are_refused_with_the_list_of_the_others() {
    for (rfc6455, hybi10, asked, answer) in [
        (true, true, "13", None),
        (true, false, "8", Some("13")),
        (false, true, "13", Some("8")),
        (false, true, "8", None),
        (false, false, "13", Some("")),
        (true, true, "0", Some("13, 8")),
    ] {
        let rules = ServerRules { rfc6455, hybi10, ..rules() };
        let refused = rules.accept(&request(&[("sec-websocket-version", asked)])).err();
        let listed = refused.map(|r| r.header.unwrap().1.to_str().unwrap().to_owned());
        assert_eq!(listed.as_deref(), answer, "{rfc6455} {hybi10} {asked}");
    }
}

#[test]
fn version_8_has_its_origin_in_another_header() {
    let rules = ServerRules { origins: Origins::new(["http://a.example"], true), ..rules() };
    let accept = |changes: &[(&str, &str)]| rules.accept(&request(changes)).is_ok();
    let eight = ("sec-websocket-version", "8");
    assert!(accept(&[eight, ("sec-websocket-origin", "http://a.example")]));
    assert!(!accept(&[eight, ("sec-websocket-origin", "http://b.example")]));
    assert!(!accept(&[("origin", "http://b.example"), ("sec-websocket-origin", "http://a.example")]));
}

#[test]
fn external_port_must_be_the_one_that_is_named() {
    let rules = ServerRules { external_port: Some(8080), ..rules() };
    for (host, accepted) in
        [("x:8080", true), ("x", true), ("x:", true), ("x:80", false), ("[::1]:80", false)]
    {
        assert_eq!(rules.accept(&request(&[("host", host)])).is_ok(), accepted, "{host}");
    }
}

#[test]
fn subprotocol_may_be_missing_where_it_is_not_required() {
    let rules = ServerRules { require_subprotocol: false, ..rules() };
    for (changes, chosen) in [
        (&[("-sec-websocket-protocol", "")][..], None),
        (&[("sec-websocket-protocol", "unknown")], None),
        (&[("sec-websocket-protocol", "superchat")], Some("superchat")),
    ] {
        let accepted = rules.accept(&request(changes)).unwrap();
        assert_eq!(accepted.subprotocol, chosen, "{changes:?}");
        assert_eq!(accepted.headers.contains_key("sec-websocket-protocol"), chosen.is_some());
    }
}
