//! What a broken or hostile client can send: each gets the answer the protocols name, is logged once and never as a
//! warning, and a session that is open meanwhile never notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use serde_json::json;
use transom_tests::{Carrier, Client, Log, Target, TestNode, exchange};
use transom_wamp::{Message, Serializer};

/// A universal port on TCP with everything on it.
async fn node() -> (TestNode, Target) {
    let node = TestNode::start(json!([{
        "type": "universal",
        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 1},
        "rawsocket": {"options": {"max_message_size": 65536}},
        "websocket": {"options": {"max_message_size": 65536}},
        "web": {"paths": {"/": {"type": "json", "value": "root"}}}
    }]))
    .await;
    let target = node.target(0);
    (node, target)
}

/// Runs `attack` beside an open session and checks that the session lives on and that exactly one line at most at
/// level INFO tells of the attacker.
async fn beside_a_session<F: Future<Output = ()>>(attack: impl FnOnce(Target) -> F) {
    let log = Log::install();
    let (node, target) = node().await;
    let (mut witness, _) = Client::join(&target, Carrier::WebSocket, Serializer::Json).await;
    attack(target.clone()).await;
    assert!(matches!(witness.goodbye().await, Message::Goodbye(_)));
    drop(witness);
    node.stop().await;
    let ends: Vec<_> = log
        .lines()
        .into_iter()
        .filter(|line| line["message"].as_str().is_some_and(|m| m.starts_with("connection ")))
        .filter(|line| line["message"] != "connection accepted")
        .collect();
    assert_eq!(ends.len(), 2, "the witness and the attacker, once each: {ends:#?}");
    let loud: Vec<_> = log.loud().into_iter().filter(|l| !l.starts_with("INFO")).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

/// Sends raw bytes and checks the beginning of the answer.
async fn answered(bytes: Vec<u8>, expected: &'static [u8]) {
    beside_a_session(|target| async move {
        let answer = exchange(target.connect().await, &bytes).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(expected), "{text}");
        assert!(!expected.is_empty() || answer.is_empty(), "{text}");
    })
    .await;
}

/// Sends one frame in an open session and checks that ABORT and the close code come back.
async fn violation(carrier: Carrier, serializer: Serializer, frame: Vec<u8>) {
    beside_a_session(|target| async move {
        let (mut client, _) = Client::join(&target, carrier, serializer).await;
        client.send_frame(frame).await;
        match client.receive().await {
            Message::Abort(abort) => assert_eq!(abort.reason, "wamp.error.protocol_violation"),
            other => panic!("no ABORT but {other:?}"),
        }
        let close = client.closed().await;
        if carrier == Carrier::WebSocket {
            let close = close.expect("no close frame");
            assert_eq!(u16::from(close.code), 1002);
            assert!(close.reason.starts_with("WAMP Protocol Error"), "{}", close.reason);
        }
    })
    .await;
}

#[tokio::test]
async fn garbage_when_it_comes_first_is_closed() {
    answered(b"\x01\x02\x03\x04garbage\r\n\r\n".to_vec(), b"").await;
}

#[tokio::test]
async fn words_that_are_no_request_are_answered_as_http() {
    answered(b"garbage\r\n\r\n".to_vec(), b"HTTP/1.1 400").await;
}

#[tokio::test]
async fn tls_hello_on_a_plain_port_is_refused() {
    let hello = [&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[7; 194]].concat();
    beside_a_session(|target| async move {
        exchange(target.connect().await, &hello).await;
    })
    .await;
}

#[tokio::test]
async fn rawsocket_serializer_zero_is_refused_with_error_one() {
    answered(vec![0x7F, 0xF0, 0, 0], &[0x7F, 0x10, 0, 0]).await;
}

#[tokio::test]
async fn rawsocket_reserved_octets_are_refused_with_error_three() {
    answered(vec![0x7F, 0xF1, 0, 1], &[0x7F, 0x30, 0, 0]).await;
}

#[tokio::test]
async fn websocket_handshake_without_key_gets_400() {
    let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n";
    answered(request.into(), b"HTTP/1.1 400").await;
}

#[tokio::test]
async fn websocket_handshake_with_unknown_subprotocol_gets_400() {
    let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Protocol: chat\r\n\r\n";
    answered(request.into(), b"HTTP/1.1 400").await;
}

#[tokio::test]
async fn http_request_cut_anywhere_disturbs_nobody() {
    let (node, target) = node().await;
    let (mut witness, _) = Client::join(&target, Carrier::RawSocket, Serializer::Cbor).await;
    let request = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    for cut in 0..request.len() {
        let mut io = target.connect().await;
        tokio::io::AsyncWriteExt::write_all(&mut io, &request[..cut]).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut io).await.unwrap();
        exchange(io, b"").await;
    }
    assert!(matches!(witness.goodbye().await, Message::Goodbye(_)));
    drop(witness);
    node.stop().await;
}

#[tokio::test]
async fn http_request_in_two_pieces_is_answered_wherever_it_is_cut() {
    let (node, target) = node().await;
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for cut in 1..request.len() {
        let mut io = target.connect().await;
        tokio::io::AsyncWriteExt::write_all(&mut io, &request[..cut]).await.unwrap();
        tokio::io::AsyncWriteExt::flush(&mut io).await.unwrap();
        tokio::task::yield_now().await;
        let answer = exchange(io, &request[cut..]).await;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "cut at {cut}: {}", String::from_utf8_lossy(&answer));
    }
    node.stop().await;
}

#[tokio::test]
async fn oversized_websocket_message_closes_with_1009() {
    beside_a_session(|target| async move {
        let (mut client, _) = Client::join(&target, Carrier::WebSocket, Serializer::Json).await;
        client.send_frame(vec![b' '; 65537]).await;
        assert_eq!(client.closed().await.map(|close| u16::from(close.code)), Some(1009));
    })
    .await;
}

#[tokio::test]
async fn oversized_rawsocket_frame_closes() {
    beside_a_session(|target| async move {
        let (mut client, _) = Client::join(&target, Carrier::RawSocket, Serializer::Json).await;
        tokio::io::AsyncWriteExt::write_all(client.raw(), &[0, 1, 0, 1]).await.unwrap();
        client.closed().await;
    })
    .await;
}

#[tokio::test]
async fn invalid_utf8_in_a_text_message_closes_with_1007() {
    beside_a_session(|target| async move {
        let (mut client, _) = Client::join(&target, Carrier::WebSocket, Serializer::Json).await;
        // A text frame with a mask of zeros; the client library would refuse to send it.
        let frame = [&[0x81, 0x82, 0, 0, 0, 0][..], &[0xC3, 0x28]].concat();
        let io = client.websocket().get_mut();
        tokio::io::AsyncWriteExt::write_all(io, &frame).await.unwrap();
        assert_eq!(client.closed().await.map(|close| u16::from(close.code)), Some(1007));
    })
    .await;
}

#[tokio::test]
async fn truncated_msgpack_is_a_violation() {
    violation(Carrier::RawSocket, Serializer::MsgPack, vec![0x94, 0x10, 0x01]).await;
}

#[tokio::test]
async fn truncated_msgpack_over_websocket_is_a_violation() {
    violation(Carrier::WebSocket, Serializer::MsgPack, vec![0x94, 0x10, 0x01]).await;
}

#[tokio::test]
async fn invalid_utf8_inside_msgpack_is_a_violation() {
    let publish = [&b"\x95\x10\x01\x80\xa5com.x\x91\xa2"[..], &[0xC3, 0x28]].concat();
    violation(Carrier::RawSocket, Serializer::MsgPack, publish).await;
}

#[tokio::test]
async fn deeply_nested_json_is_a_violation() {
    let nested = format!("[16,1,{{}},\"com.x\",{}{}]", "[".repeat(10_000), "]".repeat(10_000));
    violation(Carrier::WebSocket, Serializer::Json, nested.into()).await;
}

#[tokio::test]
async fn event_sent_by_a_client_is_a_violation() {
    violation(Carrier::WebSocket, Serializer::Json, b"[36,1,2,{}]".to_vec()).await;
}

#[tokio::test]
async fn second_hello_is_a_violation() {
    let hello = br#"[1,"realm1",{"roles":{"caller":{}}}]"#;
    violation(Carrier::RawSocket, Serializer::Json, hello.to_vec()).await;
}

#[tokio::test]
async fn option_of_the_wrong_type_is_a_violation() {
    violation(Carrier::RawSocket, Serializer::Json, br#"[16,1,{"acknowledge":1},"com.x"]"#.to_vec()).await;
}

#[tokio::test]
async fn binary_frame_for_json_is_a_violation() {
    beside_a_session(|target| async move {
        use futures_util::SinkExt;
        let (mut client, _) = Client::join(&target, Carrier::WebSocket, Serializer::Json).await;
        let frame = tokio_tungstenite::tungstenite::Message::Binary(b"[48]".to_vec().into());
        client.websocket().send(frame).await.unwrap();
        assert!(matches!(client.receive().await, Message::Abort(_)));
        assert_eq!(client.closed().await.map(|close| u16::from(close.code)), Some(1002));
    })
    .await;
}

#[tokio::test]
async fn hello_to_an_unknown_realm_is_aborted() {
    beside_a_session(|target| async move {
        let mut client = Client::connect(&target, Carrier::WebSocket, Serializer::MsgPack).await;
        match client.hello("nowhere").await {
            Message::Abort(abort) => assert_eq!(abort.reason, "wamp.error.no_such_realm"),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.closed().await.map(|close| u16::from(close.code)), Some(1000));
    })
    .await;
}
