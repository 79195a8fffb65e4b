//! The port between a transport and a router: messages in through [`SessionPort`], messages out through
//! [`SessionSink`]. Neither side knows what the other is made of.
//!
//! The rules of the seam. `receive` runs on the caller's task and never blocks. `offer` never blocks, never calls
//! back, and may be called under the router's locks; whoever it wakes is woken after the caller's batch.
//! Disconnecting only leaves a sign with the sink: the connection's own task ends the session.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
pub use transom_base::Offered;
use transom_base::{Address, ConnInfo};

use crate::{Encoded, Message, Prepared, Serializer, Text};

/// What a router is to know about the transport of a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransportDetails {
    /// The serializer of both directions.
    pub serializer: Serializer,
    /// How messages are framed: `websocket`, `rawsocket` or `memory`.
    pub framing: &'static str,
    /// Facts about the connection.
    pub info: Arc<ConnInfo>,
    /// The largest message in bytes that the peer accepts.
    pub max_outgoing: usize,
    /// The cookie by which a browser is known again, where the transport tracks cookies.
    pub cookie: Option<Text>,
    /// How long the first HELLO may take, and each further one after a GOODBYE; none = no limit.
    pub hello_timeout: Option<Duration>,
}

impl TransportDetails {
    /// Details with a HELLO time-out of 5 s and no limit on messages to the peer.
    pub fn new(serializer: Serializer, framing: &'static str, info: Arc<ConnInfo>) -> Self {
        TransportDetails {
            serializer,
            framing,
            info,
            max_outgoing: usize::MAX,
            cookie: None,
            hello_timeout: Some(Duration::from_secs(5)),
        }
    }

    /// Details of a session inside this process, numbered for logs.
    pub fn memory(serializer: Serializer, number: u64) -> Self {
        let end = Address::Memory(number);
        TransportDetails::new(serializer, "memory", Arc::new(ConnInfo::new(end.clone(), end)))
    }
}

/// Where transports open sessions.
pub trait RouterPort: Send + Sync {
    /// A peer that has yet to say HELLO.
    fn open(&self, details: TransportDetails, sink: Arc<dyn SessionSink>) -> Box<dyn SessionPort>;
}

/// The router's half of one peer. Dropping it equals `closed(CloseReason::TransportLost)`.
pub trait SessionPort: Send {
    /// Takes one message. An error is a violation by the peer: the caller answers it with ABORT and closes.
    fn receive(&mut self, msg: Message) -> Result<Flow, SessionError>;

    /// After [`Flow::Pause`]: ready with what comes next.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow>;

    /// When [`SessionPort::expired`] is to be called: the peer owes a HELLO, an answer to CHALLENGE or a GOODBYE, or a
    /// call takes too long. Asked after every turn of the connection's task and after [`SessionSink::nudge`]; a moment
    /// that has passed means at once.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline passed.
    fn expired(&mut self, now: Instant) -> Flow;

    /// The node is draining: says GOODBYE to an open session.
    fn drain(&mut self) -> Flow;

    /// The transport is gone or going. Nothing is sent any more.
    fn closed(&mut self, why: CloseReason);
}

/// The transport's half of one peer: where messages to it go.
pub trait SessionSink: Send + Sync {
    /// How messages to this peer are serialized. Whoever offers encodes so.
    fn serializer(&self) -> Serializer;

    /// Queues one message. Never blocks and never re-enters the router.
    fn offer(&self, out: Outgoing<'_>) -> Offered;

    /// The same for a message that goes to many. What the transport had to work for with one of them is kept in
    /// `prepared` for the next; most transports have nothing of the kind.
    fn offer_to_many(&self, out: Outgoing<'_>, prepared: &Prepared) -> Offered {
        let _ = prepared;
        self.offer(out)
    }

    /// Asks the connection's task to end the session and close the transport for this reason. What is queued is
    /// written first.
    fn close(&self, why: CloseReason);

    /// Wakes the connection's task, so that it asks for [`SessionPort::deadline`]: the router has something to do for
    /// the session that is the session's own task to do.
    fn nudge(&self);

    /// Ready when the queue takes messages again after [`Offered::Full`], or never will.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// One message to one peer.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// What kind of message it is.
    pub class: Class,
    /// The message.
    pub message: Encoded<'a>,
}

/// How a message counts when a queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Counts against the bound.
    Normal,
    /// Always fits: GOODBYE and ABORT.
    Farewell,
}

/// What the router wants next from a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More messages.
    Continue,
    /// None for now: stop reading this peer, keep writing to it, ask [`SessionPort::poll_ready`].
    Pause,
    /// The transport is to be closed after what is queued is written.
    Close(CloseReason),
}

/// Why a transport or session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// By agreement, or after the router refused the session with ABORT.
    Normal,
    /// The node stops.
    SystemShutdown,
    /// The peer broke the protocol.
    ProtocolViolation,
    /// The peer was too slow to take what it asked for.
    SlowConsumer,
    /// The peer did not say HELLO, answer a challenge or say GOODBYE in time.
    Timeout,
    /// The connection broke or the peer closed it without GOODBYE.
    TransportLost,
    /// A fault of ours.
    Internal,
}

/// Why a router does not go on with a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The peer broke the protocol.
    #[error("{0}")]
    Violation(Refusal),
}

/// The text of an ABORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason URI, such as `wamp.error.protocol_violation`.
    pub reason: Text,
    /// A sentence for people.
    pub message: Text,
}

impl Refusal {
    /// A protocol violation.
    pub fn violation(message: impl Into<Text>) -> Self {
        Refusal { reason: Text::from_static(crate::uri::PROTOCOL_VIOLATION), message: message.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}
