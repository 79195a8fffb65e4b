//! What is known about the node while it runs, for the node page, for `transom status` and the summary at the start.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use transom_router::Router;
use transom_web::{Facts, NodeFacts, RealmFacts, TransportFacts, UrlFacts};

use crate::control::{Outcome, RealmState, RetiredState, TransportState};
use crate::summary::served;
use crate::{PRODUCT, RunningTransport, VERSION};

/// The node's routers and transports, as they are when somebody looks.
pub(crate) struct NodeStatus {
    started: SystemTime,
    serving: Mutex<Arc<Serving>>,
    last_reload: Mutex<Option<Outcome>>,
}

/// What a node serves from one reload to the next.
#[derive(Default)]
pub(crate) struct Serving {
    /// By worker.
    pub(crate) routers: Vec<(String, Arc<Router>)>,
    pub(crate) transports: Vec<RunningTransport>,
    /// Transports that are no more, with connections that were open when they went.
    pub(crate) retired: Vec<RunningTransport>,
    /// How long a drain may take; none = no limit.
    pub(crate) drain_timeout: Option<Duration>,
}

impl NodeStatus {
    pub(crate) fn new() -> Self {
        NodeStatus { started: SystemTime::now(), serving: Mutex::default(), last_reload: Mutex::default() }
    }

    /// What is served from now on.
    pub(crate) fn serve(&self, serving: Serving) {
        *self.serving.lock() = Arc::new(serving);
    }

    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.serving.lock().clone()
    }

    pub(crate) fn reloaded(&self, outcome: Outcome) {
        *self.last_reload.lock() = Some(outcome);
    }

    pub(crate) fn last_reload(&self) -> Option<Outcome> {
        self.last_reload.lock().clone()
    }

    pub(crate) fn started(&self) -> SystemTime {
        self.started
    }

    pub(crate) fn realm_names(&self) -> Vec<String> {
        self.serving().realms().into_iter().map(|realm| realm.name).collect()
    }
}

impl Serving {
    pub(crate) fn realms(&self) -> Vec<RealmState> {
        let realms = self.routers.iter().flat_map(|(worker, router)| {
            router.status().realms.into_iter().map(move |realm| (worker, realm))
        });
        realms
            .map(|(worker, realm)| RealmState {
                worker: worker.clone(),
                name: realm.name,
                sessions: realm.sessions as u64,
                subscriptions: realm.subscriptions as u64,
                registrations: realm.registrations as u64,
                dropped_events: realm.dropped_events,
            })
            .collect()
    }

    pub(crate) fn transport_states(&self) -> Vec<TransportState> {
        let state = |transport: &RunningTransport| {
            let counters = &transport.counters;
            TransportState {
                worker: transport.worker.clone(),
                id: transport.id.clone(),
                kind: transport.protocol.type_name().to_owned(),
                bound: transport.bound.iter().map(ToString::to_string).collect(),
                urls: served(transport).urls.into_iter().map(|(_, url)| url).collect(),
                open: counters.open.load(Ordering::Relaxed),
                accepted: counters.accepted.load(Ordering::Relaxed),
                refused: counters.refused.load(Ordering::Relaxed),
                max_connections: transport.limit.max() as u64,
                state: state_of(transport),
            }
        };
        self.transports.iter().map(state).collect()
    }

    pub(crate) fn retired_states(&self) -> Vec<RetiredState> {
        let state =
            |transport: &RunningTransport| RetiredState { id: transport.id.clone(), open: transport.open() };
        self.retired.iter().map(state).filter(|retired| retired.open > 0).collect()
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> u64 {
        self.transports.iter().chain(&self.retired).map(RunningTransport::open).sum()
    }
}

/// How far an endpoint is that is not ready as soon as it is bound.
fn state_of(transport: &RunningTransport) -> Option<String> {
    transport.status.borrow().state.as_ref().map(|state| state.text.clone())
}

/// The node as the page on one port shows it.
pub(crate) struct PageFacts {
    pub(crate) status: Arc<NodeStatus>,
    /// Where a WebSocket is on the page's own port.
    pub(crate) websocket_path: Option<String>,
}

impl NodeFacts for PageFacts {
    fn facts(&self) -> Facts {
        let serving = self.status.serving();
        let transports = serving.transports.iter().map(|transport| {
            let served = served(transport);
            TransportFacts {
                id: served.id,
                kind: served.kind.to_owned(),
                urls: served
                    .urls
                    .into_iter()
                    .map(|(label, url)| UrlFacts { label: label.to_owned(), url })
                    .collect(),
                open: transport.open(),
                state: state_of(transport),
            }
        });
        let realms = serving.realms().into_iter().map(|realm| RealmFacts {
            name: realm.name,
            sessions: realm.sessions,
            subscriptions: realm.subscriptions,
            registrations: realm.registrations,
        });
        Facts {
            product: PRODUCT.to_owned(),
            version: VERSION.to_owned(),
            documentation: None,
            started: self.status.started,
            websocket_path: self.websocket_path.clone(),
            realms: realms.collect(),
            transports: transports.collect(),
        }
    }
}
