//! Moments by which something must be done. Every wait on a peer has one.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// A moment by which something must be done, or no such moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

/// The deadline passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct Elapsed;

impl Deadline {
    /// No limit. Only an explicit wish of the operator leads here.
    pub const NEVER: Deadline = Deadline(None);

    /// So long from now; `None` is [`Deadline::NEVER`].
    pub fn after(time: impl Into<Option<Duration>>) -> Self {
        Deadline(time.into().and_then(|t| Instant::now().checked_add(t)))
    }

    /// At a moment.
    pub fn at(moment: Instant) -> Self {
        Deadline(Some(moment))
    }

    /// The moment, if there is one.
    pub fn instant(self) -> Option<Instant> {
        self.0
    }

    /// The earlier of two.
    #[must_use]
    pub fn or_earlier(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    /// Whether it has passed at `now`.
    pub fn passed(self, now: Instant) -> bool {
        self.0.is_some_and(|at| at <= now)
    }

    /// Runs a future until it ends or the deadline passes. The future is dropped in the second case.
    pub async fn run<F: Future>(self, future: F) -> Result<F::Output, Elapsed> {
        match self.0 {
            Some(at) => tokio::time::timeout_at(at, future).await.map_err(|_| Elapsed),
            None => Ok(future.await),
        }
    }
}
