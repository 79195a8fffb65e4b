//! From HELLO to WELCOME or ABORT.

use std::sync::Arc;

use transom_auth::{Principal, Step};
use transom_wamp::{
    Abort, Challenge, Class, CloseReason, Dict, Flow, Hello, Message, Offered, Text, Value, Welcome,
};

use super::open::Open;
use super::{CHALLENGE_TIMEOUT, Port, State};
use crate::realm::{Gone, Realm};
use crate::reply;
use crate::scratch;
use crate::session::{Announced, Session};

/// Who the router is, in WELCOME.
const AGENT: &str = concat!("Transom-", env!("CARGO_PKG_VERSION"));

/// What a broker of this release can do.
const BROKER: [&str; 6] = [
    "publisher_identification",
    "publisher_exclusion",
    "subscriber_blackwhite_listing",
    "payload_passthru_mode",
    "payload_transparency",
    "payload_encryption_cryptobox",
];

/// What a dealer of this release can do.
const DEALER: [&str; 4] = [
    "caller_identification",
    "payload_passthru_mode",
    "payload_transparency",
    "payload_encryption_cryptobox",
];

impl Port {
    pub(super) fn hello(&mut self, hello: Box<Hello>) -> Flow {
        let step = self.methods.open(&hello);
        self.proceed(step, hello)
    }

    /// Follows the authentication.
    pub(super) fn proceed(&mut self, step: Step, hello: Box<Hello>) -> Flow {
        match step {
            Step::Accepted(principal) => self.join(principal, &hello),
            Step::Refused(refused) => self.refuse(refused.reason, refused.message),
            Step::Challenged(asked) => {
                let message =
                    Message::Challenge(Challenge { method: asked.method.name().into(), extra: asked.extra });
                self.farewell(&message);
                let until = self.after(CHALLENGE_TIMEOUT);
                self.state = State::Challenged { pending: asked.pending, hello, until };
                Flow::Continue
            }
        }
    }

    fn join(&mut self, principal: Principal, hello: &Hello) -> Flow {
        let Some(name) = &principal.realm else {
            return self.refuse(reply::NO_SUCH_REALM, "HELLO names no realm, and none is assigned");
        };
        let Some(realm) = self.router.realm(name) else {
            return self.refuse(reply::NO_SUCH_REALM, format!("no realm '{name}' on this router"));
        };
        let Some(role) = realm.role(&principal.role) else {
            let text = format!("no role '{}' on realm '{name}'", principal.role);
            return self.refuse(reply::NO_SUCH_ROLE, text);
        };
        let Some(id) = self.router.take_session_id() else {
            return Flow::Close(CloseReason::Internal);
        };
        let authid = principal.authid.detached();
        let announced = Announced::new(&hello.details.roles);
        let session = Arc::new(Session::new(id, authid, role, announced, self.sink.clone()));
        if let Err(gone) = realm.admit(&session) {
            self.router.return_session_id(id);
            return match gone {
                Gone::Realm => self.refuse(reply::NO_SUCH_REALM, format!("no realm '{name}' on this router")),
                Gone::Role => {
                    let text = format!("no role '{}' on realm '{name}'", principal.role);
                    self.refuse(reply::NO_SUCH_ROLE, text)
                }
            };
        }
        let welcome = welcome(&realm, &session, principal);
        match scratch::offer(&*self.sink, Class::Normal, &welcome) {
            Offered::Queued | Offered::Closed => {}
            Offered::Full | Offered::TooLarge => {
                realm.forget(id);
                self.router.return_session_id(id);
                return self.refuse(reply::PAYLOAD_SIZE_EXCEEDED, "WELCOME does not fit");
            }
        }
        tracing::debug!(session = %id, realm = %realm.name, role = %session.role.name, "session joined");
        self.state = State::Established(Box::new(Open::new(realm, session)));
        Flow::Continue
    }

    /// The peer does not get in; the transport is closed.
    pub(super) fn refuse(&mut self, reason: impl Into<Text>, message: impl Into<Text>) -> Flow {
        let (reason, message) = (reason.into(), message.into());
        tracing::debug!(%reason, %message, "refused a session");
        self.farewell(&Message::Abort(Abort { message: Some(message), reason }));
        self.state = State::Over;
        Flow::Close(CloseReason::Normal)
    }
}

fn welcome(realm: &Realm, session: &Session, principal: Principal) -> Message {
    let mut roles = Dict::default();
    roles.push("broker", role(&BROKER));
    roles.push("dealer", role(&DEALER));
    let mut details = Dict::default();
    details.push("agent", AGENT);
    details.push("realm", realm.name.clone());
    details.push("authid", session.authid.clone());
    details.push("authrole", session.role.name.clone());
    details.push("authmethod", principal.method.name());
    details.push("authprovider", principal.provider);
    details.push("authextra", principal.extra);
    details.push("roles", roles);
    Message::Welcome(Welcome { session: session.id, details })
}

fn role(names: &[&'static str]) -> Value {
    let features = names.iter().map(|name| (Text::from_static(name), Value::Bool(true))).collect();
    let mut role = Dict::default();
    role.push("features", Dict(features));
    Value::Map(role)
}
