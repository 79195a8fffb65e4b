//! What all methods share while they run: what the peer asked for, and how it gets in or not.

use std::sync::Arc;
use std::time::SystemTime;

use transom_wamp::{Dict, Hello, Id, Text, TransportDetails, Value};

use crate::{Challenged, ErrorUris, Method, Pending, Principal, Refused, Step, step::Unanswered};

/// One HELLO on its way to WELCOME.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) method: Method,
    pub(crate) provider: &'static str,
    /// The ID that the session will have.
    pub(crate) session: Id,
    /// What HELLO asks for.
    pub(crate) realm: Option<Text>,
    pub(crate) authid: Option<Text>,
    pub(crate) extra: Dict,
    pub(crate) transport: Arc<TransportDetails>,
    pub(crate) uris: ErrorUris,
    pub(crate) now: SystemTime,
}

/// What a principal is given; HELLO counts where it is given nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Given {
    pub(crate) realm: Option<Text>,
    pub(crate) authid: Option<Text>,
    pub(crate) role: Option<Text>,
    pub(crate) extra: Dict,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login {{ {} of session {} }}", self.method, self.session)
    }
}

impl Login {
    pub(crate) fn new(
        method: Method,
        hello: &Hello,
        session: Id,
        transport: &Arc<TransportDetails>,
        (uris, now): (ErrorUris, SystemTime),
    ) -> Self {
        Login {
            method,
            provider: "static",
            session,
            realm: hello.realm.clone(),
            authid: hello.details.authid.clone(),
            extra: hello.details.authextra.clone().unwrap_or_default(),
            transport: transport.clone(),
            uris,
            now,
        }
    }

    /// A text of HELLO's `authextra`; null counts as absent.
    ///
    /// # Errors
    /// When something else stands there.
    pub(crate) fn extra_text(&self, key: &str) -> Result<Option<Text>, Step> {
        match self.extra.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.malformed(format!("authextra.{key} of HELLO is no text"))),
        }
    }

    pub(crate) fn challenge(&self, extra: Dict, pending: Unanswered) -> Step {
        Step::Challenge(Challenged { method: self.method, extra, pending: Pending(pending) })
    }

    /// The proof is missing or wrong. The peer does not learn why: whether an authid exists is not for everybody.
    pub(crate) fn denied(&self, cause: impl Into<Text>) -> Step {
        Step::Abort(Refused {
            reason: self.uris.denied(),
            message: Text::from_static("the authentication was not successful"),
            cause: cause.into(),
        })
    }

    /// What the peer sent cannot lead to anything, whoever it is; it learns why.
    pub(crate) fn malformed(&self, message: impl Into<Text>) -> Step {
        let message = message.into();
        Step::Abort(Refused { reason: self.uris.denied(), cause: message.clone(), message })
    }

    /// The authentication itself failed, which is not the peer's fault.
    pub(crate) fn failed(&self, cause: impl Into<Text>) -> Step {
        Step::Abort(Refused {
            reason: Text::from_static("wamp.error.authentication_failed"),
            message: Text::from_static("the authentication could not be carried out"),
            cause: cause.into(),
        })
    }

    /// The peer got no authid, no role or no realm.
    pub(crate) fn lacks(&self, reason: &'static str, message: &'static str) -> Step {
        let message = Text::from_static(message);
        Step::Abort(Refused { reason: Text::from_static(reason), cause: message.clone(), message })
    }

    /// HELLO names no authid where the method needs one.
    pub(crate) fn no_authid(&self) -> Step {
        self.lacks("wamp.error.no_such_principal", "HELLO names no authid")
    }

    /// The peer is known. `default_role` is for principals that were given none.
    pub(crate) fn welcome(self, given: Given, default_role: Option<&Text>) -> Step {
        let Some(realm) = given.realm.or_else(|| self.realm.clone()) else {
            return self.lacks(
                "wamp.error.no_such_realm",
                "HELLO names no realm, and the principal has none of its own",
            );
        };
        let Some(authid) = given.authid.or_else(|| self.authid.clone()) else {
            return self.lacks(
                "wamp.error.no_such_principal",
                "HELLO names no authid, and the principal was given none",
            );
        };
        let Some(role) = given.role.or_else(|| default_role.cloned()) else {
            return self.lacks("wamp.error.no_such_role", "the principal has no role");
        };
        Step::Welcome(Box::new(Principal {
            realm,
            authid,
            role,
            method: Text::from_static(self.method.name()),
            provider: Text::from_static(self.provider),
            extra: given.extra,
        }))
    }
}
