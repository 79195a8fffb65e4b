//! The order that holds however the sessions of several threads meet: no EVENT before SUBSCRIBED or after
//! UNSUBSCRIBED, no INVOCATION before REGISTERED or after UNREGISTERED, one publisher's events in order, one answer
//! for each call, nothing after GOODBYE, nothing left behind.
//!
//! With the feature `shuttle` the interleavings of all locks are chosen and many are tried:
//! `cargo test -p transom-router --features shuttle --test order`. Without it the same runs on real threads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Waker};

#[cfg(feature = "shuttle")]
use shuttle::thread;
#[cfg(not(feature = "shuttle"))]
use std::thread;

use transom_config::{AnonymousAuth, AnonymousConfig, AuthConfig, Authorization, Realm, RealmOptions, Role};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{
    Call, CallOptions, Cancel, CloseReason, Dict, Flow, Goodbye, Hello, HelloDetails, Id, Message, Payload,
    Publish, PublishOptions, Register, RegisterOptions, Serializer, SessionPort, Shape, Subscribe,
    TransportDetails, Unregister, Unsubscribe, Value, Yield,
};

/// Tries many interleavings.
fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    #[cfg(feature = "shuttle")]
    {
        let scenario = Arc::new(scenario);
        let again = scenario.clone();
        shuttle::check_random(move || scenario(), 600);
        shuttle::check_pct(move || again(), 600, 3);
    }
    #[cfg(not(feature = "shuttle"))]
    for _ in 0..150 {
        scenario();
    }
}

fn router(chunk: usize) -> Arc<Router> {
    let anonymous =
        Role { name: "anonymous".into(), authorization: Authorization::Always(true), ..Role::default() };
    let options = RealmOptions { event_dispatching_chunk_size: chunk, ..RealmOptions::default() };
    Router::new(&[Realm { name: "realm1".into(), roles: vec![anonymous], options, ..Realm::default() }])
}

#[track_caller]
fn assert_empty(router: &Router) {
    let realm = &router.status().realms[0];
    assert_eq!((realm.sessions, realm.subscriptions, realm.registrations), (0, 0, 0));
}

struct Client {
    port: Box<dyn SessionPort>,
    sink: Arc<FakeSink>,
    heard: Vec<Message>,
}

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

fn argument(number: u64) -> Payload {
    Payload::from_values(Serializer::MsgPack, &[Value::from(number)], &Dict::default())
}

fn read(payload: &Payload) -> u64 {
    assert_eq!(payload.shape, Shape::Args);
    match payload.to_values().unwrap().0[..] {
        [Value::Int(number)] => number as u64,
        ref other => panic!("{other:?}"),
    }
}

impl Client {
    fn join(router: &Arc<Router>) -> Client {
        let sink = Arc::new(FakeSink::new(Serializer::MsgPack));
        let details = TransportDetails::memory(Serializer::MsgPack, 1);
        let mut client =
            Client { port: router.port(None).open(details, sink.clone()), sink, heard: Vec::new() };
        client.send(Message::Hello(Box::new(Hello {
            realm: Some("realm1".into()),
            details: HelloDetails::default(),
        })));
        assert!(matches!(client.listen()[..], [Message::Welcome(_)]));
        client
    }

    /// Sends a message and waits until the router wants the next.
    fn send(&mut self, message: Message) {
        let mut flow = self.port.receive(message).unwrap();
        while flow == Flow::Pause {
            let polled = self.port.poll_ready(&mut Context::from_waker(Waker::noop()));
            match polled {
                std::task::Poll::Ready(next) => flow = next,
                std::task::Poll::Pending => thread::yield_now(),
            }
        }
        assert_eq!(flow, Flow::Continue);
    }

    /// What came since the last look; it is also kept.
    fn listen(&mut self) -> Vec<Message> {
        let new: Vec<Message> = self.sink.take().into_iter().map(|message| message.unwrap()).collect();
        self.heard.extend_from_slice(&new);
        new
    }

    fn subscribe(&mut self, topic: &str) -> Id {
        let topic = topic.into();
        let subscribe =
            Subscribe { request: id(1), matching: Default::default(), get_retained: false, topic };
        self.send(Message::Subscribe(subscribe));
        let subscribed = self.listen().into_iter().find_map(|message| match message {
            Message::Subscribed(subscribed) => Some(subscribed.subscription),
            _ => None,
        });
        subscribed.unwrap()
    }

    fn unsubscribe(&mut self, subscription: Id) {
        self.send(Message::Unsubscribe(Unsubscribe { request: id(1), subscription }));
    }

    fn publish(&mut self, topic: &str, number: u64) {
        self.send(Message::Publish(Publish {
            request: id(1),
            options: PublishOptions::default(),
            topic: topic.into(),
            payload: argument(number),
        }));
    }

    /// Registers; none when somebody else has.
    fn register(&mut self, procedure: &str) -> Option<Id> {
        let (options, procedure) = (RegisterOptions::default(), procedure.into());
        self.send(Message::Register(Register { request: id(1), options, procedure }));
        self.listen().into_iter().find_map(|message| match message {
            Message::Registered(registered) => Some(registered.registration),
            _ => None,
        })
    }

    fn unregister(&mut self, registration: Id) {
        self.send(Message::Unregister(Unregister { request: id(1), registration }));
    }

    fn call(&mut self, request: u64, procedure: &str) {
        self.send(Message::Call(Call {
            request: id(request),
            options: CallOptions::default(),
            procedure: procedure.into(),
            payload: argument(request),
        }));
    }

    fn cancel(&mut self, request: u64) {
        self.send(Message::Cancel(Cancel { request: id(request), mode: None }));
    }

    /// Answers the invocations among these messages.
    fn answer(&mut self, messages: &[Message]) {
        for message in messages {
            if let Message::Invocation(invocation) = message {
                let payload = invocation.payload.clone();
                let answer = Yield { request: invocation.request, progress: false, passthru: None, payload };
                self.send(Message::Yield(answer));
            }
        }
    }

    fn goodbye(&mut self) {
        self.send(Message::Goodbye(Goodbye { message: None, reason: "wamp.close.normal".into() }));
    }

    /// Every EVENT is of a subscription held at that moment.
    #[track_caller]
    fn assert_events_within_subscriptions(&mut self) {
        self.listen();
        let mut held: Option<Id> = None;
        for message in &self.heard {
            match message {
                Message::Subscribed(subscribed) => held = Some(subscribed.subscription),
                Message::Unsubscribed(_) => held = None,
                Message::Event(event) => assert_eq!(held, Some(event.subscription), "{:?}", self.heard),
                _ => {}
            }
        }
    }

    /// Every INVOCATION is of a registration held at that moment.
    #[track_caller]
    fn assert_invocations_within_registrations(&mut self) {
        self.listen();
        let mut held: Option<Id> = None;
        for message in &self.heard {
            match message {
                Message::Registered(registered) => held = Some(registered.registration),
                Message::Unregistered(_) => held = None,
                Message::Invocation(invocation) => {
                    assert_eq!(held, Some(invocation.registration), "{:?}", self.heard)
                }
                _ => {}
            }
        }
    }

    /// Events carry `1000 * publisher + n`: those of each publisher come in order.
    #[track_caller]
    fn assert_publishers_in_order(&mut self) -> usize {
        self.listen();
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut events = 0;
        for message in &self.heard {
            if let Message::Event(event) = message {
                let number = read(&event.payload);
                let before = last.insert(number / 1000, number);
                assert!(before < Some(number), "{before:?} then {number}");
                events += 1;
            }
        }
        events
    }

    /// Each of these calls was answered once, a result with what was called with.
    #[track_caller]
    fn assert_each_answered_once(&mut self, calls: &[u64]) {
        self.listen();
        let mut answered: Vec<u64> = self.heard.iter().filter_map(answered).collect();
        answered.sort_unstable();
        assert_eq!(answered, calls, "{:?}", self.heard);
    }
}

fn answered(message: &Message) -> Option<u64> {
    match message {
        Message::Result(result) => {
            assert_eq!(read(&result.payload), result.request.get());
            Some(result.request.get())
        }
        Message::Error(error) => {
            let expected = ["wamp.error.canceled", "wamp.error.no_such_procedure"];
            assert!(expected.iter().any(|uri| error.error == *uri), "{error:?}");
            Some(error.request.get())
        }
        _ => None,
    }
}

/// Publishes in a thread of its own.
fn publishing(router: &Arc<Router>, publisher: u64, events: u64) -> thread::JoinHandle<Client> {
    let mut client = Client::join(router);
    thread::spawn(move || {
        for n in 0..events {
            client.publish("com.app", 1000 * publisher + n);
        }
        client
    })
}

#[test]
fn events_come_only_between_subscribed_and_unsubscribed() {
    explore(|| {
        let router = router(100);
        let mut subscriber = Client::join(&router);
        let publishers = [publishing(&router, 1, 3), publishing(&router, 2, 3)];
        for _ in 0..2 {
            let subscription = subscriber.subscribe("com.app");
            subscriber.unsubscribe(subscription);
        }
        let publishers = publishers.map(|thread| thread.join().unwrap());
        subscriber.assert_events_within_subscriptions();
        subscriber.assert_publishers_in_order();
        drop((subscriber, publishers));
        assert_empty(&router);
    });
}

#[test]
fn events_of_a_publisher_come_in_order_and_none_is_lost() {
    explore(|| {
        let router = router(100);
        let mut subscribers = [Client::join(&router), Client::join(&router)];
        for subscriber in &mut subscribers {
            subscriber.subscribe("com.app");
        }
        for thread in [publishing(&router, 1, 3), publishing(&router, 2, 3)] {
            thread.join().unwrap();
        }
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.assert_publishers_in_order(), 6);
        }
    });
}

#[test]
fn events_in_chunks_keep_their_order_while_subscribers_come_and_go() {
    explore(|| {
        let router = router(1);
        let mut staying = [Client::join(&router), Client::join(&router)];
        for subscriber in &mut staying {
            subscriber.subscribe("com.app");
        }
        let mut fickle = Client::join(&router);
        let publishers = [publishing(&router, 1, 2), publishing(&router, 2, 2)];
        for _ in 0..2 {
            let subscription = fickle.subscribe("com.app");
            fickle.unsubscribe(subscription);
        }
        for thread in publishers {
            thread.join().unwrap();
        }
        fickle.assert_events_within_subscriptions();
        fickle.assert_publishers_in_order();
        for subscriber in &mut staying {
            assert_eq!(subscriber.assert_publishers_in_order(), 4);
        }
    });
}

#[test]
fn topic_when_several_subscribe_and_leave_at_once_is_one_or_gone() {
    explore(|| {
        let router = router(100);
        let fickle = |router: &Arc<Router>| {
            let mut client = Client::join(router);
            thread::spawn(move || {
                let subscription = client.subscribe("com.app");
                client.unsubscribe(subscription);
                client.subscribe("com.app");
                client
            })
        };
        let threads = [fickle(&router), fickle(&router)];
        let mut clients = threads.map(|thread| thread.join().unwrap());
        assert_eq!(router.status().realms[0].subscriptions, 1);
        // Both are in the same set: each hears the other.
        let [one, two] = &mut clients;
        one.publish("com.app", 1000);
        two.publish("com.app", 2000);
        assert_eq!(one.assert_publishers_in_order(), 1);
        assert_eq!(two.assert_publishers_in_order(), 1);
        drop(clients);
        assert_empty(&router);
    });
}

#[test]
fn invocations_come_only_between_registered_and_unregistered() {
    explore(|| {
        let router = router(100);
        let callees = [Client::join(&router), Client::join(&router)].map(|mut callee| {
            thread::spawn(move || {
                for _ in 0..2 {
                    if let Some(registration) = callee.register("com.app") {
                        let heard = callee.listen();
                        callee.answer(&heard);
                        callee.unregister(registration);
                    }
                }
                callee
            })
        });
        let mut caller = Client::join(&router);
        for request in 1..4 {
            caller.call(request, "com.app");
        }
        let mut callees = callees.map(|thread| thread.join().unwrap());
        for callee in &mut callees {
            callee.assert_invocations_within_registrations();
        }
        // Who has not answered yet leaves.
        drop(callees);
        caller.assert_each_answered_once(&[1, 2, 3]);
        drop(caller);
        assert_empty(&router);
    });
}

#[test]
fn call_is_answered_once_when_answer_cancel_and_leaving_meet() {
    explore(|| {
        let router = router(100);
        let mut callee = Client::join(&router);
        callee.register("com.app");
        let callee = thread::spawn(move || {
            for _ in 0..2 {
                let heard = callee.listen();
                callee.answer(&heard);
            }
            drop(callee);
        });
        let mut caller = Client::join(&router);
        for request in 1..4 {
            caller.call(request, "com.app");
        }
        caller.cancel(2);
        callee.join().unwrap();
        caller.assert_each_answered_once(&[1, 2, 3]);
        drop(caller);
        assert_empty(&router);
    });
}

#[test]
fn nothing_comes_after_goodbye() {
    explore(|| {
        let router = router(100);
        let mut callee = Client::join(&router);
        callee.register("com.app");
        let mut leaving = Client::join(&router);
        leaving.subscribe("com.app");
        leaving.call(1, "com.app");
        let answering = thread::spawn(move || {
            let heard = callee.listen();
            callee.answer(&heard);
            callee
        });
        let publishing = publishing(&router, 1, 2);
        leaving.goodbye();
        let others = (answering.join().unwrap(), publishing.join().unwrap());
        leaving.listen();
        assert!(matches!(leaving.heard.last(), Some(Message::Goodbye(_))), "{:?}", leaving.heard);
        leaving.assert_events_within_subscriptions();
        drop(others);
        assert_empty(&router);
    });
}

#[test]
fn sessions_that_leave_at_once_leave_nothing() {
    explore(|| {
        let router = router(100);
        let mut clients = [Client::join(&router), Client::join(&router)];
        let [one, two] = &mut clients;
        one.register("com.one");
        two.register("com.two");
        // Each waits for the other, and for itself.
        one.call(1, "com.two");
        one.call(2, "com.one");
        two.call(1, "com.one");
        let sinks = clients.each_ref().map(|client| Arc::downgrade(&client.sink));
        let leaving =
            |mut client: Client| thread::spawn(move || client.port.closed(CloseReason::TransportLost));
        for thread in clients.map(leaving) {
            thread.join().unwrap();
        }
        assert_empty(&router);
        assert!(sinks.iter().all(|sink| sink.upgrade().is_none()));
    });
}

/// A realm and whether its role `anonymous` is there by another name.
fn realms(name: &str, role: &str) -> Vec<Realm> {
    let role = Role { name: role.into(), authorization: Authorization::Always(true), ..Role::default() };
    vec![Realm { name: name.into(), roles: vec![role], ..Realm::default() }]
}

#[test]
fn session_that_joins_while_its_realm_or_role_goes_is_refused_or_dismissed() {
    for (before, after) in [
        (realms("realm1", "user"), realms("realm2", "user")),
        (realms("realm1", "user"), realms("realm1", "x")),
    ] {
        explore(move || {
            let router = Router::new(&before);
            let anonymous = AnonymousConfig { role: "user".into(), ..AnonymousConfig::default() };
            let auth =
                AuthConfig { anonymous: Some(AnonymousAuth::Static(anonymous)), ..AuthConfig::default() };
            let sink = Arc::new(FakeSink::new(Serializer::MsgPack));
            let mut port =
                router.port(Some(&auth)).open(TransportDetails::memory(Serializer::MsgPack, 1), sink.clone());
            let joining = thread::spawn(move || {
                let hello = Hello { realm: Some("realm1".into()), details: HelloDetails::default() };
                let flow = port.receive(Message::Hello(Box::new(hello))).unwrap();
                (port, flow)
            });
            let dismissed = router.update(&after);
            let (mut port, flow) = joining.join().unwrap();
            assert_eq!(dismissed, sink.nudges());
            if dismissed > 0 {
                let now = port.deadline().unwrap();
                port.expired(now);
            }
            let heard: Vec<Message> = sink.take().into_iter().map(|message| message.unwrap()).collect();
            match flow {
                Flow::Continue => {
                    assert!(matches!(heard[..], [Message::Welcome(_), Message::Goodbye(_)]), "{heard:?}");
                    assert_eq!(dismissed, 1);
                }
                _ => {
                    assert!(matches!(heard[..], [Message::Abort(_)]), "{heard:?}");
                    assert_eq!(dismissed, 0);
                }
            }
            drop(port);
            assert_eq!(Arc::strong_count(&sink), 1);
        });
    }
}

#[test]
fn events_when_permissions_change_are_lost_to_nobody_and_nothing_follows_a_dismissal() {
    explore(|| {
        let router = router(1);
        let (mut staying, mut leaving) = (Client::join(&router), Client::join(&router));
        staying.subscribe("com.app");
        leaving.subscribe("com.app");
        let publishing = publishing(&router, 1, 4);
        let changed = Realm {
            options: RealmOptions { event_dispatching_chunk_size: 2, ..RealmOptions::default() },
            ..realms("realm1", "anonymous").remove(0)
        };
        assert_eq!(router.update(std::slice::from_ref(&changed)), 0);
        let publisher = publishing.join().unwrap();
        staying.listen();
        let events = |client: &Client| {
            let is_event = |message: &&Message| matches!(message, Message::Event(_));
            client.heard.iter().filter(is_event).count()
        };
        assert_eq!(events(&staying), 4);
        let more = self::publishing(&router, 1, 2);
        assert_eq!(router.update(&[]), 4);
        let now = leaving.port.deadline().unwrap();
        leaving.port.expired(now);
        let more = more.join().unwrap();
        leaving.listen();
        assert!(matches!(leaving.heard.last(), Some(Message::Goodbye(_))), "{:?}", leaving.heard);
        drop((more, publisher));
    });
}
