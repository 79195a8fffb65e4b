//! A realm: where sessions meet.

use std::collections::HashMap;
use std::sync::Arc;

use transom_config::UriCheck;
use transom_wamp::{Id, Text};

use crate::broker::Topic;
use crate::dealer::Registration;
use crate::role::{Role, TRUSTED};
use crate::status::RealmStatus;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::table::Table;

/// The role that everybody may have, though without rules of its own it may do nothing.
const ANONYMOUS: &str = "anonymous";

pub(crate) struct Realm {
    pub(crate) name: Text,
    pub(crate) uri_check: UriCheck,
    /// Subscribers that a fan-out looks at before others get their turn; at least 1.
    pub(crate) chunk: usize,
    pub(crate) topics: Table<Topic>,
    pub(crate) procedures: Table<Registration>,
    pub(crate) sessions: AtomicUsize,
    pub(crate) dropped_events: AtomicU64,
    roles: HashMap<String, Arc<Role>>,
    ids: AtomicU64,
}

impl Realm {
    pub(crate) fn new(config: &transom_config::Realm) -> Self {
        let mut roles: HashMap<String, Arc<Role>> =
            config.roles.iter().map(|role| (role.name.clone(), Arc::new(Role::new(role)))).collect();
        roles.entry(ANONYMOUS.to_owned()).or_insert_with(|| Arc::new(Role::denied(ANONYMOUS)));
        roles.insert(TRUSTED.to_owned(), Arc::new(Role::trusted()));
        Realm {
            name: config.name.as_str().into(),
            uri_check: config.options.uri_check,
            chunk: config.options.event_dispatching_chunk_size.max(1),
            topics: Table::new(),
            procedures: Table::new(),
            sessions: AtomicUsize::new(0),
            dropped_events: AtomicU64::new(0),
            roles,
            ids: AtomicU64::new(0),
        }
    }

    pub(crate) fn role(&self, name: &str) -> Option<Arc<Role>> {
        self.roles.get(name).cloned()
    }

    /// An ID for a subscription or registration: unique on the realm.
    pub(crate) fn next_id(&self) -> Id {
        let before = self.ids.fetch_add(1, Ordering::Relaxed) % Id::MAX;
        Id::new(before).unwrap_or_default().next()
    }

    pub(crate) fn status(&self) -> RealmStatus {
        RealmStatus {
            name: self.name.to_string(),
            sessions: self.sessions.load(Ordering::Relaxed),
            subscriptions: self.topics.len(),
            registrations: self.procedures.len(),
            dropped_events: self.dropped_events.load(Ordering::Relaxed),
        }
    }
}
