//! One connection after its handshake: what is done with each frame, each moment and each wish to close, whatever is
//! spoken over it.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use transom_base::{End, Flow, Outbox, Protocol, Queue, Queued, ServeError};
use transom_wamp::{CloseReason, Flow as Wish};

use crate::ping::{Due, Pings};
use crate::seal::Sealer;
use crate::{
    CloseCode, CloseFrame, Control, Decoder, Deflate, Event, FrameError, Role, WebSocketSender,
    WebSocketSettings,
};

/// What is spoken over a WebSocket connection, without I/O. Its answers go to [`Application::sender`].
pub trait Application: Send {
    /// Where messages to the peer go.
    fn sender(&self) -> &WebSocketSender;

    /// Takes a message.
    fn message(&mut self, text: bool, data: Bytes) -> Wish;

    /// After [`transom_wamp::Flow::Pause`]: what comes next, when it is known.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Wish>;

    /// When [`Application::expired`] is to be called.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline passed.
    fn expired(&mut self, now: Instant) -> Wish {
        let _ = now;
        Wish::Continue
    }

    /// The node is draining.
    fn drain(&mut self) -> Wish {
        Wish::Close(CloseReason::SystemShutdown)
    }

    /// The connection ends for this reason. The first reason counts; later calls change nothing.
    fn close(&mut self, reason: CloseReason);

    /// The close frame for a reason, where it needs words of its own.
    fn farewell(&self, reason: CloseReason) -> Option<CloseFrame> {
        let _ = reason;
        None
    }

    /// How it ended, for the log; asked once, after the end.
    fn outcome(&self) -> Result<(), ServeError> {
        Ok(())
    }
}

/// A connection after the handshake, to be driven by [`transom_base::drive`]. It holds no buffer: an idle one costs a
/// few hundred bytes.
pub struct WebSocketConnection<A> {
    settings: Arc<WebSocketSettings>,
    decoder: Decoder,
    application: A,
    /// Where messages are compressed or batched.
    sealer: Option<Box<Sealer>>,
    pings: Pings,
    stage: Stage,
    /// The application takes nothing from this peer for now, so nothing is read.
    paused: bool,
    draining: bool,
    /// What went wrong below the application. Boxed: most connections never have one.
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

impl<A: Application> WebSocketConnection<A> {
    /// Our side of a connection whose handshake is done. The application's sender was made for the same role and
    /// agreement. Must be called inside a tokio runtime.
    pub fn open(
        settings: Arc<WebSocketSettings>,
        role: Role,
        agreed: Option<Deflate>,
        application: A,
    ) -> Self {
        let rules = settings.rules(role);
        WebSocketConnection {
            decoder: match &agreed {
                Some(agreed) => Decoder::with_deflate(rules, agreed),
                None => Decoder::new(rules),
            },
            pings: Pings::start(Instant::now(), &settings),
            sealer: Sealer::new(application.sender(), agreed),
            application,
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
        let wish = self.application.message(text, data);
        self.follow(wish)
    }

    fn follow(&mut self, wish: Wish) -> Flow {
        match wish {
            Wish::Continue => Flow::Read,
            Wish::Pause => {
                self.paused = true;
                Flow::Pause
            }
            Wish::Close(reason) => self.close(reason),
        }
    }

    /// Ends for a reason of the application: our close frame is sent and the peer's awaited.
    fn close(&mut self, reason: CloseReason) -> Flow {
        if self.stage != Stage::Open {
            return Flow::Read;
        }
        if reason == CloseReason::ProtocolViolation && self.settings.fail_by_drop {
            return Flow::Close;
        }
        let frame = self.application.farewell(reason).unwrap_or_else(|| self.farewell(reason));
        self.application.sender().finish(Some(&frame));
        let timeout = self.settings.close_handshake_timeout;
        self.stage = Stage::Closing { until: timeout.and_then(|time| Instant::now().checked_add(time)) };
        Flow::Read
    }

    fn farewell(&self, reason: CloseReason) -> CloseFrame {
        match reason {
            CloseReason::Normal if !self.draining => CloseFrame::new(CloseCode::Normal, ""),
            CloseReason::Normal | CloseReason::SystemShutdown => {
                CloseFrame::new(CloseCode::Away, "the node is shutting down")
            }
            CloseReason::ProtocolViolation => CloseFrame::new(CloseCode::Protocol, ""),
            CloseReason::SlowConsumer => {
                CloseFrame::new(CloseCode::Policy, "messages were not taken fast enough")
            }
            CloseReason::Timeout => CloseFrame::new(CloseCode::Policy, "no answer came in time"),
            CloseReason::TransportLost => CloseFrame::new(CloseCode::Away, ""),
            _ => CloseFrame::new(CloseCode::Error, "internal error"),
        }
    }

    /// The peer broke RFC 6455 or a limit. What follows cannot be read, not even its close frame.
    fn fail(&mut self, error: FrameError) -> Flow {
        if self.stage != Stage::Open {
            return Flow::Close;
        }
        self.application.close(CloseReason::ProtocolViolation);
        let text = error.to_string();
        let code = error.code();
        self.fault = Some(Box::new(match code {
            CloseCode::Size | CloseCode::Policy => ServeError::Limit(text.clone()),
            _ => ServeError::Protocol(text.clone()),
        }));
        if self.settings.fail_by_drop {
            return Flow::Abort;
        }
        self.application.sender().finish(Some(&CloseFrame::new(code, text)));
        Flow::Close
    }

    /// The peer sent a close frame: answered, unless it is itself the answer.
    fn closed_by_peer(&mut self, frame: Option<&CloseFrame>) -> Flow {
        if self.stage == Stage::Open {
            self.application.close(CloseReason::TransportLost);
            let normal = CloseFrame::new(CloseCode::Normal, "");
            let answer = if self.settings.echo_close_codereason { frame } else { Some(&normal) };
            self.application.sender().finish(answer);
        }
        Flow::Close
    }

    fn late(&mut self, text: String) -> Flow {
        self.fault = Some(Box::new(ServeError::Timeout(text)));
        Flow::Abort
    }
}

impl<A: Application> Protocol for WebSocketConnection<A> {
    fn receive(&mut self, input: &mut BytesMut) -> Flow {
        let mut traffic = false;
        let flow = loop {
            let flow = match self.decoder.decode(input) {
                Ok(Some(Event::Message { text, data })) => {
                    traffic = true;
                    self.message(text, data)
                }
                Ok(Some(Event::Ping(payload))) => {
                    self.application.sender().control(Control::Pong, &payload);
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
        let wish = match self.stage {
            Stage::Open => match self.application.poll_ready(cx) {
                Poll::Ready(wish) => wish,
                Poll::Pending => return Poll::Pending,
            },
            // The close frame was queued meanwhile: reading goes on, to find the peer's.
            Stage::Closing { .. } => Wish::Continue,
        };
        self.paused = false;
        self.pings.resume(&self.settings);
        Poll::Ready(self.follow(wish))
    }

    fn nudged(&mut self) -> Flow {
        match self.application.sender().closing() {
            Some(reason) => {
                self.application.close(reason);
                self.close(reason)
            }
            None => Flow::Read,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Open => {
                let pings = self.pings.deadline(!self.paused);
                self.application.deadline().into_iter().chain(pings).min()
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
        if self.application.deadline().is_some_and(|at| at <= now) {
            let wish = self.application.expired(now);
            let flow = self.follow(wish);
            if flow != Flow::Read || self.stage != Stage::Open {
                return flow;
            }
        }
        match self.pings.expired(now, !self.paused, &self.settings) {
            Due::Nothing => Flow::Read,
            Due::Ping(payload) => {
                self.application.sender().control(Control::Ping, payload.as_slice());
                // Nothing was said for a while.
                self.decoder.rest();
                if let Some(sealer) = &mut self.sealer {
                    sealer.rest();
                }
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
        let wish = self.application.drain();
        self.follow(wish)
    }

    fn outbox(&self) -> &Outbox {
        &self.application.sender().outbox
    }

    fn seals(&self) -> bool {
        self.sealer.is_some()
    }

    fn seal(&mut self, queued: &mut Queued, out: &mut Queue) {
        if let Some(sealer) = &mut self.sealer {
            sealer.seal(self.application.sender(), queued, out);
        }
    }

    fn finish(&mut self, end: End) -> Result<(), ServeError> {
        let open = self.stage == Stage::Open;
        self.application.close(CloseReason::TransportLost);
        if let Some(fault) = self.fault.take() {
            return Err(*fault);
        }
        match end {
            End::Aborted => return Err(ServeError::Aborted),
            End::Broken(error) if open => return Err(ServeError::Io(error)),
            _ => {}
        }
        self.application.outcome()
    }
}

impl<A> std::fmt::Debug for WebSocketConnection<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocketConnection")
            .field("stage", &self.stage)
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}
