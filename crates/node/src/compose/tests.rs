//! Whole nodes on a Unix socket: which configuration leads to which answer.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use transom_config::{Context, Format, Node, parse_str};

use crate::{RunningNode, Stopped};

/// The node with one transport on the socket `s` of a folder.
fn node(folder: &Path, keys: &str) -> Node {
    let file = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1"}}], "transports": [
            {{"endpoint": {{"type": "unix", "path": "s"}}, {keys}}}]}}]}}"#
    );
    let context = Context::new("test.json", folder, &|_| None);
    let loaded = parse_str(&file, Format::Json, &context);
    assert!(
        !loaded.findings.has_errors(),
        "{}",
        loaded.findings.render(transom_config::Purpose::Check, false)
    );
    loaded.node.unwrap()
}

/// All that comes back for these bytes, as text.
async fn answer(folder: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(folder.join("s")).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A peer that is reset has been answered, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str, host: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
}

fn upgrade(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: wamp.2.json\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn answer_when_sections_differ_is_the_one_configured() {
    let web = r#""paths": {"/": {"type": "json", "value": "root"},
        "away": {"type": "redirect", "url": "https://example.com/"},
        "in": {"type": "path", "paths": {"/": {"type": "json", "value": "inner"},
               "deep": {"type": "json", "value": "deep"}}}}"#;
    let everywhere = format!(r#""type": "universal", "websocket": {{}}, "web": {{{web}}}"#);
    let named =
        format!(r#""type": "universal", "websocket": {{"live": {{"type": "websocket"}}}}, "web": {{{web}}}"#);
    let cases: &[(&str, Vec<u8>, &str, &str)] = &[
        (&everywhere, get("/", "x"), "200", "root"),
        (&everywhere, get("/in", "x"), "200", "inner"),
        (&everywhere, get("/in/deep", "x"), "200", "deep"),
        (&everywhere, get("/away", "x"), "30", "example.com"),
        (&named, get("/", "x"), "200", "root"),
        (&named, get("/live", "x"), "200", "WAMP over WebSocket"),
        // Claimed by web, so not WebSocket.
        (&everywhere, upgrade("/in"), "200", "inner"),
        (
            r#""type": "universal", "web": {"paths": {}}"#,
            get("/", "x"),
            "200",
            "no web service is configured",
        ),
        (r#""type": "universal", "web": {"paths": {}}"#, get("/other", "x"), "404", ""),
        (
            r#""type": "web", "paths": {"/": {"type": "json", "value": 1}}, "options": {"allowed_hosts": ["good"]}"#,
            get("/", "bad"),
            "421",
            "",
        ),
        (
            r#""type": "web", "paths": {"/": {"type": "json", "value": 1}}, "options": {"allowed_hosts": ["good"]}"#,
            get("/", "good"),
            "200",
            "1",
        ),
    ];
    for (keys, request, status, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let running = RunningNode::start(&node(folder.path(), keys)).await.unwrap();
        let mut request = request.clone();
        // An upgrade that is not one leaves the connection open: the second request closes it.
        if request.starts_with(b"GET") && !request.windows(5).any(|bytes| bytes == b"close") {
            request.extend_from_slice(&get("/", "x"));
        }
        let answer = answer(folder.path(), &request).await;
        let shown = String::from_utf8_lossy(&request).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{keys}\n{shown}{answer}");
        assert!(answer.contains(words), "{keys}\n{shown}{answer}");
        assert_eq!(running.stop(std::future::pending()).await, Stopped::Drained);
    }
}

#[tokio::test]
async fn upgrade_when_websocket_is_there_is_granted() {
    for (keys, path) in [
        (r#""type": "websocket""#, "/anything"),
        (r#""type": "universal", "websocket": {}"#, "/anything"),
        (r#""type": "universal", "websocket": {"live": {"type": "websocket"}}"#, "/live"),
        (r#""type": "web", "paths": {"live": {"type": "websocket"}}"#, "/live"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let running = RunningNode::start(&node(folder.path(), keys)).await.unwrap();
        let mut stream = UnixStream::connect(folder.path().join("s")).await.unwrap();
        stream.write_all(&upgrade(path)).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 101", "{keys}");
        drop(stream);
        assert_eq!(running.stop(std::future::pending()).await, Stopped::Drained, "{keys}");
    }
}

#[tokio::test]
async fn start_when_an_endpoint_cannot_be_had_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), r#""type": "rawsocket""#);
    let again = node.workers[0].transports()[0].clone();
    let transom_config::Worker::Router(router) = &mut node.workers[0] else { panic!() };
    router.transports.push(again);
    let error = RunningNode::start(&node).await.map(|_| ()).unwrap_err();
    assert!(error.is_address_in_use(), "{error}");
    assert!(error.to_string().contains("transports[0].endpoint"), "{error}");
    assert!(!folder.path().join("s").exists());
}

#[tokio::test]
async fn stop_when_cut_counts_who_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let running = RunningNode::start(&node(folder.path(), r#""type": "websocket""#)).await.unwrap();
    let mut stream = UnixStream::connect(folder.path().join("s")).await.unwrap();
    stream.write_all(&upgrade("/ws")).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(running.open(), 1);
    // The peer never answers the goodbye.
    assert_eq!(running.stop(std::future::ready(())).await, Stopped::Cut(1));
    assert!(!folder.path().join("s").exists());
}
