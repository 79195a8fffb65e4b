//! Procedures that a session serves, and what keeps them and subscriptions there.

use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use transom_peer::RequestError;
use transom_wamp::{
    Class, Dict, ErrorMessage, Id, Invocation, Message, Offered, Payload, Serializer, Text, Value, Yield,
    code, uri,
};

use crate::Session;
use crate::core::Core;
use crate::port::failed;
use crate::reconnecting::Command;
use crate::subscription::Tap;

/// Calls of one procedure that are answered at once, where REGISTER does not say how many.
pub(crate) const CONCURRENCY: usize = 1024;

/// Why a procedure fails, as its caller learns it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcedureError {
    /// The error URI.
    pub error: Text,
    /// What it carries.
    pub payload: Payload,
}

impl ProcedureError {
    /// An error that carries a sentence for people.
    pub fn new(error: impl Into<Text>, why: &str) -> Self {
        let payload = Payload::from_values(Serializer::MsgPack, &[Value::from(why)], &Dict::default());
        ProcedureError { error: error.into(), payload }
    }
}

/// A registered procedure.
pub(crate) struct Registered {
    procedure: Box<dyn Procedure>,
    room: Arc<Semaphore>,
    revoked: Notify,
}

impl Registered {
    pub(crate) fn new<F, Fut>(procedure: F, concurrency: Option<u64>) -> Arc<Self>
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload, ProcedureError>> + Send + 'static,
    {
        let room = concurrency.and_then(|most| usize::try_from(most).ok()).unwrap_or(CONCURRENCY);
        let room = Semaphore::new(room.clamp(1, Semaphore::MAX_PERMITS));
        Arc::new(Registered {
            procedure: Box::new(Spawning(Arc::new(procedure))),
            room: Arc::new(room),
            revoked: Notify::new(),
        })
    }

    /// A place for one more call, if there is one.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// The router ended the registration.
    pub(crate) fn revoke(&self) {
        self.revoked.notify_one();
    }

    /// Begins with a call.
    pub(crate) fn start(&self, invocation: Invocation, answering: Answering) {
        self.procedure.start(invocation, answering);
    }
}

/// Answers calls, each in a task of its own. An object, so that a session can have several, and one allocation for a
/// call.
trait Procedure: Send + Sync {
    fn start(&self, invocation: Invocation, answering: Answering);
}

struct Spawning<F>(Arc<F>);

impl<F, Fut> Procedure for Spawning<F>
where
    F: Fn(Invocation) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Payload, ProcedureError>> + Send + 'static,
{
    fn start(&self, invocation: Invocation, answering: Answering) {
        let procedure = self.0.clone();
        tokio::spawn(answering.run(async move { procedure(invocation).await }));
    }
}

/// A call that is to be answered. Dropped without that, as by a panic, it is answered with
/// `wamp.error.runtime_error`.
pub(crate) struct Answering {
    core: Arc<Core>,
    request: Id,
    interrupted: Option<oneshot::Receiver<()>>,
    answered: bool,
    _place: OwnedSemaphorePermit,
}

impl Answering {
    pub(crate) fn new(
        core: Arc<Core>,
        request: Id,
        place: OwnedSemaphorePermit,
        interrupted: oneshot::Receiver<()>,
    ) -> Self {
        Answering { core, request, interrupted: Some(interrupted), answered: false, _place: place }
    }

    async fn run(mut self, call: impl Future<Output = Result<Payload, ProcedureError>>) {
        let interrupted = self.interrupted.take();
        let interrupted = async {
            match interrupted {
                // The end of the session interrupts, too.
                Some(interrupted) => drop(interrupted.await),
                None => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            outcome = call => Some(outcome),
            () = interrupted => None,
        };
        let request = self.request;
        self.core.ran(request);
        let message = match outcome {
            Some(Ok(payload)) => Message::Yield(Yield { request, progress: false, passthru: None, payload }),
            Some(Err(ProcedureError { error, payload })) => Message::Error(ErrorMessage {
                request_type: code::INVOCATION,
                request,
                passthru: None,
                error,
                payload,
            }),
            None => failed(request, uri::CANCELED, "the call was canceled"),
        };
        if self.core.say_in_time(&message).await == Offered::TooLarge {
            let why = "the answer is larger than the router accepts";
            self.core.say_in_time(&failed(request, uri::PAYLOAD_SIZE_EXCEEDED, why)).await;
        }
        self.answered = true;
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.answered {
            self.core.ran(self.request);
            let error = failed(self.request, uri::RUNTIME_ERROR, "the procedure ended without an answer");
            // Whether there is room or not: it is small, and there are no more of them than places.
            self.core.say(Class::Farewell, &error);
        }
    }
}

/// A registration. It ends when it is dropped. A session stays open as long as one of its registrations is there.
pub struct Registration {
    kept: Kept,
    registered: Arc<Registered>,
}

impl Registration {
    pub(crate) fn new(kept: Kept, registered: Arc<Registered>) -> Self {
        Registration { kept, registered }
    }

    /// Completes when the router has ended it. One that comes back with every session is there again in the next.
    /// Cancel-safe.
    pub async fn revoked(&self) {
        self.registered.revoked.notified().await;
    }

    /// Ends it and waits until the router knows. Calls that came before are still answered.
    ///
    /// # Errors
    /// The router says that there is no such registration, or does not answer.
    pub async fn unregister(self) -> Result<(), RequestError> {
        self.kept.end().await
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("kept", &self.kept).finish_non_exhaustive()
    }
}

/// What keeps a subscription or registration there: dropped, it ends it.
pub(crate) struct Kept(Option<Keeper>);

enum Keeper {
    /// The tap is not held, so that it is dropped with the session, which ends the events.
    Subscription {
        session: Session,
        id: Id,
        tap: Weak<Tap>,
    },
    Registration {
        session: Session,
        id: Id,
    },
    /// One that comes back with every session, by its number.
    Lasting {
        commands: mpsc::UnboundedSender<Command>,
        number: u64,
    },
}

impl Kept {
    pub(crate) fn subscription(session: Session, id: Id, tap: Weak<Tap>) -> Self {
        Kept(Some(Keeper::Subscription { session, id, tap }))
    }

    pub(crate) fn registration(session: Session, id: Id) -> Self {
        Kept(Some(Keeper::Registration { session, id }))
    }

    pub(crate) fn lasting(commands: mpsc::UnboundedSender<Command>, number: u64) -> Self {
        Kept(Some(Keeper::Lasting { commands, number }))
    }

    /// Ends it and waits until the router knows.
    pub(crate) async fn end(mut self) -> Result<(), RequestError> {
        match self.0.take() {
            Some(keeper) => keeper.end().await,
            None => Ok(()),
        }
    }
}

impl Keeper {
    async fn end(self) -> Result<(), RequestError> {
        match self {
            Keeper::Subscription { session, id, tap } => session.core().unsubscribe(id, &tap).await,
            Keeper::Registration { session, id } => session.core().unregister(id).await,
            Keeper::Lasting { commands, number } => {
                let (done, wait) = oneshot::channel();
                let _ = commands.send(Command::Withdraw { number, done: Some(done) });
                wait.await.unwrap_or(Err(RequestError::Ended))
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        match self.0.take() {
            None => {}
            Some(Keeper::Lasting { commands, number }) => {
                let _ = commands.send(Command::Withdraw { number, done: None });
            }
            // Where there is no runtime any more there is no session either.
            Some(keeper) => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(keeper.end());
                }
            }
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Some(Keeper::Subscription { .. }) => "subscription",
            Some(Keeper::Registration { .. }) => "registration",
            Some(Keeper::Lasting { .. }) => "lasting",
            None => "ended",
        })
    }
}
