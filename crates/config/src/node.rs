//! The node and its controller.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use crate::define::{choice, map, words};
use crate::{ListenEndpoint, RouterWorker, Secret, Worker};

map! {
    /// The whole configuration.
    pub struct Node = "the configuration", trap = reader::top::trap;
    optional {
        /// For editors: where the schema of this file is.
        schema["$schema"]: Option<Json> = None => some(any());
        /// Settings of the whole node.
        controller: Controller = Controller::default() => map();
        /// What the node runs, in start order. Those that are disabled are left out.
        workers: Vec<Worker> = Vec::new() => list(reader::worker::worker());
    }
    parts {
        /// The version of the dialect, which must be there.
        version: DialectVersion = DialectVersion => reader::top::Version;
    }
}

/// Version 2 of the dialect, the only one that is read. A file of version 1 can be upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DialectVersion;

impl Node {
    /// The workers of type `router`.
    pub fn routers(&self) -> impl Iterator<Item = &RouterWorker> {
        self.workers.iter().filter_map(|worker| match worker {
            Worker::Router(router) => Some(&**router),
            _ => None,
        })
    }
}

map! {
    /// Settings of the whole node.
    pub struct Controller = "controller";
    optional {
        /// The node's ID. Without one it is made of the host name and the process ID.
        id: Option<String> = None => some(name_of(true)), always_noted("nothing shows it yet");
        /// Further settings.
        options: ControllerOptions = ControllerOptions::default() => map();
        /// A shell for diagnostics inside the node.
        manhole: Option<Manhole> = None => some(map()), unsupported();
        /// Where the key pair of the node is.
        keyring: Option<Keyring> = None => some(map()), unsupported();
        /// The Tor that runs inside the node, for endpoints with `embedded`.
        tor: EmbeddedTor = EmbeddedTor::default() => map();
        /// Listen on the socket `transom.sock` in the node directory for `transom reload`, `status` and `stop`. The socket
        /// also keeps a second node out of the directory.
        reload: bool = true => flag();
        /// Nothing.
        connections: Option<Json> = None => some(any()), warned_of("there is nothing it could configure");
        /// Nothing.
        fabric: Option<Json> = None => some(any()), warned_of("it belongs to another product");
        /// Nothing.
        enable_docker: Option<Json> = None => some(any()), warned_of("it belongs to another product");
    }
}

map! {
    /// Further settings of the whole node.
    pub struct ControllerOptions = "controller options";
    optional {
        /// Worker threads; 0: one per core. One costs least per message on a small machine. `--threads` comes first.
        threads: Option<u32> = None => limit(1024);
        /// From the first signal to stop until what is left is cut; 0: wait until everybody has left or a second signal
        /// comes.
        drain_timeout: Option<Duration> = Some(Duration::from_secs(10)) => ms();
        /// Title of the process.
        title: String = "crossbar-controller".to_owned() => unchecked_text(),
            always_noted("the process keeps the name of its program");
        /// What stops the node.
        shutdown: Vec<ShutdownTrigger> = vec![ShutdownTrigger::WorkerExit] => one_or_list(word()),
            always_noted(
                "workers are no processes that could exit; a node ends when it is told to or when a listener fails"
            );
        /// Start workers at the same time.
        enable_parallel_worker_start: bool = false => flag(), without_effect("workers start in no time");
    }
}

words! {
    /// What stops a node.
    pub enum ShutdownTrigger;
    /// A request to stop.
    "shutdown_on_shutdown_requested" => ShutdownRequested;
    /// The end of any worker.
    "shutdown_on_worker_exit" => WorkerExit;
    /// The end of a worker that failed.
    "shutdown_on_worker_exit_with_error" => WorkerExitWithError;
    /// The end of the last worker.
    "shutdown_on_last_worker_exit" => LastWorkerExit;
}

map! {
    /// A shell for diagnostics.
    pub struct Manhole = "manhole";
    required {
        /// Where it listens.
        endpoint: ListenEndpoint => map();
        /// Who may use it.
        users: Vec<ManholeUser> => list(map());
    }
}

map! {
    /// Who may use a shell for diagnostics.
    pub struct ManholeUser = "manhole user";
    required {
        /// The name.
        user: String => filled();
        /// The password.
        password: Secret => secret(false);
    }
}

choice! {
    /// Where the key pair of the node is.
    pub enum Keyring = "keyring";
    /// In a file.
    "file" => File(KeyFile) = "keyring of type \"file\"";
    /// In a security module.
    "hsm" => Hsm(KeyModule) = "keyring of type \"hsm\"";
}

map! {
    /// A key pair in a file.
    pub struct KeyFile = "keyring";
    required {
        /// The file with the Ed25519 key.
        path: PathBuf => path();
    }
}

map! {
    /// A key pair in a security module.
    pub struct KeyModule = "keyring in a security module";
    optional {
        /// The driver of the module.
        driver: Option<Json> = None => some(any());
        /// Where the module is attached.
        port: Option<Json> = None => some(any());
    }
}

map! {
    /// The Tor that runs inside the node.
    pub struct EmbeddedTor = "embedded tor";
    optional {
        /// Where it keeps its state and keys; without it, `.tor` in the node directory.
        state_dir: Option<PathBuf> = None => some(folder());
        /// A file with settings for private networks.
        settings: Option<PathBuf> = None => some(path());
    }
}
