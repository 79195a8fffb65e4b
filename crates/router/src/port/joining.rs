//! From HELLO to WELCOME or ABORT.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use transom_auth::{Principal, Refused, Step};
use transom_wamp::{
    Abort, Challenge, Class, CloseReason, Dict, Flow, Hello, Id, Message, Offered, SessionSink, Text, Value,
    Welcome,
};

use super::asking::Asking;
use super::open::Open;
use super::{AUTHENTICATOR_TIMEOUT, CHALLENGE_TIMEOUT, Port, State};
use crate::announced::Announced;
use crate::meta::MetaEvent;
use crate::realm::{Gone, Realm};
use crate::reply;
use crate::router::Router;
use crate::scratch;
use crate::session::{Facts, Session};
use crate::stats::{CountingSink, Stats};

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

/// A HELLO on its way to WELCOME.
pub(super) struct Joining {
    hello: Box<Hello>,
    id: Reserved,
}

/// An ID that nobody else gets. It is given back when dropped.
pub(super) struct Reserved {
    router: Arc<Router>,
    id: Option<Id>,
}

impl Reserved {
    /// None when the operating system has no randomness.
    pub(super) fn new(router: &Arc<Router>) -> Option<Self> {
        Some(Reserved { id: Some(router.take_session_id()?), router: router.clone() })
    }

    pub(super) fn id(&self) -> Id {
        self.id.unwrap_or_default()
    }

    /// Its session gives it back.
    fn keep(mut self) {
        self.id = None;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.router.return_session_id(id);
        }
    }
}

impl Port {
    pub(super) fn hello(&mut self, hello: Box<Hello>) -> Flow {
        let now = self.router.clock().now();
        let attempts = self.methods.admission().attempts.as_ref();
        if attempts.is_some_and(|attempts| !attempts.admits(&self.transport.info.client(), now)) {
            return self.refuse(reply::UNAVAILABLE, "too many attempts failed lately; try again later");
        }
        let Some(id) = Reserved::new(&self.router) else {
            return Flow::Close(CloseReason::Internal);
        };
        let step = self.methods.start(&hello, id.id(), &self.transport);
        self.proceed(step, Joining { hello, id })
    }

    /// Follows the authentication.
    pub(super) fn proceed(&mut self, mut step: Step, joining: Joining) -> Flow {
        loop {
            match step {
                Step::Welcome(principal) => return self.join(*principal, joining),
                Step::Abort(refused) => return self.turn_away(refused),
                Step::Challenge(asked) => {
                    let message = Message::Challenge(Challenge {
                        method: asked.method.name().into(),
                        extra: asked.extra,
                    });
                    self.farewell(&message);
                    let until = self.after(CHALLENGE_TIMEOUT);
                    self.state = State::Challenged { pending: asked.pending, joining, until };
                    return Flow::Continue;
                }
                Step::Call(asked) => match Asking::start(&self.router, *asked.call) {
                    Ok(asking) => {
                        let until = self.after(AUTHENTICATOR_TIMEOUT);
                        let asking = Box::new(asking);
                        self.state = State::Asking { asking, waiting: asked.waiting, joining, until };
                        return Flow::Pause;
                    }
                    Err(error) => step = asked.waiting.answered(Err(error)),
                },
            }
        }
    }

    /// Whether an authenticator has answered, and what follows from that.
    pub(super) fn poll_asking(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        loop {
            let State::Asking { asking, .. } = &mut self.state else { return Poll::Ready(Flow::Continue) };
            let answer = ready!(asking.poll(cx));
            let before = std::mem::replace(&mut self.state, State::Over);
            let State::Asking { waiting, joining, .. } = before else { return Poll::Ready(Flow::Continue) };
            match self.proceed(waiting.answered(answer), joining) {
                Flow::Pause => {}
                flow => return Poll::Ready(flow),
            }
        }
    }

    fn join(&mut self, principal: Principal, joining: Joining) -> Flow {
        let Joining { hello, id } = joining;
        let name = &principal.realm;
        let Some(realm) = self.router.realm(name) else {
            return self.refuse(reply::NO_SUCH_REALM, format!("no realm '{name}' on this router"));
        };
        let Some(role) = realm.role(&principal.role) else {
            let text = format!("no role '{}' on realm '{name}'", principal.role);
            return self.refuse(reply::NO_SUCH_ROLE, text);
        };
        let authid = principal.authid.detached();
        let announced = Announced::new(&hello.details.roles);
        let facts = Facts {
            method: principal.method.clone(),
            provider: principal.provider.clone(),
            extra: principal.extra.clone(),
            transport: self.transport.clone(),
        };
        let stats = realm.options().stats.map(|settings| Stats::new(settings, realm.clock.now()));
        let sink: Arc<dyn SessionSink> = match &stats {
            Some(stats) => Arc::new(CountingSink::new(self.sink.clone(), stats.clone())),
            None => self.sink.clone(),
        };
        let session = Arc::new(Session::new(id.id(), authid, role, announced, facts, sink));
        if let Err(gone) = realm.members.admit(&session) {
            return match gone {
                Gone::Realm => self.refuse(reply::NO_SUCH_REALM, format!("no realm '{name}' on this router")),
                Gone::Role => {
                    let text = format!("no role '{}' on realm '{name}'", principal.role);
                    self.refuse(reply::NO_SUCH_ROLE, text)
                }
            };
        }
        let welcome = welcome(&realm, &session, &principal);
        match scratch::offer(&*self.sink, Class::Normal, &welcome) {
            Offered::Queued | Offered::Closed => {}
            Offered::Full | Offered::TooLarge => {
                realm.members.remove(session.id);
                realm.members.left();
                return self.refuse(reply::PAYLOAD_SIZE_EXCEEDED, "WELCOME does not fit");
            }
        }
        id.keep();
        self.permit = None;
        self.methods.joined(&self.transport, &principal);
        tracing::debug!(session = %session.id, realm = %realm.name, role = %session.role.name, "session joined");
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

    /// The peer did not prove who it is.
    fn turn_away(&mut self, refused: Refused) -> Flow {
        if refused.blames_peer() {
            self.attempt_failed();
        }
        let Refused { reason, message, cause } = refused;
        tracing::info!(peer = %self.transport.info.client(), %reason, ?cause, "a peer was not authenticated");
        self.refuse(reason, message)
    }

    /// Notes that the peer tried and failed.
    pub(super) fn attempt_failed(&self) {
        if let Some(attempts) = &self.methods.admission().attempts {
            attempts.failed(&self.transport.info.client(), self.router.clock().now());
        }
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

fn welcome(realm: &Realm, session: &Session, principal: &Principal) -> Message {
    let mut roles = Dict::default();
    let options = realm.options();
    let (mut broker, mut dealer) = (BROKER.to_vec(), DEALER.to_vec());
    if realm.meta.is_enabled() {
        broker.extend_from_slice(BROKER_META);
        dealer.extend_from_slice(DEALER_META);
        // It is read through the meta API.
        broker.extend(options.has_history.then_some("event_history"));
    }
    if options.has_trust_levels() {
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
    details.push("authmethod", principal.method.clone());
    details.push("authprovider", principal.provider.clone());
    details.push("authextra", principal.extra.clone());
    details.push("roles", roles);
    Message::Welcome(Welcome { session: session.id, details })
}

fn role(names: &[&'static str]) -> Value {
    let features = names.iter().map(|name| (Text::from_static(name), Value::Bool(true))).collect();
    let mut role = Dict::default();
    role.push("features", Dict(features));
    Value::Map(role)
}
