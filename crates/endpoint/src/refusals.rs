//! Saying that connections are refused, without saying it for each of them.

use std::time::Duration;

use tokio::time::Instant;

/// At most one warning in this time.
const EVERY: Duration = Duration::from_secs(10);

/// Counts what is refused and tells when to speak of it.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// Refused since the last warning.
    silent: u64,
    last: Option<Instant>,
}

impl Refusals {
    /// Notes a refusal. Returns how many there were since the last warning, this one included, when it is time for
    /// one: at the first, and then at most every 10 s.
    pub(crate) fn note(&mut self, now: Instant) -> Option<u64> {
        self.silent += 1;
        let quiet = self.last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY);
        quiet.then(|| {
            self.last = Some(now);
            std::mem::take(&mut self.silent)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_when_many_are_refused_comes_first_at_once_and_then_with_the_number() {
        let start = Instant::now();
        let mut refusals = Refusals::default();
        assert_eq!(refusals.note(start), Some(1));
        for second in 1..10 {
            assert_eq!(refusals.note(start + Duration::from_secs(second)), None);
        }
        assert_eq!(refusals.note(start + EVERY), Some(10));
        assert_eq!(refusals.note(start + EVERY * 5), Some(1));
    }
}
