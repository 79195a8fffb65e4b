//! A router that records, and does what a test tells it to.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::time::Instant;
use transom_wamp::{
    Class, CloseReason, Encoder, Flow, Message, Offered, Outgoing, RouterPort, SessionError, SessionPort,
    SessionSink, TransportDetails,
};

/// Records every session opened with it. Clones are the same router.
#[derive(Clone, Default)]
pub struct FakeRouter {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    sessions: Mutex<Vec<FakeSession>>,
    changed: Notify,
    echo: Mutex<bool>,
}

/// What the router heard of one session and how it answers. Clones are the same session.
#[derive(Clone)]
pub struct FakeSession {
    /// What the transport told of itself.
    pub details: TransportDetails,
    /// Where messages to the peer go.
    pub sink: Arc<dyn SessionSink>,
    state: Arc<Mutex<State>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct State {
    heard: Vec<Heard>,
    answer: Option<Result<Flow, SessionError>>,
    deadline: Option<Instant>,
    expired: Option<Flow>,
    drained: Option<Flow>,
    paused: Option<Waker>,
    resumed: Option<Flow>,
}

/// One thing that the router heard.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a test reads better without a box")]
pub enum Heard {
    /// A message.
    Message(Message),
    /// The deadline passed.
    Expired,
    /// The node drains.
    Drain,
    /// The session is over.
    Closed(CloseReason),
}

impl FakeRouter {
    /// A router that continues whatever it receives.
    pub fn new() -> Self {
        FakeRouter::default()
    }

    /// A router that sends each message back.
    pub fn echo() -> Self {
        let router = FakeRouter::default();
        *router.shared.echo.lock().unwrap() = true;
        router
    }

    /// The sessions that were opened, in order.
    pub fn sessions(&self) -> Vec<FakeSession> {
        self.shared.sessions.lock().unwrap().clone()
    }

    /// Waits until there is a session with this number, from 0.
    pub async fn session(&self, number: usize) -> FakeSession {
        self.until(|| self.shared.sessions.lock().unwrap().get(number).cloned()).await
    }

    async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        self.shared.until(&mut look).await
    }
}

impl Shared {
    async fn until<T>(&self, look: &mut impl FnMut() -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }
}

impl FakeSession {
    /// What was heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.state().heard.clone()
    }

    /// Waits until so many things were heard, and returns them all.
    pub async fn heard_at_least(&self, number: usize) -> Vec<Heard> {
        let mut look = || Some(self.heard()).filter(|heard| heard.len() >= number);
        self.shared.until(&mut look).await
    }

    /// Waits for the end of the session and returns its reason.
    pub async fn closed(&self) -> CloseReason {
        let mut look = || match self.state().heard.last() {
            Some(Heard::Closed(why)) => Some(*why),
            _ => None,
        };
        self.shared.until(&mut look).await
    }

    /// Answers every further message so.
    pub fn answer(&self, answer: Result<Flow, SessionError>) {
        self.state().answer = Some(answer);
    }

    /// Sets a deadline and what follows when it passes. The transport sees it after its next turn.
    pub fn expire(&self, at: Instant, then: Flow) {
        let mut state = self.state();
        state.deadline = Some(at);
        state.expired = Some(then);
    }

    /// What follows when the node drains.
    pub fn on_drain(&self, then: Flow) {
        self.state().drained = Some(then);
    }

    /// Ends a pause.
    pub fn resume(&self, then: Flow) {
        let mut state = self.state();
        state.resumed = Some(then);
        if let Some(waker) = state.paused.take() {
            waker.wake();
        }
    }

    /// Offers a message to the peer.
    pub fn send(&self, message: &Message) -> Offered {
        let mut encoder = Encoder::default();
        let message = encoder.encode(self.sink.serializer(), message);
        self.sink.offer(Outgoing { class: Class::Normal, message })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn note(&self, what: Heard) {
        self.state().heard.push(what);
        self.shared.changed.notify_waiters();
    }
}

impl RouterPort for FakeRouter {
    fn open(&self, details: TransportDetails, sink: Arc<dyn SessionSink>) -> Box<dyn SessionPort> {
        let session = FakeSession { details, sink, state: Arc::default(), shared: self.shared.clone() };
        self.shared.sessions.lock().unwrap().push(session.clone());
        self.shared.changed.notify_waiters();
        Box::new(Port { session, over: false })
    }
}

struct Port {
    session: FakeSession,
    over: bool,
}

impl SessionPort for Port {
    fn receive(&mut self, msg: Message) -> Result<Flow, SessionError> {
        assert!(!self.over, "a message came after the end");
        let echo = *self.session.shared.echo.lock().unwrap();
        if echo && self.session.send(&msg) == Offered::Closed {
            return Ok(Flow::Close(CloseReason::TransportLost));
        }
        self.session.note(Heard::Message(msg));
        self.session.state().answer.clone().unwrap_or(Ok(Flow::Continue))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        let mut state = self.session.state();
        match state.resumed.take() {
            Some(flow) => Poll::Ready(flow),
            None => {
                state.paused = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.state().deadline
    }

    fn expired(&mut self, _now: Instant) -> Flow {
        self.session.note(Heard::Expired);
        let mut state = self.session.state();
        state.deadline = None;
        state.expired.take().unwrap_or(Flow::Continue)
    }

    fn drain(&mut self) -> Flow {
        self.session.note(Heard::Drain);
        self.session.state().drained.unwrap_or(Flow::Close(CloseReason::SystemShutdown))
    }

    fn closed(&mut self, why: CloseReason) {
        assert!(!self.over, "the session ended twice");
        self.over = true;
        self.session.note(Heard::Closed(why));
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if !self.over {
            self.over = true;
            self.session.note(Heard::Closed(CloseReason::TransportLost));
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_wamp::{Goodbye, Serializer};

    use super::*;
    use crate::FakeSink;

    fn goodbye() -> Message {
        Message::Goodbye(Goodbye { message: None, reason: "wamp.close.normal".into() })
    }

    #[tokio::test]
    async fn session_when_used_and_dropped_was_heard_of() {
        let router = FakeRouter::new();
        let sink = Arc::new(FakeSink::new(Serializer::Json));
        let mut port = router.open(TransportDetails::memory(Serializer::Json, 1), sink);
        assert_eq!(port.receive(goodbye()), Ok(Flow::Continue));
        let session = router.session(0).await;
        session.answer(Ok(Flow::Pause));
        assert_eq!(port.receive(goodbye()), Ok(Flow::Pause));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(port.poll_ready(&mut cx), Poll::Pending);
        session.resume(Flow::Continue);
        assert_eq!(port.poll_ready(&mut cx), Poll::Ready(Flow::Continue));
        drop(port);
        assert_eq!(session.closed().await, CloseReason::TransportLost);
        assert_eq!(session.heard().len(), 3);
    }

    #[tokio::test]
    async fn router_when_it_echoes_offers_each_message() {
        let router = FakeRouter::echo();
        let sink = Arc::new(FakeSink::new(Serializer::Json));
        let mut port = router.open(TransportDetails::memory(Serializer::Json, 1), sink.clone());
        port.receive(goodbye()).unwrap();
        assert_eq!(sink.sent().len(), 1);
        port.closed(CloseReason::Normal);
    }
}
