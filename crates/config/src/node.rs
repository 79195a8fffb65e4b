//! The node, its controller and its router workers.

use std::time::Duration;

use crate::{Place, Realm, Transport};

/// A whole node, as one configuration file describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// Node-wide settings.
    pub controller: Controller,
    /// The router workers in start order. Disabled ones are already left out.
    pub workers: Vec<RouterWorker>,
}

/// `controller`: settings of the whole node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// Where it stands.
    pub place: Place,
    /// The node's ID. `None`: `<hostname>-<pid>`, lower-case. This release does not act on it.
    pub id: Option<String>,
    /// `options.title`: title of the process. Default `crossbar-controller`.
    /// This release does not act on it.
    pub title: String,
    /// `options.shutdown`: any of these stops the node. Default: when a worker exits.
    /// This release does not act on it.
    pub shutdown: Vec<ShutdownTrigger>,
    /// `options.threads`: threads of the runtime, at most 1024; `None` (default, 0 in a file) = one per
    /// core.
    pub threads: Option<usize>,
    /// `options.drain_timeout`: from the first stop signal to aborting what is left, ms in a file.
    /// Default 10 s; `None` = wait until all is done or a second signal comes.
    pub drain_timeout: Option<Duration>,
    /// `reload`: listen on a control socket in the node directory. Default true. This release does not act
    /// on it.
    pub reload: bool,
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            place: Place::new("controller"),
            id: None,
            title: "crossbar-controller".to_owned(),
            shutdown: vec![ShutdownTrigger::WorkerExit],
            threads: None,
            drain_timeout: Some(Duration::from_secs(10)),
            reload: true,
        }
    }
}

/// What stops the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShutdownTrigger {
    /// `shutdown_on_shutdown_requested`
    ShutdownRequested,
    /// `shutdown_on_worker_exit`
    WorkerExit,
    /// `shutdown_on_worker_exit_with_error`
    WorkerExitWithError,
    /// `shutdown_on_last_worker_exit`
    LastWorkerExit,
}

impl ShutdownTrigger {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ShutdownRequested, Self::WorkerExit, Self::WorkerExitWithError, Self::LastWorkerExit];

    /// The name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShutdownRequested => "shutdown_on_shutdown_requested",
            Self::WorkerExit => "shutdown_on_worker_exit",
            Self::WorkerExitWithError => "shutdown_on_worker_exit_with_error",
            Self::LastWorkerExit => "shutdown_on_last_worker_exit",
        }
    }
}

/// A worker of type `router`: realms and the transports that lead to them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouterWorker {
    /// Where it stands.
    pub place: Place,
    /// Unique in the node. Default `worker001` and so on.
    pub id: String,
    /// The realms in start order.
    pub realms: Vec<Realm>,
    /// The listening transports in start order.
    pub transports: Vec<Transport>,
}
