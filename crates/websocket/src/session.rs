//! One WAMP peer over WebSocket: what is done with each frame, each moment and each wish to close.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use transom_base::{ConnInfo, End, Flow, Outbox, Protocol, ServeError};
use transom_wamp::{
    CloseReason, Flow as SessionFlow, Link, RouterPort, Serializer, SessionSink, TransportDetails,
};

use crate::ping::{Due, Pings};
use crate::sink::WebSocketSink;
use crate::{CloseCode, CloseFrame, Control, Decoder, Event, FrameError, WebSocketSettings};

/// A WAMP peer after the handshake, to be driven by [`transom_base::drive`]. It holds no buffer: an idle one costs a
/// few hundred bytes.
pub struct WebSocketSession {
    settings: Arc<WebSocketSettings>,
    decoder: Decoder,
    link: Link,
    sink: Arc<WebSocketSink>,
    pings: Pings,
    stage: Stage,
    /// The router takes nothing from this peer for now, so nothing is read.
    paused: bool,
    draining: bool,
    /// What went wrong below WAMP. Boxed: most sessions never have one.
    fault: Option<Box<ServeError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Our close frame is queued and nothing but the peer's is awaited.
    Closing {
        until: Option<Instant>,
    },
}

impl WebSocketSession {
    /// A peer that speaks with `serializer` and has said nothing yet. Must be called inside a tokio runtime.
    pub fn new(
        settings: Arc<WebSocketSettings>,
        serializer: Serializer,
        info: Arc<ConnInfo>,
        router: &dyn RouterPort,
    ) -> Self {
        let sink = Arc::new(WebSocketSink::new(serializer, settings.framing(), settings.max_send_queue));
        let mut details = TransportDetails::new(serializer, "websocket", info);
        details.hello_timeout = settings.hello_timeout;
        let link = Link::new(router, details, sink.clone());
        WebSocketSession {
            decoder: Decoder::new(settings.rules()),
            pings: Pings::start(Instant::now(), &settings),
            link,
            sink,
            settings,
            stage: Stage::Open,
            paused: false,
            draining: false,
            fault: None,
        }
    }

    fn message(&mut self, text: bool, data: Bytes) -> Flow {
        if self.stage != Stage::Open {
            return Flow::Read;
        }
        let serializer = self.sink.serializer();
        let flow = if text == serializer.is_text() {
            self.link.receive(data)
        } else {
            let kind = if text { "text" } else { "binary" };
            self.link.violation(format!("received a {kind} message, which {serializer} does not use"))
        };
        self.follow(flow)
    }

    fn follow(&mut self, flow: SessionFlow) -> Flow {
        match flow {
            SessionFlow::Continue => Flow::Read,
            SessionFlow::Pause => {
                self.paused = true;
                Flow::Pause
            }
            SessionFlow::Close(reason) => self.close(reason),
        }
    }

    /// Ends for a reason of the session: our close frame is sent and the peer's awaited.
    fn close(&mut self, reason: CloseReason) -> Flow {
        if self.stage != Stage::Open {
            return Flow::Read;
        }
        if reason == CloseReason::ProtocolViolation && self.settings.fail_by_drop {
            return Flow::Close;
        }
        let frame = self.farewell(reason);
        self.sink.finish(Some(&frame));
        let timeout = self.settings.close_handshake_timeout;
        self.stage = Stage::Closing { until: timeout.and_then(|time| Instant::now().checked_add(time)) };
        Flow::Read
    }

    fn farewell(&self, reason: CloseReason) -> CloseFrame {
        let violation = self.link.end().and_then(|end| end.violation.as_ref());
        match reason {
            CloseReason::Normal if !self.draining => CloseFrame::new(CloseCode::Normal, ""),
            CloseReason::Normal | CloseReason::SystemShutdown => {
                CloseFrame::new(CloseCode::Away, "the node is shutting down")
            }
            CloseReason::ProtocolViolation => match violation {
                Some(text) => CloseFrame::new(CloseCode::Protocol, format!("WAMP Protocol Error: {text}")),
                None => CloseFrame::new(CloseCode::Protocol, "WAMP Protocol Error"),
            },
            CloseReason::SlowConsumer => {
                CloseFrame::new(CloseCode::Policy, "messages were not taken fast enough")
            }
            CloseReason::Timeout => CloseFrame::new(CloseCode::Policy, "WAMP handshake took too long"),
            CloseReason::TransportLost => CloseFrame::new(CloseCode::Away, ""),
            _ => CloseFrame::new(CloseCode::Error, "WAMP Internal Error"),
        }
    }

    /// The peer broke RFC 6455 or a limit. What follows cannot be read, not even its close frame.
    fn fail(&mut self, error: FrameError) -> Flow {
        if self.stage != Stage::Open {
            return Flow::Close;
        }
        self.link.close(CloseReason::ProtocolViolation);
        let text = error.to_string();
        let code = error.code();
        self.fault = Some(Box::new(match code {
            CloseCode::Size | CloseCode::Policy => ServeError::Limit(text.clone()),
            _ => ServeError::Protocol(text.clone()),
        }));
        if self.settings.fail_by_drop {
            return Flow::Abort;
        }
        self.sink.finish(Some(&CloseFrame::new(code, text)));
        Flow::Close
    }

    /// The peer sent a close frame: answered, unless it is itself the answer.
    fn closed_by_peer(&mut self, frame: Option<&CloseFrame>) -> Flow {
        if self.stage == Stage::Open {
            self.link.close(CloseReason::TransportLost);
            let normal = CloseFrame::new(CloseCode::Normal, "");
            self.sink.finish(if self.settings.echo_close_codereason { frame } else { Some(&normal) });
        }
        Flow::Close
    }

    fn late(&mut self, text: String) -> Flow {
        self.fault = Some(Box::new(ServeError::Timeout(text)));
        Flow::Abort
    }
}

impl Protocol for WebSocketSession {
    fn receive(&mut self, input: &mut BytesMut) -> Flow {
        let mut traffic = false;
        let flow = loop {
            let flow = match self.decoder.decode(input) {
                Ok(Some(Event::Message { text, data })) => {
                    traffic = true;
                    self.message(text, data)
                }
                Ok(Some(Event::Ping(payload))) => {
                    self.sink.control(Control::Pong, &payload);
                    Flow::Read
                }
                Ok(Some(Event::Pong(payload))) => {
                    self.pings.pong(&payload, &self.settings);
                    Flow::Read
                }
                Ok(Some(Event::Close(frame))) => self.closed_by_peer(frame.as_ref()),
                Ok(None) => break Flow::Read,
                Err(error) => self.fail(error),
            };
            if flow != Flow::Read {
                break flow;
            }
        };
        if traffic {
            self.pings.traffic(&self.settings);
        }
        flow
    }

    fn wanted(&self, _input: &[u8]) -> usize {
        self.decoder.wanted()
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        let flow = match self.stage {
            Stage::Open => match self.link.poll_ready(cx) {
                Poll::Ready(flow) => flow,
                Poll::Pending => return Poll::Pending,
            },
            // The close frame was queued meanwhile: reading goes on, to find the peer's.
            Stage::Closing { .. } => SessionFlow::Continue,
        };
        self.paused = false;
        self.pings.resume(&self.settings);
        Poll::Ready(self.follow(flow))
    }

    fn nudged(&mut self) -> Flow {
        match self.sink.closing() {
            Some(reason) => {
                self.link.close(reason);
                self.close(reason)
            }
            None => Flow::Read,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Open => {
                let pings = self.pings.deadline(!self.paused);
                self.link.deadline().into_iter().chain(pings).min()
            }
            Stage::Closing { until } => until,
        }
    }

    fn expired(&mut self, now: Instant) -> Flow {
        if let Stage::Closing { until } = self.stage {
            return match until {
                Some(until) if until <= now => self.late("the close frame was not answered in time".into()),
                _ => Flow::Read,
            };
        }
        if self.link.deadline().is_some_and(|at| at <= now) {
            let flow = self.link.expired(now);
            let flow = self.follow(flow);
            if flow != Flow::Read || self.stage != Stage::Open {
                return flow;
            }
        }
        match self.pings.expired(now, !self.paused, &self.settings) {
            Due::Nothing => Flow::Read,
            Due::Ping(payload) => {
                self.sink.control(Control::Ping, payload.as_slice());
                Flow::Read
            }
            Due::Gone => self.late("a ping was not answered in time".into()),
        }
    }

    fn drain(&mut self) -> Flow {
        self.draining = true;
        if self.stage != Stage::Open {
            return Flow::Read;
        }
        let flow = self.link.drain();
        self.follow(flow)
    }

    fn outbox(&self) -> &Outbox {
        &self.sink.outbox
    }

    fn finish(&mut self, end: End) -> Result<(), ServeError> {
        let open = self.stage == Stage::Open;
        self.link.close(CloseReason::TransportLost);
        if let Some(fault) = self.fault.take() {
            return Err(*fault);
        }
        match end {
            End::Aborted => return Err(ServeError::Aborted),
            End::Broken(error) if open => return Err(ServeError::Io(error)),
            _ => {}
        }
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

impl std::fmt::Debug for WebSocketSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocketSession")
            .field("stage", &self.stage)
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
