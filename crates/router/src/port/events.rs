//! PUBLISH, SUBSCRIBE and UNSUBSCRIBE.

use std::sync::Arc;

use transom_wamp::{
    Event, EventDetails, Id, Match, Message, Offered, Publish, Published, SessionError, Subscribe,
    Subscribed, Text, Unsubscribe, Unsubscribed,
};

use super::open::{Busy, Handled, Open, Subscription, Trouble};
use crate::broker::Topic;
use crate::decision::{Action, Decision};
use crate::fanout::{Fanout, Progress};
use crate::filter::Filter;
use crate::reply;
use crate::scratch;
use crate::session::uses_passthru;
use crate::uri;

impl Open {
    pub(super) fn publish(&mut self, publish: Publish) -> Result<Handled, SessionError> {
        let used = uses_passthru(&publish.options.passthru);
        self.check_passthru(self.session.announced.publisher_passthru, used, "PUBLISH")?;
        let acknowledge = publish.options.acknowledge;
        let (topic, decision) = match self.where_to(&publish.topic) {
            Ok(found) => found,
            Err(trouble) if acknowledge => {
                return Ok(self.refuse(publish.request, trouble, Message::Publish(publish)));
            }
            Err(Trouble { uri, text }) => {
                tracing::debug!(session = %self.session.id, error = uri, %text, "dropped an unacknowledged event");
                return Ok(Handled::Done);
            }
        };
        if topic.is_none() && !acknowledge {
            return Ok(Handled::Done);
        }
        let Some(publication) = scratch::random_id() else { return Ok(Handled::Failed) };
        if acknowledge {
            let published = Message::Published(Published { request: publish.request, publication });
            match self.session.offer(&published) {
                Offered::Queued | Offered::Closed => {}
                Offered::Full => return Ok(Handled::again(Message::Publish(publish))),
                Offered::TooLarge => return Ok(Handled::Failed),
            }
        }
        let Some(topic) = topic else { return Ok(Handled::Done) };
        Ok(self.deliver(topic, decision, publish, publication))
    }

    /// The topic, if anybody has subscribed to it, and what the session may do there.
    fn where_to(&mut self, uri: &Text) -> Result<(Option<Arc<Topic>>, Decision), Trouble> {
        // Taken out rather than cloned, and put back when the event is delivered: that counts no references.
        if let Some((topic, decision)) = self.last_topic.take_if(|(topic, _)| topic.uri == *uri) {
            return Ok((Some(topic), decision));
        }
        let decision = self.authorize(Action::Publish, uri)?;
        Ok((self.realm.topics.get(uri), decision))
    }

    fn deliver(
        &mut self,
        topic: Arc<Topic>,
        decision: Decision,
        publish: Publish,
        publication: Id,
    ) -> Handled {
        let Publish { options, topic: uri, payload, .. } = publish;
        let disclose = decision.disclose.publisher || options.disclose_me || uri::discloses(&uri);
        let details = EventDetails {
            publisher: disclose.then(|| self.session.identity()),
            passthru: options.passthru,
            ..EventDetails::default()
        };
        let event = Message::Event(Event { subscription: topic.id, publication, details, payload });
        let except = (options.exclude_me != Some(false)).then_some(self.session.id);
        let filter = options.receivers.map(|receivers| Box::new(Filter::new(*receivers)));
        let mut fanout = Fanout::new(topic, event, except, filter);
        match fanout.step(&self.realm) {
            Progress::Done => {
                self.last_topic = Some((fanout.into_topic(), decision));
                Handled::Done
            }
            progress => self.go_on(fanout, progress, &uri),
        }
    }

    /// What follows when an event has not reached everybody at once.
    #[cold]
    fn go_on(&mut self, mut fanout: Fanout, mut progress: Progress, uri: &Text) -> Handled {
        loop {
            match progress {
                Progress::Done => return Handled::Done,
                Progress::Unfinished => return Handled::Busy(Box::new(Busy::Publishing(fanout))),
                Progress::Dead => {
                    self.realm.topics.remove(uri, fanout.topic());
                    let Some(topic) = self.realm.topics.get(uri) else { return Handled::Done };
                    fanout.restart(topic);
                    progress = fanout.step(&self.realm);
                }
            }
        }
    }

    /// `get_retained` has no effect: retained events are not offered.
    pub(super) fn subscribe(&mut self, subscribe: Subscribe) -> Handled {
        let request = subscribe.request;
        let trouble = match subscribe.matching {
            Match::Exact => self.authorize(Action::Subscribe, &subscribe.topic).err(),
            pattern => Some(pattern_not_offered("SUBSCRIBE", pattern)),
        };
        if let Some(trouble) = trouble {
            return self.refuse(request, trouble, Message::Subscribe(subscribe));
        }
        let subscribed = |subscription| Message::Subscribed(Subscribed { request, subscription });
        let held = self
            .realm
            .topics
            .get(&subscribe.topic)
            .filter(|topic| self.subscriptions.contains_key(&topic.id));
        if let Some(topic) = held {
            let offered = self.session.offer(&subscribed(topic.id));
            return self.answered(offered, Message::Subscribe(subscribe));
        }
        let most = self.terms.limits.max_subscriptions;
        if self.subscriptions.len() >= most {
            let trouble = self.over("subscriptions for this session", "max_subscriptions", most);
            return self.refuse(request, trouble, Message::Subscribe(subscribe));
        }
        match self.realm.subscribe(&subscribe.topic, &self.session, subscribed) {
            Some((topic, number)) => {
                self.subscriptions.insert(topic.id, Subscription { topic, number });
                Handled::Done
            }
            None => Handled::again(Message::Subscribe(subscribe)),
        }
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Handled {
        let Unsubscribe { request, subscription: id } = unsubscribe;
        let Some(Subscription { topic, number }) = self.subscriptions.get(&id) else {
            let trouble =
                Trouble::new(reply::NO_SUCH_SUBSCRIPTION, format!("no subscription {id} in this session"));
            return self.refuse(request, trouble, Message::Unsubscribe(unsubscribe));
        };
        let reply = Message::Unsubscribed(Unsubscribed { request });
        if !self.realm.unsubscribe(topic, *number, &self.session, Some(&reply)) {
            return Handled::again(Message::Unsubscribe(unsubscribe));
        }
        self.subscriptions.remove(&id);
        Handled::Done
    }
}

pub(super) fn pattern_not_offered(message: &str, pattern: Match) -> Trouble {
    let value = match pattern {
        Match::Exact => "exact",
        Match::Prefix => "prefix",
        Match::Wildcard => "wildcard",
    };
    Trouble::new(
        reply::OPTION_NOT_ALLOWED,
        format!("the option 'match' of {message} may not be '{value}' here"),
    )
}
