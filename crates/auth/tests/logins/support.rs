//! Clients, clocks and dice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use transom_auth::{
    Asked, Challenged, Env, Methods, NoRandomness, Pending, Principal, Random, Refused, Settings, Step,
};
use transom_base::{Clock, ConnInfo};
use transom_wamp::{Authenticate, Dict, Hello, HelloDetails, Id, Serializer, Text, TransportDetails, Value};

/// 2014-06-22T16:36:25.448Z, at first.
pub(crate) struct SetClock(pub(crate) Mutex<SystemTime>);

impl Clock for SetClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

impl SetClock {
    pub(crate) fn forward(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

/// Counts: 0, 1, 2, … over all that is asked of it.
#[derive(Default)]
pub(crate) struct Counting(Mutex<u8>);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let mut next = self.0.lock().unwrap();
        for byte in bytes {
            *byte = *next;
            *next = next.wrapping_add(1);
        }
        Ok(())
    }
}

/// An operating system without randomness.
pub(crate) struct Exhausted;

impl Random for Exhausted {
    fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
        Err(NoRandomness("none left".into()))
    }
}

/// A random source that begins with these bytes, and gives them again and again.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Random for Bytes {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.iter_mut().zip(self.0.iter().cycle()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

pub(crate) fn set_clock() -> Arc<SetClock> {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_403_454_985_448);
    Arc::new(SetClock(Mutex::new(moment)))
}

pub(crate) fn env() -> Env {
    env_with(Counting::default())
}

pub(crate) fn env_with(random: impl Random + 'static) -> Env {
    Env { clock: set_clock(), random: Arc::new(random) }
}

pub(crate) fn methods(settings: Settings) -> Methods {
    Methods::new(settings, env())
}

pub(crate) fn transport() -> TransportDetails {
    TransportDetails::memory(Serializer::Json, 1)
}

pub(crate) fn over(info: ConnInfo) -> TransportDetails {
    TransportDetails::new(Serializer::Json, "websocket", Arc::new(info))
}

/// A client's HELLO.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) hello: Hello,
    pub(crate) transport: Arc<TransportDetails>,
}

pub(crate) fn client(methods: &[&str], authid: Option<&str>) -> Client {
    let authmethods = Some(methods.iter().map(|name| Text::from(*name)).collect());
    let details = HelloDetails { authmethods, authid: authid.map(Text::from), ..HelloDetails::default() };
    Client { hello: Hello { realm: Some("realm1".into()), details }, transport: Arc::new(transport()) }
}

impl Client {
    pub(crate) fn realm(mut self, realm: Option<&str>) -> Self {
        self.hello.realm = realm.map(Text::from);
        self
    }

    pub(crate) fn extra(mut self, extra: Dict) -> Self {
        self.hello.details.authextra = Some(extra);
        self
    }

    pub(crate) fn on(mut self, transport: TransportDetails) -> Self {
        self.transport = Arc::new(transport);
        self
    }

    pub(crate) fn says_hello(&self, methods: &Methods) -> Step {
        methods.start(&self.hello, Id::new(3_251_278_072_152_162).unwrap(), &self.transport)
    }
}

pub(crate) fn dict(pairs: &[(&str, Value)]) -> Dict {
    Dict(pairs.iter().map(|(key, value)| (Text::from(*key), value.clone())).collect())
}

/// The principals of a static configuration.
pub(crate) fn named<T>(principals: impl IntoIterator<Item = (&'static str, T)>) -> HashMap<String, T> {
    principals.into_iter().map(|(name, principal)| (name.to_owned(), principal)).collect()
}

#[track_caller]
pub(crate) fn welcomed(step: Step) -> Principal {
    match step {
        Step::Welcome(principal) => *principal,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn refused(step: Step) -> Refused {
    match step {
        Step::Abort(refused) => refused,
        other => panic!("{other:?}"),
    }
}

/// The reason of the refusal.
#[track_caller]
pub(crate) fn reason(step: Step) -> String {
    refused(step).reason.to_string()
}

#[track_caller]
pub(crate) fn challenged(step: Step) -> (Dict, Pending) {
    match step {
        Step::Challenge(Challenged { extra, pending, .. }) => (extra, pending),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn asked(step: Step) -> Asked {
    match step {
        Step::Call(asked) => asked,
        other => panic!("{other:?}"),
    }
}

/// A text in a map.
#[track_caller]
pub(crate) fn text<'a>(dict: &'a Dict, key: &str) -> &'a str {
    match dict.get(key) {
        Some(Value::Text(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

pub(crate) fn signed(signature: &str) -> Authenticate {
    Authenticate { signature: signature.into(), extra: Dict::default() }
}

pub(crate) const DENIED: &str = "wamp.error.not_authorized";
pub(crate) const FAILED: &str = "wamp.error.authentication_failed";
