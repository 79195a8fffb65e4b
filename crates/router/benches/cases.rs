//! How much work the router has with each message, by what it holds: `cargo xtask bench router`.
//!
//! Peers are in this thread and have no transport, so that what is measured is the router alone. Each line is one case;
//! the best of several runs counts: what else the machine does only adds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a measurement")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use transom_auth::client::{Cryptosign, Scram, scram_store, wampcra};
use transom_auth::{
    AnonymousSettings, CryptosignPrincipal, CryptosignSettings, Env, Kdf, Method, Methods, PrivateKey,
    ScramSettings, Secret, Settings, TicketPrincipal, TicketSettings, WampcraSettings, WampcraUser,
};
use transom_config::{
    Allow, Authorization, MatchPolicy, Permission, Realm, Role, SessionLimits, SlowConsumer,
};
use transom_router::Router;
use transom_wamp::{
    Authenticate, Call, CallOptions, ClientRoles, CloseReason, Dict, Features, Flow, Hello, HelloDetails, Id,
    Match, Message, Offered, Outgoing, Payload, Publish, PublishOptions, Register, RegisterOptions,
    RouterPort, Serializer, SessionPort, SessionSink, Subscribe, Text, TransportDetails, Value, Yield,
    decode,
};

const RUNS: usize = 5;
const PACK: Serializer = Serializer::MsgPack;

fn main() {
    println!("{:<64} {:>10} {:>12}", "", "ns each", "each second");
    topics();
    patterns();
    registrations();
    meta_events();
    authorization();
    joins();
    slow();
}

/// What comes of so many times something.
fn line(name: &str, best: Duration, times: usize) {
    let each = best.as_secs_f64() / times as f64;
    println!("{name:<64} {:>10.0} {:>12.0}", each * 1e9, 1.0 / each);
}

/// The best of several runs of something that is done so many times in each.
fn best(times: usize, mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        for _ in 0..times {
            run();
        }
        start.elapsed()
    };
    (0..RUNS).map(timed).min().unwrap()
}

/// Counts what is queued for a peer, and keeps the last message where somebody wants to read it.
struct Sink {
    queued: AtomicU64,
    last: Option<Mutex<Vec<u8>>>,
    /// It takes nothing.
    stuck: bool,
}

impl SessionSink for Sink {
    fn serializer(&self) -> Serializer {
        PACK
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        let queued = self.queued.fetch_add(1, Ordering::Relaxed);
        if let Some(last) = &self.last {
            *last.lock() = [out.message.head, out.message.body, out.message.tail].concat();
        }
        // WELCOME and SUBSCRIBED find room.
        if self.stuck && queued > 1 { Offered::Full } else { Offered::Queued }
    }

    fn close(&self, _: CloseReason) {}

    fn nudge(&self) {}

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

struct Peer {
    port: Box<dyn SessionPort>,
    sink: Arc<Sink>,
}

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

impl Peer {
    fn open(port: &Arc<dyn RouterPort>, reads: bool, stuck: bool) -> Self {
        let last = reads.then(Mutex::default);
        let sink = Arc::new(Sink { queued: AtomicU64::new(0), last, stuck });
        let port = port.open(TransportDetails::memory(PACK, 1), sink.clone());
        Peer { port, sink }
    }

    fn join(port: &Arc<dyn RouterPort>) -> Self {
        let mut peer = Peer::open(port, false, false);
        peer.say(hello("anonymous", None, None));
        peer
    }

    fn say(&mut self, message: Message) {
        let mut flow = self.port.receive(message).unwrap();
        while flow == Flow::Pause {
            match self.port.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(next) => flow = next,
                Poll::Pending => {}
            }
        }
        assert_eq!(flow, Flow::Continue);
    }

    fn last(&self) -> Message {
        decode(PACK, &self.sink.last.as_ref().unwrap().lock().clone().into()).unwrap()
    }

    fn subscribe(&mut self, matching: Match, topic: &str) {
        let topic = topic.into();
        self.say(Message::Subscribe(Subscribe { request: id(1), matching, get_retained: false, topic }));
    }

    fn publish(&mut self, topic: &Text) {
        let payload = Payload::from_values(PACK, &[Value::from(1_u64)], &Dict::default());
        let options = PublishOptions::default();
        self.say(Message::Publish(Publish { request: id(1), options, topic: topic.clone(), payload }));
    }

    fn register(&mut self, procedure: &str) {
        let (options, procedure) = (RegisterOptions::default(), procedure.into());
        self.say(Message::Register(Register { request: id(1), options, procedure }));
    }

    fn call(&mut self, request: u64, procedure: &Text) {
        let payload = Payload::from_values(PACK, &[], &Dict::default());
        let (request, options, procedure) = (id(request), CallOptions::default(), procedure.clone());
        self.say(Message::Call(Call { request, options, procedure, payload }));
    }
}

fn hello(method: &str, authid: Option<&str>, authextra: Option<Dict>) -> Message {
    let role = || Some(Features::default());
    let roles = ClientRoles { publisher: role(), subscriber: role(), caller: role(), callee: role() };
    let details = HelloDetails {
        roles,
        authmethods: Some(vec![method.into()]),
        authid: authid.map(Text::from),
        authextra,
        ..HelloDetails::default()
    };
    Message::Hello(Box::new(Hello { realm: Some("realm1".into()), details }))
}

fn router_of(authorization: Authorization, slow_consumer: SlowConsumer) -> Arc<Router> {
    let limits =
        SessionLimits { max_subscriptions: 1 << 20, max_registrations: 1 << 20, ..SessionLimits::default() };
    let role = Role { name: "anonymous".into(), authorization, limits, slow_consumer, ..Role::default() };
    let backend =
        Role { name: "backend".into(), authorization: Authorization::Always(true), ..Role::default() };
    Router::new(&[Realm { name: "realm1".into(), roles: vec![role, backend], ..Realm::default() }])
}

fn open_router() -> Arc<Router> {
    router_of(Authorization::Always(true), SlowConsumer::Drop)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn topics() {
    for count in [1, 100, 10_000] {
        let router = open_router();
        let port = router.port(None);
        let (mut subscriber, mut publisher) = (Peer::join(&port), Peer::join(&port));
        let topics: Vec<Text> = (0..count).map(|n| format!("com.app.topic{n}").into()).collect();
        for topic in &topics {
            subscriber.subscribe(Match::Exact, topic.as_str());
        }
        let mut next = topics.iter().cycle();
        let time = best(100_000, || publisher.publish(next.next().unwrap()));
        let topics = counted(count, "topic", "topics in turn");
        line(&format!("PUBLISH to {topics}, a subscriber each"), time, 100_000);
    }
}

fn patterns() {
    for (matching, name) in [(Match::Prefix, "prefix"), (Match::Wildcard, "wildcard")] {
        for count in [1, 1_000, 100_000] {
            let router = open_router();
            let port = router.port(None);
            let (mut subscriber, mut publisher) = (Peer::join(&port), Peer::join(&port));
            for n in 0..count {
                let pattern = match matching {
                    Match::Wildcard => format!("com.app..item{n}"),
                    _ => format!("com.app{n}."),
                };
                subscriber.subscribe(matching, &pattern);
            }
            let topic = |n: usize| match matching {
                Match::Wildcard => format!("com.app.x.item{n}").into(),
                _ => format!("com.app{n}.x").into(),
            };
            let same: Text = topic(count / 2);
            let time = best(100_000, || publisher.publish(&same));
            let subscriptions =
                counted(count, &format!("{name} subscription"), &format!("{name} subscriptions"));
            line(&format!("PUBLISH to one topic, {subscriptions}, one matches"), time, 100_000);
            let topics: Vec<Text> =
                (0..count.min(1_000)).map(|n| topic(n * (count / count.min(1_000)))).collect();
            let mut next = topics.iter().cycle();
            let time = best(100_000, || publisher.publish(next.next().unwrap()));
            line(&format!("  to {} in turn", counted(topics.len(), "topic", "topics")), time, 100_000);
        }
    }
}

fn registrations() {
    const COUNT: usize = 100_000;
    let router = open_router();
    let port = router.port(None);
    let mut callee = Peer::open(&port, true, false);
    callee.say(hello("anonymous", None, None));
    let mut caller = Peer::join(&port);
    let procedures: Vec<Text> = (0..COUNT).map(|n| format!("com.app.procedure{n}").into()).collect();
    let start = Instant::now();
    procedures.iter().for_each(|procedure| callee.register(procedure.as_str()));
    line(&format!("REGISTER, {COUNT} times"), start.elapsed(), COUNT);
    let (mut request, mut next) = (0, procedures.iter().cycle().step_by(7919));
    let time = best(50_000, || {
        request += 1;
        caller.call(request, next.next().unwrap());
        let Message::Invocation(invocation) = callee.last() else { panic!("no INVOCATION") };
        let payload = Payload::empty(PACK);
        callee.say(Message::Yield(Yield {
            request: invocation.request,
            progress: false,
            passthru: None,
            payload,
        }));
    });
    line(&format!("CALL to RESULT, any of {COUNT} registrations"), time, 50_000);
}

fn meta_events() {
    const SESSIONS: usize = 50_000;
    let router = open_router();
    let port = router.port(None);
    let start = Instant::now();
    let sessions: Vec<Peer> = (0..SESSIONS).map(|_| Peer::join(&port)).collect();
    line(&format!("HELLO to WELCOME, {SESSIONS} sessions, nobody listens"), start.elapsed(), SESSIONS);
    let time = best(5_000, || drop(Peer::join(&port)));
    line("  joining and leaving among them", time, 5_000);
    let mut listener = Peer::join(&port);
    listener.subscribe(Match::Prefix, "wamp.session.");
    let time = best(5_000, || drop(Peer::join(&port)));
    line("  joining and leaving while somebody listens", time, 5_000);
    let mut caller = Peer::join(&port);
    let mut request = 0;
    let mut call = |procedure: &str, times: usize| {
        let procedure = Text::from(procedure);
        let time = best(times, || {
            request += 1;
            caller.call(request, &procedure);
        });
        line(&format!("  {procedure}"), time, times);
    };
    call("wamp.session.count", 20);
    call("wamp.session.list", 20);
    drop(sessions);
}

fn authorization() {
    let all = Allow { call: true, register: true, publish: true, subscribe: true };
    let rule = |n: usize| Permission {
        uri: format!("com.app{n}."),
        match_policy: MatchPolicy::Prefix,
        allow: all,
        ..Permission::default()
    };
    for rules in [1, 1_000] {
        let router =
            router_of(Authorization::Permissions((0..rules).map(rule).collect()), SlowConsumer::Drop);
        let mut publisher = Peer::join(&router.port(None));
        let name = format!("PUBLISH, {}", counted(rules, "rule", "rules"));
        let topics: Vec<Text> = (0..1_000).map(|n| format!("com.app0.topic{n}").into()).collect();
        let mut next = topics.iter().cycle();
        let time = best(100_000, || publisher.publish(next.next().unwrap()));
        line(&format!("{name}, decided before"), time, 100_000);
        let mut number = 0;
        let mut fresh = || {
            number += 1;
            Text::from(format!("com.app0.{number}"))
        };
        let time = best(20_000, || publisher.publish(&fresh()));
        line(&format!("{name}, never decided before"), time, 20_000);
    }
    for cache in [true, false] {
        let router = router_of(Authorization::Authorizer("com.app.authorize".into()), SlowConsumer::Drop);
        let backend = AnonymousSettings::Static { role: "backend".into(), authid: None, realm: None };
        let settings = Settings { anonymous: Some(backend), ..Settings::default() };
        let inside = router.port_with(Arc::new(Methods::new(settings, Env::default())));
        let mut authorizer = Peer::open(&inside, true, false);
        authorizer.say(hello("anonymous", None, None));
        authorizer.register("com.app.authorize");
        let mut publisher = Peer::join(&router.port(None));
        let mut answer = Dict::default();
        answer.push("allow", true);
        answer.push("cache", cache);
        let topic = Text::from("com.app.topic");
        let time = best(20_000, || {
            let payload = Payload::from_values(PACK, &[Value::from(1_u64)], &Dict::default());
            let options = PublishOptions::default();
            let publish = Publish { request: id(1), options, topic: topic.clone(), payload };
            if publisher.port.receive(Message::Publish(publish)).unwrap() == Flow::Continue {
                return;
            }
            let Message::Invocation(invocation) = authorizer.last() else { panic!("no question") };
            let payload = Payload::from_values(PACK, &[Value::Map(answer.clone())], &Dict::default());
            let request = invocation.request;
            authorizer.say(Message::Yield(Yield { request, progress: false, passthru: None, payload }));
            let polled = publisher.port.poll_ready(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled, Poll::Ready(Flow::Continue));
        });
        let kind = if cache { "remembered" } else { "asked for each time, here at once" };
        line(&format!("PUBLISH, an authorizer's decision {kind}"), time, 20_000);
    }
}

fn joins() {
    let role = || Some(Text::from("anonymous"));
    let key = PrivateKey::from_hex(&"5a".repeat(32)).unwrap();
    let ticket = TicketPrincipal { ticket: "right".into(), role: role(), realm: None };
    let user = WampcraUser { secret: "right".into(), role: role(), salt: None };
    let stored = scram_store(Kdf::Pbkdf2, &Secret::from("right"), b"sixteen of salt!", (4096, 0)).unwrap();
    let stored = transom_auth::ScramPrincipal { role: role(), ..stored };
    let keys = CryptosignPrincipal { authorized_keys: vec![key.public()], role: role(), realm: None };
    let settings = Settings {
        anonymous: Some(AnonymousSettings::default()),
        ticket: Some(TicketSettings::Static {
            principals: [("joe".into(), ticket)].into(),
            default_role: None,
        }),
        wampcra: Some(WampcraSettings::Static { users: [("joe".into(), user)].into(), default_role: None }),
        scram: Some(ScramSettings::Static {
            principals: [("joe".into(), stored)].into(),
            default_role: None,
        }),
        cryptosign: Some(CryptosignSettings::Static {
            principals: [("joe".into(), keys)].into(),
            default_role: None,
        }),
        ..Settings::default()
    };
    let router = open_router();
    let port = router.port_with(Arc::new(Methods::new(settings, Env::default())));
    for (method, times) in [
        ("anonymous", 20_000),
        ("ticket", 20_000),
        ("wampcra", 20_000),
        ("scram", 500),
        ("cryptosign", 5_000),
    ] {
        // What the client does in between is not the router's.
        let mut inside = Duration::MAX;
        for _ in 0..RUNS {
            let mut sum = Duration::ZERO;
            (0..times).for_each(|_| sum += join_by(&port, method));
            inside = inside.min(sum);
        }
        line(&format!("joining by {method} and leaving, the router's part"), inside, times);
    }
}

/// Joins and leaves; how long the router had to do with that.
fn join_by(port: &Arc<dyn RouterPort>, method: &str) -> Duration {
    let mut scram = Scram::new(Method::Scram, "joe", "right".into(), &Env::default()).unwrap();
    let cryptosign = Cryptosign::new(PrivateKey::from_hex(&"5a".repeat(32)).unwrap());
    let extra = match method {
        "scram" => Some(scram.hello()),
        "cryptosign" => Some(cryptosign.hello()),
        _ => None,
    };
    let hello = hello(method, Some("joe"), extra);
    let start = Instant::now();
    let mut peer = Peer::open(port, true, false);
    peer.say(hello);
    let mut inside = start.elapsed();
    let said = peer.last();
    if let Message::Challenge(challenge) = &said {
        let plain = |signature: Text| Authenticate { signature, extra: Dict::default() };
        let answer = match method {
            "wampcra" => plain(wampcra("right", &challenge.extra).unwrap().into()),
            "scram" => scram.answer(&challenge.extra).unwrap(),
            "cryptosign" => plain(cryptosign.answer(&challenge.extra).unwrap()),
            _ => plain("right".into()),
        };
        let start = Instant::now();
        peer.say(Message::Authenticate(answer));
        inside += start.elapsed();
    }
    assert!(matches!(peer.last(), Message::Welcome(_)), "{method}: {:?}", peer.last());
    let start = Instant::now();
    drop(peer);
    inside + start.elapsed()
}

fn slow() {
    const SUBSCRIBERS: usize = 1_000;
    const EVENTS: usize = 300;
    for stuck in [false, true] {
        let router = open_router();
        let port = router.port(None);
        let mut publisher = Peer::join(&port);
        let topic = Text::from("com.app.topic");
        let join = |n: usize| {
            let mut peer = Peer::open(&port, false, stuck && n == SUBSCRIBERS / 2);
            peer.say(hello("anonymous", None, None));
            peer.subscribe(Match::Exact, topic.as_str());
            peer
        };
        let subscribers: Vec<Peer> = (0..SUBSCRIBERS).map(join).collect();
        let time = best(EVENTS, || publisher.publish(&topic));
        let name = if stuck { ", one of whom takes nothing" } else { "" };
        line(
            &format!("EVENT to {SUBSCRIBERS} subscribers{name}, for each of them"),
            time,
            EVENTS * SUBSCRIBERS,
        );
        let all = (2 + RUNS * EVENTS) as u64;
        let others = subscribers.iter().filter(|peer| !peer.sink.stuck);
        assert!(others.map(|peer| peer.sink.queued.load(Ordering::Relaxed)).all(|queued| queued == all));
    }
}
