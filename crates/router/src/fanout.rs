//! One event on its way to the subscribers of its topic. It is encoded once for each serializer they use, before the
//! topic's lock is taken, and offered to all of them under its read lock.
//!
//! A fan-out that is longer than the realm's chunk size lets go of the lock between chunks and is continued from where
//! it was; its publisher is not read from meanwhile, so that its events stay in order. The same holds for one that
//! waits for subscribers of a role with the policy `push-back`.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use smallvec::SmallVec;
use transom_config::SlowConsumer;
use transom_wamp::{Class, Encoded, Encoder, Id, Message, Offered, Outgoing, Prepared, Serializer};

use crate::broker::{Subscriber, Topic};
use crate::filter::Filter;
use crate::realm::Realm;
use crate::scratch;
use crate::session::Session;
use crate::sync::atomic::Ordering;

const SERIALIZERS: usize = Serializer::ALL.len();

pub(crate) struct Fanout {
    event: Message,
    /// Kept only from one chunk to the next.
    frames: Option<Box<Frames>>,
    prepared: Prepared,
    way: Way,
}

/// Whom the event goes to, and how far it has come.
struct Way {
    topic: Arc<Topic>,
    /// The publisher, where it does not get its own event.
    except: Option<Id>,
    filter: Option<Box<Filter>>,
    /// The number of the subscriber to continue with.
    next: u64,
    /// Subscribers from this number on came after the event; none = not begun.
    end: Option<u64>,
    /// Those whose role asks the publisher to wait.
    blocked: Vec<(u64, Arc<Session>)>,
}

/// Where a fan-out is after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everybody was looked at and nobody is waited for.
    Done,
    /// Some are left, or waited for.
    Unfinished,
    /// The topic is not in use any more; nothing happened.
    Dead,
}

/// Why the topic's lock was let go of.
enum Stopped {
    Dead,
    End,
    Chunk,
    Missing(Serializer),
}

/// An event in each serializer that its subscribers use, in memory of its own.
type Frames = [Option<Frame>; SERIALIZERS];

/// An encoded event in memory of its own.
struct Frame {
    head: Box<[u8]>,
    body: Bytes,
    tail: &'static [u8],
}

/// An event as far as it is encoded.
struct Ready<'a>([Slot<'a>; SERIALIZERS]);

enum Slot<'a> {
    Not(&'a mut Encoder),
    Is(Encoded<'a>),
    /// Only while it changes.
    Between,
}

/// What is done after the lock is released.
enum Effect {
    Lags(Arc<Session>),
    Recovers(Arc<Session>),
    Disconnect(Arc<Session>),
    TooLarge(Arc<Session>),
}

type Effects = SmallVec<[Effect; 2]>;

impl<'a> Ready<'a> {
    fn new(encoders: &'a mut [Encoder; SERIALIZERS], frames: Option<&'a Frames>) -> Self {
        let mut slots = encoders.each_mut().map(Slot::Not);
        for (slot, frame) in slots.iter_mut().zip(frames.into_iter().flatten()) {
            if let Some(frame) = frame {
                *slot = Slot::Is(frame.encoded());
            }
        }
        Ready(slots)
    }

    fn encode(&mut self, serializer: Serializer, event: &'a Message) {
        let Some(slot) = self.0.get_mut(serializer as usize) else { return };
        *slot = match std::mem::replace(slot, Slot::Between) {
            Slot::Not(encoder) => Slot::Is(encoder.encode(serializer, event)),
            encoded => encoded,
        };
    }

    fn get(&self, serializer: Serializer) -> Option<Encoded<'a>> {
        match self.0.get(serializer as usize) {
            Some(Slot::Is(encoded)) => Some(*encoded),
            _ => None,
        }
    }

    fn keep(&self) -> Box<Frames> {
        let keep = |serializer| {
            let Encoded { head, body, tail } = self.get(serializer)?;
            Some(Frame { head: head.into(), body: body.clone(), tail })
        };
        Box::new(Serializer::ALL.map(keep))
    }
}

impl Frame {
    fn encoded(&self) -> Encoded<'_> {
        Encoded { head: &self.head, body: &self.body, tail: self.tail }
    }
}

impl Fanout {
    #[inline]
    pub(crate) fn new(
        topic: Arc<Topic>,
        event: Message,
        except: Option<Id>,
        filter: Option<Box<Filter>>,
    ) -> Self {
        let way = Way { topic, except, filter, next: 0, end: None, blocked: Vec::new() };
        Fanout { event, frames: None, prepared: Prepared::default(), way }
    }

    pub(crate) fn topic(&self) -> &Arc<Topic> {
        &self.way.topic
    }

    #[inline]
    pub(crate) fn into_topic(self) -> Arc<Topic> {
        self.way.topic
    }

    /// The same event for the topic that took the place of one that is [`Progress::Dead`].
    pub(crate) fn restart(&mut self, topic: Arc<Topic>) {
        if let Message::Event(event) = &mut self.event {
            event.subscription = topic.id;
        }
        self.prepared = Prepared::default();
        self.way.topic = topic;
    }

    /// Delivers one chunk.
    pub(crate) fn step(&mut self, realm: &Realm) -> Progress {
        let mut effects = Effects::new();
        let Fanout { event, frames, prepared, way } = self;
        let kept = frames.take();
        let progress = scratch::events(|encoders| {
            let mut ready = Ready::new(encoders, kept.as_deref());
            for serializer in Serializer::ALL {
                if way.topic.uses(serializer) {
                    ready.encode(serializer, event);
                }
            }
            let mut left = realm.chunk();
            let stopped = loop {
                match way.offer(&ready, prepared, &mut left, &mut effects) {
                    // Somebody with another serializer came at this moment.
                    Stopped::Missing(serializer) => ready.encode(serializer, event),
                    stopped => break stopped,
                }
            };
            match stopped {
                Stopped::Dead => Progress::Dead,
                Stopped::End if way.blocked.is_empty() => Progress::Done,
                Stopped::End | Stopped::Chunk | Stopped::Missing(_) => {
                    *frames = Some(ready.keep());
                    Progress::Unfinished
                }
            }
        });
        run(effects, realm);
        progress
    }

    /// Goes on after [`Progress::Unfinished`]; one chunk for each call.
    pub(crate) fn poll(&mut self, realm: &Realm, cx: &mut Context<'_>) -> Poll<()> {
        if self.way.end != Some(self.way.next)
            && self.step(realm) == Progress::Unfinished
            && self.way.end != Some(self.way.next)
        {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut effects = Effects::new();
        let mut blocked = std::mem::take(&mut self.way.blocked);
        blocked.retain(|(number, session)| {
            if session.sink.poll_room(cx).is_pending() {
                return true;
            }
            if self.offer_again(*number, session.serializer, &mut effects) == Delivered::Blocked {
                // Others were faster; ask for the next room.
                if session.sink.poll_room(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                return true;
            }
            false
        });
        self.way.blocked = blocked;
        run(effects, realm);
        if self.way.blocked.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Delivers the rest at once, because the publisher leaves; who has no room now does not get it.
    pub(crate) fn finish(mut self, realm: &Realm) {
        while self.way.end != Some(self.way.next) && self.step(realm) == Progress::Unfinished {}
        let mut effects = Effects::new();
        for (number, session) in std::mem::take(&mut self.way.blocked) {
            if self.offer_again(number, session.serializer, &mut effects) == Delivered::Blocked {
                effects.push(Effect::Lags(session));
            }
        }
        run(effects, realm);
    }

    fn offer_again(&self, number: u64, serializer: Serializer, effects: &mut Effects) -> Delivered {
        let Some(Some(frame)) = self.frames.as_deref().and_then(|frames| frames.get(serializer as usize))
        else {
            return Delivered::Settled;
        };
        let subscribers = self.way.topic.subscribers.read();
        match subscribers.list.binary_search_by_key(&number, |subscriber| subscriber.number) {
            Ok(at) => match subscribers.list.get(at) {
                Some(subscriber) => deliver(subscriber, frame.encoded(), &self.prepared, effects),
                None => Delivered::Settled,
            },
            // It has unsubscribed.
            Err(_) => Delivered::Settled,
        }
    }
}

impl Way {
    /// Offers the event until the end, the end of the chunk, or a subscriber whose serializer was not foreseen.
    fn offer(
        &mut self,
        ready: &Ready<'_>,
        prepared: &Prepared,
        left: &mut usize,
        effects: &mut Effects,
    ) -> Stopped {
        let subscribers = self.topic.subscribers.read();
        if subscribers.dead && self.end.is_none() {
            return Stopped::Dead;
        }
        let end = *self.end.get_or_insert(subscribers.next);
        let from = match self.next {
            0 => 0,
            next => subscribers.list.partition_point(|subscriber| subscriber.number < next),
        };
        for subscriber in subscribers.list.get(from..).unwrap_or_default() {
            if subscriber.number >= end {
                break;
            }
            if *left == 0 {
                self.next = subscriber.number;
                return Stopped::Chunk;
            }
            if self.except != Some(subscriber.id)
                && self.filter.as_ref().is_none_or(|filter| filter.admits(&subscriber.session))
            {
                let Some(message) = ready.get(subscriber.serializer) else {
                    self.next = subscriber.number;
                    return Stopped::Missing(subscriber.serializer);
                };
                if deliver(subscriber, message, prepared, effects) == Delivered::Blocked {
                    self.blocked.push((subscriber.number, subscriber.session.clone()));
                }
            }
            *left -= 1;
        }
        self.next = end;
        Stopped::End
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivered {
    /// Queued, or dropped for good.
    Settled,
    /// To be tried again when there is room.
    Blocked,
}

/// Offers an event to one subscriber.
fn deliver(
    subscriber: &Subscriber,
    message: Encoded<'_>,
    prepared: &Prepared,
    effects: &mut Effects,
) -> Delivered {
    match subscriber.sink.offer_to_many(Outgoing { class: Class::Normal, message }, prepared) {
        Offered::Queued => {
            if subscriber.lagging.load(Ordering::Relaxed) {
                subscriber.lagging.store(false, Ordering::Relaxed);
                effects.push(Effect::Recovers(subscriber.session.clone()));
            }
        }
        Offered::Full => match subscriber.session.role.terms().slow_consumer {
            SlowConsumer::Drop => {
                subscriber.lagging.store(true, Ordering::Relaxed);
                effects.push(Effect::Lags(subscriber.session.clone()));
            }
            SlowConsumer::Disconnect => effects.push(Effect::Disconnect(subscriber.session.clone())),
            SlowConsumer::PushBack => return Delivered::Blocked,
        },
        Offered::TooLarge => effects.push(Effect::TooLarge(subscriber.session.clone())),
        Offered::Closed => {}
    }
    Delivered::Settled
}

/// Counts and says what happened. Each row of dropped events makes one line at its beginning and one at its end.
#[inline]
fn run(effects: Effects, realm: &Realm) {
    if !effects.is_empty() {
        run_all(effects, realm);
    }
}

#[cold]
fn run_all(effects: Effects, realm: &Realm) {
    for effect in effects {
        match &effect {
            Effect::Recovers(session) => {
                if let Some(dropped) = session.recovers() {
                    tracing::info!(session = %session.id, dropped, "a subscriber takes events again");
                }
                continue;
            }
            Effect::Lags(session) => {
                if session.lags() {
                    tracing::info!(session = %session.id, "dropping events for a subscriber that is too slow");
                }
            }
            Effect::Disconnect(session) => {
                if session.lags() {
                    session.too_slow();
                }
            }
            Effect::TooLarge(session) => {
                tracing::info!(session = %session.id, "dropped an event that is larger than its subscriber accepts");
            }
        }
        realm.dropped_events.fetch_add(1, Ordering::Relaxed);
    }
}
