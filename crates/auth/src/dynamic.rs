//! Authenticators: procedures that say who a peer is, or what proves it. Source: WAMP specification, "Dynamic
//! Authenticator".
//!
//! This module makes the call and reads what comes back; who carries it out is the router's business. An answer is
//! read as strictly as a configuration: what is not understood lets nobody in.

use transom_wamp::{Dict, Text, Value};

use crate::login::{Given, Login};
use crate::{Asked, Call, CallError, Refused, Step, step, transport};
use crate::{cryptosign, scram, wampcra};

/// How an authenticator is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dynamic {
    /// The procedure (`authenticator`).
    pub procedure: Text,
    /// The realm it is called on (`authenticator-realm`). Default: the realm that the client asks for.
    pub realm: Option<Text>,
    /// The role of the session that calls it (`authenticator-role`). Default: `trusted`.
    pub role: Option<Text>,
    /// The role of principals that the authenticator gives none (`default-role`). Default: they are refused.
    pub default_role: Option<Text>,
}

impl Dynamic {
    /// A procedure, called on the realm that the client asks for, as `trusted`.
    pub fn new(procedure: impl Into<Text>) -> Self {
        Dynamic { procedure: procedure.into(), realm: None, role: None, default_role: None }
    }
}

/// What follows when the authenticator has answered.
#[derive(Debug)]
pub(crate) enum Then {
    /// Its answer decides.
    Welcome,
    /// Its answer holds what the peer's answer is checked with.
    Wampcra(crate::Env),
    Scram(Box<scram::Asking>),
    Cryptosign(Box<cryptosign::Asking>),
}

#[derive(Debug)]
pub(crate) struct Waiting {
    login: Login,
    dynamic: Dynamic,
    then: Then,
}

/// An authenticator's answer.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) given: Given,
    /// All keys of it.
    pub(crate) all: Dict,
}

/// Asks the authenticator. `details` are those of the method, beside what all of them have.
pub(crate) fn ask(mut login: Login, dynamic: &Dynamic, details: Dict, then: Then) -> Step {
    login.provider = "dynamic";
    let Some(realm) = dynamic.realm.clone().or_else(|| login.realm.clone()) else {
        return login.lacks("wamp.error.no_such_realm", "HELLO names no realm");
    };
    let or_null = |text: &Option<Text>| text.clone().map_or(Value::Null, Value::Text);
    let mut all = Dict::default();
    all.push("session", login.session);
    all.push("authmethod", login.method.name());
    all.push("authextra", login.extra.clone());
    all.push("transport", transport::describe(&login.transport, login.now));
    all.0.extend(details.0);
    let args = vec![or_null(&login.realm), or_null(&login.authid), Value::Map(all)];
    let role = dynamic.role.clone().unwrap_or(Text::from_static("trusted"));
    let call = Box::new(Call { realm, role, procedure: dynamic.procedure.clone(), args });
    let waiting = step::Waiting(Box::new(Waiting { login, dynamic: dynamic.clone(), then }));
    Step::Call(Asked { call, waiting })
}

impl Waiting {
    pub(crate) fn answered(self, result: Result<Vec<Value>, CallError>) -> Step {
        let Waiting { login, dynamic, then } = self;
        let first = match result {
            Ok(args) => args.into_iter().next(),
            Err(error) => return failed(&login, &dynamic, error),
        };
        let answer = match Answer::read(first) {
            Ok(answer) => answer,
            Err(what) => return nonsense(&login, &dynamic, &what),
        };
        match then {
            Then::Welcome => login.welcome(answer.given, dynamic.default_role.as_ref()),
            Then::Wampcra(env) => wampcra::answered(login, &env, answer, &dynamic),
            Then::Scram(asking) => asking.answered(login, answer, &dynamic),
            Then::Cryptosign(asking) => asking.answered(login, answer, &dynamic),
        }
    }
}

/// The authenticator answered what means nothing.
pub(crate) fn nonsense(login: &Login, dynamic: &Dynamic, what: &str) -> Step {
    login.failed(format!("the authenticator '{}' answered nonsense: {what}", dynamic.procedure))
}

/// An error that the procedure chose becomes the ABORT; one that tells of a fault does not concern the peer.
fn failed(login: &Login, dynamic: &Dynamic, error: CallError) -> Step {
    let cause = format!("the authenticator '{}' gave no answer: {error}", dynamic.procedure);
    match error {
        CallError::Failed { uri, message } if !is_fault(&uri) => Step::Abort(Refused {
            reason: uri,
            message: message.unwrap_or(Text::from_static("the authenticator refused")),
            cause: cause.into(),
        }),
        CallError::NoSuchRealm if dynamic.realm.is_none() => {
            login.lacks("wamp.error.no_such_realm", "there is no such realm on this router")
        }
        _ => login.failed(cause),
    }
}

/// Errors of the router, and those that clients send when a procedure broke: they would tell the peer about the
/// inside of the system.
fn is_fault(uri: &str) -> bool {
    const FAULTS: [&str; 12] = [
        "wamp.error.runtime_error",
        "wamp.error.no_such_procedure",
        "wamp.error.canceled",
        "wamp.error.timeout",
        "wamp.error.unavailable",
        "wamp.error.no_available_callee",
        "wamp.error.no_eligible_callee",
        "wamp.error.network_failure",
        "wamp.error.payload_size_exceeded",
        "wamp.error.feature_not_supported",
        "wamp.error.invalid_argument",
        "wamp.error.invalid_payload",
    ];
    FAULTS.contains(&uri)
}

impl Answer {
    /// The first positional result: a role, or a map.
    fn read(value: Option<Value>) -> Result<Self, String> {
        match value {
            Some(Value::Text(role)) => {
                Ok(Answer { given: Given { role: Some(role), ..Given::default() }, all: Dict::default() })
            }
            Some(Value::Map(all)) => {
                let extra = match all.get("extra") {
                    None | Some(Value::Null) => Dict::default(),
                    Some(Value::Map(extra)) => extra.clone(),
                    Some(_) => return Err("'extra' is no map".to_owned()),
                };
                let mut answer = Answer { given: Given { extra, ..Given::default() }, all };
                answer.given.realm = answer.text("realm")?;
                answer.given.authid = answer.text("authid")?;
                answer.given.role = answer.text("role")?;
                Ok(answer)
            }
            Some(_) => Err("it is neither a role nor a map".to_owned()),
            None => Err("it is empty".to_owned()),
        }
    }

    /// A text of it; null counts as absent.
    pub(crate) fn text(&self, key: &str) -> Result<Option<Text>, String> {
        match self.all.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("'{key}' is no text")),
        }
    }

    /// A text that has to be there.
    pub(crate) fn needed_text(&self, key: &str) -> Result<Text, String> {
        self.text(key)?.ok_or_else(|| format!("'{key}' is missing"))
    }

    /// A number from 0; null counts as absent.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u32>, String> {
        match self.all.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(number)) => {
                u32::try_from(*number).map(Some).map_err(|_| format!("'{key}' is out of range"))
            }
            Some(_) => Err(format!("'{key}' is no integer in range")),
        }
    }
}
