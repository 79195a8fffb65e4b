//! A realm: where sessions meet.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use tokio::time::Instant;
use transom_config::UriCheck;
use transom_wamp::{Id, Text};

use crate::broker::Topic;
use crate::dealer::Registration;
use crate::reply;
use crate::role::{Role, TRUSTED};
use crate::session::Session;
use crate::status::RealmStatus;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, RwLock};
use crate::table::Table;

/// The role that everybody may have, though without rules of its own it may do nothing.
const ANONYMOUS: &str = "anonymous";

pub(crate) struct Realm {
    pub(crate) name: Text,
    pub(crate) topics: Table<Topic>,
    pub(crate) procedures: Table<Registration>,
    pub(crate) dropped_events: AtomicU64,
    members: Mutex<Members>,
    roles: RwLock<HashMap<String, Arc<Role>>>,
    strict_uris: AtomicBool,
    chunk: AtomicUsize,
    /// Counts the changes of roles and options, for those who remember something of them.
    version: AtomicU64,
    ids: AtomicU64,
}

/// The sessions that have joined.
#[derive(Default)]
struct Members {
    sessions: HashMap<Id, Arc<Session>, RandomState>,
    /// The realm is no more.
    closed: bool,
}

/// What went away while a session was joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Realm,
    Role,
}

impl Realm {
    pub(crate) fn new(config: &transom_config::Realm) -> Self {
        let mut roles: HashMap<String, Arc<Role>> =
            config.roles.iter().map(|role| (role.name.clone(), Arc::new(Role::new(role)))).collect();
        roles.entry(ANONYMOUS.to_owned()).or_insert_with(|| Arc::new(Role::denied(ANONYMOUS)));
        roles.insert(TRUSTED.to_owned(), Arc::new(Role::trusted()));
        let options = &config.options;
        Realm {
            name: config.name.as_str().into(),
            topics: Table::new(),
            procedures: Table::new(),
            dropped_events: AtomicU64::new(0),
            members: Mutex::default(),
            roles: RwLock::new(roles),
            strict_uris: AtomicBool::new(options.uri_check == UriCheck::Strict),
            chunk: AtomicUsize::new(options.event_dispatching_chunk_size),
            version: AtomicU64::new(0),
            ids: AtomicU64::new(0),
        }
    }

    /// Takes over other roles and options. They hold for everything that sessions do from now on; what they hold and
    /// what is under way stays. Sessions whose role is gone are dismissed; returns how many.
    pub(crate) fn update(&self, config: &transom_config::Realm, now: Instant) -> usize {
        self.update_roles(&config.roles);
        let options = &config.options;
        self.strict_uris.store(options.uri_check == UriCheck::Strict, Ordering::Relaxed);
        self.chunk.store(options.event_dispatching_chunk_size, Ordering::Relaxed);
        // After all the rest: who sees this sees that.
        self.version.fetch_add(1, Ordering::Release);
        let sessions: Vec<_> = self.members.lock().sessions.values().cloned().collect();
        for session in &sessions {
            session.limit_calls(session.role.terms().limits.max_pending_calls);
        }
        let mut dismissed = 0;
        for session in sessions.iter().filter(|session| session.role.is_removed()) {
            let text = format!("the role '{}' was removed from the realm", session.role.name);
            session.dismiss(now, reply::NO_SUCH_ROLE, text);
            dismissed += 1;
        }
        dismissed
    }

    fn update_roles(&self, config: &[transom_config::Role]) {
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        {
            let mut roles = self.roles.write();
            for (name, role) in roles.extract_if(|_, role| !role.trusted) {
                match config.iter().find(|new| new.name == name) {
                    Some(new) => kept.push((name, role, Some(new))),
                    None if name == ANONYMOUS => kept.push((name, role, None)),
                    None => gone.push(role),
                }
            }
            roles.extend(kept.iter().map(|(name, role, _)| (name.clone(), role.clone())));
            for new in config {
                roles.entry(new.name.clone()).or_insert_with(|| Arc::new(Role::new(new)));
            }
        }
        for role in gone {
            role.remove();
        }
        for (_, role, new) in kept {
            match new {
                Some(new) => role.set(new),
                None => role.deny(),
            }
        }
    }

    /// The realm is no more: nobody joins, and all sessions are dismissed; returns how many.
    pub(crate) fn close(&self, now: Instant) -> usize {
        let sessions: Vec<_> = {
            let mut members = self.members.lock();
            members.closed = true;
            members.sessions.values().cloned().collect()
        };
        for session in &sessions {
            session.dismiss(now, reply::CLOSE_REALM, format!("the realm '{}' was removed", self.name));
        }
        sessions.len()
    }

    /// Takes in a session that is joining.
    pub(crate) fn admit(&self, session: &Arc<Session>) -> Result<(), Gone> {
        let mut members = self.members.lock();
        if members.closed {
            return Err(Gone::Realm);
        }
        // Whoever removes a role looks through the members after this lock.
        if session.role.is_removed() {
            return Err(Gone::Role);
        }
        members.sessions.insert(session.id, session.clone());
        // They may have changed since the session was made.
        session.limit_calls(session.role.terms().limits.max_pending_calls);
        Ok(())
    }

    /// A session has left.
    pub(crate) fn forget(&self, session: Id) {
        let gone = self.members.lock().sessions.remove(&session);
        drop(gone);
    }

    pub(crate) fn role(&self, name: &str) -> Option<Arc<Role>> {
        self.roles.read().get(name).cloned()
    }

    pub(crate) fn uri_check(&self) -> UriCheck {
        if self.strict_uris.load(Ordering::Relaxed) { UriCheck::Strict } else { UriCheck::Loose }
    }

    /// Subscribers that a fan-out looks at before others get their turn; at least 1.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk.load(Ordering::Relaxed).max(1)
    }

    /// Changes when roles or options do.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// An ID for a subscription or registration: unique on the realm.
    pub(crate) fn next_id(&self) -> Id {
        let before = self.ids.fetch_add(1, Ordering::Relaxed) % Id::MAX;
        Id::new(before).unwrap_or_default().next()
    }

    pub(crate) fn status(&self) -> RealmStatus {
        RealmStatus {
            name: self.name.to_string(),
            sessions: self.members.lock().sessions.len(),
            subscriptions: self.topics.len(),
            registrations: self.procedures.len(),
            dropped_events: self.dropped_events.load(Ordering::Relaxed),
        }
    }
}
