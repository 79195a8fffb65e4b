//! Transports that come, go and change.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use transom_tests::{Carrier, Client, Target, exchange};
use transom_wamp::{Message, Serializer};

use crate::support::{Node, config, rawsocket, universal, with};

#[tokio::test]
async fn transport_when_added_is_served_and_the_sessions_stay() {
    let node = Node::start(&config(json!([universal("one.sock")]))).await;
    let mut before = node.join("one.sock", Carrier::WebSocket).await;
    node.write(&config(json!([universal("one.sock"), rawsocket("two.sock")])));
    let said = node.reload().await.applied();
    assert!(
        said.contains("transport002") && said.contains("two.sock") && said.contains("1 change"),
        "{said}"
    );
    let mut after = node.join("two.sock", Carrier::RawSocket).await;
    assert!(matches!(after.goodbye().await, Message::Goodbye(_)));
    assert!(matches!(before.goodbye().await, Message::Goodbye(_)));
    drop((before, after));
    assert!(node.reload().await.applied().contains("nothing changed"));
    node.stop().await;
}

#[tokio::test]
async fn transport_when_removed_listens_no_more_and_its_connections_live_on() {
    let node = Node::start(&config(json!([universal("one.sock"), rawsocket("two.sock")]))).await;
    let mut staying = node.join("two.sock", Carrier::RawSocket).await;
    node.write(&config(json!([universal("one.sock")])));
    let said = node.reload().await.applied();
    assert!(said.contains("'transport002' removed") && said.contains("1 open connection goes on"), "{said}");
    assert!(!node.path("two.sock").exists());
    let status = node.status().await;
    assert_eq!(status["transports"].as_array().unwrap().len(), 1);
    assert_eq!(status["retired"], json!([{"id": "transport002", "open": 1}]));
    assert_eq!(status["open"], 1);
    staying.subscribe("com.app.x").await;
    drop(staying);
    node.until(|status| status["retired"] == json!([])).await;
    node.stop().await;
}

fn site(value: &str) -> Value {
    json!({"type": "universal", "endpoint": {"type": "unix", "path": "one.sock"}, "websocket": {},
        "web": {"paths": {"/": {"type": "json", "value": value}}}})
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A request on a connection that stays open; the answer's body.
async fn ask(stream: &mut UnixStream, body: &str) {
    stream.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(body.as_bytes()) {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn web_paths_when_changed_are_answered_anew_and_sessions_stay() {
    let node = Node::start(&config(json!([site("before")]))).await;
    let mut session = node.join("one.sock", Carrier::WebSocket).await;
    let mut idle = UnixStream::connect(node.path("one.sock")).await.unwrap();
    ask(&mut idle, "\"before\"").await;
    node.write(&config(json!([site("after")])));
    let said = node.reload().await.applied();
    assert!(said.contains("'transport001' changed"), "{said}");
    // A connection that is kept for the next request would ask the wrong one.
    assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(node.unix("one.sock").connect().await, request).await;
    assert!(answer.ends_with(b"\"after\""), "{}", String::from_utf8_lossy(&answer));
    session.subscribe("com.app.x").await;
    drop(session);
    node.stop().await;
}

#[tokio::test]
async fn limits_when_changed_count_the_connections_that_are_open() {
    let limited = |max: u32| with(rawsocket("one.sock"), json!({"max_connections": max}));
    let node = Node::start(&config(json!([limited(5)]))).await;
    let first = node.join("one.sock", Carrier::RawSocket).await;
    let second = node.join("one.sock", Carrier::RawSocket).await;
    node.write(&config(json!([limited(2)])));
    node.reload().await.applied();
    let refused = exchange(node.unix("one.sock").connect().await, &[0x7f, 0xf1, 0, 0]).await;
    assert_eq!(refused, b"");
    let transport = node.status().await["transports"][0].clone();
    assert_eq!((&transport["max_connections"], &transport["open"]), (&json!(2), &json!(2)));
    assert_eq!(transport["refused"], 1);
    drop(first);
    node.until(|status| status["open"] == 1).await;
    let third = node.join("one.sock", Carrier::RawSocket).await;
    drop((second, third));
    node.stop().await;
}

#[tokio::test]
async fn socket_file_when_made_anew_is_there_at_every_moment() {
    let mode = |mode: &str| {
        let mut transport = rawsocket("one.sock");
        transport["endpoint"]["mode"] = json!(mode);
        transport
    };
    let node = Node::start(&config(json!([mode("0666")]))).await;
    let mut session = node.join("one.sock", Carrier::RawSocket).await;
    let path = node.path("one.sock");
    let bits = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(bits(), 0o666);
    // Somebody connects all the while, and is served each time.
    let socket = node.unix("one.sock");
    let (ready, done) = (tokio::sync::Semaphore::new(0), std::sync::atomic::AtomicBool::new(false));
    let connecting = async {
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            Client::connect(&socket, Carrier::RawSocket, Serializer::Json).await;
            ready.add_permits(1);
        }
    };
    let reloading = async {
        for wanted in ["0600", "0660", "0600", "0644"] {
            ready.acquire_many(3).await.unwrap().forget();
            node.write(&config(json!([mode(wanted)])));
            let said = node.reload().await.applied();
            assert!(said.contains("listens anew"), "{said}");
            assert_eq!(format!("{:04o}", bits()), wanted);
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    tokio::join!(connecting, reloading);
    session.subscribe("com.app.x").await;
    drop(session);
    let folder: Vec<_> =
        std::fs::read_dir(node.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(folder.len(), 5, "file, sockets and keys: {folder:?}");
    node.stop().await;
}

/// Any free port, and the one that it is.
fn any_port() -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "portrange": [20000, 60000]}})
}

fn port(status: &Value) -> u16 {
    let bound = status["transports"][0]["bound"][0].as_str().unwrap();
    bound.strip_prefix("tcp4:127.0.0.1:").unwrap().parse().unwrap()
}

async fn join(port: u16) -> Client {
    let target = Target::Tcp(([127, 0, 0, 1], port).into());
    Client::join(&target, Carrier::RawSocket, Serializer::Json).await.0
}

#[tokio::test]
async fn port_when_its_socket_has_to_be_made_anew_is_the_same_and_sessions_stay() {
    let node = Node::start(&config(json!([any_port()]))).await;
    let port = port(&node.status().await);
    let mut session = join(port).await;
    let fixed = json!({"type": "tcp", "interface": "127.0.0.1", "port": port});
    let mut transport = json!({"type": "rawsocket", "endpoint": fixed});
    for (key, value) in [("backlog", 7), ("keepalive_s", 30), ("backlog", 9)] {
        transport["endpoint"][key] = json!(value);
        node.write(&config(json!([transport])));
        let said = node.reload().await.applied();
        assert!(said.contains(&format!("listens anew on tcp4:127.0.0.1:{port}")), "{said}");
        join(port).await;
    }
    session.subscribe("com.app.x").await;
    drop(session);
    node.stop().await;
}

#[tokio::test]
async fn port_when_the_wider_one_cannot_be_had_is_bound_again() {
    let node = Node::start(&config(json!([any_port(), rawsocket("two.sock")]))).await;
    let port = port(&node.status().await);
    let mut session = join(port).await;
    // Another process has the port on one of the other addresses.
    let _other = std::net::TcpListener::bind(("127.0.0.2", port)).unwrap();
    let everywhere = json!({"type": "rawsocket", "endpoint": {"type": "tcp", "port": port}});
    let mut tighter = rawsocket("two.sock");
    tighter["endpoint"]["mode"] = json!("0600");
    node.write(&config(json!([everywhere, tighter, rawsocket("three.sock")])));
    let said = node.reload().await.refused();
    assert!(said.contains("0.0.0.0") && said.contains("workers[0].transports[0].endpoint"), "{said}");
    join(port).await;
    session.subscribe("com.app.x").await;
    // Nothing of the rest is left.
    assert!(!node.path("three.sock").exists());
    assert_eq!(std::fs::metadata(node.path("two.sock")).unwrap().permissions().mode() & 0o777, 0o666);
    node.join("two.sock", Carrier::RawSocket).await;
    drop(session);
    // Once it can be had it is.
    drop(_other);
    assert!(node.reload().await.applied().contains("moved from"));
    join(port).await;
    node.stop().await;
}

#[tokio::test]
async fn addresses_when_exchanged_are_served_as_configured() {
    let named = |mut transport: Value, id: &str| {
        transport["id"] = json!(id);
        transport
    };
    let node = Node::start(&config(json!([
        named(universal("one.sock"), "many"),
        named(rawsocket("two.sock"), "raw"),
    ])))
    .await;
    let mut web = node.join("one.sock", Carrier::WebSocket).await;
    node.write(&config(json!([named(universal("two.sock"), "many"), named(rawsocket("one.sock"), "raw"),])));
    let said = node.reload().await.applied();
    assert!(said.contains("transport 'many', which was 'raw', changed"), "{said}");
    node.join("two.sock", Carrier::WebSocket).await;
    node.join("one.sock", Carrier::RawSocket).await;
    // One that speaks RawSocket only does not answer this.
    let upgrade = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = exchange(node.unix("one.sock").connect().await, upgrade).await;
    assert!(!answer.starts_with(b"HTTP/1.1 101"));
    web.subscribe("com.app.x").await;
    drop(web);
    node.stop().await;
}
