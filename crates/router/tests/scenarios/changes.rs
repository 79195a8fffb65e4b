//! Realms, roles and options that change under the sessions.

use std::sync::Arc;

use serde_json::json;
use transom_config::{
    Authorization, MatchPolicy, Permission, Realm, RealmOptions, Role, SessionLimits, SlowConsumer, UriCheck,
};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{CloseReason, Flow, Serializer};

use crate::support::*;

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";

fn user(rules: Vec<Permission>) -> Role {
    role("user", Authorization::Permissions(rules), SlowConsumer::Drop)
}

fn admin() -> Role {
    role("admin", Authorization::Always(true), SlowConsumer::Drop)
}

fn all(uri: &str) -> Permission {
    rule(uri, MatchPolicy::Exact, "call register publish subscribe")
}

/// A client that was nudged says what it has to.
#[track_caller]
fn told(client: &mut Client) -> (String, String) {
    assert_eq!(client.sink.nudges(), 1);
    let now = client.port.deadline().unwrap();
    assert_eq!(client.port.expired(now), Flow::Continue);
    let goodbye = client.one();
    assert_eq!(goodbye[0], 6, "{goodbye}");
    (goodbye[2].as_str().unwrap().to_owned(), goodbye[1]["message"].as_str().unwrap().to_owned())
}

#[test]
fn permissions_when_changed_hold_for_the_next_message_also_where_one_was_remembered() {
    let router = Router::new(&[realm(vec![user(vec![all(URI)]), admin()])]);
    let mut admin_client = Client::join_as(&router, "admin");
    let mut client = Client::join_as(&router, "user");
    admin_client.subscribe(URI);
    admin_client.register(URI);
    for allowed in [true, false, true, false, false, true] {
        let rules = if allowed { vec![all(URI)] } else { vec![all("com.app.other")] };
        assert_eq!(router.update(&[realm(vec![user(rules), admin()])]), 0);
        // The second time what the first one led to is remembered.
        for request in [1, 2] {
            let published = client.ask(json!([16, request, {"acknowledge": true}, URI]));
            assert_eq!(published[0], if allowed { 17 } else { 8 }, "{published}");
            assert_eq!(admin_client.take().len(), usize::from(allowed));
            client.tell(json!([48, request, {}, URI]));
            if allowed {
                let invocation = admin_client.one();
                admin_client.tell(json!([70, invocation[1], {}]));
                assert_eq!(client.one()[0], 50);
            } else {
                assert_eq!(client.one()[4], NOT_AUTHORIZED);
                admin_client.nothing();
            }
            let subscribed = client.ask(json!([32, 1, {}, URI]));
            assert_eq!(subscribed[0], if allowed { 33 } else { 8 }, "{subscribed}");
            if allowed {
                assert_eq!(client.ask(json!([34, 1, subscribed[2]]))[0], 35);
            }
        }
    }
}

#[test]
fn what_sessions_hold_and_what_is_under_way_when_permissions_change_stays() {
    let router = Router::new(&[realm(vec![user(vec![all(URI)]), admin()])]);
    let mut client = Client::join_as(&router, "user");
    let mut other = Client::join_as(&router, "admin");
    let subscription = client.subscribe(URI);
    client.register(URI);
    other.tell(json!([48, 1, {}, URI]));
    let invocation = client.one();
    assert_eq!(router.update(&[realm(vec![user(vec![]), admin()])]), 0);
    // Held from before, though it could not be had now.
    other.publish(URI, 7).unwrap();
    assert_eq!(client.one()[1], subscription);
    client.tell(json!([70, invocation[1], {}, [8]]));
    assert_eq!(other.one(), json!([50, 1, {}, [8]]));
    assert_eq!(client.fails(json!([32, 2, {}, "com.app.new"])).0, NOT_AUTHORIZED);
    assert_eq!(client.ask(json!([34, 3, subscription]))[0], 35);
}

#[test]
fn options_and_limits_when_changed_hold_for_the_next_message() {
    let router = Router::new(&[realm(vec![admin()])]);
    let mut client = Client::join_as(&router, "admin");
    let mut other = Client::join_as(&router, "admin");
    client.subscribe("com.App");
    client.register("com.App");
    other.tell(json!([48, 1, {}, "com.App"]));
    other.publish("com.App", 1).unwrap();
    assert_eq!(client.take().len(), 2);
    let limits = SessionLimits {
        max_subscriptions: 1,
        max_registrations: 1,
        max_pending_calls: 1,
        ..SessionLimits::default()
    };
    let limited = Role { limits, ..admin() };
    let options = RealmOptions { uri_check: UriCheck::Strict, ..RealmOptions::default() };
    router.update(&[Realm { options, ..realm(vec![limited]) }]);
    assert_eq!(client.fails(json!([32, 2, {}, "com.app.second"])).0, "wamp.error.unavailable");
    assert_eq!(client.fails(json!([64, 2, {}, "com.app.second"])).0, "wamp.error.unavailable");
    assert_eq!(other.fails(json!([16, 3, {"acknowledge": true}, "com.App"])).0, "wamp.error.invalid_uri");
    other.register("com.app.third");
    // One call of it is not answered yet.
    assert_eq!(other.fails(json!([48, 2, {}, "com.app.third"])).0, "wamp.error.unavailable");
    router.update(&[realm(vec![admin()])]);
    client.ask(json!([32, 3, {}, "com.app.second"]));
    other.tell(json!([48, 4, {}, "com.app.third"]));
    assert_eq!(other.one()[0], 68);
}

#[test]
fn policy_for_slow_consumers_when_changed_holds_for_the_next_event() {
    let router = router();
    let mut client = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 2));
    let mut publisher = Client::join(&router);
    client.subscribe(URI);
    publisher.publish(URI, 1).unwrap();
    assert_eq!(client.sink.closed(), None);
    let anonymous = role("anonymous", Authorization::Always(true), SlowConsumer::Disconnect);
    router.update(&[realm(vec![anonymous])]);
    publisher.publish(URI, 2).unwrap();
    // It was lagging before, so that was not the first event it missed.
    client.sink.make_room(1);
    publisher.publish(URI, 3).unwrap();
    publisher.publish(URI, 4).unwrap();
    assert_eq!(client.sink.closed(), Some(CloseReason::SlowConsumer));
}

#[test]
fn sessions_of_a_role_that_is_removed_are_told_and_the_others_are_not_disturbed() {
    let router = Router::new(&[realm(vec![user(vec![all(URI)]), admin()])]);
    let mut client = Client::join_as(&router, "user");
    let mut other = Client::join_as(&router, "admin");
    client.register(URI);
    client.subscribe(URI);
    other.tell(json!([48, 1, {}, URI]));
    client.one();
    assert_eq!(router.update(&[realm(vec![admin()])]), 1);
    assert_eq!(other.sink.nudges(), 0);
    let (reason, message) = told(&mut client);
    assert_eq!(reason, "wamp.error.no_such_role");
    assert!(message.contains("'user'"), "{message}");
    // It is out of routing before it answers.
    assert_eq!(other.one()[4], "wamp.error.canceled");
    other.publish(URI, 1).unwrap();
    client.tell(json!([16, 1, {"acknowledge": true}, URI]));
    client.nothing();
    client.tell(json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(status(&router).sessions, 1);
    // The transport lives, so it may try again.
    assert_eq!(client.try_tell(hello("realm1")), Ok(Flow::Close(CloseReason::Normal)));
    assert_eq!(client.one()[2], "wamp.error.no_such_role");
}

#[test]
fn anonymous_when_removed_is_still_a_role_that_may_do_nothing() {
    let router = router();
    let mut client = Client::join(&router);
    client.subscribe(URI);
    assert_eq!(router.update(&[realm(vec![])]), 0);
    assert_eq!(client.fails(json!([32, 1, {}, URI])).0, NOT_AUTHORIZED);
    let mut another = Client::join(&router);
    assert_eq!(another.fails(json!([32, 1, {}, URI])).0, NOT_AUTHORIZED);
    assert_eq!(router.update(&[open_realm()]), 0);
    another.subscribe(URI);
    assert_eq!(client.sink.nudges(), 0);
}

#[test]
fn sessions_of_a_realm_that_is_removed_are_told_and_new_realms_can_be_joined() {
    let second = |name: &str| Realm { name: name.into(), ..open_realm() };
    let router = Router::new(&[open_realm(), second("realm2")]);
    let mut client = Client::join(&router);
    client.subscribe(URI);
    client.register(URI);
    let mut other = Client::silent(&router, None, FakeSink::new(Serializer::Json));
    assert_eq!(other.ask(hello("realm2"))[0], 2);
    assert_eq!(router.update(&[second("realm2"), second("realm3")]), 1);
    let names: Vec<_> = router.status().realms.into_iter().map(|realm| realm.name).collect();
    assert_eq!(names, ["realm2", "realm3"]);
    let (reason, message) = told(&mut client);
    assert_eq!(reason, "wamp.close.close_realm");
    assert!(message.contains("'realm1'"), "{message}");
    client.tell(json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(client.ask(hello("realm3"))[0], 2);
    other.subscribe(URI);
    assert_eq!(other.sink.nudges(), 0);
    let mut late = Client::silent(&router, None, FakeSink::new(Serializer::Json));
    assert_eq!(late.try_tell(hello("realm1")), Ok(Flow::Close(CloseReason::Normal)));
    assert_eq!(late.one()[2], "wamp.error.no_such_realm");
    // One with the name of one that was removed is another one.
    router.update(&[open_realm()]);
    assert_eq!(status(&router).sessions, 0);
    Client::join(&router);
}

#[test]
fn peer_that_does_not_answer_the_goodbye_is_cut() {
    let clock = SetClock::new();
    for draining in [false, true] {
        let router = Router::with_clock(&[open_realm()], clock.clone());
        let mut client = Client::join(&router);
        router.update(&[]);
        told(&mut client);
        if draining {
            assert_eq!(client.port.drain(), Flow::Continue);
        }
        client.nothing();
        let until = client.port.deadline().unwrap();
        let now = clock.forward(std::time::Duration::from_secs(5));
        assert_eq!(until, now);
        let reason = if draining { CloseReason::SystemShutdown } else { CloseReason::Timeout };
        assert_eq!(client.port.expired(now), Flow::Close(reason));
    }
}

#[test]
fn sign_when_the_session_ended_by_itself_is_for_nobody() {
    let router = Router::new(&[open_realm(), Realm { name: "realm2".into(), ..open_realm() }]);
    let mut client = Client::join(&router);
    router.update(&[Realm { name: "realm2".into(), ..open_realm() }]);
    assert_eq!(client.ask(json!([6, {}, "wamp.close.normal"]))[0], 6);
    assert_eq!(client.ask(hello("realm2"))[0], 2);
    // Only now the transport comes to it.
    assert_eq!(client.sink.nudges(), 1);
    assert_eq!(client.port.deadline(), None);
    client.nothing();
    client.subscribe(URI);
    let sink = Arc::downgrade(&client.sink);
    drop(client);
    assert!(sink.upgrade().is_none());
}

#[test]
fn request_that_waits_for_room_when_its_session_is_dismissed_is_given_up() {
    let router = router();
    let mut client = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 1));
    assert_eq!(client.try_tell(json!([32, 1, {}, URI])), Ok(Flow::Pause));
    router.update(&[]);
    told(&mut client);
    let woken = Woken::default();
    assert_eq!(client.poll(&woken), std::task::Poll::Ready(Flow::Continue));
    client.tell(json!([6, {}, "wamp.close.goodbye_and_out"]));
    client.nothing();
}
