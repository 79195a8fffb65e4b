//! Changes of a realm under its sessions.

use std::sync::Arc;

use transom_wamp::{Match, Text};

use super::{ANONYMOUS, Options, Realm};
use crate::broker::Topic;
use crate::history::History;
use crate::reply;
use crate::role::Role;
use crate::settings::{RealmSettings, StoreRule, StoreSettings};
use crate::sync::atomic::Ordering;

impl Realm {
    /// Takes over other roles and options. They hold for everything that sessions do from now on; what they hold and
    /// what is under way stays. Sessions whose role is gone are dismissed; returns how many.
    pub(crate) fn update(&self, settings: &RealmSettings) -> usize {
        self.update_roles(&settings.roles);
        self.update_histories(&settings.store);
        self.retained.limit(&settings.store);
        self.meta.enable(settings.enable_meta_api);
        self.switches.set(settings);
        let options = Arc::new(Options::new(settings));
        let before = std::mem::replace(&mut *self.options.write(), options);
        drop(before);
        // After all the rest: who sees this sees that.
        self.version.fetch_add(1, Ordering::Release);
        let sessions = self.members.all();
        for session in &sessions {
            session.limit_calls(session.role.terms().limits.max_pending_calls);
        }
        let mut dismissed = 0;
        for session in sessions.iter().filter(|session| session.role.is_removed()) {
            session.dismiss(
                reply::NO_SUCH_ROLE,
                format!("the role '{}' was removed from the realm", session.role.name),
            );
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

    /// Keeps the events of other subscriptions. One that stays keeps what it has, as far as its limits allow.
    pub(super) fn update_histories(&self, store: &StoreSettings) {
        let mut before = std::mem::take(&mut *self.histories.lock());
        let mut now: Vec<Arc<Topic>> = Vec::new();
        for StoreRule { uri, matching, limit } in &store.event_history {
            let is_it = |topic: &Arc<Topic>| topic.matching == *matching && topic.uri == **uri;
            // Of rules for one subscription the first counts.
            if now.iter().any(is_it) {
                continue;
            }
            let there = before.iter().position(is_it).map(|at| before.swap_remove(at));
            if let Some(topic) = there
                && let Some(history) = topic.history()
            {
                history.limit(*limit, store.max_bytes);
                now.push(topic);
                continue;
            }
            now.push(self.begin_history(*matching, &uri.as_str().into(), *limit, store.max_bytes));
        }
        *self.histories.lock() = now;
        for topic in before {
            topic.keep_history(self, None);
            self.retire(&topic, None);
        }
        self.meta.publish(self);
    }

    fn begin_history(&self, matching: Match, uri: &Text, limit: usize, max_bytes: usize) -> Arc<Topic> {
        loop {
            let topic = self.topic(matching, uri);
            if topic.keep_history(self, Some(Arc::new(History::new(limit, max_bytes)))) {
                return topic;
            }
            self.remove_topic(&topic);
        }
    }

    /// The realm is no more: nobody joins, and all sessions are dismissed; returns how many.
    pub(crate) fn close(&self) -> usize {
        let sessions = self.members.close();
        for session in &sessions {
            session.dismiss(reply::CLOSE_REALM, format!("the realm '{}' was removed", self.name));
        }
        sessions.len()
    }
}
