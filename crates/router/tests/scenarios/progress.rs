//! Results that come in pieces, and calls that do.

use std::time::Duration;

use serde_json::{Value, json};
use transom_testkit::FakeSink;
use transom_wamp::{CloseReason, Serializer};

use crate::support::*;

const RESULTS: [&str; 2] = ["progressive_call_results", "call_canceling"];
const CALLS: [&str; 2] = ["progressive_call_invocations", "call_canceling"];

#[test]
fn results_in_pieces_reach_who_asked_for_them_in_order_the_final_one_last() {
    let router = router();
    let (mut callee, mut caller) = (Client::join_featuring(&router, &RESULTS), Client::join(&router));
    callee.register(URI);
    caller.tell(json!([48, 5, {"receive_progress": true}, URI]));
    assert_eq!(callee.one()[3], json!({"receive_progress": true}));
    for n in 0..3 {
        callee.tell(json!([70, 1, {"progress": true}, [n]]));
    }
    callee.tell(json!([70, 1, {}, ["end"]]));
    callee.tell(json!([70, 1, {"progress": true}, ["late"]]));
    let mut expected: Vec<Value> = (0..3).map(|n| json!([50, 5, {"progress": true}, [n]])).collect();
    expected.push(json!([50, 5, {}, ["end"]]));
    assert_eq!(caller.take(), expected);
    // An error may be the end, too.
    caller.tell(json!([48, 6, {"receive_progress": true}, URI]));
    callee.tell(json!([70, 2, {"progress": true}]));
    callee.tell(json!([8, 68, 2, {}, "com.app.failed"]));
    assert_eq!(caller.take(), [json!([50, 6, {"progress": true}]), json!([8, 48, 6, {}, "com.app.failed"])]);
}

#[test]
fn progress_that_nobody_asked_for_is_dropped() {
    let router = router();
    let (mut callee, mut caller) = (Client::join_featuring(&router, &RESULTS), Client::join(&router));
    callee.register(URI);
    caller.tell(json!([48, 1, {}, URI]));
    assert_eq!(callee.one()[3], json!({}));
    callee.tell(json!([70, 1, {"progress": true}, [1]]));
    caller.nothing();
    callee.tell(json!([70, 1, {}, [2]]));
    assert_eq!(caller.one(), json!([50, 1, {}, [2]]));
}

#[test]
fn progress_of_a_callee_that_announces_nothing_is_forwarded_until_nobody_waits_for_it() {
    let router = router();
    let mut callee = Client::join(&router);
    let mut caller = Client::join(&router);
    callee.register(URI);
    caller.tell(json!([48, 1, {"receive_progress": true}, URI]));
    assert_eq!(callee.one()[3], json!({"receive_progress": true}));
    callee.tell(json!([70, 1, {"progress": true}, [1]]));
    assert_eq!(caller.one(), json!([50, 1, {"progress": true}, [1]]));
    caller.tell(json!([49, 1, {}]));
    assert_eq!(caller.one()[4], "wamp.error.canceled");
    callee.nothing();
    callee.tell(json!([70, 1, {"progress": true}, [2]]));
    callee.tell(json!([70, 1, {}, [3]]));
    caller.nothing();
}

#[test]
fn progressive_result_that_the_caller_does_not_take_ends_the_call_or_the_caller() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &RESULTS);
    callee.register(URI);
    let mut caller = Client::join(&router);
    caller.sink.limit(200);
    caller.tell(json!([48, 1, {"receive_progress": true}, URI]));
    callee.one();
    callee.tell(json!([70, 1, {"progress": true}, ["x".repeat(200)]]));
    assert_eq!(caller.one()[4], "wamp.error.payload_size_exceeded");
    assert_eq!(callee.one(), json!([69, 1, {"mode": "killnowait"}]));
    callee.tell(json!([70, 1, {}]));
    caller.nothing();

    let mut full = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 2));
    full.tell(json!([48, 1, {"receive_progress": true}, URI]));
    callee.tell(json!([70, 2, {"progress": true}]));
    callee.tell(json!([70, 2, {"progress": true}]));
    assert_eq!(full.sink.closed(), Some(CloseReason::SlowConsumer));
    assert_eq!(callee.sink.closed(), None);
}

#[test]
fn call_in_pieces_is_one_invocation() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &CALLS);
    let registration = callee.register_with(json!({"match": "prefix"}), "com.app.");
    let mut caller = Client::join_featuring(&router, &CALLS);
    // Only what the first piece asks for counts.
    let first = json!({"progress": true, "disclose_me": true, "transaction_hash": "h"});
    caller.tell(json!([48, 7, first, URI, [0]]));
    let details = callee.take().remove(0);
    let mut expected = json!({
        "caller": caller.id, "caller_authid": details[3]["caller_authid"], "caller_authrole": "anonymous",
        "procedure": URI, "progress": true, "transaction_hash": "h",
    });
    assert_eq!(details, json!([68, 1, registration, expected, [0]]));
    caller.tell(json!([48, 7, {"progress": true, "timeout": 5}, URI, [1]]));
    assert_eq!(callee.one(), json!([68, 1, registration, expected, [1]]));
    // Other calls go on meanwhile.
    caller.tell(json!([48, 8, {}, URI]));
    assert_eq!(callee.one()[1], 2);
    caller.tell(json!([48, 7, {}, URI, [2]]));
    expected.as_object_mut().unwrap().remove("progress");
    assert_eq!(callee.one(), json!([68, 1, registration, expected, [2]]));
    // It is complete: its number is in use until it is answered, and free after that.
    let mut other = Client::join_featuring(&router, &CALLS);
    callee.tell(json!([70, 1, {}, ["done"]]));
    assert_eq!(caller.one(), json!([50, 7, {}, ["done"]]));
    caller.tell(json!([48, 7, {"progress": true}, URI]));
    assert_eq!(callee.one()[1], 3);
    other.tell(json!([48, 7, {}, URI]));
    assert_eq!(callee.one()[1], 4);
}

#[test]
fn call_in_pieces_combines_with_results_in_pieces() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &[&CALLS[..], &RESULTS[..]].concat());
    callee.register(URI);
    let mut caller = Client::join_featuring(&router, &CALLS);
    for n in 0..3 {
        caller.tell(json!([48, 1, {"progress": n < 2, "receive_progress": true}, URI, [n]]));
        assert_eq!(callee.one()[4], json!([n]));
        callee.tell(json!([70, 1, {"progress": n < 2}, [10 * n]]));
        assert_eq!(caller.one()[3], json!([10 * n]));
    }
    callee.nothing();
}

#[test]
fn pieces_that_come_after_the_answer_are_dropped_without_a_word() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), |_| {});
    let mut callee = Client::join_featuring(&router, &CALLS);
    callee.register(URI);
    let mut caller = Client::join_featuring(&router, &CALLS);
    for answer in ["answered", "refused", "canceled", "callee gone"] {
        let procedure = if answer == "refused" { "com.app.nothing" } else { URI };
        caller.tell(json!([48, 1, {"progress": true}, procedure]));
        match answer {
            "answered" => callee.tell(json!([70, callee.one()[1], {}])),
            "canceled" => {
                callee.one();
                caller.tell(json!([49, 1, {}]));
                callee.one();
            }
            "callee gone" => {
                callee = Client::join_featuring(&router, &CALLS);
            }
            _ => {}
        }
        assert_eq!(caller.take().len(), 1, "{answer}");
        for progress in [true, true, false] {
            caller.tell(json!([48, 1, {"progress": progress}, procedure]));
            caller.nothing();
            callee.nothing();
        }
    }
    // After the last piece the number stands for another call.
    callee.register(URI);
    caller.tell(json!([48, 1, {}, URI]));
    assert_eq!(callee.one()[0], 68);
}

#[test]
fn calls_in_pieces_that_never_end_are_forgotten_after_a_while() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), |_| {});
    let mut caller = Client::join_featuring(&router, &CALLS);
    // Each is answered at once, and its caller never sends the rest.
    for request in 0..1000 {
        clock.forward(Duration::from_secs(1));
        let (uri, _) = caller.fails(json!([48, request, {"progress": true}, URI]));
        assert_eq!(uri, "wamp.error.no_such_procedure");
    }
    // Long ago: a call of its own again.
    assert_eq!(caller.fails(json!([48, 3, {}, URI])).0, "wamp.error.no_such_procedure");
    // Just now: a late piece.
    caller.tell(json!([48, 999, {}, URI]));
    caller.nothing();
}

#[test]
fn pieces_are_refused_where_a_side_does_not_know_them() {
    let router = router();
    let mut plain = Client::join(&router);
    let text = plain.violates(json!([48, 1, {"progress": true}, URI]));
    assert!(text.contains("progressive_call_invocations"), "{text}");
    for features in [&[][..], &["progressive_call_invocations"], &["call_canceling"]] {
        let mut callee = Client::join_featuring(&router, features);
        callee.register(URI);
        let mut caller = Client::join_featuring(&router, &CALLS);
        let (uri, _) = caller.fails(json!([48, 1, {"progress": true}, URI]));
        assert_eq!(uri, "wamp.error.feature_not_supported");
        callee.nothing();
    }
    let mut caller = Client::join_featuring(&router, &CALLS);
    let (uri, _) = caller.fails(json!([48, 1, {"progress": true}, "wamp.session.count"]));
    assert_eq!(uri, "wamp.error.feature_not_supported");
}

#[test]
fn piece_for_another_procedure_is_a_violation() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &CALLS);
    callee.register(URI);
    callee.register("com.app.other");
    let mut caller = Client::join_featuring(&router, &CALLS);
    caller.tell(json!([48, 1, {"progress": true}, URI]));
    assert!(caller.violates(json!([48, 1, {}, "com.app.other"])).contains("request ID 1"));
}

#[test]
fn piece_that_the_callee_does_not_take_ends_the_call() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &CALLS);
    callee.register(URI);
    callee.sink.limit(200);
    let mut caller = Client::join_featuring(&router, &CALLS);
    caller.tell(json!([48, 1, {"progress": true}, URI]));
    caller.tell(json!([48, 1, {"progress": true}, URI, ["x".repeat(200)]]));
    assert_eq!(caller.one()[4], "wamp.error.payload_size_exceeded");
    assert_eq!(callee.take().pop().unwrap(), json!([69, 1, {"mode": "killnowait"}]));
    caller.tell(json!([48, 1, {}, URI]));
    caller.nothing();
    callee.nothing();
}

#[test]
fn call_in_pieces_goes_on_when_its_registration_ends() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &CALLS);
    let id = callee.register(URI);
    let mut caller = Client::join_featuring(&router, &CALLS);
    caller.tell(json!([48, 1, {"progress": true}, URI, [0]]));
    callee.one();
    callee.ask(json!([66, 1, id]));
    caller.tell(json!([48, 1, {}, URI, [1]]));
    assert_eq!(callee.one()[4], json!([1]));
    callee.tell(json!([70, 1, {}]));
    assert_eq!(caller.one()[0], 50);
}
