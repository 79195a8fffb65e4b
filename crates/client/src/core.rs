//! What those who use a session and its connection's task share: who waits for which answer, and where messages go.
//!
//! Whoever asks queues its message itself, under the lock that numbers it, so that numbers and messages are in one
//! order. The connection's task finds out under the same lock what a message means, and acts on it after. Lock order:
//! this lock, then the outbox behind the sink. Nothing is awaited and nobody called under it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot, watch};
use transom_base::{ConnInfo, Deadline, ServeError};
use transom_peer::{Incoming, Peer, PeerError, RequestError};
use transom_wamp::{
    CancelMode, Challenge, Class, CloseReason, Encoder, Event, HelloDetails, Id, Invocation, Match, Message,
    Offered, Outgoing, Serializer, SessionSink, Text, Welcome, uri,
};

use crate::End;
use crate::procedure::Registered;
use crate::subscription::Tap;

/// Where the answer to a request goes.
pub(crate) type Answer = oneshot::Sender<Result<Incoming, RequestError>>;

/// A session, apart from its connection.
pub(crate) struct Core {
    sink: Arc<dyn SessionSink>,
    /// Facts about the connection.
    pub(crate) info: Arc<ConnInfo>,
    /// How long answers may take where nothing else is said.
    pub(crate) request_timeout: Option<Duration>,
    state: Mutex<State>,
    leaving: Notify,
    /// Set when the connection is over.
    end: watch::Sender<Option<End>>,
}

struct State {
    stage: Stage,
    peer: Peer,
    encoder: Encoder,
    waiting: HashMap<Id, Waiting>,
    /// By subscription.
    listening: HashMap<Id, Listening>,
    /// By registration.
    procedures: HashMap<Id, Arc<Registered>>,
    /// Calls that procedures are at work on, by invocation.
    running: HashMap<Id, oneshot::Sender<()>>,
    /// Why the session ends, where that is known before the connection is over.
    why: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Joining,
    Open,
    Leaving,
    Over,
}

/// A request that is not answered yet.
struct Waiting {
    answer: Answer,
    then: Then,
}

/// What follows when a request is accepted.
pub(crate) enum Then {
    /// Its answer is passed on.
    Nothing,
    /// Events go there.
    Listen {
        /// The topic or pattern.
        topic: Text,
        /// How it matches.
        matching: Match,
        /// Where they go.
        tap: Arc<Tap>,
    },
    /// Calls go there.
    Serve(Arc<Registered>),
}

/// A subscription of the router's. Those who subscribe to the same share it.
struct Listening {
    topic: Text,
    matching: Match,
    taps: Arc<[Arc<Tap>]>,
}

/// What the connection's task is to do about a message.
pub(crate) enum Heard {
    Nothing,
    /// The session is open.
    Joined(Welcome),
    /// The router asks for proof.
    Challenged(Challenge),
    /// The router did not open the session.
    Refused(transom_wamp::Abort),
    /// The session is over; what is still to be said.
    Ended(Option<Box<Message>>),
    /// Somebody waits for this.
    Answered(Answer, Result<Incoming, RequestError>),
    /// Nobody waits for this subscription any more.
    Unwanted(Id, Weak<Tap>),
    /// Nobody waits for this registration any more.
    Unserved(Id),
    /// An event for these.
    Event(Arc<[Arc<Tap>]>, Event),
    /// A call.
    Invocation(Option<Arc<Registered>>, Invocation),
    /// A call is not wanted any more.
    Interrupted(oneshot::Sender<()>),
    /// The router ended a subscription.
    Revoked(Arc<[Arc<Tap>]>),
}

impl Core {
    pub(crate) fn new(
        sink: Arc<dyn SessionSink>,
        info: Arc<ConnInfo>,
        request_timeout: Option<Duration>,
    ) -> Arc<Self> {
        let state = State {
            stage: Stage::Joining,
            peer: Peer::default(),
            encoder: Encoder::default(),
            waiting: HashMap::new(),
            listening: HashMap::new(),
            procedures: HashMap::new(),
            running: HashMap::new(),
            why: None,
        };
        Arc::new(Core {
            sink,
            info,
            request_timeout,
            state: Mutex::new(state),
            leaving: Notify::new(),
            end: watch::Sender::new(None),
        })
    }

    pub(crate) fn serializer(&self) -> Serializer {
        self.sink.serializer()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn offer(&self, state: &mut State, class: Class, message: &Message) -> Offered {
        let message = state.encoder.encode(self.sink.serializer(), message);
        self.sink.offer(Outgoing { class, message })
    }

    // --- Joining and leaving ---

    pub(crate) fn hello(&self, realm: Text, details: HelloDetails) {
        let mut state = self.state();
        let hello = state.peer.hello(Some(realm), details);
        // Nothing is queued yet, so there is room.
        self.offer(&mut state, Class::Normal, &hello);
    }

    /// The session is open, unless it was left before.
    pub(crate) fn joined(&self) {
        let mut state = self.state();
        if state.stage == Stage::Joining {
            state.stage = Stage::Open;
        }
    }

    /// Ends a session that cannot go on.
    pub(crate) fn abort(&self, reason: &'static str, message: &str) {
        let mut state = self.state();
        let abort = state.peer.abort(reason, Some(message.into()));
        self.offer(&mut state, Class::Farewell, &abort);
    }

    /// Says goodbye. The connection is closed when the router has answered, or did not in time.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        let stage = state.stage;
        if matches!(stage, Stage::Leaving | Stage::Over) {
            return;
        }
        state.stage = Stage::Leaving;
        state.why.get_or_insert(End::Left);
        if stage == Stage::Open {
            let goodbye = state.peer.goodbye(Text::from_static(uri::CLOSE_NORMAL));
            self.offer(&mut state, Class::Farewell, &goodbye);
            drop(state);
            self.leaving.notify_one();
        } else {
            drop(state);
            self.cut();
        }
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.state().stage != Stage::Open
    }

    /// Waits until it was left, and then so long.
    pub(crate) async fn left_for(&self, time: Option<Duration>) {
        self.leaving.notified().await;
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    }

    /// Closes the connection, however it stands with the session.
    pub(crate) fn cut(&self) {
        self.sink.close(CloseReason::Normal);
    }

    /// Why the session is about to end. The first reason counts.
    pub(crate) fn note(&self, why: End) {
        self.state().why.get_or_insert(why);
    }

    /// Nothing more is sent or heard: those who wait learn of it.
    pub(crate) fn closed(&self) {
        let mut state = self.state();
        state.stage = Stage::Over;
        let all = (
            std::mem::take(&mut state.waiting),
            std::mem::take(&mut state.listening),
            std::mem::take(&mut state.procedures),
            std::mem::take(&mut state.running),
        );
        drop(state);
        // They wake others, and that not under the lock.
        drop(all);
    }

    /// The connection's task has ended so. The first time counts.
    pub(crate) fn over(&self, result: Result<(), ServeError>) {
        if self.end.borrow().is_some() {
            return;
        }
        self.closed();
        let why = self.state().why.take();
        let lost = || {
            End::Lost(match result {
                Ok(()) => "the router closed it".to_owned(),
                Err(ServeError::Io(error)) => error.to_string(),
                Err(error) => error.to_string(),
            })
        };
        self.end.send_replace(Some(why.unwrap_or_else(lost)));
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&self) -> End {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await.map(|end| end.clone()) {
            Ok(Some(end)) => end,
            _ => End::Left,
        }
    }

    // --- Asking and answering ---

    /// Asks, and waits for the answer until the deadline. A call that nobody waits for any more is canceled.
    pub(crate) async fn ask(
        &self,
        deadline: Deadline,
        then: Then,
        request: impl Fn(&mut Peer) -> (Id, Message),
    ) -> Result<Incoming, RequestError> {
        let (answer, wait) = oneshot::channel();
        let waiting = Some(Waiting { answer, then });
        let request = self.queue(deadline, waiting, request).await?;
        let mut asking = Asking { core: self, request, answered: false };
        let outcome = deadline.run(wait).await;
        asking.answered = outcome.is_ok();
        match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RequestError::Ended),
            Err(_) => Err(RequestError::TimedOut),
        }
    }

    /// Says something that is not answered.
    pub(crate) async fn tell(
        &self,
        deadline: Deadline,
        request: impl Fn(&mut Peer) -> (Id, Message),
    ) -> Result<(), RequestError> {
        self.queue(deadline, None, request).await.map(drop)
    }

    /// Queues a request as soon as there is room for it.
    async fn queue(
        &self,
        deadline: Deadline,
        mut waiting: Option<Waiting>,
        request: impl Fn(&mut Peer) -> (Id, Message),
    ) -> Result<Id, RequestError> {
        let queued = async {
            loop {
                if let Some(request) = self.try_queue(&mut waiting, &request)? {
                    return Ok(request);
                }
                poll_fn(|cx| self.sink.poll_room(cx)).await;
            }
        };
        deadline.run(queued).await.unwrap_or(Err(RequestError::TimedOut))
    }

    /// The request's number, or nothing when there is no room.
    fn try_queue(
        &self,
        waiting: &mut Option<Waiting>,
        request: impl Fn(&mut Peer) -> (Id, Message),
    ) -> Result<Option<Id>, RequestError> {
        let mut state = self.state();
        if state.stage != Stage::Open {
            return Err(RequestError::Ended);
        }
        let (id, message) = request(&mut state.peer);
        let refused = match self.offer(&mut state, Class::Normal, &message) {
            Offered::Queued => {
                if let Some(waiting) = waiting.take() {
                    state.waiting.insert(id, waiting);
                }
                return Ok(Some(id));
            }
            Offered::Full => Ok(None),
            Offered::TooLarge => Err(RequestError::TooLarge),
            Offered::Closed => Err(RequestError::Ended),
        };
        state.peer.take_back(id);
        refused
    }

    /// Nobody waits for the answer any more. If it is that of a call, the call is canceled; the answer still comes.
    fn forget(&self, request: Id) {
        let mut state = self.state();
        if let Some(cancel) = state.peer.cancel(request, CancelMode::KillNoWait) {
            // Where there is no room the callee works in vain.
            self.offer(&mut state, Class::Normal, &cancel);
        }
    }

    /// Says something that no peer has to number, such as the answer to a challenge.
    pub(crate) fn say(&self, class: Class, message: &Message) -> Offered {
        self.offer(&mut self.state(), class, message)
    }

    /// Says it as soon as there is room.
    pub(crate) async fn say_in_time(&self, message: &Message) -> Offered {
        loop {
            match self.say(Class::Normal, message) {
                Offered::Full => poll_fn(|cx| self.sink.poll_room(cx)).await,
                other => return other,
            }
        }
    }

    /// Ready when there is room.
    pub(crate) fn sink(&self) -> &dyn SessionSink {
        &*self.sink
    }

    /// A procedure is at work on a call.
    pub(crate) fn running(&self, invocation: Id) -> oneshot::Receiver<()> {
        let (interrupt, interrupted) = oneshot::channel();
        self.state().running.insert(invocation, interrupt);
        interrupted
    }

    /// It is done with it.
    pub(crate) fn ran(&self, invocation: Id) {
        let interrupt = self.state().running.remove(&invocation);
        drop(interrupt);
    }

    // --- Subscriptions and registrations ---

    /// Takes a tap away, and says whether the router's subscription is needed no more.
    fn detach(&self, subscription: Id, tap: &Weak<Tap>) -> bool {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(listening) = state.listening.get_mut(&subscription) else { return false };
        let others = listening.taps.iter().filter(|other| !std::ptr::eq(Arc::as_ptr(other), tap.as_ptr()));
        listening.taps = others.cloned().collect();
        let Listening { topic, matching, taps } = listening;
        let same = |waiting: &Waiting| matches!(&waiting.then, Then::Listen { topic: other, matching: how, .. } if other == topic && how == matching);
        let unused = taps.is_empty() && !state.waiting.values().any(same);
        if unused {
            state.listening.remove(&subscription);
        }
        unused
    }

    pub(crate) async fn unsubscribe(&self, subscription: Id, tap: &Weak<Tap>) -> Result<(), RequestError> {
        if !self.detach(subscription, tap) {
            return Ok(());
        }
        let deadline = Deadline::after(self.request_timeout);
        self.ask(deadline, Then::Nothing, |peer| peer.unsubscribe(subscription)).await.map(drop)
    }

    pub(crate) async fn unregister(&self, registration: Id) -> Result<(), RequestError> {
        let deadline = Deadline::after(self.request_timeout);
        // Calls that come before the router knows are still served.
        let done = self.ask(deadline, Then::Nothing, |peer| peer.unregister(registration)).await;
        let procedure = self.state().procedures.remove(&registration);
        drop(procedure);
        done.map(drop)
    }

    // --- Hearing ---

    /// Finds out what a message means.
    pub(crate) fn hear(&self, message: Message) -> Result<Heard, PeerError> {
        let mut guard = self.state();
        let state = &mut *guard;
        let incoming = state.peer.receive(message)?;
        Ok(match incoming {
            Incoming::Event(event) => match state.listening.get(&event.subscription) {
                Some(listening) => Heard::Event(listening.taps.clone(), event),
                // It was on its way when the subscription was ended.
                None => Heard::Nothing,
            },
            Incoming::Result(ref result) if result.progress => Heard::Nothing,
            Incoming::Result(ref result) => state.answered(result.request, incoming),
            Incoming::Published { request, .. }
            | Incoming::Subscribed { request, .. }
            | Incoming::Unsubscribed { request }
            | Incoming::Registered { request, .. }
            | Incoming::Unregistered { request } => state.answered(request, incoming),
            Incoming::Failed(error) => match state.waiting.remove(&error.request) {
                Some(waiting) => Heard::Answered(waiting.answer, Err(RequestError::Failed(Box::new(error)))),
                None => Heard::Nothing,
            },
            Incoming::Invocation(invocation) => {
                let procedure = state.procedures.get(&invocation.registration).cloned();
                Heard::Invocation(procedure, invocation)
            }
            Incoming::Interrupt(interrupt) => {
                state.running.remove(&interrupt.request).map_or(Heard::Nothing, Heard::Interrupted)
            }
            Incoming::SubscriptionRevoked(revocation) => {
                let listening = state.listening.remove(&revocation.id);
                listening.map_or(Heard::Nothing, |listening| Heard::Revoked(listening.taps))
            }
            Incoming::RegistrationRevoked(revocation) => {
                if let Some(registered) = state.procedures.remove(&revocation.id) {
                    registered.revoke();
                }
                Heard::Nothing
            }
            Incoming::Joined(welcome) => Heard::Joined(welcome),
            Incoming::Challenged(challenge) => Heard::Challenged(challenge),
            Incoming::Aborted(abort) => {
                if state.stage == Stage::Joining {
                    Heard::Refused(abort)
                } else {
                    let message = abort.message.as_deref().map(str::to_owned);
                    state.why.get_or_insert(End::Aborted { reason: abort.reason.to_string(), message });
                    Heard::Ended(None)
                }
            }
            Incoming::Left { goodbye, answer } => {
                let message = goodbye.message.as_deref().map(str::to_owned);
                state.why.get_or_insert(End::Goodbye { reason: goodbye.reason.to_string(), message });
                Heard::Ended(answer)
            }
            // Whatever else there will be has nothing to do with us.
            _ => Heard::Nothing,
        })
    }
}

impl State {
    /// A request was accepted.
    fn answered(&mut self, request: Id, incoming: Incoming) -> Heard {
        let Some(Waiting { answer, then }) = self.waiting.remove(&request) else { return Heard::Nothing };
        match (then, &incoming) {
            (Then::Listen { topic, matching, tap }, Incoming::Subscribed { subscription, .. }) => {
                self.listen(*subscription, topic, matching, tap.clone());
                if answer.is_closed() {
                    return Heard::Unwanted(*subscription, Arc::downgrade(&tap));
                }
            }
            (Then::Serve(registered), Incoming::Registered { registration, .. }) => {
                self.procedures.insert(*registration, registered);
                if answer.is_closed() {
                    return Heard::Unserved(*registration);
                }
            }
            _ => {}
        }
        Heard::Answered(answer, Ok(incoming))
    }

    fn listen(&mut self, subscription: Id, topic: Text, matching: Match, tap: Arc<Tap>) {
        let fresh = || Listening { topic, matching, taps: Arc::new([]) };
        let listening = self.listening.entry(subscription).or_insert_with(fresh);
        listening.taps = listening.taps.iter().cloned().chain([tap]).collect();
    }
}

/// Somebody waits for an answer.
struct Asking<'a> {
    core: &'a Core,
    request: Id,
    answered: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.core.forget(self.request);
        }
    }
}
