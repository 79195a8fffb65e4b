//! How sessions end.

use std::time::Duration;

use tokio::time::Instant;
use transom_client::{End, RequestError, SubscribeOptions};
use transom_testkit::Heard;
use transom_wamp::{Abort, CallOptions, CloseReason, Goodbye, Message, RegisterOptions};

use super::support::{NEVER, Router, goodbye, heard, nothing, registered, say, subscribed, welcome};

#[tokio::test(start_paused = true)]
async fn session_that_is_closed_says_goodbye_and_waits_for_the_answer() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let other = session.clone();
    let (end, ()) = tokio::join!(session.close(), async {
        match heard(&there, 1).await {
            Message::Goodbye(goodbye) => assert_eq!(goodbye.reason, "wamp.close.normal"),
            other => panic!("{other:?}"),
        }
        say(&there, goodbye("wamp.close.goodbye_and_out"));
    });
    assert_eq!(end, End::Left);
    assert_eq!(there.closed().await, CloseReason::TransportLost);
    // All clones are the same session.
    assert_eq!(other.ended().await, End::Left);
    let call = other.call("a.b", CallOptions::default(), nothing(), NEVER).await;
    assert_eq!(call.unwrap_err(), RequestError::Ended);
}

#[tokio::test(start_paused = true)]
async fn session_is_left_when_the_last_of_it_is_dropped() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let (subscription, ()) = tokio::join!(session.subscribe("a.b", SubscribeOptions::default()), async {
        heard(&there, 1).await;
        say(&there, subscribed(1, 5));
    });
    drop(session);
    // The subscription holds it open.
    say(&there, super::support::event(5, 1));
    let mut subscription = subscription.unwrap();
    assert!(subscription.next().await.is_some());
    drop(subscription);
    assert!(matches!(heard(&there, 2).await, Message::Unsubscribe(_)));
    say(&there, Message::Unsubscribed(transom_wamp::Unsubscribed { request: super::support::id(2) }));
    assert!(matches!(heard(&there, 3).await, Message::Goodbye(_)));
}

#[tokio::test(start_paused = true)]
async fn router_that_does_not_answer_the_goodbye_is_cut_in_time() {
    let router = Router::new();
    for silent in [false, true] {
        let (session, there) = router.joined().await;
        if silent {
            // It does not even read.
            there.answer(Ok(transom_wamp::Flow::Pause));
        }
        let before = Instant::now();
        assert_eq!(session.close().await, End::Left);
        // Within its time and the one that is left for the connection to close.
        let took = before.elapsed();
        assert!((Duration::from_secs(5)..=Duration::from_secs(6)).contains(&took), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn router_that_says_goodbye_is_answered_and_everybody_learns_of_it() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let (subscription, ()) = tokio::join!(session.subscribe("a.b", SubscribeOptions::default()), async {
        heard(&there, 1).await;
        say(&there, subscribed(1, 5));
    });
    let call = tokio::spawn({
        let session = session.clone();
        async move { session.call("a.b", CallOptions::default(), nothing(), NEVER).await }
    });
    heard(&there, 2).await;
    let message = Some("going down".into());
    say(&there, Message::Goodbye(Goodbye { message, reason: "wamp.close.system_shutdown".into() }));
    assert!(
        matches!(heard(&there, 3).await, Message::Goodbye(answer) if answer.reason == "wamp.close.goodbye_and_out")
    );
    assert_eq!(call.await.unwrap().unwrap_err(), RequestError::Ended);
    assert!(subscription.unwrap().next().await.is_none());
    let end = session.ended().await;
    assert_eq!(end.to_string(), "the router ended it: wamp.close.system_shutdown (going down)");
    assert_eq!(session.close().await, end);
}

#[tokio::test(start_paused = true)]
async fn connection_that_is_lost_ends_the_session_and_its_procedures() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let (began, mut begun) = tokio::sync::mpsc::channel(1);
    let (registration, ()) = tokio::join!(
        session.register("a.b", RegisterOptions::default(), move |_| {
            let began = began.clone();
            async move {
                began.send(()).await.unwrap();
                let _dropped_with_the_call = began;
                std::future::pending().await
            }
        }),
        async {
            heard(&there, 1).await;
            say(&there, registered(1, 8));
            say(&there, super::support::invocation(1, 8));
        }
    );
    begun.recv().await.unwrap();
    there.sink.close(CloseReason::Internal);
    assert!(matches!(session.ended().await, End::Lost(_)));
    drop(registration);
    // The procedure was dropped, and the handler with the session.
    assert!(begun.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn router_that_breaks_the_protocol_or_off_is_not_listened_to() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    say(&there, welcome());
    match heard(&there, 1).await {
        Message::Abort(abort) => assert_eq!(abort.reason, "wamp.error.protocol_violation"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        session.ended().await,
        End::Violation("WELCOME came at a moment when it means nothing".to_owned())
    );

    let (session, there) = router.joined().await;
    say(&there, super::support::result(7, "nobody asked"));
    assert!(matches!(session.ended().await, End::Violation(_)));
    assert!(matches!(there.heard_at_least(2).await[1], Heard::Message(Message::Abort(_))));

    let (session, there) = router.joined().await;
    say(&there, Message::Abort(Abort { message: None, reason: "wamp.error.network_failure".into() }));
    let expected = End::Aborted { reason: "wamp.error.network_failure".to_owned(), message: None };
    assert_eq!(session.ended().await, expected);
}
