//! Joining, leaving, and what breaks the protocol.

use std::time::Duration;

use serde_json::json;
use transom_config::{AnonymousAuth, AnonymousConfig, AuthConfig, Authorization, Realm, SlowConsumer};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{CloseReason, Flow, Serializer};

use crate::support::*;

fn silent(router: &std::sync::Arc<Router>, auth: Option<&AuthConfig>) -> Client {
    Client::silent(router, auth, FakeSink::new(Serializer::Json))
}

#[test]
fn welcome_says_who_the_client_is_and_what_the_router_can_do() {
    let router = router();
    let mut client = silent(&router, None);
    let mut hello = hello("realm1");
    hello[2]["authextra"] = json!({"x_app": "shop"});
    hello[2]["authid"] = json!("joe");
    let welcome = client.ask(hello);
    assert_eq!(welcome[0], 2);
    let details = &welcome[2];
    assert_eq!(details["realm"], "realm1");
    assert_eq!(details["authrole"], "anonymous");
    assert_eq!(details["authmethod"], "anonymous");
    assert_eq!(details["authprovider"], "static");
    assert_eq!(details["authextra"], json!({"x_app": "shop"}));
    assert_eq!(details["authid"].as_str().unwrap().len(), 29);
    assert!(details["agent"].as_str().unwrap().starts_with("Transom-"));
    let passthru = ["payload_passthru_mode", "payload_transparency", "payload_encryption_cryptobox"];
    let broker = [
        "publisher_identification",
        "publisher_exclusion",
        "subscriber_blackwhite_listing",
        "pattern_based_subscription",
        "event_retention",
        "session_meta_api",
        "subscription_meta_api",
        "subscription_revocation",
    ];
    let dealer = [
        "caller_identification",
        "call_canceling",
        "call_timeout",
        "call_reroute",
        "progressive_call_results",
        "progressive_call_invocations",
        "pattern_based_registration",
        "shared_registration",
        "session_meta_api",
        "registration_meta_api",
        "testament_meta_api",
        "registration_revocation",
    ];
    for (role, own) in [("broker", &broker[..]), ("dealer", &dealer)] {
        let features = details["roles"][role]["features"].as_object().unwrap();
        let mut announced: Vec<&str> = features.keys().map(String::as_str).collect();
        let mut expected = [own, &passthru].concat();
        announced.sort_unstable();
        expected.sort_unstable();
        assert_eq!(announced, expected);
        assert!(features.values().all(|value| value == true));
    }
    assert_eq!(status(&router).sessions, 1);
}

#[test]
fn sessions_have_ids_of_their_own() {
    let router = router();
    let clients: Vec<Client> = (0..20).map(|_| Client::join(&router)).collect();
    let ids: std::collections::HashSet<u64> = clients.iter().map(|client| client.id).collect();
    assert_eq!(ids.len(), 20);
    assert!(ids.iter().all(|id| (1..=1 << 53).contains(id)));
}

#[test]
fn client_that_may_not_join_gets_abort_and_the_transport_is_closed() {
    let anonymous = |role: &str, realm: Option<&str>| {
        let anonymous =
            AnonymousConfig { role: role.into(), realm: realm.map(str::to_owned), ..Default::default() };
        Some(AuthConfig { anonymous: Some(AnonymousAuth::Static(anonymous)), ..AuthConfig::default() })
    };
    let roles = json!({"caller": {}});
    let table = [
        (None, json!([1, "realm9", {"roles": roles}]), "wamp.error.no_such_realm"),
        (None, json!([1, "no realm at all", {"roles": roles}]), "wamp.error.no_such_realm"),
        (None, json!([1, null, {"roles": roles}]), "wamp.error.no_such_realm"),
        (
            None,
            json!([1, "realm1", {"roles": roles, "authmethods": ["ticket"]}]),
            "wamp.error.no_auth_method",
        ),
        (Some(AuthConfig::default()), hello("realm1"), "wamp.error.no_auth_method"),
        (anonymous("guest", None), hello("realm1"), "wamp.error.no_such_role"),
        (
            anonymous("anonymous", Some("realm9")),
            json!([1, null, {"roles": roles}]),
            "wamp.error.no_such_realm",
        ),
    ];
    for (auth, hello, reason) in table {
        let router = router();
        let mut client = silent(&router, auth.as_ref());
        assert_eq!(client.try_tell(hello.clone()), Ok(Flow::Close(CloseReason::Normal)), "{hello}");
        let abort = client.one();
        assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!(reason)), "{hello}");
        assert!(!abort[1]["message"].as_str().unwrap().is_empty());
        assert_empty(&router);
    }
}

#[test]
fn client_that_names_no_realm_gets_the_one_of_its_method() {
    let router = router();
    let anonymous = AnonymousConfig { realm: Some("realm1".into()), ..AnonymousConfig::default() };
    let auth = AuthConfig { anonymous: Some(AnonymousAuth::Static(anonymous)), ..AuthConfig::default() };
    let welcome = silent(&router, Some(&auth)).ask(json!([1, null, {"roles": {"caller": {}}}]));
    assert_eq!(welcome[2]["realm"], "realm1");
}

#[test]
fn messages_before_welcome_are_violations() {
    let router = router();
    let table = [
        json!([6, {}, "wamp.close.normal"]),
        json!([8, 68, 1, {}, "com.error"]),
        json!([16, 1, {}, URI]),
        json!([32, 1, {}, URI]),
        json!([34, 1, 1]),
        json!([48, 1, {}, URI]),
        json!([49, 1, {}]),
        json!([64, 1, {}, URI]),
        json!([66, 1, 1]),
        json!([70, 1, {}]),
        json!([337, 1]),
        json!([2, 1, {"roles": {"broker": {}}}]),
    ];
    for message in table {
        let text = silent(&router, None).violates(message.clone());
        assert!(text.starts_with("wamp.error.protocol_violation: "), "{message}: {text}");
        assert!(text.ends_with("before WELCOME"), "{message}: {text}");
    }
    let text = silent(&router, None).violates(json!([5, "signature", {}]));
    assert_eq!(text, "wamp.error.not_authorized: AUTHENTICATE without CHALLENGE");
}

#[test]
fn client_that_aborts_before_it_joined_may_try_again() {
    let router = router();
    let mut client = silent(&router, None);
    client.tell(json!([3, {}, "wamp.error.cannot_authenticate"]));
    client.nothing();
    assert_eq!(client.ask(hello("realm1"))[0], 2);
}

#[test]
fn what_only_routers_send_and_second_openings_are_violations() {
    let table = [
        (hello("realm1"), "a second HELLO"),
        (json!([5, "signature", {}]), "AUTHENTICATE"),
        (json!([2, 1, {"roles": {"broker": {}}}]), "WELCOME"),
        (json!([4, "ticket", {}]), "CHALLENGE"),
        (json!([17, 1, 1]), "PUBLISHED"),
        (json!([33, 1, 1]), "SUBSCRIBED"),
        (json!([35, 1]), "UNSUBSCRIBED"),
        (json!([36, 1, 1, {}]), "EVENT"),
        (json!([50, 1, {}]), "RESULT"),
        (json!([65, 1, 1]), "REGISTERED"),
        (json!([67, 1]), "UNREGISTERED"),
        (json!([68, 1, 1, {}]), "INVOCATION"),
        (json!([69, 1, {"mode": "kill"}]), "INTERRUPT"),
        (json!([8, 48, 1, {}, "com.error"]), "type 48"),
        (json!([8, 16, 1, {}, "com.error"]), "type 16"),
        (json!([48, 1, {"progress": true}, URI]), "progressive_call_invocations"),
        (json!([48, 1, {"ppt_scheme": "x_a"}, URI]), "payload_passthru_mode"),
        (json!([16, 1, {"ppt_scheme": "x_a"}, URI]), "payload_passthru_mode"),
        (json!([70, 1, {"ppt_scheme": "x_a"}]), "payload_passthru_mode"),
        (json!([8, 68, 1, {"ppt_scheme": "x_a"}, "com.error"]), "payload_passthru_mode"),
    ];
    for (message, names) in table {
        let router = router();
        let mut client = Client::join(&router);
        let text = client.violates(message.clone());
        assert!(text.starts_with("wamp.error.protocol_violation: "), "{message}: {text}");
        assert!(text.contains(names), "{message}: {text}");
        client.port.closed(CloseReason::ProtocolViolation);
        assert_empty(&router);
    }
}

#[test]
fn messages_that_mean_nothing_are_ignored() {
    let router = router();
    let mut client = Client::join(&router);
    for message in [
        json!([337, 5]),
        json!([70, 1, {}, [1]]),
        json!([8, 68, 1, {}, "com.error"]),
        json!([49, 1, {}]),
        json!([49, 1, {"mode": "kill"}]),
    ] {
        client.tell(message);
        client.nothing();
    }
}

#[test]
fn requests_of_any_number_in_range_are_answered() {
    let router = router();
    let mut client = Client::join(&router);
    for number in [0, 7, 7, 3, 1u64 << 53] {
        assert_eq!(client.ask(json!([32, number, {}, URI]))[1], number);
    }
}

#[test]
fn goodbye_is_answered_and_another_realm_may_be_joined_on_the_same_transport() {
    let other = Realm { name: "realm2".into(), ..open_realm() };
    let router = Router::new(&[open_realm(), other]);
    let mut client = Client::join(&router);
    client.subscribe(URI);
    client.register(URI);
    let answer = client.ask(json!([6, {"message": "bye"}, "wamp.close.close_realm"]));
    assert_eq!(answer, json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_empty(&router);
    let welcome = client.ask(hello("realm2"));
    assert_eq!(welcome[2]["realm"], "realm2");
    assert_ne!(welcome[1], client.id);
    assert_eq!(client.fails(json!([34, 1, 1])).0, "wamp.error.no_such_subscription");
}

#[test]
fn abort_of_a_client_ends_its_session_without_answer_and_keeps_the_transport() {
    let router = router();
    let mut client = Client::join(&router);
    client.subscribe(URI);
    client.tell(json!([3, {}, "com.app.failed"]));
    client.nothing();
    assert_empty(&router);
    assert_eq!(client.ask(hello("realm1"))[0], 2);
}

#[test]
fn hello_has_a_deadline_and_each_further_one_too() {
    let clock = SetClock::new();
    let router = Router::with_clock(&[open_realm()], clock.clone());
    let mut client = silent(&router, None);
    let five = Duration::from_secs(5);
    let until = client.port.deadline().unwrap();
    assert_eq!(until, clock.forward(Duration::ZERO) + five);
    assert_eq!(client.port.expired(until - Duration::from_millis(1)), Flow::Continue);
    client.ask(hello("realm1"));
    assert_eq!(client.port.deadline(), None);
    clock.forward(five * 10);
    client.ask(json!([6, {}, "wamp.close.normal"]));
    let until = client.port.deadline().unwrap();
    assert_eq!(until, clock.forward(Duration::ZERO) + five);
    assert_eq!(client.port.expired(until), Flow::Close(CloseReason::Timeout));
    client.nothing();
}

#[test]
fn draining_says_goodbye_and_waits_for_the_answer_only() {
    let clock = SetClock::new();
    let router = Router::with_clock(&[open_realm()], clock.clone());
    let mut client = Client::join(&router);
    let mut other = Client::join(&router);
    client.subscribe(URI);
    assert_eq!(client.port.drain(), Flow::Continue);
    let goodbye = client.one();
    assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.close.system_shutdown")));
    assert_eq!(client.port.deadline().unwrap(), clock.forward(Duration::ZERO) + Duration::from_secs(5));
    // It has left: nothing reaches it, and what it says is ignored.
    other.publish(URI, 1).unwrap();
    client.tell(json!([48, 1, {}, URI]));
    assert_eq!(client.port.drain(), Flow::Continue);
    client.nothing();
    let answer = json!([6, {}, "wamp.close.goodbye_and_out"]);
    assert_eq!(client.try_tell(answer), Ok(Flow::Close(CloseReason::SystemShutdown)));

    assert_eq!(other.port.drain(), Flow::Continue);
    let until = other.port.deadline().unwrap();
    assert_eq!(other.port.expired(until), Flow::Close(CloseReason::SystemShutdown));
    assert_eq!(silent(&router, None).port.drain(), Flow::Close(CloseReason::SystemShutdown));
    assert_empty(&router);
}

#[test]
fn role_anonymous_when_not_configured_gets_in_and_may_do_nothing() {
    let router = Router::new(&[realm(vec![])]);
    let mut client = Client::join(&router);
    for request in [json!([32, 1, {}, URI]), json!([48, 2, {}, URI]), json!([64, 3, {}, URI])] {
        assert_eq!(client.fails(request).0, "wamp.error.not_authorized");
    }
    assert_eq!(client.fails(json!([16, 1, {"acknowledge": true}, URI])).0, "wamp.error.not_authorized");
}

#[test]
fn role_trusted_may_do_anything_and_cannot_be_given_rules() {
    let denied = role("trusted", Authorization::Always(false), SlowConsumer::Drop);
    let router = Router::new(&[realm(vec![denied])]);
    let mut client = Client::join_as(&router, "trusted");
    client.register("wamp.app.x");
    let mut caller = Client::join_as(&router, "trusted");
    caller.tell(json!([48, 1, {}, "wamp.app.x"]));
    let invocation = client.one();
    assert_eq!(invocation[3]["caller"], caller.id);
    assert_eq!(invocation[3]["caller_authrole"], "trusted");
}
