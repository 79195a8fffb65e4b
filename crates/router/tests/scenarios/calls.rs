//! Registering, calling and answering.

use serde_json::{Value, json};
use transom_testkit::FakeSink;
use transom_wamp::Serializer;

use crate::support::*;

#[test]
fn call_reaches_the_callee_and_its_answer_the_caller_unchanged() {
    let router = router();
    let mut callee = Client::join(&router);
    let registration = callee.register(URI);
    let payloads = [json!([]), json!([[1, {"a": null}]]), json!([[], {"k": 2}]), json!([["x"], {"k": []}])];
    for serializer in Serializer::ALL {
        let mut caller = Client::join_with(&router, None, FakeSink::new(serializer));
        for (number, payload) in payloads.iter().enumerate() {
            let with = |head: Value| {
                Value::Array([head.as_array().unwrap().clone(), payload.as_array().unwrap().clone()].concat())
            };
            caller.tell(with(json!([48, number, {}, URI])));
            let invocation = callee.one();
            let request = invocation[1].clone();
            assert_eq!(invocation, with(json!([68, request, registration, {}])));
            callee.tell(with(json!([70, request, {}])));
            assert_eq!(caller.one(), with(json!([50, number, {}])));
            caller.tell(json!([48, number, {}, URI]));
            let request = callee.one()[1].clone();
            callee.tell(with(json!([8, 68, request, {}, "com.app.failed"])));
            assert_eq!(caller.one(), with(json!([8, 48, number, {}, "com.app.failed"])));
        }
    }
    callee.nothing();
}

#[test]
fn invocations_are_numbered_for_each_callee_from_one() {
    let router = router();
    let (mut a, mut b, mut caller) = (Client::join(&router), Client::join(&router), Client::join(&router));
    a.register("com.a");
    b.register("com.b");
    a.ask(json!([64, 2, {}, "com.a2"]));
    for (request, procedure) in [(10, "com.a"), (11, "com.b"), (12, "com.a2"), (13, "com.a")] {
        caller.tell(json!([48, request, {}, procedure]));
    }
    let numbers = |client: &Client| client.take().iter().map(|m| m[1].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers(&a), [1, 2, 3]);
    assert_eq!(numbers(&b), [1]);
    // Answered in another order, each answer finds its call.
    for (request, argument) in [(3, 30), (1, 10), (2, 20)] {
        a.tell(json!([70, request, {}, [argument]]));
    }
    assert_eq!(
        caller.take(),
        [json!([50, 13, {}, [30]]), json!([50, 10, {}, [10]]), json!([50, 12, {}, [20]])]
    );
}

#[test]
fn procedure_is_registered_once() {
    let router = router();
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    let id = one.register(URI);
    for client in [&mut one, &mut two] {
        let (uri, text) = client.fails(json!([64, 2, {}, URI]));
        assert_eq!(uri, "wamp.error.procedure_already_exists");
        assert!(text.contains(URI), "{text}");
    }
    for unknown in [id + 100, 0] {
        assert_eq!(one.fails(json!([66, 3, unknown])).0, "wamp.error.no_such_registration");
    }
    assert_eq!(two.fails(json!([66, 3, id])).0, "wamp.error.no_such_registration");
    assert_eq!(one.ask(json!([66, 4, id])), json!([67, 4]));
    assert_eq!(one.fails(json!([66, 5, id])).0, "wamp.error.no_such_registration");
    let other = two.register(URI);
    assert_ne!(other, id);
    assert_eq!(status(&router).registrations, 1);
}

#[test]
fn caller_finds_the_callee_that_took_the_place_of_another() {
    let router = router();
    let mut caller = Client::join(&router);
    for round in 0..3 {
        let mut callee = Client::join(&router);
        let id = callee.register(URI);
        caller.tell(json!([48, round, {}, URI]));
        assert_eq!(callee.one()[0], 68);
        callee.tell(json!([70, 1, {}]));
        assert_eq!(caller.one()[0], 50);
        if round == 1 {
            callee.ask(json!([66, 1, id]));
        }
        drop(callee);
        assert_eq!(caller.fails(json!([48, 9, {}, URI])).0, "wamp.error.no_such_procedure");
    }
}

#[test]
fn call_in_flight_outlives_its_registration() {
    let router = router();
    let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
    let id = callee.register(URI);
    caller.tell(json!([48, 1, {}, URI]));
    callee.one();
    callee.ask(json!([66, 1, id]));
    callee.tell(json!([70, 1, {}, [1]]));
    assert_eq!(caller.one(), json!([50, 1, {}, [1]]));
}

#[test]
fn number_of_a_call_that_is_not_answered_may_not_be_used_again() {
    for procedure in [URI, "com.app.nothing", "not valid"] {
        let router = router();
        let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
        callee.register(URI);
        caller.tell(json!([48, 7, {}, URI]));
        let text = caller.violates(json!([48, 7, {}, procedure]));
        assert!(text.contains("request ID 7"), "{text}");
        caller.nothing();
    }
    let router = router();
    let mut client = Client::join(&router);
    client.register(URI);
    for _ in 0..3 {
        client.tell(json!([48, 7, {}, URI]));
        let number = client.one()[1].clone();
        client.tell(json!([70, number, {}]));
        assert_eq!(client.one()[1], 7);
    }
}

#[test]
fn answer_of_somebody_else_is_none() {
    let router = router();
    let (mut callee, mut caller, mut other) =
        (Client::join(&router), Client::join(&router), Client::join(&router));
    callee.register(URI);
    caller.tell(json!([48, 1, {}, URI]));
    callee.one();
    // Invocations are numbered for each callee: this is not the number of the other's.
    other.tell(json!([70, 1, {}, ["forged"]]));
    other.tell(json!([8, 68, 1, {}, "com.forged"]));
    caller.nothing();
    callee.tell(json!([70, 1, {}]));
    assert_eq!(caller.one(), json!([50, 1, {}]));
}

#[test]
fn session_calls_itself() {
    let router = router();
    let mut client = Client::join(&router);
    let registration = client.register(URI);
    assert_eq!(client.ask(json!([48, 1, {}, URI, [5]])), json!([68, 1, registration, {}, [5]]));
    assert_eq!(client.ask(json!([70, 1, {}, [6]])), json!([50, 1, {}, [6]]));
}

#[test]
fn options_for_the_ends_are_copied_both_ways() {
    let router = router();
    let mut callee = Client::join_featuring(&router, &["payload_passthru_mode"]);
    let mut caller = Client::join_featuring(&router, &["payload_passthru_mode"]);
    callee.register(URI);
    let options =
        json!({"ppt_scheme": "x_mine", "ppt_serializer": "json", "ppt_cipher": "c", "ppt_keyid": "k"});
    caller.tell(json!([48, 1, options, URI, ["secret"]]));
    assert_eq!(callee.one()[3], options);
    callee.tell(json!([70, 1, options, ["secret"]]));
    assert_eq!(caller.one()[2], options);
    caller.tell(json!([48, 1, {"enc_algo": "cryptobox", "transaction_hash": "h"}, URI, "opaque"]));
    let invocation = callee.one();
    assert_eq!(invocation[3], json!({"enc_algo": "cryptobox", "transaction_hash": "h"}));
    assert_eq!(invocation[4], "opaque");
    callee.tell(json!([8, 68, 2, options, "com.error"]));
    assert_eq!(caller.one()[3], options);
}

#[test]
fn payload_that_the_other_end_cannot_read_is_an_error_for_the_caller() {
    let router = router();
    let mut plain = Client::join(&router);
    let mut able = Client::join_featuring(&router, &["payload_passthru_mode"]);
    plain.register("com.plain");
    able.register("com.able");
    let options = json!({"ppt_scheme": "x_mine"});
    let (uri, _) = able.fails(json!([48, 1, options, "com.plain", ["secret"]]));
    assert_eq!(uri, "wamp.error.feature_not_supported");
    plain.nothing();
    for (number, answer) in
        [json!([70, 1, options]), json!([8, 68, 2, options, "com.error"])].into_iter().enumerate()
    {
        plain.tell(json!([48, number, {}, "com.able"]));
        able.one();
        able.tell(answer);
        assert_eq!(plain.one()[4], "wamp.error.feature_not_supported");
    }
    able.nothing();
}

#[test]
fn error_that_is_no_uri_is_told_as_one_that_is() {
    let router = router();
    let mut caller = Client::join(&router);
    let mut callee = Client::join(&router);
    callee.register("com.example.add");
    for (number, error) in (1..).zip(["com.example..error", "a b", "", "com.example.#"]) {
        caller.tell(json!([48, number, {}, "com.example.add"]));
        callee.one();
        callee.tell(json!([8, 68, number, {}, error, ["text"]]));
        let answer = caller.one();
        assert_eq!(answer[4], "wamp.error.invalid_uri");
        assert!(answer[5][0].as_str().unwrap().contains(error), "{answer}");
    }
    caller.tell(json!([48, 5, {}, "com.example.add"]));
    callee.one();
    callee.tell(json!([8, 68, 5, {}, "com.example.Error"]));
    assert_eq!(caller.one()[4], "com.example.Error");
}
