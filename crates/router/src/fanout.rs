//! One event on its way to the subscribers of its topic and of the patterns that match it. It is encoded once for each
//! serializer they use, before the topic's lock is taken, and offered to all of them under its read lock.
//!
//! A fan-out that is longer than the realm's chunk size lets go of the lock between chunks and is continued from where
//! it was; its publisher is not read from meanwhile, so that its events stay in order. The same holds for one that
//! waits for subscribers of a role with the policy `push-back`; everybody else has got the event before.

mod encoded;

use std::sync::Arc;
use std::task::{Context, Poll};

use smallvec::SmallVec;
use transom_config::SlowConsumer;
use transom_wamp::{Class, Encoded, Id, Match, Message, Offered, Outgoing, Prepared, Serializer, Text};

use crate::broker::{Subscriber, Topic};
use crate::filter::Filter;
use crate::index::Found;
use crate::meta::MetaEvent;
use crate::realm::Realm;
use crate::scratch;
use crate::session::Session;
use crate::sync::atomic::Ordering;
use encoded::{Frames, Ready};

pub(crate) struct Fanout {
    event: Message,
    /// What transports prepared of the event for one topic.
    prepared: Prepared,
    way: Way,
    /// Only where it does not reach everybody at once, or goes to patterns too.
    more: Option<Box<More>>,
}

/// Whom the event goes to, and how far it has come.
struct Way {
    topic: Arc<Topic>,
    /// The publisher, where it does not get its own event.
    except: Option<Id>,
    filter: Option<Arc<Filter>>,
    /// The number of the subscriber to continue with.
    next: u64,
    /// Subscribers from this number on came after the event; none = not begun.
    end: Option<u64>,
}

/// What there is beside the way to the subscribers of one topic.
#[derive(Default)]
struct More {
    /// The encoded event, kept from one chunk to the next.
    frames: Option<Box<Frames>>,
    /// Those whose role asks the publisher to wait.
    blocked: Vec<(u64, Arc<Session>)>,
    /// What the event was published to; patterns are told.
    uri: Text,
    /// Patterns that are still to come.
    rest: Found<Topic>,
    /// Topics and patterns whose subscribers have all been looked at, some of which are waited for.
    waiting: Vec<Waiting>,
    /// The event is about the realm itself: what follows from it is noted and published by whoever publishes it.
    about_itself: bool,
}

/// Subscribers of one topic that are waited for.
struct Waiting {
    topic: Arc<Topic>,
    frames: Box<Frames>,
    prepared: Prepared,
    blocked: Vec<(u64, Arc<Session>)>,
}

/// The event as it goes to the subscribers of one topic.
#[derive(Clone, Copy)]
struct On<'a> {
    topic: &'a Topic,
    frames: &'a Frames,
    prepared: &'a Prepared,
}

/// Where a fan-out is after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everybody was looked at and nobody is waited for.
    Done,
    /// Some are left, or waited for.
    Unfinished,
}

/// Why the topic's lock was let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// The topic is not in use any more; nothing happened.
    Dead,
    End,
    Chunk,
    Missing(Serializer),
}

/// What is done after the lock is released.
enum Effect {
    Lags(Arc<Session>),
    Recovers(Arc<Session>),
    Disconnect(Arc<Session>),
    TooLarge(Arc<Session>),
}

type Effects = SmallVec<[Effect; 2]>;

impl Fanout {
    /// An event, with the subscription of its topic.
    #[inline]
    pub(crate) fn new(
        topic: Arc<Topic>,
        event: Message,
        except: Option<Id>,
        filter: Option<Arc<Filter>>,
    ) -> Self {
        let way = Way { topic, except, filter, next: 0, end: None };
        Fanout { event, prepared: Prepared::default(), way, more: None }
    }

    /// The event goes to these patterns too; its first topic may be one as well. Only the event for patterns names what
    /// it was published to.
    pub(crate) fn also(mut self, uri: &Text, mut rest: Found<Topic>) -> Self {
        if !rest.is_empty() || self.way.topic.matching != Match::Exact {
            // Taken from the end.
            rest.reverse();
            let more = self.more.get_or_insert_default();
            more.uri = uri.clone();
            more.rest = rest;
            self.name();
        }
        self
    }

    /// The event is one of the meta API.
    pub(crate) fn about_itself(mut self) -> Self {
        self.more.get_or_insert_default().about_itself = true;
        self
    }

    #[inline]
    pub(crate) fn into_topic(self) -> Arc<Topic> {
        self.way.topic
    }

    /// Delivers one chunk.
    #[inline]
    pub(crate) fn step(&mut self, realm: &Realm) -> Progress {
        let mut left = realm.chunk();
        match self.deliver(realm, &mut left) {
            Stopped::End if self.more.is_none() => Progress::Done,
            stopped => self.go_on(realm, stopped, left),
        }
    }

    /// What follows when an event has not reached everybody at once.
    #[cold]
    fn go_on(&mut self, realm: &Realm, mut stopped: Stopped, mut left: usize) -> Progress {
        loop {
            let another = match stopped {
                Stopped::Dead => self.replace_dead(realm) || self.next_topic(),
                Stopped::End => self.next_topic(),
                Stopped::Chunk | Stopped::Missing(_) => return Progress::Unfinished,
            };
            if !another {
                let nobody_waits = |more: &More| more.blocked.is_empty() && more.waiting.is_empty();
                let done = self.more.as_deref().is_none_or(nobody_waits);
                return if done { Progress::Done } else { Progress::Unfinished };
            }
            if left == 0 {
                return Progress::Unfinished;
            }
            stopped = self.deliver(realm, &mut left);
        }
    }

    /// Goes to the topic that took the place of one that is dead, if there is one. Patterns were looked up just now:
    /// who took the place of one came after the event.
    fn replace_dead(&mut self, realm: &Realm) -> bool {
        let dead = &self.way.topic;
        // It counts as seen.
        self.way.end = Some(self.way.next);
        if dead.matching != Match::Exact {
            return false;
        }
        realm.remove_topic(dead);
        let Some(topic) = realm.topics.get(&dead.uri) else { return false };
        self.begin(topic);
        true
    }

    /// Goes to the next pattern, if there is one.
    fn next_topic(&mut self) -> bool {
        let Some(more) = &mut self.more else { return false };
        let Some(next) = more.rest.pop() else { return false };
        if let Some(frames) = more.frames.take()
            && !more.blocked.is_empty()
        {
            let blocked = std::mem::take(&mut more.blocked);
            let (topic, prepared) = (self.way.topic.clone(), std::mem::take(&mut self.prepared));
            more.waiting.push(Waiting { topic, frames, prepared, blocked });
        }
        self.begin(next);
        self.name();
        true
    }

    fn begin(&mut self, topic: Arc<Topic>) {
        if let Message::Event(event) = &mut self.event {
            event.subscription = topic.id;
        }
        if let Some(more) = &mut self.more {
            more.frames = None;
        }
        self.prepared = Prepared::default();
        self.way.topic = topic;
        self.way.next = 0;
        self.way.end = None;
    }

    /// Names the topic in the event, for subscribers of patterns.
    fn name(&mut self) {
        if let (Message::Event(event), Some(more)) = (&mut self.event, &self.more)
            && self.way.topic.matching != Match::Exact
        {
            event.details.topic = Some(more.uri.clone());
        }
    }

    /// Whether all subscribers were looked at.
    fn has_seen_all(&self) -> bool {
        self.way.end == Some(self.way.next) && self.more.as_ref().is_none_or(|more| more.rest.is_empty())
    }

    /// Offers the event to the subscribers of one topic, as far as the chunk goes.
    #[inline]
    fn deliver(&mut self, realm: &Realm, left: &mut usize) -> Stopped {
        let mut effects = Effects::new();
        let Fanout { event, prepared, way, more } = self;
        let kept = more.as_mut().and_then(|more| more.frames.take());
        let stopped = scratch::events(|encoders| {
            let mut ready = Ready::new(encoders, kept.as_deref());
            for serializer in Serializer::ALL {
                if way.topic.uses(serializer) {
                    ready.encode(serializer, event);
                }
            }
            let stopped = loop {
                match way.offer(&ready, prepared, left, more, &mut effects) {
                    // Somebody with another serializer came at this moment.
                    Stopped::Missing(serializer) => ready.encode(serializer, event),
                    stopped => break stopped,
                }
            };
            if stopped == Stopped::Chunk || more.as_ref().is_some_and(|more| !more.blocked.is_empty()) {
                more.get_or_insert_default().frames = Some(ready.keep());
            }
            stopped
        });
        self.run(effects, realm);
        stopped
    }

    /// Goes on after [`Progress::Unfinished`]; one chunk for each call.
    pub(crate) fn poll(&mut self, realm: &Realm, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_seen_all() && self.step(realm) == Progress::Unfinished && !self.has_seen_all() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut effects = Effects::new();
        let mut pending = false;
        self.retry(&mut effects, |number, session, on, effects| {
            if session.sink.poll_room(cx).is_pending() {
                pending = true;
                return false;
            }
            if offer_again(on, number, session, effects) == Delivered::Blocked {
                // Others were faster; ask for the next room.
                if session.sink.poll_room(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                pending = true;
                return false;
            }
            true
        });
        self.run(effects, realm);
        if pending { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Delivers the rest at once, because the publisher leaves; who has no room now does not get it.
    pub(crate) fn finish(mut self, realm: &Realm) {
        while !self.has_seen_all() {
            self.step(realm);
        }
        let mut effects = Effects::new();
        self.retry(&mut effects, |number, session, on, effects| {
            if offer_again(on, number, session, effects) == Delivered::Blocked {
                effects.push(Effect::Lags(session.clone()));
            }
            true
        });
        self.run(effects, realm);
    }

    /// Tries again those who are waited for; `settled` says of each whether it is waited for no longer.
    fn retry(
        &mut self,
        effects: &mut Effects,
        mut settled: impl FnMut(u64, &Arc<Session>, On<'_>, &mut Effects) -> bool,
    ) {
        let Some(more) = &mut self.more else { return };
        if let Some(frames) = more.frames.as_deref() {
            let on = On { topic: &self.way.topic, frames, prepared: &self.prepared };
            more.blocked.retain(|(number, session)| !settled(*number, session, on, effects));
        }
        more.waiting.retain_mut(|Waiting { topic, frames, prepared, blocked }| {
            let on = On { topic, frames, prepared };
            blocked.retain(|(number, session)| !settled(*number, session, on, effects));
            !blocked.is_empty()
        });
    }

    /// Counts and says what happened. Each row of dropped events makes one line at its beginning and one at its end.
    #[inline]
    fn run(&self, effects: Effects, realm: &Realm) {
        if !effects.is_empty() {
            run_all(effects, realm);
            if !self.more.as_ref().is_some_and(|more| more.about_itself) {
                realm.meta.publish(realm);
            }
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
        more: &mut Option<Box<More>>,
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
                    let waiting = (subscriber.number, subscriber.session.clone());
                    more.get_or_insert_default().blocked.push(waiting);
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

/// Offers an event once more to one subscriber, if it is still there.
fn offer_again(on: On<'_>, number: u64, session: &Session, effects: &mut Effects) -> Delivered {
    let On { topic, frames, prepared } = on;
    let Some(Some(frame)) = frames.get(session.serializer as usize) else { return Delivered::Settled };
    let subscribers = topic.subscribers.read();
    match subscribers.find(number).and_then(|at| subscribers.list.get(at)) {
        Some(subscriber) => deliver(subscriber, frame.encoded(), prepared, effects),
        // It has unsubscribed.
        None => Delivered::Settled,
    }
}

#[cold]
fn run_all(effects: Effects, realm: &Realm) {
    for effect in effects {
        match effect {
            Effect::Recovers(session) => {
                if let Some(dropped) = session.recovers() {
                    tracing::info!(session = %session.id, dropped, "a subscriber takes events again");
                    realm.meta.note(|| MetaEvent::Slow(session, Some(dropped)));
                }
                continue;
            }
            Effect::Lags(session) => {
                if session.lags() {
                    tracing::info!(session = %session.id, "dropping events for a subscriber that is too slow");
                    realm.meta.note(|| MetaEvent::Slow(session, None));
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
