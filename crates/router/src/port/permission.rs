//! What a session may do: syntax, reservation and permission of URIs, in this order and before anything that would tell
//! what exists.

use std::sync::Weak;

use tokio::time::Instant;
use transom_wamp::uri::Form;
use transom_wamp::{Dict, Id, Match, Message, SessionError, Text};

use super::open::{Busy, Handled, Open, Trouble};
use super::violation;
use crate::authorizer::{Answer, Asker, Question};
use crate::decision::{Action, Decision};
use crate::registration::Registration;
use crate::reply;
use crate::role::Terms;
use crate::uri;

/// The answer to a question that had to be asked.
pub(super) struct Granted {
    question: Question,
    answer: Result<Decision, (&'static str, Text)>,
}

/// A question that the authorizer has not answered yet.
pub(super) struct Waiting {
    question: Question,
    /// When it is given up; none = it was.
    pub(super) until: Option<Instant>,
}

/// Why something is not allowed now.
pub(super) enum Refused {
    /// And will not be.
    Because(Trouble),
    /// It has to be decided first.
    Undecided(Box<Waiting>),
}

impl Granted {
    /// What was decided on another occasion.
    pub(super) fn before(action: Action, uri: &Text, decision: Decision) -> Self {
        let question = Question { action, matching: Match::Exact, uri: uri.clone() };
        Granted { question, answer: Ok(decision) }
    }
}

impl Waiting {
    /// The authorizer has answered.
    pub(super) fn decided(
        &self,
        terms: &Terms,
        answer: Result<Answer, Text>,
        by: Weak<Registration>,
    ) -> Granted {
        let answer = match answer {
            Ok(answer) => {
                if let Some(authorizer) = terms.authorizer() {
                    authorizer.remember(&self.question, answer, by);
                }
                Ok(answer.decision(self.question.action))
            }
            Err(text) => Err((reply::AUTHORIZATION_FAILED, text)),
        };
        Granted { question: self.question.clone(), answer }
    }
}

impl Open {
    /// Whether the session may do something with a URI or pattern. `options` are those of the request, for an authorizer.
    #[inline]
    pub(super) fn authorize(
        &mut self,
        action: Action,
        matching: Match,
        uri: &Text,
        options: impl FnOnce() -> Dict,
    ) -> Result<Decision, Refused> {
        let form = match matching {
            Match::Exact => Form::NonEmpty,
            Match::Prefix => Form::Prefix,
            Match::Wildcard => Form::Wildcard,
        };
        if !uri::is_valid(uri, self.options.uri_check, form) {
            let what = if matching == Match::Exact { "URI" } else { "pattern of URIs" };
            return because(reply::INVALID_URI, format!("'{uri}' is no valid {what}"));
        }
        let role = &self.session.role;
        let for_the_router = matches!(action, Action::Publish | Action::Register);
        if for_the_router && !role.trusted && uri::is_reserved(uri) {
            return because(reply::INVALID_URI, format!("'{uri}' begins with 'wamp.', which is reserved"));
        }
        let decision = match self.terms.decide(action, matching, uri) {
            Some(decision) => decision,
            None => self.ask(Question { action, matching, uri: uri.clone() }, options)?,
        };
        if decision.allows(action) {
            return Ok(decision);
        }
        let role = &self.session.role.name;
        because(
            reply::NOT_AUTHORIZED,
            format!("role '{role}' is not authorized to {} '{uri}'", action.words()),
        )
    }

    /// Asks the authorizer, unless it has answered already.
    fn ask(&mut self, question: Question, options: impl FnOnce() -> Dict) -> Result<Decision, Refused> {
        if let Some(granted) = self.granted.iter().find(|granted| granted.question == question) {
            return match &granted.answer {
                Ok(decision) => Ok(*decision),
                Err((uri, text)) => because(uri, text.clone()),
            };
        }
        let Some(authorizer) = self.terms.authorizer() else {
            return because(reply::AUTHORIZATION_FAILED, "nothing decides for the role");
        };
        if let Some(decision) = authorizer.remembered(&self.realm, &question) {
            return Ok(decision);
        }
        let asker = self.asker.get_or_insert_with(|| Box::new(Asker::new(&self.realm)));
        match asker.ask(&self.realm, &self.session, authorizer, &question, options()) {
            Ok(until) => Err(Refused::Undecided(Box::new(Waiting { question, until }))),
            Err(text) => because(reply::AUTHORIZATION_FAILED, text),
        }
    }

    /// Answers a request that is refused, or lets it wait.
    pub(super) fn refused(&self, refused: Refused, request: Id, message: Message) -> Handled {
        match refused {
            Refused::Because(trouble) => self.refuse(request, trouble, message),
            Refused::Undecided(waiting) => Handled::Busy(Box::new(Busy::Waiting(message, *waiting))),
        }
    }

    /// Checks the number of a request, where they have to follow each other; whether it is to be handled. Source: WAMP
    /// specification, "IDs", and "Progressive Call Invocations" for calls in pieces.
    pub(super) fn check_number(&mut self, message: &Message) -> Result<bool, SessionError> {
        let Some(last) = self.last_request else { return Ok(true) };
        let (number, is_call) = match message {
            Message::Publish(publish) => (publish.request, false),
            Message::Subscribe(subscribe) => (subscribe.request, false),
            Message::Unsubscribe(unsubscribe) => (unsubscribe.request, false),
            Message::Register(register) => (register.request, false),
            Message::Unregister(unregister) => (unregister.request, false),
            Message::Call(call) => (call.request, true),
            _ => return Ok(true),
        };
        if number == last.next() {
            self.last_request = Some(number);
            return Ok(true);
        }
        if is_call && number <= last && number != Id::default() {
            // A piece of a call, or one that comes too late, or one that is violation enough for itself.
            return Ok(self.streams.is_open(number) || self.session.has_made(number));
        }
        violation(format!("{} with the request ID {number} after {last}", message.name()))
    }
}

fn because<T>(uri: &'static str, text: impl Into<Text>) -> Result<T, Refused> {
    Err(Refused::Because(Trouble::new(uri, text)))
}
