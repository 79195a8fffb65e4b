//! Who may try at all: how many connections may be open without having joined, and how often one peer may fail to
//! prove who it is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use transom_base::{Address, Limit};

/// The limits for those who have not joined yet. Clones share them; so may several transports.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// Connections without a session. Default: no limit of its own.
    pub unauthenticated: Option<Arc<Limit>>,
    /// Failed attempts of one peer. Default: no limit.
    pub attempts: Option<Arc<Attempts>>,
}

/// How often each peer may fail. A peer is an IPv4 address or an IPv6 network of 64 bits. Loopback addresses, Unix
/// sockets and sessions inside the process are not counted: behind them stand proxies, and with them everybody.
#[derive(Debug)]
pub struct Attempts {
    per_second: f64,
    burst: f64,
    capacity: usize,
    peers: Mutex<HashMap<Peer, Bucket>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Peer {
    V4([u8; 4]),
    V6([u8; 8]),
}

/// What a peer has left. A peer without one has all.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Attempts {
    /// So many failures at once, and so many per second in the long run. The memory is bounded: of more than 16,384
    /// peers that failed lately, those with the fewest failures are forgotten.
    pub fn new(burst: u32, per_second: f64) -> Arc<Self> {
        Attempts::with_capacity(burst, per_second, 16_384)
    }

    fn with_capacity(burst: u32, per_second: f64, capacity: usize) -> Arc<Self> {
        Arc::new(Attempts { per_second, burst: f64::from(burst), capacity, peers: Mutex::default() })
    }

    /// Whether the peer may try.
    pub fn admits(&self, peer: &Address, now: Instant) -> bool {
        let Some(peer) = Peer::of(peer) else { return true };
        let peers = self.peers.lock();
        peers.get(&peer).is_none_or(|bucket| self.refilled(*bucket, now) >= 1.0)
    }

    /// The peer tried and failed.
    pub fn failed(&self, peer: &Address, now: Instant) {
        let Some(peer) = Peer::of(peer) else { return };
        let mut peers = self.peers.lock();
        if peers.len() >= self.capacity && !peers.contains_key(&peer) {
            self.make_room(&mut peers, now);
        }
        match peers.entry(peer) {
            Entry::Occupied(mut entry) => {
                let left = self.refilled(*entry.get(), now);
                entry.insert(Bucket { left: (left - 1.0).max(0.0), at: now });
            }
            Entry::Vacant(entry) => drop(entry.insert(Bucket { left: self.burst - 1.0, at: now })),
        }
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + passed * self.per_second).min(self.burst)
    }

    /// Forgets those that have all again, and where that is not half of them, the half that has most.
    fn make_room(&self, peers: &mut HashMap<Peer, Bucket>, now: Instant) {
        let mut left: Vec<f64> = peers.values().map(|bucket| self.refilled(*bucket, now)).collect();
        left.sort_unstable_by(f64::total_cmp);
        let most = left.get(left.len() / 2).copied().unwrap_or(self.burst);
        peers.retain(|_, bucket| self.refilled(*bucket, now) < most);
    }
}

impl Peer {
    fn of(address: &Address) -> Option<Self> {
        let Address::Tcp(address) = address else { return None };
        match address.ip().to_canonical() {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(Peer::V4(ip.octets())),
            IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Peer::V6),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn peer(text: &str) -> Address {
        Address::tcp(format!("{text}:9").parse().unwrap())
    }

    #[test]
    fn peer_that_fails_often_has_to_wait() {
        let start = Instant::now();
        let attempts = Attempts::new(3, 0.5);
        let (one, two) = (peer("192.0.2.1"), peer("192.0.2.2"));
        for _ in 0..3 {
            assert!(attempts.admits(&one, start));
            attempts.failed(&one, start);
        }
        assert!(!attempts.admits(&one, start));
        assert!(attempts.admits(&two, start));
        assert!(!attempts.admits(&one, start + Duration::from_millis(1999)));
        let later = start + Duration::from_secs(2);
        assert!(attempts.admits(&one, later));
        attempts.failed(&one, later);
        assert!(!attempts.admits(&one, later));
        // After any time there is no more than the burst.
        let later = start + Duration::from_secs(3600);
        for _ in 0..3 {
            assert!(attempts.admits(&one, later));
            attempts.failed(&one, later);
        }
        assert!(!attempts.admits(&one, later));
    }

    #[test]
    fn networks_count_as_one_and_proxies_not_at_all() {
        let now = Instant::now();
        let attempts = Attempts::new(1, 1.0);
        attempts.failed(&peer("[2001:db8:1:2::1]"), now);
        assert!(!attempts.admits(&peer("[2001:db8:1:2:3::9]"), now));
        assert!(attempts.admits(&peer("[2001:db8:1:3::1]"), now));
        attempts.failed(&peer("[::ffff:192.0.2.1]"), now);
        assert!(!attempts.admits(&peer("192.0.2.1"), now));
        for exempt in [peer("127.0.0.1"), peer("[::1]"), Address::Unix(None), Address::Memory(1)] {
            attempts.failed(&exempt, now);
            assert!(attempts.admits(&exempt, now), "{exempt}");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_not_forgotten() {
        let now = Instant::now();
        let attempts = Attempts::with_capacity(4, 1.0, 64);
        let worst = peer("192.0.2.1");
        (0..4).for_each(|_| attempts.failed(&worst, now));
        for n in 0..=255 {
            attempts.failed(&peer(&format!("198.51.100.{n}")), now);
            assert!(attempts.peers.lock().len() <= 64);
        }
        assert!(!attempts.admits(&worst, now));
    }
}
