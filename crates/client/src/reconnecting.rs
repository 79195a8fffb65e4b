//! A session that comes back: whenever it is lost, another one is opened, with the same subscriptions and
//! registrations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use transom_peer::RequestError;
use transom_wamp::{Id, Invocation, Payload, RegisterOptions, Text};

use crate::procedure::{Kept, Registered};
use crate::subscription::Tap;
use crate::{
    Backoff, Client, ConnectError, End, ProcedureError, Registration, Session, SubscribeOptions,
    Subscription, backoff,
};

/// A client that keeps a session open. Clones are the same one; it ends when they and all of its subscriptions and
/// registrations are dropped.
#[derive(Debug, Clone)]
pub struct Reconnecting {
    commands: mpsc::UnboundedSender<Command>,
    status: watch::Receiver<Status>,
    numbers: Arc<AtomicU64>,
}

/// How it stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Status {
    /// It connects.
    Connecting,
    /// There is a session, and all that was wished is subscribed and registered, or was refused.
    Joined(Session),
    /// There is none; it connects again after a while.
    Waiting {
        /// Why there is none.
        why: Why,
        /// How long it waits.
        delay: Duration,
    },
    /// There will be none any more.
    Stopped(Why),
}

/// Why there is no session.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// It could not be opened.
    #[error("{}", .0.chain())]
    Connect(Arc<ConnectError>),
    /// It ended.
    #[error("the session ended: {0}")]
    Ended(End),
}

/// What the task is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    Add { number: u64, wish: Wish, answer: oneshot::Sender<Result<(), RequestError>> },
    Withdraw { number: u64, done: Option<oneshot::Sender<Result<(), RequestError>>> },
    Close { done: oneshot::Sender<()> },
}

/// What every session is to have.
#[derive(Clone)]
pub(crate) enum Wish {
    Subscribe { topic: Text, options: SubscribeOptions, tap: Arc<Tap> },
    Register { procedure: Text, options: RegisterOptions, registered: Arc<Registered> },
}

impl Reconnecting {
    /// Begins to connect, as a task of the runtime that this is called in.
    pub fn start(client: Client, backoff: Backoff) -> Self {
        let (commands, inbox) = mpsc::unbounded_channel();
        let status = watch::Sender::new(Status::Connecting);
        let reconnecting = Reconnecting { commands, status: status.subscribe(), numbers: Arc::default() };
        let keeper = Keeper { client, backoff, inbox, status, wishes: BTreeMap::new() };
        tokio::spawn(keeper.run());
        reconnecting
    }

    /// How it stands, to follow.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The session, as soon as there is one.
    ///
    /// # Errors
    /// There will be none.
    pub async fn session(&self) -> Result<Session, Why> {
        let mut status = self.status.clone();
        let decided = status.wait_for(|status| matches!(status, Status::Joined(_) | Status::Stopped(_)));
        match decided.await.map(|status| status.clone()) {
            Ok(Status::Joined(session)) => Ok(session),
            Ok(Status::Stopped(why)) => Err(why),
            _ => Err(Why::Ended(End::Left)),
        }
    }

    /// Subscribes in this session and in all that follow, and waits until it is done for the first time. Events in
    /// between are missed. Later, what is refused is tried again.
    ///
    /// # Errors
    /// The router refuses it, or there will be no session.
    pub async fn subscribe(
        &self,
        topic: impl Into<Text>,
        options: SubscribeOptions,
    ) -> Result<Subscription, RequestError> {
        let (tap, taken) = Tap::new(&options);
        let kept = self.add(Wish::Subscribe { topic: topic.into(), options, tap }).await?;
        Ok(Subscription::new(taken, kept))
    }

    /// Registers in this session and in all that follow, see [`Session::register`], and waits until it is done for the
    /// first time. Later, what is refused is tried again: the router may not have noticed yet that the last session is
    /// gone.
    ///
    /// # Errors
    /// The router refuses it, or there will be no session.
    pub async fn register<F, Fut>(
        &self,
        procedure: impl Into<Text>,
        options: RegisterOptions,
        handler: F,
    ) -> Result<Registration, RequestError>
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload, ProcedureError>> + Send + 'static,
    {
        let registered = Registered::new(handler, options.concurrency);
        let wish = Wish::Register { procedure: procedure.into(), options, registered: registered.clone() };
        Ok(Registration::new(self.add(wish).await?, registered))
    }

    /// Leaves, and waits until the connection is closed.
    pub async fn close(self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Close { done }).is_ok() {
            // The task drops its end when it is over.
            let _ = wait.await;
        }
    }

    async fn add(&self, wish: Wish) -> Result<Kept, RequestError> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        // Whoever does not wait until it is done withdraws it.
        let kept = Kept::lasting(self.commands.clone(), number);
        let (answer, wait) = oneshot::channel();
        self.commands.send(Command::Add { number, wish, answer }).map_err(|_| RequestError::Ended)?;
        wait.await.unwrap_or(Err(RequestError::Ended)).map(|()| kept)
    }
}

/// The task.
struct Keeper {
    client: Client,
    backoff: Backoff,
    inbox: mpsc::UnboundedReceiver<Command>,
    status: watch::Sender<Status>,
    wishes: BTreeMap<u64, Standing>,
}

/// A wish, and how it stands in the current session.
struct Standing {
    wish: Wish,
    /// Who waits until it is done for the first time.
    first: Option<oneshot::Sender<Result<(), RequestError>>>,
    /// The subscription or registration.
    id: Option<Id>,
    /// How often it was refused in a row.
    refused: u32,
}

/// What became of a wish.
type Done = (u64, Wish, Result<Id, RequestError>);

/// It is over, by wish of its user.
struct Closed;

impl Keeper {
    async fn run(mut self) {
        let why = match self.keep().await {
            Ok(why) => why,
            Err(Closed) => Why::Ended(End::Left),
        };
        self.status.send_replace(Status::Stopped(why));
    }

    /// Keeps a session open until that makes no sense any more.
    async fn keep(&mut self) -> Result<Why, Closed> {
        let mut failures = 0;
        loop {
            let (client, began) = (self.client.clone(), Instant::now());
            let connecting = async move { client.connect().await };
            let why = match self.meanwhile(connecting).await? {
                Ok(session) => Why::Ended(self.serve(session).await?),
                Err(error) => Why::Connect(Arc::new(error)),
            };
            // One that held for longer than would be waited was a good one.
            if matches!(why, Why::Ended(_)) && began.elapsed() > self.backoff.delay(failures, 1.0) {
                failures = 0;
            }
            failures += 1;
            let hopeless = match &why {
                Why::Connect(error) => self.backoff.give_up_when_permanent && error.is_permanent(),
                Why::Ended(_) => false,
            };
            if hopeless || self.backoff.attempts.is_some_and(|most| failures >= most) {
                return Ok(why);
            }
            let delay = self.backoff.delay(failures, backoff::random());
            tracing::debug!(target = self.client.transport().target(), ?delay, "no session: {why}");
            self.status.send_replace(Status::Waiting { why, delay });
            self.meanwhile(tokio::time::sleep(delay)).await?;
            self.status.send_replace(Status::Connecting);
        }
    }

    /// Waits for something while there is no session.
    async fn meanwhile<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Closed> {
        let mut wait = std::pin::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return Ok(done),
                command = self.inbox.recv() => match command {
                    Some(Command::Add { number, wish, answer }) => self.add(number, wish, answer),
                    Some(Command::Withdraw { number, done }) => {
                        self.wishes.remove(&number);
                        done.map(|done| done.send(Ok(())));
                    }
                    Some(Command::Close { .. }) | None => return Err(Closed),
                },
            }
        }
    }

    fn add(&mut self, number: u64, wish: Wish, answer: oneshot::Sender<Result<(), RequestError>>) {
        self.wishes.insert(number, Standing { wish, first: Some(answer), id: None, refused: 0 });
    }

    /// Does what is wished in a session until it ends.
    async fn serve(&mut self, session: Session) -> Result<End, Closed> {
        let mut work = JoinSet::new();
        for (number, standing) in &mut self.wishes {
            standing.id = None;
            work.spawn(established(session.clone(), *number, standing.wish.clone()));
        }
        let mut announced = false;
        // When the wishes that were refused are tried again.
        let mut again: Option<Instant> = None;
        loop {
            if work.is_empty() && !announced {
                announced = true;
                self.status.send_replace(Status::Joined(session.clone()));
            }
            tokio::select! {
                end = session.ended() => return Ok(end),
                Some(done) = work.join_next() => {
                    if let Ok(done) = done && let Some(delay) = self.done(&session, done) {
                        let at = Instant::now() + delay;
                        again = Some(again.map_or(at, |before| before.min(at)));
                    }
                }
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {
                    again = None;
                    for (number, standing) in self.wishes.iter().filter(|(_, s)| s.id.is_none() && s.refused > 0) {
                        work.spawn(established(session.clone(), *number, standing.wish.clone()));
                    }
                }
                command = self.inbox.recv() => match command {
                    Some(Command::Add { number, wish, answer }) => {
                        work.spawn(established(session.clone(), number, wish.clone()));
                        self.add(number, wish, answer);
                    }
                    Some(Command::Withdraw { number, done }) => {
                        let standing = self.wishes.remove(&number);
                        match standing.and_then(|standing| Some((standing.id?, standing.wish))) {
                            Some((id, wish)) => {
                                tokio::spawn(withdrawn(session.clone(), id, wish, done));
                            }
                            None => drop(done.map(|done| done.send(Ok(())))),
                        }
                    }
                    Some(Command::Close { done }) => {
                        session.close().await;
                        drop(done);
                        return Err(Closed);
                    }
                    None => return Err(Closed),
                },
            }
        }
    }

    /// Notes what became of a wish; how long to wait where it is to be tried again.
    fn done(&mut self, session: &Session, (number, wish, outcome): Done) -> Option<Duration> {
        let Some(standing) = self.wishes.get_mut(&number) else {
            // Withdrawn on the way.
            if let Ok(id) = outcome {
                tokio::spawn(withdrawn(session.clone(), id, wish, None));
            }
            return None;
        };
        match outcome {
            Ok(id) => {
                (standing.id, standing.refused) = (Some(id), 0);
                if let Some(first) = standing.first.take() {
                    let _ = first.send(Ok(()));
                }
                None
            }
            // There is nothing to be done in this session any more.
            Err(RequestError::Ended) => None,
            Err(error) => match standing.first.take() {
                Some(first) => {
                    let _ = first.send(Err(error));
                    self.wishes.remove(&number);
                    None
                }
                None => {
                    standing.refused += 1;
                    tracing::info!(session = %session.welcome().session, "{}: {error}; trying again", standing.wish.name());
                    Some(self.backoff.delay(standing.refused, backoff::random()))
                }
            },
        }
    }
}

impl Wish {
    fn name(&self) -> String {
        match self {
            Wish::Subscribe { topic, .. } => format!("subscription to {topic}"),
            Wish::Register { procedure, .. } => format!("registration of {procedure}"),
        }
    }
}

async fn established(session: Session, number: u64, wish: Wish) -> Done {
    let outcome = match wish.clone() {
        Wish::Subscribe { topic, options, tap } => session.subscribe_tap(topic, options, tap).await,
        Wish::Register { procedure, options, registered } => {
            session.register_as(procedure, options, registered).await
        }
    };
    (number, wish, outcome)
}

async fn withdrawn(
    session: Session,
    id: Id,
    wish: Wish,
    done: Option<oneshot::Sender<Result<(), RequestError>>>,
) {
    let outcome = match wish {
        Wish::Subscribe { tap, .. } => session.core().unsubscribe(id, &Arc::downgrade(&tap)).await,
        Wish::Register { .. } => session.core().unregister(id).await,
    };
    if let Some(done) = done {
        let _ = done.send(outcome);
    }
}

impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}
