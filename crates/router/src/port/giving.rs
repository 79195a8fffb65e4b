//! Retained events on their way to a new subscriber, which waits for them. Nothing newer is stored while one is queued,
//! so that none comes behind what has taken its place.

use std::sync::Arc;
use std::task::{Context, Poll};

use transom_wamp::{Class, Event, Match, Message, Offered, Outgoing};

use crate::broker::Topic;
use crate::realm::Realm;
use crate::retained::Kept;
use crate::scratch;
use crate::session::Session;
use crate::sync::atomic::Ordering;

/// What one new subscriber is to get.
pub(super) struct Giving {
    topic: Arc<Topic>,
    number: u64,
    /// The oldest last, since they are taken from the end.
    left: Vec<Arc<Kept>>,
}

/// What became of one event.
enum Given {
    Yes,
    /// Something newer took its place.
    Outdated,
    NoRoom,
    /// The session does not subscribe any more.
    Over,
}

impl Giving {
    /// What is retained for a subscription of this number; none where there is nothing.
    pub(super) fn new(realm: &Realm, session: &Session, topic: Arc<Topic>, number: u64) -> Option<Self> {
        let kept = realm.retained.matching(topic.matching, &topic.uri);
        let mut ordered: Vec<(u64, Arc<Kept>)> = kept
            .into_iter()
            .filter_map(|kept| kept.newest_for(session).map(|(_, slot)| (slot.order, kept.clone())))
            .collect();
        ordered.sort_unstable_by_key(|(order, _)| std::cmp::Reverse(*order));
        let left: Vec<Arc<Kept>> = ordered.into_iter().map(|(_, kept)| kept).collect();
        (!left.is_empty()).then_some(Giving { topic, number, left })
    }

    /// Gives a chunk of what is left, as far as there is room.
    pub(super) fn poll(&mut self, realm: &Realm, session: &Session, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..realm.chunk() {
            let Some(kept) = self.left.last() else { return Poll::Ready(()) };
            match self.give(realm, session, kept) {
                Given::Yes => drop(self.left.pop()),
                Given::Outdated => {}
                Given::Over => return Poll::Ready(()),
                Given::NoRoom => {
                    if session.sink.poll_room(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
        if self.left.is_empty() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn give(&self, realm: &Realm, session: &Session, kept: &Kept) -> Given {
        let Some((latest, slot)) = kept.newest_for(session) else { return Given::Yes };
        let topic = (self.topic.matching != Match::Exact).then(|| kept.uri().clone());
        let event = Message::Event(Event {
            subscription: self.topic.id,
            publication: slot.publication,
            details: slot.details(topic),
            payload: slot.payload.clone(),
        });
        let offered = scratch::single(|encoder| {
            let message = encoder.encode(session.serializer, &event);
            kept.while_current(latest, || {
                let subscribers = self.topic.subscribers.read();
                let offer = |_| session.sink.offer(Outgoing { class: Class::Normal, message });
                subscribers.find(self.number).map(offer)
            })
        });
        match offered {
            None => Given::Outdated,
            Some(None | Some(Offered::Closed)) => Given::Over,
            Some(Some(Offered::Queued)) => Given::Yes,
            Some(Some(Offered::Full)) => Given::NoRoom,
            Some(Some(Offered::TooLarge)) => {
                tracing::info!(session = %session.id, "dropped a retained event that is larger than its subscriber accepts");
                realm.dropped_events.fetch_add(1, Ordering::Relaxed);
                Given::Yes
            }
        }
    }
}
