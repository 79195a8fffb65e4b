//! Which method runs, and what comes of it.

use transom_config::{AnonymousAuth, AnonymousConfig, AuthConfig};
use transom_wamp::{Authenticate, Dict, Hello, Text};

use crate::{Method, anonymous};

/// The methods that one transport accepts.
#[derive(Debug, Clone)]
pub struct Methods {
    anonymous: Option<AnonymousConfig>,
}

/// What comes of a HELLO or of an answer to a challenge.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The peer is known.
    Accepted(Principal),
    /// The peer has to answer.
    Challenged(Challenged),
    /// The peer does not get in.
    Refused(Refused),
}

/// Who a peer is.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// The realm it joins: given by the method, else the one it asked for; absent when neither names one.
    pub realm: Option<Text>,
    /// Its identity.
    pub authid: Text,
    /// Its role on the realm.
    pub role: Text,
    /// The method that decided.
    pub method: Method,
    /// Where the decision came from: `static` is the configuration.
    pub provider: &'static str,
    /// `authextra` of WELCOME.
    pub extra: Dict,
}

/// A question to the peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Challenged {
    /// The method that asks.
    pub method: Method,
    /// The question.
    pub extra: Dict,
    /// What takes the answer.
    pub pending: Pending,
}

/// A question that is not answered yet; a variant for each method that asks. None of the present ones does, so there
/// is no value of this type, and whoever holds one is checked by the compiler all the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Pending {}

impl Pending {
    /// Takes the answer.
    pub fn answer(self, _answer: &Authenticate) -> Step {
        match self {}
    }
}

/// Why a peer does not get in: what ABORT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason URI.
    pub reason: Text,
    /// A sentence for people. It never tells whether an authid exists.
    pub message: Text,
}

impl Refused {
    /// The authentication itself failed; not the peer's fault.
    pub(crate) fn failed(message: String) -> Self {
        Refused { reason: Text::from_static("wamp.error.authentication_failed"), message: message.into() }
    }

    fn no_method() -> Self {
        Refused {
            reason: Text::from_static("wamp.error.no_auth_method"),
            message: Text::from_static("none of the authentication methods offered is accepted here"),
        }
    }
}

impl Methods {
    /// The methods of a transport's `auth`. Without one everybody who offers `anonymous` gets the role `anonymous`.
    pub fn new(config: Option<&AuthConfig>) -> Self {
        Methods {
            anonymous: match config {
                Some(config) => match &config.anonymous {
                    Some(AnonymousAuth::Static(anonymous)) => Some(anonymous.clone()),
                    // One that is not built lets nobody in.
                    Some(AnonymousAuth::Dynamic(_)) | None => None,
                },
                None => Some(AnonymousConfig::default()),
            },
        }
    }

    /// Begins with a HELLO. The client's methods are tried in its own order, none given meaning `anonymous`; names that
    /// are unknown or not configured are passed over; the first that is left decides alone.
    pub fn open(&self, hello: &Hello) -> Step {
        let offered = hello.details.authmethods.as_deref().unwrap_or_default();
        if offered.is_empty() {
            return self.run(Method::Anonymous, hello).unwrap_or(Step::Refused(Refused::no_method()));
        }
        offered
            .iter()
            .filter_map(|name| Method::from_name(name))
            .find_map(|method| self.run(method, hello))
            .unwrap_or(Step::Refused(Refused::no_method()))
    }

    /// Runs one method, if it is configured.
    fn run(&self, method: Method, hello: &Hello) -> Option<Step> {
        match method {
            Method::Anonymous => {
                let config = self.anonymous.as_ref()?;
                Some(anonymous::open(config, hello.realm.as_ref(), &hello.details))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_wamp::HelloDetails;

    use super::*;

    fn hello(realm: Option<&str>, methods: Option<&[&str]>) -> Hello {
        let authmethods = methods.map(|names| names.iter().map(|name| Text::from(*name)).collect());
        let details = HelloDetails { authmethods, authid: Some("joe".into()), ..HelloDetails::default() };
        Hello { realm: realm.map(Text::from), details }
    }

    fn configured(anonymous: Option<AnonymousConfig>) -> Methods {
        Methods::new(Some(&AuthConfig { anonymous, ..AuthConfig::default() }))
    }

    fn accepted(step: Step) -> Principal {
        match step {
            Step::Accepted(principal) => principal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn methods_are_tried_in_the_clients_order_and_unknown_ones_passed_over() {
        let table: [(Option<&[&str]>, bool); 7] = [
            (None, true),
            (Some(&[]), true),
            (Some(&["anonymous"]), true),
            (Some(&["ticket", "anonymous"]), true),
            (Some(&["no-such-method", "anonymous", "ticket"]), true),
            (Some(&["ticket"]), false),
            (Some(&["Anonymous"]), false),
        ];
        for (methods, gets_in) in table {
            match Methods::new(None).open(&hello(Some("realm1"), methods)) {
                Step::Accepted(principal) if gets_in => assert_eq!(principal.role, "anonymous"),
                Step::Refused(refused) if !gets_in => assert_eq!(refused.reason, "wamp.error.no_auth_method"),
                other => panic!("{methods:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn nobody_gets_in_when_nothing_is_configured() {
        for methods in [None, Some(&["anonymous"][..])] {
            let step = configured(None).open(&hello(Some("realm1"), methods));
            assert!(matches!(step, Step::Refused(r) if r.reason == "wamp.error.no_auth_method"));
        }
    }

    #[test]
    fn anonymous_when_configured_gives_role_authid_and_a_realm_to_those_who_name_none() {
        let methods = configured(Some(AnonymousConfig {
            role: "guest".into(),
            authid: Some("visitor".into()),
            realm: Some("lobby".into()),
            ..AnonymousConfig::default()
        }));
        let principal = accepted(methods.open(&hello(None, None)));
        assert_eq!((&*principal.authid, &*principal.role), ("visitor", "guest"));
        assert_eq!(principal.realm.as_deref(), Some("lobby"));
        assert_eq!((principal.method.name(), principal.provider), ("anonymous", "static"));
        let principal = accepted(methods.open(&hello(Some("realm1"), None)));
        assert_eq!(principal.realm.as_deref(), Some("realm1"));
    }

    #[test]
    fn anonymous_when_nothing_is_configured_draws_an_authid_and_echoes_authextra() {
        let mut asks = hello(None, None);
        let mut extra = Dict::default();
        extra.push("x_app", "shop");
        asks.details.authextra = Some(extra.clone());
        let one = accepted(Methods::new(None).open(&asks));
        let two = accepted(Methods::new(None).open(&asks));
        assert_ne!(one.authid, two.authid);
        assert_ne!(one.authid, "joe");
        assert_eq!(one.authid.len(), 29);
        assert_eq!((one.realm, one.extra), (None, extra));
    }
}
