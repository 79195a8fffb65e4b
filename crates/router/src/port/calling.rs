//! CALL, REGISTER and UNREGISTER.

use std::sync::Arc;

use transom_wamp::{
    Call, Invoke, Match, Message, Register, Registered as RegisteredMessage, SessionError, Text, Unregister,
    Unregistered,
};

use super::events::pattern_not_offered;
use super::open::{Handled, Open, Trouble};
use super::violation;
use crate::dealer::{Invoked, NotInvoked, Registered, Registration};
use crate::decision::{Action, Decision};
use crate::reply;
use crate::session::uses_passthru;
use crate::uri;

impl Open {
    /// `receive_progress` and `timeout` have no effect: neither is offered, and INVOCATION asks for no progressive
    /// results.
    pub(super) fn call(&mut self, mut call: Call) -> Result<Handled, SessionError> {
        let announced = self.session.announced;
        self.check_passthru(announced.caller_passthru, uses_passthru(&call.options.passthru), "CALL")?;
        if call.options.progress {
            if !announced.progressive_calls {
                return violation("CALL with 'progress' from a client without progressive_call_invocations");
            }
            let trouble =
                Trouble::new(reply::OPTION_NOT_ALLOWED, "the option 'progress' of CALL is not offered here");
            return self.refuse_call(call, trouble);
        }
        if call.options.timeout > 0 {
            tracing::debug!(session = %self.session.id, "ignored the option 'timeout' of CALL");
        }
        loop {
            let (registration, decision) = match self.procedure(&call.procedure) {
                Ok(found) => found,
                Err(trouble) => return self.refuse_call(call, trouble),
            };
            let disclose =
                decision.disclose.caller || call.options.disclose_me || uri::discloses(&call.procedure);
            let (back, why) = match registration.invoke(&self.session, call, disclose) {
                Invoked::Sent => return Ok(Handled::Done),
                Invoked::Not(call, why) => (call, why),
            };
            let trouble = match why {
                NotInvoked::NumberInUse => return number_in_use(&back),
                NotInvoked::Ended => {
                    self.last_procedure = None;
                    self.realm.procedures.remove(&registration.uri, &registration);
                    call = back;
                    continue;
                }
                NotInvoked::NoPassthru => Trouble::new(
                    reply::FEATURE_NOT_SUPPORTED,
                    "the callee did not announce payload_passthru_mode, which the call's payload needs",
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
                NotInvoked::TooManyTaken => self.over(
                    "calls until the callee answers one",
                    "max_pending_calls",
                    registration.callee.role.terms().limits.max_pending_calls,
                ),
                NotInvoked::Gone => Trouble::new(reply::CANCELED, "the callee is leaving"),
            };
            return self.refuse_call(back, trouble);
        }
    }

    /// Who answers a procedure, and what the session may do with it.
    fn procedure(&mut self, uri: &Text) -> Result<(Arc<Registration>, Decision), Trouble> {
        if let Some((registration, decision)) = &self.last_procedure
            && let Some(registration) = registration.upgrade()
            && registration.uri == *uri
        {
            return Ok((registration, *decision));
        }
        let decision = self.authorize(Action::Call, uri)?;
        let Some(registration) = self.realm.procedures.get(uri) else {
            return Err(Trouble::new(
                reply::NO_SUCH_PROCEDURE,
                format!("no callee is registered for procedure '{uri}'"),
            ));
        };
        self.last_procedure = Some((Arc::downgrade(&registration), decision));
        Ok((registration, decision))
    }

    /// ERROR for a call, unless its number stands for another one: then nobody could tell which of them failed.
    fn refuse_call(&self, call: Call, trouble: Trouble) -> Result<Handled, SessionError> {
        if self.session.made(call.request).is_some() {
            return number_in_use(&call);
        }
        Ok(self.refuse(call.request, trouble, Message::Call(call)))
    }

    pub(super) fn register(&mut self, register: Register) -> Handled {
        let request = register.request;
        let trouble =
            refused_option(&register).or_else(|| self.authorize(Action::Register, &register.procedure).err());
        if let Some(trouble) = trouble {
            return self.refuse(request, trouble, Message::Register(register));
        }
        let most = self.terms.limits.max_registrations;
        if self.registrations.len() >= most {
            let trouble = self.over("registrations for this session", "max_registrations", most);
            return self.refuse(request, trouble, Message::Register(register));
        }
        let id = self.realm.next_id();
        // It lives as long as the registration does, not as the frame it came in.
        let uri = register.procedure.detached();
        let registration =
            Arc::new(Registration::new(id, uri, self.session.clone(), register.options.disclose_caller));
        let reply = Message::Registered(RegisteredMessage { request, registration: id });
        match self.realm.register(&registration, &reply) {
            Registered::Done => {
                self.registrations.insert(id, registration);
                Handled::Done
            }
            Registered::NoRoom => Handled::again(Message::Register(register)),
            Registered::Exists => {
                let text = format!("the procedure '{}' is registered already", register.procedure);
                let trouble = Trouble::new(reply::PROCEDURE_ALREADY_EXISTS, text);
                self.refuse(request, trouble, Message::Register(register))
            }
        }
    }

    pub(super) fn unregister(&mut self, unregister: Unregister) -> Handled {
        let Unregister { request, registration: id } = unregister;
        let Some(registration) = self.registrations.get(&id) else {
            let trouble =
                Trouble::new(reply::NO_SUCH_REGISTRATION, format!("no registration {id} in this session"));
            return self.refuse(request, trouble, Message::Unregister(unregister));
        };
        let reply = Message::Unregistered(Unregistered { request });
        if !self.realm.unregister(registration, Some(&reply)) {
            return Handled::again(Message::Unregister(unregister));
        }
        self.registrations.remove(&id);
        Handled::Done
    }
}

fn number_in_use(call: &Call) -> Result<Handled, SessionError> {
    violation(format!("CALL with the request ID {} of a call that is not answered yet", call.request))
}

/// The first option of REGISTER that is not offered.
fn refused_option(register: &Register) -> Option<Trouble> {
    let options = &register.options;
    if options.matching != Match::Exact {
        return Some(pattern_not_offered("REGISTER", options.matching));
    }
    let invoke = match options.invoke {
        Invoke::Single => None,
        Invoke::RoundRobin => Some("roundrobin"),
        Invoke::Random => Some("random"),
        Invoke::First => Some("first"),
        Invoke::Last => Some("last"),
    };
    let text = if let Some(policy) = invoke {
        format!("the option 'invoke' of REGISTER may not be '{policy}' here")
    } else {
        let present = [
            ("concurrency", options.concurrency.is_some()),
            ("force_reregister", options.force_reregister),
            ("forward_timeout", options.forward_timeout),
        ];
        let (name, _) = present.into_iter().find(|(_, is)| *is)?;
        format!("the option '{name}' of REGISTER is not offered here")
    };
    Some(Trouble::new(reply::OPTION_NOT_ALLOWED, text))
}
