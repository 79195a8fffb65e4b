//! The router, told what to do and heard.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::Instant;
use transom_base::Clock;
use transom_config::{AnonymousAuth, AnonymousConfig, AuthConfig, Authorization, Role};
use transom_router::{CallTimeoutUnit, RealmSettings, Router, StoreRule};
use transom_testkit::FakeSink;
use transom_wamp::{
    CancelMode, CloseReason, Encoder, Flow, Invoke, Match, Message, Serializer, SessionError, SessionPort,
    TransportDetails, decode,
};

use crate::ops::{FEATURES, Leave, Op, Question, SESSIONS};
use crate::rules;

pub(crate) struct Real {
    router: Arc<Router>,
    clock: Arc<SetClock>,
    sessions: Vec<Option<Session>>,
    /// IDs that sessions had, by place, for filters.
    ids: Vec<u64>,
}

/// One session, and what it knows from what it heard.
pub(crate) struct Session {
    port: Box<dyn SessionPort>,
    sink: Arc<FakeSink>,
    pub(crate) id: u64,
    /// The number of the last request.
    request: u64,
    pub(crate) subscriptions: Vec<u64>,
    pub(crate) registrations: Vec<u64>,
    /// Calls that were made, and those in pieces whose last piece was not sent.
    pub(crate) calls: Vec<u64>,
    pub(crate) streams: Vec<(u64, &'static str)>,
    /// Invocations that were heard and not answered.
    pub(crate) invocations: Vec<u64>,
}

pub(crate) struct SetClock(Mutex<Instant>);

impl Clock for SetClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

pub(crate) fn router(clock: Arc<SetClock>) -> Arc<Router> {
    let role = |name: &str, authorization| Role { name: name.into(), authorization, ..Role::default() };
    let mut realm = RealmSettings::new("realm1");
    realm.roles = vec![
        role("open", Authorization::Always(true)),
        role("limited", Authorization::Permissions(rules::rules())),
    ];
    realm.call_timeout_unit = CallTimeoutUnit::Milliseconds;
    realm.event_dispatching_chunk_size = 3;
    realm.store.call_queue = vec![StoreRule { uri: "a.b".into(), matching: Match::Exact, limit: 2 }];
    Router::with_settings(&[realm], clock)
}

pub(crate) fn clock() -> Arc<SetClock> {
    Arc::new(SetClock(Mutex::new(Instant::now())))
}

pub(crate) fn matching(matching: Match) -> &'static str {
    match matching {
        Match::Exact => "exact",
        Match::Prefix => "prefix",
        Match::Wildcard => "wildcard",
    }
}

pub(crate) fn invoke(invoke: Invoke) -> &'static str {
    match invoke {
        Invoke::Single => "single",
        Invoke::RoundRobin => "roundrobin",
        Invoke::Random => "random",
        Invoke::First => "first",
        Invoke::Last => "last",
    }
}

/// The one that a number chooses, if there is any.
pub(crate) fn choose<T: Copy>(list: &[T], which: usize) -> Option<T> {
    list.get(which % list.len().max(1)).copied()
}

impl Session {
    pub(crate) fn join(router: &Arc<Router>, limited: bool, features: u8) -> Session {
        let role = if limited { "limited" } else { "open" };
        let anonymous = AnonymousConfig { role: role.into(), ..AnonymousConfig::default() };
        let auth = AuthConfig { anonymous: Some(AnonymousAuth::Static(anonymous)), ..AuthConfig::default() };
        let sink = Arc::new(FakeSink::new(Serializer::Json));
        let details = TransportDetails::memory(Serializer::Json, 1);
        let port = router.port(Some(&auth)).open(details, sink.clone());
        let mut session = Session {
            port,
            sink,
            id: 0,
            request: 0,
            subscriptions: Vec::new(),
            registrations: Vec::new(),
            calls: Vec::new(),
            streams: Vec::new(),
            invocations: Vec::new(),
        };
        let announced: serde_json::Map<String, Value> = FEATURES
            .iter()
            .enumerate()
            .filter(|(bit, _)| features & (1 << bit) != 0)
            .map(|(_, name)| ((*name).to_owned(), json!(true)))
            .collect();
        let one = json!({ "features": announced });
        let roles = json!({"publisher": one, "subscriber": one, "caller": one, "callee": one});
        session.say(json!([1, "realm1", { "roles": roles }])).unwrap();
        session.id = session.hear()[0][1].as_u64().unwrap();
        session
    }

    /// Says something and waits until the router wants to hear more.
    pub(crate) fn say(&mut self, message: Value) -> Result<(), SessionError> {
        let message = decode(Serializer::Json, &message.to_string().into()).unwrap();
        let mut flow = self.port.receive(message)?;
        while flow == Flow::Pause {
            match self.port.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(next) => flow = next,
                Poll::Pending => std::thread::yield_now(),
            }
        }
        Ok(())
    }

    /// What came since the last look.
    pub(crate) fn hear(&mut self) -> Vec<Value> {
        let json = |message: Message| -> Value {
            let mut encoder = Encoder::default();
            let encoded = encoder.encode(Serializer::Json, &message);
            serde_json::from_slice(&[encoded.head, encoded.body, encoded.tail].concat()).unwrap()
        };
        let heard: Vec<Value> = self.sink.take().into_iter().map(|message| json(message.unwrap())).collect();
        for message in &heard {
            self.note(message);
        }
        heard
    }

    fn note(&mut self, message: &Value) {
        let number = |at: usize| message[at].as_u64().unwrap_or_default();
        let add = |list: &mut Vec<u64>, number| {
            if !list.contains(&number) {
                list.push(number);
            }
        };
        match number(0) {
            33 => add(&mut self.subscriptions, number(2)),
            35 if number(1) == 0 => {
                self.subscriptions.retain(|id| Some(*id) != message[2]["subscription"].as_u64());
            }
            65 => add(&mut self.registrations, number(2)),
            67 if number(1) == 0 => {
                self.registrations.retain(|id| Some(*id) != message[2]["registration"].as_u64());
            }
            68 => add(&mut self.invocations, number(1)),
            69 => self.invocations.retain(|invocation| *invocation != number(1)),
            _ => {}
        }
    }

    pub(crate) fn next_request(&mut self) -> u64 {
        self.request += 1;
        self.request
    }

    /// Does what a transport does after each turn.
    fn turn(&mut self, now: Instant) {
        while self.port.deadline().is_some_and(|at| at <= now) {
            self.port.expired(now);
        }
    }

    /// Does what it is told, as far as it is about this session alone. An error is a violation.
    pub(crate) fn act(&mut self, op: &Op, ids: &[u64]) -> Result<(), SessionError> {
        let request = match op {
            Op::Continue { .. }
            | Op::CallAgain { .. }
            | Op::Yield { .. }
            | Op::Fail { .. }
            | Op::Cancel { .. } => 0,
            _ => self.next_request(),
        };
        match op {
            Op::Subscribe { pattern, get_retained, .. } => {
                let options = json!({"match": matching(pattern.matching), "get_retained": get_retained});
                self.say(json!([32, request, options, pattern.uri]))
            }
            Op::Unsubscribe { which, .. } => {
                let id = choose(&self.subscriptions, *which).unwrap_or(999_999);
                self.subscriptions.retain(|held| *held != id);
                self.say(json!([34, request, id]))
            }
            Op::Publish { topic, options, .. } => {
                let sessions = |places: &[usize]| places.iter().map(|at| ids[*at]).collect::<Vec<u64>>();
                let mut map = json!({
                    "acknowledge": options.acknowledge, "exclude_me": !options.include_me,
                    "disclose_me": options.disclose_me, "retain": options.retain,
                });
                if let Some(eligible) = &options.eligible {
                    map["eligible"] = json!(sessions(eligible));
                }
                if !options.exclude.is_empty() {
                    map["exclude"] = json!(sessions(&options.exclude));
                }
                if options.exclude_limited {
                    map["exclude_authrole"] = json!(["limited"]);
                }
                self.say(json!([16, request, map, topic, [self.id, request]]))
            }
            Op::Register { pattern, options, .. } => {
                let mut map = json!({
                    "match": matching(pattern.matching), "invoke": invoke(options.invoke),
                    "force_reregister": options.force, "disclose_caller": options.disclose_caller,
                });
                if let Some(limit) = options.concurrency {
                    map["concurrency"] = json!(limit);
                }
                self.say(json!([64, request, map, pattern.uri]))
            }
            Op::Unregister { which, .. } => {
                let id = choose(&self.registrations, *which).unwrap_or(999_999);
                self.registrations.retain(|held| *held != id);
                self.say(json!([66, request, id]))
            }
            Op::Call { procedure, options, .. } => {
                self.calls.push(request);
                if options.progress {
                    self.streams.push((request, procedure));
                }
                let map = json!({
                    "timeout": options.timeout, "receive_progress": options.receive_progress,
                    "progress": options.progress, "disclose_me": options.disclose_me,
                });
                self.say(json!([48, request, map, procedure, [self.id, request]]))
            }
            Op::Continue { which, last, .. } => {
                let Some((call, procedure)) = choose(&self.streams, *which) else { return Ok(()) };
                if *last {
                    self.streams.retain(|(number, _)| *number != call);
                }
                self.say(json!([48, call, {"progress": !last}, procedure, [self.id, call]]))
            }
            Op::CallAgain { which, procedure, .. } => {
                let Some(call) = choose(&self.calls, *which) else { return Ok(()) };
                self.say(json!([48, call, {}, procedure, [self.id, call]]))
            }
            Op::Yield { which, progress, .. } => {
                let Some(invocation) = choose(&self.invocations, *which) else { return Ok(()) };
                if !progress {
                    self.invocations.retain(|number| *number != invocation);
                }
                self.say(json!([70, invocation, {"progress": progress}, [self.id, invocation]]))
            }
            Op::Fail { which, unavailable, .. } => {
                let Some(invocation) = choose(&self.invocations, *which) else { return Ok(()) };
                self.invocations.retain(|number| *number != invocation);
                let uri = if *unavailable { "wamp.error.unavailable" } else { "a.failed" };
                self.say(json!([8, 68, invocation, {}, uri]))
            }
            Op::Cancel { which, mode, .. } => {
                let Some(call) = choose(&self.calls, *which) else { return Ok(()) };
                let mode = match mode {
                    None => json!({}),
                    Some(CancelMode::Skip) => json!({"mode": "skip"}),
                    Some(CancelMode::Kill) => json!({"mode": "kill"}),
                    Some(CancelMode::KillNoWait) => json!({"mode": "killnowait"}),
                };
                self.say(json!([49, call, mode]))
            }
            Op::Testament { topic, detached, .. } => {
                let scope = if *detached { "detached" } else { "destroyed" };
                let args = json!([topic, [self.id, request, "testament"], {}, {}, scope]);
                self.say(json!([48, request, {}, "wamp.session.add_testament", args]))
            }
            Op::Ask { question, .. } => {
                let pattern = |pattern: &crate::ops::Pattern| json!([pattern.uri, {"match": matching(pattern.matching)}]);
                let (procedure, args) = match question {
                    Question::SubscriptionMatch(uri) => ("subscription.match", json!([uri])),
                    Question::RegistrationMatch(uri) => ("registration.match", json!([uri])),
                    Question::SubscriptionLookup(asked) => ("subscription.lookup", pattern(asked)),
                    // Answered in two steps: who knows the ID asks by it.
                    Question::Subscribers(asked) => ("subscription.lookup", pattern(asked)),
                    Question::Callees(asked) => ("registration.lookup", pattern(asked)),
                    Question::Sessions => ("session.count", json!([])),
                };
                self.say(json!([48, request, {}, format!("wamp.{procedure}"), args]))?;
                let second = match question {
                    Question::Subscribers(_) => "subscription.list_subscribers",
                    Question::Callees(_) => "registration.list_callees",
                    _ => return Ok(()),
                };
                let heard = self.hear();
                let id = heard.last().and_then(|result| result[3][0].as_u64());
                // The first answer is left out.
                match id {
                    Some(id) => self.say(json!([48, request, {}, format!("wamp.{second}"), [id]])),
                    None => Ok(()),
                }
            }
            Op::Remove { .. } | Op::Kill { .. } | Op::Join { .. } | Op::Leave { .. } | Op::Wait { .. } => {
                Ok(())
            }
        }
    }

    pub(crate) fn leave(mut self, how: Leave) -> Vec<Value> {
        match how {
            Leave::Goodbye => self.say(json!([6, {}, "wamp.close.normal"])).unwrap(),
            Leave::Abort => self.say(json!([3, {}, "a.aborted"])).unwrap(),
            Leave::Lost => self.port.closed(CloseReason::TransportLost),
        }
        self.hear()
    }
}

impl Op {
    /// Whose it is; none for time.
    pub(crate) fn at(&self) -> Option<usize> {
        match self {
            Op::Join { at, .. }
            | Op::Leave { at, .. }
            | Op::Subscribe { at, .. }
            | Op::Unsubscribe { at, .. }
            | Op::Publish { at, .. }
            | Op::Register { at, .. }
            | Op::Unregister { at, .. }
            | Op::Call { at, .. }
            | Op::Continue { at, .. }
            | Op::CallAgain { at, .. }
            | Op::Yield { at, .. }
            | Op::Fail { at, .. }
            | Op::Cancel { at, .. }
            | Op::Testament { at, .. }
            | Op::Ask { at, .. }
            | Op::Remove { at, .. }
            | Op::Kill { at, .. } => Some(*at),
            Op::Wait { .. } => None,
        }
    }
}

impl Real {
    pub(crate) fn new() -> Self {
        let clock = clock();
        let sessions = (0..SESSIONS).map(|_| None).collect();
        Real { router: router(clock.clone()), clock, sessions, ids: vec![1; SESSIONS] }
    }

    /// What each session heard of it.
    pub(crate) fn step(&mut self, op: &Op) -> Vec<Vec<Value>> {
        let mut heard: Vec<Vec<Value>> = vec![Vec::new(); SESSIONS];
        match op {
            Op::Join { at, limited, features } => {
                if self.sessions[*at].is_none() {
                    let session = Session::join(&self.router, *limited, *features);
                    self.ids[*at] = session.id;
                    heard[*at].push(json!([2, session.id]));
                    self.sessions[*at] = Some(session);
                }
            }
            Op::Leave { at, how } => {
                if let Some(session) = self.sessions[*at].take() {
                    heard[*at] = session.leave(*how);
                }
            }
            Op::Wait { milliseconds } => {
                *self.clock.0.lock().unwrap() += Duration::from_millis(*milliseconds);
            }
            Op::Kill { at, whom } => {
                let victim = self.ids[*whom];
                if let Some(session) = &mut self.sessions[*at] {
                    let request = session.next_request();
                    session.say(json!([48, request, {}, "wamp.session.kill", [victim]])).unwrap();
                }
            }
            Op::Remove { at, subscriber, which } => {
                let whom = which % SESSIONS;
                let held = self.sessions[whom].as_ref().and_then(|session| {
                    let list = if *subscriber { &session.subscriptions } else { &session.registrations };
                    choose(list, *which)
                });
                let victim = self.ids[whom];
                if let (Some(session), Some(id)) = (&mut self.sessions[*at], held) {
                    let procedure = if *subscriber {
                        "subscription.remove_subscriber"
                    } else {
                        "registration.remove_callee"
                    };
                    let request = session.next_request();
                    session.say(json!([48, request, {}, format!("wamp.{procedure}"), [id, victim]])).unwrap();
                    if let Some(victim) = &mut self.sessions[whom] {
                        let list =
                            if *subscriber { &mut victim.subscriptions } else { &mut victim.registrations };
                        list.retain(|held| *held != id);
                    }
                }
            }
            op => {
                let at = op.at().unwrap();
                let ids = self.ids.clone();
                if let Some(session) = &mut self.sessions[at]
                    && session.act(op, &ids).is_err()
                {
                    let mut session = self.sessions[at].take().unwrap();
                    session.port.closed(CloseReason::ProtocolViolation);
                    heard[at] = session.hear();
                }
            }
        }
        let now = self.clock.now();
        for session in self.sessions.iter_mut().flatten() {
            session.turn(now);
        }
        for (at, place) in self.sessions.iter_mut().enumerate() {
            if let Some(session) = place {
                heard[at].extend(session.hear());
                if heard[at].last().is_some_and(|message| message[0] == 6) {
                    *place = None;
                }
            }
        }
        heard
    }

    pub(crate) fn leave_all(&mut self) -> Vec<Vec<Value>> {
        let leave = |session: &mut Option<Session>| session.take().map(|session| session.leave(Leave::Lost));
        self.sessions.iter_mut().filter_map(leave).collect()
    }

    pub(crate) fn assert_empty(&self, retained: &[&str]) {
        for topic in retained {
            assert!(self.router.forget_retained("realm1", topic), "{topic} is retained");
        }
        let realm = &self.router.status().realms[0];
        assert_eq!(
            (realm.sessions, realm.subscriptions, realm.registrations, realm.retained_topics),
            (0, 0, 0, 0)
        );
    }
}
