//! Events on their way to whoever subscribed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, Semaphore, mpsc};
use transom_peer::RequestError;
use transom_wamp::{Event, Match};

use crate::procedure::Kept;

/// How to subscribe.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// How topics match; default: exactly.
    pub matching: Match,
    /// Whether events that the router kept are wanted, too; default no.
    pub get_retained: bool,
    /// Events that wait here to be taken, at least 1; default 1024.
    pub capacity: usize,
    /// What happens when so many wait.
    pub overflow: Overflow,
}

/// What happens to an event that finds no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// It is dropped and counted, see [`Subscription::lost`].
    #[default]
    Drop,
    /// Nothing more is read from the router until there is room; the router then does with the session what it does with
    /// slow ones. Answers to other requests wait behind the event: whoever takes events must not wait for such an answer
    /// before taking the next.
    HoldBack,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        SubscribeOptions {
            matching: Match::Exact,
            get_retained: false,
            capacity: 1024,
            overflow: Overflow::default(),
        }
    }
}

/// Where the events of one subscription go in.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) sender: mpsc::Sender<Event>,
    pub(crate) overflow: Overflow,
    beside: Arc<Beside>,
}

/// What the two ends of a subscription tell each other besides events.
#[derive(Debug, Default)]
struct Beside {
    lost: AtomicU64,
    revoked: Notify,
}

impl Tap {
    /// A tap, and the rest of what becomes a subscription.
    pub(crate) fn new(options: &SubscribeOptions) -> (Arc<Tap>, Taken) {
        let (sender, events) = mpsc::channel(options.capacity.clamp(1, Semaphore::MAX_PERMITS));
        let beside = Arc::<Beside>::default();
        let tap = Tap { sender, overflow: options.overflow, beside: beside.clone() };
        (Arc::new(tap), Taken { events, beside, over: false })
    }

    /// An event found no room.
    pub(crate) fn dropped(&self) {
        self.beside.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// The router ended the subscription.
    pub(crate) fn revoke(&self) {
        self.beside.revoked.notify_one();
    }
}

/// Where the events of one subscription come out.
#[derive(Debug)]
pub(crate) struct Taken {
    events: mpsc::Receiver<Event>,
    beside: Arc<Beside>,
    over: bool,
}

/// A subscription. It ends when it is dropped. A session stays open as long as one of its subscriptions is there.
#[derive(Debug)]
pub struct Subscription {
    taken: Taken,
    kept: Kept,
}

impl Subscription {
    pub(crate) fn new(taken: Taken, kept: Kept) -> Self {
        Subscription { taken, kept }
    }

    /// The next event; nothing once the subscription has ended, by the router or with the session. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        let Taken { events, beside, over } = &mut self.taken;
        if *over {
            return None;
        }
        let next = tokio::select! {
            biased;
            event = events.recv() => event,
            () = beside.revoked.notified() => None,
        };
        *over = next.is_none();
        next
    }

    /// Events that were dropped since this was asked last, because nobody took those before them.
    pub fn lost(&self) -> u64 {
        self.taken.beside.lost.swap(0, Ordering::Relaxed)
    }

    /// Ends it and waits until the router knows.
    ///
    /// # Errors
    /// The router says that there is no such subscription, or does not answer.
    pub async fn unsubscribe(self) -> Result<(), RequestError> {
        self.kept.end().await
    }
}
