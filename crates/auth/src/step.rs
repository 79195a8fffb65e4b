//! What comes of a HELLO, of an answer to a challenge, and of an authenticator's result.

use std::fmt;

use transom_wamp::{Authenticate, Dict, Text, Value};

use crate::{Method, cryptosign, dynamic, scram, ticket, wampcra};

/// What is to be done next with a peer that wants to join.
#[derive(Debug)]
pub enum Step {
    /// The peer is known.
    Welcome(Box<Principal>),
    /// The peer has to answer a question.
    Challenge(Challenged),
    /// A procedure has to say who the peer is, or what proves it.
    Call(Asked),
    /// The peer does not get in.
    Abort(Refused),
}

/// Who a peer is.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// The realm it joins.
    pub realm: Text,
    /// Its identity.
    pub authid: Text,
    /// Its role on the realm.
    pub role: Text,
    /// The method that decided; where a proxy or a cookie vouches for the peer, the one that decided there.
    pub method: Text,
    /// Where the decision came from: `static` is the configuration, `dynamic` an authenticator, `cookie` an earlier
    /// session.
    pub provider: Text,
    /// `authextra` of WELCOME.
    pub extra: Dict,
}

/// A question to the peer.
#[derive(Debug)]
pub struct Challenged {
    /// The method that asks.
    pub method: Method,
    /// The question: `Extra` of CHALLENGE.
    pub extra: Dict,
    /// What takes the answer. It takes one answer only: a challenge cannot be answered twice.
    pub pending: Pending,
}

/// A question that is not answered yet.
#[derive(Debug)]
pub struct Pending(pub(crate) Unanswered);

/// One for each method that asks.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Ticket(Box<ticket::Unanswered>),
    Wampcra(Box<wampcra::Unanswered>),
    Scram(Box<scram::Unanswered>),
    Cryptosign(Box<cryptosign::Unanswered>),
}

impl Pending {
    /// Takes the peer's AUTHENTICATE.
    pub fn authenticate(self, answer: &Authenticate) -> Step {
        match self.0 {
            Unanswered::Ticket(pending) => pending.authenticate(answer),
            Unanswered::Wampcra(pending) => pending.authenticate(answer),
            Unanswered::Scram(pending) => pending.authenticate(answer),
            Unanswered::Cryptosign(pending) => pending.authenticate(answer),
        }
    }
}

/// A call that has to be made before it goes on.
#[derive(Debug)]
pub struct Asked {
    /// The call.
    pub call: Box<Call>,
    /// What takes its result.
    pub waiting: Waiting,
}

/// A call of an authenticator. Its arguments may hold a ticket and are never printed.
#[derive(Clone, PartialEq)]
pub struct Call {
    /// The realm on which the procedure is called.
    pub realm: Text,
    /// The role of the session that calls.
    pub role: Text,
    /// The procedure.
    pub procedure: Text,
    /// Its arguments: realm, authid and details.
    pub args: Vec<Value>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call {{ {} on {} as {} }}", self.procedure, self.realm, self.role)
    }
}

/// An authenticator that has not answered yet.
#[derive(Debug)]
pub struct Waiting(pub(crate) Box<dynamic::Waiting>);

impl Waiting {
    /// Takes the positional results of the call, or why there are none.
    pub fn answered(self, result: Result<Vec<Value>, CallError>) -> Step {
        self.0.answered(result)
    }
}

/// Why an authenticator did not answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The realm to call on is not there.
    #[error("there is no realm to call it on")]
    NoSuchRealm,
    /// The role to call as is not there.
    #[error("there is no role to call it as")]
    NoSuchRole,
    /// ERROR, of the procedure or of the router.
    #[error("it failed with {uri}: {}", .message.as_deref().unwrap_or("no message"))]
    Failed {
        /// The error URI.
        uri: Text,
        /// The first positional argument, where that is text.
        message: Option<Text>,
    },
    /// No answer came in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// An answer came that cannot be read.
    #[error("its answer cannot be read")]
    Unreadable,
}

/// Why a peer does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason URI of ABORT.
    pub reason: Text,
    /// A sentence for the peer. It never tells whether an authid exists.
    pub message: Text,
    /// What happened, for the operator's log and nobody else.
    pub cause: Text,
}

/// Which names ABORT has for refusals that the WAMP specification calls otherwise than Crossbar.io does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorUris {
    /// `wamp.error.not_authorized` and `wamp.error.no_auth_method`.
    #[default]
    Crossbar,
    /// `wamp.error.authentication_denied` and `wamp.error.no_matching_auth_method`.
    Spec,
}

impl ErrorUris {
    pub(crate) fn denied(self) -> Text {
        Text::from_static(match self {
            ErrorUris::Crossbar => "wamp.error.not_authorized",
            ErrorUris::Spec => "wamp.error.authentication_denied",
        })
    }

    pub(crate) fn no_method(self) -> Text {
        Text::from_static(match self {
            ErrorUris::Crossbar => "wamp.error.no_auth_method",
            ErrorUris::Spec => "wamp.error.no_matching_auth_method",
        })
    }
}

impl Refused {
    /// Whether it was the peer that failed.
    pub fn blames_peer(&self) -> bool {
        self.reason != "wamp.error.authentication_failed"
    }
}
