//! How many connections one address may have open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Open connections by where they come from. Holds no more entries than there are open connections.
pub(crate) struct Addresses {
    max: AtomicU32,
    open: Mutex<HashMap<Origin, u32>>,
}

/// Who counts as one: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    V4(u32),
    V6(u64),
}

/// One place of an origin, free again when dropped.
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    origin: Origin,
}

impl Addresses {
    /// At most `max` open at once from each.
    pub(crate) fn new(max: u32) -> Arc<Self> {
        Arc::new(Addresses { max: AtomicU32::new(max), open: Mutex::default() })
    }

    /// Moves the limit. Places taken before stay good.
    pub(crate) fn set_max(&self, max: u32) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// A place for a connection from this address, if it has not its share.
    pub(crate) fn acquire(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let origin = match ip.to_canonical() {
            IpAddr::V4(ip) => Origin::V4(ip.to_bits()),
            IpAddr::V6(ip) => Origin::V6((ip.to_bits() >> 64) as u64),
        };
        let max = self.max.load(Ordering::Relaxed);
        if max == 0 {
            return None;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(origin).or_insert(0);
        if *count >= max {
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
        let third = take("192.0.2.1").unwrap();
        addresses.set_max(1);
        drop(third);
        assert!(take("192.0.2.1").is_none());
        addresses.set_max(2);
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
        let none = Addresses::new(0);
        assert!(none.acquire("192.0.2.1".parse().unwrap()).is_none());
        assert!(none.open.lock().unwrap().is_empty());
    }
}
