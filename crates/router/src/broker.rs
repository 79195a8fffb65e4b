//! Topics and their subscribers. How events reach them is in `fanout`.

use std::sync::Arc;

use transom_wamp::{Class, Id, Message, Offered, Outgoing, Serializer, SessionSink, Text};

use crate::realm::Realm;
use crate::scratch;
use crate::session::Session;
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A topic that has subscribers: one subscription, which all of them share.
pub(crate) struct Topic {
    pub(crate) id: Id,
    pub(crate) uri: Text,
    /// A bit for each serializer that some subscriber uses, so that events can be encoded before the lock is taken.
    serializers: AtomicU8,
    pub(crate) subscribers: RwLock<Subscribers>,
}

pub(crate) struct Subscribers {
    /// In the order of subscribing, so that a fan-out that let go of the lock finds its place again.
    pub(crate) list: Vec<Subscriber>,
    /// The number of the next subscriber; from 1.
    pub(crate) next: u64,
    /// How many use each serializer.
    using: [u32; Serializer::ALL.len()],
    /// The last one left: the topic is not in use any more.
    pub(crate) dead: bool,
}

/// One subscriber; what a delivery needs is at hand.
pub(crate) struct Subscriber {
    pub(crate) number: u64,
    pub(crate) id: Id,
    pub(crate) serializer: Serializer,
    /// The last event was dropped.
    pub(crate) lagging: AtomicBool,
    pub(crate) sink: Arc<dyn SessionSink>,
    pub(crate) session: Arc<Session>,
}

/// What became of a wish to subscribe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// Subscribed, with this number.
    As(u64),
    /// SUBSCRIBED does not fit; nothing happened.
    NoRoom,
    /// The topic died meanwhile.
    Dead,
}

impl Topic {
    fn new(id: Id, uri: Text) -> Self {
        let list = Vec::new();
        let subscribers = Subscribers { list, next: 1, using: Default::default(), dead: false };
        Topic { id, uri, serializers: AtomicU8::new(0), subscribers: RwLock::new(subscribers) }
    }

    /// Whether some subscriber uses a serializer. May be outdated at once.
    pub(crate) fn uses(&self, serializer: Serializer) -> bool {
        self.serializers.load(Ordering::Acquire) & bit(serializer) != 0
    }

    /// Adds a subscriber and queues `reply`, its SUBSCRIBED, in one step.
    fn join(&self, session: &Arc<Session>, reply: &Message) -> Joined {
        scratch::single(|encoder| {
            let message = encoder.encode(session.serializer, reply);
            let mut subscribers = self.subscribers.write();
            if subscribers.dead {
                return Joined::Dead;
            }
            if session.sink.offer(Outgoing { class: Class::Normal, message }) == Offered::Full {
                return Joined::NoRoom;
            }
            let number = subscribers.next;
            subscribers.next += 1;
            subscribers.list.push(Subscriber {
                number,
                id: session.id,
                serializer: session.serializer,
                lagging: AtomicBool::new(false),
                sink: session.sink.clone(),
                session: session.clone(),
            });
            self.count(&mut subscribers, session.serializer, true);
            Joined::As(number)
        })
    }

    /// Removes a subscriber and queues `reply`, its UNSUBSCRIBED, in one step; false when that does not fit.
    fn leave(&self, number: u64, session: &Session, reply: Option<&Message>) -> bool {
        match reply {
            Some(reply) => scratch::single(|encoder| {
                let message = encoder.encode(session.serializer, reply);
                let reply = || session.sink.offer(Outgoing { class: Class::Normal, message });
                self.remove(number, reply)
            }),
            None => self.remove(number, || Offered::Closed),
        }
    }

    fn remove(&self, number: u64, reply: impl FnOnce() -> Offered) -> bool {
        let mut subscribers = self.subscribers.write();
        if reply() == Offered::Full {
            return false;
        }
        let Ok(at) = subscribers.list.binary_search_by_key(&number, |subscriber| subscriber.number) else {
            return true;
        };
        let gone = subscribers.list.remove(at);
        self.count(&mut subscribers, gone.serializer, false);
        if subscribers.list.len() < subscribers.list.capacity() / 4 {
            subscribers.list.shrink_to_fit();
        }
        drop(subscribers);
        drop(gone);
        true
    }

    fn count(&self, subscribers: &mut Subscribers, serializer: Serializer, more: bool) {
        let Some(using) = subscribers.using.get_mut(serializer as usize) else { return };
        *using = if more { using.saturating_add(1) } else { using.saturating_sub(1) };
        let others = self.serializers.load(Ordering::Acquire) & !bit(serializer);
        let this = if *using > 0 { bit(serializer) } else { 0 };
        self.serializers.store(others | this, Ordering::Release);
    }
}

fn bit(serializer: Serializer) -> u8 {
    1 << serializer as u8
}

impl Realm {
    /// Subscribes a session that does not hold the topic yet; `reply` makes its SUBSCRIBED from the subscription's ID.
    /// None when SUBSCRIBED does not fit.
    pub(crate) fn subscribe(
        &self,
        uri: &Text,
        session: &Arc<Session>,
        reply: impl Fn(Id) -> Message,
    ) -> Option<(Arc<Topic>, u64)> {
        loop {
            let topic = self.topic(uri);
            match topic.join(session, &reply(topic.id)) {
                Joined::As(number) => return Some((topic, number)),
                Joined::NoRoom => {
                    self.retire(&topic);
                    return None;
                }
                // Whoever let it die is about to take it out; doing it here too keeps this from waiting.
                Joined::Dead => self.topics.remove(uri, &topic),
            }
        }
    }

    /// Ends a subscription; false when `reply`, its UNSUBSCRIBED, does not fit.
    pub(crate) fn unsubscribe(
        &self,
        topic: &Arc<Topic>,
        number: u64,
        session: &Session,
        reply: Option<&Message>,
    ) -> bool {
        let left = topic.leave(number, session, reply);
        if left {
            self.retire(topic);
        }
        left
    }

    /// The topic under a URI, made where there is none.
    fn topic(&self, uri: &Text) -> Arc<Topic> {
        if let Some(topic) = self.topics.get(uri) {
            return topic;
        }
        // It lives as long as the topic does, not as the frame it came in.
        let uri = uri.detached();
        let fresh = Arc::new(Topic::new(self.next_id(), uri.clone()));
        self.topics.shard(&uri).write().entry(uri).or_insert(fresh).clone()
    }

    /// Takes a topic out of use if it has no subscribers.
    fn retire(&self, topic: &Arc<Topic>) {
        let dies = {
            let mut subscribers = topic.subscribers.write();
            let dies = subscribers.list.is_empty() && !subscribers.dead;
            subscribers.dead |= dies;
            dies
        };
        if dies {
            self.topics.remove(&topic.uri, topic);
        }
    }
}
