//! What the service manager that started this process is told. That it cannot be told is logged and no reason to stop.

use std::io;

use tokio::task::JoinSet;
use tracing::warn;
use transom_base::DrainWatch;
use transom_endpoint::ServiceManager;

use crate::RunningNode;

/// The service manager, if there is one.
pub(crate) struct Manager {
    manager: ServiceManager,
    /// What says that the node is alive; it ends with this.
    _alive: JoinSet<()>,
}

impl Manager {
    /// Whoever stands in the environment. If it watches, it is told from now on that the node is alive.
    pub(crate) fn new() -> Self {
        let manager = ServiceManager::from_env().unwrap_or_else(|problem| {
            warn!("the service manager cannot be told anything: {problem}");
            ServiceManager::default()
        });
        let mut alive = JoinSet::new();
        if manager.watchdog().is_some() {
            let manager = manager.clone();
            // A node that drains is alive, and no watch of its own is to be waited for.
            alive.spawn(async move { told(manager.keep_alive(&mut DrainWatch::never()).await) });
        }
        Manager { manager, _alive: alive }
    }

    /// Every listener is bound.
    pub(crate) fn ready(&self, running: &RunningNode) {
        let number = running.transports().len();
        let word = if number == 1 { "transport" } else { "transports" };
        told(self.manager.ready(&format!("serving on {number} {word}")));
    }

    /// A reload begins.
    pub(crate) fn reloading(&self) {
        told(self.manager.reloading());
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        told(self.manager.stopping());
    }
}

fn told(result: io::Result<()>) {
    if let Err(problem) = result {
        warn!("the service manager was not told: {problem}");
    }
}
