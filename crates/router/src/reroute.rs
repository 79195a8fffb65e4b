//! Calls that are brought to a callee by somebody else than their caller: because they waited for room, or because the
//! callee that had one asks for another to do it. Source: WAMP specification, "Call Rerouting".

use std::sync::Arc;

use transom_wamp::{Call, CancelMode, Dict, Id, Invocation, Message, Offered, Value};

use crate::calls::{Place, Sent, Taken, TakenMore};
use crate::dealer::{NotInvoked, Terms};
use crate::ending;
use crate::realm::Realm;
use crate::registration::{Callee, Registration, Slot, Tried};
use crate::reply;
use crate::session::Session;

/// A call that is to be brought to a callee.
#[derive(Clone)]
pub(crate) struct Moving {
    pub(crate) registration: Arc<Registration>,
    pub(crate) caller: Arc<Session>,
    /// Its payload is in memory of its own.
    pub(crate) call: Call,
    pub(crate) terms: Terms,
    /// Callees that had it.
    pub(crate) tried: Tried,
}

/// What became of an attempt to bring a call to a callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brought {
    /// The callee has it, or it has ended.
    Done,
    /// This callee does not take it, another may.
    NotThere,
    /// It cannot be made; what its caller is to hear.
    Failed(&'static str, &'static str),
}

/// Puts what a call carries into memory of its own, so that it keeps no frame in memory while it waits.
pub(crate) fn detach(call: &mut Call) {
    call.payload = call.payload.detached();
    call.procedure = call.procedure.detached();
    if let Some(passthru) = &mut call.options.passthru {
        detach_dict(passthru);
    }
}

/// The same for what is passed on from end to end.
pub(crate) fn detach_dict(passthru: &mut Dict) {
    for (_, value) in &mut passthru.0 {
        if let Value::Text(text) = value {
            *text = text.detached();
        }
    }
}

impl Moving {
    /// A callee answers that another should do it. False where the call is not one to be brought to another: then the
    /// caller gets the answer.
    pub(crate) fn begin(realm: &Realm, callee: &Arc<Session>, invocation: Id) -> bool {
        let (caller, call) = {
            let calls = callee.calls.lock();
            let Some(taken) = calls.taken.get(invocation) else { return false };
            match &taken.more {
                Some(more) if more.again.is_some() && !more.progressed => (taken.caller.clone(), taken.call),
                _ => return false,
            }
        };
        {
            let mut calls = caller.calls.lock();
            match calls.made.get_mut(call) {
                Some(made) if made.more.as_ref().is_some_and(|more| more.killed) => return false,
                Some(made) if made.place.is_with(callee, invocation) => {
                    made.place = Place::Moving { end: None };
                }
                // Somebody is ending it.
                _ => return true,
            }
        }
        let Some(mut taken) = callee.claim(invocation) else { return true };
        let moving = taken.more.as_mut().and_then(|more| more.again.take());
        taken.release(realm);
        if let Some(moving) = moving {
            moving.go(realm);
        }
        true
    }

    /// Brings the call to one of the callees that did not have it.
    fn go(mut self, realm: &Realm) {
        loop {
            let Ok((callee, slot)) = self.registration.choose(&self.tried) else {
                let text = "no callee of the procedure is available";
                return self.caller.answer_error(self.call.request, reply::NO_AVAILABLE_CALLEE, text);
            };
            match self.bring(realm, &callee, slot) {
                Brought::Done => return,
                Brought::NotThere => self.tried.push(callee.number),
                Brought::Failed(uri, text) => {
                    return self.caller.answer_error(self.call.request, uri, text);
                }
            }
        }
    }

    /// Brings the call, which is noted as moving, to a callee.
    pub(crate) fn bring(&self, realm: &Realm, callee: &Arc<Callee>, slot: Option<Slot>) -> Brought {
        let Moving { registration, caller, call, terms, .. } = self;
        let session = &callee.session;
        let taken = Taken { caller: caller.clone(), call: call.request, more: Some(self.more(callee, slot)) };
        if callee.understands(call).is_err() {
            taken.release(realm);
            return Brought::NotThere;
        }
        let invocation = session.next_invocation();
        if let Err((why, taken)) = session.note_taken(invocation, taken) {
            taken.release(realm);
            return match why {
                NotInvoked::TooManyTaken(_) => {
                    Brought::Failed(reply::UNAVAILABLE, "the callee has as many calls to answer as it may")
                }
                _ => Brought::NotThere,
            };
        }
        if !self.place_with(session, invocation) {
            if let Some(taken) = session.claim(invocation) {
                taken.release(realm);
            }
            return Brought::Done;
        }
        let mut options = call.options.clone();
        let details = registration.details(realm, callee, caller, &call.procedure, &mut options, *terms);
        let payload = call.payload.clone();
        let message = Message::Invocation(Invocation {
            request: invocation,
            registration: registration.id,
            details,
            payload,
        });
        let offered = callee.offer(&message);
        if offered == Some(Offered::Queued) {
            self.sent(realm, session, invocation);
            return Brought::Done;
        }
        let Some(taken) = session.claim(invocation) else { return Brought::Done };
        let moves = {
            let mut calls = caller.calls.lock();
            match calls.made.get_mut(call.request) {
                Some(made) if made.place.is_with(session, invocation) => {
                    made.place = Place::Moving { end: None };
                    true
                }
                _ => false,
            }
        };
        taken.release(realm);
        match offered {
            _ if !moves => Brought::Done,
            Some(Offered::Full) => {
                Brought::Failed(reply::UNAVAILABLE, "the callee does not take its calls fast enough")
            }
            Some(Offered::TooLarge) => {
                Brought::Failed(reply::PAYLOAD_SIZE_EXCEEDED, "the call is larger than the callee accepts")
            }
            _ => Brought::NotThere,
        }
    }

    fn more(&self, callee: &Arc<Callee>, slot: Option<Slot>) -> Box<TakenMore> {
        let Moving { caller, call, .. } = self;
        let again = callee.may_pass_on(caller, &call.options).then(|| {
            let mut again = self.clone();
            again.tried.push(callee.number);
            Box::new(again)
        });
        let progress = call.options.receive_progress;
        Box::new(TakenMore { progress, progressed: false, sent: Sent::NotYet, slot, again })
    }

    /// Notes where the call is; false where it has ended, or ends here because somebody wished it meanwhile.
    fn place_with(&self, callee: &Arc<Session>, invocation: Id) -> bool {
        let call = self.call.request;
        let why = {
            let mut calls = self.caller.calls.lock();
            let Some(made) = calls.made.get_mut(call) else { return false };
            match &made.place {
                Place::Moving { end: Some(why) } => *why,
                Place::Moving { end: None } => {
                    made.place = Place::With { callee: callee.clone(), invocation };
                    return true;
                }
                Place::With { .. } | Place::Queued { .. } => return false,
            }
        };
        why.answer(&self.caller, call);
        false
    }

    /// The INVOCATION is queued: what somebody wanted to say of it before may be said now.
    fn sent(&self, realm: &Realm, callee: &Arc<Session>, invocation: Id) {
        let sent = {
            let mut calls = callee.calls.lock();
            let more = calls.taken.get_mut(invocation).and_then(|taken| taken.more.as_mut());
            more.map(|more| std::mem::replace(&mut more.sent, Sent::Yes))
        };
        match sent {
            Some(Sent::ToBeKilled) => {
                let told = ending::send_interrupt(callee, invocation, CancelMode::Kill, None);
                if told != Offered::Queued {
                    ending::cancel(realm, &self.caller, self.call.request, CancelMode::Skip);
                }
            }
            Some(Sent::Yes | Sent::NotYet) => {}
            // Answered already, or ended: a callee that has answered passes over it.
            None if callee.announced.canceling => {
                ending::send_interrupt(callee, invocation, CancelMode::KillNoWait, None);
            }
            None => {}
        }
    }
}
