//! The state machine of one peer: from the opening of its transport over sessions that come and go to its end.

mod asking;
mod calling;
mod events;
mod giving;
mod joining;
mod open;
mod permission;
mod procedures;
mod streams;
mod testaments;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use transom_auth::{Attached, CallError, Methods, Pending, Waiting};
use transom_base::Permit;
use transom_wamp::{
    Class, CloseReason, Flow, Goodbye, Message, Refusal, SessionError, SessionPort, SessionSink, Text,
    TransportDetails,
};

use crate::reply;
use crate::router::Router;
use crate::scratch;
use crate::session::Ending;
use asking::Asking;
use joining::Joining;
use open::Open;

/// How long a peer may take to answer GOODBYE.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a peer may take to answer CHALLENGE.
const CHALLENGE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an authenticator may take. From HELLO to WELCOME it calls one at most, and asks the peer at most once.
const AUTHENTICATOR_TIMEOUT: Duration = Duration::from_secs(10);

/// One peer.
pub(crate) struct Port {
    router: Arc<Router>,
    methods: Arc<Methods>,
    sink: Arc<dyn SessionSink>,
    transport: Arc<TransportDetails>,
    /// Its place among those who have not joined.
    permit: Option<Permit>,
    /// Its use of a cookie.
    attached: Option<Box<Attached>>,
    /// A moment that has passed.
    opened: Instant,
    /// When a HELLO is too late; none = never.
    hello_until: Option<Instant>,
    state: State,
}

enum State {
    /// Nobody has joined; a HELLO is due.
    Closed { until: Option<Instant> },
    /// The peer is to answer a CHALLENGE.
    Challenged { pending: Pending, joining: Joining, until: Option<Instant> },
    /// An authenticator is to say who the peer is. The transport pauses meanwhile.
    Asking { asking: Box<Asking>, waiting: Waiting, joining: Joining, until: Option<Instant> },
    /// The peer has joined.
    Established(Box<Open>),
    /// The router has said GOODBYE. Afterwards the transport is closed where the node is `draining`, and may else be used
    /// for another session.
    ShuttingDown { until: Option<Instant>, draining: bool },
    /// The transport goes or is gone.
    Over,
}

impl Port {
    pub(crate) fn new(
        router: Arc<Router>,
        methods: Arc<Methods>,
        details: TransportDetails,
        sink: Arc<dyn SessionSink>,
    ) -> Self {
        let attached = methods.attach(&details, sink.clone()).map(Box::new);
        let state = State::Closed { until: None };
        let transport = Arc::new(details);
        let opened = router.clock().now();
        let (permit, hello_until) = (None, None);
        let mut port =
            Port { router, methods, sink, transport, permit, attached, opened, hello_until, state };
        if port.await_hello() != Flow::Continue {
            port.sink.close(CloseReason::Normal);
        }
        port
    }

    fn after(&self, timeout: Duration) -> Option<Instant> {
        self.router.clock().now().checked_add(timeout)
    }

    /// Nobody has joined, or no longer. There may be too many of these already.
    fn await_hello(&mut self) -> Flow {
        if let (Some(limit), None) = (&self.methods.admission().unauthenticated, &self.permit) {
            self.permit = limit.acquire();
            if self.permit.is_none() {
                return self.refuse(reply::UNAVAILABLE, "too many connections have not joined yet");
            }
        }
        let timeout = self.transport.hello_timeout;
        self.hello_until = timeout.and_then(|timeout| self.after(timeout));
        self.state = State::Closed { until: self.hello_until };
        Flow::Continue
    }

    fn farewell(&self, message: &Message) {
        // It fits into every queue; when the transport is gone there is nobody to tell.
        let _ = scratch::offer(&*self.sink, Class::Farewell, message);
    }

    fn goodbye(&self, reason: Text, message: Option<Text>) {
        self.farewell(&Message::Goodbye(Goodbye { message, reason }));
    }

    /// A message before anybody has joined.
    fn receive_closed(&mut self, message: Message) -> Result<Flow, SessionError> {
        match message {
            Message::Hello(hello) => Ok(self.hello(hello)),
            // The peer gave up; it may try again.
            Message::Abort(_) => Ok(Flow::Continue),
            Message::Authenticate(_) => Err(SessionError::Violation(Refusal {
                reason: Text::from_static(reply::NOT_AUTHORIZED),
                message: Text::from_static("AUTHENTICATE without CHALLENGE"),
            })),
            other => violation(format!("{} before WELCOME", other.name())),
        }
    }

    fn receive_challenged(
        &mut self,
        pending: Pending,
        joining: Joining,
        message: Message,
    ) -> Result<Flow, SessionError> {
        match message {
            Message::Authenticate(answer) => {
                let step = pending.authenticate(&answer);
                Ok(self.proceed(step, joining))
            }
            // It may try again, but is not given more time for that.
            Message::Abort(_) => {
                drop(joining);
                self.state = State::Closed { until: self.hello_until };
                Ok(Flow::Continue)
            }
            other => violation(format!("{} while CHALLENGE is not answered", other.name())),
        }
    }

    fn receive_open(&mut self, mut open: Box<Open>, message: Message) -> Result<Flow, SessionError> {
        match message {
            Message::Goodbye(goodbye) => {
                open.leave(&self.router);
                if let (reply::LOGOUT, Some(attached)) = (&*goodbye.reason, &self.attached) {
                    attached.log_out();
                }
                self.goodbye(Text::from_static(reply::GOODBYE_AND_OUT), None);
                Ok(self.await_hello())
            }
            Message::Abort(_) => {
                open.leave(&self.router);
                Ok(self.await_hello())
            }
            message => {
                let flow = open.receive(message);
                self.state = State::Established(open);
                flow
            }
        }
    }
}

/// The peer broke the protocol.
fn violation<T>(message: impl Into<Text>) -> Result<T, SessionError> {
    Err(SessionError::Violation(Refusal::violation(message)))
}

impl SessionPort for Port {
    fn receive(&mut self, msg: Message) -> Result<Flow, SessionError> {
        // The frequent case stays where it is in memory.
        if let State::Established(open) = &mut self.state
            && !matches!(msg, Message::Goodbye(_) | Message::Abort(_))
        {
            return open.receive(msg);
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Closed { until } => {
                self.state = State::Closed { until };
                self.receive_closed(msg)
            }
            State::Challenged { pending, joining, .. } => self.receive_challenged(pending, joining, msg),
            State::Asking { .. } => {
                tracing::error!("a message came from a peer that is paused");
                Ok(Flow::Close(CloseReason::Internal))
            }
            State::Established(open) => self.receive_open(open, msg),
            State::ShuttingDown { until, draining } => match msg {
                Message::Goodbye(_) | Message::Abort(_) if draining => {
                    Ok(Flow::Close(CloseReason::SystemShutdown))
                }
                Message::Goodbye(_) | Message::Abort(_) => Ok(self.await_hello()),
                _ => {
                    self.state = State::ShuttingDown { until, draining };
                    Ok(Flow::Continue)
                }
            },
            State::Over => Ok(Flow::Close(CloseReason::Normal)),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        match &mut self.state {
            State::Established(open) => open.poll_ready(cx),
            State::Asking { .. } => self.poll_asking(cx),
            _ => Poll::Ready(Flow::Continue),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Closed { until }
            | State::Challenged { until, .. }
            | State::Asking { until, .. }
            | State::ShuttingDown { until, .. } => *until,
            // At once.
            State::Established(open) if open.is_ending() => Some(self.opened),
            State::Established(open) => open.deadline(),
            State::Over => None,
        }
    }

    fn expired(&mut self, now: Instant) -> Flow {
        if self.deadline().is_none_or(|until| until > now) {
            return Flow::Continue;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Challenged { .. } => {
                self.attempt_failed();
                self.refuse(reply::AUTHENTICATION_FAILED, "no answer to CHALLENGE came in time");
                Flow::Close(CloseReason::Timeout)
            }
            State::Asking { waiting, joining, .. } => {
                self.proceed(waiting.answered(Err(CallError::TimedOut)), joining)
            }
            State::Established(mut open) => {
                match open.ending() {
                    Some(Ending { reason, message, .. }) => {
                        open.leave(&self.router);
                        tracing::debug!(session = %open.id(), %reason, "session dismissed");
                        self.goodbye(reason, message);
                        self.state =
                            State::ShuttingDown { until: self.after(GOODBYE_TIMEOUT), draining: false };
                    }
                    None => {
                        open.expired(now);
                        self.state = State::Established(open);
                    }
                }
                Flow::Continue
            }
            State::ShuttingDown { draining: true, .. } => Flow::Close(CloseReason::SystemShutdown),
            State::ShuttingDown { .. } | State::Closed { .. } | State::Over => {
                Flow::Close(CloseReason::Timeout)
            }
        }
    }

    fn drain(&mut self) -> Flow {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Established(mut open) => {
                open.leave(&self.router);
                let message = Text::from_static("the router is shutting down");
                self.goodbye(Text::from_static(reply::SYSTEM_SHUTDOWN), Some(message));
                self.state = State::ShuttingDown { until: self.after(GOODBYE_TIMEOUT), draining: true };
                Flow::Continue
            }
            State::ShuttingDown { until, .. } => {
                self.state = State::ShuttingDown { until, draining: true };
                Flow::Continue
            }
            State::Closed { .. } | State::Challenged { .. } | State::Asking { .. } | State::Over => {
                Flow::Close(CloseReason::SystemShutdown)
            }
        }
    }

    fn closed(&mut self, why: CloseReason) {
        if let State::Established(mut open) = std::mem::replace(&mut self.state, State::Over) {
            tracing::debug!(session = %open.id(), ?why, "session ended with its transport");
            open.leave(&self.router);
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closed(CloseReason::TransportLost);
    }
}
