use http_body_util::BodyExt;
use transom_base::Address;
use transom_wamp::{SessionPort, SessionSink, TransportDetails};

use super::*;

/// A router that nobody reaches in these tests.
struct Nowhere;

impl RouterPort for Nowhere {
    fn open(&self, _: TransportDetails, _: Arc<dyn SessionSink>) -> Box<dyn SessionPort> {
        panic!("no session was to be opened")
    }
}

fn request(upgrade: bool, changes: &[(&'static str, &'static str)]) -> Request {
    let mut request = http::Request::builder().uri("/ws").header("Host", "localhost");
    if upgrade {
        request = request
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Version", "13");
    }
    for (name, value) in changes {
        request = request.header(*name, *value);
    }
    request.body(empty()).unwrap()
}

async fn ask(settings: WebSocketSettings, request: Request) -> (Reply, String) {
    let service = WampWebSocket::new(settings, Arc::new(Nowhere));
    let conn = Arc::new(ConnInfo::new(Address::Memory(1), Address::Memory(2)));
    match service.call(request, conn).await {
        Reply::Response(response) => {
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            (Reply::Response(Response::from_parts(parts, empty())), body)
        }
        upgrade => (upgrade, String::new()),
    }
}

fn head(reply: &Reply) -> &Response {
    let (Reply::Response(head) | Reply::Upgrade { head, .. }) = reply;
    head
}

#[tokio::test]
async fn browser_gets_the_status_page_with_the_url_escaped() {
    let settings = WebSocketSettings { url: Some("ws://a/<script>".into()), ..WebSocketSettings::default() };
    let (reply, body) = ask(settings, request(false, &[])).await;
    let head = head(&reply);
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(head.headers()["content-security-policy"], "default-src 'self'");
    assert_eq!(head.headers()["connection"], "close");
    assert!(body.contains("ws://a/&lt;script&gt;") && body.contains("href=\"/\""), "{body}");
}

#[tokio::test]
async fn request_without_upgrade_is_told_so_where_there_is_no_status_page() {
    let settings = WebSocketSettings { enable_webstatus: false, ..WebSocketSettings::default() };
    let (reply, body) = ask(settings, request(false, &[])).await;
    assert_eq!(head(&reply).status(), 426);
    assert_eq!(head(&reply).headers()["upgrade"], "websocket");
    assert!(body.contains("HTTP Upgrade header missing"), "{body}");
}

#[tokio::test]
async fn odd_requests_are_refused() {
    for (method, version, host, upgrade, status) in [
        (Method::POST, http::Version::HTTP_11, true, false, 405),
        (Method::POST, http::Version::HTTP_11, true, true, 405),
        (Method::OPTIONS, http::Version::HTTP_11, true, false, 405),
        (Method::GET, http::Version::HTTP_10, true, false, 505),
        (Method::GET, http::Version::HTTP_11, false, false, 400),
        (Method::GET, http::Version::HTTP_11, false, true, 400),
        (Method::HEAD, http::Version::HTTP_11, true, false, 200),
        (Method::HEAD, http::Version::HTTP_11, true, true, 405),
    ] {
        let mut request = request(upgrade, &[("sec-websocket-protocol", "wamp.2.json")]);
        *request.method_mut() = method.clone();
        *request.version_mut() = version;
        if !host {
            request.headers_mut().remove("host");
        }
        let (reply, _) = ask(WebSocketSettings::default(), request).await;
        assert_eq!(head(&reply).status(), status, "{method} {version:?} {host} {upgrade}");
        assert_eq!(head(&reply).headers().contains_key("allow"), status == 405);
    }
}

#[tokio::test]
async fn subprotocol_is_the_first_of_the_clients_that_is_enabled() {
    let json_only = || vec![Serializer::Json];
    for (serializers, required, asked, status, chosen) in [
        (Serializer::ALL.to_vec(), true, Some("wamp.2.cbor, wamp.2.json"), 101, Some("wamp.2.cbor")),
        (json_only(), true, Some("wamp.2.cbor, wamp.2.json"), 101, Some("wamp.2.json")),
        (json_only(), true, Some("wamp.2.cbor"), 400, None),
        (json_only(), true, None, 400, None),
        (json_only(), false, None, 101, None),
        (json_only(), false, Some("wamp.2.cbor"), 101, None),
        (vec![Serializer::Cbor], false, None, 400, None),
    ] {
        let settings = WebSocketSettings {
            serializers,
            require_websocket_subprotocol: required,
            ..WebSocketSettings::default()
        };
        let changes: Vec<_> = asked.map(|asked| ("sec-websocket-protocol", asked)).into_iter().collect();
        let (reply, _) = ask(settings, request(true, &changes)).await;
        let head = head(&reply);
        let announced = head.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap());
        assert_eq!((head.status().as_u16(), announced), (status, chosen), "{required} {asked:?}");
    }
}

#[tokio::test]
async fn settings_of_the_handshake_have_their_effect() {
    let protocol = ("sec-websocket-protocol", "wamp.2.json");
    let base = WebSocketSettings::default;
    for (settings, header, status) in [
        (base(), ("origin", "null"), 101),
        (WebSocketSettings { allow_null_origin: false, ..base() }, ("origin", "null"), 400),
        (WebSocketSettings { allowed_origins: vec![], ..base() }, ("origin", "http://a"), 400),
        (
            WebSocketSettings { allowed_origins: vec!["http://a".into()], ..base() },
            ("origin", "http://a"),
            101,
        ),
        (WebSocketSettings { external_port: Some(8080), ..base() }, ("x-none", ""), 101),
        (WebSocketSettings { enable_rfc6455: false, ..base() }, ("x-none", ""), 400),
        (base(), ("origin", "http://<script>"), 101),
    ] {
        let shown = format!("{settings:?}");
        let (reply, _) = ask(settings, request(true, &[protocol, header])).await;
        assert_eq!(head(&reply).status(), status, "{header:?} {shown}");
    }
    let ported = || {
        let mut request = request(true, &[protocol]);
        request.headers_mut().insert("host", HeaderValue::from_static("localhost:81"));
        request
    };
    let settings = WebSocketSettings { external_port: Some(8080), ..base() };
    assert_eq!(head(&ask(settings, ported()).await.0).status(), 400);
    assert_eq!(head(&ask(base(), ported()).await.0).status(), 101);
    let eight = || {
        let mut request = request(true, &[protocol]);
        request.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("8"));
        request
    };
    assert_eq!(head(&ask(base(), eight()).await.0).status(), 101);
    let settings = WebSocketSettings { enable_hybi10: false, ..base() };
    assert_eq!(head(&ask(settings, eight()).await.0).status(), 400);
}

#[tokio::test]
async fn refusal_is_escaped_and_names_the_version_only_where_wished() {
    let settings = WebSocketSettings {
        allowed_origins: vec![],
        show_server_version: true,
        ..WebSocketSettings::default()
    };
    let (reply, body) = ask(settings, request(true, &[("origin", "http://<script>")])).await;
    assert!(body.contains("http://&lt;script&gt;"), "{body}");
    let version = concat!("Transom/", env!("CARGO_PKG_VERSION"));
    assert_eq!(head(&reply).headers()["server"], version);
    let (reply, _) = ask(WebSocketSettings::default(), request(true, &[])).await;
    assert_eq!(head(&reply).headers()["server"], "Transom");
    let version = request(true, &[("sec-websocket-version", "12")]);
    let (reply, _) = ask(WebSocketSettings::default(), version).await;
    assert_eq!(head(&reply).status(), 400);
}

/// Everybody is the same browser, which is told so each time.
struct Everybody;

impl Recognizer for Everybody {
    fn recognize(&self, _headers: &HeaderMap) -> Option<Recognized> {
        Some(Recognized { cookie: "known".into(), set_cookie: Some(HeaderValue::from_static("c=known")) })
    }
}

#[tokio::test]
async fn cookie_comes_with_an_accepted_upgrade_only_and_windows_are_counted_all_the_same() {
    let deflate = crate::DeflateSettings { max_contexts: 1, ..crate::DeflateSettings::default() };
    let settings = WebSocketSettings { compression: Some(deflate), ..WebSocketSettings::default() };
    let service = WampWebSocket::new(settings, Arc::new(Nowhere)).with_recognizer(Arc::new(Everybody));
    let conn = Arc::new(ConnInfo::new(Address::Memory(1), Address::Memory(2)));
    let offer = ("Sec-WebSocket-Extensions", "permessage-deflate");
    let mut held = Vec::new();
    for keeps_windows in [true, false] {
        let asked = request(true, &[("Sec-WebSocket-Protocol", "wamp.2.json"), offer]);
        let reply = service.call(asked, conn.clone()).await;
        let headers = head(&reply).headers();
        assert_eq!(headers["set-cookie"], "c=known");
        let agreed = headers["sec-websocket-extensions"].to_str().unwrap();
        assert_eq!(agreed == "permessage-deflate", keeps_windows, "{agreed}");
        held.push(reply);
    }
    let refused = service.call(request(true, &[("Sec-WebSocket-Protocol", "none")]), conn).await;
    assert_eq!(head(&refused).status(), 400);
    assert!(!head(&refused).headers().contains_key("set-cookie"));
}
