//! A realm: where sessions meet.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use transom_base::{Clock, Timestamp};
use transom_wamp::uri::UriCheck;
use transom_wamp::{Id, Match, Text};

use crate::broker::Topic;
use crate::directory::Directory;
use crate::history::History;
use crate::index::Patterns;
use crate::meta::Meta;
use crate::pattern;
use crate::queue::CallQueue;
use crate::registration::Registration;
use crate::retained::Retained;
use crate::role::{Role, TRUSTED};
use crate::scratch;
use crate::session::Session;
use crate::settings::{
    CallTimeoutUnit, DiscloseMe, MetaCompat, RealmSettings, StatsSettings, StoreRule, TrustLevel,
};
use crate::status::RealmStatus;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::table::Table;

/// The role that everybody may have, though without rules of its own it may do nothing.
const ANONYMOUS: &str = "anonymous";

pub(crate) struct Realm {
    pub(crate) name: Text,
    pub(crate) options: Options,
    /// Subscribers that a fan-out looks at before others get their turn; at least 1.
    pub(crate) chunk: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) topics: Table<Topic>,
    pub(crate) topic_patterns: Patterns<Topic>,
    pub(crate) topic_ids: Directory<Topic>,
    pub(crate) procedures: Table<Registration>,
    pub(crate) procedure_patterns: Patterns<Registration>,
    pub(crate) registration_ids: Directory<Registration>,
    pub(crate) retained: Retained,
    pub(crate) meta: Meta,
    /// Sessions that have joined and are not about to be ended.
    pub(crate) members: Directory<Session>,
    pub(crate) sessions: AtomicUsize,
    pub(crate) dropped_events: AtomicU64,
    /// Who the router is where it calls itself.
    pub(crate) own_id: Id,
    pub(crate) own_role: Arc<Role>,
    roles: HashMap<String, Arc<Role>>,
    call_queues: Vec<StoreRule>,
    max_queue_bytes: usize,
    ids: AtomicU64,
}

/// Settings that are looked at when something happens.
pub(crate) struct Options {
    pub(crate) uri_check: UriCheck,
    pub(crate) disclose_me: DiscloseMe,
    pub(crate) disclose_callee: bool,
    pub(crate) call_timeout_unit: CallTimeoutUnit,
    pub(crate) meta_compat: MetaCompat,
    pub(crate) strict_request_ids: bool,
    pub(crate) authorizer_timeout: Duration,
    pub(crate) max_testament_bytes: usize,
    pub(crate) stats: Option<StatsSettings>,
    pub(crate) has_history: bool,
    trust_levels: Vec<TrustLevel>,
}

impl Options {
    pub(crate) fn has_trust_levels(&self) -> bool {
        !self.trust_levels.is_empty()
    }
}

impl Realm {
    pub(crate) fn new(settings: &RealmSettings, clock: Arc<dyn Clock>) -> Self {
        let own_role = Arc::new(Role::trusted());
        let mut roles: HashMap<String, Arc<Role>> =
            settings.roles.iter().map(|role| (role.name.clone(), Arc::new(Role::new(role)))).collect();
        roles.entry(ANONYMOUS.to_owned()).or_insert_with(|| Arc::new(Role::denied(ANONYMOUS)));
        roles.insert(TRUSTED.to_owned(), own_role.clone());
        let store = &settings.store;
        let realm = Realm {
            name: settings.name.as_str().into(),
            options: Options {
                uri_check: settings.uri_check,
                disclose_me: settings.disclose_me,
                disclose_callee: settings.disclose_callee,
                call_timeout_unit: settings.call_timeout_unit,
                meta_compat: settings.meta_compat,
                strict_request_ids: settings.strict_request_ids,
                authorizer_timeout: settings.authorizer_timeout,
                max_testament_bytes: settings.max_testament_bytes,
                stats: settings.stats,
                has_history: !store.event_history.is_empty(),
                trust_levels: settings.trust_levels.clone(),
            },
            chunk: settings.event_dispatching_chunk_size.max(1),
            clock,
            topics: Table::new(),
            topic_patterns: Patterns::new(),
            topic_ids: Directory::default(),
            procedures: Table::new(),
            procedure_patterns: Patterns::new(),
            registration_ids: Directory::default(),
            retained: Retained::new(store),
            meta: Meta::new(settings.enable_meta_api),
            members: Directory::default(),
            sessions: AtomicUsize::new(0),
            dropped_events: AtomicU64::new(0),
            own_id: scratch::random_id().unwrap_or_default(),
            own_role,
            roles,
            call_queues: store.call_queue.clone(),
            max_queue_bytes: store.max_bytes,
            ids: AtomicU64::new(0),
        };
        for rule in &store.event_history {
            let uri = Text::from(rule.uri.as_str());
            let history = || Some(Box::new(History::new(rule.limit, store.max_bytes)));
            let topic = realm.topic_with(rule.matching, &uri, history);
            if realm.meta.concerns(topic.matching, &topic.uri) {
                realm.meta.listens();
            }
        }
        realm
    }

    pub(crate) fn role(&self, name: &str) -> Option<Arc<Role>> {
        self.roles.get(name).cloned()
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
        let rules = &self.call_queues;
        let rule = rules.iter().find(same).or_else(|| rules.iter().filter(matches).max_by_key(best))?;
        Some(CallQueue::new(rule.limit, self.max_queue_bytes))
    }

    /// How much the publications and calls of a session are to be trusted.
    #[inline]
    pub(crate) fn trustlevel(&self, session: &Session, uri: &Text) -> Option<transom_wamp::TrustLevel> {
        if self.options.trust_levels.is_empty() { None } else { self.find_trustlevel(session, uri) }
    }

    #[cold]
    fn find_trustlevel(&self, session: &Session, uri: &Text) -> Option<transom_wamp::TrustLevel> {
        let matches = |rule: &&TrustLevel| {
            rule.role.as_ref().is_none_or(|role| session.role.name == **role)
                && pattern::matches(rule.matching, rule.uri.as_bytes(), uri.as_bytes())
        };
        self.options.trust_levels.iter().find(matches).map(|rule| transom_wamp::TrustLevel::new(rule.level))
    }

    pub(crate) fn status(&self) -> RealmStatus {
        RealmStatus {
            name: self.name.to_string(),
            sessions: self.sessions.load(Ordering::Relaxed),
            subscriptions: self.topics.len() + self.topic_patterns.len(),
            registrations: self.procedures.len() + self.procedure_patterns.len(),
            retained_topics: self.retained.len(),
            dropped_events: self.dropped_events.load(Ordering::Relaxed),
        }
    }
}
