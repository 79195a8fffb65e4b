//! WAMP IDs: integers from 0 to 2^53, and where random ones come from. Source: WAMP specification, "IDs".

use std::fmt;

/// A WAMP ID: at most 2^53, so that every JSON number type holds it. 0 stands only where a message says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Id(u64);

impl Id {
    /// The largest ID, 2^53.
    pub const MAX: u64 = 1 << 53;

    /// An ID, if the number is in range.
    pub const fn new(id: u64) -> Option<Self> {
        if id <= Self::MAX { Some(Id(id)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next in a sequence: 1 follows 2^53.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 >= Self::MAX { Id(1) } else { Id(self.0 + 1) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// IDs of the global scope: uniformly random over 1 to 2^53, from the operating system's source, fetched in blocks.
#[derive(Debug)]
pub struct RandomIds {
    block: [u8; 512],
    at: usize,
}

impl Default for RandomIds {
    fn default() -> Self {
        RandomIds { block: [0; 512], at: 512 }
    }
}

impl RandomIds {
    /// The next random ID, or the operating system's error when it has no randomness to give.
    #[expect(clippy::should_implement_trait, reason = "an iterator has no place for the error")]
    pub fn next(&mut self) -> Result<Id, getrandom::Error> {
        let bytes = match self.block.get(self.at..self.at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
            Some(bytes) => bytes,
            None => {
                getrandom::fill(&mut self.block)?;
                self.at = 0;
                let mut first = [0; 8];
                first.copy_from_slice(&self.block[..8]);
                first
            }
        };
        self.at += 8;
        // 2^53 divides 2^64, so the remainder is uniform.
        Ok(Id(u64::from_le_bytes(bytes) % Id::MAX + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_end_at_two_to_the_53() {
        assert_eq!(Id::new(1 << 53).map(Id::get), Some(1 << 53));
        assert_eq!(Id::new((1 << 53) + 1), None);
        assert_eq!(Id(Id::MAX).next(), Id(1));
        assert_eq!(Id(7).next(), Id(8));
    }

    #[test]
    fn random_ids_are_in_range_and_differ() {
        let mut ids = RandomIds::default();
        let all: std::collections::HashSet<u64> = (0..1000).map(|_| ids.next().unwrap().get()).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|id| (1..=Id::MAX).contains(id)));
    }
}
