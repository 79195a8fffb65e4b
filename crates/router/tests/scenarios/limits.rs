//! How much one session may hold.

use std::sync::Arc;

use serde_json::json;
use transom_config::{Authorization, Role, SessionLimits, SlowConsumer};
use transom_router::Router;

use crate::support::*;

const UNAVAILABLE: &str = "wamp.error.unavailable";

fn limited(name: &str, limits: SessionLimits) -> Role {
    Role { limits, ..role(name, Authorization::Always(true), SlowConsumer::Drop) }
}

/// A router whose role `small` has these limits, and whose `anonymous` has those of everybody.
fn router_with(limits: SessionLimits) -> Arc<Router> {
    let roles = vec![limited("small", limits), limited("anonymous", SessionLimits::default())];
    Router::new(&[realm(roles)])
}

/// A request is beyond this limit, and the answer says so.
#[track_caller]
fn refused(client: &mut Client, request: serde_json::Value, most: usize, key: &str) {
    let (uri, text) = client.fails(request);
    assert_eq!(uri, UNAVAILABLE);
    assert!(text.ends_with(&format!("the limit is {most} ('{key}' of the role)")), "{text}");
}

#[test]
fn subscription_when_a_session_holds_its_limit_is_refused_until_one_is_given_back() {
    let router = router_with(SessionLimits { max_subscriptions: 2, ..SessionLimits::default() });
    let (mut client, mut other) = (Client::join_as(&router, "small"), Client::join_as(&router, "small"));
    let first = client.subscribe("com.a");
    client.subscribe("com.b");
    for round in 0..3 {
        refused(&mut client, json!([32, 7, {}, "com.c"]), 2, "max_subscriptions");
        // What is held already is no further one.
        assert_eq!(client.subscribe("com.a"), first, "{round}");
    }
    // Nothing is left of what was refused, and others have their own.
    assert_eq!(status(&router).subscriptions, 2);
    other.publish("com.c", 1).unwrap();
    client.nothing();
    other.subscribe("com.c");
    other.publish("com.b", 2).unwrap();
    assert_eq!(client.arguments(), [2]);

    assert_eq!(client.ask(json!([34, 8, first]))[0], 35);
    client.subscribe("com.c");
    refused(&mut client, json!([32, 9, {}, "com.a"]), 2, "max_subscriptions");
    // What may not be done at all is still refused as that.
    assert_eq!(client.fails(json!([32, 9, {}, "com a"])).0, "wamp.error.invalid_uri");
    drop((client, other));
    assert_empty(&router);
}

#[test]
fn registration_when_a_session_holds_its_limit_is_refused_until_one_is_given_back() {
    let router = router_with(SessionLimits { max_registrations: 2, ..SessionLimits::default() });
    let (mut client, mut other) = (Client::join_as(&router, "small"), Client::join_as(&router, "small"));
    let first = client.register("com.a");
    client.register("com.b");
    refused(&mut client, json!([64, 7, {}, "com.c"]), 2, "max_registrations");
    assert_eq!(status(&router).registrations, 2);
    assert_eq!(other.fails(json!([48, 1, {}, "com.c"])).0, "wamp.error.no_such_procedure");
    other.register("com.c");
    // An attempt that failed takes no place.
    assert_eq!(other.fails(json!([64, 2, {}, "com.a"])).0, "wamp.error.procedure_already_exists");
    other.register("com.d");

    assert_eq!(client.ask(json!([66, 8, first]))[0], 67);
    client.register("com.e");
    refused(&mut client, json!([64, 9, {}, "com.a"]), 2, "max_registrations");
    drop((client, other));
    assert_empty(&router);
}

#[test]
fn call_when_its_caller_waits_for_as_many_as_it_may_is_refused_until_one_is_answered() {
    let router = router_with(SessionLimits { max_pending_calls: 2, ..SessionLimits::default() });
    let (mut caller, mut other) = (Client::join_as(&router, "small"), Client::join(&router));
    let mut callee = Client::join(&router);
    callee.register(URI);
    let call = |caller: &mut Client, callee: &Client, number: u64| {
        caller.tell(json!([48, number, {}, URI]));
        let invocation = callee.one();
        assert_eq!(invocation[0], 68);
        invocation[1].clone()
    };
    let first = call(&mut caller, &callee, 1);
    let second = call(&mut caller, &callee, 2);
    refused(&mut caller, json!([48, 3, {}, URI]), 2, "max_pending_calls");
    callee.nothing();
    call(&mut other, &callee, 1);

    // Each way in which a call ends makes room for one.
    callee.tell(json!([70, first, {}]));
    assert_eq!(caller.one(), json!([50, 1, {}]));
    call(&mut caller, &callee, 3);
    refused(&mut caller, json!([48, 4, {}, URI]), 2, "max_pending_calls");
    callee.tell(json!([8, 68, second, {}, "com.app.failed"]));
    assert_eq!(caller.one(), json!([8, 48, 2, {}, "com.app.failed"]));
    call(&mut caller, &callee, 4);
    refused(&mut caller, json!([48, 5, {}, URI]), 2, "max_pending_calls");
    assert_eq!(caller.ask(json!([49, 4, {}]))[4], "wamp.error.canceled");
    call(&mut caller, &callee, 5);
    refused(&mut caller, json!([48, 6, {}, URI]), 2, "max_pending_calls");
    drop(callee);
    assert_eq!(caller.take().len(), 2);
    let mut callee = Client::join(&router);
    callee.register(URI);
    call(&mut caller, &callee, 6);
    call(&mut caller, &callee, 7);
    // The number of a call that waits is a fault as ever.
    assert!(caller.violates(json!([48, 7, {}, URI])).contains("request ID 7"));
    drop((caller, other, callee));
    assert_empty(&router);
}

#[test]
fn call_when_its_callee_has_as_many_to_answer_as_it_may_is_refused_until_it_answers_one() {
    let router = router_with(SessionLimits { max_pending_calls: 2, ..SessionLimits::default() });
    let mut callee = Client::join_as(&router, "small");
    let (mut a, mut b) = (Client::join(&router), Client::join(&router));
    callee.register(URI);
    callee.ask(json!([64, 2, {}, "com.other"]));
    a.tell(json!([48, 1, {}, URI]));
    b.tell(json!([48, 1, {}, "com.other"]));
    let numbers: Vec<_> = callee.take().iter().map(|invocation| invocation[1].clone()).collect();
    assert_eq!(numbers, [1, 2]);
    for caller in [&mut a, &mut b] {
        refused(caller, json!([48, 2, {}, URI]), 2, "max_pending_calls");
    }
    callee.nothing();
    // What it calls itself is counted apart.
    a.register("com.a");
    callee.tell(json!([48, 1, {}, "com.a"]));
    assert_eq!(a.one()[0], 68);
    // Neither an answer to nothing nor one that was given before makes room.
    callee.tell(json!([70, 99, {}]));
    refused(&mut a, json!([48, 2, {}, URI]), 2, "max_pending_calls");
    callee.tell(json!([70, 1, {}]));
    assert_eq!(a.one(), json!([50, 1, {}]));
    a.tell(json!([48, 2, {}, URI]));
    let number = callee.one()[1].clone();
    callee.tell(json!([70, 1, {}]));
    refused(&mut b, json!([48, 2, {}, URI]), 2, "max_pending_calls");
    assert_eq!(a.ask(json!([49, 2, {}]))[4], "wamp.error.canceled");
    // The late answer to what was canceled is none.
    b.tell(json!([48, 2, {}, URI]));
    callee.one();
    callee.tell(json!([70, number, {}]));
    b.nothing();
    drop((callee, a, b));
    assert_empty(&router);
}

#[test]
fn call_when_a_session_calls_itself_is_counted_at_both_ends() {
    let router = router_with(SessionLimits { max_pending_calls: 1, ..SessionLimits::default() });
    let mut client = Client::join_as(&router, "small");
    client.register(URI);
    for number in 1..4 {
        assert_eq!(client.ask(json!([48, number, {}, URI]))[1], json!(2 * number - 1));
        refused(&mut client, json!([48, 100, {}, URI]), 1, "max_pending_calls");
        assert_eq!(client.ask(json!([70, 2 * number - 1, {}])), json!([50, number, {}]));
    }
    drop(client);
    assert_empty(&router);
}
