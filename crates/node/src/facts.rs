//! What is known about the node while it runs, for the node page and the summary at the start.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use parking_lot::Mutex;
use transom_router::Router;
use transom_web::{Facts, NodeFacts, RealmFacts, TransportFacts, UrlFacts};

use crate::summary::served;
use crate::{PRODUCT, RunningTransport, VERSION};

/// The node's routers and transports, as they are filled in while it starts.
pub(crate) struct NodeStatus {
    started: SystemTime,
    routers: Mutex<Vec<Arc<Router>>>,
    transports: OnceLock<Vec<RunningTransport>>,
}

impl NodeStatus {
    pub(crate) fn new() -> Self {
        NodeStatus { started: SystemTime::now(), routers: Mutex::default(), transports: OnceLock::new() }
    }

    pub(crate) fn add_router(&self, router: Arc<Router>) {
        self.routers.lock().push(router);
    }

    /// Called once, when everything is bound.
    pub(crate) fn set_transports(&self, transports: Vec<RunningTransport>) {
        let _ = self.transports.set(transports);
    }

    pub(crate) fn realm_names(&self) -> Vec<String> {
        self.realms().into_iter().map(|realm| realm.name).collect()
    }

    fn realms(&self) -> Vec<RealmFacts> {
        let routers = self.routers.lock().clone();
        let realms = routers.iter().flat_map(|router| router.status().realms);
        realms
            .map(|realm| RealmFacts {
                name: realm.name,
                sessions: realm.sessions as u64,
                subscriptions: realm.subscriptions as u64,
                registrations: realm.registrations as u64,
            })
            .collect()
    }
}

/// The node as the page on one port shows it.
pub(crate) struct PageFacts {
    pub(crate) status: Arc<NodeStatus>,
    /// Where a WebSocket is on the page's own port.
    pub(crate) websocket_path: Option<String>,
}

impl NodeFacts for PageFacts {
    fn facts(&self) -> Facts {
        let transports = self.status.transports.get().into_iter().flatten().map(|transport| {
            let served = served(transport);
            TransportFacts {
                id: served.id,
                kind: served.kind.to_owned(),
                urls: served
                    .urls
                    .into_iter()
                    .map(|(label, url)| UrlFacts { label: label.to_owned(), url })
                    .collect(),
                open: transport.counters.open.load(Ordering::Relaxed),
            }
        });
        Facts {
            product: PRODUCT.to_owned(),
            version: VERSION.to_owned(),
            documentation: None,
            started: self.status.started,
            websocket_path: self.websocket_path.clone(),
            realms: self.status.realms(),
            transports: transports.collect(),
        }
    }
}
