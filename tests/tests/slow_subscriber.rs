//! A subscriber that stops reading holds back nobody and costs no more than its queue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use serde_json::json;
use transom_tests::{Carrier, Client, TestNode};
use transom_wamp::{Id, Message, Publish, PublishOptions, Serializer, Subscribe, Value};

const QUEUE: usize = 1 << 20;

async fn node(policy: &str) -> TestNode {
    let permissions: serde_json::Value = serde_json::from_str(transom_tests::ALL_ALLOWED).unwrap();
    TestNode::start_with(
        json!([{"name": "realm1",
                "roles": [{"name": "anonymous", "slow_consumer": policy, "permissions": permissions}]}]),
        json!([{"type": "universal", "endpoint": {"type": "unix", "path": "node.sock"},
                "rawsocket": {"options": {"max_send_queue": QUEUE}},
                "websocket": {"options": {"max_send_queue": QUEUE}}}]),
    )
    .await
}

async fn subscribed(node: &TestNode, carrier: Carrier) -> Client {
    let (mut client, _) = Client::join(&node.target(0), carrier, Serializer::MsgPack).await;
    let request = client.request();
    let subscribe = Subscribe {
        request,
        matching: Default::default(),
        get_retained: false,
        topic: "com.example.flood".into(),
    };
    client.send(Message::Subscribe(subscribe)).await;
    assert!(matches!(client.receive().await, Message::Subscribed(_)));
    client
}

async fn publish(client: &mut Client, number: u64) -> Id {
    let request = client.request();
    let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    let payload = client.args(&[Value::from(number), Value::Binary(vec![7; 60_000].into())]);
    let topic = "com.example.flood".into();
    client.send(Message::Publish(Publish { request, options, topic, payload })).await;
    match client.receive().await {
        Message::Published(published) => published.publication,
        other => panic!("{other:?}"),
    }
}

fn number(message: Message) -> u64 {
    match message {
        Message::Event(event) => match event.payload.to_values().unwrap().0[0] {
            Value::Int(n) => n as u64,
            ref other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn others_get_every_event_while_one_does_not_read() {
    for carrier in [Carrier::RawSocket, Carrier::WebSocket] {
        let node = node("drop").await;
        let mut stuck = subscribed(&node, carrier).await;
        let mut reader = subscribed(&node, carrier).await;
        let (mut publisher, _) = Client::join(&node.target(0), carrier, Serializer::MsgPack).await;
        // Four times what the queue of the one that does not read can hold.
        let events = 4 * QUEUE as u64 / 60_000;
        for i in 0..events {
            publish(&mut publisher, i).await;
            assert_eq!(number(reader.receive().await), i, "{carrier:?}");
        }
        // It reads again: what was kept for it comes in order, then what is new.
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.last().is_none_or(|last| *last < events) {
                seen.push(number(stuck.receive().await));
            }
            seen
        });
        let mut new = events;
        while !reading.is_finished() {
            publish(&mut publisher, new).await;
            assert_eq!(number(reader.receive().await), new);
            new += 1;
        }
        let seen = reading.await.unwrap();
        assert!(seen.is_sorted_by(|a, b| a < b), "{carrier:?}: out of order: {seen:?}");
        let kept = seen.iter().filter(|n| **n < events).count();
        assert!(0 < kept && kept < events as usize, "{carrier:?}: {kept} of {events} were kept");
        node.stop_or(std::future::ready(())).await;
    }
}

#[tokio::test]
async fn slow_consumer_when_the_policy_says_so_is_disconnected() {
    let node = node("disconnect").await;
    let mut stuck = subscribed(&node, Carrier::WebSocket).await;
    let (mut publisher, _) = Client::join(&node.target(0), Carrier::RawSocket, Serializer::MsgPack).await;
    for i in 0..4 * QUEUE as u64 / 60_000 {
        publish(&mut publisher, i).await;
    }
    assert_eq!(stuck.closed().await.map(|close| u16::from(close.code)), Some(1008));
    node.stop_or(std::future::ready(())).await;
}

#[tokio::test]
async fn publisher_when_the_policy_says_so_waits_and_nothing_is_lost() {
    let node = node("push-back").await;
    let mut slow = subscribed(&node, Carrier::RawSocket).await;
    let (mut publisher, _) = Client::join(&node.target(0), Carrier::RawSocket, Serializer::MsgPack).await;
    let events = 4 * QUEUE as u64 / 60_000;
    let publishing = tokio::spawn(async move {
        for i in 0..events {
            publish(&mut publisher, i).await;
        }
    });
    for i in 0..events {
        assert_eq!(number(slow.receive().await), i);
    }
    publishing.await.unwrap();
    node.stop_or(std::future::ready(())).await;
}
