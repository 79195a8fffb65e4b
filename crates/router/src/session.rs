//! A joined session, as other sessions see it: who it is and where messages to it go.

use std::sync::Arc;

use tokio::time::Instant;
use transom_wamp::{
    Class, ClientRoles, CloseReason, Features, Goodbye, Id, Identity, Message, Offered, Passthru, Serializer,
    SessionSink, Text,
};

use crate::calls::Calls;
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
    /// What the session's own task is to say and then end.
    dismissal: Mutex<Option<Box<Dismissal>>>,
    dismissed: AtomicBool,
    invocations: AtomicU64,
    /// Events are being dropped because the session is too slow.
    lagging: AtomicBool,
    /// Events dropped since that began.
    dropped: AtomicU64,
}

/// A wish that a session ends.
struct Dismissal {
    at: Instant,
    goodbye: Goodbye,
}

/// What of a client's announcements matters to the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Announced {
    pub(crate) publisher_passthru: bool,
    pub(crate) caller_passthru: bool,
    pub(crate) callee_passthru: bool,
    pub(crate) progressive_calls: bool,
}

impl Announced {
    pub(crate) fn new(roles: &ClientRoles) -> Self {
        let has =
            |features: &Option<Features>, name| features.as_ref().is_some_and(|features| features.has(name));
        Announced {
            publisher_passthru: has(&roles.publisher, "payload_passthru_mode"),
            caller_passthru: has(&roles.caller, "payload_passthru_mode"),
            callee_passthru: has(&roles.callee, "payload_passthru_mode"),
            progressive_calls: has(&roles.caller, "progressive_call_invocations"),
        }
    }
}

/// Whether a payload is one that only ends with `payload_passthru_mode` can read.
pub(crate) fn uses_passthru(passthru: &Passthru) -> bool {
    passthru.as_ref().is_some_and(|dict| dict.get("ppt_scheme").is_some())
}

impl Session {
    pub(crate) fn new(
        id: Id,
        authid: Text,
        role: Arc<Role>,
        announced: Announced,
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
            dismissal: Mutex::new(None),
            dismissed: AtomicBool::new(false),
            invocations: AtomicU64::new(0),
            lagging: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
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

    /// Asks the session's own task to say GOODBYE and end it. The first to ask is heard. Not to be called under a lock.
    pub(crate) fn dismiss(&self, now: Instant, reason: &'static str, message: impl Into<Text>) {
        let goodbye = Goodbye { message: Some(message.into()), reason: Text::from_static(reason) };
        self.dismissal.lock().get_or_insert_with(|| Box::new(Dismissal { at: now, goodbye }));
        self.dismissed.store(true, Ordering::Release);
        self.sink.nudge();
    }

    /// When somebody asked for its end, if somebody did and the task has not followed yet.
    pub(crate) fn dismissed(&self) -> Option<Instant> {
        // Asked after every turn of the session's task.
        let asked = self.dismissed.load(Ordering::Acquire);
        asked.then(|| self.dismissal.lock().as_ref().map(|dismissal| dismissal.at)).flatten()
    }

    /// What its own task is to say, if it is to end.
    pub(crate) fn farewell(&self) -> Option<Goodbye> {
        self.dismissal.lock().take().map(|dismissal| dismissal.goodbye)
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
}
