//! Every endpoint under every protocol with every serializer: a session joins, subscribes, publishes, registers,
//! calls, gets errors back and leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use serde_json::{Value as Json, json};
use transom_tests::{Carrier, Client, Target, TestNode};
use transom_wamp::{
    Call, CallOptions, Dict, ErrorMessage, Id, Message, Publish, PublishOptions, Register, RegisterOptions,
    Serializer, Subscribe, Unregister, Unsubscribe, Value, Yield, code,
};

/// One for each name. What a client must say to be answered in UBJSON's draft 12 is shown in `transom-websocket`.
const SPOKEN: [Serializer; 4] = [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::BjData];

/// The transports that carry WAMP, each on TCP and on a Unix socket.
async fn node() -> TestNode {
    let protocols = [
        json!({"type": "websocket"}),
        json!({"type": "rawsocket"}),
        json!({"type": "universal", "websocket": {}, "rawsocket": {}}),
        json!({"type": "universal", "websocket": {"ws": {"type": "websocket"}}, "rawsocket": {},
               "web": {"paths": {"/": {"type": "json", "value": 1}}}}),
        json!({"type": "web", "paths": {"/": {"type": "json", "value": 1}, "ws": {"type": "websocket"}}}),
    ];
    let mut transports = Vec::new();
    for (i, protocol) in protocols.into_iter().enumerate() {
        for endpoint in [
            json!({"type": "tcp", "interface": "127.0.0.1", "port": 1}),
            json!({"type": "unix", "path": format!("{i}.sock")}),
        ] {
            let mut transport = protocol.clone();
            transport["endpoint"] = endpoint;
            transports.push(transport);
        }
    }
    // One port number on two transports would be refused: they get free ones anyway.
    for (i, transport) in transports.iter_mut().enumerate() {
        if transport["endpoint"]["type"] == "tcp" {
            transport["endpoint"]["port"] = Json::from(1000 + i);
        }
    }
    TestNode::start(Json::from(transports)).await
}

fn carriers(transport: usize) -> &'static [Carrier] {
    match transport / 2 {
        0 | 4 => &[Carrier::WebSocket],
        1 => &[Carrier::RawSocket],
        _ => &[Carrier::WebSocket, Carrier::RawSocket],
    }
}

#[tokio::test]
async fn basic_profile_works_on_every_endpoint_and_protocol_with_every_serializer() {
    let node = node().await;
    let mut combinations = 0;
    for transport in 0..10 {
        for carrier in carriers(transport) {
            for serializer in SPOKEN {
                basic_profile(&node.target(transport), *carrier, serializer).await;
                combinations += 1;
            }
        }
    }
    assert_eq!(combinations, 56);
    node.stop().await;
}

#[tokio::test]
async fn values_survive_between_every_pair_of_serializers() {
    let node = node().await;
    for from in SPOKEN {
        for to in SPOKEN {
            let (mut publisher, _) = Client::join(&node.target(0), Carrier::WebSocket, from).await;
            let (mut subscriber, _) = Client::join(&node.target(3), Carrier::RawSocket, to).await;
            subscribe(&mut subscriber, "com.example.values").await;
            let mut kwargs = Dict::default();
            kwargs.push("größe", 1u64 << 63);
            kwargs.push("list", vec![Value::Null, Value::Bool(true), Value::Float(0.5)]);
            let args = [
                Value::Binary(vec![0, 1, 254, 255].into()),
                Value::Int(-(1 << 53)),
                Value::from("€\u{1F600}\"\\\n"),
            ];
            let payload = publisher.payload(&args, &kwargs);
            publish(&mut publisher, "com.example.values", payload, true).await;
            let Message::Event(event) = subscriber.receive().await else { panic!("no EVENT") };
            let (got_args, got_kwargs) = event.payload.to_values().unwrap();
            assert_eq!((&got_args[..], got_kwargs), (&args[..], kwargs), "{from} to {to}");
        }
    }
}

async fn basic_profile(target: &Target, carrier: Carrier, serializer: Serializer) {
    let label = format!("{target:?} {carrier:?} {serializer}");
    let (mut alice, welcome) = Client::join(target, carrier, serializer).await;
    let (mut bob, other) = Client::join(target, carrier, serializer).await;
    assert_ne!(welcome.session, other.session, "{label}");
    assert_eq!(welcome.details.get("realm"), Some(&Value::from("realm1")), "{label}");
    assert_eq!(welcome.details.get("authrole"), Some(&Value::from("anonymous")), "{label}");

    // Publish and subscribe: acknowledged, with the publisher left out.
    let subscription = subscribe(&mut bob, "com.example.topic").await;
    subscribe(&mut alice, "com.example.topic").await;
    let payload = alice.args(&[Value::from("hello"), Value::Int(7)]);
    let publication = publish(&mut alice, "com.example.topic", payload.clone(), true).await.unwrap();
    let Message::Event(event) = bob.receive().await else { panic!("{label}: no EVENT") };
    assert_eq!((event.subscription, event.publication), (subscription, publication), "{label}");
    assert_eq!(event.payload, payload, "{label}");

    // Not acknowledged, to the publisher too; its own event is the first thing it hears.
    let request = alice.request();
    let options = PublishOptions { exclude_me: Some(false), ..PublishOptions::default() };
    let payload = alice.nothing();
    alice
        .send(Message::Publish(Publish { request, options, topic: "com.example.topic".into(), payload }))
        .await;
    assert!(matches!(alice.receive().await, Message::Event(_)), "{label}");
    assert!(matches!(bob.receive().await, Message::Event(_)), "{label}");

    // After UNSUBSCRIBED none follows: the next thing bob hears is the answer to his next request.
    let request = bob.request();
    bob.send(Message::Unsubscribe(Unsubscribe { request, subscription })).await;
    assert!(matches!(bob.receive().await, Message::Unsubscribed(_)), "{label}");
    let payload = alice.nothing();
    publish(&mut alice, "com.example.topic", payload, true).await;
    let request = bob.request();
    bob.send(Message::Unsubscribe(Unsubscribe { request, subscription })).await;
    assert_error(bob.receive().await, code::UNSUBSCRIBE, request, "wamp.error.no_such_subscription", &label);

    // Register, call, result.
    let request = bob.request();
    let register = |request| {
        Message::Register(Register {
            request,
            options: RegisterOptions::default(),
            procedure: "com.example.procedure".into(),
        })
    };
    bob.send(register(request)).await;
    let Message::Registered(registered) = bob.receive().await else { panic!("{label}: no REGISTERED") };
    let second = alice.request();
    alice.send(register(second)).await;
    assert_error(
        alice.receive().await,
        code::REGISTER,
        second,
        "wamp.error.procedure_already_exists",
        &label,
    );

    let payload = alice.args(&[Value::Int(20), Value::Int(22)]);
    let request = call(&mut alice, "com.example.procedure", payload.clone()).await;
    let Message::Invocation(invocation) = bob.receive().await else { panic!("{label}: no INVOCATION") };
    assert_eq!(
        (invocation.registration, &invocation.payload),
        (registered.registration, &payload),
        "{label}"
    );
    let payload = bob.args(&[Value::Int(42)]);
    bob.send(Message::Yield(Yield {
        request: invocation.request,
        progress: false,
        passthru: None,
        payload: payload.clone(),
    }))
    .await;
    let Message::Result(result) = alice.receive().await else { panic!("{label}: no RESULT") };
    assert_eq!((result.request, &result.payload), (request, &payload), "{label}");

    // An application error, and no such procedure.
    let payload = alice.nothing();
    let request = call(&mut alice, "com.example.procedure", payload).await;
    let Message::Invocation(invocation) = bob.receive().await else { panic!("{label}: no INVOCATION") };
    let payload = bob.args(&[Value::from("sorry")]);
    bob.send(Message::Error(ErrorMessage {
        request_type: code::INVOCATION,
        request: invocation.request,
        passthru: None,
        error: "com.example.error".into(),
        payload: payload.clone(),
    }))
    .await;
    let error = alice.receive().await;
    assert!(matches!(&error, Message::Error(e) if e.payload == payload), "{label}: {error:?}");
    assert_error(error, code::CALL, request, "com.example.error", &label);

    let request = bob.request();
    bob.send(Message::Unregister(Unregister { request, registration: registered.registration })).await;
    assert!(matches!(bob.receive().await, Message::Unregistered(_)), "{label}");
    let payload = alice.nothing();
    let request = call(&mut alice, "com.example.procedure", payload).await;
    assert_error(alice.receive().await, code::CALL, request, "wamp.error.no_such_procedure", &label);

    // Goodbye, and a new session on the same connection.
    assert!(matches!(alice.goodbye().await, Message::Goodbye(g) if g.reason == "wamp.close.goodbye_and_out"));
    assert!(
        matches!(alice.hello("realm1").await, Message::Welcome(w) if w.session != welcome.session),
        "{label}"
    );
}

async fn subscribe(client: &mut Client, topic: &str) -> Id {
    let request = client.request();
    let subscribe =
        Subscribe { request, matching: Default::default(), get_retained: false, topic: topic.into() };
    client.send(Message::Subscribe(subscribe)).await;
    match client.receive().await {
        Message::Subscribed(s) if s.request == request => s.subscription,
        other => panic!("no SUBSCRIBED but {other:?}"),
    }
}

async fn publish(
    client: &mut Client,
    topic: &str,
    payload: transom_wamp::Payload,
    acknowledge: bool,
) -> Option<Id> {
    let request = client.request();
    let options = PublishOptions { acknowledge, ..PublishOptions::default() };
    client.send(Message::Publish(Publish { request, options, topic: topic.into(), payload })).await;
    if !acknowledge {
        return None;
    }
    match client.receive().await {
        Message::Published(p) if p.request == request => Some(p.publication),
        other => panic!("no PUBLISHED but {other:?}"),
    }
}

async fn call(client: &mut Client, procedure: &str, payload: transom_wamp::Payload) -> Id {
    let request = client.request();
    let options = CallOptions::default();
    client.send(Message::Call(Call { request, options, procedure: procedure.into(), payload })).await;
    request
}

fn assert_error(message: Message, request_type: u16, request: Id, uri: &str, label: &str) {
    match message {
        Message::Error(e) => {
            assert_eq!(
                (e.request_type, e.request, e.error.as_str()),
                (request_type, request, uri),
                "{label}"
            );
        }
        other => panic!("{label}: no ERROR {uri} but {other:?}"),
    }
}
