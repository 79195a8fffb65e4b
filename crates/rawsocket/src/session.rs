//! One connection: the handshake, then frames to and from a [`Link`].

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use transom_base::{ConnInfo, Deadline, End, Flow, Offered, Outbox, Protocol, ServeError};
use transom_wamp::{CloseReason, Flow as LinkFlow, Link, RouterPort, Serializer, TransportDetails};

use crate::frame::{self, Frame, Kind, Prefix};
use crate::handshake::{HandshakeError, LEN, Reply, Request};
use crate::sink::Sink;
use crate::{MaxLength, Settings, hint};

/// WAMP over RawSocket on one connection, to be driven by [`transom_base::drive`]. Kept small: most sessions are idle.
pub struct RawSocketSession {
    stage: Stage,
}

enum Stage {
    /// Boxed, so that an open session does not carry its memory.
    Greeting(Box<Greeting>),
    Open(Open),
}

/// Before the handshake is done.
struct Greeting {
    settings: Arc<Settings>,
    router: Arc<dyn RouterPort>,
    info: Option<ConnInfo>,
    outbox: Outbox,
    deadline: Deadline,
    /// Whether any octet came.
    begun: bool,
    fault: Option<ServeError>,
}

/// After the handshake.
struct Open {
    link: Link,
    sink: Arc<Sink>,
    /// The longest payload taken from the peer.
    max_length: MaxLength,
    /// The longest payload that the peer takes.
    peer_accepts: MaxLength,
    /// A PONG that found no room in the queue. While it waits nothing is read.
    owed: Option<Box<Bytes>>,
    ping: Option<Box<Ping>>,
}

/// The watch over a silent peer.
struct Ping {
    interval: Duration,
    timeout: Option<Duration>,
    /// When something came last, or was last allowed to.
    heard: Instant,
    /// When the PING went out that nothing followed yet.
    sent: Option<Instant>,
    /// Nothing is read from the peer, so its silence means nothing.
    deaf: bool,
    /// The peer stayed silent.
    lost: bool,
}

impl RawSocketSession {
    /// The client's side of a connection after [`connect`](crate::connect), which told what the server accepts. The
    /// session is opened at `user`: whoever uses it takes the router's place there. Must be called inside a tokio
    /// runtime.
    pub fn client(
        settings: &Settings,
        serializer: Serializer,
        server_accepts: MaxLength,
        info: Arc<ConnInfo>,
        user: &dyn RouterPort,
    ) -> Self {
        let outbox = Outbox::new(settings.max_send_queue);
        RawSocketSession {
            stage: Stage::Open(Open::new(settings, outbox, serializer, server_accepts, info, user)),
        }
    }

    pub(crate) fn new(settings: Arc<Settings>, router: Arc<dyn RouterPort>, info: ConnInfo) -> Self {
        let greeting = Greeting {
            outbox: Outbox::new(settings.max_send_queue),
            deadline: Deadline::after(settings.handshake_timeout),
            settings,
            router,
            info: Some(info),
            begun: false,
            fault: None,
        };
        RawSocketSession { stage: Stage::Greeting(Box::new(greeting)) }
    }
}

impl Protocol for RawSocketSession {
    fn receive(&mut self, input: &mut BytesMut) -> Flow {
        if let Stage::Greeting(greeting) = &mut self.stage {
            match greeting.receive(input) {
                Ok(Some(open)) => self.stage = Stage::Open(open),
                Ok(None) => return Flow::Read,
                Err(fault) => {
                    greeting.fault = Some(fault);
                    return Flow::Close;
                }
            }
        }
        match &mut self.stage {
            Stage::Open(open) => open.receive(input),
            Stage::Greeting(_) => Flow::Read,
        }
    }

    fn wanted(&self, input: &[u8]) -> usize {
        match &self.stage {
            Stage::Open(open) => frame::wanted(input, open.max_length.octets()),
            Stage::Greeting(_) => LEN,
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        match &mut self.stage {
            Stage::Open(open) => open.poll_ready(cx),
            Stage::Greeting(_) => Poll::Ready(Flow::Read),
        }
    }

    fn nudged(&mut self) -> Flow {
        match &mut self.stage {
            Stage::Open(open) => match open.sink.closing() {
                Some(reason) => {
                    open.link.close(reason);
                    Flow::Close
                }
                None => Flow::Read,
            },
            Stage::Greeting(_) => Flow::Read,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Greeting(greeting) => greeting.deadline.instant(),
            Stage::Open(open) => open.deadline(),
        }
    }

    fn expired(&mut self, now: Instant) -> Flow {
        match &mut self.stage {
            Stage::Greeting(greeting) => {
                greeting.fault = Some(ServeError::Timeout("no RawSocket handshake came in time".to_owned()));
                Flow::Abort
            }
            Stage::Open(open) => open.expired(now),
        }
    }

    fn drain(&mut self) -> Flow {
        match &mut self.stage {
            Stage::Greeting(_) => Flow::Close,
            Stage::Open(open) => {
                let flow = open.link.drain();
                open.follow(flow)
            }
        }
    }

    fn outbox(&self) -> &Outbox {
        match &self.stage {
            Stage::Greeting(greeting) => &greeting.outbox,
            Stage::Open(open) => &open.sink.outbox,
        }
    }

    fn finish(&mut self, end: End) -> Result<(), ServeError> {
        match &mut self.stage {
            Stage::Greeting(greeting) => greeting.finish(end),
            Stage::Open(open) => open.finish(end),
        }
    }
}

impl Greeting {
    /// Reads the handshake and answers it; the open session when it is done.
    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Open>, ServeError> {
        self.begun |= !input.is_empty();
        let supported = |number| self.settings.serializer(number).is_some();
        let request = match Request::parse(input, supported) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(None),
            Err(HandshakeError::Refused(refusal)) => {
                self.say(Reply::Refuse(refusal));
                return Err(ServeError::Protocol(format!("RawSocket handshake refused: {refusal}")));
            }
            Err(_) => return Err(ServeError::Protocol(hint::wrong_protocol(input))),
        };
        // Both are there: the serializer was just found, and the facts are taken only here.
        let (Some(serializer), Some(info)) = (self.settings.serializer(request.serializer), self.info.take())
        else {
            return Err(ServeError::Internal("the RawSocket handshake was done twice".to_owned()));
        };
        drop(input.split_to(LEN));
        let max_length = self.settings.max_message_size;
        self.say(Reply::Accept(Request { max_length, ..request }));

        let outbox = std::mem::replace(&mut self.outbox, Outbox::new(0));
        let (settings, info) = (&*self.settings, Arc::new(info));
        Ok(Some(Open::new(settings, outbox, serializer, request.max_length, info, &*self.router)))
    }

    fn say(&self, reply: Reply) {
        // An empty queue takes four octets.
        let _ = self.outbox.offer(LEN, true, |queue| queue.copy(&reply.to_octets()));
    }

    fn finish(&mut self, end: End) -> Result<(), ServeError> {
        match (self.fault.take(), end) {
            (Some(fault), _) => Err(fault),
            (None, End::Aborted) => Err(ServeError::Aborted),
            (None, End::Broken(error)) => Err(ServeError::Io(error)),
            (None, End::Eof) if self.begun => Err(ServeError::Protocol(
                "the connection was closed within the RawSocket handshake".to_owned(),
            )),
            // Somebody looked whether the port is open, or the node is draining.
            (None, End::Eof | End::Closed) => Ok(()),
        }
    }
}

impl Open {
    fn new(
        settings: &Settings,
        outbox: Outbox,
        serializer: Serializer,
        peer_accepts: MaxLength,
        info: Arc<ConnInfo>,
        router: &dyn RouterPort,
    ) -> Self {
        let max_outgoing = peer_accepts.sendable();
        let sink = Arc::new(Sink::new(outbox, serializer, max_outgoing));
        let mut details = TransportDetails::new(serializer, "rawsocket", info);
        details.max_outgoing = max_outgoing;
        details.hello_timeout = settings.hello_timeout;
        let link = Link::new(router, details, sink.clone());
        let ping = settings
            .ping_interval
            .map(|interval| Box::new(Ping::new(interval, settings.ping_timeout, Instant::now())));
        Open { link, sink, max_length: settings.max_message_size, peer_accepts, owed: None, ping }
    }

    fn receive(&mut self, input: &mut BytesMut) -> Flow {
        if let Some(ping) = &mut self.ping {
            ping.heard(Instant::now());
        }
        loop {
            let flow = match frame::take(input, self.max_length.octets()) {
                Ok(Some(Frame { kind: Kind::Message, payload })) => self.link.receive(payload),
                Ok(Some(Frame { kind: Kind::Ping, payload })) => self.pong(payload),
                Ok(Some(Frame { kind: Kind::Pong, .. })) => LinkFlow::Continue,
                Ok(None) => return Flow::Read,
                Err(error) => self.link.violation(error.to_string()),
            };
            if flow != LinkFlow::Continue {
                return self.follow(flow);
            }
        }
    }

    /// Answers a PING; when the queue is full nothing more is read until there is room.
    fn pong(&mut self, payload: Bytes) -> LinkFlow {
        if payload.len() > self.peer_accepts.octets() {
            return self.link.violation("a PING is longer than its sender accepts");
        }
        let prefix = Prefix { kind: Kind::Pong, len: payload.len() }.to_octets();
        let offered = self.sink.outbox.offer(prefix.len() + payload.len(), false, |queue| {
            queue.copy(&prefix);
            queue.share(&payload);
        });
        if offered == Offered::Full {
            self.owed = Some(Box::new(payload));
            return LinkFlow::Pause;
        }
        LinkFlow::Continue
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        let flow = match self.owed.take() {
            Some(payload) => {
                if self.sink.outbox.poll_room(cx).is_pending() {
                    self.owed = Some(payload);
                    return Poll::Pending;
                }
                self.pong(*payload)
            }
            None => ready!(self.link.poll_ready(cx)),
        };
        if let Some(ping) = &mut self.ping {
            ping.deaf = false;
            ping.heard(Instant::now());
        }
        Poll::Ready(self.follow(flow))
    }

    fn deadline(&self) -> Option<Instant> {
        let ping = self.ping.as_ref().and_then(|ping| ping.deadline());
        match (self.link.deadline(), ping) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn expired(&mut self, now: Instant) -> Flow {
        if self.link.deadline().is_some_and(|at| at <= now) {
            let flow = self.link.expired(now);
            return self.follow(flow);
        }
        let Some(ping) = &mut self.ping else { return Flow::Read };
        if ping.deadline().is_none_or(|at| at > now) {
            return Flow::Read;
        }
        if ping.sent.is_some() {
            ping.lost = true;
            self.link.close(CloseReason::Timeout);
            return Flow::Close;
        }
        ping.sent = Some(now);
        let prefix = Prefix { kind: Kind::Ping, len: 0 }.to_octets();
        // A full queue says as much as a PING would: nothing comes from a client that does not read.
        let _ = self.sink.outbox.offer(prefix.len(), false, |queue| queue.copy(&prefix));
        Flow::Read
    }

    fn follow(&mut self, flow: LinkFlow) -> Flow {
        match flow {
            LinkFlow::Continue => Flow::Read,
            LinkFlow::Pause => {
                if let Some(ping) = &mut self.ping {
                    ping.deaf = true;
                }
                Flow::Pause
            }
            LinkFlow::Close(_) => Flow::Close,
        }
    }

    fn finish(&mut self, end: End) -> Result<(), ServeError> {
        self.link.close(match end {
            End::Aborted => CloseReason::SystemShutdown,
            End::Closed => CloseReason::Normal,
            End::Eof | End::Broken(_) => CloseReason::TransportLost,
        });
        if self.ping.as_ref().is_some_and(|ping| ping.lost) {
            return Err(ServeError::Timeout("the peer did not answer a PING in time".to_owned()));
        }
        let Some(ended) = self.link.end() else { return Ok(()) };
        match (ended.reason, &ended.violation, end) {
            (_, Some(violation), _) => Err(ServeError::Protocol(violation.to_string())),
            (_, _, End::Aborted) => Err(ServeError::Aborted),
            (CloseReason::TransportLost, _, End::Broken(error)) => Err(ServeError::Io(error)),
            (CloseReason::SlowConsumer, ..) => {
                Err(ServeError::Limit("the peer was too slow to take what was queued for it".to_owned()))
            }
            (CloseReason::Timeout, ..) => {
                Err(ServeError::Timeout("the peer did not open or close its session in time".to_owned()))
            }
            (CloseReason::ProtocolViolation, ..) => {
                Err(ServeError::Protocol("the peer broke the protocol".to_owned()))
            }
            (CloseReason::Internal, ..) => {
                Err(ServeError::Internal("the session was ended by a fault of ours".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl Ping {
    fn new(interval: Duration, timeout: Option<Duration>, now: Instant) -> Self {
        Ping { interval, timeout, heard: now, sent: None, deaf: false, lost: false }
    }

    /// Anything that comes shows that the client lives, an answer as well as the part of a long message.
    fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.sent = None;
    }

    fn deadline(&self) -> Option<Instant> {
        if self.deaf {
            return None;
        }
        match self.sent {
            None => self.heard.checked_add(self.interval),
            Some(sent) => sent.checked_add(self.timeout?),
        }
    }
}

impl std::fmt::Debug for RawSocketSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let open = matches!(self.stage, Stage::Open(_));
        f.debug_struct("RawSocketSession").field("open", &open).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
