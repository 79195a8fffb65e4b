//! Where synchronous cores get the time from, so that tests can set it.

use std::time::SystemTime;

use tokio::time::Instant;

/// A source of time.
pub trait Clock: Send + Sync {
    /// The moment for measuring and for deadlines.
    fn now(&self) -> Instant;
    /// The time of day, for people and protocols.
    fn wall(&self) -> SystemTime;
}

/// The machine's clock; under tokio's paused time, tokio's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
