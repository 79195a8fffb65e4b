//! Calls and publications.

use std::sync::Arc;
use std::time::Duration;

use transom_base::Deadline;
use transom_client::{ClientSettings, RequestError};
use transom_testkit::Heard;
use transom_wamp::{
    CallOptions, CancelMode, Dict, Flow, Message, Payload, PublishOptions, Published, Serializer, Value, code,
};

use super::support::{NEVER, Router, error, heard, id, nothing, result, say, text};

#[tokio::test(start_paused = true)]
async fn call_gets_the_result_or_the_error_that_answers_it() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let call = |procedure: &'static str| session.call(procedure, CallOptions::default(), text("hi"), NEVER);
    let (first, second, third, ()) = tokio::join!(call("a.b"), call("c.d"), call("e.f"), async {
        match heard(&there, 1).await {
            Message::Call(call) => {
                assert_eq!((call.request, call.procedure.as_str(), call.payload), (id(1), "a.b", text("hi")));
            }
            other => panic!("{other:?}"),
        }
        heard(&there, 3).await;
        say(&there, result(3, "three"));
        say(&there, error(code::CALL, 2, "com.example.error"));
        say(&there, result(1, "one"));
    });
    assert_eq!(first.unwrap().payload, text("one"));
    assert_eq!(third.unwrap().payload, text("three"));
    match second.unwrap_err() {
        RequestError::Failed(error) => {
            assert_eq!((error.error.as_str(), error.payload), ("com.example.error", text("sorry")));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn payload_written_otherwise_is_brought_into_the_session_s_serializer() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let mut kwargs = Dict::default();
    kwargs.push("k", 7i64);
    let payload = Payload::from_values(Serializer::Cbor, &[Value::from("hi")], &kwargs);
    session.publish("a.b", PublishOptions::default(), payload).await.unwrap();
    match heard(&there, 1).await {
        Message::Publish(publish) => assert_eq!(&publish.payload.bytes[..], br#"["hi"],{"k":7}"#),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_nobody_waits_for_is_canceled() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let deadline = Deadline::after(Duration::from_secs(2));
    let late = session.call("a.b", CallOptions::default(), nothing(), deadline).await;
    assert_eq!(late.unwrap_err(), RequestError::TimedOut);
    let dropped = tokio::time::timeout(
        Duration::from_secs(1),
        session.call("a.b", CallOptions::default(), nothing(), NEVER),
    );
    assert!(dropped.await.is_err());
    let cancels: Vec<_> = there.heard_at_least(5).await;
    for (at, request) in [(2, 1), (4, 2)] {
        match &cancels[at] {
            Heard::Message(Message::Cancel(cancel)) => {
                assert_eq!((cancel.request, cancel.mode), (id(request), Some(CancelMode::KillNoWait)));
            }
            other => panic!("{other:?}"),
        }
    }
    // The answers that come all the same harm nobody.
    say(&there, error(code::CALL, 1, "wamp.error.canceled"));
    say(&there, result(2, "late"));
    let (next, ()) = tokio::join!(session.call("c.d", CallOptions::default(), nothing(), NEVER), async {
        heard(&there, 5).await;
        say(&there, result(3, "here"));
    });
    assert_eq!(next.unwrap().payload, text("here"));
}

#[tokio::test(start_paused = true)]
async fn publication_waits_for_its_acknowledgement_only_where_it_asks_for_one() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    assert_eq!(session.publish("a.b", PublishOptions::default(), text("x")).await, Ok(None));
    let options = || PublishOptions { acknowledge: true, ..PublishOptions::default() };
    let (done, refused, ()) = tokio::join!(
        session.publish("a.b", options(), nothing()),
        session.publish("c.d", options(), nothing()),
        async {
            heard(&there, 3).await;
            say(&there, Message::Published(Published { request: id(2), publication: id(99) }));
            say(&there, error(code::PUBLISH, 3, "wamp.error.not_authorized"));
        }
    );
    assert_eq!(done, Ok(Some(id(99))));
    assert!(matches!(refused, Err(RequestError::Failed(_))));
    // No answer at all.
    let before = tokio::time::Instant::now();
    assert_eq!(session.publish("a.b", options(), nothing()).await, Err(RequestError::TimedOut));
    assert_eq!(before.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn request_larger_than_the_router_accepts_is_an_error_and_takes_no_number() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let large = text(&"x".repeat(1 << 24));
    let refused = session.call("a.b", CallOptions::default(), large, NEVER).await;
    assert_eq!(refused.unwrap_err(), RequestError::TooLarge);
    session.publish("a.b", PublishOptions::default(), nothing()).await.unwrap();
    assert!(matches!(heard(&there, 1).await, Message::Publish(publish) if publish.request == id(1)));
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_room_while_the_router_does_not_read_and_keep_their_order() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    there.answer(Ok(Flow::Pause));
    let session = Arc::new(session);
    let publishing = tokio::spawn({
        let session = session.clone();
        async move {
            for number in 0..2000_i64 {
                let args = [Value::Int(number), Value::from("x".repeat(200))];
                let payload = Payload::from_values(Serializer::Json, &args, &Dict::default());
                session.publish("a.b", PublishOptions::default(), payload).await.unwrap();
            }
        }
    });
    let other = tokio::spawn({
        let session = session.clone();
        async move {
            for _ in 0..1000 {
                session.publish("c.d", PublishOptions::default(), nothing()).await.unwrap();
            }
        }
    });
    // What they say fills the pipe and the queue long before they are through.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!publishing.is_finished() && !other.is_finished());
    there.answer(Ok(Flow::Continue));
    there.resume(Flow::Continue);
    publishing.await.unwrap();
    other.await.unwrap();
    let (mut numbers, mut last) = (0, 0);
    for heard in &there.heard_at_least(3001).await[1..] {
        let Heard::Message(Message::Publish(publish)) = heard else { panic!("{heard:?}") };
        last += 1;
        assert_eq!(publish.request, id(last));
        if publish.topic == "a.b" {
            assert_eq!(publish.payload.to_values().unwrap().0[0], Value::Int(numbers));
            numbers += 1;
        }
    }
    assert_eq!(numbers, 2000);
}

#[tokio::test(start_paused = true)]
async fn request_that_finds_no_room_in_time_was_never_made() {
    let router = Router::new();
    let mut settings = ClientSettings::new("realm1");
    settings.request_timeout = Some(Duration::from_secs(1));
    let (session, there) = router.joined_with(settings).await;
    there.answer(Ok(Flow::Pause));
    let mut made = 0;
    loop {
        match session.publish("a.b", PublishOptions::default(), text(&"x".repeat(1000))).await {
            Ok(_) => made += 1,
            Err(error) => break assert_eq!(error, RequestError::TimedOut),
        }
    }
    there.answer(Ok(Flow::Continue));
    there.resume(Flow::Continue);
    session.publish("c.d", PublishOptions::default(), nothing()).await.unwrap();
    match heard(&there, made + 1).await {
        Message::Publish(publish) => {
            assert_eq!((publish.topic.as_str(), publish.request), ("c.d", id(made as u64 + 1)));
        }
        other => panic!("{other:?}"),
    }
}
