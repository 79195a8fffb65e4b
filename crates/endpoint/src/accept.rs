//! The loop that accepts connections: each gets a place below the limits and a task of its own, or is reset at once.
//! The loop never waits for a peer and survives a shortage of descriptors.

use std::fmt;
use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};
use transom_base::{
    Address, ConnId, ConnScope, Connection, ConnectionHandler, Counters, Deadline, DrainWatch, ErrorKind,
    Limit, Phase, ServeError, Serving, in_phases,
};

use crate::addresses::{Addresses, Place};
use crate::control::AcceptOrders;
use crate::rate::Rate;
use crate::refusals::Refusals;
use crate::upgraded::step_failed;
use crate::{AcceptControl, AcceptError, Accepted, Listener, ProxyProtocol, Upgrade, accept_error};

/// The first pause after the system was short of descriptors, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const PER_ADDRESS: &str = "max_connections_per_address";

/// A loop that is told to end lets in what waits already: it ends when nothing has come for the first time, or after
/// the second.
const SWEEP_QUIET: Duration = Duration::from_millis(20);
const SWEEP_LONGEST: Duration = Duration::from_secs(1);

/// How connections are accepted.
#[derive(Clone)]
pub struct Accepting {
    /// The transport's ID, for the log.
    pub transport: String,
    /// Serves the connections.
    pub handler: Arc<dyn ConnectionHandler>,
    /// How many may be open at once.
    pub limit: Arc<Limit>,
    /// How many may be open at once from one IPv4 address or IPv6 /64; none = no limit. A proxy's clients are counted
    /// by what its header says of them, and the proxy itself is not.
    pub max_per_address: Option<u32>,
    /// New connections per second, and as many at once; none = no limit.
    pub accept_rate: Option<u32>,
    /// The proxies before this port; none = nobody is believed.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Accepting ends when the node drains; the connections follow it on their own.
    pub drain: DrainWatch,
    /// What is counted.
    pub counters: Arc<Counters>,
}

impl Accepting {
    /// At most `max_connections` at once and no other limit, with counters of its own.
    pub fn new(
        transport: impl Into<String>,
        handler: Arc<dyn ConnectionHandler>,
        max_connections: usize,
        drain: DrainWatch,
    ) -> Self {
        Accepting {
            transport: transport.into(),
            handler,
            limit: Limit::new(max_connections),
            max_per_address: None,
            accept_rate: None,
            proxy_protocol: None,
            drain,
            counters: Arc::default(),
        }
    }
}

impl fmt::Debug for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// Accepts until the node drains, then closes the listener. An error is one that the listener cannot recover from.
pub async fn accept_loop(listener: Box<dyn Listener>, accepting: Accepting) -> std::io::Result<()> {
    let (_, orders) = AcceptControl::new(accepting);
    accept_under_control(listener, orders).await
}

/// The same as the loop's [`AcceptControl`] says, and until it says so.
pub async fn accept_under_control(
    mut listener: Box<dyn Listener>,
    mut orders: AcceptOrders,
) -> std::io::Result<()> {
    let mut door = Door::new(&mut orders);
    let mut watch = door.gate.how.drain.clone();
    let mut draining = std::pin::pin!(watch.reached(Phase::Draining));
    let mut stop = orders.clone();
    let mut stopped = std::pin::pin!(stop.stopped());
    let mut spare = Spare::new();
    let mut pause = FIRST_PAUSE;
    let result = loop {
        let accepted = tokio::select! {
            biased;
            () = &mut draining => break Ok(()),
            () = &mut stopped => {
                tokio::select! {
                    biased;
                    () = &mut draining => {}
                    () = door.sweep(&mut *listener) => {}
                }
                break Ok(());
            }
            accepted = listener.accept() => accepted,
        };
        let failure = match accepted {
            Ok(accepted) => {
                pause = FIRST_PAUSE;
                door.follow(&mut orders);
                door.admit(accepted);
                continue;
            }
            Err(failure) => failure,
        };
        match accept_error(&failure) {
            AcceptError::OneConnection => {
                debug!(transport = %door.gate.how.transport, "a connection was lost before it was accepted: {failure}");
            }
            AcceptError::Exhausted => {
                let refused = spare.refuse(&failure, &mut *listener).await;
                if refused != Some(false) {
                    door.gate.refused(&format!("the system is short of resources ({failure})"));
                }
                if refused.is_some() {
                    pause = FIRST_PAUSE;
                    continue;
                }
                tokio::select! {
                    biased;
                    () = &mut draining => break Ok(()),
                    () = &mut stopped => break Ok(()),
                    () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                }
            }
            AcceptError::Fatal => break Err(failure),
        }
    };
    listener.close().await;
    result
}

/// A descriptor held back: when there is no other, a client is told so by a reset instead of waiting in the queue.
struct Spare(Option<File>);

impl Spare {
    fn new() -> Self {
        Spare(File::open("/dev/null").ok())
    }

    /// Takes one connection with the spare descriptor and resets it. Whether there was one: without a descriptor the
    /// system cannot even tell that nobody waits. None when that does not help.
    async fn refuse(&mut self, failure: &std::io::Error, listener: &mut dyn Listener) -> Option<bool> {
        let no_descriptor = [Errno::EMFILE, Errno::ENFILE].map(|errno| Some(errno as i32));
        let mut refused = None;
        if no_descriptor.contains(&failure.raw_os_error()) && self.0.take().is_some() {
            let mut accept = listener.accept();
            let now = std::future::poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx)));
            refused = match now.await {
                Poll::Ready(Ok(accepted)) => {
                    accepted.reset();
                    Some(true)
                }
                Poll::Ready(Err(_)) => None,
                Poll::Pending => Some(false),
            };
        }
        // Somebody else may have been faster; then it is tried again at the next failure.
        if self.0.is_none() {
            *self = Spare::new();
        }
        refused
    }
}

/// The gate of the moment, and how fast it may be passed.
struct Door {
    gate: Arc<Gate>,
    rate: Option<Rate>,
}

impl Door {
    fn new(orders: &mut AcceptOrders) -> Self {
        let (how, replaced) = orders.current();
        let rate = how.accept_rate.map(|rate| Rate::new(rate, Instant::now()));
        let addresses = how.max_per_address.map(Addresses::new);
        Door { gate: Arc::new(Gate { how, replaced, addresses, refusals: Mutex::default() }), rate }
    }

    /// Goes on as ordered. What is counted for a limit stays counted while there is such a limit.
    fn follow(&mut self, orders: &mut AcceptOrders) {
        let Some((how, replaced)) = orders.changed() else { return };
        if how.accept_rate != self.gate.how.accept_rate {
            self.rate = how.accept_rate.map(|rate| Rate::new(rate, Instant::now()));
        }
        let addresses = match (&self.gate.addresses, how.max_per_address) {
            (Some(addresses), Some(max)) => {
                addresses.set_max(max);
                Some(addresses.clone())
            }
            (_, max) => max.map(Addresses::new),
        };
        self.gate = Arc::new(Gate { how, replaced, addresses, refusals: Mutex::default() });
    }

    fn admit(&mut self, accepted: Accepted) {
        if self.rate.as_mut().is_none_or(|rate| rate.take(Instant::now())) {
            return self.gate.admit(accepted);
        }
        self.gate.refused("accept_rate");
        accepted.reset();
    }

    /// Lets in what waits already.
    async fn sweep(&mut self, listener: &mut dyn Listener) {
        let until = Instant::now() + SWEEP_LONGEST;
        while Instant::now() < until {
            match tokio::time::timeout(SWEEP_QUIET, listener.accept()).await {
                Ok(Ok(accepted)) => self.admit(accepted),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}

/// Decides which connections are let in.
struct Gate {
    how: Arc<Accepting>,
    replaced: DrainWatch,
    addresses: Option<Arc<Addresses>>,
    refusals: Mutex<Refusals>,
}

/// What a proxy's header led to, kept until the connection ends.
struct Forwarded {
    client: Address,
    _place: Option<Place>,
}

impl Gate {
    fn admit(self: &Arc<Self>, accepted: Accepted) {
        let Some(permit) = self.how.limit.acquire() else {
            self.refused("max_connections");
            return accepted.reset();
        };
        let peer = accepted.info.peer.clone();
        let by_proxy = self.how.proxy_protocol.as_ref().is_some_and(|proxy| proxy.is_proxy(&peer));
        let Ok(place) = (if by_proxy { Ok(None) } else { self.place(&peer) }) else {
            return accepted.reset();
        };
        let mut scope = ConnScope::new(self.how.drain.clone(), self.how.counters.clone(), Some(permit));
        scope.replaced = Some(self.replaced.clone());
        let id = scope.id;
        debug!(transport = %self.how.transport, conn = %id, %peer, "connection accepted");
        let open = Open::new(&self.how.counters);
        let conn = accepted.into_connection();
        let (serving, forwarded) = match &self.how.proxy_protocol {
            None => (self.how.handler.serve(conn, scope), None),
            Some(proxy) => {
                let forwarded = Arc::default();
                (
                    self.clone().after_header(proxy.clone(), conn, scope, Arc::clone(&forwarded)),
                    Some(forwarded),
                )
            }
        };
        let gate = self.clone();
        // Nothing but the handler's own future and a few words for the end.
        tokio::spawn(async move {
            let result = serving.await;
            let client = forwarded.as_ref().and_then(|known| known.get()).map(|known| &known.client);
            ended(&gate.how, id, &peer, client, result);
            drop((place, open));
        });
    }

    /// Serves a connection once its PROXY header is read, or once it is clear that there is none.
    fn after_header(
        self: Arc<Self>,
        proxy: ProxyProtocol,
        conn: Connection,
        scope: ConnScope,
        forwarded: Arc<OnceLock<Forwarded>>,
    ) -> Serving {
        in_phases(async move {
            let conn = proxy.apply(conn, Deadline::after(proxy.timeout())).await.map_err(step_failed)?;
            if conn.info.forwarded_for.is_some() {
                let client = conn.info.client();
                debug!(transport = %self.how.transport, conn = %scope.id, %client, "the proxy named its client");
                let place = self.place(&client).map_err(|()| ServeError::Limit(PER_ADDRESS.into()))?;
                // Nobody else sets it.
                let _ = forwarded.set(Forwarded { client, _place: place });
            }
            Ok(self.how.handler.serve(conn, scope))
        })
    }

    /// A place below the limit for one address; none when it does not count, an error when there is none left.
    fn place(&self, client: &Address) -> Result<Option<Place>, ()> {
        let (Some(addresses), Address::Tcp(client)) = (&self.addresses, client) else { return Ok(None) };
        let place = addresses.acquire(client.ip());
        if place.is_none() {
            self.refused(PER_ADDRESS);
        }
        place.map(Some).ok_or(())
    }

    fn refused(&self, by: &str) {
        self.how.counters.refused.fetch_add(1, Ordering::Relaxed);
        let noted = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).note(Instant::now());
        if let Some(number) = noted {
            let limit = &self.how.limit;
            warn!(
                transport = %self.how.transport, refused = number, open = limit.open(), max_connections = limit.max(),
                "connections refused: {by}"
            );
        }
    }
}

/// The one log line about the end of a connection.
fn ended(
    how: &Accepting,
    conn: ConnId,
    peer: &Address,
    client: Option<&Address>,
    result: Result<(), ServeError>,
) {
    let (transport, handler) = (&how.transport, how.handler.name());
    let client = client.map(tracing::field::display);
    let Err(fault) = result else {
        debug!(%transport, %conn, %peer, client, handler, "connection closed");
        return;
    };
    let kind = fault.kind();
    let text = match std::error::Error::source(&fault) {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    };
    match kind {
        ErrorKind::PeerClosed => {
            debug!(%transport, %conn, %peer, client, handler, kind = kind.label(), "connection ended: {text}");
        }
        _ if kind.is_peers_fault() => {
            info!(%transport, %conn, %peer, client, handler, kind = kind.label(), "connection ended: {text}");
        }
        _ => {
            error!(%transport, %conn, %peer, client, handler, kind = kind.label(), "connection ended: {text}")
        }
    }
}

/// Counts a connection while it is open, also when its task ends by a panic.
struct Open(Arc<Counters>);

impl Open {
    fn new(counters: &Arc<Counters>) -> Self {
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        counters.open.fetch_add(1, Ordering::Relaxed);
        Open(counters.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
