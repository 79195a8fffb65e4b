//! Cookies in memory.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::{CookieStore, Identity, StoreError};

/// So many cookies are kept when nothing else is said. Each browser that connects for the first time adds one.
pub(super) const CAPACITY: usize = 100_000;

/// One cookie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) created: SystemTime,
    pub(super) max_age: Duration,
    pub(super) identity: Option<Identity>,
}

impl Record {
    pub(super) fn lives(&self, now: SystemTime) -> bool {
        self.created.checked_add(self.max_age).is_none_or(|end| now < end)
    }
}

/// Cookies by their values, bounded in number.
#[derive(Debug)]
pub(super) struct Jar {
    pub(super) records: HashMap<String, Record>,
    capacity: usize,
}

impl Jar {
    pub(super) fn new(capacity: usize) -> Self {
        Jar { records: HashMap::new(), capacity: capacity.max(1) }
    }

    pub(super) fn get(&self, id: &str, now: SystemTime) -> Option<&Record> {
        self.records.get(id).filter(|record| record.lives(now))
    }

    pub(super) fn insert(&mut self, id: &str, record: Record, now: SystemTime) {
        if self.records.len() >= self.capacity && !self.records.contains_key(id) {
            self.make_room(now);
        }
        self.records.insert(id.to_owned(), record);
    }

    /// Drops those whose time is over; where that is not enough, a sixteenth of all: those without an identity before
    /// the others, and the oldest first.
    fn make_room(&mut self, now: SystemTime) {
        self.records.retain(|_, record| record.lives(now));
        if self.records.len() < self.capacity {
            return;
        }
        let worth = |record: &Record| (record.identity.is_some(), record.created);
        let mut all: Vec<_> = self.records.values().map(worth).collect();
        all.sort_unstable();
        let Some(last) = all.get(self.capacity / 16).copied() else { return };
        let before = self.records.len();
        self.records.retain(|_, record| worth(record) > last);
        tracing::info!(
            dropped = before - self.records.len(),
            "dropped the oldest cookies: there were too many"
        );
    }
}

/// Cookies that live as long as the process.
#[derive(Debug)]
pub struct MemoryCookies(Mutex<Jar>);

impl MemoryCookies {
    /// At most so many cookies; beyond that, the oldest are forgotten.
    pub fn new(capacity: usize) -> Self {
        MemoryCookies(Mutex::new(Jar::new(capacity)))
    }
}

impl Default for MemoryCookies {
    /// 100,000 cookies.
    fn default() -> Self {
        MemoryCookies::new(CAPACITY)
    }
}

impl CookieStore for MemoryCookies {
    fn knows(&self, id: &str, now: SystemTime) -> bool {
        self.0.lock().get(id, now).is_some()
    }

    fn identity(&self, id: &str, now: SystemTime) -> Option<Identity> {
        self.0.lock().get(id, now)?.identity.clone()
    }

    fn add(&self, id: &str, max_age: Duration, now: SystemTime) -> Result<(), StoreError> {
        self.0.lock().insert(id, Record { created: now, max_age, identity: None }, now);
        Ok(())
    }

    fn set_identity(&self, id: &str, identity: Option<Identity>, _now: SystemTime) -> Result<(), StoreError> {
        if let Some(record) = self.0.lock().records.get_mut(id) {
            record.identity = identity;
        }
        Ok(())
    }

    fn remove(&self, id: &str, _now: SystemTime) -> Result<(), StoreError> {
        self.0.lock().records.remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_those_without_an_identity_go_first() {
        let moment = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let identity = || Identity {
            realm: "r".into(),
            authid: "a".into(),
            role: "x".into(),
            method: "ticket".into(),
            extra: Default::default(),
        };
        let cookies = MemoryCookies::new(64);
        let week = Duration::from_secs(604_800);
        cookies.add("joe", week, moment(0)).unwrap();
        cookies.set_identity("joe", Some(identity()), moment(0)).unwrap();
        for second in 1..1000 {
            cookies.add(&second.to_string(), week, moment(second)).unwrap();
            assert!(cookies.0.lock().records.len() <= 64);
            assert!(cookies.knows(&second.to_string(), moment(second)));
        }
        assert_eq!(cookies.identity("joe", moment(1000)), Some(identity()));
        assert!(!cookies.knows("1", moment(1000)));
        assert!(!cookies.knows("joe", moment(604_800)));
        cookies.set_identity("nobody", Some(identity()), moment(1000)).unwrap();
        assert_eq!(cookies.identity("nobody", moment(1000)), None);
        cookies.remove("joe", moment(1000)).unwrap();
        assert!(!cookies.knows("joe", moment(1000)));
    }
}
