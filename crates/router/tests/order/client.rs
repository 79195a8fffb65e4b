//! Clients of a router without a transport, and what must hold of all they hear.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Waker};

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::thread;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::thread;

use transom_config::{Authorization, Realm, RealmOptions, Role};
use transom_router::{CallTimeoutUnit, RealmSettings, Router, StoreRule};
use transom_testkit::FakeSink;
use transom_wamp::{
    Call, CallOptions, Cancel, CancelMode, ClientRoles, Dict, ErrorMessage, Features, Flow, Goodbye, Hello,
    HelloDetails, Id, Match, Message, Payload, Publish, PublishOptions, Register, RegisterOptions,
    Serializer, SessionPort, Shape, Subscribe, TransportDetails, Unregister, Unsubscribe, Value, Yield,
};

/// Tries many interleavings.
pub(crate) fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    #[cfg(feature = "shuttle")]
    {
        use shuttle::scheduler::{PctScheduler, RandomScheduler};
        let mut config = shuttle::Config::new();
        // Without optimization the frames of values that are handed on are large.
        config.stack_size = 1 << 18;
        let scenario = Arc::new(scenario);
        let again = scenario.clone();
        shuttle::Runner::new(RandomScheduler::new(600), config.clone()).run(move || scenario());
        shuttle::Runner::new(PctScheduler::new(3, 600), config).run(move || again());
    }
    #[cfg(not(feature = "shuttle"))]
    for _ in 0..150 {
        scenario();
    }
}

pub(crate) fn router(chunk: usize) -> Arc<Router> {
    let anonymous =
        Role { name: "anonymous".into(), authorization: Authorization::Always(true), ..Role::default() };
    let options = RealmOptions { event_dispatching_chunk_size: chunk, ..RealmOptions::default() };
    Router::new(&[Realm { name: "realm1".into(), roles: vec![anonymous], options, ..Realm::default() }])
}

/// A router whose realm lets calls of `com.app` wait, and counts time-outs in milliseconds.
pub(crate) fn queueing_router() -> Arc<Router> {
    let anonymous =
        Role { name: "anonymous".into(), authorization: Authorization::Always(true), ..Role::default() };
    let realm = Realm { name: "realm1".into(), roles: vec![anonymous], ..Realm::default() };
    let mut settings = RealmSettings::from(&realm);
    settings.call_timeout_unit = CallTimeoutUnit::Milliseconds;
    settings.store.call_queue = vec![StoreRule { uri: "com.app".into(), matching: Match::Exact, limit: 10 }];
    Router::with_settings(&[settings], Arc::new(transom_base::SystemClock))
}

#[track_caller]
pub(crate) fn assert_empty(router: &Router) {
    let realm = &router.status().realms[0];
    assert_eq!((realm.sessions, realm.subscriptions, realm.registrations), (0, 0, 0));
}

pub(crate) struct Client {
    pub(crate) port: Box<dyn SessionPort>,
    pub(crate) sink: Arc<FakeSink>,
    pub(crate) heard: Vec<Message>,
}

pub(crate) fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

pub(crate) fn argument(number: u64) -> Payload {
    Payload::from_values(Serializer::MsgPack, &[Value::from(number)], &Dict::default())
}

pub(crate) fn read(payload: &Payload) -> u64 {
    assert_eq!(payload.shape, Shape::Args);
    match payload.to_values().unwrap().0[..] {
        [Value::Int(number)] => number as u64,
        ref other => panic!("{other:?}"),
    }
}

impl Client {
    pub(crate) fn join(router: &Arc<Router>) -> Client {
        Client::join_featuring(router, &[])
    }

    /// A client whose roles have these features.
    pub(crate) fn join_featuring(router: &Arc<Router>, features: &[&'static str]) -> Client {
        let sink = Arc::new(FakeSink::new(Serializer::MsgPack));
        let details = TransportDetails::memory(Serializer::MsgPack, 1);
        let mut client =
            Client { port: router.port(None).open(details, sink.clone()), sink, heard: Vec::new() };
        client.send(Message::Hello(Box::new(Hello {
            realm: Some("realm1".into()),
            details: HelloDetails { roles: roles(features), ..HelloDetails::default() },
        })));
        assert!(matches!(client.listen()[..], [Message::Welcome(_)]));
        client
    }

    /// Sends a message and waits until the router wants the next.
    pub(crate) fn send(&mut self, message: Message) {
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
    pub(crate) fn listen(&mut self) -> Vec<Message> {
        let new: Vec<Message> = self.sink.take().into_iter().map(|message| message.unwrap()).collect();
        self.heard.extend_from_slice(&new);
        new
    }

    pub(crate) fn subscribe(&mut self, topic: &str) -> Id {
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

    /// Subscribes, perhaps to a pattern, and takes what is retained; the subscription.
    pub(crate) fn subscribe_to(&mut self, matching: Match, topic: &str, get_retained: bool) -> Id {
        let topic = topic.into();
        self.send(Message::Subscribe(Subscribe { request: id(1), matching, get_retained, topic }));
        let subscribed = self.listen().into_iter().find_map(|message| match message {
            Message::Subscribed(subscribed) => Some(subscribed.subscription),
            _ => None,
        });
        subscribed.unwrap()
    }

    pub(crate) fn unsubscribe(&mut self, subscription: Id) {
        self.send(Message::Unsubscribe(Unsubscribe { request: id(1), subscription }));
    }

    pub(crate) fn publish(&mut self, topic: &str, number: u64) {
        self.publish_with(PublishOptions::default(), topic, number);
    }

    pub(crate) fn publish_with(&mut self, options: PublishOptions, topic: &str, number: u64) {
        self.send(Message::Publish(Publish {
            request: id(1),
            options,
            topic: topic.into(),
            payload: argument(number),
        }));
    }

    /// Registers; none when somebody else has.
    pub(crate) fn register(&mut self, procedure: &str) -> Option<Id> {
        self.register_with(RegisterOptions::default(), procedure)
    }

    pub(crate) fn register_with(&mut self, options: RegisterOptions, procedure: &str) -> Option<Id> {
        let procedure = procedure.into();
        self.send(Message::Register(Register { request: id(1), options, procedure }));
        self.listen().into_iter().find_map(|message| match message {
            Message::Registered(registered) => Some(registered.registration),
            _ => None,
        })
    }

    pub(crate) fn unregister(&mut self, registration: Id) {
        self.send(Message::Unregister(Unregister { request: id(1), registration }));
    }

    pub(crate) fn call(&mut self, request: u64, procedure: &str) {
        self.call_with(CallOptions::default(), request, procedure);
    }

    pub(crate) fn call_with(&mut self, options: CallOptions, request: u64, procedure: &str) {
        self.send(Message::Call(Call {
            request: id(request),
            options,
            procedure: procedure.into(),
            payload: argument(request),
        }));
    }

    pub(crate) fn cancel(&mut self, request: u64) {
        self.cancel_with(request, CancelMode::KillNoWait);
    }

    pub(crate) fn cancel_with(&mut self, request: u64, mode: CancelMode) {
        self.send(Message::Cancel(Cancel { request: id(request), mode: Some(mode) }));
    }

    /// Refuses the invocations among these messages, so that another callee may do them.
    pub(crate) fn refuse(&mut self, messages: &[Message]) {
        for message in messages {
            if let Message::Invocation(invocation) = message {
                self.send(Message::Error(ErrorMessage {
                    request_type: 68,
                    request: invocation.request,
                    passthru: None,
                    error: "wamp.error.unavailable".into(),
                    payload: Payload::empty(Serializer::MsgPack),
                }));
            }
        }
    }

    /// Does what a transport does after each turn.
    pub(crate) fn turn(&mut self) {
        let now = tokio::time::Instant::now();
        while self.port.deadline().is_some_and(|at| at <= now) {
            assert_eq!(self.port.expired(now), Flow::Continue);
        }
    }

    /// Answers the invocations among these messages.
    pub(crate) fn answer(&mut self, messages: &[Message]) {
        for message in messages {
            if let Message::Invocation(invocation) = message {
                let payload = invocation.payload.clone();
                let answer = Yield { request: invocation.request, progress: false, passthru: None, payload };
                self.send(Message::Yield(answer));
            }
        }
    }

    pub(crate) fn goodbye(&mut self) {
        self.send(Message::Goodbye(Goodbye { message: None, reason: "wamp.close.normal".into() }));
    }

    /// Every EVENT is of a subscription held at that moment.
    #[track_caller]
    pub(crate) fn assert_events_within_subscriptions(&mut self) {
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
    pub(crate) fn assert_invocations_within_registrations(&mut self) {
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

    /// Nothing is said of an INVOCATION before it is there, nor twice.
    #[track_caller]
    pub(crate) fn assert_interrupts_follow_invocations(&mut self) {
        self.listen();
        let mut known = Vec::new();
        for message in &self.heard {
            match message {
                Message::Invocation(invocation) => known.push(invocation.request),
                Message::Interrupt(interrupt) => {
                    assert!(known.contains(&interrupt.request), "{:?}", self.heard);
                    known.retain(|request| *request != interrupt.request);
                }
                _ => {}
            }
        }
    }

    /// Events carry `1000 * publisher + n`: those of each publisher come in order.
    #[track_caller]
    pub(crate) fn assert_publishers_in_order(&mut self) -> usize {
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
    pub(crate) fn assert_each_answered_once(&mut self, calls: &[u64]) {
        self.listen();
        let mut answered: Vec<u64> = self.heard.iter().filter_map(answered).collect();
        answered.sort_unstable();
        assert_eq!(answered, calls, "{:?}", self.heard);
    }
}

fn roles(features: &[&'static str]) -> ClientRoles {
    let features = || Some(Features(features.iter().map(|name| (*name).into()).collect()));
    ClientRoles { publisher: features(), subscriber: features(), caller: features(), callee: features() }
}

pub(crate) fn answered(message: &Message) -> Option<u64> {
    match message {
        Message::Result(result) if result.progress => None,
        Message::Result(result) => {
            assert_eq!(read(&result.payload), result.request.get());
            Some(result.request.get())
        }
        Message::Error(error) => {
            let expected = [
                "wamp.error.canceled",
                "wamp.error.no_such_procedure",
                "wamp.error.no_available_callee",
                "wamp.error.timeout",
            ];
            assert!(expected.iter().any(|uri| error.error == *uri), "{error:?}");
            Some(error.request.get())
        }
        _ => None,
    }
}
