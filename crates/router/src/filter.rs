//! Who may receive an event, where its publisher limits that. Source: WAMP specification, "Subscriber Black- and
//! Whitelisting".

use std::collections::HashSet;
use std::hash::Hash;

use ahash::RandomState;
use transom_wamp::{Id, Receivers, Text};

use crate::session::Session;

/// The six lists of a PUBLISH, ready to be asked once for each subscriber.
pub(crate) struct Filter {
    exclude: Set<Id>,
    exclude_authid: Set<Text>,
    exclude_authrole: Set<Text>,
    eligible: Option<Set<Id>>,
    eligible_authid: Option<Set<Text>>,
    eligible_authrole: Option<Set<Text>>,
}

/// A publisher chooses the length of its lists, and a topic's subscribers may be many: long lists are hashed.
enum Set<T> {
    Few(Vec<T>),
    Many(HashSet<T, RandomState>),
}

impl<T: Eq + Hash> Set<T> {
    fn new(list: Vec<T>) -> Self {
        if list.len() <= 8 { Set::Few(list) } else { Set::Many(list.into_iter().collect()) }
    }

    fn has(&self, value: &T) -> bool {
        match self {
            Set::Few(list) => list.contains(value),
            Set::Many(set) => set.contains(value),
        }
    }
}

impl Filter {
    pub(crate) fn new(receivers: Receivers) -> Self {
        Filter {
            exclude: Set::new(receivers.exclude),
            exclude_authid: Set::new(receivers.exclude_authid),
            exclude_authrole: Set::new(receivers.exclude_authrole),
            eligible: receivers.eligible.map(Set::new),
            eligible_authid: receivers.eligible_authid.map(Set::new),
            eligible_authrole: receivers.eligible_authrole.map(Set::new),
        }
    }

    /// Whether a session may receive the event. An empty list of eligible ones means nobody.
    pub(crate) fn admits(&self, session: &Session) -> bool {
        let (id, authid, role) = (&session.id, &session.authid, &session.role.name);
        self.eligible.as_ref().is_none_or(|set| set.has(id))
            && self.eligible_authid.as_ref().is_none_or(|set| set.has(authid))
            && self.eligible_authrole.as_ref().is_none_or(|set| set.has(role))
            && !self.exclude.has(id)
            && !self.exclude_authid.has(authid)
            && !self.exclude_authrole.has(role)
    }
}
