//! Queues that are full, and messages that are too large.

use std::sync::Arc;
use std::task::Poll;

use serde_json::json;
use transom_config::{Authorization, SlowConsumer};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{CloseReason, Flow, Serializer};

use crate::support::*;

fn router_with(policy: SlowConsumer) -> Arc<Router> {
    let slow = role("slow", Authorization::Always(true), policy);
    let quick = role("anonymous", Authorization::Always(true), SlowConsumer::Drop);
    Router::new(&[realm(vec![slow, quick])])
}

/// A subscriber of the role `slow` with room for so many messages after SUBSCRIBED.
fn slow_subscriber(router: &Arc<Router>, room: usize) -> Client {
    let sink = FakeSink::bounded(Serializer::Json, room + 2);
    let mut client = Client::join_with(router, Some(&as_role("slow")), sink);
    client.subscribe(URI);
    client
}

#[test]
fn events_are_dropped_and_counted_where_the_policy_is_drop() {
    let router = router_with(SlowConsumer::Drop);
    let slow = slow_subscriber(&router, 1);
    let mut quick = Client::join(&router);
    quick.subscribe(URI);
    let mut publisher = Client::join(&router);
    for n in 0..4 {
        assert_eq!(publisher.publish(URI, n), Ok(Flow::Continue));
    }
    assert_eq!(slow.arguments(), [0]);
    assert_eq!(quick.arguments(), [0, 1, 2, 3]);
    assert_eq!(status(&router).dropped_events, 3);
    slow.sink.make_room(1);
    publisher.publish(URI, 4).unwrap();
    publisher.publish(URI, 5).unwrap();
    assert_eq!(slow.arguments(), [4]);
    assert_eq!(status(&router).dropped_events, 4);
    assert_eq!(slow.sink.closed(), None);
}

#[test]
fn subscriber_is_closed_where_the_policy_is_disconnect() {
    let router = router_with(SlowConsumer::Disconnect);
    let slow = slow_subscriber(&router, 1);
    let mut publisher = Client::join(&router);
    publisher.publish(URI, 0).unwrap();
    assert_eq!(slow.sink.closed(), None);
    assert_eq!(publisher.publish(URI, 1), Ok(Flow::Continue));
    assert_eq!(slow.sink.closed(), Some(CloseReason::SlowConsumer));
    publisher.publish(URI, 2).unwrap();
    assert_eq!(status(&router).dropped_events, 1);
}

#[test]
fn publisher_waits_where_the_policy_is_push_back_and_holds_back_nobody_else() {
    let router = router_with(SlowConsumer::PushBack);
    let slow = slow_subscriber(&router, 1);
    let mut quick = Client::join(&router);
    quick.subscribe(URI);
    let (mut publisher, mut other) = (Client::join(&router), Client::join(&router));
    let woken = Woken::default();
    publisher.publish(URI, 0).unwrap();
    assert_eq!(publisher.publish(URI, 1), Ok(Flow::Pause));
    assert_eq!(publisher.poll(&woken), Poll::Pending);
    assert_eq!(quick.arguments(), [0, 1]);
    assert_eq!(other.publish("com.app.y", 7), Ok(Flow::Continue));
    slow.sink.make_room(1);
    assert_eq!(woken.times(), 1);
    assert_eq!(publisher.poll(&woken), Poll::Ready(Flow::Continue));
    assert_eq!(slow.arguments(), [0, 1]);
    assert_eq!(quick.arguments(), Vec::<u64>::new());
    assert_eq!(status(&router).dropped_events, 0);
}

#[test]
fn publisher_waits_no_longer_for_a_subscriber_that_goes() {
    for how in ["unsubscribes", "leaves"] {
        let router = router_with(SlowConsumer::PushBack);
        let mut slow = slow_subscriber(&router, 0);
        let mut publisher = Client::join(&router);
        let woken = Woken::default();
        assert_eq!(publisher.publish(URI, 1), Ok(Flow::Pause));
        assert_eq!(publisher.poll(&woken), Poll::Pending);
        match how {
            "leaves" => {
                slow.port.closed(CloseReason::TransportLost);
                transom_wamp::SessionSink::close(&*slow.sink, CloseReason::TransportLost);
            }
            _ => {
                slow.sink.make_room(1);
                slow.tell(json!([34, 1, 1]));
                slow.sink.make_room(1);
            }
        }
        assert!(woken.times() > 0);
        assert_eq!(publisher.poll(&woken), Poll::Ready(Flow::Continue), "{how}");
        assert!(slow.take().iter().all(|message| message[0] != 36), "{how}");
    }
}

#[test]
fn event_that_is_waiting_is_dropped_and_counted_when_its_publisher_leaves() {
    let router = router_with(SlowConsumer::PushBack);
    let slow = slow_subscriber(&router, 0);
    let mut publisher = Client::join(&router);
    assert_eq!(publisher.publish(URI, 1), Ok(Flow::Pause));
    publisher.port.closed(CloseReason::TransportLost);
    slow.nothing();
    assert_eq!(status(&router).dropped_events, 1);
}

#[test]
fn event_larger_than_a_subscriber_accepts_is_dropped_for_it_alone() {
    let router = router();
    let (mut small, mut large, mut publisher) =
        (Client::join(&router), Client::join(&router), Client::join(&router));
    small.subscribe(URI);
    large.subscribe(URI);
    small.sink.limit(200);
    publisher.tell(json!([16, 1, {}, URI, ["x".repeat(200)]]));
    small.nothing();
    assert_eq!(large.one()[0], 36);
    publisher.publish(URI, 1).unwrap();
    assert_eq!(small.arguments(), [1]);
    assert_eq!(status(&router).dropped_events, 1);
}

#[test]
fn request_whose_answer_does_not_fit_waits_for_room_and_has_its_effect_once() {
    let requests = [
        json!([16, 2, {"acknowledge": true}, "com.app.heard", [1]]),
        json!([32, 2, {}, "com.app.new"]),
        json!([34, 2, 2]),
        json!([64, 2, {}, "com.app.new"]),
        json!([66, 2, 3]),
        json!([48, 2, {}, "com.app.nothing"]),
        json!([32, 2, {}, "com.app.held"]),
    ];
    for request in requests {
        let router = router();
        let mut other = Client::join(&router);
        assert_eq!(other.subscribe("com.app.heard"), 1);
        let mut client = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 3));
        assert_eq!(client.subscribe("com.app.held"), 2);
        assert_eq!(client.register("com.app.held"), 3);
        let before = status(&router);
        let woken = Woken::default();
        assert_eq!(client.try_tell(request.clone()), Ok(Flow::Pause), "{request}");
        assert_eq!(client.poll(&woken), Poll::Pending);
        client.nothing();
        other.nothing();
        assert_eq!(status(&router), before, "{request}");
        client.sink.make_room(1);
        assert_eq!(woken.times(), 1);
        assert_eq!(client.poll(&woken), Poll::Ready(Flow::Continue));
        let answer = client.one();
        let number = if answer[0] == 8 { &answer[2] } else { &answer[1] };
        assert_eq!(number, 2, "{answer}");
        assert_eq!(other.take().len(), usize::from(request[0] == 16));
        drop((client, other));
        assert_empty(&router);
    }
}

#[test]
fn call_for_a_callee_with_a_full_queue_is_an_error_for_the_caller() {
    let router = router();
    let mut callee = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 3));
    callee.register(URI);
    let mut caller = Client::join(&router);
    caller.tell(json!([48, 1, {}, URI]));
    assert_eq!(caller.fails(json!([48, 2, {}, URI])).0, "wamp.error.unavailable");
    callee.sink.make_room(1);
    caller.tell(json!([48, 2, {}, URI]));
    for invocation in callee.take() {
        callee.tell(json!([70, invocation[1], {}]));
    }
    assert_eq!(caller.take(), [json!([50, 1, {}]), json!([50, 2, {}])]);
}

#[test]
fn call_larger_than_the_callee_accepts_is_an_error_for_the_caller() {
    let router = router();
    let mut callee = Client::join(&router);
    callee.register(URI);
    callee.sink.limit(200);
    let mut caller = Client::join(&router);
    let large = json!([48, 1, {}, URI, ["x".repeat(200)]]);
    assert_eq!(caller.fails(large).0, "wamp.error.payload_size_exceeded");
    caller.tell(json!([48, 1, {}, URI]));
    assert_eq!(callee.one()[0], 68);
}

#[test]
fn answer_larger_than_the_caller_accepts_is_an_error_for_the_caller() {
    let router = router();
    let (mut callee, mut caller) = (Client::join(&router), Client::join(&router));
    callee.register(URI);
    caller.sink.limit(200);
    for answer in
        [json!([70, 1, {}, ["x".repeat(200)]]), json!([8, 68, 2, {}, "com.error", ["x".repeat(200)]])]
    {
        caller.tell(json!([48, 5, {}, URI]));
        callee.one();
        callee.tell(answer);
        let error = caller.one();
        assert_eq!((&error[1], &error[2]), (&json!(48), &json!(5)));
        assert_eq!(error[4], "wamp.error.payload_size_exceeded");
    }
    callee.nothing();
}

#[test]
fn caller_with_no_room_for_an_answer_is_closed() {
    for answer in [json!([70, 1, {}]), json!([8, 68, 1, {}, "com.error"])] {
        let router = router();
        let mut callee = Client::join(&router);
        callee.register(URI);
        let mut caller = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 1));
        caller.tell(json!([48, 1, {}, URI]));
        callee.one();
        callee.tell(answer);
        assert_eq!(caller.sink.closed(), Some(CloseReason::SlowConsumer));
        assert_eq!(callee.sink.closed(), None);
    }
}

#[test]
fn client_that_accepts_no_error_at_all_is_closed() {
    let router = router();
    let mut client = Client::join(&router);
    client.sink.limit(60);
    assert_eq!(client.ask(json!([48, 1, {}, "a.b"])), json!([8, 48, 1, {}, "wamp.error.no_such_procedure"]));
    client.sink.limit(10);
    assert_eq!(client.try_tell(json!([48, 2, {}, "a.b"])), Ok(Flow::Close(CloseReason::Internal)));
}

#[test]
fn goodbye_fits_into_a_full_queue() {
    let router = router();
    let mut client = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 1));
    assert_eq!(client.ask(json!([6, {}, "wamp.close.normal"]))[0], 6);
}
