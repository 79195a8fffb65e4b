//! Counts for those who watch a node.

/// What a router holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Its realms, by name.
    pub realms: Vec<RealmStatus>,
}

/// What a realm holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RealmStatus {
    /// Its name.
    pub name: String,
    /// Sessions that have joined.
    pub sessions: usize,
    /// Topics and patterns that have subscribers, or events that are kept.
    pub subscriptions: usize,
    /// Procedures and patterns of them.
    pub registrations: usize,
    /// Topics with retained events.
    pub retained_topics: usize,
    /// Events that a subscriber did not get since the start, because it was too slow or they were too large for it.
    pub dropped_events: u64,
}
