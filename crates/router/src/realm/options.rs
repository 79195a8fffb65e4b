//! Settings of a realm that are looked at when something happens. They may change while it has sessions.

use std::time::Duration;

use transom_wamp::Text;
use transom_wamp::uri::UriCheck;

use crate::pattern;
use crate::session::Session;
use crate::settings::{
    CallTimeoutUnit, DiscloseMe, MetaCompat, RealmSettings, StatsSettings, StoreRule, TrustLevel,
};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What holds at one time. A session keeps what it saw last.
pub(crate) struct Options {
    pub(crate) uri_check: UriCheck,
    pub(crate) disclose_me: DiscloseMe,
    pub(crate) call_timeout_unit: CallTimeoutUnit,
    pub(crate) meta_compat: MetaCompat,
    pub(crate) strict_request_ids: bool,
    pub(crate) authorizer_timeout: Duration,
    pub(crate) max_testament_bytes: usize,
    pub(crate) stats: Option<StatsSettings>,
    pub(crate) has_history: bool,
    pub(super) call_queues: Vec<StoreRule>,
    pub(super) max_queue_bytes: usize,
    trust_levels: Vec<TrustLevel>,
}

impl Options {
    pub(super) fn new(settings: &RealmSettings) -> Self {
        Options {
            uri_check: settings.uri_check,
            disclose_me: settings.disclose_me,
            call_timeout_unit: settings.call_timeout_unit,
            meta_compat: settings.meta_compat,
            strict_request_ids: settings.strict_request_ids,
            authorizer_timeout: settings.authorizer_timeout,
            max_testament_bytes: settings.max_testament_bytes,
            stats: settings.stats,
            has_history: !settings.store.event_history.is_empty(),
            call_queues: settings.store.call_queue.clone(),
            max_queue_bytes: settings.store.max_bytes,
            trust_levels: settings.trust_levels.clone(),
        }
    }

    pub(crate) fn has_trust_levels(&self) -> bool {
        !self.trust_levels.is_empty()
    }

    /// How much the publications and calls of a session are to be trusted.
    #[inline]
    pub(crate) fn trustlevel(&self, session: &Session, uri: &Text) -> Option<transom_wamp::TrustLevel> {
        if self.trust_levels.is_empty() { None } else { self.find_trustlevel(session, uri) }
    }

    #[cold]
    fn find_trustlevel(&self, session: &Session, uri: &Text) -> Option<transom_wamp::TrustLevel> {
        let matches = |rule: &&TrustLevel| {
            rule.role.as_ref().is_none_or(|role| session.role.name == **role)
                && pattern::matches(rule.matching, rule.uri.as_bytes(), uri.as_bytes())
        };
        self.trust_levels.iter().find(matches).map(|rule| transom_wamp::TrustLevel::new(rule.level))
    }
}

/// The few that are looked at where no session of the realm is at hand that keeps them.
pub(super) struct Switches {
    chunk: AtomicUsize,
    follows_callees: AtomicBool,
    names_callees: AtomicBool,
}

impl Switches {
    pub(super) fn new(settings: &RealmSettings) -> Self {
        let switches = Switches {
            chunk: AtomicUsize::new(1),
            follows_callees: AtomicBool::new(false),
            names_callees: AtomicBool::new(false),
        };
        switches.set(settings);
        switches
    }

    pub(super) fn set(&self, settings: &RealmSettings) {
        self.chunk.store(settings.event_dispatching_chunk_size.max(1), Ordering::Relaxed);
        self.follows_callees.store(settings.disclose_me == DiscloseMe::Allow, Ordering::Relaxed);
        self.names_callees.store(settings.disclose_callee, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn chunk(&self) -> usize {
        self.chunk.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn follows_callees(&self) -> bool {
        self.follows_callees.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn names_callees(&self) -> bool {
        self.names_callees.load(Ordering::Relaxed)
    }
}
