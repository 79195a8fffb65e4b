//! The sessions of a realm.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use transom_wamp::Id;

use crate::session::Session;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Sessions that have joined and are not about to be ended.
#[derive(Default)]
pub(crate) struct Members {
    inner: Mutex<Inner>,
    /// How many have joined and not left.
    joined: AtomicUsize,
}

#[derive(Default)]
struct Inner {
    sessions: HashMap<Id, Arc<Session>, RandomState>,
    /// How many of them are of the router itself.
    trusted: usize,
    /// The realm is no more.
    closed: bool,
}

/// What went away while a session was joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Realm,
    Role,
}

impl Members {
    /// Takes in a session that is joining.
    pub(crate) fn admit(&self, session: &Arc<Session>) -> Result<(), Gone> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(Gone::Realm);
        }
        // Whoever removes a role looks through the members after this lock.
        if session.role.is_removed() {
            return Err(Gone::Role);
        }
        inner.sessions.insert(session.id, session.clone());
        inner.trusted += usize::from(session.role.trusted);
        // They may have changed since the session was made.
        session.limit_calls(session.role.terms().limits.max_pending_calls);
        self.joined.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Takes out a session that is about to end, if it is still there.
    pub(crate) fn remove(&self, session: Id) {
        let gone = {
            let mut inner = self.inner.lock();
            let gone = inner.sessions.remove(&session);
            let trusted = gone.as_ref().is_some_and(|session| session.role.trusted);
            inner.trusted -= usize::from(trusted);
            gone
        };
        drop(gone);
    }

    /// A session has left; it was taken out before.
    pub(crate) fn left(&self) {
        self.joined.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn joined(&self) -> usize {
        self.joined.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, session: Id) -> Option<Arc<Session>> {
        self.inner.lock().sessions.get(&session).cloned()
    }

    /// How many there are but those of the router itself.
    pub(crate) fn count(&self) -> usize {
        let inner = self.inner.lock();
        inner.sessions.len() - inner.trusted
    }

    /// The IDs of those that fit, in order.
    pub(crate) fn ids(&self, fits: impl Fn(&Session) -> bool) -> Vec<Id> {
        let mut ids: Vec<Id> = {
            let inner = self.inner.lock();
            inner.sessions.values().filter(|session| fits(session)).map(|session| session.id).collect()
        };
        ids.sort_unstable();
        ids
    }

    /// All of them, by ID.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.inner.lock().sessions.values().cloned().collect();
        all.sort_unstable_by_key(|session| session.id);
        all
    }

    /// Nobody joins any more; returns who has.
    pub(super) fn close(&self) -> Vec<Arc<Session>> {
        self.inner.lock().closed = true;
        self.all()
    }
}
