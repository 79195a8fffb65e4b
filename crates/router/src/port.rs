//! The state machine of one peer: from the opening of its transport over sessions that come and go to its end.

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
use transom_auth::{Methods, Pending};
use transom_base::ConnInfo;
use transom_wamp::{
    Class, CloseReason, Flow, Goodbye, Hello, Message, Refusal, SessionError, SessionPort, SessionSink, Text,
    TransportDetails,
};

use crate::reply;
use crate::router::Router;
use crate::scratch;
use crate::session::Ending;
use open::Open;

/// How long a peer may take to answer GOODBYE.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a peer may take to answer CHALLENGE.
const CHALLENGE_TIMEOUT: Duration = Duration::from_secs(10);

/// What follows when the peer has answered GOODBYE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The transport is closed.
    Close,
    /// The peer may join again.
    Stay,
}

/// One peer.
pub(crate) struct Port {
    router: Arc<Router>,
    methods: Arc<Methods>,
    sink: Arc<dyn SessionSink>,
    framing: &'static str,
    info: Arc<ConnInfo>,
    /// A moment that has passed.
    opened: Instant,
    hello_timeout: Option<Duration>,
    state: State,
}

enum State {
    /// Nobody has joined; a HELLO is due.
    Closed { until: Option<Instant> },
    /// The peer is to answer a CHALLENGE.
    Challenged { pending: Pending, hello: Box<Hello>, until: Option<Instant> },
    /// The peer has joined.
    Established(Box<Open>),
    /// The router has said GOODBYE.
    ShuttingDown { until: Option<Instant>, then: Then },
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
        let state = State::Closed { until: None };
        let TransportDetails { framing, info, hello_timeout, .. } = details;
        let opened = router.clock().now();
        let mut port = Port { router, methods, sink, framing, info, opened, hello_timeout, state };
        port.await_hello();
        port
    }

    fn after(&self, timeout: Duration) -> Option<Instant> {
        self.router.clock().now().checked_add(timeout)
    }

    /// Nobody has joined, or no longer.
    fn await_hello(&mut self) {
        self.state = State::Closed { until: self.hello_timeout.and_then(|timeout| self.after(timeout)) };
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
        hello: Box<Hello>,
        message: Message,
    ) -> Result<Flow, SessionError> {
        match message {
            Message::Authenticate(answer) => {
                let step = pending.answer(&answer);
                Ok(self.proceed(step, hello))
            }
            Message::Abort(_) => {
                self.await_hello();
                Ok(Flow::Continue)
            }
            other => violation(format!("{} while CHALLENGE is not answered", other.name())),
        }
    }

    fn receive_open(&mut self, mut open: Box<Open>, message: Message) -> Result<Flow, SessionError> {
        match message {
            Message::Goodbye(_) => {
                open.leave(&self.router);
                self.goodbye(Text::from_static(reply::GOODBYE_AND_OUT), None);
                self.await_hello();
                Ok(Flow::Continue)
            }
            Message::Abort(_) => {
                open.leave(&self.router);
                self.await_hello();
                Ok(Flow::Continue)
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
            State::Challenged { pending, hello, .. } => self.receive_challenged(pending, hello, msg),
            State::Established(open) => self.receive_open(open, msg),
            State::ShuttingDown { until, then } => match (msg, then) {
                (Message::Goodbye(_) | Message::Abort(_), Then::Close) => {
                    Ok(Flow::Close(CloseReason::SystemShutdown))
                }
                (Message::Goodbye(_) | Message::Abort(_), Then::Stay) => {
                    self.await_hello();
                    Ok(Flow::Continue)
                }
                _ => {
                    self.state = State::ShuttingDown { until, then };
                    Ok(Flow::Continue)
                }
            },
            State::Over => Ok(Flow::Close(CloseReason::Normal)),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        match &mut self.state {
            State::Established(open) => open.poll_ready(cx),
            _ => Poll::Ready(Flow::Continue),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Closed { until } | State::Challenged { until, .. } | State::ShuttingDown { until, .. } => {
                *until
            }
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
                self.refuse("wamp.error.authentication_failed", "no answer to CHALLENGE came in time");
                Flow::Close(CloseReason::Timeout)
            }
            State::ShuttingDown { then: Then::Close, .. } => Flow::Close(CloseReason::SystemShutdown),
            State::Established(mut open) => {
                match open.ending() {
                    Some(Ending { reason, message, .. }) => {
                        open.leave(&self.router);
                        self.goodbye(reason, message);
                        self.state =
                            State::ShuttingDown { until: self.after(GOODBYE_TIMEOUT), then: Then::Stay };
                    }
                    None => {
                        open.expired(now);
                        self.state = State::Established(open);
                    }
                }
                Flow::Continue
            }
            State::ShuttingDown { then: Then::Stay, .. } | State::Closed { .. } | State::Over => {
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
                self.state = State::ShuttingDown { until: self.after(GOODBYE_TIMEOUT), then: Then::Close };
                Flow::Continue
            }
            State::ShuttingDown { until, .. } => {
                self.state = State::ShuttingDown { until, then: Then::Close };
                Flow::Continue
            }
            State::Closed { .. } | State::Challenged { .. } | State::Over => {
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
