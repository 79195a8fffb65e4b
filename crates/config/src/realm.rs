//! Realms, roles and their static permissions.

use crate::Place;

/// A realm of a router worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Realm {
    /// Where it stands.
    pub place: Place,
    /// Unique in the worker. Default `realm001` and so on.
    pub id: String,
    /// The name clients ask for; unique in the worker.
    pub name: String,
    /// What its sessions may do, by role.
    pub roles: Vec<Role>,
    /// `options`
    pub options: RealmOptions,
}

/// `options` of a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealmOptions {
    /// At most this many EVENTs of one publication are delivered before other work gets its turn; at
    /// least 1. Default 100.
    pub event_dispatching_chunk_size: usize,
    /// How the syntax of URIs in client messages is checked. Default loose.
    pub uri_check: UriCheck,
    /// Offer the `wamp.session.*`, `wamp.registration.*` and `wamp.subscription.*` procedures and
    /// events. Default true. This release does not act on it.
    pub enable_meta_api: bool,
    /// Offer them to the management realm as well; there is none, so this has no effect. Default false.
    pub bridge_meta_api: bool,
}

impl Default for RealmOptions {
    fn default() -> Self {
        Self {
            event_dispatching_chunk_size: 100,
            uri_check: UriCheck::Loose,
            enable_meta_api: true,
            bridge_meta_api: false,
        }
    }
}

/// Which URIs of clients are well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UriCheck {
    /// Components may hold anything but blanks, `.` and `#`.
    #[default]
    Loose,
    /// Components are made of `0-9`, `a-z` and `_`.
    Strict,
}

/// A role of a realm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Where it stands.
    pub place: Place,
    /// Default `role001` and so on.
    pub id: String,
    /// Unique in the realm; never `trusted`.
    pub name: String,
    /// How its actions are decided.
    pub authorization: Authorization,
    /// What happens to events that a subscriber of this role does not take fast enough.
    pub slow_consumer: SlowConsumer,
    /// How much one session of this role may hold in the router.
    pub limits: SessionLimits,
}

/// How much one session may hold in the router, each 1..=[`SessionLimits::MOST`]. What would be more is answered with
/// the error `wamp.error.unavailable`, and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Subscriptions at a time. Default 65536.
    pub max_subscriptions: usize,
    /// Registrations at a time. Default 65536.
    pub max_registrations: usize,
    /// Calls that it made and that are not answered yet; and, counted apart from those, invocations that it has not
    /// answered yet. Default 65536.
    pub max_pending_calls: usize,
}

impl SessionLimits {
    /// The greatest value of each.
    pub const MOST: usize = 1 << 24;
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { max_subscriptions: 65_536, max_registrations: 65_536, max_pending_calls: 65_536 }
    }
}

/// How the actions of a role are decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// By the rule that matches best; without one, denied.
    Permissions(Vec<Permission>),
    /// The same answer for everything: allow (true) or deny (false). Key `allow-by-default`.
    Always(bool),
}

impl Default for Authorization {
    fn default() -> Self {
        Self::Always(false)
    }
}

/// One rule of a role.
///
/// Several rules may match a URI. An exact rule beats all, otherwise a wildcard rule beats a prefix
/// rule; among several of one kind the longest `uri` wins, among equals the later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permission {
    /// Where it stands.
    pub place: Place,
    /// The pattern, already without the stars of the short form: `com.*` in a file is `com.` with
    /// [`MatchPolicy::Prefix`] here.
    pub uri: String,
    /// How `uri` is compared.
    pub match_policy: MatchPolicy,
    /// The actions that are allowed. Default: none.
    pub allow: Allow,
    /// Who is disclosed although the client did not ask for it. Default: nobody.
    pub disclose: Disclose,
    /// The decision may be remembered; static decisions never change, so it is invisible. Default false.
    pub cache: bool,
}

/// How the URI of a permission is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MatchPolicy {
    /// Equal.
    #[default]
    Exact,
    /// Begins with the pattern, character by character, not component by component.
    Prefix,
    /// The same number of components, an empty one in the pattern standing for any non-empty one.
    Wildcard,
}

impl MatchPolicy {
    /// The policy that a pattern without `match` implies, and the pattern without its stars: no star is
    /// exact, one star at the very end a prefix, anything else a wildcard.
    pub fn derive(uri: &str) -> (Self, String) {
        match (uri.matches('*').count(), uri.strip_suffix('*')) {
            (0, _) => (Self::Exact, uri.to_owned()),
            (1, Some(prefix)) => (Self::Prefix, prefix.to_owned()),
            _ => (Self::Wildcard, uri.replace('*', "")),
        }
    }
}

/// Actions that a permission allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// Call procedures.
    pub call: bool,
    /// Register procedures.
    pub register: bool,
    /// Publish to topics.
    pub publish: bool,
    /// Subscribe to topics.
    pub subscribe: bool,
}

/// Whom a permission discloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disclose {
    /// The caller, on INVOCATION.
    pub caller: bool,
    /// The publisher, on EVENT.
    pub publisher: bool,
}

/// What happens to an EVENT when the queue of its receiver is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SlowConsumer {
    /// Dropped and counted.
    #[default]
    Drop,
    /// The receiving session is closed.
    Disconnect,
    /// The publisher is not read from until there is room.
    PushBack,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_when_match_is_absent() {
        let table = [
            ("", MatchPolicy::Exact, ""),
            ("com.app.add", MatchPolicy::Exact, "com.app.add"),
            ("*", MatchPolicy::Prefix, ""),
            ("com.app.*", MatchPolicy::Prefix, "com.app."),
            ("com.app*", MatchPolicy::Prefix, "com.app"),
            ("com.*.add", MatchPolicy::Wildcard, "com..add"),
            ("com.*.*", MatchPolicy::Wildcard, "com.."),
            ("*.add", MatchPolicy::Wildcard, ".add"),
            ("com.**", MatchPolicy::Wildcard, "com."),
        ];
        for (uri, policy, pattern) in table {
            assert_eq!(MatchPolicy::derive(uri), (policy, pattern.to_owned()), "{uri}");
        }
    }
}
