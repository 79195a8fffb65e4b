//! Several callees for one procedure, limits on what they take at once, and calls that wait.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_router::{Router, StoreRule};
use transom_testkit::FakeSink;
use transom_wamp::{Match, Serializer};

use crate::support::*;

/// Callees of one procedure, in the order of registering.
fn callees(router: &Arc<Router>, count: usize, options: Value) -> Vec<Client> {
    let mut callees: Vec<Client> = (0..count).map(|_| Client::join(router)).collect();
    let ids: Vec<u64> = callees.iter_mut().map(|callee| callee.register_with(options.clone(), URI)).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one registration for all");
    callees
}

/// Which callee got the only call since the last look; it is not answered.
#[track_caller]
fn called(callees: &[Client]) -> (usize, u64) {
    let mut all = Vec::new();
    for (number, callee) in callees.iter().enumerate() {
        all.extend(callee.take().iter().map(|invocation| {
            assert_eq!(invocation[0], 68, "{invocation}");
            (number, invocation[1].as_u64().unwrap())
        }));
    }
    assert_eq!(all.len(), 1, "{all:?}");
    all[0]
}

/// Calls and answers, so often; who was called.
fn sequence(caller: &mut Client, callees: &mut [Client], times: usize) -> Vec<usize> {
    let mut chosen = Vec::new();
    for _ in 0..times {
        caller.tell(json!([48, 1, {}, URI]));
        let (number, invocation) = called(callees);
        callees[number].tell(json!([70, invocation, {}]));
        assert_eq!(caller.one()[0], 50);
        chosen.push(number);
    }
    chosen
}

#[test]
fn policy_chooses_the_callee_also_when_some_come_and_go() {
    for (invoke, first, without_the_middle, with_one_more) in [
        ("first", [0, 0, 0, 0], [0, 0], [0, 0, 0]),
        ("last", [2, 2, 2, 2], [2, 2], [3, 3, 3]),
        // Its pointer stays: after 0 comes what follows it.
        ("roundrobin", [0, 1, 2, 0], [2, 0], [2, 3, 0]),
    ] {
        let router = router();
        let mut caller = Client::join(&router);
        let mut all = callees(&router, 3, json!({"invoke": invoke}));
        assert_eq!(sequence(&mut caller, &mut all, 4), first, "{invoke}");
        let middle = all[1].ask(json!([66, 1, 1]));
        assert_eq!(middle[0], 67);
        assert_eq!(sequence(&mut caller, &mut all, 2), without_the_middle, "{invoke}");
        let mut more = Client::join(&router);
        more.register_with(json!({"invoke": invoke}), URI);
        all.push(more);
        assert_eq!(sequence(&mut caller, &mut all, 3), with_one_more, "{invoke}");
        assert_eq!(status(&router).registrations, 1);
        drop((caller, all));
        assert_empty(&router);
    }
}

#[test]
fn random_calls_reach_everybody() {
    let router = router();
    let mut caller = Client::join(&router);
    let mut all = callees(&router, 4, json!({"invoke": "random"}));
    let chosen = sequence(&mut caller, &mut all, 400);
    for number in 0..4 {
        // The chance that one of them is chosen less than 40 times of 400 is below one in a billion.
        let times = chosen.iter().filter(|chosen| **chosen == number).count();
        assert!(times > 40, "{number} was chosen {times} times");
    }
}

#[test]
fn registration_that_is_shared_in_another_way_is_not_joined() {
    let router = router();
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    let id = one.register_with(json!({"invoke": "first"}), URI);
    let (uri, text) = two.fails(json!([64, 2, {"invoke": "last"}, URI]));
    assert_eq!(uri, "wamp.error.procedure_exists_with_different_invocation_policy");
    assert!(text.contains("'first'"), "{text}");
    assert_eq!(
        two.fails(json!([64, 2, {}, URI])).0,
        "wamp.error.procedure_exists_with_different_invocation_policy"
    );
    assert_eq!(two.register_with(json!({"invoke": "first"}), URI), id);
    // Again: the same, and still one place in the row.
    assert_eq!(two.register_with(json!({"invoke": "first"}), URI), id);
    assert_eq!(one.calls("wamp.registration.count_callees", json!([id])), 2);
    assert_eq!(two.ask(json!([66, 3, id]))[0], 67);
    assert_eq!(two.fails(json!([66, 3, id])).0, "wamp.error.no_such_registration");
    // Where somebody registered alone, others are refused whatever they wish.
    one.register("com.app.alone");
    for invoke in ["single", "first", "roundrobin"] {
        let (uri, _) = two.fails(json!([64, 4, {"invoke": invoke}, "com.app.alone"]));
        assert_eq!(uri, "wamp.error.procedure_already_exists");
    }
}

#[test]
fn callee_that_forces_its_way_in_drives_the_others_out_and_they_are_told() {
    let router = router();
    let mut all = callees(&router, 2, json!({"invoke": "roundrobin"}));
    let mut caller = Client::join(&router);
    caller.tell(json!([48, 1, {}, URI]));
    let (number, invocation) = called(&all);
    let mut forcing = Client::join(&router);
    let id = forcing.register_with(json!({"force_reregister": true}), URI);
    for callee in &all {
        assert_eq!(callee.one(), json!([67, 0, {"registration": 1, "reason": "wamp.error.unregistered"}]));
    }
    assert_ne!(id, 1);
    assert_eq!(all[0].fails(json!([66, 1, 1])).0, "wamp.error.no_such_registration");
    // What was on its way is still answered.
    all[number].tell(json!([70, invocation, {}, [7]]));
    assert_eq!(caller.one(), json!([50, 1, {}, [7]]));
    caller.tell(json!([48, 2, {}, URI]));
    assert_eq!(forcing.one()[2], id);
    // Its own place can be taken, too; where there is nothing it is an ordinary REGISTER.
    let answers = forcing.ask_patiently(json!([64, 9, {"force_reregister": true}, URI]));
    assert_eq!(answers[0], json!([67, 0, {"registration": id, "reason": "wamp.error.unregistered"}]));
    assert_eq!((&answers[1][0], &answers[1][1]), (&json!(65), &json!(9)));
    forcing.register_with(json!({"force_reregister": true}), "com.app.new");
    drop((forcing, all, caller));
    assert_empty(&router);
}

#[test]
fn callee_of_another_role_is_not_driven_out() {
    let router = router_with(|settings| {
        let mut other = settings.roles[0].clone();
        other.name = "other".into();
        settings.roles.push(other);
    });
    let (mut one, mut two) = (Client::join(&router), Client::join_as(&router, "other"));
    one.register(URI);
    let forced = json!([64, 1, {"force_reregister": true}, URI]);
    assert_eq!(two.fails(forced.clone()).0, "wamp.error.not_authorized");
    one.nothing();
    let mut trusted = Client::join_as(&router, "trusted");
    assert_eq!(trusted.ask(forced)[0], 65);
    assert_eq!(one.one()[0], 67);
}

#[test]
fn callees_get_no_more_calls_at_once_than_they_take() {
    for (invoke, expected) in [("first", [0, 0, 1, 1]), ("roundrobin", [0, 1, 0, 1]), ("last", [1, 1, 0, 0])]
    {
        let router = router();
        let mut all = callees(&router, 2, json!({"invoke": invoke, "concurrency": 2}));
        let mut caller = Client::join(&router);
        let mut invocations = Vec::new();
        for request in 0..4 {
            caller.tell(json!([48, request, {}, URI]));
            invocations.push(called(&all));
        }
        assert_eq!(invocations.iter().map(|(number, _)| *number).collect::<Vec<_>>(), expected, "{invoke}");
        let (uri, _) = caller.fails(json!([48, 4, {}, URI]));
        assert_eq!(uri, "crossbar.error.max_concurrency_reached");
        // Each way in which an invocation ends makes room.
        type End<'a> = &'a dyn Fn(&mut Client, &mut Client, u64, usize);
        let endings: [End<'_>; 3] = [
            &|callee, _, invocation, _| callee.tell(json!([70, invocation, {}])),
            &|callee, _, invocation, _| callee.tell(json!([8, 68, invocation, {}, "com.app.failed"])),
            &|_, caller, _, request| caller.tell(json!([49, request, {"mode": "skip"}])),
        ];
        for (request, end) in endings.iter().enumerate() {
            let (number, invocation) = invocations[request];
            end(&mut all[number], &mut caller, invocation, request);
            assert_eq!(caller.take().len(), 1);
            caller.tell(json!([48, 10 + request, {}, URI]));
            assert_eq!(called(&all).0, number, "{invoke}");
            assert_eq!(caller.fails(json!([48, 4, {}, URI])).0, "crossbar.error.max_concurrency_reached");
        }
    }
}

#[test]
fn single_callee_may_limit_its_calls_too() {
    let router = router();
    let mut callee = Client::join(&router);
    callee.register_with(json!({"concurrency": 1}), URI);
    let (mut caller, mut other) = (Client::join(&router), Client::join(&router));
    for round in 0..3 {
        caller.tell(json!([48, 1, {}, URI]));
        let invocation = callee.one()[1].clone();
        assert_eq!(other.fails(json!([48, 1, {}, URI])).0, "crossbar.error.max_concurrency_reached");
        if round == 2 {
            drop(caller);
            break;
        }
        callee.tell(json!([70, invocation, {}]));
        assert_eq!(caller.one()[0], 50);
    }
    // The place of a caller that has left is free.
    other.tell(json!([48, 2, {}, URI]));
    assert_eq!(callee.one()[0], 68);
}

fn queueing(limit: usize) -> Arc<Router> {
    router_with(|settings| {
        let rule = |uri: &str, matching, limit| StoreRule { uri: uri.into(), matching, limit };
        settings.store.call_queue =
            vec![rule("com.app.", Match::Prefix, limit), rule("com.app.none", Match::Exact, 0)];
    })
}

#[test]
fn calls_wait_in_order_where_the_realm_has_a_queue_for_them() {
    let router = queueing(3);
    let mut callee = Client::join(&router);
    callee.register_with(json!({"concurrency": 1}), URI);
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    one.tell(json!([48, 1, {}, URI, [0]]));
    one.tell(json!([48, 2, {}, URI, [2]]));
    two.tell(json!([48, 1, {}, URI, [1]]));
    one.tell(json!([48, 3, {}, URI, [3]]));
    assert_eq!(two.fails(json!([48, 2, {}, URI])).0, "crossbar.error.max_concurrency_reached");
    // A number that waits is in use, too.
    assert!(one.violates(json!([48, 3, {}, URI])).contains("request ID 3"));
    for argument in [0, 2, 1, 3] {
        let invocation = callee.one();
        assert_eq!(invocation[4], json!([argument]));
        callee.tell(json!([70, invocation[1], {}, [argument]]));
    }
    assert_eq!(one.take(), [json!([50, 1, {}, [0]]), json!([50, 2, {}, [2]]), json!([50, 3, {}, [3]])]);
    assert_eq!(two.take(), [json!([50, 1, {}, [1]])]);
    callee.nothing();
    // Where the best rule says none, there is none.
    callee.register_with(json!({"concurrency": 1}), "com.app.none");
    one.tell(json!([48, 4, {}, "com.app.none"]));
    assert_eq!(one.fails(json!([48, 5, {}, "com.app.none"])).0, "crossbar.error.max_concurrency_reached");
}

#[test]
fn call_that_waits_is_taken_out_when_it_is_canceled_or_its_caller_leaves() {
    let router = queueing(10);
    let mut callee = Client::join(&router);
    callee.register_with(json!({"concurrency": 1}), URI);
    let (mut caller, mut leaving) = (Client::join(&router), Client::join(&router));
    caller.tell(json!([48, 1, {}, URI]));
    let first = callee.one()[1].clone();
    for (request, mode) in [(2, "skip"), (3, "kill"), (4, "killnowait")] {
        caller.tell(json!([48, request, {}, URI]));
        let answer = caller.ask(json!([49, request, {"mode": mode}]));
        assert_eq!((&answer[2], &answer[4]), (&json!(request), &json!("wamp.error.canceled")));
    }
    leaving.tell(json!([48, 1, {}, URI]));
    drop(leaving);
    caller.tell(json!([48, 5, {}, URI, ["last"]]));
    callee.tell(json!([70, first, {}]));
    let last = callee.one();
    assert_eq!(last[4], json!(["last"]));
    callee.tell(json!([70, last[1], {}]));
    assert_eq!(caller.take().len(), 2);
    callee.nothing();
    drop((caller, callee));
    assert_empty(&router);
}

#[test]
fn calls_that_wait_for_callees_that_go_are_answered_or_reach_those_that_stay() {
    let router = queueing(10);
    let mut all = callees(&router, 2, json!({"invoke": "roundrobin", "concurrency": 1}));
    let mut caller = Client::join(&router);
    for request in 1..=5 {
        caller.tell(json!([48, request, {}, URI, [request]]));
    }
    let stays = all.pop().unwrap();
    assert_eq!(all[0].one()[4], json!([1]));
    assert_eq!(stays.one()[4], json!([2]));
    // Its call ends with it; what waits goes on waiting for the other.
    drop(all);
    assert_eq!(caller.one()[2], 1);
    stays.nothing();
    let mut stays = stays;
    stays.tell(json!([70, 1, {}]));
    assert_eq!(caller.one(), json!([50, 2, {}]));
    assert_eq!(stays.one()[4], json!([3]));
    // It unregisters: what it has it may still answer, what waits is answered for it.
    assert_eq!(stays.ask(json!([66, 1, 1]))[0], 67);
    let errors = caller.take();
    assert_eq!(errors.iter().map(|error| error[2].as_u64().unwrap()).collect::<Vec<_>>(), [4, 5]);
    assert!(errors.iter().all(|error| error[4] == "wamp.error.canceled"));
    stays.tell(json!([70, 2, {}]));
    assert_eq!(caller.one(), json!([50, 3, {}]));
    drop((stays, caller));
    assert_empty(&router);
}

#[test]
fn queue_is_bounded_in_octets() {
    let router = router_with(|settings| {
        settings.store.call_queue = vec![StoreRule { uri: URI.into(), matching: Match::Exact, limit: 1000 }];
        settings.store.max_bytes = 2000;
    });
    let mut callee = Client::join(&router);
    callee.register_with(json!({"concurrency": 1}), URI);
    let mut caller = Client::join(&router);
    caller.tell(json!([48, 0, {}, URI]));
    caller.tell(json!([48, 1, {}, URI, ["x".repeat(1000)]]));
    let large = json!([48, 2, {}, URI, ["x".repeat(1000)]]);
    assert_eq!(caller.fails(large.clone()).0, "crossbar.error.max_concurrency_reached");
    caller.tell(json!([48, 3, {}, URI, ["small"]]));
    callee.tell(json!([70, 1, {}]));
    // There is room again.
    caller.take();
    caller.tell(large);
    caller.nothing();
}

#[test]
fn callee_that_does_not_keep_up_gives_the_caller_an_error_and_frees_its_place() {
    let router = queueing(10);
    let sink = FakeSink::bounded(Serializer::Json, 2);
    let mut callee = Client::join_with(&router, None, sink);
    callee.register_with(json!({"concurrency": 1}), URI);
    let mut caller = Client::join(&router);
    assert_eq!(caller.fails(json!([48, 1, {}, URI])).0, "wamp.error.unavailable");
    assert_eq!(caller.fails(json!([48, 2, {}, URI])).0, "wamp.error.unavailable");
    callee.sink.make_room(1);
    caller.tell(json!([48, 3, {}, URI]));
    assert_eq!(callee.one()[0], 68);
}

#[test]
fn callee_that_is_leaving_is_passed_over() {
    let router = router();
    let mut all = callees(&router, 2, json!({"invoke": "first"}));
    let mut caller = Client::join(&router);
    transom_wamp::SessionSink::close(&*all[0].sink, transom_wamp::CloseReason::TransportLost);
    caller.tell(json!([48, 1, {}, URI]));
    assert_eq!(all[1].one()[0], 68);
    all[1].tell(json!([70, 1, {}]));
    assert_eq!(caller.one()[0], 50);
}
