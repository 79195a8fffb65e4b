//! The keys of RawSocket.

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::Stream;
use transom_tests::{Carrier, Target, TestNode};

use crate::support::{closed_after, join_by, tcp, with};

/// A node with this RawSocket configuration as a transport and as a section.
async fn everywhere(config: &Json) -> TestNode {
    TestNode::start(json!([
        with(json!({"type": "rawsocket", "endpoint": tcp(0)}), config),
        {"type": "universal", "endpoint": tcp(1), "rawsocket": config},
    ]))
    .await
}

async fn rawsocket(options: Json) -> TestNode {
    everywhere(&json!({"options": options})).await
}

/// The answer to a handshake that offers the longest messages.
async fn handshake(target: &Target, serializer: u8) -> (Box<dyn Stream>, [u8; 4]) {
    let mut io = target.connect().await;
    io.write_all(&[0x7f, 0xf0 | serializer, 0, 0]).await.unwrap();
    let mut answer = [0; 4];
    io.read_exact(&mut answer).await.unwrap();
    (io, answer)
}

const JSON: u8 = 1;
const MSGPACK: u8 = 2;

#[tokio::test]
async fn serializers_when_listed_are_the_only_ones() {
    let node = everywhere(&json!({"serializers": ["msgpack"]})).await;
    for place in 0..2 {
        assert_eq!(handshake(&node.target(place), MSGPACK).await.1[1] & 0x0f, MSGPACK, "{place}");
        // Error 1: the serializer is not supported.
        assert_eq!(handshake(&node.target(place), JSON).await.1, [0x7f, 0x10, 0, 0], "{place}");
    }
}

#[tokio::test]
async fn auth_when_written_says_who_a_client_is() {
    let auth =
        json!({"anonymous": {"type": "static", "role": "trusted", "authid": "somebody", "realm": "realm1"}});
    let node = everywhere(&json!({"auth": auth})).await;
    for place in 0..2 {
        let hello = json!([1, null, {"roles": {"caller": {}}}]);
        let (_, details) = join_by(&node.target(place), Carrier::RawSocket, &hello).await;
        let who = [&details["realm"], &details["authrole"], &details["authid"]];
        assert_eq!(who, ["realm1", "trusted", "somebody"], "{place}");
    }
}

#[tokio::test]
async fn max_message_size_when_written_is_rounded_up_and_announced_wherever_it_stands() {
    let node = rawsocket(json!({"max_message_size": 1000})).await;
    for place in 0..2 {
        let (mut io, answer) = handshake(&node.target(place), JSON).await;
        // 2 to the power of 9 + 1.
        assert_eq!(answer[1] >> 4, 1, "{place}");
        io.write_all(&[0, 0, 0x04, 0x01]).await.unwrap();
        let mut rest = Vec::new();
        io.read_to_end(&mut rest).await.unwrap();
        let text = String::from_utf8_lossy(&rest);
        assert!(text.contains("wamp.error.protocol_violation") || text.is_empty(), "{text}");
    }
    assert_eq!(handshake(&rawsocket(json!({})).await.target(0), JSON).await.1[1] >> 4, 15);
}

#[tokio::test(start_paused = true)]
async fn hello_timeout_when_written_is_the_time_for_hello() {
    for (option, seconds) in [(json!({}), 5), (json!({"hello_timeout": 2000}), 2)] {
        let node = rawsocket(option).await;
        let (mut io, _) = handshake(&node.target(0), JSON).await;
        assert_eq!(closed_after(&mut io).await, seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn ping_interval_and_timeout_when_written_drop_who_does_not_answer() {
    for (option, seconds) in
        [(json!({"ping_interval": 2000, "ping_timeout": 3000}), 5), (json!({"ping_interval": 2000}), 12)]
    {
        let node = rawsocket(option).await;
        let hello = crate::support::hello("realm1");
        let (mut client, _) = join_by(&node.target(0), Carrier::RawSocket, &hello).await;
        let start = tokio::time::Instant::now();
        let mut head = [0; 4];
        client.raw().read_exact(&mut head).await.unwrap();
        // A PING, and when it comes.
        assert_eq!((head[0] & 7, crate::support::whole_seconds(start)), (1, 2));
        assert_eq!(closed_after(client.raw()).await + 2, seconds);
    }
}
