//! CALL, REGISTER and UNREGISTER.

use std::sync::Arc;
use std::time::Duration;

use transom_wamp::{Call, Match, Message, Register, SessionError, Unregister, Unregistered};

use super::events::disclosure_denied;
use super::open::{Handled, Open, Trouble};
use super::permission::Refused;
use super::streams::Piece;
use super::violation;
use crate::broker::Ended;
use crate::dealer::{self, Invoked, NotInvoked, Terms};
use crate::decision::{Action, Decision};
use crate::describe;
use crate::registration::{Registered, Registration, Wish};
use crate::reply;
use crate::session::uses_passthru;
use crate::settings::{CallTimeoutUnit, DiscloseMe};
use crate::uri;

impl Open {
    pub(super) fn call(&mut self, mut call: Call) -> Result<Handled, SessionError> {
        let announced = &self.session.announced;
        self.check_passthru(announced.caller_passthru, uses_passthru(&call.options.passthru), "CALL")?;
        if call.options.progress && !announced.progressive_calls {
            return violation("CALL with 'progress' from a client without progressive_call_invocations");
        }
        if !self.streams.is_empty() {
            match self.streams.take(call.request, &call.procedure, !call.options.progress) {
                Piece::None => {}
                Piece::Further => {
                    dealer::continued(&self.realm, &self.session, call);
                    return Ok(Handled::Done);
                }
                Piece::Foreign => return number_in_use(&call),
            }
        }
        if call.options.disclose_me && self.options.disclose_me == DiscloseMe::Deny {
            return self.refuse_call(call, Refused::Because(disclosure_denied()));
        }
        loop {
            let (registration, decision) = match self.known_procedure(&call) {
                Some(known) => known,
                None => match self.find_procedure(&call) {
                    Ok(Some(found)) => found,
                    Ok(None) => return self.meta_call(call),
                    Err(refused) => return self.refuse_call(call, refused),
                },
            };
            let terms = self.call_terms(&call, decision);
            if call.options.progress {
                self.begin_stream(&call);
            }
            let (back, why) = match registration.invoke(&self.realm, &self.session, call, terms) {
                Invoked::Sent => {
                    self.keep_time(terms);
                    return Ok(Handled::Done);
                }
                Invoked::Not(call, why) => (call, why),
            };
            if why == NotInvoked::Ended {
                self.last_procedure = None;
                self.realm.remove_registration(&registration);
                call = back;
                continue;
            }
            return self.not_invoked(back, why);
        }
    }

    #[cold]
    fn not_invoked(&mut self, call: Call, why: NotInvoked) -> Result<Handled, SessionError> {
        let trouble = match why {
            NotInvoked::NumberInUse => return number_in_use(&call),
            NotInvoked::Left | NotInvoked::Ended => return Ok(Handled::Done),
            NotInvoked::NoPassthru => Trouble::new(
                reply::FEATURE_NOT_SUPPORTED,
                "the callee did not announce payload_passthru_mode, which the call's payload needs",
            ),
            NotInvoked::NoStream => Trouble::new(
                reply::FEATURE_NOT_SUPPORTED,
                "the callee did not announce progressive_call_invocations and call_canceling, which a call in pieces needs",
            ),
            NotInvoked::Full => {
                Trouble::new(reply::UNAVAILABLE, "the callee does not take its calls fast enough")
            }
            NotInvoked::TooLarge => {
                Trouble::new(reply::PAYLOAD_SIZE_EXCEEDED, "the call is larger than the callee accepts")
            }
            NotInvoked::TooManyMade => self.over(
                "calls until one of this session is answered",
                "max_pending_calls",
                self.terms.limits.max_pending_calls,
            ),
            NotInvoked::TooManyTaken(most) => {
                self.over("calls until the callee answers one", "max_pending_calls", most)
            }
            NotInvoked::Gone => Trouble::new(reply::CANCELED, "the callee is leaving"),
            NotInvoked::Busy => Trouble::new(
                reply::MAX_CONCURRENCY_REACHED,
                "every callee of the procedure has as many calls to answer as it takes",
            ),
        };
        self.refuse_call(call, Refused::Because(trouble))
    }

    /// Who answers a procedure, and what the session may do with it, where it is that of the last call.
    #[inline]
    fn known_procedure(&self, call: &Call) -> Option<(Arc<Registration>, Decision)> {
        let (registration, decision) = self.last_procedure.as_ref()?;
        let registration = registration.upgrade()?;
        (registration.uri == call.procedure).then_some((registration, *decision))
    }

    /// Who answers a procedure, and what the session may do with it; none where the router itself does.
    #[inline(never)]
    fn find_procedure(&mut self, call: &Call) -> Result<Option<(Arc<Registration>, Decision)>, Refused> {
        let uri = &call.procedure;
        let options = || describe::call_options(&call.options);
        let decision = self.authorize(Action::Call, Match::Exact, uri, options)?;
        let Some(registration) = self.realm.registration_for(uri) else {
            if self.provides(uri) {
                return Ok(None);
            }
            let text = format!("no callee is registered for procedure '{uri}'");
            return Err(Refused::Because(Trouble::new(reply::NO_SUCH_PROCEDURE, text)));
        };
        // A pattern may be outdone by another registration, and what an authorizer decided is asked again each time.
        if registration.matching == Match::Exact && self.terms.is_fixed() {
            self.last_procedure = Some((Arc::downgrade(&registration), decision));
        }
        Ok(Some((registration, decision)))
    }

    #[inline]
    fn call_terms(&self, call: &Call, decision: Decision) -> Terms {
        let options = &self.options;
        let disclose = decision.disclose.caller
            || call.options.disclose_me && options.disclose_me == DiscloseMe::Allow
            || uri::is_protected(&call.procedure);
        let timeout = match call.options.timeout {
            0 => 0,
            timeout => self.milliseconds(timeout),
        };
        Terms { disclose, trustlevel: options.trustlevel(&self.session, &call.procedure), timeout }
    }

    /// A time-out of CALL: whoever announced `call_timeout` follows the specification and counts milliseconds, who did
    /// not follows Crossbar.io and counts seconds.
    fn milliseconds(&self, timeout: u64) -> u64 {
        let seconds = match self.options.call_timeout_unit {
            CallTimeoutUnit::Auto => !self.session.announced.caller_timeout,
            CallTimeoutUnit::Milliseconds => false,
            CallTimeoutUnit::Seconds => true,
        };
        if seconds { timeout.saturating_mul(1000) } else { timeout }
    }

    /// Notes when the call that was just made takes too long. The time may be over a little later than that, never
    /// before.
    #[inline]
    fn keep_time(&mut self, terms: Terms) {
        if terms.timeout > 0 {
            let at = self.realm.clock.now().checked_add(Duration::from_millis(terms.timeout));
            self.deadline = match (self.deadline, at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }

    #[cold]
    fn begin_stream(&mut self, call: &Call) {
        let now = self.realm.clock.now();
        if !self.session.has_made(call.request) {
            let most = self.terms.limits.max_pending_calls.saturating_mul(2);
            self.streams.begin(&self.session, call.request, &call.procedure, now, most);
        }
    }

    /// ERROR for a call, unless its number stands for another one: then nobody could tell which of them failed.
    pub(super) fn refuse_call(&mut self, call: Call, refused: Refused) -> Result<Handled, SessionError> {
        if self.session.has_made(call.request) {
            return number_in_use(&call);
        }
        if call.options.progress && matches!(refused, Refused::Because(_)) {
            // Its other pieces are on their way.
            self.begin_stream(&call);
        }
        Ok(self.refused(refused, call.request, Message::Call(call)))
    }

    pub(super) fn register(&mut self, register: Register) -> Handled {
        let Register { request, options, procedure } = &register;
        let request = *request;
        if options.disclose_caller && self.options.disclose_me == DiscloseMe::Deny {
            let text = "the option 'disclose_caller' is not allowed on this realm";
            let trouble = Trouble::new(reply::OPTION_NOT_ALLOWED, text);
            return self.refuse(request, trouble, Message::Register(register));
        }
        let described = || describe::register_options(options);
        let allowed = self.authorize(Action::Register, options.matching, procedure, described);
        if let Err(refused) = allowed {
            return self.refused(refused, request, Message::Register(register));
        }
        let most = self.terms.limits.max_registrations;
        if self.session.held.lock().registrations.len() >= most {
            let trouble = self.over("registrations for this session", "max_registrations", most);
            return self.refuse(request, trouble, Message::Register(register));
        }
        let wish = Wish { session: &self.session, request, procedure, options };
        let registered = self.realm.register(&wish);
        let (uri, text) = match registered {
            Registered::Done(registration, callee) => {
                let id = registration.id;
                self.session.held.lock().registrations.insert(id, (registration, callee));
                self.realm.meta.publish(&self.realm);
                return Handled::Done;
            }
            Registered::Held => return Handled::Done,
            Registered::NoRoom => return Handled::again(Message::Register(register)),
            Registered::Exists => (
                reply::PROCEDURE_ALREADY_EXISTS,
                format!("the procedure '{procedure}' is registered already"),
            ),
            Registered::OtherPolicy(policy) => (
                reply::PROCEDURE_EXISTS_WITH_DIFFERENT_INVOCATION_POLICY,
                format!(
                    "the procedure '{procedure}' is registered with the invocation policy '{}'",
                    describe::invoke(policy)
                ),
            ),
            Registered::OthersHold => (
                reply::NOT_AUTHORIZED,
                format!(
                    "the procedure '{procedure}' is registered by another role, which may not be driven out"
                ),
            ),
        };
        self.realm.meta.publish(&self.realm);
        self.refuse(request, Trouble::new(uri, text), Message::Register(register))
    }

    pub(super) fn unregister(&mut self, unregister: Unregister) -> Handled {
        let Unregister { request, registration: id } = unregister;
        let held = self.session.held.lock().registrations.get(&id).cloned();
        let reply = Message::Unregistered(Unregistered { request });
        let ended = match &held {
            Some((registration, callee)) => self.realm.unregister(registration, callee, Some(&reply)),
            None => Ended::NotHeld,
        };
        match ended {
            Ended::NoRoom => Handled::again(Message::Unregister(unregister)),
            Ended::NotHeld => {
                let text = format!("no registration {id} in this session");
                self.refuse(
                    request,
                    Trouble::new(reply::NO_SUCH_REGISTRATION, text),
                    Message::Unregister(unregister),
                )
            }
            Ended::Yes => {
                let gone = self.session.held.lock().registrations.remove(&id);
                drop(gone);
                self.realm.meta.publish(&self.realm);
                Handled::Done
            }
        }
    }
}

pub(super) fn number_in_use<T>(call: &Call) -> Result<T, SessionError> {
    violation(format!("CALL with the request ID {} of a call that is not answered yet", call.request))
}
