//! A role of a realm: its permissions, compiled, its policy for slow consumers and how much its sessions may hold.
//! These may change while it has sessions; the role stays the same one.
//!
//! Among the rules that match a URI an exact one wins, else a wildcard rule, else a prefix rule; of several of one kind
//! the longest, of equals the later.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use transom_config::{Authorization, MatchPolicy, Permission, SessionLimits, SlowConsumer};
use transom_wamp::{Match, Text};

use crate::authorizer::Authorizer;
use crate::decision::{Action, Decision};
use crate::pattern;
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicBool, Ordering};

/// The name of the role that may do anything, which no configuration can give rules to.
pub(crate) const TRUSTED: &str = "trusted";

/// Up to so many patterns are compared each time; with more, decisions are remembered.
const FEW: usize = 8;

/// So many decisions are remembered before all are forgotten.
const REMEMBERED: usize = 4096;

/// URIs longer than this are decided anew each time.
const LONG: usize = 256;

pub(crate) struct Role {
    pub(crate) name: Text,
    /// Whether it is the router's own.
    pub(crate) trusted: bool,
    terms: RwLock<Arc<Terms>>,
    /// The realm does not have it any more.
    removed: AtomicBool,
}

/// What a role grants its sessions and asks of them, at one time.
pub(crate) struct Terms {
    pub(crate) slow_consumer: SlowConsumer,
    pub(crate) limits: SessionLimits,
    rules: Rules,
}

enum Rules {
    Always(Decision),
    Table(Box<RuleTable>),
    Asked(Box<Authorizer>),
}

struct RuleTable {
    exact: HashMap<Text, Decision, RandomState>,
    /// The best first.
    wildcard: Vec<(String, Decision)>,
    /// The best first.
    prefix: Vec<(String, Decision)>,
    remembered: RwLock<HashMap<Text, Decision, RandomState>>,
}

impl Terms {
    fn new(config: &transom_config::Role) -> Self {
        let rules = match &config.authorization {
            Authorization::Always(true) => Rules::Always(Decision::ALLOW),
            Authorization::Always(false) => Rules::Always(Decision::DENY),
            Authorization::Authorizer(uri) => Rules::Asked(Box::new(Authorizer::new(uri))),
            Authorization::Permissions(rules) => Rules::Table(Box::new(RuleTable::new(rules))),
        };
        Terms { slow_consumer: config.slow_consumer, limits: config.limits.clone(), rules }
    }

    fn always(decision: Decision) -> Self {
        Terms {
            slow_consumer: SlowConsumer::default(),
            limits: SessionLimits::default(),
            rules: Rules::Always(decision),
        }
    }

    /// Whether its decisions never change.
    #[inline]
    pub(crate) fn is_fixed(&self) -> bool {
        !matches!(self.rules, Rules::Asked(_))
    }

    /// What decides for it, where that is asked.
    pub(crate) fn authorizer(&self) -> Option<&Authorizer> {
        match &self.rules {
            Rules::Asked(authorizer) => Some(authorizer),
            Rules::Always(_) | Rules::Table(_) => None,
        }
    }

    /// What the role may do with a URI or pattern; none where that has to be asked.
    pub(crate) fn decide(&self, action: Action, matching: Match, uri: &Text) -> Option<Decision> {
        match &self.rules {
            Rules::Always(decision) => Some(*decision),
            Rules::Table(table) => Some(match matching {
                Match::Exact => table.decide(uri),
                pattern => table.decide_pattern(action, (pattern, uri.as_bytes())),
            }),
            Rules::Asked(_) => None,
        }
    }
}

impl Role {
    pub(crate) fn new(config: &transom_config::Role) -> Self {
        Role::with(config.name.as_str().into(), false, Terms::new(config))
    }

    /// The router's own role.
    pub(crate) fn trusted() -> Self {
        Role::with(Text::from_static(TRUSTED), true, Terms::always(Decision::TRUST))
    }

    /// A role that may do nothing.
    pub(crate) fn denied(name: &'static str) -> Self {
        Role::with(Text::from_static(name), false, Terms::always(Decision::DENY))
    }

    fn with(name: Text, trusted: bool, terms: Terms) -> Self {
        Role { name, trusted, terms: RwLock::new(Arc::new(terms)), removed: AtomicBool::new(false) }
    }

    /// What holds now.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        self.terms.read().clone()
    }

    /// What holds from now on.
    pub(crate) fn set(&self, config: &transom_config::Role) {
        self.put(Terms::new(config));
    }

    /// From now on it may do nothing.
    pub(crate) fn deny(&self) {
        self.put(Terms::always(Decision::DENY));
    }

    fn put(&self, terms: Terms) {
        let before = std::mem::replace(&mut *self.terms.write(), Arc::new(terms));
        // Dropped here, after the lock.
        drop(before);
    }

    /// Nobody joins with it any more.
    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}

impl RuleTable {
    fn new(rules: &[Permission]) -> Self {
        let mut exact = HashMap::with_hasher(RandomState::new());
        let (mut wildcard, mut prefix) = (Vec::new(), Vec::new());
        for rule in rules {
            let decision = Decision { allow: rule.allow, disclose: rule.disclose };
            match rule.match_policy {
                MatchPolicy::Exact => {
                    exact.insert(Text::from(rule.uri.as_str()), decision);
                }
                MatchPolicy::Wildcard => wildcard.push((rule.uri.clone(), decision)),
                MatchPolicy::Prefix => prefix.push((rule.uri.clone(), decision)),
            }
        }
        for patterns in [&mut wildcard, &mut prefix] {
            // Sorting keeps the order of equals, and of those the later is to come first.
            patterns.reverse();
            patterns.sort_by_key(|(uri, _)| std::cmp::Reverse(uri.len()));
        }
        RuleTable { exact, wildcard, prefix, remembered: RwLock::default() }
    }

    fn decide(&self, uri: &Text) -> Decision {
        if let Some(decision) = self.exact.get(uri) {
            return *decision;
        }
        if self.wildcard.len() + self.prefix.len() <= FEW || uri.as_bytes().len() > LONG {
            return self.best_pattern(uri);
        }
        if let Some(decision) = self.remembered.read().get(uri) {
            return *decision;
        }
        let decision = self.best_pattern(uri);
        let key = uri.detached();
        let mut forgotten = None;
        {
            let mut remembered = self.remembered.write();
            if remembered.len() >= REMEMBERED {
                forgotten = Some(std::mem::take(&mut *remembered));
            }
            remembered.insert(key, decision);
        }
        drop(forgotten);
        decision
    }

    fn best_pattern(&self, uri: &Text) -> Decision {
        let uri = uri.as_bytes();
        let wildcard = self.wildcard.iter().find(|(rule, _)| pattern::wildcard_matches(rule.as_bytes(), uri));
        let best =
            wildcard.or_else(|| self.prefix.iter().find(|(prefix, _)| uri.starts_with(prefix.as_bytes())));
        best.map_or(Decision::DENY, |(_, decision)| *decision)
    }

    /// What the role may do with all URIs of a pattern at once: what the best rule says that covers all of it, unless a
    /// rule that is better for some of them denies it.
    fn decide_pattern(&self, action: Action, wish: (Match, &[u8])) -> Decision {
        for (rule, decision) in self.best_first() {
            if pattern::covers(rule, wish) {
                return decision;
            }
            if !decision.allows(action) && pattern::overlap(rule, wish) {
                return Decision::DENY;
            }
        }
        Decision::DENY
    }

    /// All rules, those first that win over others.
    fn best_first(&self) -> impl Iterator<Item = ((Match, &[u8]), Decision)> {
        let exact = self.exact.iter().map(|(uri, decision)| ((Match::Exact, uri.as_bytes()), *decision));
        let wildcard =
            self.wildcard.iter().map(|(rule, decision)| ((Match::Wildcard, rule.as_bytes()), *decision));
        let prefix = self.prefix.iter().map(|(rule, decision)| ((Match::Prefix, rule.as_bytes()), *decision));
        exact.chain(wildcard).chain(prefix)
    }
}

#[cfg(test)]
mod tests;
