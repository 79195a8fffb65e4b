//! The meta API: what a realm tells about itself under `wamp.`. Source: WAMP specification, "Session Meta API" and those
//! of subscriptions, registrations and testaments.
//!
//! Events are noted under the lock that changes what they are about, so that they come in the order of the changes, and
//! published when all locks are released. While nobody listens, nothing is noted.

mod events;

use std::collections::VecDeque;

use crate::pattern;
use crate::realm::Realm;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use transom_wamp::{Match, Text};

pub(crate) use events::MetaEvent;

/// What is to be published about a realm.
pub(crate) struct Meta {
    enabled: AtomicBool,
    /// Subscriptions of all sessions that may match a topic under `wamp.`, and histories that do.
    listeners: AtomicUsize,
    noted: Mutex<VecDeque<MetaEvent>>,
    /// Whether something is noted.
    pending: AtomicBool,
    /// Held while noted events are published, so that they stay in order. Taken when no other lock is held.
    publishing: Mutex<()>,
}

impl Meta {
    pub(crate) fn new(enabled: bool) -> Self {
        Meta {
            enabled: AtomicBool::new(enabled),
            listeners: AtomicUsize::new(0),
            noted: Mutex::default(),
            pending: AtomicBool::new(false),
            publishing: Mutex::default(),
        }
    }

    /// Whether the realm has a meta API.
    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// From now on the realm has a meta API, or none.
    pub(crate) fn enable(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// Whether a subscription may hear meta events.
    pub(crate) fn concerns(matching: Match, uri: &Text) -> bool {
        pattern::meets_reserved(matching, uri.as_bytes())
    }

    /// A listener has come.
    pub(crate) fn listens(&self) {
        self.listeners.fetch_add(1, Ordering::AcqRel);
    }

    /// A listener has gone.
    pub(crate) fn listens_no_more(&self) {
        self.listeners.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether anybody listens.
    #[inline]
    pub(crate) fn is_heard(&self) -> bool {
        self.listeners.load(Ordering::Acquire) > 0 && self.is_enabled()
    }

    /// Notes an event, if anybody listens. It is published by the next [`Meta::publish`].
    #[inline]
    pub(crate) fn note(&self, event: impl FnOnce() -> MetaEvent) {
        if self.is_heard() {
            let event = event();
            let mut noted = self.noted.lock();
            noted.push_back(event);
            self.pending.store(true, Ordering::Release);
        }
    }

    /// Publishes what is noted. No lock may be held.
    #[inline]
    pub(crate) fn publish(&self, realm: &Realm) {
        if self.pending.load(Ordering::Acquire) {
            self.publish_all(realm);
        }
    }

    #[cold]
    fn publish_all(&self, realm: &Realm) {
        let _in_order = self.publishing.lock();
        while let Some(event) = self.next() {
            event.publish(realm);
        }
    }

    fn next(&self) -> Option<MetaEvent> {
        let mut noted = self.noted.lock();
        let next = noted.pop_front();
        if next.is_none() {
            self.pending.store(false, Ordering::Release);
        }
        next
    }
}
