//! A session of a router in this process: no transport, no copy of the router's rules. Its [`LocalDriver`] has to run
//! as a task; what the session is asked goes to it through a channel.

mod call;
mod driver;
mod sink;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use transom_base::Deadline;
use transom_wamp::{
    Abort, CallOptions, ClientRoles, ErrorMessage, Features, Flow, HelloDetails, Id, Payload, PublishOptions,
    RegisterOptions, ResultMessage, RouterPort, Serializer, Text, TransportDetails, Welcome, decode,
};

pub use call::IncomingCall;
pub use driver::LocalDriver;
pub use transom_wamp::Event;

use crate::{Incoming, Peer};
use driver::{Command, Driver, Urgent};
use sink::LocalSink;

/// Requests on their way to the driver before whoever makes one has to wait.
const COMMANDS: usize = 64;

/// How a local session joins.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LocalOptions {
    /// The realm.
    pub realm: Text,
    /// How its messages are written. Payloads of others are transcoded to it; the default, MessagePack, is cheapest.
    pub serializer: Serializer,
    /// The bound of its queue in bytes; default 16 MiB.
    pub max_queue: usize,
    /// A number for logs.
    pub number: u64,
}

impl LocalOptions {
    /// The defaults for a realm.
    pub fn new(realm: impl Into<Text>) -> Self {
        LocalOptions { realm: realm.into(), serializer: Serializer::MsgPack, max_queue: 16 << 20, number: 0 }
    }
}

/// Why a local session could not join.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The router refused it.
    #[error("the router refused the session: {} {}", .0.reason, .0.message.as_deref().unwrap_or_default())]
    Refused(Abort),
    /// The router did not answer at once, as for a session that has to prove who it is.
    #[error("the router did not open the session at once")]
    NoAnswer,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It was answered with ERROR.
    #[error("the request failed: {}", .0.error)]
    Failed(Box<ErrorMessage>),
    /// No answer came in time.
    #[error("no answer came in time")]
    TimedOut,
    /// It is larger than the router accepts.
    #[error("the request is larger than the router accepts")]
    TooLarge,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
}

/// A session in the router's process. Clones are the same session; it leaves when the last one is dropped.
#[derive(Debug, Clone)]
pub struct LocalSession {
    commands: mpsc::Sender<Command>,
    urgent: mpsc::UnboundedSender<Urgent>,
    calls: Arc<AtomicU64>,
    welcome: Arc<Welcome>,
}

/// A subscription of a local session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionHandle {
    pub(crate) subscription: Id,
    pub(crate) handler: u64,
}

/// A registration of a local session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationHandle {
    pub(crate) registration: Id,
}

impl LocalSession {
    /// Joins a realm. The driver must be run for anything to happen; it ends with the session.
    ///
    /// # Errors
    /// When the router does not open the session.
    pub fn join(
        router: &dyn RouterPort,
        options: LocalOptions,
    ) -> Result<(LocalSession, LocalDriver), JoinError> {
        let LocalOptions { realm, serializer, max_queue, number } = options;
        let sink = Arc::new(LocalSink::new(serializer, max_queue));
        let mut port = router.open(TransportDetails::memory(serializer, number), sink.clone());
        let mut peer = Peer::default();
        let details = HelloDetails {
            roles: roles(),
            agent: Some(Text::from_static(concat!("Transom-", env!("CARGO_PKG_VERSION")))),
            ..HelloDetails::default()
        };
        let hello = peer.hello(Some(realm), details);
        let heard = port.receive(hello);
        let answer = sink.next().and_then(|bytes| decode(serializer, &bytes).ok());
        let welcome = match answer.map(|message| peer.receive(message)) {
            Some(Ok(Incoming::Joined(welcome))) if heard == Ok(Flow::Continue) => Arc::new(welcome),
            Some(Ok(Incoming::Aborted(abort))) => return Err(JoinError::Refused(abort)),
            _ => return Err(JoinError::NoAnswer),
        };
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (urgent, to_do) = mpsc::unbounded_channel();
        let driver = Driver::new(port, peer, sink, inbox, (urgent.clone(), to_do));
        let session = LocalSession { commands, urgent, calls: Arc::default(), welcome };
        Ok((session, LocalDriver::new(driver)))
    }

    /// What the router said of the session.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Subscribes to a topic. `on_event` runs on the driver's task for every event: it must not block, and panics of it
    /// end the session.
    ///
    /// # Errors
    /// When the router refuses it or the session has ended.
    pub async fn subscribe(
        &self,
        topic: impl Into<Text>,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<SubscriptionHandle, RequestError> {
        let (topic, on_event) = (topic.into(), Box::new(on_event));
        self.ask(|answer| Command::Subscribe { topic, on_event, answer }).await
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// When it has ended before or the session has.
    pub async fn unsubscribe(&self, handle: SubscriptionHandle) -> Result<(), RequestError> {
        self.ask(|answer| Command::Unsubscribe { handle, answer }).await
    }

    /// Publishes an event. Where `options` ask for an acknowledgement it waits for that and returns the publication.
    ///
    /// # Errors
    /// When the router refuses it, which it tells only where an acknowledgement was asked for, or the session has ended.
    pub async fn publish(
        &self,
        topic: impl Into<Text>,
        options: PublishOptions,
        payload: Payload,
    ) -> Result<Option<Id>, RequestError> {
        let topic = topic.into();
        self.ask(|answer| Command::Publish { topic, options, payload, answer }).await
    }

    /// Registers a procedure. `on_call` runs on the driver's task for every call: it must not block; it may answer at
    /// once or hand the call to somebody else.
    ///
    /// # Errors
    /// When the router refuses it or the session has ended.
    pub async fn register(
        &self,
        procedure: impl Into<Text>,
        options: RegisterOptions,
        on_call: impl FnMut(IncomingCall) + Send + 'static,
    ) -> Result<RegistrationHandle, RequestError> {
        let (procedure, on_call) = (procedure.into(), Box::new(on_call));
        self.ask(|answer| Command::Register { procedure, options, on_call, answer }).await
    }

    /// Ends a registration. Calls that came before can still be answered.
    ///
    /// # Errors
    /// When it has ended before or the session has.
    pub async fn unregister(&self, handle: RegistrationHandle) -> Result<(), RequestError> {
        self.ask(|answer| Command::Unregister { handle, answer }).await
    }

    /// Calls a procedure and waits for its result. At the deadline, or when the returned future is dropped, the call is
    /// canceled.
    ///
    /// # Errors
    /// ERROR of the callee or of the router, the deadline, or the end of the session.
    pub async fn call(
        &self,
        procedure: impl Into<Text>,
        options: CallOptions,
        payload: Payload,
        deadline: Deadline,
    ) -> Result<ResultMessage, RequestError> {
        let procedure = procedure.into();
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut calling = Calling { session: self, number, answered: false };
        let asked = self.ask(|answer| Command::Call { number, procedure, options, payload, answer });
        let outcome = deadline.run(asked).await;
        calling.answered = outcome.is_ok();
        outcome.unwrap_or(Err(RequestError::TimedOut))
    }

    /// Leaves the realm and waits until that is done.
    pub async fn leave(self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Leave { done }).await.is_ok() {
            // The driver drops its end when the session is over.
            let _ = wait.await;
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, RequestError> {
        let (answer, wait) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| RequestError::Ended)?;
        wait.await.unwrap_or(Err(RequestError::Ended))
    }
}

/// Where the answer to a request goes.
type Answer<T> = oneshot::Sender<Result<T, RequestError>>;

/// A local session takes every role, and payloads of any kind.
fn roles() -> ClientRoles {
    let features = || Some(Features(vec![Text::from_static("payload_passthru_mode")]));
    ClientRoles { publisher: features(), subscriber: features(), caller: features(), callee: features() }
}

/// Cancels a call unless it was answered.
struct Calling<'a> {
    session: &'a LocalSession,
    number: u64,
    answered: bool,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // Where the driver is gone, so is the call.
            let _ = self.session.urgent.send(Urgent::Cancel(self.number));
        }
    }
}
