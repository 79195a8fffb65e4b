//! How a node ends: everybody is told, nobody is waited for longer than the drain timeout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use serde_json::json;
use transom_node::Stopped;
use transom_tests::{Carrier, Client, TestNode};
use transom_wamp::{Message, Serializer};

async fn node() -> TestNode {
    TestNode::start(json!([
        {"type": "universal", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 1},
         "rawsocket": {}, "websocket": {}},
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "rs.sock"}}
    ]))
    .await
}

#[tokio::test]
async fn clients_are_told_and_may_answer() {
    let node = node().await;
    let socket = node.unix(1);
    let (mut web, _) = Client::join(&node.target(0), Carrier::WebSocket, Serializer::Json).await;
    let (mut raw, _) = Client::join(&node.target(1), Carrier::RawSocket, Serializer::Cbor).await;
    let stopping = tokio::spawn(node.stop());
    for client in [&mut web, &mut raw] {
        match client.receive().await {
            Message::Goodbye(goodbye) => assert_eq!(goodbye.reason, "wamp.close.system_shutdown"),
            other => panic!("{other:?}"),
        }
        client.goodbye_answer().await;
    }
    assert_eq!(web.closed().await.map(|close| u16::from(close.code)), Some(1001));
    raw.closed().await;
    drop((web, raw));
    assert_eq!(stopping.await.unwrap(), Stopped::Drained);
    assert!(!socket.exists(), "the socket file is left behind");
}

#[tokio::test]
async fn second_wish_cuts_those_that_do_not_answer() {
    let node = node().await;
    let (mut silent, _) = Client::join(&node.target(0), Carrier::WebSocket, Serializer::Json).await;
    let (cut, cutting) = tokio::sync::oneshot::channel::<()>();
    let stopping = tokio::spawn(node.stop_or(async move {
        let _ = cutting.await;
    }));
    assert!(matches!(silent.receive().await, Message::Goodbye(_)));
    cut.send(()).unwrap();
    assert_eq!(stopping.await.unwrap(), Stopped::Cut(1));
    silent.closed().await;
}

#[tokio::test]
async fn connection_that_never_said_hello_does_not_hold_the_node() {
    let node = node().await;
    let _raw = Client::connect(&node.target(0), Carrier::RawSocket, Serializer::Json).await;
    let mut web = Client::connect(&node.target(0), Carrier::WebSocket, Serializer::Json).await;
    let _nothing = node.target(0).connect().await;
    let (stopped, close) = tokio::join!(node.stop(), web.closed());
    assert_eq!(stopped, Stopped::Drained);
    assert_eq!(close.map(|close| u16::from(close.code)), Some(1001));
}
