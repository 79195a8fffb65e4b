//! Procedures.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use transom_client::{ProcedureError, Registration, RequestError, Session};
use transom_testkit::FakeSession;
use transom_wamp::{
    CancelMode, Interrupt, Invocation, Message, Payload, RegisterOptions, Revocation, Unregistered, code,
};

use super::support::{Router, error, heard, id, invocation, registered, say, text};

/// Registers, as the first request.
async fn serve<F, Fut>(
    session: &Session,
    there: &FakeSession,
    concurrency: Option<u64>,
    handler: F,
) -> Registration
where
    F: Fn(Invocation) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Payload, ProcedureError>> + Send + 'static,
{
    let options = RegisterOptions { concurrency, ..RegisterOptions::default() };
    let (registration, ()) = tokio::join!(session.register("a.b", options, handler), async {
        match heard(there, 1).await {
            Message::Register(register) => {
                assert_eq!((register.procedure.as_str(), register.options.concurrency), ("a.b", concurrency));
            }
            other => panic!("{other:?}"),
        }
        say(there, registered(1, 8));
    });
    registration.unwrap()
}

/// The error that answers an invocation.
async fn failed(there: &FakeSession, number: usize) -> (u64, String) {
    match heard(there, number).await {
        Message::Error(error) => {
            assert_eq!(error.request_type, code::INVOCATION);
            (error.request.get(), error.error.to_string())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn call_is_answered_with_what_the_procedure_returns() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let _registration = serve(&session, &there, None, |invocation| async move {
        assert_eq!(invocation.payload, text("question"));
        match invocation.request.get() {
            1 => Ok(text("answer")),
            _ => Err(ProcedureError::new("com.example.error", "no")),
        }
    })
    .await;
    say(&there, invocation(1, 8));
    match heard(&there, 2).await {
        Message::Yield(answer) => assert_eq!((answer.request, answer.payload), (id(1), text("answer"))),
        other => panic!("{other:?}"),
    }
    say(&there, invocation(2, 8));
    match heard(&there, 3).await {
        Message::Error(error) => {
            assert_eq!((error.request, error.error.as_str()), (id(2), "com.example.error"));
            assert_eq!(error.payload, text("no"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn call_is_answered_whatever_becomes_of_the_procedure() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let _registration = serve(&session, &there, None, |invocation| async move {
        match invocation.request.get() {
            1 => panic!("out of cheese"),
            2 => Ok(text(&"x".repeat(1 << 24))),
            _ => std::future::pending().await,
        }
    })
    .await;
    say(&there, invocation(1, 8));
    assert_eq!(failed(&there, 2).await, (1, "wamp.error.runtime_error".to_owned()));
    say(&there, invocation(2, 8));
    assert_eq!(failed(&there, 3).await, (2, "wamp.error.payload_size_exceeded".to_owned()));
    say(&there, invocation(3, 8));
    let interrupt = |request| Interrupt { request: id(request), mode: CancelMode::Kill, reason: None };
    // One that is not running is no matter.
    say(&there, Message::Interrupt(interrupt(2)));
    say(&there, Message::Interrupt(interrupt(3)));
    assert_eq!(failed(&there, 4).await, (3, "wamp.error.canceled".to_owned()));
    // One that is not registered.
    say(&there, invocation(4, 9));
    assert_eq!(failed(&there, 5).await, (4, "wamp.error.no_such_procedure".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_concurrency_are_refused_until_one_is_answered() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let gate = Arc::new(Semaphore::new(0));
    let _registration = serve(&session, &there, Some(2), {
        let gate = gate.clone();
        move |_| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(text("answer"))
            }
        }
    })
    .await;
    (1..=3).for_each(|request| say(&there, invocation(request, 8)));
    assert_eq!(failed(&there, 2).await, (3, "wamp.error.unavailable".to_owned()));
    gate.add_permits(1);
    assert!(matches!(heard(&there, 3).await, Message::Yield(_)));
    say(&there, invocation(4, 8));
    gate.add_permits(2);
    assert!(matches!(heard(&there, 5).await, Message::Yield(_)));
}

#[tokio::test(start_paused = true)]
async fn registration_ends_when_it_is_dropped_and_serves_until_the_router_knows() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let registration = serve(&session, &there, None, |_| async { Ok(text("answer")) }).await;
    let unregistering = tokio::spawn(registration.unregister());
    assert!(matches!(heard(&there, 2).await, Message::Unregister(message) if message.registration == id(8)));
    say(&there, invocation(1, 8));
    assert!(matches!(heard(&there, 3).await, Message::Yield(_)));
    say(&there, Message::Unregistered(Unregistered { request: id(2) }));
    unregistering.await.unwrap().unwrap();
    say(&there, invocation(2, 8));
    assert_eq!(failed(&there, 4).await.1, "wamp.error.no_such_procedure");

    let (registration, ()) = tokio::join!(
        session.register("c.d", RegisterOptions::default(), |_| async { Ok(text("x")) }),
        async {
            heard(&there, 5).await;
            say(&there, registered(3, 9));
        }
    );
    drop(registration.unwrap());
    assert!(matches!(heard(&there, 6).await, Message::Unregister(message) if message.registration == id(9)));
}

#[tokio::test(start_paused = true)]
async fn registration_is_refused_or_ended_by_the_router() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let handler = |_| async { Ok(text("x")) };
    let (refused, ()) = tokio::join!(session.register("a.b", RegisterOptions::default(), handler), async {
        heard(&there, 1).await;
        say(&there, error(code::REGISTER, 1, "wamp.error.procedure_already_exists"));
    });
    assert!(matches!(refused.unwrap_err(), RequestError::Failed(_)));

    let (registration, ()) =
        tokio::join!(session.register("a.b", RegisterOptions::default(), handler), async {
            heard(&there, 2).await;
            say(&there, registered(2, 8));
            say(&there, Message::RegistrationRevoked(Revocation { id: id(8), reason: None }));
            say(&there, invocation(1, 8));
        });
    assert_eq!(failed(&there, 3).await.1, "wamp.error.no_such_procedure");
    let registration = registration.unwrap();
    registration.revoked().await;
    // No answer in time.
    let before = tokio::time::Instant::now();
    assert_eq!(registration.unregister().await, Err(RequestError::TimedOut));
    assert_eq!(before.elapsed(), Duration::from_secs(20));
}
