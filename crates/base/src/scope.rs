//! What a connection's task is given besides the connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Clock, DrainWatch, Permit, SystemClock};

/// The number of a connection, on every log line about it. Unique within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

impl ConnId {
    /// The next number.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        ConnId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is counted about the connections of one transport. Plain numbers, read by whoever shows them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted since the start.
    pub accepted: AtomicU64,
    /// Connections refused because a limit was reached.
    pub refused: AtomicU64,
    /// Connections open now.
    pub open: AtomicU64,
}

/// What a connection's task is given besides the connection: its number, the node's phase, the time, and its place
/// below the connection limit, which is free again when the scope is dropped.
pub struct ConnScope {
    /// The connection's number.
    pub id: ConnId,
    /// The node's phase.
    pub drain: DrainWatch,
    /// Leaves [`Phase::Running`](crate::Phase::Running) when new connections of the transport are served by something
    /// else. For protocols whose connections outlive what they ask for: HTTP finishes the request at hand and closes.
    /// A session goes on. None = that never happens.
    pub replaced: Option<DrainWatch>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What is counted for the transport.
    pub counters: Arc<Counters>,
    /// The place below the transport's limit.
    pub permit: Option<Permit>,
}

impl ConnScope {
    /// A scope with the next number, whose handler is never replaced.
    pub fn new(drain: DrainWatch, counters: Arc<Counters>, permit: Option<Permit>) -> Self {
        let clock = Arc::new(SystemClock);
        ConnScope { id: ConnId::next(), drain, replaced: None, clock, counters, permit }
    }

    /// A scope without a node around it: never drained, counted nowhere.
    pub fn detached() -> Self {
        ConnScope::new(DrainWatch::never(), Arc::default(), None)
    }
}

impl fmt::Debug for ConnScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnScope").field("id", &self.id).finish_non_exhaustive()
    }
}
