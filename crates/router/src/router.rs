//! The realms of a router and the ports at which transports open sessions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use transom_auth::{AnonymousSettings, Env, Methods, Settings};
use transom_base::{Clock, SystemClock};
use transom_config::{AnonymousAuth, AuthConfig};
use transom_wamp::{Id, RouterPort, SessionPort, SessionSink, Text, TransportDetails};

use crate::port::Port;
use crate::realm::Realm;
use crate::scratch;
use crate::settings::RealmSettings;
use crate::status::RouterStatus;
use crate::sync::{Mutex, RwLock};

/// A router: its realms, and the sessions that have joined them.
pub struct Router {
    realms: RwLock<HashMap<String, Arc<Realm>>>,
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
        Router::with_settings(&settings(realms), clock)
    }

    /// A router with realms of which more is set than a node directory says. Of realms with one name the last counts.
    pub fn with_settings(realms: &[RealmSettings], clock: Arc<dyn Clock>) -> Arc<Self> {
        let realm = |settings| Arc::new(Realm::new(settings, clock.clone()));
        let realms = realms.iter().map(|settings| (settings.name.clone(), realm(settings))).collect();
        Arc::new(Router { realms: RwLock::new(realms), sessions: Mutex::default(), clock })
    }

    /// Forgets the events that a topic of a realm retains; false when there are none.
    pub fn forget_retained(&self, realm: &str, topic: &str) -> bool {
        self.realm(realm).is_some_and(|realm| realm.forget_retained(&topic.into()))
    }

    /// Where a transport opens sessions that are nobody's in particular: as this `auth` has `anonymous`, or without
    /// `auth` as the role `anonymous`. For all that proves something there is [`Router::port_with`].
    pub fn port(self: &Arc<Self>, auth: Option<&AuthConfig>) -> Arc<dyn RouterPort> {
        let settings = match auth {
            Some(auth) => {
                Settings { anonymous: auth.anonymous.as_ref().and_then(anonymous), ..Settings::default() }
            }
            None => Settings::open(),
        };
        let env = Env { clock: self.clock.clone(), ..Env::default() };
        self.port_with(Arc::new(Methods::new(settings, env)))
    }

    /// Where a transport that accepts these methods opens sessions.
    pub fn port_with(self: &Arc<Self>, methods: Arc<Methods>) -> Arc<dyn RouterPort> {
        Arc::new(Gate { router: self.clone(), methods })
    }

    /// Takes over other realms. New ones can be joined at once. A realm that stays keeps its sessions and what they
    /// hold; its roles, permissions and options hold for everything that is done from now on, and a session whose role
    /// is gone gets GOODBYE with `wamp.error.no_such_role`. The sessions of a realm that is gone get GOODBYE with
    /// `wamp.close.close_realm`. Returns how many sessions got one.
    pub fn update(&self, realms: &[transom_config::Realm]) -> usize {
        self.update_settings(&settings(realms))
    }

    /// Takes over other realms of which more is set than a node directory says.
    pub fn update_settings(&self, realms: &[RealmSettings]) -> usize {
        let mut kept = Vec::new();
        let removed: Vec<_> = {
            let mut present = self.realms.write();
            let removed = present.extract_if(|name, _| realms.iter().all(|realm| realm.name != *name));
            let removed = removed.map(|(_, realm)| realm).collect();
            for realm in realms {
                match present.get(&realm.name) {
                    Some(present) => kept.push((present.clone(), realm)),
                    None => {
                        present.insert(realm.name.clone(), Arc::new(Realm::new(realm, self.clock.clone())));
                    }
                }
            }
            removed
        };
        let dismissed: usize = kept.into_iter().map(|(present, realm)| present.update(realm)).sum();
        dismissed + removed.iter().map(|realm| realm.close()).sum::<usize>()
    }

    /// What the router holds at this moment.
    pub fn status(&self) -> RouterStatus {
        let mut realms: Vec<_> = self.realms.read().values().map(|realm| realm.status()).collect();
        realms.sort_by(|a, b| a.name.cmp(&b.name));
        RouterStatus { realms }
    }

    pub(crate) fn realm(&self, name: &str) -> Option<Arc<Realm>> {
        self.realms.read().get(name).cloned()
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

fn settings(realms: &[transom_config::Realm]) -> Vec<RealmSettings> {
    realms.iter().map(RealmSettings::from).collect()
}

/// `anonymous` as it is configured. The dynamic kind lets nobody in.
fn anonymous(config: &AnonymousAuth) -> Option<AnonymousSettings> {
    let AnonymousAuth::Static(config) = config else { return None };
    Some(AnonymousSettings::Static {
        role: config.role.as_str().into(),
        authid: config.authid.as_deref().map(Text::from),
        realm: config.realm.as_deref().map(Text::from),
    })
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
