//! A session that has joined: how its messages are answered.
//!
//! Every request is answered before it has its effect. An answer that does not fit into the session's own queue has
//! none: the request waits, and no more is read from the session, until there is room. The same holds while somebody
//! else decides whether the session may do what it asks for: what it sends later never overtakes that.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use tokio::time::Instant;
use transom_wamp::uri::{Form, UriCheck};
use transom_wamp::{CancelMode, CloseReason, Flow, Id, Message, Offered, Payload, SessionError, Text, code};

use super::giving::Giving;
use super::permission::{Granted, Waiting};
use super::streams::Streams;
use super::testaments::Testaments;
use super::violation;
use crate::authorizer::Asker;
use crate::broker::Topic;
use crate::dealer::{failed, yielded};
use crate::decision::Decision;
use crate::ending;
use crate::fanout::Fanout;
use crate::index::Found;
use crate::meta::MetaEvent;
use crate::realm::{Options, Realm};
use crate::registration::Registration;
use crate::reply;
use crate::role::Terms;
use crate::router::Router;
use crate::session::{Ending, Session, Subscription, uses_passthru};
use crate::stats::Stats;
use crate::uri;

pub(crate) struct Open {
    pub(super) realm: Arc<Realm>,
    pub(super) session: Arc<Session>,
    /// The role's terms and the realm's options, as they are at this version of the realm.
    pub(super) terms: Arc<Terms>,
    pub(super) options: Arc<Options>,
    version: u64,
    pub(super) busy: Option<Box<Busy>>,
    /// Where the last event went, with what the session may do there: most sessions publish to few topics.
    pub(super) last_topic: Option<(Arc<Topic>, Decision)>,
    /// The patterns that the last event was for.
    pub(super) last_patterns: Option<Box<LastPatterns>>,
    /// What was called last. Not held: a callee that has left is not to be kept by those who once called it.
    pub(super) last_procedure: Option<(Weak<Registration>, Decision)>,
    /// When the first of its calls takes too long, or before.
    pub(super) deadline: Option<Instant>,
    /// Calls that it makes in pieces.
    pub(super) streams: Streams,
    pub(super) testaments: Testaments,
    /// Who asks the authorizer for it.
    pub(super) asker: Option<Box<Asker>>,
    /// What the message that is being handled may do, as far as it had to be asked for.
    pub(super) granted: Vec<Granted>,
    /// The number of its last request, where requests have to be numbered one after the other.
    pub(super) last_request: Option<Id>,
    pub(super) stats: Option<Arc<Stats>>,
    /// There is something to do before a message is handled.
    attentive: bool,
}

/// What an event was for beside its topic.
pub(super) struct LastPatterns {
    pub(super) topic: Text,
    /// Of all patterns of the realm; what was found holds until it changes.
    pub(super) version: u64,
    pub(super) found: Found<Topic>,
}

/// What has to be done before the next message of the session.
pub(super) enum Busy {
    /// A request whose answer did not fit.
    Again(Message),
    /// An event that has not reached all its receivers.
    Publishing(Fanout),
    /// A request that somebody else decides on.
    Waiting(Message, Waiting),
    /// Retained events that a new subscriber has not got yet.
    Giving(Giving),
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
#[derive(Debug)]
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
    pub(super) fn new(realm: Arc<Realm>, session: Arc<Session>, stats: Option<Arc<Stats>>) -> Self {
        // In this order: a change in between is noticed with the first message.
        let version = realm.version();
        let (terms, options) = (session.role.terms(), realm.options());
        let last_request = options.strict_request_ids.then(Id::default);
        let attentive = last_request.is_some() || stats.is_some() || !terms.is_fixed();
        Open {
            realm,
            session,
            terms,
            options,
            version,
            busy: None,
            last_topic: None,
            last_patterns: None,
            last_procedure: None,
            deadline: None,
            streams: Streams::default(),
            testaments: Testaments::default(),
            asker: None,
            granted: Vec::new(),
            last_request,
            stats,
            attentive,
        }
    }

    pub(super) fn id(&self) -> Id {
        self.session.id
    }

    /// Whether somebody has asked for the end of the session.
    #[inline]
    pub(super) fn is_ending(&self) -> bool {
        self.session.is_ending()
    }

    /// How it is to end, where somebody has asked for that.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.session.ending()
    }

    #[inline]
    pub(super) fn receive(&mut self, message: Message) -> Result<Flow, SessionError> {
        if self.busy.is_some() {
            tracing::error!(session = %self.session.id, "a message came from a session that is paused");
            return Ok(Flow::Close(CloseReason::Internal));
        }
        self.look_at_realm();
        if self.attentive && !self.attend(&message)? {
            return Ok(Flow::Continue);
        }
        let handled = self.handle(message)?;
        Ok(self.follow(handled))
    }

    /// Counts a message and checks its number, where that is wished, and forgets what was decided for the last one;
    /// whether it is to be handled.
    #[cold]
    fn attend(&mut self, message: &Message) -> Result<bool, SessionError> {
        self.granted.clear();
        if let Some(stats) = &self.stats {
            stats.received(message, self.session.serializer);
            stats.publish_if_due(&self.realm, &self.session);
        }
        self.check_number(message)
    }

    #[inline]
    fn handle(&mut self, message: Message) -> Result<Handled, SessionError> {
        match message {
            Message::Publish(publish) => self.publish(publish),
            Message::Call(call) => self.call(call),
            Message::Yield(answer) => {
                self.check_passthru(
                    self.session.announced.callee_passthru,
                    uses_passthru(&answer.passthru),
                    "YIELD",
                )?;
                yielded(&self.realm, &self.session, answer);
                Ok(Handled::Done)
            }
            Message::Error(mut answer) if answer.request_type == code::INVOCATION => {
                if !uri::is_valid(&answer.error, UriCheck::Loose, Form::NonEmpty) {
                    // Callers cannot read what is no URI, and it is not they who are to blame.
                    answer = reply::no_uri(answer);
                }
                self.check_passthru(
                    self.session.announced.callee_passthru,
                    uses_passthru(&answer.passthru),
                    "ERROR",
                )?;
                failed(&self.realm, &self.session, answer);
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
                let mode = cancel.mode.unwrap_or(CancelMode::KillNoWait);
                ending::cancel(&self.realm, &self.session, cancel.request, mode);
                Ok(Handled::Done)
            }
            Message::EventReceived(_) => Ok(Handled::Done),
            Message::Hello(_) => violation("a second HELLO in an open session"),
            Message::Authenticate(_) => violation("AUTHENTICATE in an open session"),
            other => violation(format!("{} is a message that only routers send", other.name())),
        }
    }

    /// Notices that the realm changed.
    #[inline]
    pub(super) fn look_at_realm(&mut self) {
        if self.realm.version() != self.version {
            self.renew();
        }
    }

    /// The realm changed: what is remembered of the session's rights is out of date. What holds of requests' numbers and
    /// of statistics was settled when the session joined.
    #[cold]
    fn renew(&mut self) {
        self.version = self.realm.version();
        (self.terms, self.options) = (self.session.role.terms(), self.realm.options());
        self.attentive = self.last_request.is_some() || self.stats.is_some() || !self.terms.is_fixed();
        self.last_topic = None;
        self.last_procedure = None;
        self.granted.clear();
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
            let message = match self.busy.as_deref_mut() {
                None => return Poll::Ready(Flow::Continue),
                Some(Busy::Publishing(fanout)) => {
                    ready!(fanout.poll(&self.realm, cx));
                    self.busy = None;
                    continue;
                }
                Some(Busy::Giving(giving)) => {
                    ready!(giving.poll(&self.realm, &self.session, cx));
                    self.busy = None;
                    continue;
                }
                Some(Busy::Waiting(_, waiting)) => {
                    let (answer, by) = match &mut self.asker {
                        Some(asker) => (ready!(asker.poll(cx)), asker.asked()),
                        None => (Err(Text::default()), Weak::new()),
                    };
                    self.granted.push(waiting.decided(&self.terms, answer, by));
                    self.busy.take()
                }
                Some(Busy::Again(_)) => {
                    ready!(self.session.sink.poll_room(cx));
                    self.busy.take()
                }
            };
            let Some(Busy::Again(message) | Busy::Waiting(message, _)) = message.map(|busy| *busy) else {
                continue;
            };
            // What was decided by terms that hold no longer is decided again.
            self.look_at_realm();
            match self.handle(message).map(|handled| self.follow(handled)) {
                Ok(Flow::Continue | Flow::Pause) => {}
                Ok(close) => return Poll::Ready(close),
                // It was no violation when it came, and nothing came after it that could have made it one.
                Err(_) => return Poll::Ready(Flow::Close(CloseReason::ProtocolViolation)),
            }
        }
    }

    /// When [`Open::expired`] is to be called.
    #[inline]
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deciding = match self.busy.as_deref() {
            Some(Busy::Waiting(_, waiting)) => waiting.until,
            _ => None,
        };
        match (self.deadline, deciding) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub(super) fn expired(&mut self, now: Instant) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = ending::time_out(&self.realm, &self.session, now);
        }
        if let (Some(Busy::Waiting(_, waiting)), Some(asker)) = (self.busy.as_deref_mut(), &self.asker)
            && waiting.until.is_some_and(|at| at <= now)
        {
            // The answer is then an error, which wakes this session.
            waiting.until = None;
            asker.give_up(&self.realm);
        }
    }

    /// What it waits for is waited for no longer: its calls, and what it asked an authorizer.
    pub(super) fn give_up(&mut self) {
        if let Some(asker) = self.asker.take() {
            asker.give_up(&self.realm);
        }
        ending::leave(&self.realm, &self.session);
    }

    /// The session ends, however it does: everything it held is given back.
    pub(super) fn leave(&mut self, router: &Router) {
        let quiet = self.session.ending().is_some_and(|ending| ending.quiet);
        self.realm.members.remove(self.session.id);
        if let Some(Busy::Publishing(fanout)) = self.busy.take().map(|busy| *busy) {
            fanout.finish(&self.realm);
        }
        if !quiet {
            self.publish_testaments();
        }
        self.give_up();
        let (subscriptions, registrations) = self.session.held.lock().take();
        for Subscription { topic, number } in subscriptions {
            self.realm.unsubscribe(&topic, number, &self.session, None);
        }
        for (registration, callee) in registrations {
            self.realm.unregister(&registration, &callee, None);
        }
        if let Some(stats) = self.stats.take().filter(|_| !quiet) {
            stats.publish_last(&self.realm, &self.session);
        }
        if !self.session.is_silent() {
            self.realm.meta.note(|| MetaEvent::Left(self.session.clone()));
        }
        self.realm.meta.publish(&self.realm);
        self.realm.members.left();
        router.return_session_id(self.session.id);
        tracing::debug!(session = %self.session.id, "session left");
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
