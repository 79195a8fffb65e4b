//! One suite for every kind of endpoint: what must hold of a listener and the connector to it, whatever they are made
//! of and whatever steps (a PROXY header, TLS) stand in front of the protocol.
//!
//! A case says how to listen and how to connect; [`EndpointCase::run`] does the rest and panics with what does not
//! hold.

mod checks;
mod proxied;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use transom_base::{BoxFuture, Connection, Deadline};
use transom_endpoint::{Accepted, BoundAddr, Connector, Listener, Upgrade};

pub use proxied::{SendFirst, proxy_header};

/// Long enough for any check on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

type Listen = dyn Fn(Option<BoundAddr>) -> BoxFuture<'static, Box<dyn Listener>> + Send + Sync;
type Connect = dyn Fn(&BoundAddr) -> Arc<dyn Connector> + Send + Sync;

/// An endpoint under test.
pub struct EndpointCase {
    name: String,
    listen: Box<Listen>,
    connect: Box<Connect>,
    server: Vec<Arc<dyn Upgrade>>,
    client: Vec<Arc<dyn Upgrade>>,
    /// The client as the header in front of each connection names it.
    forwarded: Option<std::net::SocketAddr>,
}

impl EndpointCase {
    /// `listen` binds wherever there is room, or where it was bound before when it is told; `connect` makes a
    /// connector to what is bound.
    pub fn new<L>(
        name: &str,
        listen: impl Fn(Option<BoundAddr>) -> L + Send + Sync + 'static,
        connect: impl Fn(&BoundAddr) -> Arc<dyn Connector> + Send + Sync + 'static,
    ) -> Self
    where
        L: Future<Output = Box<dyn Listener>> + Send + 'static,
    {
        EndpointCase {
            name: name.to_owned(),
            listen: Box::new(move |at| Box::pin(listen(at))),
            connect: Box::new(connect),
            server: Vec::new(),
            client: Vec::new(),
            forwarded: None,
        }
    }

    /// With a step on both sides, as TLS is. Steps are taken in the order in which they are given.
    #[must_use]
    pub fn with_step(mut self, server: impl Upgrade + 'static, client: impl Upgrade + 'static) -> Self {
        self.server.push(Arc::new(server));
        self.client.push(Arc::new(client));
        self
    }

    /// Every check, one after the other. To be run with a runtime of its own.
    pub async fn run(&self) {
        macro_rules! each {
            ($($check:ident)*) => {$(
                println!("{}: {}", self.name, stringify!($check));
                let done = timeout(PATIENCE, checks::$check(self)).await;
                assert!(done.is_ok(), "{}: {} is stuck", self.name, stringify!($check));
            )*};
        }
        each! {
            accepts exchanges closes_by_halves notices_a_reset resets bears_slow_peers loses_nothing_when_cancelled
            binds_again takes_a_thousand
        }
    }

    async fn listen(&self) -> Box<dyn Listener> {
        (self.listen)(None).await
    }

    async fn listen_at(&self, at: BoundAddr) -> Box<dyn Listener> {
        (self.listen)(Some(at)).await
    }

    /// A connector to a listener.
    fn connector(&self, listener: &dyn Listener) -> Arc<dyn Connector> {
        (self.connect)(&listener.bound()[0])
    }

    /// Both ends of a new connection, after all steps.
    async fn connected(&self, listener: &mut dyn Listener) -> (Connection, Connection) {
        let connector = self.connector(listener);
        let client = async { self.stepped(connector.connect(Deadline::NEVER).await.unwrap()).await };
        let server = async { self.let_in(listener.accept().await.unwrap()).await };
        tokio::join!(client, server)
    }

    /// The client's end after its steps.
    async fn stepped(&self, conn: Connection) -> Connection {
        steps(&self.client, conn).await
    }

    /// The server's end after its steps.
    async fn let_in(&self, accepted: Accepted) -> Connection {
        steps(&self.server, accepted.into_connection()).await
    }
}

async fn steps(all: &[Arc<dyn Upgrade>], mut conn: Connection) -> Connection {
    for step in all {
        conn = step.apply(conn, Deadline::after(PATIENCE)).await.unwrap();
    }
    conn
}

impl std::fmt::Debug for EndpointCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointCase").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::{PassThrough, memory_listener};

    use super::*;

    #[tokio::test]
    async fn suite_when_run_over_memory_connects_and_exchanges() {
        // Pipes in memory cannot be bound again, so the whole suite is not for them.
        let connectors = Arc::new(std::sync::Mutex::new(None));
        let known = connectors.clone();
        let case = EndpointCase::new(
            "memory",
            move |_| {
                let (listener, connector) = memory_listener();
                *known.lock().unwrap() = Some(connector);
                std::future::ready(Box::new(listener) as Box<dyn Listener>)
            },
            move |_| Arc::new(connectors.lock().unwrap().clone().unwrap()),
        )
        .with_step(PassThrough, PassThrough);
        checks::exchanges(&case).await;
        checks::closes_by_halves(&case).await;
        checks::takes_a_thousand(&case).await;
    }
}
