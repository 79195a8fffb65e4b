//! The loop that accepts connections: each gets a place below the limits and a task of its own, or is reset at once.
//! The loop never waits for a peer and survives a shortage of descriptors.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};
use transom_base::{
    Address, ConnId, ConnScope, ConnectionHandler, Counters, DrainWatch, ErrorKind, Limit, Phase, ServeError,
};

use crate::rate::Rate;
use crate::refusals::Refusals;
use crate::{AcceptError, Accepted, Listener, accept_error};

/// The first pause after the system was short of descriptors, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How connections are accepted.
pub struct Accepting {
    /// The transport's ID, for the log.
    pub transport: String,
    /// Serves the connections.
    pub handler: Arc<dyn ConnectionHandler>,
    /// How many may be open at once.
    pub limit: Arc<Limit>,
    /// How many may be open at once from one IPv4 address or IPv6 /64; none = no limit.
    pub max_per_address: Option<u32>,
    /// New connections per second, and as many at once; none = no limit.
    pub accept_rate: Option<u32>,
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
pub async fn accept_loop(mut listener: Box<dyn Listener>, accepting: Accepting) -> std::io::Result<()> {
    let mut watch = accepting.drain.clone();
    let mut draining = std::pin::pin!(watch.reached(Phase::Draining));
    let mut gate = Gate::new(accepting);
    let mut pause = FIRST_PAUSE;
    let result = loop {
        let accepted = tokio::select! {
            biased;
            () = &mut draining => break Ok(()),
            accepted = listener.accept() => accepted,
        };
        let failure = match accepted {
            Ok(accepted) => {
                pause = FIRST_PAUSE;
                gate.admit(accepted);
                continue;
            }
            Err(failure) => failure,
        };
        match accept_error(&failure) {
            AcceptError::OneConnection => {
                debug!(transport = %gate.how.transport, "a connection was lost before it was accepted: {failure}");
            }
            AcceptError::Exhausted => {
                gate.refused(&format!("the system is short of resources ({failure})"));
                tokio::select! {
                    biased;
                    () = &mut draining => break Ok(()),
                    () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                }
            }
            AcceptError::Fatal => break Err(failure),
        }
    };
    listener.close().await;
    result
}

/// Decides which connections are let in.
struct Gate {
    how: Arc<Accepting>,
    rate: Option<Rate>,
    addresses: Option<Arc<Addresses>>,
    refusals: Refusals,
}

impl Gate {
    fn new(accepting: Accepting) -> Self {
        Gate {
            rate: accepting.accept_rate.map(|rate| Rate::new(rate, Instant::now())),
            addresses: accepting.max_per_address.map(Addresses::new),
            refusals: Refusals::default(),
            how: Arc::new(accepting),
        }
    }

    fn admit(&mut self, accepted: Accepted) {
        if self.rate.as_mut().is_some_and(|rate| !rate.take(Instant::now())) {
            self.refused("accept_rate");
            return accepted.reset();
        }
        let Some(permit) = self.how.limit.acquire() else {
            self.refused("max_connections");
            return accepted.reset();
        };
        let place = match (&self.addresses, &accepted.info.peer) {
            (Some(addresses), Address::Tcp(peer)) => match addresses.acquire(peer.ip()) {
                Some(place) => Some(place),
                None => {
                    self.refused("max_connections_per_address");
                    return accepted.reset();
                }
            },
            _ => None,
        };
        let how = self.how.clone();
        let scope = ConnScope::new(how.drain.clone(), how.counters.clone(), Some(permit));
        let (id, peer) = (scope.id, accepted.info.peer.clone());
        debug!(transport = %how.transport, conn = %id, %peer, "connection accepted");
        let open = Open::new(&how.counters);
        let serving = how.handler.serve(accepted.into_connection(), scope);
        // Nothing but the handler's own future and a few words for the end.
        tokio::spawn(async move {
            let result = serving.await;
            ended(&how, id, &peer, result);
            drop((place, open));
        });
    }

    fn refused(&mut self, by: &str) {
        self.how.counters.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(number) = self.refusals.note(Instant::now()) {
            let limit = &self.how.limit;
            warn!(
                transport = %self.how.transport, refused = number, open = limit.open(), max_connections = limit.max(),
                "connections refused: {by}"
            );
        }
    }
}

/// The one log line about the end of a connection.
fn ended(how: &Accepting, conn: ConnId, peer: &Address, result: Result<(), ServeError>) {
    let (transport, handler) = (&how.transport, how.handler.name());
    let Err(fault) = result else {
        debug!(%transport, %conn, %peer, handler, "connection closed");
        return;
    };
    let kind = fault.kind();
    let text = match std::error::Error::source(&fault) {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    };
    match kind {
        ErrorKind::PeerClosed => {
            debug!(%transport, %conn, %peer, handler, kind = kind.label(), "connection ended: {text}");
        }
        _ if kind.is_peers_fault() => {
            info!(%transport, %conn, %peer, handler, kind = kind.label(), "connection ended: {text}");
        }
        _ => error!(%transport, %conn, %peer, handler, kind = kind.label(), "connection ended: {text}"),
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

/// Open connections by where they come from. Holds no more entries than there are open connections.
struct Addresses {
    max: u32,
    open: Mutex<HashMap<Origin, u32>>,
}

/// Who counts as one: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    V4(u32),
    V6(u64),
}

/// One place of an origin, free again when dropped.
struct Place {
    addresses: Arc<Addresses>,
    origin: Origin,
}

impl Addresses {
    fn new(max: u32) -> Arc<Self> {
        Arc::new(Addresses { max, open: Mutex::default() })
    }

    fn acquire(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let origin = match ip.to_canonical() {
            IpAddr::V4(ip) => Origin::V4(ip.to_bits()),
            IpAddr::V6(ip) => Origin::V6((ip.to_bits() >> 64) as u64),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(origin).or_insert(0);
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Place { addresses: self.clone(), origin })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.origin) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_when_it_has_its_share_is_refused_and_others_are_not() {
        let addresses = Addresses::new(2);
        let take = |ip: &str| addresses.acquire(ip.parse().unwrap());
        let first = take("192.0.2.1").unwrap();
        let _second = take("::ffff:192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
    }

    #[test]
    fn address_when_ipv6_counts_by_its_network() {
        let addresses = Addresses::new(1);
        let take = |ip: &str| addresses.acquire(ip.parse().unwrap());
        let first = take("2001:db8::1").unwrap();
        assert!(take("2001:db8::2").is_none());
        assert!(take("2001:db8:0:1::1").is_some());
        drop(first);
        assert!(addresses.open.lock().unwrap().is_empty());
    }
}
