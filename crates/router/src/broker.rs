//! Topics and their subscribers. How events reach them is in `fanout`.

use std::sync::Arc;

use transom_base::Timestamp;
use transom_wamp::{Class, Id, Match, Message, Offered, Outgoing, Serializer, SessionSink, Text};

use crate::history::History;
use crate::index::Found;
use crate::meta::{Meta, MetaEvent};
use crate::realm::Realm;
use crate::scratch;
use crate::session::Session;
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use crate::sync::{Mutex, RwLock};
use crate::uri;

/// A topic or a pattern of topics that has subscribers: one subscription, which all of them share.
pub(crate) struct Topic {
    pub(crate) id: Id,
    pub(crate) uri: Text,
    pub(crate) matching: Match,
    pub(crate) created: Timestamp,
    /// Where its events are kept, if they are.
    history: Mutex<Option<Arc<History>>>,
    has_history: AtomicBool,
    /// A bit for each serializer that some subscriber uses, so that events can be encoded before the lock is taken.
    serializers: AtomicU8,
    /// Its subscribers may hear meta events.
    hears_meta: bool,
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
    /// It stays without subscribers, because events of it are retained.
    kept: bool,
    /// `on_create` was published.
    announced: bool,
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
enum Joined {
    /// Subscribed, with this number.
    As(u64),
    /// SUBSCRIBED does not fit; nothing happened.
    NoRoom,
    /// The topic died meanwhile.
    Dead,
}

/// What became of a wish to end a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Yes,
    /// The answer does not fit; nothing happened.
    NoRoom,
    /// There is no such subscription any more.
    NotHeld,
}

impl Topic {
    pub(crate) fn new(realm: &Realm, matching: Match, uri: Text) -> Self {
        let subscribers = Subscribers {
            list: Vec::new(),
            next: 1,
            using: Default::default(),
            dead: false,
            kept: false,
            announced: false,
        };
        Topic {
            id: realm.next_id(),
            matching,
            created: realm.now(),
            history: Mutex::default(),
            has_history: AtomicBool::new(false),
            serializers: AtomicU8::new(0),
            hears_meta: Meta::concerns(matching, &uri),
            uri,
            subscribers: RwLock::new(subscribers),
        }
    }

    /// Whether some subscriber uses a serializer. May be outdated at once.
    pub(crate) fn uses(&self, serializer: Serializer) -> bool {
        self.serializers.load(Ordering::Acquire) & bit(serializer) != 0
    }

    /// Whether what happens to it for a session is nobody's business.
    fn is_silent(&self, session: &Session) -> bool {
        session.is_silent() || uri::is_reserved(&self.uri)
    }

    /// Adds a subscriber and queues `reply`, its SUBSCRIBED, in one step.
    fn join(self: &Arc<Self>, realm: &Realm, session: &Arc<Session>, reply: &Message) -> Joined {
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
            if self.hears_meta {
                realm.meta.listens();
            }
            if !self.is_silent(session) {
                if !std::mem::replace(&mut subscribers.announced, true) {
                    realm.meta.note(|| MetaEvent::SubscriptionCreated(session.id, self.clone()));
                }
                realm.meta.note(|| MetaEvent::Subscribed(session.id, self.id));
            }
            Joined::As(number)
        })
    }

    /// Queues `reply`, another SUBSCRIBED for who is subscribed already; none when that is over.
    pub(crate) fn confirm(&self, number: u64, session: &Session, reply: &Message) -> Option<Offered> {
        scratch::single(|encoder| {
            let message = encoder.encode(session.serializer, reply);
            let subscribers = self.subscribers.read();
            subscribers.find(number)?;
            Some(session.sink.offer(Outgoing { class: Class::Normal, message }))
        })
    }

    /// Removes a subscriber and queues `reply` in one step.
    fn leave(&self, realm: &Realm, number: u64, session: &Session, reply: Option<&Message>) -> Ended {
        match reply {
            Some(reply) => scratch::single(|encoder| {
                let message = encoder.encode(session.serializer, reply);
                let reply = || session.sink.offer(Outgoing { class: Class::Normal, message });
                self.remove(realm, number, session, reply)
            }),
            None => self.remove(realm, number, session, || Offered::Closed),
        }
    }

    fn remove(
        &self,
        realm: &Realm,
        number: u64,
        session: &Session,
        reply: impl FnOnce() -> Offered,
    ) -> Ended {
        let mut subscribers = self.subscribers.write();
        let Some(at) = subscribers.find(number) else { return Ended::NotHeld };
        if reply() == Offered::Full {
            return Ended::NoRoom;
        }
        let gone = subscribers.list.remove(at);
        self.count(&mut subscribers, gone.serializer, false);
        if subscribers.list.len() < subscribers.list.capacity() / 4 {
            subscribers.list.shrink_to_fit();
        }
        if !self.is_silent(session) {
            realm.meta.note(|| MetaEvent::Unsubscribed(session.id, self.id));
        }
        if self.hears_meta {
            realm.meta.listens_no_more();
        }
        drop(subscribers);
        drop(gone);
        Ended::Yes
    }

    fn count(&self, subscribers: &mut Subscribers, serializer: Serializer, more: bool) {
        let Some(using) = subscribers.using.get_mut(serializer as usize) else { return };
        *using = if more { using.saturating_add(1) } else { using.saturating_sub(1) };
        let others = self.serializers.load(Ordering::Acquire) & !bit(serializer);
        let this = if *using > 0 { bit(serializer) } else { 0 };
        self.serializers.store(others | this, Ordering::Release);
    }

    /// Whether its events are kept for who asks for them later.
    #[inline]
    pub(crate) fn has_history(&self) -> bool {
        self.has_history.load(Ordering::Relaxed)
    }

    /// Where they are.
    pub(crate) fn history(&self) -> Option<Arc<History>> {
        self.history.lock().clone()
    }

    /// Keeps its events there, or no longer; false when it is not in use any more.
    pub(crate) fn keep_history(&self, realm: &Realm, history: Option<Arc<History>>) -> bool {
        // Whoever takes it out of use looks under this lock.
        let subscribers = self.subscribers.write();
        if subscribers.dead {
            return false;
        }
        let has = history.is_some();
        let before = std::mem::replace(&mut *self.history.lock(), history);
        self.has_history.store(has, Ordering::Relaxed);
        if self.hears_meta && has != before.is_some() {
            if has { realm.meta.listens() } else { realm.meta.listens_no_more() }
        }
        drop(subscribers);
        drop(before);
        true
    }

    /// Keeps it in use, or no longer, whoever has subscribed; false when it is not in use any more.
    pub(crate) fn keep(&self, kept: bool) -> bool {
        let mut subscribers = self.subscribers.write();
        if !subscribers.dead {
            subscribers.kept = kept;
        }
        !subscribers.dead
    }
}

impl Subscribers {
    pub(crate) fn find(&self, number: u64) -> Option<usize> {
        self.list.binary_search_by_key(&number, |subscriber| subscriber.number).ok()
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
        matching: Match,
        uri: &Text,
        session: &Arc<Session>,
        reply: impl Fn(Id) -> Message,
    ) -> Option<(Arc<Topic>, u64)> {
        loop {
            let topic = self.topic(matching, uri);
            match topic.join(self, session, &reply(topic.id)) {
                Joined::As(number) => return Some((topic, number)),
                Joined::NoRoom => {
                    self.retire(&topic, Some(session));
                    return None;
                }
                // Whoever let it die is about to take it out; doing it here too keeps this from waiting.
                Joined::Dead => self.remove_topic(&topic),
            }
        }
    }

    /// Ends a subscription, and queues `reply` where there is one.
    pub(crate) fn unsubscribe(
        &self,
        topic: &Arc<Topic>,
        number: u64,
        session: &Session,
        reply: Option<&Message>,
    ) -> Ended {
        let ended = topic.leave(self, number, session, reply);
        if ended == Ended::Yes {
            self.retire(topic, Some(session));
        }
        ended
    }

    /// The topic or pattern, if it is there.
    pub(crate) fn find_topic(&self, matching: Match, uri: &Text) -> Option<Arc<Topic>> {
        match matching {
            Match::Exact => self.topics.get(uri),
            pattern => self.topic_patterns.get(pattern, uri),
        }
    }

    /// The topic or pattern, made where there is none.
    pub(crate) fn topic(&self, matching: Match, uri: &Text) -> Arc<Topic> {
        if let Some(topic) = self.find_topic(matching, uri) {
            return topic;
        }
        // It lives as long as the topic does, not as the frame it came in.
        let uri = uri.detached();
        let fresh = Arc::new(Topic::new(self, matching, uri.clone()));
        // First, since somebody else may subscribe to it, and take it out again, as soon as it is in the table.
        self.topic_ids.insert(fresh.id, fresh.clone());
        let topic = match matching {
            Match::Exact => self.topics.shard(&uri).write().entry(uri).or_insert(fresh.clone()).clone(),
            pattern => self.topic_patterns.put_with(pattern, &uri, |there| match there {
                Some(there) => (there.clone(), None),
                None => (fresh.clone(), Some(fresh.clone())),
            }),
        };
        if !Arc::ptr_eq(&topic, &fresh) {
            drop(self.topic_ids.remove(fresh.id));
        }
        topic
    }

    /// All topics and patterns that an event is for, the topic itself first.
    pub(crate) fn topics_for(&self, uri: &Text) -> Found<Topic> {
        let mut found = self.topic_patterns.matching(uri);
        if let Some(topic) = self.topics.get(uri) {
            found.insert(0, topic);
        }
        found
    }

    /// Takes a topic out of use if it has no subscribers and nothing of it is kept.
    pub(crate) fn retire(&self, topic: &Arc<Topic>, last: Option<&Session>) {
        let dies = {
            let mut subscribers = topic.subscribers.write();
            let kept = subscribers.kept || topic.has_history();
            let dies = subscribers.list.is_empty() && !subscribers.dead && !kept;
            subscribers.dead |= dies;
            if dies && subscribers.announced && last.is_none_or(|session| !session.is_quiet()) {
                let last = last.map_or(Id::default(), |session| session.id);
                self.meta.note(|| MetaEvent::SubscriptionDeleted(last, topic.id));
            }
            dies
        };
        if dies {
            self.remove_topic(topic);
        }
    }

    /// Takes a dead topic out of the tables.
    pub(crate) fn remove_topic(&self, topic: &Arc<Topic>) {
        match topic.matching {
            Match::Exact => self.topics.remove(&topic.uri, topic),
            pattern => self.topic_patterns.remove(pattern, &topic.uri, topic),
        }
        drop(self.topic_ids.remove(topic.id));
    }
}
