//! Clients that speak JSON to a router without a transport.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::Instant;
use transom_base::Clock;
use transom_config::{
    Allow, AnonymousAuth, AnonymousConfig, AuthConfig, Authorization, MatchPolicy, Permission, Realm, Role,
    SlowConsumer,
};
use transom_router::{RealmSettings, RealmStatus, Router};
use transom_testkit::FakeSink;
use transom_wamp::{
    Encoder, Flow, Serializer, SessionError, SessionPort, SessionSink, TransportDetails, decode,
};

pub(crate) const URI: &str = "com.app.x";

/// A realm `realm1` whose role `anonymous` may do anything.
pub(crate) fn open_realm() -> Realm {
    realm(vec![role("anonymous", Authorization::Always(true), SlowConsumer::Drop)])
}

pub(crate) fn realm(roles: Vec<Role>) -> Realm {
    Realm { name: "realm1".into(), roles, ..Realm::default() }
}

pub(crate) fn role(name: &str, authorization: Authorization, slow_consumer: SlowConsumer) -> Role {
    Role { name: name.into(), authorization, slow_consumer, ..Role::default() }
}

pub(crate) fn rule(uri: &str, match_policy: MatchPolicy, actions: &str) -> Permission {
    let allow = Allow {
        call: actions.contains("call"),
        register: actions.contains("register"),
        publish: actions.contains("publish"),
        subscribe: actions.contains("subscribe"),
    };
    Permission { uri: uri.into(), match_policy, allow, ..Permission::default() }
}

pub(crate) fn router() -> Arc<Router> {
    Router::new(&[open_realm()])
}

/// A router whose only realm is open and has further settings.
pub(crate) fn router_with(set: impl FnOnce(&mut RealmSettings)) -> Arc<Router> {
    router_at(SetClock::new(), set)
}

/// The same, with a clock that the test sets.
pub(crate) fn router_at(clock: Arc<SetClock>, set: impl FnOnce(&mut RealmSettings)) -> Arc<Router> {
    let mut settings = RealmSettings::from(&open_realm());
    set(&mut settings);
    Router::with_settings(&[settings], clock)
}

/// Everybody who joins gets this role.
pub(crate) fn as_role(role: &str) -> AuthConfig {
    let anonymous = AnonymousConfig { role: role.into(), ..AnonymousConfig::default() };
    AuthConfig { anonymous: Some(AnonymousAuth::Static(anonymous)), ..AuthConfig::default() }
}

pub(crate) fn status(router: &Router) -> RealmStatus {
    router.status().realms.remove(0)
}

/// Nothing is left of any session.
#[track_caller]
pub(crate) fn assert_empty(router: &Router) {
    let status = status(router);
    assert_eq!((status.sessions, status.subscriptions, status.registrations), (0, 0, 0));
}

/// One peer of a router.
pub(crate) struct Client {
    pub(crate) port: Box<dyn SessionPort>,
    pub(crate) sink: Arc<FakeSink>,
    pub(crate) id: u64,
}

pub(crate) fn hello(realm: &str) -> Value {
    json!([1, realm, {"roles": {"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}}}])
}

impl Client {
    /// A peer that has said nothing yet.
    pub(crate) fn silent(router: &Arc<Router>, auth: Option<&AuthConfig>, sink: FakeSink) -> Client {
        let sink = Arc::new(sink);
        let details = TransportDetails::memory(sink.serializer(), 1);
        Client { port: router.port(auth).open(details, sink.clone()), sink, id: 0 }
    }

    /// A peer that has joined `realm1`.
    pub(crate) fn join(router: &Arc<Router>) -> Client {
        Client::join_with(router, None, FakeSink::new(Serializer::Json))
    }

    pub(crate) fn join_as(router: &Arc<Router>, role: &str) -> Client {
        Client::join_with(router, Some(&as_role(role)), FakeSink::new(Serializer::Json))
    }

    pub(crate) fn join_with(router: &Arc<Router>, auth: Option<&AuthConfig>, sink: FakeSink) -> Client {
        Client::say_hello(router, auth, sink, hello("realm1"))
    }

    /// A peer whose roles have these features.
    pub(crate) fn join_featuring(router: &Arc<Router>, features: &[&str]) -> Client {
        let features: serde_json::Map<String, Value> =
            features.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
        let role = json!({ "features": features });
        let roles = json!({"publisher": role, "subscriber": role, "caller": role, "callee": role});
        let hello = json!([1, "realm1", { "roles": roles }]);
        Client::say_hello(router, None, FakeSink::new(Serializer::Json), hello)
    }

    fn say_hello(router: &Arc<Router>, auth: Option<&AuthConfig>, sink: FakeSink, hello: Value) -> Client {
        let mut client = Client::silent(router, auth, sink);
        client.tell(hello);
        let welcome = client.one();
        assert_eq!(welcome[0], 2, "{welcome}");
        client.id = welcome[1].as_u64().unwrap();
        client
    }

    pub(crate) fn try_tell(&mut self, message: Value) -> Result<Flow, SessionError> {
        let message = decode(Serializer::Json, &message.to_string().into()).unwrap();
        self.port.receive(message)
    }

    /// Whether a message can be read at all.
    pub(crate) fn try_tell_raw(
        &mut self,
        message: &str,
    ) -> Result<transom_wamp::Message, transom_wamp::DecodeError> {
        decode(Serializer::Json, &message.to_owned().into())
    }

    /// Sends a message after which the router wants more.
    #[track_caller]
    pub(crate) fn tell(&mut self, message: Value) {
        assert_eq!(self.try_tell(message.clone()), Ok(Flow::Continue), "{message}");
    }

    /// Sends a message that breaks the protocol; the text of the refusal.
    #[track_caller]
    pub(crate) fn violates(&mut self, message: Value) -> String {
        match self.try_tell(message.clone()) {
            Err(SessionError::Violation(refusal)) => refusal.to_string(),
            other => panic!("{message}: {other:?}"),
        }
    }

    /// Sends a message and takes the only answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, message: Value) -> Value {
        self.tell(message);
        self.one()
    }

    /// Sends a message and takes the last of what came since.
    #[track_caller]
    pub(crate) fn ask_last(&mut self, message: Value) -> Value {
        self.tell(message);
        self.take().pop().unwrap()
    }

    /// Sends a request and takes the ERROR that answers it: its URI and its text.
    #[track_caller]
    pub(crate) fn fails(&mut self, message: Value) -> (String, String) {
        let answer = self.ask(message.clone());
        assert_eq!(answer[0], 8, "{message}: {answer}");
        assert_eq!((&answer[1], &answer[2]), (&message[0], &message[1]), "{answer}");
        (answer[4].as_str().unwrap().to_owned(), answer[5][0].as_str().unwrap_or_default().to_owned())
    }

    /// What came since the last look.
    #[track_caller]
    pub(crate) fn take(&self) -> Vec<Value> {
        let json = |message| {
            let mut encoder = Encoder::default();
            let encoded = encoder.encode(Serializer::Json, &message);
            let bytes = [encoded.head, encoded.body, encoded.tail].concat();
            serde_json::from_slice(&bytes).unwrap()
        };
        self.sink.take().into_iter().map(|message| json(message.unwrap())).collect()
    }

    /// The only message that came.
    #[track_caller]
    pub(crate) fn one(&self) -> Value {
        let mut all = self.take();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[track_caller]
    pub(crate) fn nothing(&self) {
        assert_eq!(self.take(), Vec::<Value>::new());
    }

    /// Subscribes; the subscription.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, topic: &str) -> u64 {
        let answer = self.ask(json!([32, 1, {}, topic]));
        assert_eq!((&answer[0], &answer[1]), (&json!(33), &json!(1)), "{answer}");
        answer[2].as_u64().unwrap()
    }

    /// Registers; the registration.
    #[track_caller]
    pub(crate) fn register(&mut self, procedure: &str) -> u64 {
        let answer = self.ask(json!([64, 1, {}, procedure]));
        assert_eq!((&answer[0], &answer[1]), (&json!(65), &json!(1)), "{answer}");
        answer[2].as_u64().unwrap()
    }

    pub(crate) fn publish(&mut self, topic: &str, argument: u64) -> Result<Flow, SessionError> {
        self.try_tell(json!([16, 1, {}, topic, [argument]]))
    }

    /// The only arguments of the events that came.
    #[track_caller]
    pub(crate) fn arguments(&self) -> Vec<u64> {
        let argument = |event: Value| {
            assert_eq!(event[0], 36, "{event}");
            event[4][0].as_u64().unwrap()
        };
        self.take().into_iter().map(argument).collect()
    }

    /// Subscribes with options; the subscription.
    #[track_caller]
    pub(crate) fn subscribe_with(&mut self, options: Value, topic: &str) -> u64 {
        let answer = self.ask(json!([32, 1, options, topic]));
        assert_eq!((&answer[0], &answer[1]), (&json!(33), &json!(1)), "{answer}");
        answer[2].as_u64().unwrap()
    }

    /// Registers with options; the registration.
    #[track_caller]
    pub(crate) fn register_with(&mut self, options: Value, procedure: &str) -> u64 {
        let answer = self.ask(json!([64, 1, options, procedure]));
        assert_eq!((&answer[0], &answer[1]), (&json!(65), &json!(1)), "{answer}");
        answer[2].as_u64().unwrap()
    }

    /// Sends a request and takes its answer and all that follows it, whatever the router waits for on the way.
    #[track_caller]
    pub(crate) fn ask_patiently(&mut self, message: Value) -> Vec<Value> {
        let mut flow = self.try_tell(message).unwrap();
        while flow == Flow::Pause {
            match self.poll(&Woken::default()) {
                Poll::Ready(next) => flow = next,
                Poll::Pending => panic!("it waits for somebody else"),
            }
        }
        assert_eq!(flow, Flow::Continue);
        self.take()
    }

    /// Calls a procedure that answers at once: its only result.
    #[track_caller]
    pub(crate) fn calls(&mut self, procedure: &str, args: Value) -> Value {
        self.calls_with(procedure, args, json!({}))
    }

    #[track_caller]
    pub(crate) fn calls_with(&mut self, procedure: &str, args: Value, kwargs: Value) -> Value {
        let answer = self.ask(json!([48, 1, {}, procedure, args, kwargs]));
        assert_eq!((&answer[0], &answer[1]), (&json!(50), &json!(1)), "{answer}");
        answer.get(3).map_or(json!(null), |args| args[0].clone())
    }

    /// Does what a transport does for its session after each turn: looks at its deadline.
    pub(crate) fn turn(&mut self, now: Instant) {
        while let Some(at) = self.port.deadline().filter(|at| *at <= now) {
            assert_eq!(self.port.expired(now), Flow::Continue);
            assert_ne!(self.port.deadline(), Some(at), "what is due is done");
        }
    }

    /// Asks a paused port what comes next.
    pub(crate) fn poll(&mut self, woken: &Woken) -> Poll<Flow> {
        self.port.poll_ready(&mut Context::from_waker(&woken.waker()))
    }
}

/// Counts wakes.
#[derive(Clone, Default)]
pub(crate) struct Woken(Arc<Count>);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    /// How often since the last look.
    pub(crate) fn times(&self) -> usize {
        self.0.0.swap(0, Ordering::SeqCst)
    }
}

/// A clock that a test sets. Its time of day begins in 1970.
pub(crate) struct SetClock(Instant, Mutex<Instant>);

impl SetClock {
    pub(crate) fn new() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(SetClock(now, Mutex::new(now)))
    }

    pub(crate) fn forward(&self, time: Duration) -> Instant {
        let mut now = self.1.lock().unwrap();
        *now += time;
        *now
    }
}

impl Clock for SetClock {
    fn now(&self) -> Instant {
        *self.1.lock().unwrap()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.now().duration_since(self.0)
    }
}
