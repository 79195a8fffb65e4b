//! How many new connections in a second: a token bucket that holds one second's worth.

use tokio::time::Instant;

/// Lets so many through per second, and as many at once after a second of quiet.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Rate { per_second, left: per_second, at: now }
    }

    /// Whether one more may pass now.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.per_second).min(self.per_second);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn burst_when_used_up_refills_at_the_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start);
        assert_eq!((0..20).filter(|_| rate.take(start)).count(), 10);
        assert!(!rate.take(start + Duration::from_millis(99)));
        assert!(rate.take(start + Duration::from_millis(101)));
        assert!(!rate.take(start + Duration::from_millis(102)));
        // However long the quiet was, no more than one second's worth.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..20).filter(|_| rate.take(later)).count(), 10);
    }

    #[test]
    fn rate_of_one_lets_one_through_per_second() {
        let start = Instant::now();
        let mut rate = Rate::new(1, start);
        assert!(rate.take(start));
        assert!(!rate.take(start + Duration::from_millis(500)));
        assert!(rate.take(start + Duration::from_millis(1001)));
    }
}
