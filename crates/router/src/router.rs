//! The realms of a router and the ports at which transports open sessions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use transom_auth::Methods;
use transom_base::{Clock, SystemClock};
use transom_config::AuthConfig;
use transom_wamp::{Id, RouterPort, SessionPort, SessionSink, TransportDetails};

use crate::port::Port;
use crate::realm::Realm;
use crate::scratch;
use crate::settings::RealmSettings;
use crate::status::RouterStatus;
use crate::sync::Mutex;

/// A router: its realms, and the sessions that have joined them.
pub struct Router {
    realms: HashMap<String, Arc<Realm>>,
    /// IDs of the sessions that have joined any realm.
    sessions: Mutex<HashSet<Id, RandomState>>,
    clock: Arc<dyn Clock>,
}

impl Router {
    /// A router with these realms. Of realms with one name the last counts.
    pub fn new(realms: &[transom_config::Realm]) -> Arc<Self> {
        Router::with_clock(realms, Arc::new(SystemClock))
    }

    /// A router whose deadlines follow this clock.
    pub fn with_clock(realms: &[transom_config::Realm], clock: Arc<dyn Clock>) -> Arc<Self> {
        let settings: Vec<RealmSettings> = realms.iter().map(RealmSettings::from).collect();
        Router::with_settings(&settings, clock)
    }

    /// A router with realms of which more is set than a node directory says. Of realms with one name the last counts.
    pub fn with_settings(realms: &[RealmSettings], clock: Arc<dyn Clock>) -> Arc<Self> {
        let realm = |settings| Arc::new(Realm::new(settings, clock.clone()));
        let realms = realms.iter().map(|settings| (settings.name.clone(), realm(settings))).collect();
        Arc::new(Router { realms, sessions: Mutex::default(), clock })
    }

    /// Forgets the events that a topic of a realm retains; false when there are none.
    pub fn forget_retained(&self, realm: &str, topic: &str) -> bool {
        self.realm(realm).is_some_and(|realm| realm.forget_retained(&topic.into()))
    }

    /// Where a transport with this `auth` opens sessions. Without `auth`, everybody may join as `anonymous`.
    pub fn port(self: &Arc<Self>, auth: Option<&AuthConfig>) -> Arc<dyn RouterPort> {
        Arc::new(Gate { router: self.clone(), methods: Arc::new(Methods::new(auth)) })
    }

    /// What the router holds at this moment.
    pub fn status(&self) -> RouterStatus {
        let mut realms: Vec<_> = self.realms.values().map(|realm| realm.status()).collect();
        realms.sort_by(|a, b| a.name.cmp(&b.name));
        RouterStatus { realms }
    }

    pub(crate) fn realm(&self, name: &str) -> Option<&Arc<Realm>> {
        self.realms.get(name)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// An ID that no other session has, until it is returned; none when the operating system has no randomness.
    pub(crate) fn take_session_id(&self) -> Option<Id> {
        loop {
            let id = scratch::random_id()?;
            if self.sessions.lock().insert(id) {
                return Some(id);
            }
        }
    }

    pub(crate) fn return_session_id(&self, id: Id) {
        self.sessions.lock().remove(&id);
    }
}

/// The port of one transport.
struct Gate {
    router: Arc<Router>,
    methods: Arc<Methods>,
}

impl RouterPort for Gate {
    fn open(&self, details: TransportDetails, sink: Arc<dyn SessionSink>) -> Box<dyn SessionPort> {
        Box::new(Port::new(self.router.clone(), self.methods.clone(), details, sink))
    }
}
