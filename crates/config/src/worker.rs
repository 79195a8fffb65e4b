//! Workers: what a node runs.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::define::{choice, map};
use crate::{
    ContainerComponent, ContainerRestart, ContainerShutdown, GuestWorker, Manhole, ProxyWorker, Realm,
    RouterComponent, TesteeConfig, TesteeTransport, Transport, TransportProtocol, WebSocketConfig,
};

choice! {
    /// What a node runs.
    pub enum Worker = "worker";
    /// Realms and the transports that lead to them.
    "router" => Router(Box<RouterWorker>) = "router worker";
    /// Components that connect to a router.
    "container" => Container(Box<ContainerWorker>) = "container worker",
        unsupported_but("run the component as a process of its own that connects to a transport");
    /// Any program, supervised.
    "guest" => Guest(Box<GuestWorker>) = "guest worker",
        unsupported_but("run the program as a process of its own that connects to a transport");
    /// A WebSocket server without WAMP that echoes, for conformance tests.
    "websocket-testee" => WebSocketTestee(Box<TesteeWorker>) = "websocket-testee worker";
    /// Transports whose sessions are relayed to routers.
    "proxy" => Proxy(Box<ProxyWorker>) = "proxy worker",
        unsupported_but("let clients connect to the router's transports directly");
}

impl Worker {
    /// Its ID: unique in the node.
    pub fn id(&self) -> &str {
        match self {
            Self::Router(worker) => &worker.id,
            Self::Container(worker) => &worker.id,
            Self::Guest(worker) => &worker.id,
            Self::WebSocketTestee(worker) => &worker.id,
            Self::Proxy(worker) => &worker.id,
        }
    }

    /// The listening transports, in start order.
    pub fn transports(&self) -> &[Transport] {
        match self {
            Self::Router(worker) => &worker.transports,
            Self::Proxy(worker) => &worker.transports,
            Self::Container(_) | Self::Guest(_) | Self::WebSocketTestee(_) => &[],
        }
    }

    /// The same, to change them.
    pub fn transports_mut(&mut self) -> &mut [Transport] {
        match self {
            Self::Router(worker) => &mut worker.transports,
            Self::Proxy(worker) => &mut worker.transports,
            Self::Container(_) | Self::Guest(_) | Self::WebSocketTestee(_) => &mut [],
        }
    }

    /// The realms, in start order: only routers have any.
    pub fn realms(&self) -> &[Realm] {
        match self {
            Self::Router(worker) => &worker.realms,
            _ => &[],
        }
    }
}

map! {
    /// Realms and the transports that lead to them.
    pub struct RouterWorker = "router worker";
    optional {
        /// Unique in the node.
        id: String = String::new() => id("worker", |ids| &ids.worker, true);
        /// Further settings.
        options: WorkerOptions = WorkerOptions::default() => map_as("router worker options");
        /// The realms, in start order.
        realms: Vec<Realm> = Vec::new() => list(map());
        /// What it listens on, in start order.
        transports: Vec<Transport> = Vec::new() => list(whole(map()));
        /// Application code inside the worker.
        components: Vec<RouterComponent> = Vec::new() => list(whole(map()));
        /// Nothing.
        connections: Option<Json> = None => some(any()), warned_of("nothing here uses connections");
        /// A shell for diagnostics inside the worker.
        manhole: Option<Manhole> = None => some(map()), unsupported();
    }
}

map! {
    /// Components that connect to a router.
    pub struct ContainerWorker = "container worker";
    optional {
        /// Unique in the node.
        id: String = String::new() => id("worker", |ids| &ids.worker, false);
        /// Further settings.
        options: ContainerOptions = ContainerOptions::default() => map();
        /// The application code.
        components: Vec<ContainerComponent> = Vec::new() => list(map());
        /// Nothing.
        connections: Option<Json> = None => some(any()), warned_of("nothing here uses connections");
        /// A shell for diagnostics inside the worker.
        manhole: Option<Manhole> = None => some(map()), unsupported();
    }
}

map! {
    /// Further settings of a container.
    pub struct ContainerOptions = "container worker options", check = reader::worker::check_container;
    optional {
        /// What ends the container.
        shutdown: ContainerShutdown = ContainerShutdown::Manual => word().hint(reader::worker::shutdown_trap);
        /// What happens to a component that ends.
        restart: ContainerRestart = ContainerRestart::Never => word();
    }
    parts {
        /// What all workers with application code have.
        worker: WorkerOptions = WorkerOptions::default() => inside();
    }
}

map! {
    /// A WebSocket server without WAMP that echoes, for conformance tests.
    pub struct TesteeWorker = "websocket-testee worker";
    required {
        /// What it listens on, and how.
        transport: TesteeTransport => map();
    }
    optional {
        /// Unique in the node.
        id: String = String::new() => id("worker", |ids| &ids.worker, false);
        /// Further settings.
        options: WorkerOptions = WorkerOptions::default() => map_as("websocket-testee worker options");
    }
}

impl TesteeWorker {
    /// The same as a router without realms, whose one transport is a `websocket.testee` without limit.
    pub fn as_router(&self) -> RouterWorker {
        let TesteeTransport { endpoint, id, websocket, place, .. } = self.transport.clone();
        let WebSocketConfig { url, debug, options, .. } = websocket;
        let testee = TesteeConfig { url, debug, options, place: place.clone() };
        let transport = Transport {
            endpoint,
            id,
            max_connections_written: Some(usize::MAX),
            protocol: TransportProtocol::WebSocketTestee(Box::new(testee)),
            place,
        };
        RouterWorker {
            id: self.id.clone(),
            options: self.options.clone(),
            transports: vec![transport],
            place: self.place.clone(),
            ..RouterWorker::default()
        }
    }
}

map! {
    /// Further settings of a worker that can hold application code. Workers share one process here.
    pub struct WorkerOptions = "worker options";
    optional {
        /// Leave the worker out, with a warning. A text means true, except for `${NAME}`: true if that environment
        /// variable is there and not empty.
        disabled: bool = false => reader::worker::Disabled;
        /// Title of the process.
        title: Option<String> = None => some(unchecked_text()), without_effect("workers are no processes of their own");
        /// The Python interpreter for application code.
        python: Option<String> = None => some(unchecked_text()), without_effect("no Python code runs inside this worker");
        /// Where Python modules are looked for.
        pythonpath: Vec<PathBuf> = Vec::new() => list(folder()), without_effect("no Python code runs inside this worker");
        /// The CPUs that the worker may use.
        cpu_affinity: Option<Vec<u32>> = None => some(list(int(0..=65_535))),
            warned_of("workers share the threads of one process");
        /// The environment of the process.
        env: Option<WorkerEnvironment> = None => some(map()), warned_of("workers are no processes of their own");
        /// Let application code reach the controller.
        expose_controller: bool = false => flag(), without_effect("no Python code runs inside this worker");
        /// Let application code share objects.
        expose_shared: bool = false => flag(), without_effect("no Python code runs inside this worker");
        /// Passed to application code as it is.
        extra: Option<Json> = None => some(any()), without_effect("no Python code runs inside this worker");
        /// The event loop.
        reactor: Option<Json> = None => some(any()), warned_of("there is no choice of event loops");
    }
}

map! {
    /// The environment of a process.
    pub struct WorkerEnvironment = "worker environment";
    optional {
        /// Which variables of the node are handed on: all, none, or those of these names.
        inherit: InheritedVariables = InheritedVariables::All => reader::worker::Inherit;
        /// Further variables, set last.
        vars: Vec<(String, String)> = Vec::new() =>
            dict("environment variables", ("the name of a variable", None), |_, _, _| true, unchecked_text());
    }
}

/// Which environment variables a process gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InheritedVariables {
    /// All.
    All,
    /// None.
    None,
    /// Those of these names.
    Named(Vec<String>),
}
