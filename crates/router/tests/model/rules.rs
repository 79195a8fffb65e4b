//! The permissions of the model, decided in the slowest way there is: by looking at every URI.

use transom_config::{Allow, MatchPolicy, Permission};
use transom_wamp::Match;

use crate::ops::Pattern;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Call,
    Register,
    Publish,
    Subscribe,
}

/// What the role `limited` may do.
pub(crate) fn rules() -> Vec<Permission> {
    let rule = |uri: &str, match_policy, actions: &str| Permission {
        uri: uri.into(),
        match_policy,
        allow: Allow {
            call: actions.contains("call"),
            register: actions.contains("register"),
            publish: actions.contains("publish"),
            subscribe: actions.contains("subscribe"),
        },
        ..Permission::default()
    };
    vec![
        rule("a.", MatchPolicy::Prefix, "call register publish subscribe"),
        rule("a.b.c", MatchPolicy::Exact, "publish"),
        rule(".b", MatchPolicy::Wildcard, "call subscribe publish"),
        rule("wamp.", MatchPolicy::Prefix, "subscribe call"),
        rule("b", MatchPolicy::Exact, "subscribe"),
    ]
}

pub(crate) fn matches(pattern: &Pattern, uri: &str) -> bool {
    match pattern.matching {
        Match::Exact => pattern.uri == uri,
        Match::Prefix => uri.starts_with(pattern.uri),
        Match::Wildcard => {
            let (pattern, uri): (Vec<&str>, Vec<&str>) =
                (pattern.uri.split('.').collect(), uri.split('.').collect());
            pattern.len() == uri.len()
                && pattern.iter().zip(uri).all(|(wanted, is)| wanted.is_empty() || *wanted == is)
        }
    }
}

fn rule_matches(rule: &Permission, uri: &str) -> bool {
    let matching = match rule.match_policy {
        MatchPolicy::Exact => Match::Exact,
        MatchPolicy::Prefix => Match::Prefix,
        MatchPolicy::Wildcard => Match::Wildcard,
    };
    matches(&Pattern { matching, uri: String::leak(rule.uri.clone()) }, uri)
}

fn allows(rule: &Permission, action: Action) -> bool {
    match action {
        Action::Call => rule.allow.call,
        Action::Register => rule.allow.register,
        Action::Publish => rule.allow.publish,
        Action::Subscribe => rule.allow.subscribe,
    }
}

/// The rules, those first that win: exact, wildcard, prefix; the longer; the later.
fn best_first() -> Vec<Permission> {
    let mut rules = rules();
    rules.reverse();
    let kind = |rule: &Permission| match rule.match_policy {
        MatchPolicy::Exact => 0,
        MatchPolicy::Wildcard => 1,
        MatchPolicy::Prefix => 2,
    };
    rules.sort_by_key(|rule| (kind(rule), std::cmp::Reverse(rule.uri.len())));
    rules
}

/// URIs that tell a pattern and all rules apart.
fn universe(pattern: &Pattern) -> Vec<String> {
    let mut components = vec!["a", "b", "c", "ab", "z", "wamp", "w"];
    components.extend(pattern.uri.split('.').filter(|component| !component.is_empty()));
    components.sort_unstable();
    components.dedup();
    let mut all: Vec<String> = Vec::new();
    let mut last = vec![String::new()];
    for _ in 0..4 {
        let longer = |uri: &String| -> Vec<String> {
            let add = |c: &&str| if uri.is_empty() { (*c).to_owned() } else { format!("{uri}.{c}") };
            components.iter().map(add).collect()
        };
        last = last.iter().flat_map(longer).collect();
        all.extend_from_slice(&last);
    }
    all
}

/// Whether the role `limited` may do something.
pub(crate) fn limited_may(action: Action, pattern: &Pattern) -> bool {
    if pattern.matching == Match::Exact {
        let rule = best_first().into_iter().find(|rule| rule_matches(rule, pattern.uri));
        return rule.is_some_and(|rule| allows(&rule, action));
    }
    let universe: Vec<String> = universe(pattern).into_iter().filter(|uri| matches(pattern, uri)).collect();
    for rule in best_first() {
        if universe.iter().all(|uri| rule_matches(&rule, uri)) {
            return allows(&rule, action);
        }
        if !allows(&rule, action) && universe.iter().any(|uri| rule_matches(&rule, uri)) {
            return false;
        }
    }
    false
}

/// Whether a URI or pattern is well formed.
pub(crate) fn is_valid(pattern: &Pattern) -> bool {
    let components: Vec<&str> = pattern.uri.split('.').collect();
    let empty_inside = components.iter().rev().skip(1).any(|component| component.is_empty());
    let empty_end = components.last().is_some_and(|component| component.is_empty());
    !pattern.uri.contains(' ')
        && match pattern.matching {
            Match::Exact => !empty_inside && !empty_end,
            Match::Prefix => !empty_inside,
            Match::Wildcard => true,
        }
}
