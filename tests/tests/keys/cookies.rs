//! The keys of `cookie`: browsers that are known again.

use std::path::Path;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use transom_tests::{Target, TestNode};

use crate::support::{CLOSE, SUBPROTOCOL, UPGRADE, VERSION, Ws, tcp, with};

/// A node with a WebSocket that tracks cookies with these keys, and takes tickets and cookies or lets everybody in.
async fn node(cookie: Json, logins: bool) -> TestNode {
    let principals = json!({"joe": {"ticket": "right", "role": "anonymous"}});
    let auth = json!({"ticket": {"type": "static", "principals": principals}, "cookie": {}});
    let more = if logins { json!({ "auth": auth }) } else { json!({}) };
    let transport = with(json!({"type": "websocket", "endpoint": tcp(0), "cookie": cookie}), &more);
    TestNode::start(json!([transport])).await
}

/// An upgrade that shows this cookie; what is to be stored.
async fn open(target: &Target, cookie: Option<&str>) -> (Ws, Option<String>) {
    let shown = cookie.map(|cookie| format!("Cookie: other=1; {cookie}\r\n")).unwrap_or_default();
    let (status, ws) = Ws::ask(target, &[UPGRADE, VERSION, SUBPROTOCOL, &shown].concat()).await;
    assert_eq!(status, 101, "{}", ws.head);
    let set = ws.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).map(str::to_owned);
    (ws, set)
}

/// `NAME=VALUE` of what is to be stored.
fn pair(set: &str) -> &str {
    set.split(';').next().unwrap()
}

async fn receive(ws: &mut Ws) -> Json {
    serde_json::from_slice(&ws.frame().await.expect("the node closed").payload).unwrap()
}

async fn say_hello(ws: &mut Ws, methods: &[&str]) -> Json {
    let details = json!({"roles": {"caller": {}}, "authmethods": methods, "authid": "joe"});
    ws.say(&json!([1, "realm1", details])).await;
    receive(ws).await
}

/// Logs in by a ticket.
async fn log_in(ws: &mut Ws) {
    assert_eq!(say_hello(ws, &["cookie", "ticket"]).await[0], 4);
    ws.say(&json!([5, "right", {}])).await;
    let welcome = receive(ws).await;
    assert_eq!((&welcome[0], &welcome[2]["authprovider"]), (&json!(2), &json!("static")), "{welcome}");
}

#[tokio::test]
async fn cookie_when_written_is_set_as_it_says_unless_the_browser_has_one() {
    for (keys, name, length, rest) in [
        (json!({}), "cbtid", 24, "max-age=604800"),
        (json!({"name": "mine", "length": 40, "max_age": 60}), "mine", 40, "max-age=60"),
        (json!({"secure": true, "http_strict": true}), "cbtid", 24, "max-age=604800;secure;httponly"),
        (json!({"same_site": "Strict"}), "cbtid", 24, "max-age=604800;samesite=strict"),
        (json!({"same_site": "Lax"}), "cbtid", 24, "max-age=604800;samesite=lax"),
        (json!({"same_site": "None", "secure": true}), "cbtid", 24, "max-age=604800;secure;samesite=none"),
    ] {
        let node = node(keys.clone(), false).await;
        let (mut ws, set) = open(&node.target(0), None).await;
        let set = set.unwrap();
        let (cookie, attributes) = set.split_once(';').unwrap();
        let (is, value) = cookie.split_once('=').unwrap();
        assert_eq!((is, value.len()), (name, length), "{keys}");
        assert_eq!(attributes.replace(' ', "").to_ascii_lowercase(), rest, "{keys}");
        // Where no identity depends on it, it tells browsers apart.
        let welcome = say_hello(&mut ws, &["anonymous"]).await;
        assert_eq!(welcome[2]["authid"], value, "{keys}");
        let (mut again, set) = open(&node.target(0), Some(cookie)).await;
        assert_eq!(set, None, "{keys}");
        assert_eq!(say_hello(&mut again, &["anonymous"]).await[2]["authid"], value, "{keys}");
        // One that was not given out is none.
        let (_, set) = open(&node.target(0), Some(&format!("{name}=nonsense"))).await;
        assert!(set.is_some_and(|set| pair(&set) != cookie), "{keys}");
    }
}

#[tokio::test]
async fn cookie_when_its_browser_has_logged_in_lets_in_until_it_logs_out() {
    let node = node(json!({"store": {"type": "memory"}}), true).await;
    let target = node.target(0);
    let (mut ws, set) = open(&target, None).await;
    let set = set.unwrap();
    log_in(&mut ws).await;
    let (mut second, _) = open(&target, Some(pair(&set))).await;
    let welcome = say_hello(&mut second, &["cookie"]).await;
    let details = ["authid", "authmethod", "authprovider"].map(|key| welcome[2][key].clone());
    assert_eq!(details, [json!("joe"), json!("ticket"), json!("cookie")], "{welcome}");
    // Logging out ends the other connections and what the cookie is worth.
    second.say(&json!([6, {}, "wamp.close.logout"])).await;
    assert_eq!(receive(&mut second).await[0], 6);
    while let Some(frame) = ws.frame().await {
        if frame.opcode == CLOSE {
            break;
        }
    }
    let (mut third, _) = open(&target, Some(pair(&set))).await;
    assert_eq!(say_hello(&mut third, &["cookie"]).await[2], "wamp.error.no_auth_method");
    // A client that does not want to be known is forgotten.
    let (mut fourth, set) = open(&target, None).await;
    let set = set.unwrap();
    log_in(&mut fourth).await;
    let (mut fifth, _) = open(&target, Some(pair(&set))).await;
    assert_eq!(say_hello(&mut fifth, &["ticket"]).await[0], 4);
    let (mut sixth, _) = open(&target, Some(pair(&set))).await;
    assert_eq!(say_hello(&mut sixth, &["cookie"]).await[0], 3);
}

/// A node that is gone keeps nothing open.
async fn stop(node: TestNode) {
    node.stop_or(std::future::ready(())).await;
}

fn file(path: &Path, more: Json) -> Json {
    json!({"store": with(json!({"type": "file", "filename": path}), &more)})
}

#[tokio::test]
async fn cookie_file_when_written_keeps_cookies_from_one_node_to_the_next() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cookies");
    let first = node(file(&path, json!({})), true).await;
    let (mut ws, set) = open(&first.target(0), None).await;
    let cookie = pair(set.as_deref().unwrap()).to_owned();
    log_in(&mut ws).await;
    drop(ws);
    stop(first).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"joe\""), "{text}");
    let second = node(file(&path, json!({})), true).await;
    let (mut ws, set) = open(&second.target(0), Some(&cookie)).await;
    assert_eq!(set, None);
    assert_eq!(say_hello(&mut ws, &["cookie"]).await[2]["authid"], "joe");
    drop(ws);
    stop(second).await;
    // In memory nothing is kept.
    let (first, second) = (node(json!({}), true).await, node(json!({}), true).await);
    let (mut ws, set) = open(&first.target(0), None).await;
    log_in(&mut ws).await;
    let (_, set_anew) = open(&second.target(0), set.as_deref().map(pair)).await;
    assert!(set_anew.is_some());
}

#[tokio::test]
async fn purge_on_startup_when_true_writes_the_file_without_cookies_whose_time_is_over() {
    for (keys, kept) in [(json!({}), true), (json!({"purge_on_startup": true}), false)] {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("cookies");
        let over = json!({"cbtid": "over", "status": "created", "created": 1, "modified": 1, "max_age": 1});
        std::fs::write(&path, format!("{over}\n")).unwrap();
        let node = node(file(&path, keys.clone()), false).await;
        let (_, set) = open(&node.target(0), Some("cbtid=over")).await;
        assert!(set.is_some(), "{keys}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.contains("\"over\""), kept, "{keys} {text}");
    }
}
