//! How many at once: a counter with a ceiling whose permits give themselves back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A ceiling on how many of something are open at once.
#[derive(Debug)]
pub struct Limit {
    max: AtomicUsize,
    open: AtomicUsize,
}

/// One place below a [`Limit`], free again when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Limit>);

impl Limit {
    /// At most `max` at once.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Limit { max: AtomicUsize::new(max), open: AtomicUsize::new(0) })
    }

    /// The ceiling.
    pub fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    /// Moves the ceiling. Permits given before stay good, also those above a lower one: until enough of them are
    /// dropped, no more are given.
    pub fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// How many are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A place, if one is free.
    pub fn acquire(self: &Arc<Self>) -> Option<Permit> {
        let max = self.max();
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1))
            .is_ok()
            .then(|| Permit(self.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_usable_again_when_its_permit_is_dropped() {
        let limit = Limit::new(1);
        let first = limit.acquire().unwrap();
        assert!(limit.acquire().is_none());
        assert_eq!(limit.open(), 1);
        drop(first);
        assert!(limit.acquire().is_some());
    }

    #[test]
    fn ceiling_when_lowered_below_what_is_open_gives_no_place_until_enough_are_free() {
        let limit = Limit::new(2);
        let (first, second) = (limit.acquire().unwrap(), limit.acquire().unwrap());
        limit.set_max(1);
        drop(first);
        assert!(limit.acquire().is_none());
        drop(second);
        let _third = limit.acquire().unwrap();
        limit.set_max(2);
        assert!(limit.acquire().is_some());
    }
}
