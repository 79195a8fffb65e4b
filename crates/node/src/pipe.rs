//! What serves a connection by carrying it to another endpoint, byte for byte. It must not know what is spoken.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use transom_base::{
    Address, ConnInfo, ConnScope, Connection, ConnectionHandler, Deadline, Phase, ServeError, Serving,
};
use transom_endpoint::proxy::{Addresses, ProxyVersion, SendProxy};
use transom_endpoint::{Connector, EndpointError, RelayEnd, RelaySettings, Upgrade, relay_until};

use crate::endpoints::connect::Connecting;

/// How long a client that cannot be served may take to hear goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Carries connections to an endpoint.
pub(crate) struct Pipe {
    pub(crate) target: Connecting,
    /// The version of a PROXY header that tells the target whom each connection is from; none: it is not told.
    pub(crate) send_proxy: Option<ProxyVersion>,
    pub(crate) relay: RelaySettings,
    /// Is told of the end of each connection.
    pub(crate) told: Arc<dyn Fn(Carried) + Send + Sync>,
}

/// What became of one connection.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Carried {
    /// Its number.
    pub(crate) conn: u64,
    /// Whom it was from.
    pub(crate) client: String,
    /// Octets that were carried to the target.
    pub(crate) to_target: u64,
    /// Octets that were carried back.
    pub(crate) to_client: u64,
    /// How long it was open.
    pub(crate) ms: u64,
    /// How it ended.
    pub(crate) end: End,
    /// Why, where it did not end in order.
    pub(crate) error: Option<String>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum End {
    /// Both ends had said all they had to say.
    Closed,
    /// Nothing moved for too long.
    Idle,
    /// It was cut at the end of the pipe.
    Cut,
    /// The client's connection broke.
    ClientLost,
    /// The target's connection broke.
    TargetLost,
    /// The target could not be connected to.
    NoTarget,
}

impl End {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            End::Closed => "closed",
            End::Idle => "idle for too long",
            End::Cut => "cut",
            End::ClientLost => "the client was lost",
            End::TargetLost => "the target was lost",
            End::NoTarget => "no connection to the target",
        }
    }
}

impl Pipe {
    /// What connects for this client.
    fn connector(&self, client: &ConnInfo) -> Arc<dyn Connector> {
        let target = self.target.clone();
        let Some(version) = self.send_proxy else { return target.connector() };
        let header: Arc<dyn Upgrade> = Arc::new(SendProxy::new(version, addresses(client)));
        Arc::new(target.after(Some(header)))
    }
}

/// Both ends of a client's connection, where they are IP addresses.
fn addresses(client: &ConnInfo) -> Option<Addresses> {
    let ip = |address: &Address| -> Option<SocketAddr> {
        match address {
            Address::Tcp(addr) => Some(*addr),
            _ => None,
        }
    };
    Some(Addresses { source: ip(&client.client())?, destination: ip(&client.local)? })
}

impl ConnectionHandler for Pipe {
    fn name(&self) -> &str {
        "pipe"
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> Serving {
        let connector = self.connector(&conn.info);
        let (relay, told) = (self.relay, self.told.clone());
        Box::pin(async move {
            // All of it: the place below the limit is held until the end.
            let scope = scope;
            let began = Instant::now();
            let mut carried = Carried {
                conn: scope.id.0,
                client: conn.info.client().to_string(),
                to_target: 0,
                to_client: 0,
                ms: 0,
                end: End::Cut,
                error: None,
            };
            let mut drain = scope.drain.clone();
            let result = carry(conn, &*connector, relay, drain.reached(Phase::Aborting), &mut carried).await;
            carried.ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            told(carried);
            result
        })
    }
}

async fn carry(
    mut client: Connection,
    connector: &dyn Connector,
    settings: RelaySettings,
    stop: impl Future<Output = ()>,
    carried: &mut Carried,
) -> Result<(), ServeError> {
    let mut stop = std::pin::pin!(stop);
    let connected = tokio::select! {
        biased;
        connected = connector.connect(Deadline::NEVER) => connected,
        () = &mut stop => return Ok(()),
    };
    let target = match connected {
        Ok(target) => target,
        Err(error) => {
            let _ = Deadline::after(GOODBYE).run(client.io.shutdown()).await;
            return Err(no_target(&error, carried));
        }
    };
    let stats = relay_until(client, target, settings, stop).await;
    (carried.to_target, carried.to_client) = (stats.a_to_b, stats.b_to_a);
    let (end, error) = match stats.end {
        RelayEnd::Closed => (End::Closed, None),
        RelayEnd::Idle => (End::Idle, None),
        RelayEnd::Stopped => (End::Cut, None),
        RelayEnd::BrokenA(error) => (End::ClientLost, Some(error)),
        RelayEnd::BrokenB(error) => (End::TargetLost, Some(error)),
    };
    carried.end = end;
    carried.error = error.as_ref().map(io::Error::to_string);
    error.map_or(Ok(()), |error| Err(ServeError::Io(error)))
}

fn no_target(error: &EndpointError, carried: &mut Carried) -> ServeError {
    let why = error.chain();
    (carried.end, carried.error) = (End::NoTarget, Some(why.clone()));
    // It is not the client's fault, and the line about the connection says why.
    ServeError::Io(io::Error::other(why))
}
