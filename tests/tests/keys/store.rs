//! The keys of what a realm keeps, counts and tells about itself, and of authorizers.

use serde_json::{Value as Json, json};
use transom_tests::{Client, TestNode};

use crate::support::{answer, join, join_by, next, tcp, with};
use transom_tests::Carrier;

/// A node with `realm1`, in which everybody may do anything, and these keys of it.
async fn realm(keys: Json) -> TestNode {
    let realm = json!({"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]});
    TestNode::start_with(json!([with(realm, &keys)]), json!([{"type": "websocket", "endpoint": tcp(0)}]))
        .await
}

/// The result of a call that the router answers, or the error.
async fn call(client: &mut Client, procedure: &str, args: Json) -> Json {
    let request = client.request().get();
    let answer = answer(client, &json!([48, request, {}, procedure, args])).await;
    if answer[0] == 50 { answer[3][0].clone() } else { answer[4].clone() }
}

async fn subscribe(client: &mut Client, topic: &str, matching: &str) -> u64 {
    let request = client.request().get();
    let subscribed = answer(client, &json!([32, request, {"match": matching}, topic])).await;
    subscribed[2].as_u64().unwrap()
}

/// How many events are kept of a subscription.
async fn kept(client: &mut Client, topic: &str, matching: &str) -> usize {
    let subscription = subscribe(client, topic, matching).await;
    call(client, "wamp.subscription.get_events", json!([subscription, 1000]))
        .await
        .as_array()
        .map_or(0, Vec::len)
}

#[tokio::test]
async fn enable_meta_api_when_false_leaves_nothing_under_wamp() {
    for (options, expected) in [
        (json!({}), json!(1)),
        (json!({"enable_meta_api": true}), json!(1)),
        (json!({"enable_meta_api": false}), json!("wamp.error.no_such_procedure")),
    ] {
        let node = realm(json!({ "options": options })).await;
        let (mut client, details) = join(&node.target(0)).await;
        assert_eq!(call(&mut client, "wamp.session.count", json!([])).await, expected, "{options}");
        let announced = details["roles"]["broker"]["features"].get("session_meta_api").is_some();
        assert_eq!(announced, expected.is_number(), "{options}");
    }
}

#[tokio::test]
async fn event_history_when_written_keeps_as_many_events_as_it_says_of_what_matches() {
    let store = json!({"type": "memory", "limit": 3, "event-history": [
        {"uri": "com.a"},
        {"uri": "com.b", "match": "exact", "limit": 2},
        {"uri": "com.p", "match": "prefix", "limit": 5},
        {"uri": "com..w", "match": "wildcard", "limit": 1},
    ]});
    let node = realm(json!({ "store": store })).await;
    let (mut client, details) = join(&node.target(0)).await;
    assert_eq!(details["roles"]["broker"]["features"]["event_history"], true);
    for topic in ["com.a", "com.b", "com.c", "com.pq", "com.x.w"] {
        for number in 0..9 {
            client.publish(topic, number).await;
        }
    }
    for (topic, matching, expected) in [
        ("com.a", "exact", 3),
        ("com.b", "exact", 2),
        ("com.c", "exact", 0),
        ("com.p", "prefix", 5),
        ("com..w", "wildcard", 1),
    ] {
        assert_eq!(kept(&mut client, topic, matching).await, expected, "{topic}");
    }
    // Without a number in the file there is one hundred.
    let node = realm(json!({"store": {"type": "memory", "event-history": [{"uri": "com.a"}]}})).await;
    let (mut client, _) = join(&node.target(0)).await;
    for number in 0..103 {
        client.publish("com.a", number).await;
    }
    assert_eq!(kept(&mut client, "com.a", "exact").await, 100);
}

#[tokio::test]
async fn call_queue_when_written_lets_as_many_calls_wait_as_it_says_of_what_matches() {
    let store = json!({"type": "memory", "limit": 2, "call-queue": [
        {"uri": "com.a"},
        {"uri": "com.b", "match": "exact", "limit": 1},
        {"uri": "com.p", "match": "prefix", "limit": 3},
        {"uri": "com..w", "match": "wildcard", "limit": 1},
    ]});
    let node = realm(json!({ "store": store })).await;
    for (procedure, waiting) in [("com.a", 2), ("com.b", 1), ("com.c", 0), ("com.pq", 3), ("com.x.w", 1)] {
        let (mut callee, _) = join(&node.target(0)).await;
        let (mut caller, _) = join(&node.target(0)).await;
        let register = json!([64, 1, {"concurrency": 1}, procedure]);
        assert_eq!(answer(&mut callee, &register).await[0], 65);
        // One is with the callee, some wait, and the next is refused.
        for number in 1..=waiting + 2 {
            caller.send_frame(json!([48, number, {}, procedure]).to_string().into_bytes()).await;
        }
        let refused = next(&mut caller).await;
        assert_eq!((&refused[2], &refused[0]), (&json!(waiting + 2), &json!(8)), "{procedure}: {refused}");
        for number in 1..=waiting + 1 {
            let invocation = next(&mut callee).await;
            callee.send_frame(json!([70, invocation[1], {}]).to_string().into_bytes()).await;
            assert_eq!(next(&mut caller).await, json!([50, number, {}]), "{procedure}");
        }
    }
}

/// Statistics as a listener hears of them, while another session comes, publishes and goes.
async fn stats(keys: Json) -> Vec<Json> {
    let node = realm(json!({ "stats": keys })).await;
    let (mut listener, _) = join(&node.target(0)).await;
    subscribe(&mut listener, "wamp.session.on_stats", "exact").await;
    subscribe(&mut listener, "com.end", "exact").await;
    let (mut client, details) = join(&node.target(0)).await;
    for number in 0..3 {
        client.publish("com.topic", number).await;
    }
    client.goodbye().await;
    let (mut last, _) = join(&node.target(0)).await;
    last.publish("com.end", 0).await;
    let mut heard = Vec::new();
    loop {
        let event = next(&mut listener).await;
        match &event[4][0] {
            Json::Number(_) => return heard,
            about if about["authid"] == details["authid"] => heard.push(event[4][1].clone()),
            // Of the listener itself, or an answer that came between.
            _ => {}
        }
    }
}

#[tokio::test]
async fn stats_when_written_are_published_when_their_triggers_say() {
    // With a unit of two bytes everything is many messages.
    let often = json!({"rated_message_size": 2, "trigger_after_rated_messages": 2});
    let seldom = json!({"rated_message_size": 1_048_576, "trigger_after_rated_messages": 1000});
    let rarely = json!({"trigger_after_duration": 1000});
    let first_and_last = |stats: &[Json]| {
        stats.iter().map(|stats| (stats["first"].clone(), stats["last"].clone())).collect::<Vec<_>>()
    };
    for keys in [&seldom, &rarely] {
        assert_eq!(first_and_last(&stats(keys.clone()).await), [(json!(true), json!(true))], "{keys}");
        let silent = with(keys.clone(), &json!({"trigger_on_leave": false}));
        assert_eq!(stats(silent).await.len(), 0, "{keys}");
        let both = stats(with(keys.clone(), &json!({"trigger_on_join": true}))).await;
        assert_eq!(
            first_and_last(&both),
            [(json!(true), json!(false)), (json!(false), json!(true))],
            "{keys}"
        );
    }
    let all = stats(often).await;
    assert!(all.len() > 3, "{all:?}");
    assert!(
        all.iter().all(|stats| stats["rated_messages"].as_u64() >= stats["messages"].as_u64()),
        "{all:?}"
    );
}

#[tokio::test]
async fn authorizer_when_written_decides_for_its_role() {
    let roles = json!([
        {"name": "anonymous", "authorizer": "com.app.authorize"},
        {"name": "backend", "allow-by-default": true},
    ]);
    let backend = json!({"anonymous": {"type": "static", "role": "backend"}});
    let node = TestNode::start_with(
        json!([{"name": "realm1", "roles": roles}]),
        json!([
            {"type": "websocket", "endpoint": tcp(0)},
            {"type": "rawsocket", "endpoint": tcp(1), "auth": backend},
        ]),
    )
    .await;
    let (mut client, details) = join(&node.target(0)).await;
    let subscribe = json!([32, 1, {"match": "prefix"}, "com.topic"]);
    let unanswered = answer(&mut client, &subscribe).await;
    assert_eq!(unanswered[4], "wamp.error.authorization_failed", "nobody is there to decide: {unanswered}");
    let hello = crate::support::hello("realm1");
    let (mut backend, _) = join_by(&node.target(1), Carrier::RawSocket, &hello).await;
    assert_eq!(answer(&mut backend, &json!([64, 1, {}, "com.app.authorize"])).await[0], 65);
    for (decision, first, error) in [
        (json!(false), 8, json!("wamp.error.not_authorized")),
        (json!("yes"), 8, json!("wamp.error.authorization_failed")),
        (json!({"allow": true, "cache": true}), 33, Json::Null),
    ] {
        client.send_frame(subscribe.to_string().into_bytes()).await;
        let question = next(&mut backend).await;
        let args = &question[4];
        assert_eq!(
            (&args[0]["authid"], &args[1], &args[2]),
            (&details["authid"], &json!("com.topic"), &json!("subscribe"))
        );
        backend.send_frame(json!([70, question[1], {}, [decision]]).to_string().into_bytes()).await;
        let answer = next(&mut client).await;
        assert_eq!((&answer[0], &answer[4]), (&json!(first), &error), "{decision}: {answer}");
    }
    // What may be remembered is not asked for again.
    assert_eq!(answer(&mut client, &subscribe).await[0], 33);
}
