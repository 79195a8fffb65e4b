//! Realms, roles and workers that come, go and change.

use serde_json::{Value, json};
use transom_tests::{Carrier, Client};
use transom_wamp::{Message, Serializer};

use crate::support::{Node, open_realm, universal, with_realms};

fn transports() -> Value {
    json!([universal("one.sock")])
}

/// A realm whose role `anonymous` may subscribe below this.
fn limited(prefix: &str) -> Value {
    let rule = json!({"uri": prefix, "match": "prefix", "allow": {"subscribe": true}});
    json!({"name": "realm1", "roles": [{"name": "anonymous", "permissions": [rule]}]})
}

#[tokio::test]
async fn permissions_when_changed_hold_for_sessions_that_are_open() {
    let node = Node::start(&with_realms(json!([limited("com.a")]), transports())).await;
    let mut client = node.join("one.sock", Carrier::WebSocket).await;
    let mut publisher = node.join("one.sock", Carrier::WebSocket).await;
    let subscription = client.subscribe("com.a.x").await;
    assert!(client.try_subscribe("com.b.x").await.is_none());
    let mut realm = limited("com.b");
    realm["roles"][0]["permissions"][0]["allow"]["publish"] = json!(true);
    realm["roles"][0]["permissions"]
        .as_array_mut()
        .unwrap()
        .push(json!({"uri": "com.a.x", "allow": {"publish": true}}));
    node.write(&with_realms(json!([realm]), transports()));
    let said = node.reload().await.applied();
    assert!(said.contains("realm 'realm1': role 'anonymous' changed"), "{said}");
    assert!(client.try_subscribe("com.a.y").await.is_none());
    client.subscribe("com.b.x").await;
    // What was subscribed before stays.
    publisher.publish("com.a.x", 5).await;
    match client.receive().await {
        Message::Event(event) => assert_eq!(event.subscription, subscription),
        other => panic!("{other:?}"),
    }
    drop((client, publisher));
    node.stop().await;
}

#[tokio::test]
async fn realm_when_removed_says_goodbye_and_a_new_one_is_joined() {
    let node =
        Node::start(&with_realms(json!([open_realm("realm1"), open_realm("realm2")]), transports())).await;
    let mut first = node.join("one.sock", Carrier::WebSocket).await;
    let mut second = Client::connect(&node.unix("one.sock"), Carrier::RawSocket, Serializer::Json).await;
    assert!(matches!(second.hello("realm2").await, Message::Welcome(_)));
    node.write(&with_realms(json!([open_realm("realm2"), open_realm("realm3")]), transports()));
    let said = node.reload().await.applied();
    assert!(said.contains("realm 'realm3' added") && said.contains("realm 'realm1' removed"), "{said}");
    assert!(said.contains("1 session was told to leave"), "{said}");
    match first.receive().await {
        Message::Goodbye(goodbye) => assert_eq!(goodbye.reason, "wamp.close.close_realm"),
        other => panic!("{other:?}"),
    }
    first.goodbye_answer().await;
    // On the same connection.
    assert!(matches!(first.hello("realm3").await, Message::Welcome(_)));
    second.subscribe("com.app.x").await;
    let status = node.status().await;
    let realms: Vec<_> = status["realms"].as_array().unwrap().iter().map(|realm| &realm["name"]).collect();
    assert_eq!(realms, ["realm2", "realm3"]);
    drop((first, second));
    node.stop().await;
}

#[tokio::test]
async fn role_when_removed_ends_its_sessions_and_no_other() {
    let roles = |names: &[&str]| {
        let roles: Vec<_> =
            names.iter().map(|name| json!({"name": name, "allow-by-default": true})).collect();
        json!([{"name": "realm1", "roles": roles}])
    };
    let transports = |role: &str| {
        let mut guests = universal("guests.sock");
        guests["websocket"] = json!({"auth": {"anonymous": {"type": "static", "role": role}}});
        json!([universal("one.sock"), guests])
    };
    let node = Node::start(&with_realms(roles(&["anonymous", "guest"]), transports("guest"))).await;
    let mut staying = node.join("one.sock", Carrier::WebSocket).await;
    let mut leaving = node.join("guests.sock", Carrier::WebSocket).await;
    node.write(&with_realms(roles(&["anonymous", "visitor"]), transports("visitor")));
    let said = node.reload().await.applied();
    assert!(said.contains("role 'visitor' added, role 'guest' removed"), "{said}");
    match leaving.receive().await {
        Message::Goodbye(goodbye) => assert_eq!(goodbye.reason, "wamp.error.no_such_role"),
        other => panic!("{other:?}"),
    }
    staying.subscribe("com.app.x").await;
    node.join("guests.sock", Carrier::WebSocket).await;
    drop((staying, leaving));
    node.stop().await;
}

#[tokio::test]
async fn worker_when_added_and_removed_comes_and_goes_with_all_it_has() {
    let worker = |id: &str| {
        json!({"type": "router", "id": id, "realms": [open_realm("realm1")],
               "transports": [universal(&format!("{id}.sock"))]})
    };
    let workers =
        |ids: &[&str]| json!({"version": 2, "workers": ids.iter().map(|id| worker(id)).collect::<Vec<_>>()});
    let node = Node::start(&workers(&["one", "two"])).await;
    let mut staying = node.join("two.sock", Carrier::WebSocket).await;
    let mut leaving = node.join("one.sock", Carrier::WebSocket).await;
    node.write(&workers(&["two", "three"]));
    let said = node.reload().await.applied();
    assert!(said.contains("worker 'three' added") && said.contains("worker 'one' removed"), "{said}");
    assert!(matches!(leaving.receive().await, Message::Goodbye(_)));
    assert!(!node.path("one.sock").exists());
    staying.subscribe("com.app.x").await;
    let mut new = node.join("three.sock", Carrier::WebSocket).await;
    new.subscribe("com.app.x").await;
    // Two realms of one name.
    new.publish("com.app.x", 1).await;
    staying.publish("com.app.y", 1).await;
    let status = node.status().await;
    let realm = |index: usize| {
        (status["realms"][index]["worker"].clone(), status["realms"][index]["sessions"].clone())
    };
    assert_eq!(realm(0), (json!("two"), json!(1)));
    assert_eq!(realm(1), (json!("three"), json!(1)));
    drop((staying, leaving, new));
    node.stop().await;
}
