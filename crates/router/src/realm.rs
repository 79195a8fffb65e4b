//! A realm: where sessions meet.

mod changes;
mod members;
mod options;

use std::collections::HashMap;
use std::sync::Arc;

use transom_base::{Clock, Timestamp};
use transom_wamp::{Id, Match, Text};

use crate::broker::Topic;
use crate::directory::Directory;
use crate::index::Patterns;
use crate::meta::Meta;
use crate::pattern;
use crate::queue::CallQueue;
use crate::registration::Registration;
use crate::retained::Retained;
use crate::role::{Role, TRUSTED};
use crate::scratch;
use crate::settings::{RealmSettings, StoreRule};
use crate::status::RealmStatus;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, RwLock};
use crate::table::Table;
pub(crate) use members::Gone;
use members::Members;
pub(crate) use options::Options;
use options::Switches;

/// The role that everybody may have, though without rules of its own it may do nothing.
const ANONYMOUS: &str = "anonymous";

pub(crate) struct Realm {
    pub(crate) name: Text,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) topics: Table<Topic>,
    pub(crate) topic_patterns: Patterns<Topic>,
    pub(crate) topic_ids: Directory<Topic>,
    pub(crate) procedures: Table<Registration>,
    pub(crate) procedure_patterns: Patterns<Registration>,
    pub(crate) registration_ids: Directory<Registration>,
    pub(crate) retained: Retained,
    pub(crate) meta: Meta,
    pub(crate) members: Members,
    pub(crate) dropped_events: AtomicU64,
    /// Who the router is where it calls itself.
    pub(crate) own_id: Id,
    pub(crate) own_role: Arc<Role>,
    roles: RwLock<HashMap<String, Arc<Role>>>,
    options: RwLock<Arc<Options>>,
    switches: Switches,
    /// Topics and patterns whose events are kept, whoever has subscribed.
    histories: Mutex<Vec<Arc<Topic>>>,
    /// Counts the changes of roles and options, for those who remember something of them.
    version: AtomicU64,
    ids: AtomicU64,
}

impl Realm {
    pub(crate) fn new(settings: &RealmSettings, clock: Arc<dyn Clock>) -> Self {
        let own_role = Arc::new(Role::trusted());
        let mut roles: HashMap<String, Arc<Role>> =
            settings.roles.iter().map(|role| (role.name.clone(), Arc::new(Role::new(role)))).collect();
        roles.entry(ANONYMOUS.to_owned()).or_insert_with(|| Arc::new(Role::denied(ANONYMOUS)));
        roles.insert(TRUSTED.to_owned(), own_role.clone());
        let realm = Realm {
            name: settings.name.as_str().into(),
            clock,
            topics: Table::new(),
            topic_patterns: Patterns::new(),
            topic_ids: Directory::default(),
            procedures: Table::new(),
            procedure_patterns: Patterns::new(),
            registration_ids: Directory::default(),
            retained: Retained::new(&settings.store),
            meta: Meta::new(settings.enable_meta_api),
            members: Members::default(),
            dropped_events: AtomicU64::new(0),
            own_id: scratch::random_id().unwrap_or_default(),
            own_role,
            roles: RwLock::new(roles),
            options: RwLock::new(Arc::new(Options::new(settings))),
            switches: Switches::new(settings),
            histories: Mutex::default(),
            version: AtomicU64::new(0),
            ids: AtomicU64::new(0),
        };
        realm.update_histories(&settings.store);
        realm
    }

    pub(crate) fn role(&self, name: &str) -> Option<Arc<Role>> {
        self.roles.read().get(name).cloned()
    }

    /// What holds now.
    pub(crate) fn options(&self) -> Arc<Options> {
        self.options.read().clone()
    }

    /// Subscribers that a fan-out looks at before others get their turn; at least 1.
    #[inline]
    pub(crate) fn chunk(&self) -> usize {
        self.switches.chunk()
    }

    /// Whether callees are told who calls where they wish it.
    #[inline]
    pub(crate) fn follows_callees(&self) -> bool {
        self.switches.follows_callees()
    }

    /// Whether RESULT names the callee.
    #[inline]
    pub(crate) fn names_callees(&self) -> bool {
        self.switches.names_callees()
    }

    /// Changes when roles or options do.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// An ID for a subscription or registration: unique on the realm.
    pub(crate) fn next_id(&self) -> Id {
        let before = self.ids.fetch_add(1, Ordering::Relaxed) % Id::MAX;
        Id::new(before).unwrap_or_default().next()
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.wall().into()
    }

    /// Where calls of a new registration wait, if they do: the rule for just this procedure or pattern counts, else the
    /// best one that matches the procedure.
    pub(crate) fn call_queue(&self, matching: Match, uri: &Text) -> Option<Box<CallQueue>> {
        let bytes = uri.as_bytes();
        let same = |rule: &&StoreRule| rule.matching == matching && rule.uri.as_bytes() == bytes;
        let matches = |rule: &&StoreRule| {
            matching == Match::Exact && pattern::matches(rule.matching, rule.uri.as_bytes(), bytes)
        };
        let best = |rule: &&StoreRule| (rule.matching == Match::Wildcard, rule.uri.len());
        let options = self.options();
        let rules = &options.call_queues;
        let rule = rules.iter().find(same).or_else(|| rules.iter().filter(matches).max_by_key(best))?;
        Some(CallQueue::new(rule.limit, options.max_queue_bytes))
    }

    pub(crate) fn status(&self) -> RealmStatus {
        RealmStatus {
            name: self.name.to_string(),
            sessions: self.members.joined(),
            subscriptions: self.topics.len() + self.topic_patterns.len(),
            registrations: self.procedures.len() + self.procedure_patterns.len(),
            retained_topics: self.retained.len(),
            dropped_events: self.dropped_events.load(Ordering::Relaxed),
        }
    }
}
