//! The specification, as a program that is slow and easy to follow: everything in lists, looked through from one end to
//! the other, one thing after the other.

use serde_json::{Map, Value, json};
use transom_wamp::{CancelMode, Invoke, Match};

use crate::ops::{Call, FEATURES, Op, Pattern, Publish, Question, Register, SESSIONS};
use crate::real::{choose, invoke, matching};
use crate::rules::{self, Action};

const CANCELED: &str = "wamp.error.canceled";

#[derive(Default)]
pub(crate) struct Model {
    now: u64,
    /// How many names were given out.
    named: u64,
    sessions: Vec<Option<Session>>,
    /// The last session that had a place.
    last: Vec<String>,
    subscriptions: Vec<Subscription>,
    registrations: Vec<Registration>,
    calls: Vec<InFlight>,
    retained: Vec<(&'static str, Vec<Retained>)>,
    /// Meta events that are to be published when all else is done.
    noted: Vec<(&'static str, Value)>,
    out: Vec<Vec<Value>>,
}

struct Session {
    name: String,
    limited: bool,
    features: u8,
    /// It answers no calls any more.
    leaving: bool,
    /// Calls in pieces whose last piece has not come.
    streams: Vec<(u64, &'static str)>,
    detached: Vec<(&'static str, Value)>,
    destroyed: Vec<(&'static str, Value)>,
    client: Client,
}

/// What the client knows from what it heard.
#[derive(Default)]
struct Client {
    request: u64,
    subscriptions: Vec<Name>,
    registrations: Vec<Name>,
    calls: Vec<u64>,
    streams: Vec<(u64, &'static str)>,
    invocations: Vec<Name>,
}

/// Names are never given back, so that they can be copied about.
type Name = &'static str;

struct Subscription {
    name: Name,
    pattern: Pattern,
    subscribers: Vec<usize>,
    /// Its creation was told.
    announced: bool,
}

struct Registration {
    name: Name,
    pattern: Pattern,
    invoke: Invoke,
    callees: Vec<Callee>,
    next: u64,
    turn: u64,
    queue: Vec<Wish>,
}

#[derive(Clone, Copy)]
struct Callee {
    at: usize,
    number: u64,
    limit: Option<u64>,
    outstanding: u64,
    disclose_caller: bool,
}

/// A call before it has a callee.
#[derive(Clone)]
struct Wish {
    caller: usize,
    request: u64,
    procedure: &'static str,
    options: Call,
    args: Value,
    /// When it takes too long.
    at: Option<u64>,
    tried: Vec<u64>,
}

struct InFlight {
    wish: Wish,
    callee: Callee,
    invocation: Name,
    registration: Name,
    /// Also when the registration is gone.
    pattern: Pattern,
    progress: bool,
    progressed: bool,
    killed: bool,
}

struct Retained {
    publication: String,
    details: Map<String, Value>,
    args: Value,
    filter: Option<Filter>,
    order: u64,
}

#[derive(Clone, PartialEq, Eq)]
struct Filter {
    eligible: Option<Vec<String>>,
    exclude: Vec<String>,
    exclude_limited: bool,
}

impl Session {
    fn has(&self, feature: &str) -> bool {
        let bit = FEATURES.iter().position(|name| *name == feature).unwrap();
        self.features & (1 << bit) != 0
    }

    fn role(&self) -> &'static str {
        if self.limited { "limited" } else { "open" }
    }
}

impl Filter {
    fn admits(&self, session: &Session) -> bool {
        self.eligible.as_ref().is_none_or(|eligible| eligible.contains(&session.name))
            && !self.exclude.contains(&session.name)
            && !(self.exclude_limited && session.limited)
    }
}

/// What is said to who broke the protocol is the transport's to say: here it only ends.
struct Violation;

impl Model {
    pub(crate) fn new() -> Self {
        let sessions = (0..SESSIONS).map(|_| None).collect();
        Model { sessions, last: vec!["@s:none".into(); SESSIONS], ..Model::default() }
    }

    pub(crate) fn retained_topics(&self) -> Vec<&'static str> {
        self.retained.iter().map(|(topic, _)| *topic).collect()
    }

    fn name(&mut self, kind: &str) -> Name {
        self.named += 1;
        String::leak(format!("@{kind}:{}", self.named))
    }

    fn session(&self, at: usize) -> &Session {
        self.sessions[at].as_ref().unwrap()
    }

    fn session_mut(&mut self, at: usize) -> &mut Session {
        self.sessions[at].as_mut().unwrap()
    }

    /// Says something to a session, which draws its conclusions.
    fn say(&mut self, at: usize, message: Value) {
        let name = |value: &Value| -> Name { String::leak(value.as_str().unwrap_or_default().to_owned()) };
        let client = &mut self.session_mut(at).client;
        let add = |list: &mut Vec<Name>, name| {
            if !list.contains(&name) {
                list.push(name);
            }
        };
        match message[0].as_u64().unwrap() {
            33 => add(&mut client.subscriptions, name(&message[2])),
            35 if message[1] == 0 => client.subscriptions.retain(|id| message[2]["subscription"] != **id),
            65 => add(&mut client.registrations, name(&message[2])),
            67 if message[1] == 0 => client.registrations.retain(|id| message[2]["registration"] != **id),
            68 => add(&mut client.invocations, name(&message[1])),
            69 => client.invocations.retain(|id| message[1] != **id),
            _ => {}
        }
        self.out[at].push(message);
    }

    fn error(&mut self, at: usize, code: u64, request: u64, uri: &str) {
        self.say(at, json!([8, code, request, {}, uri, ["~"]]));
    }

    pub(crate) fn step(&mut self, op: &Op) -> Vec<Vec<Value>> {
        self.out = vec![Vec::new(); SESSIONS];
        match op {
            Op::Join { at, limited, features } => self.join(*at, *limited, *features),
            Op::Wait { milliseconds } => self.wait(*milliseconds),
            op => {
                let at = op.at().unwrap();
                if self.sessions[at].is_some() && self.act(at, op).is_err() {
                    self.flush();
                    self.leave(at);
                    self.sessions[at] = None;
                }
            }
        }
        self.flush();
        std::mem::take(&mut self.out)
    }

    fn join(&mut self, at: usize, limited: bool, features: u8) {
        if self.sessions[at].is_some() {
            return;
        }
        let name = self.name("s");
        self.last[at] = name.to_owned();
        self.sessions[at] = Some(Session {
            name: name.to_owned(),
            limited,
            features,
            leaving: false,
            streams: Vec::new(),
            detached: Vec::new(),
            destroyed: Vec::new(),
            client: Client::default(),
        });
        self.say(at, json!([2, name]));
        self.noted.push(("wamp.session.on_join", json!([{"~": true, "session": name}])));
    }

    fn next_request(&mut self, at: usize) -> u64 {
        let client = &mut self.session_mut(at).client;
        client.request += 1;
        client.request
    }

    fn act(&mut self, at: usize, op: &Op) -> Result<(), Violation> {
        match op {
            Op::Subscribe { pattern, get_retained, .. } => {
                return self.subscribe(at, *pattern, *get_retained);
            }
            Op::Unsubscribe { which, .. } => {
                let request = self.next_request(at);
                let held = choose(&self.session(at).client.subscriptions, *which);
                match held {
                    Some(name) => {
                        self.session_mut(at).client.subscriptions.retain(|id| *id != name);
                        self.say(at, json!([35, request]));
                        self.end_subscription(name, at);
                    }
                    None => self.error(at, 34, request, "wamp.error.no_such_subscription"),
                }
            }
            Op::Publish { topic, options, .. } => return self.publish(at, topic, options),
            Op::Register { pattern, options, .. } => return self.register(at, *pattern, *options),
            Op::Unregister { which, .. } => {
                let request = self.next_request(at);
                let held = choose(&self.session(at).client.registrations, *which);
                match held {
                    Some(name) => {
                        self.session_mut(at).client.registrations.retain(|id| *id != name);
                        self.say(at, json!([67, request]));
                        self.end_registration(name, at);
                    }
                    None => self.error(at, 66, request, "wamp.error.no_such_registration"),
                }
            }
            Op::Call { procedure, options, .. } => {
                let request = self.next_request(at);
                let client = &mut self.session_mut(at).client;
                client.calls.push(request);
                if options.progress {
                    client.streams.push((request, procedure));
                }
                return self.call(at, request, procedure, *options);
            }
            Op::Continue { which, last, .. } => {
                let client = &mut self.session_mut(at).client;
                let Some((call, procedure)) = choose(&client.streams, *which) else { return Ok(()) };
                if *last {
                    client.streams.retain(|(number, _)| *number != call);
                }
                return self.call(at, call, procedure, Call { progress: !last, ..Call::default() });
            }
            Op::CallAgain { which, procedure, .. } => {
                let Some(call) = choose(&self.session(at).client.calls, *which) else { return Ok(()) };
                return self.call(at, call, procedure, Call::default());
            }
            Op::Yield { which, progress, .. } => {
                let client = &mut self.session_mut(at).client;
                let Some(invocation) = choose(&client.invocations, *which) else { return Ok(()) };
                if !progress {
                    client.invocations.retain(|name| *name != invocation);
                }
                self.yielded(at, invocation, *progress);
            }
            Op::Fail { which, unavailable, .. } => {
                let client = &mut self.session_mut(at).client;
                let Some(invocation) = choose(&client.invocations, *which) else { return Ok(()) };
                client.invocations.retain(|name| *name != invocation);
                self.failed(invocation, *unavailable);
            }
            Op::Cancel { which, mode, .. } => {
                let Some(call) = choose(&self.session(at).client.calls, *which) else { return Ok(()) };
                self.cancel(at, call, mode.unwrap_or(CancelMode::KillNoWait));
            }
            Op::Testament { topic, detached, .. } => {
                let request = self.next_request(at);
                match self.may(at, Action::Publish, &exact(topic)) {
                    Err(uri) => self.error(at, 48, request, uri),
                    Ok(()) => {
                        let id = self.name("t");
                        let session = self.session_mut(at);
                        let args = json!([session.name, request, "testament"]);
                        let bucket = if *detached { &mut session.detached } else { &mut session.destroyed };
                        bucket.push((topic, args));
                        self.say(at, json!([50, request, {}, [id]]));
                    }
                }
            }
            Op::Ask { question, .. } => self.answer(at, *question),
            Op::Remove { subscriber, which, .. } => self.remove(at, *subscriber, *which),
            Op::Kill { whom, .. } => self.kill(at, *whom),
            Op::Leave { how, .. } => {
                self.leave(at);
                if *how == crate::ops::Leave::Goodbye {
                    self.out[at].push(json!([6, {}, "wamp.close.goodbye_and_out"]));
                }
                self.sessions[at] = None;
            }
            Op::Join { .. } | Op::Wait { .. } => {}
        }
        Ok(())
    }

    /// Whether a session may do something; else the error.
    fn may(&self, at: usize, action: Action, pattern: &Pattern) -> Result<(), &'static str> {
        if !rules::is_valid(pattern) {
            return Err("wamp.error.invalid_uri");
        }
        if self.session(at).limited && !rules::limited_may(action, pattern) {
            return Err("wamp.error.not_authorized");
        }
        Ok(())
    }

    // Topics.

    fn subscribe(&mut self, at: usize, pattern: Pattern, get_retained: bool) -> Result<(), Violation> {
        let request = self.next_request(at);
        if let Err(uri) = self.may(at, Action::Subscribe, &pattern) {
            self.error(at, 32, request, uri);
            return Ok(());
        }
        let silent = pattern.uri.starts_with("wamp.");
        let who = self.session(at).name.clone();
        let found = self.subscriptions.iter().position(|subscription| subscription.pattern == pattern);
        let number = found.unwrap_or_else(|| {
            let name = self.name("sub");
            self.subscriptions.push(Subscription {
                name,
                pattern,
                subscribers: Vec::new(),
                announced: false,
            });
            self.subscriptions.len() - 1
        });
        let Subscription { name, subscribers, announced, .. } = &mut self.subscriptions[number];
        let name = *name;
        if !subscribers.contains(&at) {
            subscribers.push(at);
            if !silent {
                if !std::mem::replace(announced, true) {
                    let details = json!({"id": name, "created": "1970-01-01T00:00:00.000Z", "uri": pattern.uri, "match": matching(pattern.matching)});
                    self.noted.push(("wamp.subscription.on_create", json!([who, details])));
                }
                self.noted.push(("wamp.subscription.on_subscribe", json!([who, name])));
            }
        }
        self.say(at, json!([33, request, name]));
        if get_retained {
            // What it hears of its own subscription comes before what is old: nothing says so, but it is so.
            self.flush();
            self.give_retained(at, name, pattern);
        }
        Ok(())
    }

    fn give_retained(&mut self, at: usize, name: Name, pattern: Pattern) {
        let mut found: Vec<(u64, Value)> = Vec::new();
        for (topic, slots) in &self.retained {
            let session = self.session(at);
            let fits = |slot: &&Retained| slot.filter.as_ref().is_none_or(|filter| filter.admits(session));
            let Some(slot) = slots.iter().rev().find(fits).filter(|_| rules::matches(&pattern, topic)) else {
                continue;
            };
            let mut details = slot.details.clone();
            details.insert("retained".into(), json!(true));
            if pattern.matching != Match::Exact {
                details.insert("topic".into(), json!(topic));
            }
            found.push((slot.order, json!([36, name, slot.publication, details, slot.args])));
        }
        found.sort_by_key(|(order, _)| *order);
        for (_, event) in found {
            self.say(at, event);
        }
    }

    /// Ends one subscriber's part in a subscription.
    fn end_subscription(&mut self, name: Name, at: usize) {
        let who = self.session(at).name.clone();
        let number = self.subscriptions.iter().position(|subscription| subscription.name == name).unwrap();
        let Subscription { subscribers, pattern, .. } = &mut self.subscriptions[number];
        subscribers.retain(|subscriber| *subscriber != at);
        let silent = pattern.uri.starts_with("wamp.");
        let kept =
            pattern.matching == Match::Exact && self.retained.iter().any(|(topic, _)| *topic == pattern.uri);
        let gone = subscribers.is_empty() && !kept;
        if !silent {
            self.noted.push(("wamp.subscription.on_unsubscribe", json!([who, name])));
            if gone {
                self.noted.push(("wamp.subscription.on_delete", json!([who, name])));
            }
        }
        if gone {
            self.subscriptions.remove(number);
        }
    }

    fn filter(&self, options: &Publish) -> Option<Filter> {
        let names = |places: &[usize]| places.iter().map(|at| self.last[*at].clone()).collect::<Vec<_>>();
        let filter = Filter {
            eligible: options.eligible.as_deref().map(names),
            exclude: names(&options.exclude),
            exclude_limited: options.exclude_limited,
        };
        let none = Filter { eligible: None, exclude: Vec::new(), exclude_limited: false };
        (filter != none).then_some(filter)
    }

    fn publish(&mut self, at: usize, topic: &'static str, options: &Publish) -> Result<(), Violation> {
        let request = self.next_request(at);
        if let Err(uri) = self.may(at, Action::Publish, &exact(topic)) {
            if options.acknowledge {
                self.error(at, 16, request, uri);
            }
            return Ok(());
        }
        let publication = self.name("p");
        let session = self.session(at);
        let mut details = Map::new();
        if options.disclose_me {
            details.insert("publisher".into(), json!(session.name));
            details.insert("publisher_authid".into(), json!("~"));
            details.insert("publisher_authrole".into(), json!(session.role()));
        }
        let args = json!([session.name, request]);
        let filter = self.filter(options);
        if options.retain {
            self.retain(topic, publication, details.clone(), args.clone(), filter.clone());
        }
        if options.acknowledge {
            self.say(at, json!([17, request, publication]));
        }
        let except = (!options.include_me).then_some(at);
        self.deliver(topic, publication, &details, &args, except, filter.as_ref());
        Ok(())
    }

    fn retain(
        &mut self,
        topic: &'static str,
        publication: Name,
        details: Map<String, Value>,
        args: Value,
        filter: Option<Filter>,
    ) {
        self.named += 1;
        let slot = Retained { publication: publication.into(), details, args, filter, order: self.named };
        if !self.retained.iter().any(|(known, _)| *known == topic) {
            self.retained.push((topic, Vec::new()));
        }
        let (_, slots) = self.retained.iter_mut().find(|(known, _)| *known == topic).unwrap();
        if slot.filter.is_none() {
            slots.clear();
        }
        slots.push(slot);
        // The topic is there from then on.
        if !self.subscriptions.iter().any(|subscription| subscription.pattern == exact(topic)) {
            let name = self.name("sub");
            self.subscriptions.push(Subscription {
                name,
                pattern: exact(topic),
                subscribers: Vec::new(),
                announced: false,
            });
        }
    }

    fn deliver(
        &mut self,
        topic: &str,
        publication: Name,
        details: &Map<String, Value>,
        args: &Value,
        except: Option<usize>,
        filter: Option<&Filter>,
    ) {
        let mut events = Vec::new();
        for subscription in self.subscriptions.iter().filter(|s| rules::matches(&s.pattern, topic)) {
            let mut details = details.clone();
            if subscription.pattern.matching != Match::Exact {
                details.insert("topic".into(), json!(topic));
            }
            for at in &subscription.subscribers {
                if except != Some(*at) && filter.is_none_or(|filter| filter.admits(self.session(*at))) {
                    events.push((*at, json!([36, subscription.name, publication, details, args])));
                }
            }
        }
        for (at, event) in events {
            self.say(at, event);
        }
    }

    /// Publishes what was noted.
    fn flush(&mut self) {
        for (topic, args) in std::mem::take(&mut self.noted) {
            let publication = self.name("p");
            self.deliver(topic, publication, &Map::new(), &args, None, None);
        }
    }

    // Procedures.

    fn register(&mut self, at: usize, pattern: Pattern, options: Register) -> Result<(), Violation> {
        let request = self.next_request(at);
        if let Err(uri) = self.may(at, Action::Register, &pattern) {
            self.error(at, 64, request, uri);
            return Ok(());
        }
        let found = self.registrations.iter().position(|registration| registration.pattern == pattern);
        if let Some(number) = found {
            let Registration { name, invoke: present, ref callees, .. } = self.registrations[number];
            if options.force {
                let limited = self.session(at).limited;
                if callees.iter().any(|callee| self.session(callee.at).limited != limited) {
                    self.error(at, 64, request, "wamp.error.not_authorized");
                    return Ok(());
                }
                for callee in callees.clone() {
                    let revoked = json!({"registration": name, "reason": "wamp.error.unregistered"});
                    self.say(callee.at, json!([67, 0, revoked]));
                    self.end_registration(name, callee.at);
                }
            } else if present == Invoke::Single {
                self.error(at, 64, request, "wamp.error.procedure_already_exists");
                return Ok(());
            } else if present != options.invoke {
                let uri = "wamp.error.procedure_exists_with_different_invocation_policy";
                self.error(at, 64, request, uri);
                return Ok(());
            } else {
                self.say(at, json!([65, request, name]));
                self.add_callee(number, at, options);
                return Ok(());
            }
        }
        let name = self.name("reg");
        self.say(at, json!([65, request, name]));
        self.registrations.push(Registration {
            name,
            pattern,
            invoke: options.invoke,
            callees: Vec::new(),
            next: 1,
            turn: 0,
            queue: Vec::new(),
        });
        let who = self.session(at).name.clone();
        let details = json!({
            "id": name, "created": "1970-01-01T00:00:00.000Z", "uri": pattern.uri,
            "match": matching(pattern.matching), "invoke": invoke(options.invoke),
        });
        self.noted.push(("wamp.registration.on_create", json!([who, details])));
        self.add_callee(self.registrations.len() - 1, at, options);
        Ok(())
    }

    fn add_callee(&mut self, number: usize, at: usize, options: Register) {
        let who = self.session(at).name.clone();
        let registration = &mut self.registrations[number];
        if registration.callees.iter().any(|callee| callee.at == at) {
            return;
        }
        registration.callees.push(Callee {
            at,
            number: registration.next,
            limit: options.concurrency,
            outstanding: 0,
            disclose_caller: options.disclose_caller,
        });
        registration.next += 1;
        self.noted.push(("wamp.registration.on_register", json!([who, registration.name])));
    }

    /// Ends one callee's part in a registration.
    fn end_registration(&mut self, name: Name, at: usize) {
        let who = self.session(at).name.clone();
        let number = self.registrations.iter().position(|registration| registration.name == name).unwrap();
        let registration = &mut self.registrations[number];
        registration.callees.retain(|callee| callee.at != at);
        self.noted.push(("wamp.registration.on_unregister", json!([who, name])));
        if registration.callees.is_empty() {
            self.noted.push(("wamp.registration.on_delete", json!([who, name])));
            let gone = self.registrations.remove(number);
            for wish in gone.queue {
                self.error(wish.caller, 48, wish.request, CANCELED);
            }
        }
    }

    /// The registration that answers a call.
    fn best(&self, procedure: &str) -> Option<usize> {
        let fits = |matching| {
            let fits = move |(_, registration): &(usize, &Registration)| {
                registration.pattern.matching == matching && rules::matches(&registration.pattern, procedure)
            };
            self.registrations.iter().enumerate().filter(fits)
        };
        let exact = fits(Match::Exact).next();
        let prefix = || fits(Match::Prefix).max_by_key(|(_, registration)| registration.pattern.uri.len());
        // The one with a component of its own at the first place from the left where they differ.
        let wildcard = || {
            fits(Match::Wildcard).min_by_key(|(_, registration)| {
                registration.pattern.uri.split('.').map(str::is_empty).collect::<Vec<bool>>()
            })
        };
        exact.or_else(prefix).or_else(wildcard).map(|(number, _)| number)
    }

    // Calls.

    fn is_made(&self, at: usize, request: u64) -> bool {
        let same = |wish: &Wish| wish.caller == at && wish.request == request;
        self.calls.iter().any(|call| same(&call.wish))
            || self.registrations.iter().flat_map(|registration| &registration.queue).any(same)
    }

    fn call(
        &mut self,
        at: usize,
        request: u64,
        procedure: &'static str,
        options: Call,
    ) -> Result<(), Violation> {
        if options.progress && !self.session(at).has("progressive_call_invocations") {
            return Err(Violation);
        }
        let args = json!([self.session(at).name, request]);
        let stream = self.session(at).streams.iter().find(|(number, _)| *number == request).copied();
        if let Some((_, of)) = stream {
            if of != procedure {
                return Err(Violation);
            }
            if !options.progress {
                self.session_mut(at).streams.retain(|(number, _)| *number != request);
            }
            self.continue_call(at, request, options.progress, args);
            return Ok(());
        }
        let error = match self.may(at, Action::Call, &exact(procedure)) {
            Err(uri) => Some(uri),
            Ok(()) if self.best(procedure).is_none() => Some("wamp.error.no_such_procedure"),
            Ok(()) => None,
        };
        if self.is_made(at, request) && error.is_some() {
            return Err(Violation);
        }
        if options.progress && !self.is_made(at, request) {
            self.session_mut(at).streams.push((request, procedure));
        }
        if let Some(uri) = error {
            self.error(at, 48, request, uri);
            return Ok(());
        }
        let number = self.best(procedure).unwrap();
        let timeout = (options.timeout > 0).then(|| self.now + options.timeout);
        let wish = Wish { caller: at, request, procedure, options, args, at: timeout, tried: Vec::new() };
        let chosen = match self.registrations[number].queue.is_empty() {
            true => self.choose(number, &[]),
            false => Err("busy"),
        };
        match chosen {
            Ok(callee) => {
                let streams = |callee: &Session| {
                    callee.has("progressive_call_invocations") && callee.has("call_canceling")
                };
                if options.progress && !streams(self.session(callee.at)) {
                    if self.is_made(at, request) {
                        return Err(Violation);
                    }
                    self.error(at, 48, request, "wamp.error.feature_not_supported");
                } else if self.is_made(at, request) {
                    return Err(Violation);
                } else {
                    self.invoke(number, callee, wish);
                }
            }
            Err(_) => {
                // The realm has a queue of two calls for the procedure a.b.
                let room = self.registrations[number].pattern == exact("a.b")
                    && self.registrations[number].queue.len() < 2
                    && !options.progress;
                if self.is_made(at, request) {
                    return Err(Violation);
                }
                if room {
                    self.registrations[number].queue.push(wish);
                } else {
                    self.error(at, 48, request, "crossbar.error.max_concurrency_reached");
                }
            }
        }
        Ok(())
    }

    /// The callee of the next call. That of the policy `roundrobin` has had its turn then.
    fn choose(&mut self, number: usize, tried: &[u64]) -> Result<Callee, &'static str> {
        let leaving: Vec<bool> = self
            .sessions
            .iter()
            .map(|session| session.as_ref().is_none_or(|session| session.leaving))
            .collect();
        let registration = &mut self.registrations[number];
        let untried = |callee: &&Callee| !tried.contains(&callee.number) && !leaving[callee.at];
        let room =
            |callee: &&Callee| untried(callee) && callee.limit.is_none_or(|limit| callee.outstanding < limit);
        let callees = &registration.callees;
        let chosen = match registration.invoke {
            Invoke::Last => callees.iter().rev().find(room),
            Invoke::RoundRobin => {
                let turn = registration.turn;
                let later = callees.iter().filter(|callee| callee.number >= turn);
                later.chain(callees.iter().filter(|callee| callee.number < turn)).find(room)
            }
            _ => callees.iter().find(room),
        };
        match chosen.copied() {
            Some(callee) => {
                registration.turn = callee.number + 1;
                Ok(callee)
            }
            None => Err("busy"),
        }
    }

    fn details(&self, pattern: Pattern, callee: Callee, wish: &Wish) -> Map<String, Value> {
        let caller = self.session(wish.caller);
        let mut details = Map::new();
        if wish.options.disclose_me || callee.disclose_caller {
            details.insert("caller".into(), json!(caller.name));
            details.insert("caller_authid".into(), json!("~"));
            details.insert("caller_authrole".into(), json!(caller.role()));
        }
        if pattern.matching != Match::Exact {
            details.insert("procedure".into(), json!(wish.procedure));
        }
        if wish.options.receive_progress {
            details.insert("receive_progress".into(), json!(true));
        }
        if wish.options.progress {
            details.insert("progress".into(), json!(true));
        }
        details
    }

    fn invoke(&mut self, number: usize, callee: Callee, wish: Wish) {
        let kind = format!("i{}", self.session(callee.at).name.trim_start_matches("@s:"));
        let invocation = self.name(&kind);
        let registration = &mut self.registrations[number];
        let (name, pattern) = (registration.name, registration.pattern);
        let counted = registration.callees.iter_mut().find(|c| c.number == callee.number).unwrap();
        counted.outstanding += 1;
        let details = self.details(pattern, callee, &wish);
        let progress = details.contains_key("receive_progress");
        self.say(callee.at, json!([68, invocation, name, details, wish.args]));
        self.calls.push(InFlight {
            wish,
            callee,
            invocation,
            registration: name,
            pattern,
            progress,
            progressed: false,
            killed: false,
        });
    }

    fn continue_call(&mut self, at: usize, request: u64, more: bool, args: Value) {
        let same = |call: &&InFlight| call.wish.caller == at && call.wish.request == request;
        let Some(call) = self.calls.iter().find(same) else { return };
        let (mut wish, callee) = (call.wish.clone(), call.callee);
        let (invocation, name, pattern) = (call.invocation, call.registration, call.pattern);
        wish.options.progress = more;
        let details = self.details(pattern, callee, &wish);
        self.say(callee.at, json!([68, invocation, name, details, args]));
    }

    /// A call is over: its callee has room for another.
    fn release(&mut self, call: &InFlight) {
        let found = self.registrations.iter().position(|r| r.name == call.registration);
        let Some(number) = found else { return };
        let callees = &mut self.registrations[number].callees;
        if let Some(callee) = callees.iter_mut().find(|callee| callee.number == call.callee.number) {
            callee.outstanding -= 1;
        }
        while !self.registrations[number].queue.is_empty() {
            let Ok(callee) = self.choose(number, &[]) else { break };
            let wish = self.registrations[number].queue.remove(0);
            self.invoke(number, callee, wish);
        }
    }

    fn take_call(&mut self, found: impl Fn(&InFlight) -> bool) -> Option<InFlight> {
        let number = self.calls.iter().position(found)?;
        Some(self.calls.remove(number))
    }

    fn yielded(&mut self, at: usize, invocation: Name, progress: bool) {
        let args = json!([self.session(at).name, invocation]);
        let now = self.now;
        if progress {
            let Some(call) = self.calls.iter_mut().find(|call| call.invocation == invocation) else { return };
            if !call.progress {
                return;
            }
            call.progressed = true;
            if let Some(at) = &mut call.wish.at {
                *at = now + call.wish.options.timeout;
            }
            let (caller, request) = (call.wish.caller, call.wish.request);
            self.say(caller, json!([50, request, {"progress": true}, args]));
            return;
        }
        if let Some(call) = self.take_call(|call| call.invocation == invocation) {
            self.say(call.wish.caller, json!([50, call.wish.request, {}, args]));
            self.release(&call);
        }
    }

    fn failed(&mut self, invocation: Name, unavailable: bool) {
        let Some(mut call) = self.take_call(|call| call.invocation == invocation) else { return };
        let both = self.session(call.wish.caller).has("call_reroute")
            && self.session(call.callee.at).has("call_reroute");
        if unavailable && both && !call.wish.options.progress && !call.progressed && !call.killed {
            call.wish.tried.push(call.callee.number);
            self.release(&call);
            let number = self.registrations.iter().position(|r| r.name == call.registration);
            let next = number.and_then(|number| Some((number, self.choose(number, &call.wish.tried).ok()?)));
            match next {
                Some((number, callee)) => self.invoke(number, callee, call.wish),
                None => self.error(call.wish.caller, 48, call.wish.request, "wamp.error.no_available_callee"),
            }
            return;
        }
        let uri = if unavailable { "wamp.error.unavailable" } else { "a.failed" };
        self.say(call.wish.caller, json!([8, 48, call.wish.request, {}, uri]));
        self.release(&call);
    }

    fn interrupt(&mut self, call: &InFlight, options: Value) {
        if self.session(call.callee.at).has("call_canceling") {
            self.say(call.callee.at, json!([69, call.invocation, options]));
        }
    }

    /// Takes a call out of the queue it waits in.
    fn unqueue(&mut self, at: usize, request: u64) -> bool {
        for registration in &mut self.registrations {
            let before = registration.queue.len();
            registration.queue.retain(|wish| wish.caller != at || wish.request != request);
            if registration.queue.len() < before {
                return true;
            }
        }
        false
    }

    fn cancel(&mut self, at: usize, request: u64, mode: CancelMode) {
        if self.unqueue(at, request) {
            return self.error(at, 48, request, CANCELED);
        }
        let same = |call: &InFlight| call.wish.caller == at && call.wish.request == request;
        let Some(number) = self.calls.iter().position(same) else { return };
        let able = self.session(self.calls[number].callee.at).has("call_canceling");
        if mode == CancelMode::Kill && able {
            if !std::mem::replace(&mut self.calls[number].killed, true) {
                let (callee, invocation) = (self.calls[number].callee.at, self.calls[number].invocation);
                self.say(callee, json!([69, invocation, {"mode": "kill"}]));
            }
            return;
        }
        let call = self.calls.remove(number);
        self.error(at, 48, request, CANCELED);
        if mode == CancelMode::KillNoWait && !call.killed {
            self.interrupt(&call, json!({"mode": "killnowait"}));
        }
        self.release(&call);
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        for at in 0..SESSIONS {
            loop {
                // The call of this session whose time is over first.
                let queued = self.registrations.iter().flat_map(|registration| &registration.queue);
                let all = self.calls.iter().map(|call| &call.wish).chain(queued);
                let over = |wish: &&Wish| wish.caller == at && wish.at.is_some_and(|at| at <= self.now);
                let first = all.filter(over).min_by_key(|wish| (wish.at, wish.request));
                let Some(request) = first.map(|wish| wish.request) else { break };
                if self.unqueue(at, request) {
                    self.error(at, 48, request, "wamp.error.timeout");
                    continue;
                }
                let same = |call: &InFlight| call.wish.caller == at && call.wish.request == request;
                let call = self.take_call(same).unwrap();
                self.error(at, 48, request, "wamp.error.timeout");
                if !call.killed {
                    self.interrupt(&call, json!({"mode": "killnowait", "reason": "wamp.error.timeout"}));
                }
                self.release(&call);
            }
        }
    }

    // Sessions.

    fn leave(&mut self, at: usize) {
        let session = self.session_mut(at);
        let name = session.name.clone();
        let testaments =
            [std::mem::take(&mut session.detached), std::mem::take(&mut session.destroyed)].concat();
        for (topic, args) in testaments {
            if self.may(at, Action::Publish, &exact(topic)).is_ok() {
                let publication = self.name("p");
                self.deliver(topic, publication, &Map::new(), &args, Some(at), None);
            }
        }
        self.session_mut(at).leaving = true;
        for registration in &mut self.registrations {
            registration.queue.retain(|wish| wish.caller != at);
        }
        let to_others = |call: &&InFlight| call.wish.caller == at && call.callee.at != at;
        let mut made: Vec<u64> = self.calls.iter().filter(to_others).map(|call| call.wish.request).collect();
        made.sort_unstable();
        for request in made {
            let same = |call: &InFlight| call.wish.caller == at && call.wish.request == request;
            let call = self.take_call(same).unwrap();
            self.interrupt(&call, json!({"mode": "killnowait"}));
            self.release(&call);
        }
        while let Some(call) = self.take_call(|call| call.callee.at == at) {
            if call.wish.caller != at {
                self.error(call.wish.caller, 48, call.wish.request, CANCELED);
            }
            self.release(&call);
        }
        let held = |list: &[usize]| list.contains(&at);
        let subscriptions: Vec<Name> =
            self.subscriptions.iter().filter(|s| held(&s.subscribers)).map(|s| s.name).collect();
        for subscription in subscriptions {
            self.end_subscription(subscription, at);
        }
        let registrations: Vec<Name> = self
            .registrations
            .iter()
            .filter(|registration| registration.callees.iter().any(|callee| callee.at == at))
            .map(|registration| registration.name)
            .collect();
        for registration in registrations {
            self.end_registration(registration, at);
        }
        self.noted.push(("wamp.session.on_leave", json!([name])));
    }

    fn kill(&mut self, at: usize, whom: usize) {
        let request = self.next_request(at);
        if whom == at || self.sessions[whom].is_none() {
            return self.error(at, 48, request, "wamp.error.no_such_session");
        }
        self.say(at, json!([50, request, {}]));
        self.leave(whom);
        self.out[whom].push(json!([6, {}, "wamp.close.killed"]));
        self.sessions[whom] = None;
    }

    fn remove(&mut self, at: usize, subscriber: bool, which: usize) {
        let whom = which % SESSIONS;
        let Some(victim) = &self.sessions[whom] else { return };
        let list = if subscriber { &victim.client.subscriptions } else { &victim.client.registrations };
        let Some(name) = choose(list, which) else { return };
        let told = victim.has(if subscriber { "subscription_revocation" } else { "registration_revocation" });
        let request = self.next_request(at);
        // What is the router's own business is nobody's to take away.
        let found = self.subscriptions.iter().find(|subscription| subscription.name == name);
        if found.is_some_and(|subscription| subscription.pattern.uri.starts_with("wamp.")) {
            self.error(at, 48, request, "wamp.error.not_authorized");
        } else {
            if told && subscriber {
                self.say(whom, json!([35, 0, {"subscription": name}]));
            } else if told {
                self.say(whom, json!([67, 0, {"registration": name}]));
            }
            if subscriber {
                self.end_subscription(name, whom);
            } else {
                self.end_registration(name, whom);
            }
            self.say(at, json!([50, request, {}]));
        }
        let client = &mut self.session_mut(whom).client;
        let list = if subscriber { &mut client.subscriptions } else { &mut client.registrations };
        list.retain(|held| *held != name);
    }

    fn answer(&mut self, at: usize, question: Question) {
        let request = self.next_request(at);
        let visible = |s: &&Subscription| !s.pattern.uri.starts_with("wamp.");
        let names = |places: &[usize]| -> Vec<Value> {
            places.iter().map(|at| json!(self.session(*at).name)).collect()
        };
        let answer = match question {
            Question::SubscriptionMatch(uri) => {
                let fits = |s: &&Subscription| rules::matches(&s.pattern, uri);
                let all: Vec<&Subscription> =
                    self.subscriptions.iter().filter(visible).filter(fits).collect();
                // The exact one first; prefixes from the shortest on; wildcards from the best on.
                let order = |s: &&Subscription| match s.pattern.matching {
                    Match::Exact => (0, 0, Vec::new()),
                    Match::Prefix => (1, s.pattern.uri.len(), Vec::new()),
                    Match::Wildcard => (2, 0, s.pattern.uri.split('.').map(str::is_empty).collect()),
                };
                let mut all = all;
                all.sort_by_key(order);
                let ids: Vec<Value> = all.iter().map(|s| json!(s.name)).collect();
                if ids.is_empty() { Value::Null } else { Value::Array(ids) }
            }
            Question::RegistrationMatch(uri) => {
                self.best(uri).map_or(Value::Null, |number| json!(self.registrations[number].name))
            }
            Question::SubscriptionLookup(pattern) => {
                let found = self.subscriptions.iter().filter(visible).find(|s| s.pattern == pattern);
                found.map_or(Value::Null, |s| json!(s.name))
            }
            Question::Subscribers(pattern) => {
                let found = self.subscriptions.iter().filter(visible).find(|s| s.pattern == pattern);
                let Some(found) = found else { return };
                Value::Array(names(&found.subscribers))
            }
            Question::Callees(pattern) => {
                let Some(found) = self.registrations.iter().find(|r| r.pattern == pattern) else { return };
                Value::Array(names(&found.callees.iter().map(|callee| callee.at).collect::<Vec<_>>()))
            }
            Question::Sessions => json!(self.sessions.iter().flatten().count()),
        };
        self.say(at, json!([50, request, {}, [answer]]));
    }
}

fn exact(uri: &'static str) -> Pattern {
    Pattern { matching: Match::Exact, uri }
}
