//! The keys of realms, roles and permissions.

use serde_json::{Value as Json, json};
use transom_tests::{Carrier, Client, TestNode};
use transom_wamp::Serializer;

use crate::support::{answer, hello, join, next, tcp, with};

const CALL: u64 = 48;
const REGISTER: u64 = 64;
const PUBLISH: u64 = 16;
const SUBSCRIBE: u64 = 32;

/// A node with `realm1` and these roles in it.
async fn roles(roles: Json) -> TestNode {
    realm(json!({"name": "realm1", "roles": roles})).await
}

async fn realm(realm: Json) -> TestNode {
    TestNode::start_with(json!([realm]), json!([{"type": "websocket", "endpoint": tcp(0)}])).await
}

/// A connection without a session.
async fn connect(node: &TestNode) -> Client {
    Client::connect(&node.target(0), Carrier::WebSocket, Serializer::Json).await
}

/// The answer to an attempt: `ok`, or the error.
async fn attempt(client: &mut Client, action: u64, uri: &str) -> String {
    let options = if action == PUBLISH { json!({"acknowledge": true}) } else { json!({}) };
    let request = client.request().get();
    let answer = answer(client, &json!([action, request, options, uri])).await;
    if answer[0] == 8 { answer[4].as_str().unwrap().to_owned() } else { "ok".to_owned() }
}

const DENIED: &str = "wamp.error.not_authorized";

#[tokio::test]
async fn name_of_a_realm_when_written_is_the_one_that_can_be_joined() {
    let node =
        realm(json!({"name": "elsewhere", "roles": [{"name": "anonymous", "allow-by-default": true}]})).await;
    for (realm, first) in [("realm1", 3), ("elsewhere", 2)] {
        let mut client = connect(&node).await;
        assert_eq!(answer(&mut client, &hello(realm)).await[0], first, "{realm}");
    }
}

#[tokio::test]
async fn name_of_a_role_when_written_is_the_one_that_must_be_given() {
    for (given, first) in [("display", 2), ("other", 3)] {
        let realms = json!([{"name": "realm1", "roles": [{"name": "display", "allow-by-default": true}]}]);
        let auth = json!({"anonymous": {"type": "static", "role": given}});
        let transports = json!([{"type": "websocket", "endpoint": tcp(0), "auth": auth}]);
        let node = TestNode::start_with(realms, transports).await;
        let mut client = connect(&node).await;
        assert_eq!(answer(&mut client, &hello("realm1")).await[0], first, "{given}");
        if first == 2 {
            assert_eq!(attempt(&mut client, SUBSCRIBE, "com.example").await, "ok");
        }
    }
}

#[tokio::test]
async fn role_anonymous_when_no_realm_has_it_may_do_nothing() {
    let node = roles(json!([{"name": "display", "allow-by-default": true}])).await;
    let (mut client, details) = join(&node.target(0)).await;
    assert_eq!(details["authrole"], "anonymous");
    assert_eq!(attempt(&mut client, SUBSCRIBE, "com.example").await, DENIED);
}

#[tokio::test]
async fn allow_by_default_when_written_decides_all() {
    for (role, expected) in [
        (json!({"name": "anonymous"}), DENIED),
        (json!({"name": "anonymous", "allow-by-default": false}), DENIED),
        (json!({"name": "anonymous", "allow-by-default": true}), "ok"),
    ] {
        let node = roles(json!([role])).await;
        let (mut client, _) = join(&node.target(0)).await;
        for action in [REGISTER, PUBLISH, SUBSCRIBE] {
            assert_eq!(attempt(&mut client, action, "com.example").await, expected, "{role} {action}");
        }
    }
}

#[tokio::test]
async fn allow_when_written_allows_just_that() {
    for (word, action) in
        [("call", CALL), ("register", REGISTER), ("publish", PUBLISH), ("subscribe", SUBSCRIBE)]
    {
        let permission = json!({"uri": "com.example", "allow": {word: true}});
        let node = roles(json!([{"name": "anonymous", "permissions": [permission]}])).await;
        let (mut client, _) = join(&node.target(0)).await;
        for other in [CALL, REGISTER, PUBLISH, SUBSCRIBE] {
            let expected = match (other == action, other) {
                (true, CALL) => "wamp.error.no_such_procedure",
                (true, _) => "ok",
                (false, _) => DENIED,
            };
            assert_eq!(attempt(&mut client, other, "com.example").await, expected, "{word} {other}");
        }
    }
}

#[tokio::test]
async fn uri_and_match_when_written_say_which_uris_are_meant() {
    for (permission, meant, others) in [
        (json!({"uri": "com.a", "match": "exact"}), &["com.a"][..], &["com.ab", "com.a.b", "com"][..]),
        (json!({"uri": "com.a", "match": "prefix"}), &["com.a", "com.ab", "com.a.b"], &["com", "org.a"]),
        (json!({"uri": "com..b", "match": "wildcard"}), &["com.a.b", "com.x.b"], &["com.a.c", "com.a.a.b"]),
        (json!({"uri": "com.a"}), &["com.a"], &["com.ab"]),
        (json!({"uri": "com.*"}), &["com.a", "com.a.b"], &["org.a"]),
        (json!({"uri": "com.*.b"}), &["com.a.b"], &["com.a.c"]),
    ] {
        let permission = with(permission, &json!({"allow": {"subscribe": true}}));
        let node = roles(json!([{"name": "anonymous", "permissions": [permission]}])).await;
        let (mut client, _) = join(&node.target(0)).await;
        for (uris, expected) in [(meant, "ok"), (others, DENIED)] {
            for uri in uris {
                assert_eq!(attempt(&mut client, SUBSCRIBE, uri).await, expected, "{permission} {uri}");
            }
        }
    }
}

#[tokio::test]
async fn disclose_when_written_tells_who_it_was() {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    for (disclose, caller, publisher) in [
        (json!({}), false, false),
        (json!({"caller": true}), true, false),
        (json!({"publisher": true}), false, true),
    ] {
        let permission = json!({"uri": "com.", "match": "prefix", "allow": all, "disclose": disclose});
        let node = roles(json!([{"name": "anonymous", "permissions": [permission]}])).await;
        let (mut one, details) = join(&node.target(0)).await;
        let (mut two, _) = join(&node.target(0)).await;
        assert_eq!(attempt(&mut two, SUBSCRIBE, "com.topic").await, "ok");
        assert_eq!(attempt(&mut two, REGISTER, "com.procedure").await, "ok");
        assert_eq!(attempt(&mut one, PUBLISH, "com.topic").await, "ok");
        let event = next(&mut two).await;
        let shown = event[3]["publisher_authid"].as_str() == details["authid"].as_str();
        assert_eq!((event[0].as_u64(), shown), (Some(36), publisher), "{disclose} {event}");
        let call = json!([CALL, one.request().get(), {}, "com.procedure"]);
        one.send_frame(call.to_string().into_bytes()).await;
        let invocation = next(&mut two).await;
        let shown = invocation[3]["caller_authid"].as_str() == details["authid"].as_str();
        assert_eq!((invocation[0].as_u64(), shown), (Some(68), caller), "{disclose} {invocation}");
    }
}

#[tokio::test]
async fn uri_check_when_strict_refuses_what_loose_takes() {
    for (check, uri, expected) in [
        (json!({}), "com.Ex-ample", "ok"),
        (json!({"uri_check": "loose"}), "com.Ex-ample", "ok"),
        (json!({"uri_check": "strict"}), "com.Ex-ample", "wamp.error.invalid_uri"),
        (json!({"uri_check": "strict"}), "com.example", "ok"),
        (json!({"uri_check": "loose"}), "com.ex ample", "wamp.error.invalid_uri"),
    ] {
        let node = realm(json!({"name": "realm1", "options": check,
                                "roles": [{"name": "anonymous", "allow-by-default": true}]}))
        .await;
        let (mut client, _) = join(&node.target(0)).await;
        assert_eq!(attempt(&mut client, SUBSCRIBE, uri).await, expected, "{check} {uri}");
    }
}

const UNAVAILABLE: &str = "wamp.error.unavailable";

/// A node whose only role may do anything within this limit.
async fn limited(limit: Json) -> TestNode {
    roles(json!([with(json!({"name": "anonymous", "allow-by-default": true}), &limit)])).await
}

#[tokio::test]
async fn max_subscriptions_when_written_bounds_those_of_one_session() {
    bounds(SUBSCRIBE, "max_subscriptions").await;
}

#[tokio::test]
async fn max_registrations_when_written_bounds_those_of_one_session() {
    bounds(REGISTER, "max_registrations").await;
}

/// The key bounds how often one session may do this.
async fn bounds(action: u64, key: &str) {
    for (limit, expected) in [
        (json!({}), ["ok", "ok", "ok"]),
        (json!({key: 1}), ["ok", UNAVAILABLE, UNAVAILABLE]),
        (json!({key: 2}), ["ok", "ok", UNAVAILABLE]),
    ] {
        let node = limited(limit.clone()).await;
        for session in ["first", "second"] {
            let (mut client, _) = join(&node.target(0)).await;
            for (number, expected) in expected.into_iter().enumerate() {
                let uri = format!("com.{session}.{number}");
                assert_eq!(attempt(&mut client, action, &uri).await, expected, "{limit} {uri}");
            }
        }
    }
}

#[tokio::test]
async fn max_pending_calls_when_written_bounds_what_waits_for_answers() {
    let node = limited(json!({"max_pending_calls": 2})).await;
    let (mut callee, _) = join(&node.target(0)).await;
    let (mut one, _) = join(&node.target(0)).await;
    let (mut two, _) = join(&node.target(0)).await;
    assert_eq!(attempt(&mut callee, REGISTER, "com.procedure").await, "ok");
    let mut invocations = Vec::new();
    for number in [1, 2] {
        one.send_frame(json!([CALL, number, {}, "com.procedure"]).to_string().into_bytes()).await;
        invocations.push(next(&mut callee).await);
    }
    // The caller has its two, and the callee its own.
    for client in [&mut one, &mut two] {
        let refused = answer(client, &json!([CALL, 3, {}, "com.procedure"])).await;
        assert_eq!((&refused[2], &refused[4]), (&json!(3), &json!(UNAVAILABLE)), "{refused}");
        let text = refused[5][0].as_str().unwrap();
        assert!(text.contains("the limit is 2 ('max_pending_calls'"), "{text}");
    }
    callee.send_frame(json!([70, invocations[0][1], {}]).to_string().into_bytes()).await;
    assert_eq!(next(&mut one).await, json!([50, 1, {}]));
    two.send_frame(json!([CALL, 4, {}, "com.procedure"]).to_string().into_bytes()).await;
    assert_eq!(next(&mut callee).await[0], 68);
}
