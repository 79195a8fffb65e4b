//! How calls end before their callees answer: canceled, out of time, or because one of the two leaves.

use std::sync::Arc;

use tokio::time::Instant;
use transom_wamp::{CancelMode, Id, Interrupt, Message, Offered, Text};

use crate::calls::{Made, Place, Sent, Taken};
use crate::realm::Realm;
use crate::registration::Registration;
use crate::reply;
use crate::session::Session;

/// Why a call ends before its callee answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The caller wishes it, and the callee is told.
    Canceled,
    /// The caller wishes it, and the callee is not told.
    Skipped,
    /// It takes too long.
    TimedOut,
}

impl Why {
    /// Answers the call so.
    pub(crate) fn answer(self, caller: &Session, call: Id) {
        let (error, text) = match self {
            Why::Canceled | Why::Skipped => (reply::CANCELED, "the caller canceled the call"),
            Why::TimedOut => (reply::TIMEOUT, "the call took longer than its caller allowed"),
        };
        caller.answer_error(call, error, text);
    }

    /// Whether the callee is told, and with which reason.
    fn interrupt(self) -> Option<Option<&'static str>> {
        match self {
            Why::Canceled => Some(None),
            Why::Skipped => None,
            Why::TimedOut => Some(Some(reply::TIMEOUT)),
        }
    }
}

/// The caller does not want an answer any more, or wants it soon. Source: WAMP specification, "Call Canceling".
pub(crate) fn cancel(realm: &Realm, caller: &Arc<Session>, call: Id, mode: CancelMode) {
    match mode {
        CancelMode::Skip => end(realm, caller, call, Why::Skipped),
        CancelMode::KillNoWait => end(realm, caller, call, Why::Canceled),
        CancelMode::Kill => kill(realm, caller, call),
    }
}

/// Calls of a session take too long; when the next one does.
pub(crate) fn time_out(realm: &Realm, caller: &Arc<Session>, now: Instant) -> Option<Instant> {
    let (over, next) = caller.timed_out(now);
    for call in over {
        end(realm, caller, call, Why::TimedOut);
    }
    next
}

/// Where a call was when somebody wanted to end it.
enum Found {
    With { callee: Arc<Session>, invocation: Id, killed: bool },
    Queued(Arc<Registration>, u64),
}

/// Ends a call with an error for its caller, unless it is being answered.
fn end(realm: &Realm, caller: &Arc<Session>, call: Id, why: Why) {
    let mut seen: Option<Id> = None;
    loop {
        let found = {
            let mut calls = caller.calls.lock();
            let Some(made) = calls.made.get_mut(call) else { return };
            let killed = made.more.as_ref().is_some_and(|more| more.killed);
            match &mut made.place {
                Place::With { callee, invocation } => {
                    Found::With { callee: callee.clone(), invocation: *invocation, killed }
                }
                Place::Queued { registration, ticket } => Found::Queued(registration.clone(), *ticket),
                Place::Moving { end } => {
                    // Who moves it looks here.
                    end.get_or_insert(why);
                    return;
                }
            }
        };
        match found {
            Found::With { callee, invocation, killed } => {
                if let Some(taken) = callee.claim(invocation) {
                    why.answer(caller, call);
                    if let (Some(reason), false) = (why.interrupt(), killed) {
                        interrupt(&callee, invocation, &taken, reason);
                    }
                    return taken.release(realm);
                }
                // It is being answered, unless somebody has just begun to bring it to another callee.
                if seen == Some(invocation) {
                    return;
                }
                seen = Some(invocation);
            }
            Found::Queued(registration, ticket) => {
                if registration.unqueue(ticket) {
                    return why.answer(caller, call);
                }
            }
        }
    }
}

/// Tells the callee to end a call, and goes on waiting for its answer.
fn kill(realm: &Realm, caller: &Arc<Session>, call: Id) {
    let (callee, invocation) = {
        let mut calls = caller.calls.lock();
        let Some(made) = calls.made.get_mut(call) else { return };
        match &made.place {
            Place::With { callee, invocation } if callee.announced.canceling => {
                let with = (callee.clone(), *invocation);
                let more = made.more.get_or_insert_default();
                if std::mem::replace(&mut more.killed, true) {
                    return;
                }
                with
            }
            // There is nobody who could be told.
            _ => {
                drop(calls);
                return end(realm, caller, call, Why::Skipped);
            }
        }
    };
    {
        let mut calls = callee.calls.lock();
        let more = calls.taken.get_mut(invocation).and_then(|taken| taken.more.as_mut());
        if let Some(more) = more.filter(|more| more.sent == Sent::NotYet) {
            more.sent = Sent::ToBeKilled;
            return;
        }
    }
    if send_interrupt(&callee, invocation, CancelMode::Kill, None) != Offered::Queued {
        // It does not keep up: whoever waits for it would wait for nothing.
        end(realm, caller, call, Why::Skipped);
    }
}

/// Tells a callee that nobody waits for its answer any more, where it understands that and knows of the call.
fn interrupt(callee: &Session, invocation: Id, taken: &Taken, reason: Option<&'static str>) {
    if callee.announced.canceling && taken.is_sent() {
        send_interrupt(callee, invocation, CancelMode::KillNoWait, reason);
    }
}

/// The INTERRUPT that follows an INVOCATION which was canceled before it was queued.
pub(crate) fn send_interrupt(
    callee: &Session,
    request: Id,
    mode: CancelMode,
    reason: Option<&'static str>,
) -> Offered {
    let reason = reason.map(Text::from_static);
    // Where it does not fit, the callee works for nothing and its answer is dropped.
    callee.offer(&Message::Interrupt(Interrupt { request, mode, reason }))
}

/// Ends an invocation because its caller does not get what the callee sends, or the callee what its caller sends;
/// `answer` tells the caller.
pub(crate) fn end_invocation(
    realm: &Realm,
    callee: &Arc<Session>,
    invocation: Id,
    answer: impl FnOnce(&Session, Id),
) {
    let Some(taken) = callee.claim(invocation) else { return };
    answer(&taken.caller, taken.call);
    interrupt(callee, invocation, &taken, None);
    taken.release(realm);
}

/// A session leaves: who works for it is told, and who waits for it gets an error.
pub(crate) fn leave(realm: &Realm, session: &Arc<Session>) {
    let (mut made, taken) = session.take_calls();
    // First what waits: nobody is to begin with it when there is room.
    made.retain(|(_, Made { place, .. })| match place {
        Place::Queued { registration, ticket } => {
            registration.unqueue(*ticket);
            false
        }
        Place::With { .. } | Place::Moving { .. } => true,
    });
    for (_, Made { place, .. }) in made {
        match place {
            Place::With { callee, invocation } => {
                // Late answers find nothing any more.
                let Some(taken) = callee.claim(invocation) else { continue };
                if !Arc::ptr_eq(&callee, session) {
                    interrupt(&callee, invocation, &taken, None);
                }
                taken.release(realm);
            }
            // Who moves it finds nothing any more.
            Place::Moving { .. } | Place::Queued { .. } => {}
        }
    }
    for (_, taken) in taken {
        let text = "the callee left before it answered";
        taken.caller.answer_error(taken.call, reply::CANCELED, text);
        taken.release(realm);
    }
}
