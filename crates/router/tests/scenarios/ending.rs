//! Calls that end before their callees answer: canceled, out of time, rerouted, or left alone.

use std::time::Duration;

use serde_json::{Value, json};
use transom_router::{CallTimeoutUnit, RealmSettings, StoreRule};
use transom_testkit::FakeSink;
use transom_wamp::{Match, Serializer};

use crate::support::*;

const CANCELED: &str = "wamp.error.canceled";
const TIMEOUT: &str = "wamp.error.timeout";

#[test]
fn canceled_call_is_answered_at_once_or_by_its_callee_as_the_mode_says() {
    for (mode, interrupt) in [
        (json!({}), json!([69, 1, {"mode": "killnowait"}])),
        (json!({"mode": "killnowait"}), json!([69, 1, {"mode": "killnowait"}])),
        (json!({"mode": "skip"}), json!(null)),
    ] {
        let router = router();
        let mut callee = Client::join_featuring(&router, &["call_canceling"]);
        let mut caller = Client::join(&router);
        callee.register(URI);
        caller.tell(json!([48, 1, {}, URI]));
        callee.one();
        let answer = caller.ask(json!([49, 1, mode]));
        assert_eq!((&answer[1], &answer[2], &answer[4]), (&json!(48), &json!(1), &json!(CANCELED)), "{mode}");
        let told = callee.take();
        assert_eq!(told.first().unwrap_or(&json!(null)), &interrupt, "{mode}");
        assert!(told.len() < 2);
        // Again, or late: nothing.
        caller.tell(json!([49, 1, mode]));
        callee.tell(json!([70, 1, {}]));
        callee.tell(json!([8, 68, 1, {}, "com.app.failed"]));
        caller.nothing();
        callee.nothing();
        // The number is free again, and an answer to the call that had it before is none to this one.
        caller.tell(json!([48, 1, {}, URI]));
        assert_eq!(callee.one()[1], 2);
        callee.tell(json!([70, 1, {}]));
        caller.nothing();
    }
}

#[test]
fn killed_call_is_answered_by_its_callee() {
    for answer in [json!([70, 1, {}, ["result"]]), json!([8, 68, 1, {}, "com.app.stopped", ["why"]])] {
        let router = router();
        let mut callee = Client::join_featuring(&router, &["call_canceling"]);
        let mut caller = Client::join(&router);
        callee.register(URI);
        caller.tell(json!([48, 9, {}, URI]));
        callee.one();
        for _ in 0..2 {
            caller.tell(json!([49, 9, {"mode": "kill"}]));
        }
        caller.nothing();
        assert_eq!(callee.one(), json!([69, 1, {"mode": "kill"}]));
        callee.tell(answer.clone());
        let expected = match answer[0].as_u64() {
            Some(70) => json!([50, 9, {}, ["result"]]),
            _ => json!([8, 48, 9, {}, "com.app.stopped", ["why"]]),
        };
        assert_eq!(caller.one(), expected);
    }
}

#[test]
fn caller_that_waits_for_a_killed_call_may_lose_its_patience() {
    for mode in ["skip", "killnowait"] {
        let router = router();
        let mut callee = Client::join_featuring(&router, &["call_canceling"]);
        let mut caller = Client::join(&router);
        callee.register(URI);
        caller.tell(json!([48, 1, {}, URI]));
        caller.tell(json!([49, 1, {"mode": "kill"}]));
        assert_eq!(callee.take().len(), 2);
        assert_eq!(caller.ask(json!([49, 1, {"mode": mode}]))[4], CANCELED);
        // It knows already.
        callee.nothing();
    }
}

#[test]
fn callee_that_cannot_be_told_is_not_told() {
    for mode in ["skip", "kill", "killnowait"] {
        let router = router();
        let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
        callee.register(URI);
        caller.tell(json!([48, 1, {}, URI]));
        callee.one();
        assert_eq!(caller.ask(json!([49, 1, {"mode": mode}]))[4], CANCELED, "{mode}");
        callee.nothing();
    }
    // One that does not take what it is told does not keep a caller waiting.
    let router = router();
    let mut caller = Client::join(&router);
    let hello = json!([1, "realm1", {"roles": {"callee": {"features": {"call_canceling": true}}}}]);
    let mut callee = Client::silent(&router, None, FakeSink::bounded(Serializer::Json, 3));
    callee.tell(hello);
    callee.tell(json!([64, 1, {}, URI]));
    caller.tell(json!([48, 1, {}, URI]));
    assert_eq!(callee.take().len(), 3);
    assert_eq!(caller.ask(json!([49, 1, {"mode": "kill"}]))[4], CANCELED);
}

#[test]
fn cancel_of_what_is_not_there_is_nothing() {
    let router = router();
    let (mut caller, mut other) = (Client::join(&router), Client::join(&router));
    let mut callee = Client::join_featuring(&router, &["call_canceling"]);
    callee.register(URI);
    caller.tell(json!([48, 1, {}, URI]));
    callee.one();
    // A call of somebody else.
    other.tell(json!([49, 1, {}]));
    caller.tell(json!([49, 2, {}]));
    callee.nothing();
    caller.nothing();
    other.nothing();
    assert!(caller.try_tell_raw(r#"[49,1,{"mode":"abort"}]"#).is_err());
}

#[test]
fn callee_of_a_caller_that_leaves_is_told_to_stop() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &["call_canceling"]);
    let mut deaf = Client::join(&router);
    callee.register(URI);
    deaf.register("com.app.deaf");
    let mut caller = Client::join_featuring(&router, &["call_canceling"]);
    caller.register("com.app.own");
    for (request, procedure) in [(1, URI), (2, "com.app.deaf"), (3, "com.app.own")] {
        caller.tell(json!([48, request, {}, procedure]));
    }
    callee.one();
    deaf.one();
    let sink = caller.sink.clone();
    sink.take();
    drop(caller);
    assert_eq!(callee.one(), json!([69, 1, {"mode": "killnowait"}]));
    deaf.nothing();
    // It called itself: there is nobody to tell.
    assert!(sink.sent().is_empty());
    callee.tell(json!([70, 1, {}]));
    callee.nothing();
}

fn with_unit(unit: CallTimeoutUnit) -> impl FnOnce(&mut RealmSettings) {
    move |settings| settings.call_timeout_unit = unit
}

#[test]
fn call_that_takes_too_long_is_answered_and_its_callee_told() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), with_unit(CallTimeoutUnit::Milliseconds));
    let mut callee = Client::join_featuring(&router, &["call_canceling"]);
    let mut caller = Client::join(&router);
    callee.register(URI);
    assert_eq!(caller.port.deadline(), None);
    for (request, timeout) in [(1, 300), (2, 100), (3, 0), (4, 200)] {
        caller.tell(json!([48, request, {"timeout": timeout}, URI]));
        let invocation = callee.one();
        assert_eq!(invocation[3], json!({}), "not forwarded");
    }
    caller.turn(clock.forward(Duration::from_millis(99)));
    caller.nothing();
    caller.turn(clock.forward(Duration::from_millis(1)));
    let answer = caller.one();
    assert_eq!((&answer[1], &answer[2], &answer[4]), (&json!(48), &json!(2), &json!(TIMEOUT)));
    assert_eq!(callee.one(), json!([69, 2, {"mode": "killnowait", "reason": TIMEOUT}]));
    callee.tell(json!([70, 2, {}, ["late"]]));
    caller.nothing();
    // One that is answered in time is not bothered.
    callee.tell(json!([70, 4, {}]));
    assert_eq!(caller.one()[0], 50);
    caller.turn(clock.forward(Duration::from_millis(150)));
    caller.nothing();
    caller.turn(clock.forward(Duration::from_millis(50)));
    assert_eq!(caller.one()[2], 1);
    assert_eq!(callee.one()[1], 1);
    caller.turn(clock.forward(Duration::from_secs(1_000_000)));
    caller.nothing();
    assert_eq!(caller.port.deadline(), None);
}

#[test]
fn unit_of_a_time_out_depends_on_the_caller_unless_the_realm_says_it() {
    for (unit, features, milliseconds) in [
        (CallTimeoutUnit::Auto, &["call_timeout"][..], 5),
        (CallTimeoutUnit::Auto, &[], 5000),
        (CallTimeoutUnit::Milliseconds, &[], 5),
        (CallTimeoutUnit::Seconds, &["call_timeout"], 5000),
    ] {
        let clock = SetClock::new();
        let router = router_at(clock.clone(), with_unit(unit));
        let mut callee = Client::join_featuring(&router, &["call_timeout"]);
        let mut caller = Client::join_featuring(&router, features);
        callee.register(URI);
        callee.register_with(json!({"forward_timeout": true}), "com.app.forwarded");
        caller.tell(json!([48, 1, {"timeout": 5}, URI]));
        assert_eq!(callee.one()[3], json!({}));
        caller.turn(clock.forward(Duration::from_millis(milliseconds - 1)));
        caller.nothing();
        caller.turn(clock.forward(Duration::from_millis(1)));
        assert_eq!(caller.one()[4], TIMEOUT, "{unit:?} {features:?}");
        caller.tell(json!([48, 2, {"timeout": 5}, "com.app.forwarded"]));
        assert_eq!(callee.one()[3], json!({"timeout": milliseconds}));
    }
}

#[test]
fn callee_that_watches_the_time_itself_gets_a_tenth_more() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), with_unit(CallTimeoutUnit::Milliseconds));
    let mut callee = Client::join_featuring(&router, &["call_timeout"]);
    let mut unable = Client::join(&router);
    callee.register_with(json!({"forward_timeout": true}), URI);
    unable.register_with(json!({"forward_timeout": true}), "com.app.unable");
    let mut caller = Client::join(&router);
    caller.tell(json!([48, 1, {"timeout": 1000}, URI]));
    caller.tell(json!([48, 2, {"timeout": 1000}, "com.app.unable"]));
    assert_eq!(callee.one()[3], json!({"timeout": 1000}));
    assert_eq!(unable.one()[3], json!({}));
    caller.turn(clock.forward(Duration::from_millis(1000)));
    assert_eq!(caller.one()[2], 2);
    caller.turn(clock.forward(Duration::from_millis(99)));
    caller.nothing();
    caller.turn(clock.forward(Duration::from_millis(1)));
    assert_eq!(caller.one()[2], 1);
}

#[test]
fn time_begins_anew_with_each_progressive_result() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), with_unit(CallTimeoutUnit::Milliseconds));
    let mut callee = Client::join_featuring(&router, &["progressive_call_results", "call_canceling"]);
    let mut caller = Client::join(&router);
    callee.register(URI);
    caller.tell(json!([48, 1, {"timeout": 100, "receive_progress": true}, URI]));
    callee.one();
    for _ in 0..5 {
        caller.turn(clock.forward(Duration::from_millis(90)));
        callee.tell(json!([70, 1, {"progress": true}]));
        assert_eq!(caller.one()[0], 50);
    }
    caller.turn(clock.forward(Duration::from_millis(99)));
    caller.nothing();
    caller.turn(clock.forward(Duration::from_millis(1)));
    assert_eq!(caller.one()[4], TIMEOUT);
    assert_eq!(callee.one()[0], 69);
}

#[test]
fn call_that_waits_for_a_callee_takes_its_time_too() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), |settings| {
        settings.call_timeout_unit = CallTimeoutUnit::Milliseconds;
        settings.store.call_queue = vec![StoreRule { uri: URI.into(), matching: Match::Exact, limit: 5 }];
    });
    let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
    callee.register_with(json!({"concurrency": 1}), URI);
    caller.tell(json!([48, 1, {}, URI]));
    caller.tell(json!([48, 2, {"timeout": 50}, URI]));
    callee.one();
    caller.turn(clock.forward(Duration::from_millis(50)));
    let answer = caller.one();
    assert_eq!((&answer[2], &answer[4]), (&json!(2), &json!(TIMEOUT)));
    callee.tell(json!([70, 1, {}]));
    callee.nothing();
}

#[test]
fn number_of_milliseconds_beyond_all_time_is_no_limit() {
    let router = router_with(|_| {});
    let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
    callee.register(URI);
    for (request, timeout) in [(1, 1_u64 << 53), (2, u64::MAX)] {
        caller.tell(json!([48, request, {"timeout": timeout}, URI]));
    }
    assert_eq!(callee.take().len(), 2);
}

/// Callees of one procedure that announced `call_reroute`.
fn rerouting(router: &std::sync::Arc<transom_router::Router>, count: usize, options: &Value) -> Vec<Client> {
    (0..count)
        .map(|_| {
            let mut callee = Client::join_featuring(router, &["call_reroute", "call_canceling"]);
            callee.register_with(options.clone(), URI);
            callee
        })
        .collect()
}

fn unavailable(callee: &mut Client) {
    let invocation = callee.one();
    assert_eq!(invocation[0], 68, "{invocation}");
    callee.tell(json!([8, 68, invocation[1], {}, "wamp.error.unavailable", ["busy"]]));
}

#[test]
fn call_that_a_callee_does_not_want_goes_to_the_next_until_all_had_it() {
    for (invoke, order) in [("first", [0, 1, 2]), ("last", [2, 1, 0]), ("roundrobin", [0, 1, 2])] {
        let router = router();
        let mut callees = rerouting(&router, 3, &json!({"invoke": invoke}));
        let mut caller = Client::join_featuring(&router, &["call_reroute"]);
        caller.tell(json!([48, 5, {"transaction_hash": "h"}, URI, [1], {"k": 2}]));
        unavailable(&mut callees[order[0]]);
        caller.nothing();
        unavailable(&mut callees[order[1]]);
        caller.nothing();
        let last = callees[order[2]].one();
        assert_eq!(
            (&last[3], &last[4], &last[5]),
            (&json!({"transaction_hash": "h"}), &json!([1]), &json!({"k": 2}))
        );
        callees[order[2]].tell(json!([70, last[1], {}, ["done"]]));
        assert_eq!(caller.one(), json!([50, 5, {}, ["done"]]));
        // And when nobody wants it.
        caller.tell(json!([48, 6, {}, URI]));
        let start = if invoke == "roundrobin" { 0 } else { order[0] };
        let again = if invoke == "roundrobin" { [start, 1, 2] } else { order };
        for number in again {
            unavailable(&mut callees[number]);
        }
        let answer = caller.one();
        assert_eq!((&answer[2], &answer[4]), (&json!(6), &json!("wamp.error.no_available_callee")));
        drop((callees, caller));
        assert_empty(&router);
    }
}

#[test]
fn call_is_not_rerouted_where_a_side_does_not_know_that_or_a_result_has_come() {
    let router = router();
    // The caller does not.
    let mut callees = rerouting(&router, 2, &json!({"invoke": "first"}));
    let mut plain = Client::join(&router);
    plain.tell(json!([48, 1, {}, URI]));
    unavailable(&mut callees[0]);
    assert_eq!(plain.one(), json!([8, 48, 1, {}, "wamp.error.unavailable", ["busy"]]));
    // The callee does not.
    let mut callee = Client::join(&router);
    callee.register_with(json!({"invoke": "first"}), "com.app.plain");
    let mut caller = Client::join_featuring(&router, &["call_reroute"]);
    caller.tell(json!([48, 1, {}, "com.app.plain"]));
    unavailable(&mut callee);
    assert_eq!(caller.one()[4], "wamp.error.unavailable");
    // Another error.
    caller.tell(json!([48, 2, {}, URI]));
    let invocation = callees[0].one();
    callees[0].tell(json!([8, 68, invocation[1], {}, "com.app.failed"]));
    assert_eq!(caller.one()[4], "com.app.failed");
    // A result has come.
    let features = ["call_reroute", "call_canceling", "progressive_call_results"];
    let mut callee = Client::join_featuring(&router, &features);
    callee.register_with(json!({"invoke": "first"}), "com.app.progress");
    caller.tell(json!([48, 3, {"receive_progress": true}, "com.app.progress"]));
    let invocation = callee.one();
    callee.tell(json!([70, invocation[1], {"progress": true}]));
    callee.tell(json!([8, 68, invocation[1], {}, "wamp.error.unavailable"]));
    assert_eq!(caller.take()[1][4], "wamp.error.unavailable");
}

#[test]
fn single_callee_that_does_not_want_a_call_leaves_it_with_nobody() {
    let router = router();
    let mut callee = rerouting(&router, 1, &json!({})).remove(0);
    let mut caller = Client::join_featuring(&router, &["call_reroute"]);
    caller.tell(json!([48, 1, {}, URI]));
    unavailable(&mut callee);
    assert_eq!(caller.one()[4], "wamp.error.no_available_callee");
}

#[test]
fn rerouted_call_is_canceled_timed_out_and_limited_like_any() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), with_unit(CallTimeoutUnit::Milliseconds));
    let mut callees = rerouting(&router, 2, &json!({"invoke": "first", "concurrency": 1}));
    let mut caller = Client::join_featuring(&router, &["call_reroute"]);
    caller.tell(json!([48, 1, {"timeout": 100}, URI]));
    unavailable(&mut callees[0]);
    let second = callees[1].one();
    assert_eq!(caller.ask(json!([49, 1, {}]))[4], CANCELED);
    assert_eq!(callees[1].one(), json!([69, second[1], {"mode": "killnowait"}]));
    callees[0].nothing();
    caller.tell(json!([48, 2, {"timeout": 100}, URI]));
    unavailable(&mut callees[0]);
    callees[1].one();
    caller.turn(clock.forward(Duration::from_millis(100)));
    assert_eq!(caller.one()[4], TIMEOUT);
    assert_eq!(callees[1].one()[0], 69);
    // All places are free again.
    for request in [3, 4] {
        caller.tell(json!([48, request, {}, URI]));
    }
    assert_eq!((callees[0].take().len(), callees[1].take().len()), (1, 1));
    assert_eq!(caller.fails(json!([48, 5, {}, URI])).0, "crossbar.error.max_concurrency_reached");
}
