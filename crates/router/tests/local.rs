//! Sessions inside the router's process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use transom_base::Deadline;
use transom_config::{
    AnonymousAuth, AnonymousConfig, AuthConfig, Authorization, MatchPolicy, Permission, Realm, RealmOptions,
    Role, SlowConsumer,
};
use transom_peer::{IncomingCall, JoinError, LocalOptions, LocalSession, RequestError};
use transom_router::Router;
use transom_wamp::{
    CallOptions, CloseReason, Dict, Payload, PublishOptions, RegisterOptions, Serializer, Value,
};

const URI: &str = "com.app.x";

fn router_with(slow_consumer: SlowConsumer, chunk: usize) -> Arc<Router> {
    let authorization = Authorization::Always(true);
    let anonymous = Role { name: "anonymous".into(), authorization, slow_consumer, ..Role::default() };
    let rules = vec![Permission { match_policy: MatchPolicy::Prefix, ..Permission::default() }];
    let guest =
        Role { name: "guest".into(), authorization: Authorization::Permissions(rules), ..Role::default() };
    let options = RealmOptions { event_dispatching_chunk_size: chunk, ..RealmOptions::default() };
    let roles = vec![anonymous, guest];
    Router::new(&[Realm { name: "realm1".into(), roles, options, ..Realm::default() }])
}

fn router() -> Arc<Router> {
    router_with(SlowConsumer::Drop, 100)
}

fn join(router: &Arc<Router>) -> (LocalSession, JoinHandle<CloseReason>) {
    join_with(router, LocalOptions::new("realm1"))
}

fn join_with(router: &Arc<Router>, options: LocalOptions) -> (LocalSession, JoinHandle<CloseReason>) {
    let (session, driver) = LocalSession::join(&*router.port(None), options).unwrap();
    (session, tokio::spawn(driver))
}

fn number(number: i64) -> Payload {
    Payload::from_values(Serializer::MsgPack, &[Value::Int(number)], &Dict::default())
}

fn read(payload: &Payload) -> i64 {
    match payload.to_values().unwrap().0[..] {
        [Value::Int(number)] => number,
        ref other => panic!("{other:?}"),
    }
}

fn acknowledged() -> PublishOptions {
    PublishOptions { acknowledge: true, ..PublishOptions::default() }
}

#[track_caller]
fn failed<T: std::fmt::Debug>(outcome: Result<T, RequestError>) -> String {
    match outcome {
        Err(RequestError::Failed(error)) => error.error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn assert_empty(router: &Router) {
    let realm = &router.status().realms[0];
    assert_eq!((realm.sessions, realm.subscriptions, realm.registrations), (0, 0, 0));
}

#[tokio::test]
async fn session_that_the_router_refuses_does_not_join() {
    let refused = LocalSession::join(&*router().port(None), LocalOptions::new("realm9"));
    let Err(JoinError::Refused(abort)) = refused else { panic!("{refused:?}") };
    assert_eq!(abort.reason, "wamp.error.no_such_realm");
}

#[tokio::test]
async fn events_reach_every_handler_of_every_session_in_order() {
    let router = router();
    let (publisher, _publishing) = join(&router);
    let mut json = LocalOptions::new("realm1");
    json.serializer = Serializer::Json;
    let (subscriber, _subscribing) = join_with(&router, json);
    let (events, mut heard) = mpsc::unbounded_channel();
    let mut handles = Vec::new();
    for handler in 0..2 {
        let events = events.clone();
        let on_event =
            move |event: transom_peer::Event| events.send((handler, read(&event.payload))).unwrap();
        handles.push(subscriber.subscribe(URI, on_event).await.unwrap());
    }
    assert_eq!(router.status().realms[0].subscriptions, 1);
    for n in 0..3 {
        assert_eq!(publisher.publish(URI, PublishOptions::default(), number(n)).await, Ok(None));
    }
    for n in 0..3 {
        assert_eq!((heard.recv().await, heard.recv().await), (Some((0, n)), Some((1, n))));
    }
    subscriber.unsubscribe(handles[0]).await.unwrap();
    assert!(publisher.publish(URI, acknowledged(), number(7)).await.unwrap().is_some());
    assert_eq!(heard.recv().await, Some((1, 7)));
    subscriber.unsubscribe(handles[1]).await.unwrap();
    assert_eq!(router.status().realms[0].subscriptions, 0);
    assert_eq!(failed(subscriber.unsubscribe(handles[1]).await), "wamp.error.no_such_subscription");
}

#[tokio::test]
async fn handler_that_comes_while_the_last_one_goes_hears_events() {
    let router = router();
    let (session, _driving) = join(&router);
    let first = session.subscribe(URI, |_| {}).await.unwrap();
    let (events, mut heard) = mpsc::unbounded_channel();
    let second = session.subscribe(URI, move |event| events.send(read(&event.payload)).unwrap());
    let (second, first) = tokio::join!(second, session.unsubscribe(first));
    second.unwrap();
    first.unwrap();
    let options = PublishOptions { exclude_me: Some(false), ..PublishOptions::default() };
    session.publish(URI, options, number(5)).await.unwrap();
    assert_eq!(heard.recv().await, Some(5));
}

#[tokio::test]
async fn calls_are_answered_at_once_later_or_not_at_all() {
    let router = router();
    let (callee, _callee) = join(&router);
    let (caller, _caller) = join(&router);
    let call = |n| caller.call(URI, CallOptions::default(), number(n), Deadline::NEVER);
    assert_eq!(failed(call(1).await), "wamp.error.no_such_procedure");
    let later: Arc<Mutex<Vec<IncomingCall>>> = Arc::default();
    let kept = later.clone();
    let on_call = move |call: IncomingCall| match read(&call.invocation().payload) {
        1 => call.result(number(10)),
        2 => call.error("com.app.failed", number(20)),
        3 => kept.lock().unwrap().push(call),
        _ => {}
    };
    let handle = callee.register(URI, RegisterOptions::default(), on_call).await.unwrap();
    assert_eq!(read(&call(1).await.unwrap().payload), 10);
    let Err(RequestError::Failed(error)) = call(2).await else { panic!("an error") };
    assert_eq!((&*error.error, read(&error.payload)), ("com.app.failed", 20));
    assert_eq!(failed(call(4).await), "wamp.error.runtime_error");
    let answer_later = async {
        while later.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        callee.unregister(handle).await.unwrap();
        later.lock().unwrap().pop().unwrap().result(number(30));
    };
    let (result, ()) = tokio::join!(call(3), answer_later);
    assert_eq!(read(&result.unwrap().payload), 30);
    assert_eq!(failed(call(1).await), "wamp.error.no_such_procedure");
    assert_eq!(failed(callee.unregister(handle).await), "wamp.error.no_such_registration");
}

#[tokio::test]
async fn session_calls_itself_while_it_answers() {
    let router = router();
    let (session, _driving) = join(&router);
    session.register(URI, RegisterOptions::default(), |call| call.result(number(1))).await.unwrap();
    let result = session.call(URI, CallOptions::default(), number(0), Deadline::NEVER).await;
    assert_eq!(read(&result.unwrap().payload), 1);
}

#[tokio::test(start_paused = true)]
async fn call_that_nobody_waits_for_is_canceled() {
    let router = router();
    let (callee, _callee) = join(&router);
    let (caller, _caller) = join(&router);
    let (calls, mut taken) = mpsc::unbounded_channel();
    callee.register(URI, RegisterOptions::default(), move |call| calls.send(call).unwrap()).await.unwrap();
    let deadline = Deadline::after(Duration::from_secs(3));
    let call = caller.call(URI, CallOptions::default(), number(0), deadline);
    assert_eq!(call.await, Err(RequestError::TimedOut));
    let late = taken.recv().await.unwrap();
    {
        let dropped = caller.call(URI, CallOptions::default(), number(1), Deadline::NEVER);
        tokio::select! {
            outcome = dropped => panic!("{outcome:?}"),
            second = taken.recv() => drop(second),
        }
    }
    late.result(number(9));
    // Both sides go on; nothing of the canceled calls comes up.
    let (answer, result) = tokio::join!(
        async { taken.recv().await.unwrap().result(number(3)) },
        caller.call(URI, CallOptions::default(), number(2), Deadline::NEVER)
    );
    let () = answer;
    assert_eq!(read(&result.unwrap().payload), 3);
}

#[tokio::test]
async fn refusals_reach_who_asked() {
    let router = router();
    let anonymous = AnonymousConfig { role: "guest".into(), ..AnonymousConfig::default() };
    let auth = AuthConfig { anonymous: Some(AnonymousAuth::Static(anonymous)), ..AuthConfig::default() };
    let (guest, driver) =
        LocalSession::join(&*router.port(Some(&auth)), LocalOptions::new("realm1")).unwrap();
    tokio::spawn(driver);
    let expected = "wamp.error.not_authorized";
    assert_eq!(failed(guest.subscribe(URI, |_| {}).await), expected);
    assert_eq!(failed(guest.register(URI, RegisterOptions::default(), |_| {}).await), expected);
    assert_eq!(failed(guest.publish(URI, acknowledged(), number(1)).await), expected);
    assert_eq!(guest.publish(URI, PublishOptions::default(), number(1)).await, Ok(None));
    let call = guest.call(URI, CallOptions::default(), number(1), Deadline::NEVER);
    assert_eq!(failed(call.await), expected);
    assert_eq!(guest.welcome().details.get("authrole"), Some(&Value::from("guest")));
}

#[tokio::test]
async fn session_ends_when_it_leaves_or_everybody_lets_go_of_it() {
    let router = router();
    let (session, driving) = join(&router);
    session.subscribe(URI, |_| {}).await.unwrap();
    let other = session.clone();
    session.leave().await;
    assert_eq!(driving.await.unwrap(), CloseReason::Normal);
    assert_empty(&router);
    assert_eq!(other.publish(URI, acknowledged(), number(1)).await, Err(RequestError::Ended));
    other.leave().await;

    let (session, driving) = join(&router);
    session.register(URI, RegisterOptions::default(), |_| {}).await.unwrap();
    drop(session);
    assert_eq!(driving.await.unwrap(), CloseReason::Normal);
    assert_empty(&router);
}

#[tokio::test]
async fn who_waits_learns_of_the_end() {
    let router = router();
    let (callee, _callee) = join(&router);
    let (called, came) = oneshot::channel();
    let (mut called, kept) = (Some(called), Arc::new(Mutex::new(Vec::new())));
    let on_call = move |call| {
        kept.lock().unwrap().push(call);
        called.take().unwrap().send(()).unwrap();
    };
    callee.register(URI, RegisterOptions::default(), on_call).await.unwrap();
    let (caller, driving) = join(&router);
    let call = caller.call(URI, CallOptions::default(), number(1), Deadline::NEVER);
    let end = async {
        came.await.unwrap();
        driving.abort();
    };
    let (outcome, ()) = tokio::join!(call, end);
    assert_eq!(outcome, Err(RequestError::Ended));
}

#[tokio::test]
async fn publisher_waits_for_a_local_subscriber_where_its_role_says_so() {
    let router = router_with(SlowConsumer::PushBack, 2);
    let mut small = LocalOptions::new("realm1");
    small.max_queue = 100;
    let (publisher, _publishing) = join(&router);
    let (events, mut heard) = mpsc::unbounded_channel();
    let mut driving = Vec::new();
    let mut sessions = Vec::new();
    for subscriber in 0..5 {
        let (session, driver) = join_with(&router, small.clone());
        let events = events.clone();
        let on_event =
            move |event: transom_peer::Event| events.send((subscriber, read(&event.payload))).unwrap();
        session.subscribe(URI, on_event).await.unwrap();
        sessions.push(session);
        driving.push(driver);
    }
    for n in 0..100 {
        publisher.publish(URI, PublishOptions::default(), number(n)).await.unwrap();
    }
    let mut next = [0; 5];
    for _ in 0..500 {
        let (subscriber, n) = heard.recv().await.unwrap();
        assert_eq!(n, next[subscriber]);
        next[subscriber] += 1;
    }
    assert_eq!(next, [100; 5]);
    assert_eq!(router.status().realms[0].dropped_events, 0);
}

#[tokio::test]
async fn session_whose_realm_is_removed_ends() {
    let router = router();
    let (session, driver) = join(&router);
    session.subscribe(URI, |_| {}).await.unwrap();
    assert_eq!(router.update(&[]), 1);
    assert_eq!(driver.await.unwrap(), CloseReason::SystemShutdown);
    assert!(matches!(session.subscribe(URI, |_| {}).await, Err(RequestError::Ended)));
}
