//! Procedures and calls.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use transom_wamp::{
    Call, Class, ErrorMessage, Id, Invocation, InvocationDetails, Message, Offered, Outgoing, Payload,
    ResultMessage, Text, Yield, code,
};

use crate::calls::{Made, Taken};
use crate::realm::Realm;
use crate::reply;
use crate::scratch;
use crate::session::{Session, uses_passthru};
use crate::sync::RwLock;

/// A procedure and who answers it.
pub(crate) struct Registration {
    pub(crate) id: Id,
    pub(crate) uri: Text,
    pub(crate) callee: Arc<Session>,
    /// The callee wants to know its callers.
    pub(crate) disclose_caller: bool,
    /// Written once; INVOCATIONs are queued under the read lock.
    ended: RwLock<bool>,
}

/// What became of a wish to register.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    Done,
    Exists,
    /// REGISTERED does not fit; nothing happened.
    NoRoom,
}

/// What became of a call.
pub(crate) enum Invoked {
    /// It is the callee's now, or answered already.
    Sent,
    /// It is as if it had not been made.
    Not(Call, NotInvoked),
}

/// Why a callee did not get a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotInvoked {
    /// The caller uses its number for another call that is not answered yet.
    NumberInUse,
    /// The caller has as many calls that are not answered yet as its role allows.
    TooManyMade,
    /// The callee has as many calls to answer as its role allows.
    TooManyTaken,
    /// The registration ended meanwhile.
    Ended,
    /// The callee cannot read such payloads.
    NoPassthru,
    /// The callee's queue is full.
    Full,
    /// The message is larger than the callee accepts.
    TooLarge,
    /// The callee is leaving.
    Gone,
}

impl Registration {
    pub(crate) fn new(id: Id, uri: Text, callee: Arc<Session>, disclose_caller: bool) -> Self {
        Registration { id, uri, callee, disclose_caller, ended: RwLock::new(false) }
    }

    /// Hands a call to the callee.
    pub(crate) fn invoke(&self, caller: &Arc<Session>, mut call: Call, disclose: bool) -> Invoked {
        let callee = &self.callee;
        if uses_passthru(&call.options.passthru) && !callee.announced.callee_passthru {
            return Invoked::Not(call, NotInvoked::NoPassthru);
        }
        let request = callee.next_invocation();
        let made = Made { callee: callee.clone(), invocation: request };
        if let Err(why) = caller.note_made(call.request, made) {
            return Invoked::Not(call, why);
        }
        let taken = Taken { caller: caller.clone(), call: call.request };
        if let Err(why) = callee.note_taken(request, taken) {
            caller.forget_made(call.request);
            return Invoked::Not(call, why);
        }
        let details = InvocationDetails {
            caller: (disclose || self.disclose_caller).then(|| caller.identity()),
            passthru: call.options.passthru.take(),
            ..InvocationDetails::default()
        };
        let nothing = Payload::empty(call.payload.serializer);
        let payload = std::mem::replace(&mut call.payload, nothing);
        let message = Message::Invocation(Invocation { request, registration: self.id, details, payload });
        let offered = scratch::single(|encoder| {
            let message = encoder.encode(callee.serializer, &message);
            let ended = self.ended.read();
            (!*ended).then(|| callee.sink.offer(Outgoing { class: Class::Normal, message }))
        });
        let why = match offered {
            Some(Offered::Queued) => return Invoked::Sent,
            Some(Offered::Full) => NotInvoked::Full,
            Some(Offered::TooLarge) => NotInvoked::TooLarge,
            Some(Offered::Closed) => NotInvoked::Gone,
            None => NotInvoked::Ended,
        };
        if callee.claim(request).is_none() {
            // The callee left meanwhile, and has answered.
            return Invoked::Sent;
        }
        caller.forget_made(call.request);
        if let Message::Invocation(invocation) = message {
            call.options.passthru = invocation.details.passthru;
            call.payload = invocation.payload;
        }
        Invoked::Not(call, why)
    }
}

impl Realm {
    /// Registers a procedure and queues `reply`, its REGISTERED, in one step.
    pub(crate) fn register(&self, registration: &Arc<Registration>, reply: &Message) -> Registered {
        let callee = &registration.callee;
        scratch::single(|encoder| {
            let message = encoder.encode(callee.serializer, reply);
            let mut replaced = None;
            let mut shard = self.procedures.shard(&registration.uri).write();
            let entry = shard.entry(registration.uri.clone());
            if let Entry::Occupied(present) = &entry {
                // One that has ended is about to be taken out.
                if !*present.get().ended.read() {
                    return Registered::Exists;
                }
            }
            if callee.sink.offer(Outgoing { class: Class::Normal, message }) == Offered::Full {
                return Registered::NoRoom;
            }
            match entry {
                Entry::Occupied(mut entry) => replaced = Some(entry.insert(registration.clone())),
                Entry::Vacant(entry) => {
                    entry.insert(registration.clone());
                }
            }
            drop(shard);
            drop(replaced);
            Registered::Done
        })
    }

    /// Ends a registration; false when `reply`, its UNREGISTERED, does not fit.
    pub(crate) fn unregister(&self, registration: &Arc<Registration>, reply: Option<&Message>) -> bool {
        let callee = &registration.callee;
        let ended = match reply {
            Some(reply) => scratch::single(|encoder| {
                let message = encoder.encode(callee.serializer, reply);
                let mut ended = registration.ended.write();
                *ended = callee.sink.offer(Outgoing { class: Class::Normal, message }) != Offered::Full;
                *ended
            }),
            None => {
                *registration.ended.write() = true;
                true
            }
        };
        if ended {
            self.procedures.remove(&registration.uri, registration);
        }
        ended
    }
}

/// A callee answered with YIELD. One for an unknown call is ignored: the call may just have been canceled.
pub(crate) fn yielded(callee: &Session, answer: Yield) {
    if answer.progress {
        // INVOCATION never asks for progressive results.
        if callee.has_taken(answer.request) {
            tracing::debug!(session = %callee.id, "dropped a progressive result that nobody asked for");
        }
        return;
    }
    let Some(Taken { caller, call }) = callee.claim(answer.request) else { return };
    if uses_passthru(&answer.passthru) && !caller.announced.caller_passthru {
        return refuse_passthru(&caller, call);
    }
    let Yield { passthru, payload, .. } = answer;
    caller
        .answer(call, &Message::Result(ResultMessage { request: call, progress: false, passthru, payload }));
}

/// A callee answered with ERROR.
pub(crate) fn failed(callee: &Session, answer: ErrorMessage) {
    let Some(Taken { caller, call }) = callee.claim(answer.request) else { return };
    if uses_passthru(&answer.passthru) && !caller.announced.caller_passthru {
        return refuse_passthru(&caller, call);
    }
    caller.answer(call, &Message::Error(ErrorMessage { request_type: code::CALL, request: call, ..answer }));
}

/// A caller does not want the answer any more. The callee is not told, whatever the mode: canceling is not offered.
pub(crate) fn canceled(caller: &Session, call: Id) {
    let Some(made) = caller.made(call) else { return };
    if made.callee.claim(made.invocation).is_some() {
        let text = "the caller canceled the call";
        caller.answer(call, &reply::error(caller.serializer, code::CALL, call, reply::CANCELED, text));
    }
}

fn refuse_passthru(caller: &Session, call: Id) {
    let text = "the answer's payload is of a kind that the caller did not announce (payload_passthru_mode)";
    let error = reply::error(caller.serializer, code::CALL, call, reply::FEATURE_NOT_SUPPORTED, text);
    caller.answer(call, &error);
}
