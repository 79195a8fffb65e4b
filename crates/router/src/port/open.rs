//! A session that has joined: what it holds, and how its messages are answered.
//!
//! Every request is answered before it has its effect. An answer that does not fit into the session's own queue has
//! none: the request waits, and no more is read from the session, until there is room.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use ahash::RandomState;
use tokio::time::Instant;
use transom_wamp::{CloseReason, Flow, Goodbye, Id, Message, Offered, Payload, SessionError, Text, code};

use super::violation;
use crate::broker::Topic;
use crate::dealer::{Registration, canceled, failed, yielded};
use crate::decision::{Action, Decision};
use crate::fanout::Fanout;
use crate::realm::Realm;
use crate::reply;
use crate::role::Terms;
use crate::router::Router;
use crate::session::{Session, uses_passthru};
use crate::uri;

pub(crate) struct Open {
    pub(super) realm: Arc<Realm>,
    pub(super) session: Arc<Session>,
    /// The role's terms, as they are at this version of the realm.
    pub(super) terms: Arc<Terms>,
    version: u64,
    pub(super) subscriptions: HashMap<Id, Subscription, RandomState>,
    pub(super) registrations: HashMap<Id, Arc<Registration>, RandomState>,
    pub(super) busy: Option<Box<Busy>>,
    /// Where the last event went, with what the session may do there: most sessions publish to few topics.
    pub(super) last_topic: Option<(Arc<Topic>, Decision)>,
    /// What was called last. Not held: a callee that has left is not to be kept by those who once called it.
    pub(super) last_procedure: Option<(Weak<Registration>, Decision)>,
}

/// A place among the subscribers of a topic.
pub(super) struct Subscription {
    pub(super) topic: Arc<Topic>,
    pub(super) number: u64,
}

/// What has to be done before the next message of the session.
pub(super) enum Busy {
    /// A request whose answer did not fit.
    Again(Message),
    /// An event that has not reached all its receivers.
    Publishing(Fanout),
}

/// What became of a request.
pub(super) enum Handled {
    Done,
    /// It has to wait or takes longer.
    Busy(Box<Busy>),
    /// A fault that the session cannot go on after.
    Failed,
}

impl Handled {
    /// The answer to a request does not fit.
    pub(super) fn again(request: Message) -> Self {
        Handled::Busy(Box::new(Busy::Again(request)))
    }
}

/// The ERROR for a request.
pub(super) struct Trouble {
    pub(super) uri: &'static str,
    pub(super) text: Text,
}

impl Trouble {
    pub(super) fn new(uri: &'static str, text: impl Into<Text>) -> Self {
        Trouble { uri, text: text.into() }
    }
}

impl Open {
    pub(super) fn new(realm: Arc<Realm>, session: Arc<Session>) -> Self {
        // In this order: a change in between is noticed with the first message.
        let version = realm.version();
        let terms = session.role.terms();
        Open {
            realm,
            session,
            terms,
            version,
            subscriptions: HashMap::default(),
            registrations: HashMap::default(),
            busy: None,
            last_topic: None,
            last_procedure: None,
        }
    }

    pub(super) fn id(&self) -> Id {
        self.session.id
    }

    /// When somebody asked for the end of the session, if somebody did.
    pub(super) fn dismissed(&self) -> Option<Instant> {
        self.session.dismissed()
    }

    /// What is to be said to the peer then.
    pub(super) fn farewell(&self) -> Option<Goodbye> {
        self.session.farewell()
    }

    #[inline]
    pub(super) fn receive(&mut self, message: Message) -> Result<Flow, SessionError> {
        if self.busy.is_some() {
            tracing::error!(session = %self.session.id, "a message came from a session that is paused");
            return Ok(Flow::Close(CloseReason::Internal));
        }
        let handled = self.handle(message)?;
        Ok(self.follow(handled))
    }

    #[inline]
    fn handle(&mut self, message: Message) -> Result<Handled, SessionError> {
        if self.realm.version() != self.version {
            self.renew();
        }
        match message {
            Message::Publish(publish) => self.publish(publish),
            Message::Call(call) => self.call(call),
            Message::Yield(answer) => {
                self.check_passthru(
                    self.session.announced.callee_passthru,
                    uses_passthru(&answer.passthru),
                    "YIELD",
                )?;
                yielded(&self.session, answer);
                Ok(Handled::Done)
            }
            Message::Error(answer) if answer.request_type == code::INVOCATION => {
                self.check_passthru(
                    self.session.announced.callee_passthru,
                    uses_passthru(&answer.passthru),
                    "ERROR",
                )?;
                failed(&self.session, answer);
                Ok(Handled::Done)
            }
            Message::Error(answer) => violation(format!(
                "ERROR for a request of type {}; clients answer INVOCATION only",
                answer.request_type
            )),
            Message::Subscribe(subscribe) => Ok(self.subscribe(subscribe)),
            Message::Unsubscribe(unsubscribe) => Ok(self.unsubscribe(unsubscribe)),
            Message::Register(register) => Ok(self.register(register)),
            Message::Unregister(unregister) => Ok(self.unregister(unregister)),
            Message::Cancel(cancel) => {
                canceled(&self.session, cancel.request);
                Ok(Handled::Done)
            }
            Message::EventReceived(_) => Ok(Handled::Done),
            Message::Hello(_) => violation("a second HELLO in an open session"),
            Message::Authenticate(_) => violation("AUTHENTICATE in an open session"),
            other => violation(format!("{} is a message that only routers send", other.name())),
        }
    }

    /// The realm changed: what is remembered of the session's rights is out of date.
    #[cold]
    fn renew(&mut self) {
        self.version = self.realm.version();
        self.terms = self.session.role.terms();
        self.last_topic = None;
        self.last_procedure = None;
    }

    fn follow(&mut self, handled: Handled) -> Flow {
        match handled {
            Handled::Done => Flow::Continue,
            Handled::Failed => Flow::Close(CloseReason::Internal),
            Handled::Busy(busy) => {
                self.busy = Some(busy);
                Flow::Pause
            }
        }
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        loop {
            match self.busy.as_deref_mut() {
                None => return Poll::Ready(Flow::Continue),
                Some(Busy::Publishing(fanout)) => {
                    ready!(fanout.poll(&self.realm, cx));
                    self.busy = None;
                }
                Some(Busy::Again(_)) => {
                    ready!(self.session.sink.poll_room(cx));
                    let Some(Busy::Again(message)) = self.busy.take().map(|busy| *busy) else { continue };
                    match self.handle(message).map(|handled| self.follow(handled)) {
                        Ok(Flow::Continue | Flow::Pause) => {}
                        Ok(close) => return Poll::Ready(close),
                        // It was no violation when it came, and nothing came after it that could have made it one.
                        Err(_) => return Poll::Ready(Flow::Close(CloseReason::ProtocolViolation)),
                    }
                }
            }
        }
    }

    /// The session ends, however it does: everything it held is given back.
    pub(super) fn leave(&mut self, router: &Router) {
        if let Some(Busy::Publishing(fanout)) = self.busy.take().map(|busy| *busy) {
            fanout.finish(&self.realm);
        }
        self.session.end_calls();
        for (_, Subscription { topic, number }) in self.subscriptions.drain() {
            self.realm.unsubscribe(&topic, number, &self.session, None);
        }
        for (_, registration) in self.registrations.drain() {
            self.realm.unregister(&registration, None);
        }
        self.realm.forget(self.session.id);
        router.return_session_id(self.session.id);
        tracing::debug!(session = %self.session.id, "session left");
    }

    /// Checks syntax, reservation and permission of a URI, in this order and before anything that would tell what
    /// exists.
    pub(super) fn authorize(&self, action: Action, uri: &Text) -> Result<Decision, Trouble> {
        if !uri::is_valid(uri, self.realm.uri_check()) {
            return Err(Trouble::new(reply::INVALID_URI, format!("'{uri}' is no valid URI")));
        }
        let role = &self.session.role;
        let for_the_router = matches!(action, Action::Publish | Action::Register);
        if for_the_router && !role.trusted && uri::is_reserved(uri) {
            return Err(Trouble::new(
                reply::INVALID_URI,
                format!("'{uri}' begins with 'wamp.', which is reserved"),
            ));
        }
        let decision = self.terms.decide(uri);
        if decision.allows(action) {
            return Ok(decision);
        }
        let text = format!("role '{}' is not authorized to {} '{uri}'", role.name, action.name());
        Err(Trouble::new(reply::NOT_AUTHORIZED, text))
    }

    /// The ERROR for a request beyond what a session may hold: there are as many of `what` as this key allows.
    pub(super) fn over(&self, what: &str, key: &'static str, most: usize) -> Trouble {
        tracing::debug!(session = %self.session.id, key, most, "refused a request beyond a limit");
        Trouble::new(reply::UNAVAILABLE, format!("no more {what}: the limit is {most} ('{key}' of the role)"))
    }

    /// Answers a request with ERROR; gives the request back where that does not fit.
    pub(super) fn refuse(&self, request: Id, trouble: Trouble, message: Message) -> Handled {
        let request_type = message.code();
        let mut error =
            reply::error(self.session.serializer, request_type, request, trouble.uri, trouble.text);
        let mut offered = self.session.offer(&error);
        if offered == Offered::TooLarge {
            if let Message::Error(error) = &mut error {
                error.payload = Payload::empty(self.session.serializer);
            }
            offered = self.session.offer(&error);
        }
        self.answered(offered, message)
    }

    /// Whether a request was answered.
    pub(super) fn answered(&self, offered: Offered, message: Message) -> Handled {
        match offered {
            Offered::Queued | Offered::Closed => Handled::Done,
            Offered::Full => Handled::again(message),
            Offered::TooLarge => {
                tracing::info!(session = %self.session.id, "closing a session that accepts no answers");
                Handled::Failed
            }
        }
    }

    /// Whoever uses `ppt_scheme` has to have announced it.
    pub(super) fn check_passthru(&self, announced: bool, used: bool, name: &str) -> Result<(), SessionError> {
        if used && !announced {
            return violation(format!(
                "{name} with 'ppt_scheme' from a client without payload_passthru_mode"
            ));
        }
        Ok(())
    }
}
