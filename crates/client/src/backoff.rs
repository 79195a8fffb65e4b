//! How long to wait before connecting again.

use std::time::Duration;

/// How a client that lost its session, or did not get one, tries again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The delay after the first failure. Default 1 s.
    pub first: Duration,
    /// By how much each further delay is longer. Default 1.5.
    pub factor: f64,
    /// No delay is longer. Default 60 s.
    pub longest: Duration,
    /// This part of each delay, 0 to 1, is random, so that many clients of one router do not come back together.
    /// Default 0.5.
    pub jitter: f64,
    /// Failures in a row after which it gives up; none (the default) = never.
    pub attempts: Option<u32>,
    /// Gives up at once where trying again cannot help, see [`crate::ConnectError::is_permanent`]. Default true.
    pub give_up_when_permanent: bool,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            first: Duration::from_secs(1),
            factor: 1.5,
            longest: Duration::from_secs(60),
            jitter: 0.5,
            attempts: None,
            give_up_when_permanent: true,
        }
    }
}

impl Backoff {
    /// One attempt, and no second session after the first.
    pub fn never() -> Self {
        Backoff { attempts: Some(1), ..Backoff::default() }
    }

    /// The delay after so many failures in a row, from 1; `random` is from 0 to 1.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let longest = self.longest.as_secs_f64();
        // Infinite for large exponents, which `min` mends.
        let whole = (self.first.as_secs_f64() * self.factor.powi(exponent)).min(longest);
        let jitter = self.jitter.clamp(0.0, 1.0);
        let seconds = whole * (1.0 - jitter) + whole * jitter * random.clamp(0.0, 1.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(self.longest)
    }
}

/// A number from 0 to 1; without randomness the longest delays hold.
pub(crate) fn random() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_the_longest_and_keep_to_their_random_part() {
        let backoff = Backoff::default();
        for (failures, random, seconds) in [
            (1, 1.0, 1.0),
            (1, 0.0, 0.5),
            (2, 1.0, 1.5),
            (3, 1.0, 2.25),
            (3, 0.5, 1.6875),
            (11, 1.0, 57.665_039_062_5),
            (12, 1.0, 60.0),
            (12, 0.0, 30.0),
            (u32::MAX, 1.0, 60.0),
            (0, 1.0, 1.0),
        ] {
            assert_eq!(backoff.delay(failures, random), Duration::from_secs_f64(seconds), "{failures}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_give_a_delay_all_the_same() {
        for (factor, jitter) in [(f64::NAN, 0.5), (f64::INFINITY, 2.0), (-3.0, 0.0), (0.0, -1.0)] {
            let backoff = Backoff { factor, jitter, ..Backoff::default() };
            for failures in [1, 2, 50] {
                assert!(backoff.delay(failures, 0.3) <= backoff.longest);
            }
        }
    }
}
