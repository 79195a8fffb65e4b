//! What can be set on a realm. What a node directory says of it comes from `transom-config`; what the router offers
//! beyond has its default here.

use std::time::Duration;

use transom_config::{MatchPolicy, MemoryStore, RealmStats, RealmStore, StoredPattern};
use transom_wamp::{Match, uri};

/// A realm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RealmSettings {
    /// The name clients ask for.
    pub name: String,
    /// What its sessions may do, by role. The roles `trusted` and, where it is not given, `anonymous` are added.
    pub roles: Vec<transom_config::Role>,
    /// How the syntax of URIs in client messages is checked. Default loose.
    pub uri_check: uri::UriCheck,
    /// At most so many EVENTs of one publication are delivered before other work gets its turn; at least 1. Default 100.
    pub event_dispatching_chunk_size: usize,
    /// Whether there are procedures and events under `wamp.`. Default true.
    pub enable_meta_api: bool,
    /// What `disclose_me` of publishers and callers, and `disclose_caller` of callees, do. Default: they are followed.
    pub disclose_me: DiscloseMe,
    /// Whether RESULT names the callee, as Crossbar.io does. Default false.
    pub disclose_callee: bool,
    /// What the number `timeout` of CALL counts. Default: it depends on the caller.
    pub call_timeout_unit: CallTimeoutUnit,
    /// Whose form meta events have where Crossbar.io differs from the specification. Default Crossbar.io's.
    pub meta_compat: MetaCompat,
    /// Whether client requests must be numbered 1, 2, 3 and so on, as the specification says and many clients do not.
    /// Default false.
    pub strict_request_ids: bool,
    /// Octets of payload in all testaments of one session. Default 1 MiB.
    pub max_testament_bytes: usize,
    /// How long an authorizer may take for one decision. Default 10 s.
    pub authorizer_timeout: Duration,
    /// What is kept in memory.
    pub store: StoreSettings,
    /// Statistics of sessions, where they are published. Default: they are not.
    pub stats: Option<StatsSettings>,
    /// How much the publications of some roles are to be trusted, and their calls: the first rule that matches counts.
    pub trust_levels: Vec<TrustLevel>,
}

/// What becomes of the wish to disclose a session to its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiscloseMe {
    /// It is followed.
    #[default]
    Allow,
    /// It has no effect.
    Ignore,
    /// It is an error.
    Deny,
}

/// What the number `timeout` of CALL counts. To callees it always counts milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallTimeoutUnit {
    /// Milliseconds from callers that announced `call_timeout`, seconds from others: those follow Crossbar.io.
    #[default]
    Auto,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

/// Whose form meta events have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetaCompat {
    /// `wamp.session.on_leave` carries the session alone.
    #[default]
    Crossbar,
    /// `wamp.session.on_leave` carries session, authid and authrole.
    Specification,
}

/// What a realm keeps in memory, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// Subscriptions whose events are kept for `wamp.subscription.get_events`.
    pub event_history: Vec<StoreRule>,
    /// Procedures whose calls wait while every callee has as many as it takes.
    pub call_queue: Vec<StoreRule>,
    /// Octets of payload in each history, whose oldest events go beyond that, and in each call queue. Default 16 MiB.
    pub max_bytes: usize,
    /// Topics with retained events. Default 65536.
    pub max_retained_topics: usize,
    /// Octets of payload in all retained events together. Default 64 MiB.
    pub max_retained_bytes: usize,
}

/// A topic or procedure, or a pattern of them, and how many events or calls of it are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRule {
    /// The URI or pattern.
    pub uri: String,
    /// How `uri` matches.
    pub matching: Match,
    /// How many are kept.
    pub limit: usize,
}

/// When statistics of a session are published to `wamp.session.on_stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatsSettings {
    /// So many octets of a message count as one rated message; at least 1. Default 512.
    pub rated_message_size: u32,
    /// After so many rated messages; 0 = not for that. Default 0.
    pub trigger_after_rated_messages: u64,
    /// After so long, with the next message; zero = not for that. Default zero.
    pub trigger_after_duration: Duration,
    /// When the session joins. Default false.
    pub trigger_on_join: bool,
    /// When the session leaves. Default true.
    pub trigger_on_leave: bool,
}

/// Part of the trust that a realm puts into its sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustLevel {
    /// The topic or procedure, or a pattern of them.
    pub uri: String,
    /// How `uri` matches.
    pub matching: Match,
    /// The role of publisher or caller; none = any.
    pub role: Option<String>,
    /// What EVENT and INVOCATION say.
    pub level: u32,
}

impl RealmSettings {
    /// A realm with the defaults and without roles.
    pub fn new(name: impl Into<String>) -> Self {
        RealmSettings {
            name: name.into(),
            roles: Vec::new(),
            uri_check: uri::UriCheck::Loose,
            event_dispatching_chunk_size: 100,
            enable_meta_api: true,
            disclose_me: DiscloseMe::default(),
            disclose_callee: false,
            call_timeout_unit: CallTimeoutUnit::default(),
            meta_compat: MetaCompat::default(),
            strict_request_ids: false,
            max_testament_bytes: 1 << 20,
            authorizer_timeout: Duration::from_secs(10),
            store: StoreSettings::default(),
            stats: None,
            trust_levels: Vec::new(),
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        StoreSettings {
            event_history: Vec::new(),
            call_queue: Vec::new(),
            max_bytes: 16 << 20,
            max_retained_topics: 65_536,
            max_retained_bytes: 64 << 20,
        }
    }
}

impl Default for StatsSettings {
    fn default() -> Self {
        StatsSettings {
            rated_message_size: 512,
            trigger_after_rated_messages: 0,
            trigger_after_duration: Duration::ZERO,
            trigger_on_join: false,
            trigger_on_leave: true,
        }
    }
}

impl From<&transom_config::Realm> for RealmSettings {
    fn from(config: &transom_config::Realm) -> Self {
        RealmSettings {
            roles: config.roles.clone(),
            uri_check: match config.options.uri_check {
                transom_config::UriCheck::Loose => uri::UriCheck::Loose,
                transom_config::UriCheck::Strict => uri::UriCheck::Strict,
            },
            event_dispatching_chunk_size: config.options.event_dispatching_chunk_size,
            enable_meta_api: config.options.enable_meta_api,
            store: match &config.store {
                Some(RealmStore::Memory(store)) => StoreSettings::from(store),
                // There is none of these: the reader refuses it.
                Some(RealmStore::Database(_)) | None => StoreSettings::default(),
            },
            stats: config.stats.as_ref().map(StatsSettings::from),
            ..RealmSettings::new(&config.name)
        }
    }
}

impl From<&MemoryStore> for StoreSettings {
    fn from(config: &MemoryStore) -> Self {
        let rule = |stored: &StoredPattern| StoreRule {
            uri: stored.uri.clone(),
            matching: match stored.match_policy {
                MatchPolicy::Exact => Match::Exact,
                MatchPolicy::Prefix => Match::Prefix,
                MatchPolicy::Wildcard => Match::Wildcard,
            },
            limit: stored.limit.unwrap_or(config.limit),
        };
        StoreSettings {
            event_history: config.event_history.iter().map(rule).collect(),
            call_queue: config.call_queue.iter().map(rule).collect(),
            ..StoreSettings::default()
        }
    }
}

impl From<&RealmStats> for StatsSettings {
    fn from(config: &RealmStats) -> Self {
        StatsSettings {
            rated_message_size: config.rated_message_size,
            trigger_after_rated_messages: config.trigger_after_rated_messages,
            trigger_after_duration: Duration::from_secs(config.trigger_after_duration),
            trigger_on_join: config.trigger_on_join,
            trigger_on_leave: config.trigger_on_leave,
        }
    }
}
