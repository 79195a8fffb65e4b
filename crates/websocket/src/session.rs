//! WAMP as what is spoken over a WebSocket, by a server or a client.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;
use transom_base::{ConnInfo, ServeError};
use transom_wamp::{
    Batch, CloseReason, Flow, Link, RouterPort, SessionSink, Subprotocol, Text, TransportDetails,
};

use crate::sink::WampSink;
use crate::{
    Application, CloseCode, CloseFrame, Deflate, Role, WebSocketConnection, WebSocketSender,
    WebSocketSettings,
};

/// Messages of one batch that are taken before others have their turn.
const BATCH_TURN: usize = 256;

/// A WAMP peer after the handshake, to be driven by [`transom_base::drive`].
pub type WebSocketSession = WebSocketConnection<WampApplication>;

/// What the handshake of a WAMP connection agreed on.
#[derive(Debug)]
pub struct Agreement {
    /// How messages are written, one by one or in batches.
    pub subprotocol: Subprotocol,
    /// How they are compressed.
    pub deflate: Option<Deflate>,
    /// The cookie by which the server knows the client's browser.
    pub cookie: Option<Text>,
}

/// One WAMP peer between its WebSocket and the router.
pub struct WampApplication {
    link: Link,
    sink: Arc<WampSink>,
    batched: bool,
    /// Whether anything came. A client says first what ends the messages of its batches.
    heard: bool,
    /// The router takes nothing for now.
    paused: bool,
    /// What is left of a batch.
    rest: Option<Box<Batch>>,
}

impl WebSocketSession {
    /// A peer that has said nothing yet, on our side of a connection whose handshake is done. The other end of its
    /// session is opened at `router`; on the client's side that is whoever uses the session.
    /// Must be called inside a tokio runtime.
    pub fn new(
        settings: Arc<WebSocketSettings>,
        role: Role,
        agreed: Agreement,
        info: Arc<ConnInfo>,
        router: &dyn RouterPort,
    ) -> Self {
        let Agreement { subprotocol, deflate, cookie } = agreed;
        let sink = Arc::new(WampSink::new(&settings, role, subprotocol, deflate.as_ref()));
        let mut details = TransportDetails::new(subprotocol.serializer, "websocket", info);
        details.hello_timeout = settings.hello_timeout;
        details.cookie = cookie;
        let link = Link::new(router, details, sink.clone());
        let wamp = WampApplication {
            link,
            sink,
            batched: subprotocol.batched,
            heard: false,
            paused: false,
            rest: None,
        };
        WebSocketConnection::open(settings, role, deflate, wamp)
    }
}

impl WampApplication {
    fn one(&mut self, message: Bytes) -> Flow {
        let flow = self.link.receive(message);
        self.paused = flow == Flow::Pause;
        flow
    }

    fn batch(&mut self, data: Bytes) -> Flow {
        match Batch::new(self.sink.serializer(), data) {
            Ok(batch) => {
                if !std::mem::replace(&mut self.heard, true)
                    && let Some(separator) = batch.separator()
                {
                    self.sink.sender.set_separator(separator);
                }
                self.go_on(Box::new(batch))
            }
            Err(error) => self.link.violation(error.to_string()),
        }
    }

    /// Takes the messages of a batch, as many as are taken at once.
    fn go_on(&mut self, mut batch: Box<Batch>) -> Flow {
        for _ in 0..BATCH_TURN {
            let message = match batch.next() {
                Ok(Some(message)) => message,
                Ok(None) => return Flow::Continue,
                Err(error) => return self.link.violation(error.to_string()),
            };
            match self.one(message) {
                Flow::Continue => {}
                Flow::Pause => break,
                close @ Flow::Close(_) => return close,
            }
        }
        self.rest = Some(batch);
        Flow::Pause
    }

    fn violation(&self) -> Option<&Text> {
        self.link.end().and_then(|end| end.violation.as_ref())
    }
}

impl Application for WampApplication {
    fn sender(&self) -> &WebSocketSender {
        &self.sink.sender
    }

    fn message(&mut self, text: bool, data: Bytes) -> Flow {
        let serializer = self.sink.serializer();
        if text != serializer.is_text() {
            let kind = if text { "text" } else { "binary" };
            return self
                .link
                .violation(format!("received a {kind} message, which {serializer} does not use"));
        }
        if self.batched { self.batch(data) } else { self.one(data) }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        if self.paused {
            match self.link.poll_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Flow::Continue) => self.paused = false,
                Poll::Ready(other) => return Poll::Ready(other),
            }
        }
        Poll::Ready(match self.rest.take() {
            Some(batch) => self.go_on(batch),
            None => Flow::Continue,
        })
    }

    fn deadline(&self) -> Option<Instant> {
        self.link.deadline()
    }

    fn expired(&mut self, now: Instant) -> Flow {
        self.link.expired(now)
    }

    fn drain(&mut self) -> Flow {
        self.link.drain()
    }

    fn close(&mut self, reason: CloseReason) {
        self.link.close(reason);
    }

    fn farewell(&self, reason: CloseReason) -> Option<CloseFrame> {
        Some(match reason {
            CloseReason::ProtocolViolation => match self.violation() {
                Some(text) => CloseFrame::new(CloseCode::Protocol, format!("WAMP Protocol Error: {text}")),
                None => CloseFrame::new(CloseCode::Protocol, "WAMP Protocol Error"),
            },
            CloseReason::Timeout => CloseFrame::new(CloseCode::Policy, "WAMP handshake took too long"),
            CloseReason::Internal => CloseFrame::new(CloseCode::Error, "WAMP Internal Error"),
            _ => return None,
        })
    }

    fn outcome(&self) -> Result<(), ServeError> {
        let Some(end) = self.link.end() else { return Ok(()) };
        match (end.reason, &end.violation) {
            (CloseReason::ProtocolViolation, Some(text)) => Err(ServeError::Protocol(text.to_string())),
            (CloseReason::ProtocolViolation, None) => {
                Err(ServeError::Protocol("the peer broke the WAMP protocol".into()))
            }
            (CloseReason::SlowConsumer, _) => {
                Err(ServeError::Limit("the peer did not take its messages fast enough".into()))
            }
            (CloseReason::Timeout, _) => Err(ServeError::Timeout(
                "the peer did not take its part in the WAMP handshake in time".into(),
            )),
            (CloseReason::Internal, _) => Err(ServeError::Internal("the session failed".into())),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for WampApplication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WampApplication").field("sink", &self.sink).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
