//! A joined session, as other sessions see it: who it is, what it holds and where messages to it go.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use transom_wamp::{
    Class, CloseReason, Dict, Id, Identity, Message, Offered, Passthru, Serializer, SessionSink, Text,
    TransportDetails,
};

use crate::announced::Announced;
use crate::broker::Topic;
use crate::calls::Calls;
use crate::registration::{Callee, Registration};
use crate::role::Role;
use crate::scratch;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) struct Session {
    pub(crate) id: Id,
    pub(crate) authid: Text,
    pub(crate) role: Arc<Role>,
    pub(crate) serializer: Serializer,
    pub(crate) announced: Announced,
    pub(crate) sink: Arc<dyn SessionSink>,
    pub(crate) calls: Mutex<Calls>,
    /// What it subscribed to and registered. Only its own task adds; others take out what they take away.
    pub(crate) held: Mutex<Held>,
    pub(crate) facts: Facts,
    invocations: AtomicU64,
    /// Events are being dropped because the session is too slow.
    lagging: AtomicBool,
    /// Events dropped since that began.
    dropped: AtomicU64,
    /// It answers no calls any more.
    left: AtomicBool,
    /// Somebody wants it to end; its own task looks when it is nudged.
    ends: AtomicBool,
    /// Nobody is to hear of its end.
    quiet: AtomicBool,
    ending: Mutex<Option<Ending>>,
}

/// What a session holds.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) subscriptions: HashMap<Id, Subscription, RandomState>,
    pub(crate) registrations: HashMap<Id, Answering, RandomState>,
}

/// A registration, and the session as one of its callees.
pub(crate) type Answering = (Arc<Registration>, Arc<Callee>);

/// A place among the subscribers of a topic.
#[derive(Clone)]
pub(crate) struct Subscription {
    pub(crate) topic: Arc<Topic>,
    pub(crate) number: u64,
}

/// How a session came to be, for those who ask.
pub(crate) struct Facts {
    pub(crate) method: Text,
    pub(crate) provider: Text,
    pub(crate) extra: Dict,
    pub(crate) transport: Arc<TransportDetails>,
}

/// How a session is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The reason of GOODBYE.
    pub(crate) reason: Text,
    /// Its message.
    pub(crate) message: Option<Text>,
    /// Its testaments and the events about its end are left out.
    pub(crate) quiet: bool,
}

/// Whether a payload is one that only ends with `payload_passthru_mode` can read.
pub(crate) fn uses_passthru(passthru: &Passthru) -> bool {
    passthru.as_ref().is_some_and(|dict| dict.get("ppt_scheme").is_some())
}

impl Facts {
    /// Of a session of the router's own.
    pub(crate) fn internal(serializer: Serializer) -> Self {
        let internal = Text::from_static("internal");
        let transport = Arc::new(TransportDetails::memory(serializer, 0));
        Facts { method: internal.clone(), provider: internal, extra: Dict::default(), transport }
    }
}

impl Held {
    /// What was held, in the order of its IDs.
    pub(crate) fn take(&mut self) -> (Vec<Subscription>, Vec<Answering>) {
        let Held { subscriptions, registrations } = std::mem::take(self);
        let mut subscriptions: Vec<Subscription> = subscriptions.into_values().collect();
        subscriptions.sort_unstable_by_key(|subscription| subscription.topic.id);
        let mut registrations: Vec<_> = registrations.into_values().collect();
        registrations.sort_unstable_by_key(|(registration, _)| registration.id);
        (subscriptions, registrations)
    }
}

impl Session {
    pub(crate) fn new(
        id: Id,
        authid: Text,
        role: Arc<Role>,
        announced: Announced,
        facts: Facts,
        sink: Arc<dyn SessionSink>,
    ) -> Self {
        let calls = Mutex::new(Calls::new(role.terms().limits.max_pending_calls));
        Session {
            id,
            authid,
            role,
            serializer: sink.serializer(),
            announced,
            sink,
            calls,
            held: Mutex::default(),
            facts,
            invocations: AtomicU64::new(0),
            lagging: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            left: AtomicBool::new(false),
            ends: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            ending: Mutex::default(),
        }
    }

    /// How others may know it, where it is disclosed.
    pub(crate) fn identity(&self) -> Box<Identity> {
        Box::new(Identity { session: self.id, authid: self.authid.clone(), authrole: self.role.name.clone() })
    }

    /// The number of the next invocation: 1, 2, … and again 1 after 2^53.
    pub(crate) fn next_invocation(&self) -> Id {
        let before = self.invocations.fetch_add(1, Ordering::Relaxed) % Id::MAX;
        Id::new(before).unwrap_or_default().next()
    }

    /// Queues a message; not for answers to calls and events, which have their own order to keep.
    pub(crate) fn offer(&self, message: &Message) -> Offered {
        scratch::offer(&*self.sink, Class::Normal, message)
    }

    /// Asks for the end of the session because it does not take what it must not miss.
    pub(crate) fn too_slow(&self) {
        tracing::info!(session = %self.id, "closing a session that is too slow to take what is queued for it");
        self.sink.close(CloseReason::SlowConsumer);
    }

    /// An event was dropped; whether it is the first of a row.
    pub(crate) fn lags(&self) -> bool {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        !self.lagging.swap(true, Ordering::Relaxed)
    }

    /// An event was queued again: how many were dropped before, where it is the first.
    pub(crate) fn recovers(&self) -> Option<u64> {
        let lagged = self.lagging.swap(false, Ordering::Relaxed);
        lagged.then(|| self.dropped.swap(0, Ordering::Relaxed))
    }

    /// Whether it answers no calls any more.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    /// It answers no calls any more: nobody chooses it for one.
    pub(crate) fn leaves(&self) {
        self.left.store(true, Ordering::Release);
    }

    /// Asks the session's own task to say GOODBYE and leave. Not to be called under a lock.
    pub(crate) fn dismiss(&self, reason: &'static str, message: impl Into<Text>) {
        let reason = Text::from_static(reason);
        self.end(Ending { reason, message: Some(message.into()), quiet: false });
    }

    /// Asks the session's own task to say GOODBYE and leave; false when somebody has asked before. Not to be called under
    /// a lock.
    pub(crate) fn end(&self, ending: Ending) -> bool {
        {
            let mut place = self.ending.lock();
            if self.ends.load(Ordering::Relaxed) {
                return false;
            }
            self.quiet.store(ending.quiet, Ordering::Relaxed);
            *place = Some(ending);
            self.ends.store(true, Ordering::Release);
        }
        self.sink.nudge();
        true
    }

    /// Whether nothing that it does is published.
    pub(crate) fn is_silent(&self) -> bool {
        self.role.trusted || self.is_quiet()
    }

    /// Whether nobody is to hear of its end.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// Whether somebody has asked for its end.
    #[inline]
    pub(crate) fn is_ending(&self) -> bool {
        self.ends.load(Ordering::Acquire)
    }

    /// How it is to end.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending.lock().clone()
    }
}
