//! The task of a local session: it alone talks to the router.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep_until};
use transom_base::wake;
use transom_wamp::{
    CallOptions, CancelMode, CloseReason, ErrorMessage, Event, Flow, Id, Match, Message, Payload,
    PublishOptions, RegisterOptions, ResultMessage, SessionPort, SessionSink, Text, decode,
};

use super::call::IncomingCall;
use super::sink::LocalSink;
use super::{Answer, RegistrationHandle, RequestError, SubscriptionHandle};
use crate::{Incoming, Peer};

/// Messages handled before others get their turn.
const TURN: usize = 64;

pub(super) type OnEvent = Box<dyn FnMut(Event) + Send>;
pub(super) type OnCall = Box<dyn FnMut(IncomingCall) + Send>;

/// What a session is asked to do.
pub(super) enum Command {
    Subscribe {
        topic: Text,
        on_event: OnEvent,
        answer: Answer<SubscriptionHandle>,
    },
    Unsubscribe {
        handle: SubscriptionHandle,
        answer: Answer<()>,
    },
    Publish {
        topic: Text,
        options: PublishOptions,
        payload: Payload,
        answer: Answer<Option<Id>>,
    },
    Register {
        procedure: Text,
        options: RegisterOptions,
        on_call: OnCall,
        answer: Answer<RegistrationHandle>,
    },
    Unregister {
        handle: RegistrationHandle,
        answer: Answer<()>,
    },
    Call {
        number: u64,
        procedure: Text,
        options: CallOptions,
        payload: Payload,
        answer: Answer<ResultMessage>,
    },
    Leave {
        done: oneshot::Sender<()>,
    },
}

/// What goes before the commands, and never waits: there is at most one for each call.
#[derive(Debug)]
pub(super) enum Urgent {
    /// A procedure answers a call.
    Answer(Box<Message>),
    /// Nobody waits any more for the call of this number.
    Cancel(u64),
}

/// Who waits for the answer to a request.
enum Waiting {
    Subscribe { topic: Text, on_event: OnEvent, answer: Answer<SubscriptionHandle> },
    Unsubscribe { answer: Answer<()> },
    Publish { answer: Answer<Option<Id>> },
    Register { on_call: OnCall, answer: Answer<RegistrationHandle> },
    Unregister { registration: Id, answer: Answer<()> },
    Call { number: u64, answer: Answer<ResultMessage> },
}

/// A subscription. Several handlers may listen to one topic.
struct Listening {
    topic: Text,
    handlers: Vec<(u64, OnEvent)>,
}

/// The future that moves a local session. It ends with the session, and says why it ended.
pub struct LocalDriver(Box<Driver>);

pub(super) struct Driver {
    port: Box<dyn SessionPort>,
    peer: Peer,
    sink: Arc<LocalSink>,
    inbox: mpsc::Receiver<Command>,
    urgent: mpsc::UnboundedReceiver<Urgent>,
    answering: mpsc::UnboundedSender<Urgent>,
    waiting: HashMap<Id, Waiting>,
    /// The requests of calls, by the numbers that their callers know.
    calls: HashMap<u64, Id>,
    /// By subscription.
    listening: HashMap<Id, Listening>,
    procedures: HashMap<Id, OnCall>,
    next_handler: u64,
    /// The router wants nothing more for now.
    paused: bool,
    /// Fires when the port has something to do, or before.
    timer: Option<Pin<Box<Sleep>>>,
    leaving: bool,
    left: Vec<oneshot::Sender<()>>,
}

impl LocalDriver {
    pub(super) fn new(driver: Driver) -> Self {
        LocalDriver(Box::new(driver))
    }
}

impl fmt::Debug for LocalDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalDriver").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command")
    }
}

impl Future for LocalDriver {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let driver = &mut *self.0;
        let reason = ready!(wake::batch(|| driver.turn(cx)));
        driver.port.closed(reason);
        driver.sink.close(reason);
        // Whoever waits learns of the end by losing the other end.
        driver.waiting.clear();
        driver.inbox.close();
        while driver.inbox.try_recv().is_ok() {}
        driver.left.clear();
        Poll::Ready(reason)
    }
}

impl Driver {
    pub(super) fn new(
        port: Box<dyn SessionPort>,
        peer: Peer,
        sink: Arc<LocalSink>,
        inbox: mpsc::Receiver<Command>,
        urgent: (mpsc::UnboundedSender<Urgent>, mpsc::UnboundedReceiver<Urgent>),
    ) -> Self {
        let (answering, urgent) = urgent;
        Driver {
            port,
            peer,
            sink,
            inbox,
            urgent,
            answering,
            waiting: HashMap::new(),
            calls: HashMap::new(),
            listening: HashMap::new(),
            procedures: HashMap::new(),
            next_handler: 0,
            paused: false,
            timer: None,
            leaving: false,
            left: Vec::new(),
        }
    }

    /// Hears and says what there is, until there is nothing more for now.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        for _ in 0..TURN {
            let heard = match self.sink.poll_next(cx) {
                Poll::Ready(Ok(bytes)) => match self.hear(&bytes) {
                    Ok(()) => true,
                    Err(reason) => return Poll::Ready(reason),
                },
                Poll::Ready(Err(reason)) => return Poll::Ready(reason),
                Poll::Pending => false,
            };
            match self.say(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Poll::Ready(reason),
                Poll::Pending if heard => {}
                Poll::Pending => match self.keep_time(cx) {
                    Ok(()) => return Poll::Pending,
                    Err(reason) => return Poll::Ready(reason),
                },
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Lets the port do what is due, and makes sure that it is woken for what will be.
    fn keep_time(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        loop {
            let Some(at) = self.port.deadline() else {
                self.timer = None;
                return Ok(());
            };
            let now = Instant::now();
            if at <= now {
                let flow = self.port.expired(now);
                self.follow(flow)?;
                continue;
            }
            // It fires early and is armed again then: cheaper than moving it with every message.
            let timer = match &mut self.timer {
                Some(timer) if timer.deadline() <= at => timer,
                timer => timer.insert(Box::pin(sleep_until(at))),
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            self.timer = None;
        }
    }

    /// Says one thing, when the router wants to hear one.
    fn say(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.paused {
            let flow = ready!(self.port.poll_ready(cx));
            self.paused = false;
            return Poll::Ready(self.follow(flow));
        }
        if let Poll::Ready(Some(urgent)) = self.urgent.poll_recv(cx) {
            let message = match urgent {
                Urgent::Answer(answer) => Some(*answer),
                Urgent::Cancel(number) => {
                    self.calls.get(&number).and_then(|call| self.peer.cancel(*call, CancelMode::KillNoWait))
                }
            };
            return Poll::Ready(message.map_or(Ok(()), |message| self.send(message)));
        }
        if self.leaving {
            return Poll::Pending;
        }
        match ready!(self.inbox.poll_recv(cx)) {
            Some(command) => Poll::Ready(self.obey(command)),
            None => Poll::Ready(self.leave()),
        }
    }

    fn send(&mut self, message: Message) -> Result<(), CloseReason> {
        match self.port.receive(message) {
            Ok(flow) => self.follow(flow),
            Err(_) => Err(CloseReason::ProtocolViolation),
        }
    }

    fn follow(&mut self, flow: Flow) -> Result<(), CloseReason> {
        match flow {
            Flow::Continue => Ok(()),
            Flow::Pause => {
                self.paused = true;
                Ok(())
            }
            Flow::Close(reason) => Err(reason),
        }
    }

    fn leave(&mut self) -> Result<(), CloseReason> {
        self.leaving = true;
        let goodbye = self.peer.goodbye(Text::from_static("wamp.close.normal"));
        self.send(goodbye)
    }

    fn obey(&mut self, command: Command) -> Result<(), CloseReason> {
        let (request, message, waiting) = match command {
            Command::Subscribe { topic, on_event, answer } => {
                let (request, message) = self.peer.subscribe(topic.clone(), Match::Exact, false);
                (request, message, Waiting::Subscribe { topic, on_event, answer })
            }
            Command::Unsubscribe { handle, answer } => {
                if self.others_listen(handle) {
                    let _ = answer.send(Ok(()));
                    return Ok(());
                }
                self.listening.remove(&handle.subscription);
                let (request, message) = self.peer.unsubscribe(handle.subscription);
                (request, message, Waiting::Unsubscribe { answer })
            }
            Command::Publish { topic, options, payload, answer } => {
                let acknowledge = options.acknowledge;
                let (request, message) = self.peer.publish(topic, options, payload);
                if !acknowledge {
                    let _ = answer.send(Ok(None));
                    return self.send(message);
                }
                (request, message, Waiting::Publish { answer })
            }
            Command::Register { procedure, options, on_call, answer } => {
                let (request, message) = self.peer.register(procedure, options);
                (request, message, Waiting::Register { on_call, answer })
            }
            Command::Unregister { handle, answer } => {
                let registration = handle.registration;
                let (request, message) = self.peer.unregister(registration);
                (request, message, Waiting::Unregister { registration, answer })
            }
            Command::Call { number, procedure, options, payload, answer } => {
                if answer.is_closed() {
                    return Ok(());
                }
                let (request, message) = self.peer.call(procedure, options, payload);
                self.calls.insert(number, request);
                (request, message, Waiting::Call { number, answer })
            }
            Command::Leave { done } => {
                self.left.push(done);
                return self.leave();
            }
        };
        self.waiting.insert(request, waiting);
        self.send(message)
    }

    /// Takes a handler away; whether its subscription is still needed, by handlers there or on their way.
    fn others_listen(&mut self, handle: SubscriptionHandle) -> bool {
        let Some(listening) = self.listening.get_mut(&handle.subscription) else { return false };
        listening.handlers.retain(|(number, _)| *number != handle.handler);
        let same = |waiting: &Waiting| matches!(waiting, Waiting::Subscribe { topic, .. } if *topic == listening.topic);
        !listening.handlers.is_empty() || self.waiting.values().any(same)
    }

    fn hear(&mut self, bytes: &bytes::Bytes) -> Result<(), CloseReason> {
        let message = decode(self.sink.serializer(), bytes).map_err(|_| CloseReason::Internal)?;
        match self.peer.receive(message).map_err(|_| CloseReason::Internal)? {
            Incoming::Event(event) => {
                if let Some(listening) = self.listening.get_mut(&event.subscription) {
                    for (_, on_event) in &mut listening.handlers {
                        on_event(event.clone());
                    }
                }
            }
            Incoming::Invocation(invocation) => {
                let registration = invocation.registration;
                let call = IncomingCall::new(invocation, self.answering.clone());
                // A call without a procedure is dropped, and so answered with an error.
                if let Some(on_call) = self.procedures.get_mut(&registration) {
                    on_call(call);
                }
            }
            Incoming::Subscribed { request, subscription } => {
                if let Some(Waiting::Subscribe { topic, on_event, answer }) = self.waiting.remove(&request) {
                    self.next_handler += 1;
                    let handler = self.next_handler;
                    let fresh = || Listening { topic, handlers: Vec::new() };
                    let listening = self.listening.entry(subscription).or_insert_with(fresh);
                    listening.handlers.push((handler, on_event));
                    let _ = answer.send(Ok(SubscriptionHandle { subscription, handler }));
                }
            }
            Incoming::Unsubscribed { request } => {
                if let Some(Waiting::Unsubscribe { answer }) = self.waiting.remove(&request) {
                    let _ = answer.send(Ok(()));
                }
            }
            Incoming::Published { request, publication } => {
                if let Some(Waiting::Publish { answer }) = self.waiting.remove(&request) {
                    let _ = answer.send(Ok(Some(publication)));
                }
            }
            Incoming::Registered { request, registration } => {
                if let Some(Waiting::Register { on_call, answer }) = self.waiting.remove(&request) {
                    self.procedures.insert(registration, on_call);
                    let _ = answer.send(Ok(RegistrationHandle { registration }));
                }
            }
            Incoming::Unregistered { request } => {
                if let Some(Waiting::Unregister { registration, answer }) = self.waiting.remove(&request) {
                    self.procedures.remove(&registration);
                    let _ = answer.send(Ok(()));
                }
            }
            Incoming::Result(result) => {
                if let Some(Waiting::Call { number, answer }) = self.waiting.remove(&result.request) {
                    self.calls.remove(&number);
                    let _ = answer.send(Ok(result));
                }
            }
            Incoming::Failed(error) => self.failed(error),
            Incoming::SubscriptionRevoked(revocation) => {
                self.listening.remove(&revocation.id);
            }
            Incoming::RegistrationRevoked(revocation) => {
                self.procedures.remove(&revocation.id);
            }
            Incoming::Left { answer: Some(answer), .. } => {
                self.send(*answer)?;
                return Err(CloseReason::SystemShutdown);
            }
            Incoming::Left { answer: None, .. } => return Err(CloseReason::Normal),
            Incoming::Aborted(_) => return Err(CloseReason::Internal),
            // Neither is offered in HELLO.
            Incoming::Interrupt(_) | Incoming::Joined(_) | Incoming::Challenged(_) => {}
        }
        Ok(())
    }

    fn failed(&mut self, error: ErrorMessage) {
        let failed = |error| RequestError::Failed(Box::new(error));
        match self.waiting.remove(&error.request) {
            Some(Waiting::Subscribe { answer, .. }) => drop(answer.send(Err(failed(error)))),
            Some(Waiting::Unsubscribe { answer } | Waiting::Unregister { answer, .. }) => {
                drop(answer.send(Err(failed(error))));
            }
            Some(Waiting::Publish { answer }) => drop(answer.send(Err(failed(error)))),
            Some(Waiting::Register { answer, .. }) => drop(answer.send(Err(failed(error)))),
            Some(Waiting::Call { number, answer }) => {
                self.calls.remove(&number);
                drop(answer.send(Err(failed(error))));
            }
            None => {}
        }
    }
}
