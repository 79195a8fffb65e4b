//! What every transport does with its messages, once: decodes them, hands them to the router's port, answers a
//! violation with ABORT, and knows why the session ended. Framing and I/O stay with the transport.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    Abort, Class, CloseReason, Encoder, Flow, Message, Outgoing, Refusal, RouterPort, SessionError,
    SessionPort, SessionSink, Text, TransportDetails, codec,
};

/// One peer between its transport and the router.
pub struct Link {
    port: Box<dyn SessionPort>,
    sink: Arc<dyn SessionSink>,
    end: Option<LinkEnd>,
}

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEnd {
    /// The reason.
    pub reason: CloseReason,
    /// What the peer did wrong, for its close frame and for the log.
    pub violation: Option<Text>,
}

impl Link {
    /// Opens a session port for a peer whose messages go to `sink`.
    pub fn new(router: &dyn RouterPort, details: TransportDetails, sink: Arc<dyn SessionSink>) -> Self {
        let port = router.open(details, sink.clone());
        Link { port, sink, end: None }
    }

    /// Takes one frame: one serialized message.
    pub fn receive(&mut self, frame: Bytes) -> Flow {
        if let Some(end) = &self.end {
            return Flow::Close(end.reason);
        }
        let result = match codec::decode(self.sink.serializer(), frame) {
            Ok(message) => self.port.receive(message),
            Err(error) => return self.violation(error.to_string()),
        };
        match result {
            Ok(flow) => self.follow(flow),
            Err(SessionError::Violation(refusal)) => self.refuse(refusal),
        }
    }

    /// The peer broke the protocol in its framing of messages, such as a binary frame for JSON.
    pub fn violation(&mut self, message: impl Into<Text>) -> Flow {
        self.refuse(Refusal::violation(message))
    }

    /// After [`Flow::Pause`]: what comes next.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        match &self.end {
            Some(end) => Poll::Ready(Flow::Close(end.reason)),
            None => self.port.poll_ready(cx).map(|flow| self.follow(flow)),
        }
    }

    /// When [`Link::expired`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        if self.end.is_some() { None } else { self.port.deadline() }
    }

    /// The deadline passed.
    pub fn expired(&mut self, now: Instant) -> Flow {
        let flow = self.port.expired(now);
        self.follow(flow)
    }

    /// The node is draining.
    pub fn drain(&mut self) -> Flow {
        let flow = self.port.drain();
        self.follow(flow)
    }

    /// Ends the session. The first reason counts; later calls change nothing.
    pub fn close(&mut self, reason: CloseReason) {
        if self.end.is_none() {
            self.end = Some(LinkEnd { reason, violation: None });
            self.port.closed(reason);
        }
    }

    /// Why it ended, when it has.
    pub fn end(&self) -> Option<&LinkEnd> {
        self.end.as_ref()
    }

    fn refuse(&mut self, refusal: Refusal) -> Flow {
        let reason = CloseReason::ProtocolViolation;
        let abort = Message::Abort(Abort { message: Some(refusal.message.clone()), reason: refusal.reason });
        let mut encoder = Encoder::default();
        let message = encoder.encode(self.sink.serializer(), &abort);
        // Closed is the only other answer, and then there is nobody to tell.
        let _ = self.sink.offer(Outgoing { class: Class::Farewell, message });
        self.end = Some(LinkEnd { reason, violation: Some(refusal.message) });
        self.port.closed(reason);
        Flow::Close(reason)
    }

    fn follow(&mut self, flow: Flow) -> Flow {
        if let Flow::Close(reason) = flow {
            self.close(reason);
        }
        flow
    }
}
