//! Events that are kept for those who subscribe later. Source: WAMP specification, "Event Retention".
//!
//! A topic keeps its last event; where publishers limited who receives their events, it keeps those too, so that each
//! subscriber finds the last one that was for it. While a subscriber is given what is kept, nothing newer is: the event
//! it is given never comes behind one that is newer.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, Range};
use std::sync::Arc;

use transom_wamp::{EventDetails, Id, Identity, Match, Passthru, Payload, Text};

use crate::broker::Topic;
use crate::filter::Filter;
use crate::history::RECORD_OVERHEAD;
use crate::pattern;
use crate::realm::Realm;
use crate::session::Session;
use crate::settings::StoreSettings;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, RwLock};

/// Events for some receivers only that one topic keeps.
const RESTRICTED: usize = 100;

/// What a realm keeps.
pub(crate) struct Retained {
    /// In the order of the topics, so that those below a pattern's beginning are found without the others.
    topics: RwLock<BTreeMap<Text, Arc<Kept>>>,
    bytes: AtomicUsize,
    /// The number of the next event, by which older and newer are told apart.
    next: AtomicU64,
    max_topics: AtomicUsize,
    max_bytes: AtomicUsize,
}

/// What one topic keeps.
pub(crate) struct Kept {
    topic: Arc<Topic>,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    /// The number of the event stored last.
    latest: u64,
    /// The oldest first. Only the first may be for everybody.
    list: VecDeque<Arc<Slot>>,
    /// The topic keeps nothing any more.
    gone: bool,
}

/// One event.
pub(crate) struct Slot {
    /// Grows from event to event; given when it is stored.
    pub(crate) order: u64,
    pub(crate) publication: Id,
    pub(crate) publisher: Option<Box<Identity>>,
    pub(crate) passthru: Passthru,
    /// In memory of its own.
    pub(crate) payload: Payload,
    pub(crate) filter: Option<Arc<Filter>>,
    pub(crate) trustlevel: Option<transom_wamp::TrustLevel>,
}

/// The store is full; nothing was stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoreFull;

impl Slot {
    fn size(&self) -> usize {
        self.payload.bytes.len() + RECORD_OVERHEAD
    }

    /// Details of the EVENT that delivers it.
    pub(crate) fn details(&self, topic: Option<Text>) -> EventDetails {
        EventDetails {
            publisher: self.publisher.clone(),
            topic,
            retained: true,
            trustlevel: self.trustlevel,
            passthru: self.passthru.clone(),
        }
    }
}

impl Retained {
    pub(crate) fn new(settings: &StoreSettings) -> Self {
        Retained {
            topics: RwLock::default(),
            bytes: AtomicUsize::new(0),
            next: AtomicU64::new(1),
            max_topics: AtomicUsize::new(settings.max_retained_topics),
            max_bytes: AtomicUsize::new(settings.max_retained_bytes),
        }
    }

    /// From now on so much is kept; what there is stays.
    pub(crate) fn limit(&self, settings: &StoreSettings) {
        self.max_topics.store(settings.max_retained_topics, Ordering::Relaxed);
        self.max_bytes.store(settings.max_retained_bytes, Ordering::Relaxed);
    }

    fn max_topics(&self) -> usize {
        self.max_topics.load(Ordering::Relaxed)
    }

    fn max_bytes(&self) -> usize {
        self.max_bytes.load(Ordering::Relaxed)
    }

    /// How many topics have events here.
    pub(crate) fn len(&self) -> usize {
        self.topics.read().len()
    }

    fn get(&self, uri: &Text) -> Option<Arc<Kept>> {
        self.topics.read().get(uri).cloned()
    }

    /// What is kept for a subscription.
    pub(crate) fn matching(&self, matching: Match, uri: &Text) -> Vec<Arc<Kept>> {
        let head = match matching {
            Match::Exact => return self.get(uri).into_iter().collect(),
            Match::Prefix => uri.as_bytes(),
            Match::Wildcard => pattern::literal_head(uri.as_bytes()),
        };
        let from = Text::from(std::str::from_utf8(head).unwrap_or_default());
        let topics = self.topics.read();
        topics
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(|(topic, _)| topic.as_bytes().starts_with(head))
            .filter(|(topic, _)| pattern::matches(matching, uri.as_bytes(), topic.as_bytes()))
            .map(|(_, kept)| kept.clone())
            .collect()
    }

    /// Counts octets, unless there are too many.
    fn take_room(&self, more: usize, less: usize) -> Result<(), StoreFull> {
        let most = self.max_bytes();
        let fits = |bytes: usize| {
            let after = bytes.saturating_add(more).saturating_sub(less);
            (after <= most || after <= bytes).then_some(after)
        };
        self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).map(drop).map_err(|_| StoreFull)
    }

    fn give_room(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Slots {
    /// What goes when this event comes: everything where it is for everybody, else the oldest for some where there are
    /// many.
    fn make_way(&self, coming: &Slot) -> Range<usize> {
        if coming.filter.is_none() {
            return 0..self.list.len();
        }
        let first = usize::from(self.list.front().is_some_and(|slot| slot.filter.is_none()));
        let surplus = (self.list.len() + 1).saturating_sub(first + RESTRICTED);
        first..first + surplus
    }
}

impl Kept {
    /// The topic's URI.
    pub(crate) fn uri(&self) -> &Text {
        &self.topic.uri
    }

    /// The last event for a session, and the number of the last one for anybody.
    pub(crate) fn newest_for(&self, session: &Session) -> Option<(u64, Arc<Slot>)> {
        let slots = self.slots.lock();
        let admitted = |slot: &&Arc<Slot>| slot.filter.as_ref().is_none_or(|filter| filter.admits(session));
        slots.list.iter().rev().find(admitted).map(|slot| (slots.latest, slot.clone()))
    }

    /// Runs `f`, unless something newer was stored or all was forgotten; nothing newer is stored meanwhile.
    pub(crate) fn while_current<R>(&self, latest: u64, f: impl FnOnce() -> R) -> Option<R> {
        let slots = self.slots.lock();
        (slots.latest == latest && !slots.gone).then(f)
    }
}

impl Realm {
    /// Whether an event would be kept, if nobody else comes before it.
    pub(crate) fn has_room_to_retain(&self, uri: &Text, payload: &Payload) -> bool {
        let (known, topics) = {
            let topics = self.retained.topics.read();
            (topics.contains_key(uri), topics.len())
        };
        let bytes = self.retained.bytes.load(Ordering::Acquire);
        (known || topics < self.retained.max_topics())
            && bytes.saturating_add(payload.bytes.len() + RECORD_OVERHEAD) <= self.retained.max_bytes()
    }

    /// Keeps an event for who subscribes later.
    pub(crate) fn retain(&self, uri: &Text, slot: Slot) -> Result<(), StoreFull> {
        loop {
            let kept = match self.retained.get(uri) {
                Some(kept) => kept,
                None => self.begin_to_retain(uri)?,
            };
            let mut slots = kept.slots.lock();
            if slots.gone {
                continue;
            }
            let way = slots.make_way(&slot);
            let less = slots.list.range(way.clone()).map(|slot| slot.size()).sum();
            if let Err(full) = self.retained.take_room(slot.size(), less) {
                let empty = slots.list.is_empty();
                drop(slots);
                if empty {
                    self.forget_retained(uri);
                }
                return Err(full);
            }
            let forgotten: Vec<Arc<Slot>> = slots.list.drain(way).collect();
            let order = self.retained.next.fetch_add(1, Ordering::Relaxed);
            slots.latest = order;
            slots.list.push_back(Arc::new(Slot { order, ..slot }));
            drop(slots);
            drop(forgotten);
            return Ok(());
        }
    }

    fn begin_to_retain(&self, uri: &Text) -> Result<Arc<Kept>, StoreFull> {
        loop {
            let topic = self.topic(Match::Exact, uri);
            let mut topics = self.retained.topics.write();
            if let Some(kept) = topics.get(uri) {
                return Ok(kept.clone());
            }
            if topics.len() >= self.retained.max_topics() {
                drop(topics);
                self.retire(&topic, None);
                return Err(StoreFull);
            }
            if topic.keep(true) {
                let kept = Arc::new(Kept { topic: topic.clone(), slots: Mutex::default() });
                topics.insert(topic.uri.clone(), kept.clone());
                return Ok(kept);
            }
            drop(topics);
            self.remove_topic(&topic);
        }
    }

    /// Forgets what a topic keeps; false when there is nothing.
    pub(crate) fn forget_retained(&self, uri: &Text) -> bool {
        let kept = {
            let mut topics = self.retained.topics.write();
            let Some(kept) = topics.remove(uri) else { return false };
            kept.topic.keep(false);
            kept
        };
        let forgotten = {
            let mut slots = kept.slots.lock();
            slots.gone = true;
            std::mem::take(&mut slots.list)
        };
        self.retained.give_room(forgotten.iter().map(|slot| slot.size()).sum());
        self.retire(&kept.topic, None);
        self.meta.publish(self);
        true
    }
}
