//! Events that are published when a session ends. Source: WAMP specification, "Testament Meta API".

use transom_wamp::{Match, Publish};

use super::open::{Busy, Handled, Open, Trouble};
use super::permission::{Granted, Refused};
use crate::decision::{Action, Decision};
use crate::describe;
use crate::reply;

/// What one testament takes beside its payload, in octets.
const OVERHEAD: usize = 256;

/// The testaments of a session.
#[derive(Default)]
pub(super) struct Testaments {
    /// Published first.
    detached: Vec<Testament>,
    destroyed: Vec<Testament>,
    bytes: usize,
}

struct Testament {
    publish: Publish,
    /// What the session might do when it made it.
    decision: Decision,
}

/// When a testament is published. A session of this router never outlives its transport, so both are at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Detached,
    Destroyed,
}

impl Testaments {
    fn bucket(&mut self, scope: Scope) -> &mut Vec<Testament> {
        match scope {
            Scope::Detached => &mut self.detached,
            Scope::Destroyed => &mut self.destroyed,
        }
    }

    /// Takes out all of a scope; how many there were.
    pub(super) fn flush(&mut self, scope: Scope) -> usize {
        let gone = std::mem::take(self.bucket(scope));
        self.bytes = self.bytes.saturating_sub(gone.iter().map(Testament::size).sum());
        gone.len()
    }
}

impl Testament {
    fn size(&self) -> usize {
        self.publish.payload.bytes.len() + OVERHEAD
    }
}

impl Open {
    /// Keeps an event for the end of the session, if it may be published.
    pub(super) fn add_testament(&mut self, publish: Publish, scope: Scope) -> Result<(), Refused> {
        let options = || describe::publish_options(&publish.options);
        let decision = self.authorize(Action::Publish, Match::Exact, &publish.topic, options)?;
        let testament = Testament { publish, decision };
        let most = self.options.max_testament_bytes;
        let after = self.testaments.bytes.saturating_add(testament.size());
        if after > most {
            let text = format!("no more testaments for this session: the limit is {most} octets");
            return Err(Refused::Because(Trouble::new(reply::UNAVAILABLE, text)));
        }
        self.testaments.bytes = after;
        self.testaments.bucket(scope).push(testament);
        Ok(())
    }

    /// The session ends: its testaments are published as its own events, those that it may still publish. An authorizer
    /// is not asked again, since nobody could wait for the answer.
    pub(super) fn publish_testaments(&mut self) {
        self.look_at_realm();
        let Testaments { detached, destroyed, .. } = std::mem::take(&mut self.testaments);
        for Testament { publish, decision } in detached.into_iter().chain(destroyed) {
            self.granted.clear();
            if !self.terms.is_fixed() {
                self.granted.push(Granted::before(Action::Publish, &publish.topic, decision));
            }
            // It neither waits nor is acknowledged, so that there is nothing that could go wrong.
            if let Ok(Handled::Busy(busy)) = self.publish(publish)
                && let Busy::Publishing(fanout) = *busy
            {
                fanout.finish(&self.realm);
            }
        }
    }
}
