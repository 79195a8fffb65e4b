//! Sessions that come back.

use std::time::Duration;

use tokio::time::Instant;
use transom_client::{
    Backoff, ClientSettings, End, Reconnecting, RequestError, Status, SubscribeOptions, Why,
};
use transom_testkit::{FakeSession, Heard};
use transom_wamp::{Abort, CloseReason, Message, RegisterOptions, code};

use super::support::{
    Router, error, event, goodbye, heard, id, invocation, registered, say, subscribed, text, welcome,
};

fn steady() -> Backoff {
    Backoff { jitter: 0.0, ..Backoff::default() }
}

fn start(router: &Router, backoff: Backoff) -> Reconnecting {
    Reconnecting::start(router.client(ClientSettings::new("realm1")), backoff)
}

/// Welcomes the session with this number.
async fn welcomed(router: &Router, number: usize) -> FakeSession {
    let (there, _) = router.greeted(number).await;
    say(&there, welcome());
    there
}

fn lose(there: &FakeSession) {
    there.sink.close(CloseReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn session_that_is_lost_comes_back_with_all_that_was_wished() {
    let router = Router::new();
    let again = start(&router, steady());
    let there = welcomed(&router, 0).await;
    let (subscription, registration, ()) = tokio::join!(
        again.subscribe("a.b", SubscribeOptions::default()),
        again.register("c.d", RegisterOptions::default(), |_| async { Ok(text("answer")) }),
        async {
            // In whichever order.
            for number in 1..=2 {
                match heard(&there, number).await {
                    Message::Subscribe(subscribe) => say(&there, subscribed(subscribe.request.get(), 5)),
                    Message::Register(register) => say(&there, registered(register.request.get(), 8)),
                    other => panic!("{other:?}"),
                }
            }
            say(&there, event(5, 1));
        }
    );
    let (mut subscription, registration) = (subscription.unwrap(), registration.unwrap());
    assert_eq!(subscription.next().await.unwrap().publication, id(1));
    let first = again.session().await.unwrap();

    let mut before = Instant::now();
    lose(&there);
    let there = welcomed(&router, 1).await;
    assert_eq!(before.elapsed(), Duration::from_secs(1));
    for number in 1..=2 {
        match heard(&there, number).await {
            Message::Subscribe(subscribe) => {
                assert_eq!(subscribe.topic, "a.b");
                say(&there, subscribed(subscribe.request.get(), 6));
            }
            // The last session is not gone yet where it was.
            Message::Register(register) => {
                let request = register.request.get();
                say(&there, error(code::REGISTER, request, "wamp.error.procedure_already_exists"));
            }
            other => panic!("{other:?}"),
        }
    }
    say(&there, event(6, 2));
    assert_eq!(subscription.next().await.unwrap().publication, id(2));
    before = Instant::now();
    match heard(&there, 3).await {
        Message::Register(register) => say(&there, registered(register.request.get(), 9)),
        other => panic!("{other:?}"),
    }
    assert_eq!(before.elapsed(), Duration::from_secs(1));
    say(&there, invocation(1, 9));
    assert!(matches!(heard(&there, 4).await, Message::Yield(_)));
    assert_eq!(first.ended().await, End::Lost("the router closed it".to_owned()));

    // What is withdrawn does not come back.
    drop(subscription);
    assert!(matches!(heard(&there, 5).await, Message::Unsubscribe(message) if message.subscription == id(6)));
    lose(&there);
    let there = welcomed(&router, 2).await;
    match heard(&there, 1).await {
        Message::Register(register) => say(&there, registered(register.request.get(), 10)),
        other => panic!("{other:?}"),
    }
    let (gone, ()) = tokio::join!(registration.unregister(), async {
        match heard(&there, 2).await {
            Message::Unregister(message) => {
                let request = message.request;
                say(&there, Message::Unregistered(transom_wamp::Unregistered { request }));
            }
            other => panic!("{other:?}"),
        }
    });
    gone.unwrap();
    let (_, ()) = tokio::join!(again.close(), async {
        assert!(matches!(heard(&there, 3).await, Message::Goodbye(_)));
        say(&there, goodbye("wamp.close.goodbye_and_out"));
    });
}

#[tokio::test(start_paused = true)]
async fn delays_grow_while_there_is_no_session_and_begin_anew_after_one_that_held() {
    let router = Router::new();
    let again = start(&router, steady());
    let mut status = again.status();
    for (number, delay) in [1.0, 1.5, 2.25, 3.375].into_iter().enumerate() {
        let (there, _) = router.greeted(number).await;
        lose(&there);
        let waiting =
            status.wait_for(|status| matches!(status, Status::Waiting { .. })).await.unwrap().clone();
        match waiting {
            Status::Waiting { why: Why::Connect(_), delay: found } => {
                assert_eq!(found, Duration::from_secs_f64(delay));
            }
            other => panic!("{other:?}"),
        }
        status.wait_for(|status| matches!(status, Status::Connecting)).await.unwrap();
    }
    let there = welcomed(&router, 4).await;
    again.session().await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    say(&there, goodbye("wamp.close.system_shutdown"));
    match status.wait_for(|status| matches!(status, Status::Waiting { .. })).await.unwrap().clone() {
        Status::Waiting { why: Why::Ended(End::Goodbye { .. }), delay } => {
            assert_eq!(delay, Duration::from_secs(1));
        }
        other => panic!("{other:?}"),
    }
    // One that is lost at once is as good as none.
    let there = welcomed(&router, 5).await;
    status.wait_for(|status| matches!(status, Status::Joined(_))).await.unwrap();
    lose(&there);
    match status.wait_for(|status| matches!(status, Status::Waiting { .. })).await.unwrap().clone() {
        Status::Waiting { delay, .. } => assert_eq!(delay, Duration::from_secs_f64(1.5)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_become_better_is_given_up_at_once_and_the_rest_after_so_many_attempts() {
    let router = Router::new();
    let refuse = |there: &FakeSession| {
        say(there, Message::Abort(Abort { message: None, reason: "wamp.error.no_such_realm".into() }));
    };
    let again = start(&router, steady());
    let (there, _) = router.greeted(0).await;
    refuse(&there);
    let why = again.session().await.unwrap_err();
    assert_eq!(why.to_string(), "the router refused the session: wamp.error.no_such_realm");
    let late = again.subscribe("a.b", SubscribeOptions::default()).await;
    assert_eq!(late.unwrap_err(), RequestError::Ended);

    // A link would rather wait.
    let patient = Backoff { give_up_when_permanent: false, attempts: Some(2), ..steady() };
    let again = start(&router, patient);
    let waiting = tokio::spawn({
        let again = again.clone();
        async move { again.subscribe("a.b", SubscribeOptions::default()).await }
    });
    for number in 1..=2 {
        let (there, _) = router.greeted(number).await;
        refuse(&there);
    }
    assert!(again.session().await.is_err());
    assert_eq!(waiting.await.unwrap().unwrap_err(), RequestError::Ended);

    let again = start(&router, Backoff::never());
    let there = welcomed(&router, 3).await;
    again.session().await.unwrap();
    lose(&there);
    let mut status = again.status();
    status.wait_for(|status| matches!(status, Status::Stopped(Why::Ended(End::Lost(_))))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn wish_that_is_refused_the_first_time_is_none() {
    let router = Router::new();
    let again = start(&router, steady());
    let there = welcomed(&router, 0).await;
    let (refused, ()) = tokio::join!(again.subscribe("a.b", SubscribeOptions::default()), async {
        heard(&there, 1).await;
        say(&there, error(code::SUBSCRIBE, 1, "wamp.error.not_authorized"));
    });
    assert!(matches!(refused.unwrap_err(), RequestError::Failed(_)));
    lose(&there);
    let there = welcomed(&router, 1).await;
    again.session().await.unwrap();
    assert_eq!(there.heard().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn wish_that_is_withdrawn_on_the_way_is_ended_at_the_router() {
    let router = Router::new();
    let again = start(&router, steady());
    let there = welcomed(&router, 0).await;
    let registering = tokio::spawn({
        let again = again.clone();
        async move {
            let registration = again.register("c.d", RegisterOptions::default(), |_| async { Ok(text("x")) });
            registration.await
        }
    });
    heard(&there, 1).await;
    registering.abort();
    let _ = registering.await;
    // The withdrawal is there before the answer.
    tokio::task::yield_now().await;
    say(&there, registered(1, 8));
    assert!(matches!(heard(&there, 2).await, Message::Unregister(message) if message.registration == id(8)));
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_last_of_its_handles_whoever_looks_at_its_status() {
    let router = Router::new();
    let again = start(&router, steady());
    let there = welcomed(&router, 0).await;
    again.session().await.unwrap();
    let mut status = again.status();
    drop(again);
    assert!(matches!(there.heard_at_least(2).await[1], Heard::Message(Message::Goodbye(_))));
    status.wait_for(|status| matches!(status, Status::Stopped(_))).await.unwrap();

    // Also while it connects.
    let again = start(&router, steady());
    let (there, _) = router.greeted(1).await;
    again.close().await;
    assert_eq!(there.closed().await, CloseReason::TransportLost);
}
