//! WAMP IDs: integers from 0 to 2^53, and where random ones come from. Source: WAMP specification, "IDs".

use std::fmt;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

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

/// IDs of the global scope: uniformly random over 1 to 2^53 and not to be guessed from others. They come from a ChaCha8
/// generator that is seeded by the operating system, and seeded anew after every 2^16 of them: asking the operating
/// system for each would cost more than the rest of a small message.
#[derive(Debug, Default)]
pub struct RandomIds {
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    generator: ChaCha8Rng,
    /// IDs to come before it is seeded anew.
    left: u32,
}

/// IDs from one seed.
const PER_SEED: u32 = 1 << 16;

impl RandomIds {
    /// The next random ID, or the operating system's error when it has no randomness to give.
    #[expect(clippy::should_implement_trait, reason = "an iterator has no place for the error")]
    pub fn next(&mut self) -> Result<Id, getrandom::Error> {
        let number = match &mut self.source {
            Some(Source { generator, left: left @ 1.. }) => {
                *left -= 1;
                generator.next_u64()
            }
            _ => self.source.insert(Source::new()?).generator.next_u64(),
        };
        // 2^53 divides 2^64, so the remainder is uniform.
        Ok(Id(number % Id::MAX + 1))
    }
}

impl Source {
    #[cold]
    fn new() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Source { generator: ChaCha8Rng::from_seed(seed), left: PER_SEED - 1 })
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

    #[test]
    fn random_ids_when_many_are_seeded_anew() {
        let mut ids = RandomIds::default();
        let mut seeds = std::collections::HashSet::new();
        for _ in 0..2 * PER_SEED + 1 {
            ids.next().unwrap();
            seeds.insert(ids.source.as_ref().unwrap().generator.get_seed());
        }
        assert_eq!(seeds.len(), 3);
    }
}
