//! Who may join, when that changes; and the key by which the node proves itself.

use serde_json::{Value, json};
use transom_auth::client::Cryptosign;
use transom_auth::{Env, PrivateKey, PublicKey};
use transom_tests::{Carrier, Client, Login};
use transom_wamp::{ClientRoles, Features, Hello, HelloDetails, Message, Serializer};

use crate::support::{Node, rawsocket, with, with_realms};

fn realms() -> Value {
    json!([{"name": "realm1", "roles": [
        {"name": "user", "allow-by-default": true},
        {"name": "guest", "allow-by-default": true},
    ]}])
}

/// A node whose only transport accepts these methods.
fn accepting(auth: Value) -> Value {
    with_realms(realms(), json!([with(rawsocket("one.sock"), json!({ "auth": auth }))]))
}

fn tickets(principals: Value) -> Value {
    json!({"ticket": {"type": "static", "principals": principals}})
}

async fn refused(node: &Node, login: &Login) -> String {
    match login.at(&node.unix("one.sock")).await {
        Ok(_) => panic!("{login:?}"),
        Err(abort) => abort.reason.to_string(),
    }
}

#[tokio::test]
async fn principals_when_changed_count_for_the_next_login_and_sessions_stay() {
    let (joe, ann) = (Login::ticket("joe", "of joe"), Login::ticket("ann", "of ann"));
    let node = Node::start(&accepting(tickets(json!({"joe": {"ticket": "of joe", "role": "user"}})))).await;
    let (mut first, _) = joe.at(&node.unix("one.sock")).await.unwrap();
    assert_eq!(refused(&node, &ann).await, "wamp.error.not_authorized");
    // The connection is there already when the file changes; what it says afterwards is new.
    node.write(&accepting(tickets(json!({
        "joe": {"ticket": "another one", "role": "user"},
        "ann": {"ticket": "of ann", "role": "guest"},
    }))));
    let said = node.reload().await.applied();
    assert!(said.contains("one.sock"), "{said}");
    assert!(!said.contains("another one") && !said.contains("of ann"), "{said}");
    first.subscribe("com.app.x").await;
    assert_eq!(refused(&node, &joe).await, "wamp.error.not_authorized");
    ann.at(&node.unix("one.sock")).await.unwrap();
    Login::ticket("joe", "another one").at(&node.unix("one.sock")).await.unwrap();
    // Another method altogether.
    node.write(&accepting(json!({"anonymous": {"type": "static", "role": "guest"}})));
    node.reload().await.applied();
    assert_eq!(refused(&node, &ann).await, "wamp.error.no_auth_method");
    Login::by("anonymous").at(&node.unix("one.sock")).await.unwrap();
    first.subscribe("com.app.y").await;
    drop(first);
    let log = node.stop().await;
    for secret in ["of joe", "of ann", "another one"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn authenticator_when_a_transport_changes_to_it_is_asked_from_then_on() {
    let inside =
        with(rawsocket("inside.sock"), json!({"auth": {"anonymous": {"type": "static", "role": "user"}}}));
    let config = |auth: Value| {
        let outside = with(rawsocket("one.sock"), json!({ "auth": auth }));
        with_realms(realms(), json!([outside, inside]))
    };
    let node = Node::start(&config(json!({"anonymous": {"type": "static", "role": "guest"}}))).await;
    let mut backend = Client::connect(&node.unix("inside.sock"), Carrier::RawSocket, Serializer::Json).await;
    Login::by("anonymous").with(&mut backend).await.unwrap();
    backend.register("com.app.authenticate").await;
    Login::by("anonymous").at(&node.unix("one.sock")).await.unwrap();
    node.write(&config(json!({"anonymous": {"type": "dynamic", "authenticator": "com.app.authenticate"}})));
    node.reload().await.applied();
    let target = node.unix("one.sock");
    let login = Login::by("anonymous");
    let (outcome, ()) = tokio::join!(login.at(&target), async {
        let Message::Invocation(invocation) = backend.receive().await else { panic!("no question") };
        let answer = json!([70, invocation.request.get(), {}, ["user"]]);
        backend.send_frame(answer.to_string().into_bytes()).await;
    });
    assert_eq!(outcome.unwrap().1.details.get("authrole"), Some(&"user".into()));
    drop(backend);
    // Nobody is there to ask.
    assert_eq!(refused(&node, &Login::by("anonymous")).await, "wamp.error.authentication_failed");
    node.stop().await;
}

#[tokio::test]
async fn node_key_when_the_node_starts_for_the_first_time_is_made_and_proves_the_node_ever_after() {
    let key = "11".repeat(32);
    let public = PrivateKey::from_hex(&key).unwrap().public().to_string();
    let principals = json!({"joe": {"authorized_keys": [public], "role": "user"}});
    let config = accepting(json!({"cryptosign": {"type": "static", "principals": principals}}));
    let node = Node::start(&config).await;
    let text = std::fs::read_to_string(node.path("key.pub")).unwrap();
    let told = text.lines().find_map(|line| line.strip_prefix("public-key-ed25519: ")).unwrap();
    let public: PublicKey = told.parse().unwrap();
    for _ in 0..2 {
        let mut client = Client::connect(&node.unix("one.sock"), Carrier::RawSocket, Serializer::Json).await;
        let proof = Cryptosign::new(PrivateKey::from_hex(&key).unwrap());
        let proof = proof.asking_for_proof(&Env::default()).unwrap();
        let roles = ClientRoles { caller: Some(Features::default()), ..ClientRoles::default() };
        let details = HelloDetails {
            roles,
            authmethods: Some(vec!["cryptosign".into()]),
            authid: Some("joe".into()),
            authextra: Some(proof.hello()),
            ..HelloDetails::default()
        };
        client.send(Message::Hello(Box::new(Hello { realm: Some("realm1".into()), details }))).await;
        let Message::Challenge(challenge) = client.receive().await else { panic!("no CHALLENGE") };
        assert_eq!(proof.verify(&public, &challenge.extra), Ok(()));
        node.reload().await.applied();
    }
    assert_eq!(std::fs::read_to_string(node.path("key.pub")).unwrap(), text);
    node.stop().await;
}

#[tokio::test]
async fn store_of_a_realm_when_changed_keeps_events_from_then_on() {
    let realm = |keys: Value| {
        let realm = json!({"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]});
        with_realms(json!([with(realm, keys)]), json!([rawsocket("one.sock")]))
    };
    let node = Node::start(&realm(json!({}))).await;
    let mut client = node.join("one.sock", Carrier::RawSocket).await;
    let subscription = client.subscribe("com.app.x").await.get();
    let call =
        |number: u64, procedure: &str, args: Value| json!([48, number, {}, procedure, args]).to_string();
    for (keys, kept) in [
        (json!({"store": {"type": "memory", "event-history": [{"uri": "com.app.x", "limit": 2}]}}), 2),
        (json!({"store": {"type": "memory", "event-history": [{"uri": "com.app.x", "limit": 9}]}}), 5),
    ] {
        node.write(&realm(keys));
        let said = node.reload().await.applied();
        assert!(said.contains("realm 'realm1': options changed"), "{said}");
        for number in 0..3 {
            client.publish("com.app.x", number).await;
        }
        client.send_frame(call(9, "wamp.subscription.get_events", json!([subscription])).into_bytes()).await;
        match client.receive().await {
            Message::Result(result) => {
                let values = result.payload.to_values().unwrap().0;
                assert!(
                    matches!(&values[..], [transom_wamp::Value::List(events)] if events.len() == kept),
                    "{values:?}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    node.write(&realm(json!({"options": {"enable_meta_api": false}})));
    node.reload().await.applied();
    client.send_frame(call(10, "wamp.session.count", json!([])).into_bytes()).await;
    match client.receive().await {
        Message::Error(error) => assert_eq!(error.error, "wamp.error.no_such_procedure"),
        other => panic!("{other:?}"),
    }
    drop(client);
    node.stop().await;
}
