//! A node that runs: everything is bound before anything is served, and it ends in phases.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use transom_base::{Counters, Deadline, Drain, DrainWatch, Elapsed};
use transom_config::{Node, Transport, TransportProtocol, Worker};
use transom_endpoint::{Accepting, BoundAddr, Listener, accept_loop};
use transom_router::Router;

use crate::compose;
use crate::facts::NodeStatus;
use crate::{StartError, Summary};

/// How long connections may take to notice that they are cut.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);

/// A node that serves. Dropping it cuts everything.
pub struct RunningNode {
    drain: Drain,
    drain_timeout: Option<Duration>,
    transports: Vec<RunningTransport>,
    status: Arc<NodeStatus>,
    accepting: JoinSet<std::io::Result<()>>,
}

/// A transport that listens.
#[derive(Debug, Clone)]
pub struct RunningTransport {
    /// Its ID.
    pub id: String,
    /// What it speaks.
    pub protocol: TransportProtocol,
    /// The addresses that are really bound.
    pub bound: Vec<BoundAddr>,
    pub(crate) counters: Arc<Counters>,
}

/// How a node came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everybody said goodbye in time.
    Drained,
    /// So many connections were cut.
    Cut(u64),
}

/// A transport that is bound and not served yet.
struct Ready {
    listener: Box<dyn Listener>,
    accepting: Accepting,
}

impl RunningNode {
    /// Binds everything the configuration asks for, then serves it. Needs a Tokio runtime around it.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be had. What was bound until then is given back.
    pub async fn start(node: &Node) -> Result<Self, StartError> {
        let (drain, watch) = Drain::new();
        let status = Arc::new(NodeStatus::new());
        let mut ready = Vec::new();
        let mut transports = Vec::new();
        for worker in &node.workers {
            let Worker::Router(worker) = worker else {
                return Err(StartError::unsupported(worker.place(), "worker", worker.type_name()));
            };
            let router = Router::new(&worker.realms);
            status.add_router(router.clone());
            for transport in &worker.transports {
                match Self::ready(transport, &router, &status, watch.clone()).await {
                    Ok((running, one)) => {
                        transports.push(running);
                        ready.push(one);
                    }
                    Err(error) => {
                        for Ready { listener, .. } in ready {
                            listener.close().await;
                        }
                        return Err(error);
                    }
                }
            }
        }
        status.set_transports(transports.clone());
        let mut accepting = JoinSet::new();
        for one in ready {
            accepting.spawn(accept_loop(one.listener, one.accepting));
        }
        Ok(RunningNode {
            drain,
            drain_timeout: node.controller.options.drain_timeout,
            transports,
            status,
            accepting,
        })
    }

    async fn ready(
        transport: &Transport,
        router: &Arc<Router>,
        status: &Arc<NodeStatus>,
        watch: DrainWatch,
    ) -> Result<(RunningTransport, Ready), StartError> {
        let handler = compose::handler(router, status, transport)?;
        let listener = compose::listen(&transport.endpoint).await?;
        let mut accepting = Accepting::new(transport.id.clone(), handler, transport.max_connections(), watch);
        accepting.accept_rate = transport.endpoint.accept_rate();
        accepting.max_per_address = compose::max_per_address(&transport.endpoint);
        let running = RunningTransport {
            id: transport.id.clone(),
            protocol: transport.protocol.clone(),
            bound: listener.bound(),
            counters: accepting.counters.clone(),
        };
        Ok((running, Ready { listener, accepting }))
    }

    /// The transports that listen.
    pub fn transports(&self) -> &[RunningTransport] {
        &self.transports
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.transports.iter().map(|transport| transport.counters.open.load(Ordering::Relaxed)).sum()
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
        let drained = tokio::select! {
            drained = Deadline::after(self.drain_timeout).run(self.drain.complete()) => drained,
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
