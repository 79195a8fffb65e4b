//! From HELLO to WELCOME or ABORT.

use std::sync::Arc;

use transom_auth::{Principal, Step};
use transom_wamp::{
    Abort, Challenge, Class, CloseReason, Dict, Flow, Hello, Message, Offered, SessionSink, Text, Value,
    Welcome,
};

use super::open::Open;
use super::{CHALLENGE_TIMEOUT, Port, State};
use crate::announced::Announced;
use crate::meta::MetaEvent;
use crate::realm::Realm;
use crate::reply;
use crate::scratch;
use crate::session::{Facts, Session};
use crate::stats::{CountingSink, Stats};
use crate::sync::atomic::Ordering;

/// Who the router is, in WELCOME.
const AGENT: &str = concat!("Transom-", env!("CARGO_PKG_VERSION"));

/// What a broker can do whatever is set on the realm.
const BROKER: &[&str] = &[
    "publisher_identification",
    "publisher_exclusion",
    "subscriber_blackwhite_listing",
    "pattern_based_subscription",
    "event_retention",
    "payload_passthru_mode",
    "payload_transparency",
    "payload_encryption_cryptobox",
];

/// What a dealer can do whatever is set on the realm.
const DEALER: &[&str] = &[
    "caller_identification",
    "call_canceling",
    "call_timeout",
    "call_reroute",
    "progressive_call_results",
    "progressive_call_invocations",
    "pattern_based_registration",
    "shared_registration",
    "payload_passthru_mode",
    "payload_transparency",
    "payload_encryption_cryptobox",
];

/// What is offered beside that where there is a meta API.
const BROKER_META: &[&str] = &["session_meta_api", "subscription_meta_api", "subscription_revocation"];
const DEALER_META: &[&str] =
    &["session_meta_api", "registration_meta_api", "testament_meta_api", "registration_revocation"];

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
        let Some(realm) = self.router.realm(name).cloned() else {
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
        let facts = Facts {
            method: principal.method.name(),
            provider: principal.provider,
            extra: principal.extra.clone(),
            framing: self.framing,
            info: self.info.clone(),
        };
        let stats = realm.options.stats.map(|settings| Stats::new(settings, realm.clock.now()));
        let sink: Arc<dyn SessionSink> = match &stats {
            Some(stats) => Arc::new(CountingSink::new(self.sink.clone(), stats.clone())),
            None => self.sink.clone(),
        };
        let session = Arc::new(Session::new(id, authid, role, announced, facts, sink));
        let welcome = welcome(&realm, &session, principal);
        match scratch::offer(&*self.sink, Class::Normal, &welcome) {
            Offered::Queued | Offered::Closed => {}
            Offered::Full | Offered::TooLarge => {
                self.router.return_session_id(id);
                return self.refuse(reply::PAYLOAD_SIZE_EXCEEDED, "WELCOME does not fit");
            }
        }
        realm.sessions.fetch_add(1, Ordering::Relaxed);
        realm.members.insert(id, session.clone());
        tracing::debug!(session = %id, realm = %realm.name, role = %session.role.name, "session joined");
        if !session.is_silent() {
            realm.meta.note(|| MetaEvent::Joined(session.clone()));
            realm.meta.publish(&realm);
        }
        if let Some(stats) = &stats {
            stats.publish_first(&realm, &session);
        }
        self.state = State::Established(Box::new(Open::new(realm, session, stats)));
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
    let (mut broker, mut dealer) = (BROKER.to_vec(), DEALER.to_vec());
    if realm.meta.enabled {
        broker.extend_from_slice(BROKER_META);
        dealer.extend_from_slice(DEALER_META);
        // It is read through the meta API.
        broker.extend(realm.options.has_history.then_some("event_history"));
    }
    if realm.options.has_trust_levels() {
        broker.push("publication_trustlevels");
        dealer.push("call_trustlevels");
    }
    roles.push("broker", role(&broker));
    roles.push("dealer", role(&dealer));
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
