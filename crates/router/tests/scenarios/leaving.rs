//! What is left when sessions end, and who is told.

use serde_json::json;
use transom_config::{Authorization, SlowConsumer};
use transom_router::Router;
use transom_wamp::{CloseReason, Flow};

use crate::support::*;

/// All ways in which a session ends.
const WAYS: [&str; 5] = ["goodbye", "abort", "drained", "lost", "dropped"];

fn end(mut client: Client, way: &str) {
    match way {
        "goodbye" => assert_eq!(client.ask(json!([6, {}, "wamp.close.normal"]))[0], 6),
        "abort" => client.tell(json!([3, {}, "com.app.failed"])),
        "drained" => {
            assert_eq!(client.port.drain(), Flow::Continue);
            assert_eq!(client.one()[0], 6);
        }
        "lost" => client.port.closed(CloseReason::TransportLost),
        _ => {}
    }
    client.nothing();
}

#[test]
fn session_that_ends_leaves_nothing() {
    for way in WAYS {
        let router = router();
        let (mut client, mut other) = (Client::join(&router), Client::join(&router));
        for n in 0..5 {
            client.subscribe(&format!("com.app.{n}"));
            client.register(&format!("com.app.{n}"));
        }
        other.subscribe("com.app.0");
        assert_eq!(status(&router).subscriptions, 5);
        end(client, way);
        let after = status(&router);
        assert_eq!((after.sessions, after.subscriptions, after.registrations), (1, 1, 0), "{way}");
        other.publish("com.app.0", 1).unwrap();
        assert_eq!(other.fails(json!([48, 1, {}, "com.app.0"])).0, "wamp.error.no_such_procedure");
        end(other, way);
        assert_empty(&router);
    }
}

#[test]
fn calls_of_a_callee_that_ends_are_answered_with_canceled() {
    for way in WAYS {
        let router = router();
        let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
        callee.register(URI);
        caller.tell(json!([48, 1, {}, URI]));
        caller.tell(json!([48, 2, {}, URI]));
        callee.take();
        end(callee, way);
        let mut numbers = Vec::new();
        for error in caller.take() {
            assert_eq!((&error[0], &error[1]), (&json!(8), &json!(48)), "{way}");
            assert_eq!(error[4], "wamp.error.canceled");
            numbers.push(error[2].as_u64().unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
        // The numbers are free.
        assert_eq!(caller.fails(json!([48, 1, {}, URI])).0, "wamp.error.no_such_procedure");
        end(caller, way);
        assert_empty(&router);
    }
}

#[test]
fn calls_of_a_caller_that_ends_are_forgotten() {
    for way in WAYS {
        let router = router();
        let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
        callee.register(URI);
        caller.tell(json!([48, 1, {}, URI]));
        callee.one();
        let sink = caller.sink.clone();
        end(caller, way);
        callee.tell(json!([70, 1, {}]));
        assert!(sink.sent().is_empty(), "{way}");
        callee.nothing();
        end(callee, way);
        assert_empty(&router);
    }
}

#[test]
fn invocations_that_a_callee_never_answers_are_given_up_when_their_callers_end() {
    let roles =
        ["anonymous", "callee"].map(|name| role(name, Authorization::Always(true), SlowConsumer::Drop));
    let [everybody, mut few] = roles;
    few.limits.max_pending_calls = 2;
    let router = Router::new(&[realm(vec![everybody, few])]);
    let mut callee = Client::join_as(&router, "callee");
    callee.register(URI);
    for round in 0..3 {
        for way in WAYS {
            let mut caller = Client::join(&router);
            caller.tell(json!([48, 1, {}, URI]));
            caller.tell(json!([48, 2, {}, URI]));
            // Both reach the callee: what callers before them left takes no place.
            assert_eq!(callee.take().len(), 2, "{way} {round}");
            assert_eq!(caller.fails(json!([48, 3, {}, URI])).0, "wamp.error.unavailable");
            let sink = std::sync::Arc::downgrade(&caller.sink);
            end(caller, way);
            assert!(sink.upgrade().is_none(), "{way} {round}");
        }
    }
    end(callee, "goodbye");
    assert_empty(&router);
}

#[test]
fn session_that_calls_itself_and_ends_is_told_nothing() {
    for way in WAYS {
        let router = router();
        let mut client = Client::join(&router);
        client.register(URI);
        client.tell(json!([48, 1, {}, URI]));
        client.one();
        end(client, way);
        assert_empty(&router);
    }
}

#[test]
fn sinks_of_sessions_that_ended_are_let_go() {
    let router = router();
    let (mut callee, mut caller, mut subscriber) =
        (Client::join(&router), Client::join(&router), Client::join(&router));
    callee.register(URI);
    subscriber.subscribe(URI);
    caller.tell(json!([48, 1, {}, URI]));
    caller.publish(URI, 1).unwrap();
    callee.take();
    let sinks = [&callee, &subscriber].map(|client| std::sync::Arc::downgrade(&client.sink));
    drop((callee, subscriber));
    assert!(sinks.iter().all(|sink| sink.upgrade().is_none()));
    drop(caller);
    assert_empty(&router);
}
