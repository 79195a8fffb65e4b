//! A node that runs: everything is bound before anything is served, and it ends in phases. How it changes while it
//! runs is in `reload`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::info;
use transom_auth::PrivateKey;
use transom_base::{Counters, Deadline, Drain, Elapsed, Limit};
use transom_config::{ListenEndpoint, Node, Transport, TransportProtocol, Worker};
use transom_endpoint::{
    AcceptControl, Accepting, BoundAddr, EndpointStatus, Inherited, SocketId, accept_under_control,
};
use transom_router::Router;
use transom_tor::EmbeddedTor;

use crate::authentication::Authentication;
use crate::compose;
use crate::endpoints::tls::TlsServers;
use crate::endpoints::{self, Bound};
use crate::facts::{NodeStatus, Serving};
use crate::reload::plan::{routers, transports};
use crate::{StartError, Summary, summary};

/// A node as it runs: with routers only. A testee is one without realms.
///
/// # Errors
///
/// This release does not run one of its workers.
pub(crate) fn as_run(node: &Node) -> Result<Node, StartError> {
    let worker = |worker: &Worker| match worker {
        Worker::Router(_) => Ok(worker.clone()),
        Worker::WebSocketTestee(testee) => Ok(Worker::Router(Box::new(testee.as_router()))),
        other => Err(StartError::unsupported(other.place(), "worker", other.type_name())),
    };
    Ok(Node { workers: node.workers.iter().map(worker).collect::<Result<_, _>>()?, ..node.clone() })
}

/// How long connections may take to notice that they are cut.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);

/// A node that serves. Dropping it cuts everything.
pub struct RunningNode {
    /// What it runs.
    pub(crate) config: Node,
    pub(crate) drain: Drain,
    /// One for each worker of `config`.
    pub(crate) routers: Vec<Arc<Router>>,
    /// One for each transport of `config`.
    pub(crate) transports: Vec<RunningTransport>,
    /// One for each transport: what accepts for it.
    pub(crate) listening: Vec<Listening>,
    /// Transports that were removed while connections of them were open.
    pub(crate) retired: Vec<RunningTransport>,
    pub(crate) status: Arc<NodeStatus>,
    authentication: Authentication,
    /// The sockets that the process was started with and that no endpoint has taken.
    pub(crate) inherited: Mutex<Inherited>,
    /// For endpoints that want a Tor inside the node.
    pub(crate) tor: EmbeddedTor,
    pub(crate) tls: TlsServers,
    pub(crate) accepting: JoinSet<std::io::Result<()>>,
}

/// A transport that listens.
#[derive(Debug, Clone)]
pub struct RunningTransport {
    /// The worker it belongs to.
    pub worker: String,
    /// Its ID.
    pub id: String,
    /// What it speaks.
    pub protocol: TransportProtocol,
    /// The addresses that are really bound.
    pub bound: Vec<BoundAddr>,
    /// How its endpoint is.
    pub(crate) status: watch::Receiver<EndpointStatus>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) limit: Arc<Limit>,
}

/// The accept loop of a transport.
pub(crate) struct Listening {
    pub(crate) control: AcceptControl,
    /// Its socket file, where it has one.
    pub(crate) file: Option<SocketId>,
}

/// How a node came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everybody said goodbye in time.
    Drained,
    /// So many connections were cut.
    Cut(u64),
}

impl RunningTransport {
    pub(crate) fn new(
        worker: &str,
        transport: &Transport,
        (bound, status): (Vec<BoundAddr>, watch::Receiver<EndpointStatus>),
        accepting: &Accepting,
    ) -> Self {
        RunningTransport {
            worker: worker.to_owned(),
            id: transport.id.clone(),
            protocol: transport.protocol.clone(),
            bound,
            status,
            counters: accepting.counters.clone(),
            limit: accepting.limit.clone(),
        }
    }

    /// Logs where clients find an onion service, which nobody can see from its configuration.
    pub(crate) fn announce(&self) {
        if self.bound.iter().any(|bound| matches!(bound, BoundAddr::Onion { .. })) {
            for (what, url) in summary::served(self).urls {
                info!(transport = %self.id, "onion service: {what} {url}");
            }
        }
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> u64 {
        self.counters.open.load(Ordering::Relaxed)
    }
}

impl RunningNode {
    /// Binds everything the configuration asks for, then serves it. Needs a Tokio runtime around it.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be had. What was bound until then is given back.
    pub async fn start(node: &Node) -> Result<Self, StartError> {
        Self::start_with(node, Inherited::nothing(), None, EmbeddedTor::default()).await
    }

    /// The same, with the sockets that the process was started with, with the node's key, by which it proves itself to
    /// clients that ask for that, and with what its Tor endpoints share.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_with(
        node: &Node,
        inherited: Inherited,
        key: Option<Arc<PrivateKey>>,
        tor: EmbeddedTor,
    ) -> Result<Self, StartError> {
        let node = as_run(node)?;
        let (drain, _watch) = Drain::new();
        let mut running = RunningNode {
            config: node.clone(),
            drain,
            routers: routers(&node).map(|worker| Router::new(&worker.realms)).collect(),
            transports: Vec::new(),
            listening: Vec::new(),
            retired: Vec::new(),
            status: Arc::new(NodeStatus::new()),
            authentication: Authentication::new(key),
            inherited: Mutex::new(inherited),
            tor,
            tls: TlsServers::default(),
            accepting: JoinSet::new(),
        };
        let mut ready = Vec::new();
        for ((number, transport), router) in transports(&node).map(|t| (t, running.routers.get(t.0))) {
            let Some(router) = router else { continue };
            match running.ready(transport, router).await {
                Ok((accepting, bound)) => ready.push((number, transport, accepting, bound)),
                Err(error) => {
                    for (.., bound) in ready {
                        bound.listener.close().await;
                    }
                    return Err(error);
                }
            }
        }
        for (number, transport, accepting, bound) in ready {
            let worker = routers(&node).nth(number).map_or("", |worker| &worker.id);
            let endpoint = bound.facts();
            let transport = RunningTransport::new(worker, transport, endpoint, &accepting);
            transport.announce();
            running.transports.push(transport);
            let listening = running.listen(bound, accepting);
            running.listening.push(listening);
        }
        running.publish();
        Ok(running)
    }

    async fn ready(
        &self,
        transport: &Transport,
        router: &Arc<Router>,
    ) -> Result<(Accepting, Bound), StartError> {
        let accepting = self.accepting(transport, router)?;
        let bound = self.bind(&transport.endpoint).await?;
        Ok((accepting, bound))
    }

    /// Binds an endpoint.
    pub(crate) async fn bind(&self, endpoint: &ListenEndpoint) -> Result<Bound, StartError> {
        endpoints::listen(endpoint, &self.inherited, &self.tor).await
    }

    /// How connections of a transport are to be accepted.
    pub(crate) fn accepting(
        &self,
        transport: &Transport,
        router: &Arc<Router>,
    ) -> Result<Accepting, StartError> {
        let handler = self
            .tls
            .before(transport, compose::handler(router, (&self.status, &self.authentication), transport)?)?;
        let watch = self.drain.watch();
        let mut accepting = Accepting::new(transport.id.clone(), handler, transport.max_connections(), watch);
        accepting.accept_rate = transport.endpoint.accept_rate();
        accepting.proxy_protocol = endpoints::proxy_protocol(&transport.endpoint)?;
        accepting.max_per_address = endpoints::max_per_address(&transport.endpoint);
        Ok(accepting)
    }

    /// Accepts from now on.
    pub(crate) fn listen(&mut self, bound: Bound, accepting: Accepting) -> Listening {
        let (control, orders) = AcceptControl::new(accepting);
        let Bound { listener, file } = bound;
        self.accepting.spawn(accept_under_control(listener, orders));
        Listening { control, file }
    }

    /// Lets everybody who asks see what is served.
    pub(crate) fn publish(&mut self) {
        self.retired.retain(|transport| transport.open() > 0);
        let ids = routers(&self.config).map(|worker| worker.id.clone());
        self.status.serve(Serving {
            routers: ids.zip(self.routers.iter().cloned()).collect(),
            transports: self.transports.clone(),
            retired: self.retired.clone(),
            drain_timeout: self.config.controller.options.drain_timeout,
        });
    }

    /// The transports that listen.
    pub fn transports(&self) -> &[RunningTransport] {
        &self.transports
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.status.serving().open()
    }

    /// What it serves, for people.
    pub fn summary(&self) -> Summary {
        Summary::new(&self.transports, &self.status)
    }

    /// Completes when a listener fails for good; returns what happened. Others go on.
    pub async fn listener_failed(&mut self) -> std::io::Error {
        loop {
            match self.accepting.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(Err(panic)) => return std::io::Error::other(panic),
                Some(Ok(Ok(()))) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Drains: closes the listeners, lets every session say goodbye, and cuts what is left after the configured
    /// drain timeout or as soon as `cut` completes.
    pub async fn stop(mut self, cut: impl Future<Output = ()>) -> Stopped {
        self.drain.drain();
        // The listeners are closed, and their socket files gone, before anybody is waited for.
        while self.accepting.join_next().await.is_some() {}
        // They hold watches of their own.
        self.listening.clear();
        let drained = tokio::select! {
            drained = Deadline::after(self.config.controller.options.drain_timeout).run(self.drain.complete()) => drained,
            () = cut => Err(Elapsed),
        };
        if drained.is_ok() {
            return Stopped::Drained;
        }
        let left = self.open();
        self.drain.abort();
        // Whoever does not notice even that ends with the runtime.
        let _ = Deadline::after(ABORT_TIMEOUT).run(self.drain.complete()).await;
        Stopped::Cut(left)
    }
}
