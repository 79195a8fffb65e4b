//! Calls on their way to a callee, and answers on their way back. What ends calls otherwise is in `ending`.

use std::sync::Arc;
use std::time::Duration;

use transom_wamp::{
    Call, CallOptions, Dict, ErrorMessage, Id, Invocation, InvocationDetails, Match, Message, Offered,
    Payload, ResultMessage, Text, Yield, code,
};

use crate::calls::{Made, MadeMore, Place, Sent, Stream, Taken, TakenMore, Timer};
use crate::ending;
use crate::realm::Realm;
use crate::registration::{Callee, Nobody, Registration, Slot, Tried};
use crate::reply;
use crate::reroute::{Moving, detach};
use crate::session::{Session, uses_passthru};

/// What was decided about a call before a callee was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    /// The callee is told who calls.
    pub(crate) disclose: bool,
    /// How much the caller is trusted.
    pub(crate) trustlevel: Option<transom_wamp::TrustLevel>,
    /// How long the call may take, in milliseconds; 0 = as long as it likes.
    pub(crate) timeout: u64,
}

/// What there is to note of a call beside where it is and where it came from.
#[derive(Default)]
struct Extras {
    made: Option<Box<MadeMore>>,
    taken: Option<Box<TakenMore>>,
}

/// What became of a call.
pub(crate) enum Invoked {
    /// It is the callee's now, or waits for one, or is answered already.
    Sent,
    /// It is as if it had not been made.
    Not(Call, NotInvoked),
}

/// Why a callee did not get a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotInvoked {
    /// The caller uses its number for another call that is not answered yet.
    NumberInUse,
    /// The caller has left.
    Left,
    /// The caller has as many calls that are not answered yet as its role allows.
    TooManyMade,
    /// The callee has as many calls to answer as its role allows.
    TooManyTaken(usize),
    /// The registration ended meanwhile.
    Ended,
    /// The callee cannot read such payloads.
    NoPassthru,
    /// The callee cannot read calls in pieces.
    NoStream,
    /// The callee's queue is full.
    Full,
    /// The message is larger than the callee accepts.
    TooLarge,
    /// The callee is leaving.
    Gone,
    /// Every callee has as many calls as it takes, and no more may wait.
    Busy,
}

impl Registration {
    /// Hands a call to a callee.
    #[inline]
    pub(crate) fn invoke(
        self: &Arc<Self>,
        realm: &Realm,
        caller: &Arc<Session>,
        call: Call,
        terms: Terms,
    ) -> Invoked {
        match self.unlimited() {
            Some(callee) => self.hand_over(realm, callee, None, caller, call, terms),
            None => self.invoke_one_of(realm, caller, call, terms),
        }
    }

    /// Hands a call to one of several callees, or to one that takes a limited number.
    fn invoke_one_of(
        self: &Arc<Self>,
        realm: &Realm,
        caller: &Arc<Session>,
        mut call: Call,
        terms: Terms,
    ) -> Invoked {
        let mut tried = Tried::new();
        let mut why = NotInvoked::Ended;
        loop {
            // Who waits already goes first.
            let chosen = if self.has_queued() { Err(Nobody::Busy) } else { self.choose(&tried) };
            let (callee, slot) = match chosen {
                Ok(chosen) => chosen,
                Err(Nobody::Ended) => return Invoked::Not(call, NotInvoked::Ended),
                Err(Nobody::Exhausted) => return Invoked::Not(call, why),
                Err(Nobody::Busy) => return self.enqueue(realm, caller, call, terms),
            };
            match self.hand_over(realm, &callee, slot, caller, call, terms) {
                Invoked::Sent => return Invoked::Sent,
                // It is leaving, and the others are not.
                Invoked::Not(back, gone @ (NotInvoked::Ended | NotInvoked::Gone)) => {
                    tried.push(callee.number);
                    (call, why) = (back, gone);
                }
                not => return not,
            }
        }
    }

    fn hand_over(
        self: &Arc<Self>,
        realm: &Realm,
        callee: &Arc<Callee>,
        slot: Option<Slot>,
        caller: &Arc<Session>,
        mut call: Call,
        terms: Terms,
    ) -> Invoked {
        let session = &callee.session;
        let mut extras = Extras::default();
        // Most calls ask for nothing.
        if !call.options.is_plain() || terms.timeout > 0 || caller.announced.caller_reroute || slot.is_some()
        {
            match self.extras(realm, callee, slot, caller, &call, terms) {
                Ok(found) => extras = found,
                Err(why) => return Invoked::Not(call, why),
            }
        }
        let invocation = session.next_invocation();
        let place = Place::With { callee: session.clone(), invocation };
        if let Err(why) = caller.note_made(call.request, Made { place, more: extras.made }) {
            Taken { caller: caller.clone(), call: call.request, more: extras.taken }.release(realm);
            return Invoked::Not(call, why);
        }
        let taken = Taken { caller: caller.clone(), call: call.request, more: extras.taken };
        if let Err((why, taken)) = session.note_taken(invocation, taken) {
            caller.forget_made(call.request);
            taken.release(realm);
            return Invoked::Not(call, why);
        }
        let nothing = Payload::empty(call.payload.serializer);
        let payload = std::mem::replace(&mut call.payload, nothing);
        let details = self.details(realm, callee, caller, &call.procedure, &mut call.options, terms);
        let message =
            Message::Invocation(Invocation { request: invocation, registration: self.id, details, payload });
        let why = match callee.offer(&message) {
            Some(Offered::Queued) => return Invoked::Sent,
            Some(Offered::Full) => NotInvoked::Full,
            Some(Offered::TooLarge) => NotInvoked::TooLarge,
            Some(Offered::Closed) => NotInvoked::Gone,
            None => NotInvoked::Ended,
        };
        let Some(taken) = session.claim(invocation) else {
            // The callee left meanwhile, and has answered.
            return Invoked::Sent;
        };
        caller.forget_made(call.request);
        taken.release(realm);
        if let Message::Invocation(invocation) = message {
            call.options.passthru = invocation.details.passthru;
            call.payload = invocation.payload;
        }
        Invoked::Not(call, why)
    }

    /// Details of an INVOCATION: the same for all pieces of a call, but for `progress`. What is passed on from end to end
    /// is taken out of the options.
    #[inline]
    pub(crate) fn details(
        &self,
        realm: &Realm,
        callee: &Callee,
        caller: &Session,
        procedure: &Text,
        options: &mut CallOptions,
        terms: Terms,
    ) -> InvocationDetails {
        let disclose = terms.disclose || callee.disclose_caller && realm.follows_callees();
        InvocationDetails {
            caller: disclose.then(|| caller.identity()),
            procedure: (self.matching != Match::Exact).then(|| procedure.clone()),
            timeout: if terms.timeout > 0 && callee.watches_timeouts() { terms.timeout } else { 0 },
            // Callees in wide use have progressive results and do not announce them.
            receive_progress: options.receive_progress,
            progress: options.progress,
            trustlevel: terms.trustlevel,
            passthru: options.passthru.take(),
        }
    }

    /// What there is to note of a call that asks for something, unless the callee does not understand it.
    #[inline(never)]
    fn extras(
        self: &Arc<Self>,
        realm: &Realm,
        callee: &Arc<Callee>,
        slot: Option<Slot>,
        caller: &Arc<Session>,
        call: &Call,
        terms: Terms,
    ) -> Result<Extras, NotInvoked> {
        if let Err(why) = callee.understands(call) {
            if let Some(slot) = slot {
                slot.release(realm);
            }
            // Somebody else may answer it by now.
            return Err(if self.is_alive() { why } else { NotInvoked::Ended });
        }
        let made = self.made_more(realm, callee, call, terms);
        let taken = self.taken_more(callee, slot, caller, call, terms);
        Ok(Extras { made, taken })
    }

    fn made_more(
        self: &Arc<Self>,
        realm: &Realm,
        callee: &Arc<Callee>,
        call: &Call,
        terms: Terms,
    ) -> Option<Box<MadeMore>> {
        if terms.timeout == 0 && !call.options.progress {
            return None;
        }
        let timer = Timer::new(realm, terms.timeout, callee.watches_timeouts());
        let stream = call.options.progress.then(|| Stream {
            registration: self.clone(),
            callee: callee.clone(),
            options: call.options.clone(),
            terms,
        });
        Some(Box::new(MadeMore { timer, stream, ..MadeMore::default() }))
    }

    fn taken_more(
        self: &Arc<Self>,
        callee: &Callee,
        slot: Option<Slot>,
        caller: &Arc<Session>,
        call: &Call,
        terms: Terms,
    ) -> Option<Box<TakenMore>> {
        let progress = call.options.receive_progress;
        let again = callee.may_pass_on(caller, &call.options).then(|| {
            let mut call = call.clone();
            detach(&mut call);
            let (registration, caller) = (self.clone(), caller.clone());
            Box::new(Moving { registration, caller, call, terms, tried: Tried::from_slice(&[callee.number]) })
        });
        let more = progress || slot.is_some() || again.is_some();
        more.then(|| Box::new(TakenMore { progress, progressed: false, sent: Sent::Yes, slot, again }))
    }
}

impl Callee {
    /// Whether the callee can read a call.
    pub(crate) fn understands(&self, call: &Call) -> Result<(), NotInvoked> {
        let announced = &self.session.announced;
        if uses_passthru(&call.options.passthru) && !announced.callee_passthru {
            return Err(NotInvoked::NoPassthru);
        }
        if call.options.progress && !(announced.progressive_invocations && announced.canceling) {
            return Err(NotInvoked::NoStream);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn watches_timeouts(&self) -> bool {
        self.forward_timeout && self.session.announced.callee_timeout
    }

    /// Whether it may answer that another callee should do it.
    #[inline]
    pub(crate) fn may_pass_on(&self, caller: &Session, options: &CallOptions) -> bool {
        caller.announced.caller_reroute && self.session.announced.callee_reroute && !options.progress
    }
}

impl Timer {
    /// From now on; none for a call that may take as long as it likes. A callee that watches the time itself gets a
    /// tenth more, so that it is the one who answers.
    pub(crate) fn new(realm: &Realm, timeout: u64, callee_watches: bool) -> Option<Self> {
        let slack = if callee_watches { timeout / 10 } else { 0 };
        let after = Duration::from_millis(timeout.saturating_add(slack));
        let at = realm.clock.now().checked_add(after).filter(|_| timeout > 0)?;
        Some(Timer { after, at })
    }
}

/// A callee answered with YIELD. One for an unknown call is ignored: the call may just have been canceled.
#[inline]
pub(crate) fn yielded(realm: &Realm, callee: &Arc<Session>, answer: Yield) {
    if answer.progress {
        return progressed(realm, callee, answer);
    }
    let Some(taken) = callee.claim(answer.request) else { return };
    let (caller, call) = (&taken.caller, taken.call);
    if uses_passthru(&answer.passthru) && !caller.announced.caller_passthru {
        refuse_passthru(caller, call);
    } else {
        let Yield { passthru, payload, .. } = answer;
        let passthru = if realm.names_callees() { with_callee(passthru, callee) } else { passthru };
        let result = ResultMessage { request: call, progress: false, passthru, payload };
        caller.answer(call, &Message::Result(result));
    }
    taken.release(realm);
}

/// A callee sent one of several results.
fn progressed(realm: &Realm, callee: &Arc<Session>, answer: Yield) {
    let invocation = answer.request;
    let (caller, call) = {
        let mut calls = callee.calls.lock();
        let Some(taken) = calls.taken.get_mut(invocation) else { return };
        match taken.more.as_mut().filter(|more| more.progress) {
            Some(more) => more.progressed = true,
            None => {
                drop(calls);
                tracing::debug!(session = %callee.id, "dropped a progressive result that nobody asked for");
                return;
            }
        }
        (taken.caller.clone(), taken.call)
    };
    if uses_passthru(&answer.passthru) && !caller.announced.caller_passthru {
        return ending::end_invocation(realm, callee, invocation, |caller, call| {
            refuse_passthru(caller, call)
        });
    }
    let Yield { passthru, payload, .. } = answer;
    let passthru = if realm.names_callees() { with_callee(passthru, callee) } else { passthru };
    let result = Message::Result(ResultMessage { request: call, progress: true, passthru, payload });
    match caller.progress(call, callee, invocation, realm.clock.now(), &result) {
        Offered::Queued | Offered::Closed => {}
        Offered::Full => caller.too_slow(),
        Offered::TooLarge => ending::end_invocation(realm, callee, invocation, |caller, call| {
            let text = "a progressive result is larger than the caller accepts";
            caller.answer_error(call, reply::PAYLOAD_SIZE_EXCEEDED, text);
        }),
    }
}

/// A callee answered with ERROR.
pub(crate) fn failed(realm: &Realm, callee: &Arc<Session>, answer: ErrorMessage) {
    if answer.error == *reply::UNAVAILABLE && Moving::begin(realm, callee, answer.request) {
        return;
    }
    let Some(taken) = callee.claim(answer.request) else { return };
    let (caller, call) = (&taken.caller, taken.call);
    if uses_passthru(&answer.passthru) && !caller.announced.caller_passthru {
        refuse_passthru(caller, call);
    } else {
        caller.answer(
            call,
            &Message::Error(ErrorMessage { request_type: code::CALL, request: call, ..answer }),
        );
    }
    taken.release(realm);
}

fn refuse_passthru(caller: &Session, call: Id) {
    let text = "the answer's payload is of a kind that the caller did not announce (payload_passthru_mode)";
    caller.answer_error(call, reply::FEATURE_NOT_SUPPORTED, text);
}

/// Names the callee in RESULT, as Crossbar.io does: beside what is passed on from end to end.
fn with_callee(passthru: Option<Box<Dict>>, callee: &Session) -> Option<Box<Dict>> {
    let mut details = passthru.unwrap_or_default();
    details.push("callee", callee.id);
    details.push("callee_authid", callee.authid.clone());
    details.push("callee_authrole", callee.role.name.clone());
    Some(details)
}

/// A piece of a call whose first piece is on its way. Where the call is over, nobody waits for more of it.
pub(crate) fn continued(realm: &Realm, caller: &Arc<Session>, call: Call) {
    let stream = {
        let calls = caller.calls.lock();
        let Some(made) = calls.made.get(call.request) else { return };
        match (&made.place, made.more.as_ref().and_then(|more| more.stream.clone())) {
            (Place::With { callee, invocation }, Some(stream))
                if Arc::ptr_eq(callee, &stream.callee.session) =>
            {
                (*invocation, stream)
            }
            _ => return,
        }
    };
    let (request, Stream { registration, callee, mut options, terms }) = stream;
    options.progress = call.options.progress;
    let details = registration.details(realm, &callee, caller, &call.procedure, &mut options, terms);
    let message = Message::Invocation(Invocation {
        request,
        registration: registration.id,
        details,
        payload: call.payload,
    });
    if !callee.session.has_taken(request) {
        return;
    }
    let (uri, text) = match callee.session.offer(&message) {
        // It outlives its registration, as any call does.
        Offered::Queued | Offered::Closed => return,
        Offered::Full => (reply::UNAVAILABLE, "the callee does not take the pieces of its calls fast enough"),
        Offered::TooLarge => {
            (reply::PAYLOAD_SIZE_EXCEEDED, "a piece of the call is larger than the callee accepts")
        }
    };
    ending::end_invocation(realm, &callee.session, request, |caller, call| {
        caller.answer_error(call, uri, text);
    });
}
