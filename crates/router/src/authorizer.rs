//! Roles whose actions a procedure decides on. The router calls it as a session of its own, whose answers come to a place
//! where the asking session looks: there is no task for it, and whoever asks waits for its own question only.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use ahash::RandomState;
use tokio::time::Instant;
use transom_config::Disclose;
use transom_wamp::{Call, CallOptions, CancelMode, Dict, Id, Match, Message, Payload, Text, Value, decode};

use crate::announced::Announced;
use crate::dealer::{Invoked, Terms};
use crate::decision::{Action, Decision};
use crate::describe;
use crate::ending;
use crate::inbox::{Inbox, SERIALIZER};
use crate::realm::Realm;
use crate::registration::Registration;
use crate::role::TRUSTED;
use crate::session::{Facts, Session};
use crate::sync::RwLock;

/// So many decisions are remembered before all are forgotten.
const REMEMBERED: usize = 4096;

/// The procedure that decides for a role.
pub(crate) struct Authorizer {
    pub(crate) uri: Text,
    remembered: RwLock<HashMap<Question, Remembered, RandomState>>,
}

/// Something that needs permission.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) action: Action,
    pub(crate) matching: Match,
    pub(crate) uri: Text,
}

/// A decision that may be used again, as long as whoever made it is there.
struct Remembered {
    decision: Decision,
    by: Weak<Registration>,
}

/// What an authorizer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    allow: bool,
    cache: bool,
    disclose: bool,
}

impl Answer {
    /// What it means for the action that was asked for.
    pub(crate) fn decision(self, action: Action) -> Decision {
        let mut decision = if self.allow { Decision::ALLOW } else { Decision::DENY };
        if self.disclose {
            decision.disclose =
                Disclose { caller: action == Action::Call, publisher: action == Action::Publish };
        }
        decision
    }

    /// Reads the result of the call.
    fn read(message: &Message) -> Result<Self, Text> {
        let payload = match message {
            Message::Result(result) => &result.payload,
            Message::Error(error) => return Err(format!("the authorizer failed: {}", error.error).into()),
            _ => return Err(Text::from_static("the authorizer gave no answer")),
        };
        let values = payload.to_values().map(|(args, _)| args).unwrap_or_default();
        let answer = match values.as_slice() {
            [Value::Bool(allow)] => Some(Answer { allow: *allow, cache: false, disclose: false }),
            [Value::Map(map)] => Answer::read_map(map),
            _ => None,
        };
        answer.ok_or_else(|| {
            Text::from_static(
                "the authorizer's answer is neither true or false nor a map of allow, cache, disclose and validate",
            )
        })
    }

    fn read_map(map: &Dict) -> Option<Self> {
        let mut answer = Answer { allow: false, cache: false, disclose: false };
        let mut complete = false;
        for (key, value) in &map.0 {
            match (key.as_bytes(), value) {
                (b"allow", Value::Bool(allow)) => {
                    answer.allow = *allow;
                    complete = true;
                }
                (b"cache", Value::Bool(cache)) => answer.cache = *cache,
                (b"disclose", Value::Bool(disclose)) => answer.disclose = *disclose,
                // There are no schemas to validate with.
                (b"validate", Value::Map(_) | Value::Null) => {}
                _ => return None,
            }
        }
        complete.then_some(answer)
    }
}

impl Authorizer {
    pub(crate) fn new(uri: &str) -> Self {
        Authorizer { uri: uri.into(), remembered: RwLock::default() }
    }

    /// What was decided before, if it may be used again.
    pub(crate) fn remembered(&self, realm: &Realm, question: &Question) -> Option<Decision> {
        let (decision, by) = {
            let remembered = self.remembered.read();
            let found = remembered.get(question)?;
            (found.decision, found.by.upgrade())
        };
        let there = realm.registration_for(&self.uri);
        match (by, there) {
            (Some(by), Some(there)) if Arc::ptr_eq(&by, &there) && by.is_alive() => Some(decision),
            _ => None,
        }
    }

    /// Notes a decision that may be used again: for everybody who has the role.
    pub(crate) fn remember(&self, question: &Question, answer: Answer, by: Weak<Registration>) {
        if !answer.cache {
            return;
        }
        let key = Question { uri: question.uri.detached(), ..*question };
        let value = Remembered { decision: answer.decision(question.action), by };
        let mut forgotten = None;
        {
            let mut remembered = self.remembered.write();
            if remembered.len() >= REMEMBERED {
                forgotten = Some(std::mem::take(&mut *remembered));
            }
            remembered.insert(key, value);
        }
        drop(forgotten);
    }
}

/// The router, as a caller on behalf of one session.
pub(crate) struct Asker {
    session: Arc<Session>,
    inbox: Arc<Inbox>,
    /// The number of the last question.
    last: Id,
    /// Who was asked.
    asked: Weak<Registration>,
}

impl Asker {
    pub(crate) fn new(realm: &Realm) -> Self {
        let inbox = Arc::new(Inbox::default());
        let facts = Facts::internal(SERIALIZER);
        let session = Session::new(
            realm.own_id,
            Text::from_static(TRUSTED),
            realm.own_role.clone(),
            Announced::default(),
            facts,
            inbox.clone(),
        );
        Asker { session: Arc::new(session), inbox, last: Id::default(), asked: Weak::new() }
    }

    /// Asks whether a session may do something; until when the answer is waited for.
    pub(crate) fn ask(
        &mut self,
        realm: &Realm,
        session: &Session,
        authorizer: &Authorizer,
        question: &Question,
        mut options: Dict,
    ) -> Result<Option<Instant>, Text> {
        let Question { action, matching, uri } = question;
        let Some(registration) = realm.registration_for(&authorizer.uri) else {
            return Err(format!("nobody has registered the authorizer '{}'", authorizer.uri).into());
        };
        if registration.callees().iter().any(|callee| callee.id == session.id) {
            // It would have to answer itself while it waits.
            let text = "a session that answers its own role's authorizer needs a role with permissions";
            return Err(Text::from_static(text));
        }
        if *matching != Match::Exact && options.get("match").is_none() {
            options.push("match", describe::matching(*matching));
        }
        let arguments = [
            Value::Map(describe::session(realm, session)),
            Value::Text(uri.clone()),
            Value::from(action.name()),
            Value::Map(options),
        ];
        self.last = self.last.next();
        self.inbox.clear();
        let call = Call {
            request: self.last,
            options: CallOptions::default(),
            procedure: authorizer.uri.clone(),
            payload: Payload::from_values(SERIALIZER, &arguments, &Dict::default()),
        };
        let terms = Terms { disclose: true, ..Terms::default() };
        self.asked = Arc::downgrade(&registration);
        match registration.invoke(realm, &self.session, call, terms) {
            Invoked::Sent => Ok(realm.clock.now().checked_add(realm.options().authorizer_timeout)),
            Invoked::Not(..) => {
                Err(format!("the authorizer '{}' does not take the question", authorizer.uri).into())
            }
        }
    }

    /// The answer to the last question.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Text>> {
        self.inbox.poll(cx).map(|bytes| match decode(SERIALIZER, &bytes) {
            Ok(message) => Answer::read(&message),
            Err(_) => Err(Text::from_static("the authorizer gave no answer")),
        })
    }

    /// Who was asked the last question.
    pub(crate) fn asked(&self) -> Weak<Registration> {
        self.asked.clone()
    }

    /// The answer to the last question is waited for no longer.
    pub(crate) fn give_up(&self, realm: &Realm) {
        ending::cancel(realm, &self.session, self.last, CancelMode::KillNoWait);
    }
}

#[cfg(test)]
mod tests {
    use transom_wamp::{ErrorMessage, ResultMessage, Serializer};

    use super::*;

    fn read(value: Value) -> Option<(bool, bool, bool)> {
        let payload = Payload::from_values(Serializer::MsgPack, &[value], &Dict::default());
        let result = ResultMessage { request: Id::default(), progress: false, passthru: None, payload };
        let Answer { allow, cache, disclose } = Answer::read(&Message::Result(result)).ok()?;
        Some((allow, cache, disclose))
    }

    fn map(entries: &[(&'static str, Value)]) -> Value {
        let mut map = Dict::default();
        for (key, value) in entries {
            map.push(*key, value.clone());
        }
        Value::Map(map)
    }

    #[test]
    fn answer_is_a_boolean_or_a_map_of_known_keys() {
        let (yes, no) = (Value::Bool(true), Value::Bool(false));
        let allow = ("allow", yes.clone());
        for (value, expected) in [
            (yes.clone(), Some((true, false, false))),
            (no.clone(), Some((false, false, false))),
            (map(std::slice::from_ref(&allow)), Some((true, false, false))),
            (map(&[("allow", no), ("cache", yes.clone())]), Some((false, true, false))),
            (map(&[allow.clone(), ("disclose", yes.clone())]), Some((true, false, true))),
            (map(&[allow.clone(), ("validate", Value::Null)]), Some((true, false, false))),
            (map(&[allow.clone(), ("validate", map(&[]))]), Some((true, false, false))),
            (map(&[("cache", yes.clone())]), None),
            (map(&[allow.clone(), ("cache", Value::Int(1))]), None),
            (map(&[allow.clone(), ("validate", yes.clone())]), None),
            (map(&[allow, ("other", yes)]), None),
            (map(&[]), None),
            (Value::Int(1), None),
            (Value::Null, None),
            (Value::from("true"), None),
        ] {
            assert_eq!(read(value.clone()), expected, "{value:?}");
        }
    }

    #[test]
    fn error_and_an_answer_of_another_kind_are_failures() {
        let payload = || Payload::empty(Serializer::MsgPack);
        let error = ErrorMessage {
            request_type: 48,
            request: Id::default(),
            passthru: None,
            error: "com.app.broken".into(),
            payload: payload(),
        };
        let text = Answer::read(&Message::Error(error)).unwrap_err();
        assert_eq!(text, "the authorizer failed: com.app.broken");
        let two = Payload::from_values(
            Serializer::MsgPack,
            &[Value::Bool(true), Value::Bool(true)],
            &Dict::default(),
        );
        for payload in [payload(), two] {
            let result = ResultMessage { request: Id::default(), progress: false, passthru: None, payload };
            assert!(Answer::read(&Message::Result(result)).is_err());
        }
    }
}
