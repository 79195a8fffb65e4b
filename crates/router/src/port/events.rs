//! PUBLISH, SUBSCRIBE and UNSUBSCRIBE.

use std::sync::Arc;

use transom_wamp::{
    Dict, Event, EventDetails, Id, Match, Message, Offered, Publish, Published, Receivers, SessionError,
    Subscribe, Subscribed, Text, Unsubscribe, Unsubscribed,
};

use super::giving::Giving;
use super::open::{Busy, Handled, LastPatterns, Open, Trouble};
use super::permission::Refused;
use crate::broker::{Ended, Topic};
use crate::decision::{Action, Decision};
use crate::describe;
use crate::fanout::{Fanout, Progress};
use crate::filter::Filter;
use crate::history::{self, Record};
use crate::index::Found;
use crate::reply;
use crate::reroute::detach_dict;
use crate::retained::Slot;
use crate::scratch;
use crate::session::{Subscription, uses_passthru};
use crate::settings::DiscloseMe;
use crate::uri;

/// Where an event goes.
pub(super) struct Where {
    /// Its topic, if somebody has subscribed to it or its events are kept.
    topic: Option<Arc<Topic>>,
    patterns: Found<Topic>,
    /// What the session may do there.
    decision: Decision,
}

impl Open {
    pub(super) fn publish(&mut self, publish: Publish) -> Result<Handled, SessionError> {
        let used = uses_passthru(&publish.options.passthru);
        self.check_passthru(self.session.announced.publisher_passthru, used, "PUBLISH")?;
        if self.is_plain(&publish) {
            // Taken out rather than cloned, and put back when the event is delivered: that counts no references.
            let last = self.last_topic.take_if(|(topic, _)| topic.uri == publish.topic);
            if let Some((topic, decision)) = last.or_else(|| self.look_up(&publish.topic)) {
                if !topic.has_history() {
                    return Ok(self.publish_plainly(topic, decision, publish));
                }
                self.last_topic = Some((topic, decision));
            }
        }
        Ok(self.publish_anywhere(publish))
    }

    /// Whether an event can go to one topic only, and nothing has to be asked or kept for it.
    #[inline]
    fn is_plain(&self, publish: &Publish) -> bool {
        let denied = publish.options.disclose_me && self.options.disclose_me == DiscloseMe::Deny;
        self.realm.topic_patterns.len() == 0 && !publish.options.retain && !denied
    }

    /// The topic, if it is there and the session may publish to it.
    fn look_up(&mut self, uri: &Text) -> Option<(Arc<Topic>, Decision)> {
        if !self.terms.is_fixed() {
            return None;
        }
        let topic = self.realm.topics.get(uri)?;
        let decision = self.authorize(Action::Publish, Match::Exact, uri, Dict::default).ok()?;
        Some((topic, decision))
    }

    /// The frequent case.
    #[inline]
    fn publish_plainly(&mut self, topic: Arc<Topic>, decision: Decision, publish: Publish) -> Handled {
        let Some(publication) = scratch::random_id() else { return Handled::Failed };
        if publish.options.acknowledge {
            let published = Message::Published(Published { request: publish.request, publication });
            match self.session.offer(&published) {
                Offered::Queued | Offered::Closed => {}
                Offered::Full => return Handled::again(Message::Publish(publish)),
                Offered::TooLarge => return Handled::Failed,
            }
        }
        let details = EventDetails {
            publisher: self.discloses(&publish, decision).then(|| self.session.identity()),
            topic: None,
            retained: false,
            trustlevel: self.options.trustlevel(&self.session, &publish.topic),
            passthru: publish.options.passthru,
        };
        let event =
            Message::Event(Event { subscription: topic.id, publication, details, payload: publish.payload });
        let except = (publish.options.exclude_me != Some(false)).then_some(self.session.id);
        let filter = filter(publish.options.receivers);
        let mut fanout = Fanout::new(topic, event, except, filter);
        match fanout.step(&self.realm) {
            Progress::Done => {
                self.last_topic = Some((fanout.into_topic(), decision));
                Handled::Done
            }
            Progress::Unfinished => Handled::Busy(Box::new(Busy::Publishing(fanout))),
        }
    }

    /// Any event.
    #[inline(never)]
    fn publish_anywhere(&mut self, publish: Publish) -> Handled {
        let acknowledge = publish.options.acknowledge;
        let to = match self.where_to(&publish) {
            Ok(found) => found,
            Err(Refused::Because(Trouble { uri, text })) if !acknowledge => {
                tracing::debug!(session = %self.session.id, error = uri, %text, "dropped an unacknowledged event");
                return Handled::Done;
            }
            Err(refused) => return self.refused(refused, publish.request, Message::Publish(publish)),
        };
        let nowhere = to.topic.is_none() && to.patterns.is_empty() && !publish.options.retain;
        if nowhere && !acknowledge {
            return Handled::Done;
        }
        let Some(publication) = scratch::random_id() else { return Handled::Failed };
        let retain = publish.options.retain;
        if retain && !self.realm.has_room_to_retain(&publish.topic, &publish.payload) {
            let trouble =
                Trouble::new(reply::UNAVAILABLE, "no more retained events fit into the store of the realm");
            if acknowledge {
                return self.refuse(publish.request, trouble, Message::Publish(publish));
            }
            tracing::debug!(session = %self.session.id, text = %trouble.text, "dropped an unacknowledged event");
            return Handled::Done;
        }
        if acknowledge {
            let published = Message::Published(Published { request: publish.request, publication });
            match self.session.offer(&published) {
                Offered::Queued | Offered::Closed => {}
                Offered::Full => return Handled::again(Message::Publish(publish)),
                Offered::TooLarge => return Handled::Failed,
            }
        }
        let mut to = to;
        if retain {
            self.retain(&publish, to.decision, publication);
            // Whoever subscribed before this was kept has not got it from there.
            to.topic = self.realm.topics.get(&publish.topic);
            to.patterns = self.patterns_for(&publish);
        }
        self.deliver(to, publish, publication)
    }

    /// Where an event goes, if the session may publish it.
    fn where_to(&mut self, publish: &Publish) -> Result<Where, Refused> {
        let uri = &publish.topic;
        if publish.options.disclose_me && self.options.disclose_me == DiscloseMe::Deny {
            return Err(Refused::Because(disclosure_denied()));
        }
        if let Some((topic, decision)) = self.last_topic.take_if(|(topic, _)| topic.uri == *uri) {
            let patterns = self.patterns_for(publish);
            return Ok(Where { topic: Some(topic), patterns, decision });
        }
        let options = || describe::publish_options(&publish.options);
        let decision = self.authorize(Action::Publish, Match::Exact, uri, options)?;
        let patterns = self.patterns_for(publish);
        Ok(Where { topic: self.realm.topics.get(uri), patterns, decision })
    }

    /// The patterns that match a topic.
    fn patterns_for(&mut self, publish: &Publish) -> Found<Topic> {
        if self.realm.topic_patterns.len() == 0 { Found::new() } else { self.find_patterns(publish) }
    }

    fn find_patterns(&mut self, publish: &Publish) -> Found<Topic> {
        // Before they are looked up: whoever comes meanwhile changes it.
        let version = self.realm.topic_patterns.version();
        let topic = &publish.topic;
        if let Some(last) = &self.last_patterns
            && last.version == version
            && last.topic == *topic
        {
            return last.found.clone();
        }
        let found = self.realm.topic_patterns.matching(topic);
        let last = LastPatterns { topic: topic.detached(), version, found: found.clone() };
        self.last_patterns = Some(Box::new(last));
        found
    }

    #[inline]
    fn discloses(&self, publish: &Publish, decision: Decision) -> bool {
        let wished = publish.options.disclose_me && self.options.disclose_me == DiscloseMe::Allow;
        decision.disclose.publisher || wished || uri::is_protected(&publish.topic)
    }

    fn deliver(&mut self, to: Where, publish: Publish, publication: Id) -> Handled {
        let Where { topic, mut patterns, decision } = to;
        let disclose = self.discloses(&publish, decision);
        let Publish { options, topic: uri, payload, .. } = publish;
        let by_session = options
            .receivers
            .as_ref()
            .is_some_and(|receivers| !receivers.exclude.is_empty() || receivers.eligible.is_some());
        let details = EventDetails {
            publisher: disclose.then(|| self.session.identity()),
            trustlevel: self.options.trustlevel(&self.session, &uri),
            passthru: options.passthru,
            ..EventDetails::default()
        };
        let filter = filter(options.receivers);
        if !by_session {
            history::keep(topic.iter().chain(&patterns), || Record {
                time: self.realm.now(),
                publication,
                publisher: details.publisher.clone(),
                topic: uri.detached(),
                passthru: details.passthru.clone().map(detached),
                payload: payload.detached(),
                filter: filter.clone(),
            });
        }
        let first = match &topic {
            Some(topic) => topic.clone(),
            None if patterns.is_empty() => return Handled::Done,
            None => patterns.remove(0),
        };
        let event = Message::Event(Event { subscription: first.id, publication, details, payload });
        let except = (options.exclude_me != Some(false)).then_some(self.session.id);
        let mut fanout = Fanout::new(first, event, except, filter).also(&uri, patterns);
        let progress = fanout.step(&self.realm);
        if let Some(topic) = topic {
            self.remember_topic(topic, decision);
        }
        match progress {
            Progress::Done => Handled::Done,
            Progress::Unfinished => Handled::Busy(Box::new(Busy::Publishing(fanout))),
        }
    }

    /// What an authorizer decided is asked again each time.
    fn remember_topic(&mut self, topic: Arc<Topic>, decision: Decision) {
        if self.terms.is_fixed() {
            self.last_topic = Some((topic, decision));
        }
    }

    /// Keeps an event for who subscribes later.
    #[cold]
    fn retain(&self, publish: &Publish, decision: Decision, publication: Id) {
        let slot = Slot {
            order: 0,
            publication,
            publisher: self.discloses(publish, decision).then(|| self.session.identity()),
            trustlevel: self.options.trustlevel(&self.session, &publish.topic),
            passthru: publish.options.passthru.clone().map(detached),
            payload: publish.payload.detached(),
            filter: filter(publish.options.receivers.clone()),
        };
        if self.realm.retain(&publish.topic, slot).is_err() {
            // Others were faster than this one since room was looked for.
            tracing::info!(session = %self.session.id, topic = %publish.topic, "an event is not retained: the store is full");
        }
    }

    pub(super) fn subscribe(&mut self, subscribe: Subscribe) -> Handled {
        let Subscribe { request, matching, get_retained, .. } = subscribe;
        let options = || describe::subscribe_options(matching, get_retained);
        let allowed = self.authorize(Action::Subscribe, matching, &subscribe.topic, options);
        if let Err(refused) = allowed {
            return self.refused(refused, request, Message::Subscribe(subscribe));
        }
        let subscribed = |subscription| Message::Subscribed(Subscribed { request, subscription });
        if let Some(topic) = self.realm.find_topic(matching, &subscribe.topic)
            && let Some(Subscription { number, .. }) = self.subscription(topic.id)
            && let Some(offered) = topic.confirm(number, &self.session, &subscribed(topic.id))
        {
            return match self.answered(offered, Message::Subscribe(subscribe)) {
                Handled::Done if get_retained => self.give(topic, number),
                handled => handled,
            };
        }
        let most = self.terms.limits.max_subscriptions;
        if self.session.held.lock().subscriptions.len() >= most {
            let trouble = self.over("subscriptions for this session", "max_subscriptions", most);
            return self.refuse(request, trouble, Message::Subscribe(subscribe));
        }
        match self.realm.subscribe(matching, &subscribe.topic, &self.session, subscribed) {
            Some((topic, number)) => {
                let held = Subscription { topic: topic.clone(), number };
                self.session.held.lock().subscriptions.insert(topic.id, held);
                self.realm.meta.publish(&self.realm);
                if get_retained { self.give(topic, number) } else { Handled::Done }
            }
            None => Handled::again(Message::Subscribe(subscribe)),
        }
    }

    fn subscription(&self, id: Id) -> Option<Subscription> {
        self.session.held.lock().subscriptions.get(&id).cloned()
    }

    /// Gives a new subscriber what is retained for it.
    fn give(&self, topic: Arc<Topic>, number: u64) -> Handled {
        match Giving::new(&self.realm, &self.session, topic, number) {
            Some(giving) => Handled::Busy(Box::new(Busy::Giving(giving))),
            None => Handled::Done,
        }
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Handled {
        let Unsubscribe { request, subscription: id } = unsubscribe;
        let reply = Message::Unsubscribed(Unsubscribed { request });
        let ended = match self.subscription(id) {
            Some(Subscription { topic, number }) => {
                self.realm.unsubscribe(&topic, number, &self.session, Some(&reply))
            }
            None => Ended::NotHeld,
        };
        match ended {
            Ended::NoRoom => Handled::again(Message::Unsubscribe(unsubscribe)),
            Ended::NotHeld => {
                let text = format!("no subscription {id} in this session");
                self.refuse(
                    request,
                    Trouble::new(reply::NO_SUCH_SUBSCRIPTION, text),
                    Message::Unsubscribe(unsubscribe),
                )
            }
            Ended::Yes => {
                let held = self.session.held.lock().subscriptions.remove(&id);
                drop(held);
                self.realm.meta.publish(&self.realm);
                Handled::Done
            }
        }
    }
}

#[inline]
fn filter(receivers: Option<Box<Receivers>>) -> Option<Arc<Filter>> {
    receivers.map(|receivers| Arc::new(Filter::new(*receivers)))
}

fn detached(mut passthru: Box<Dict>) -> Box<Dict> {
    detach_dict(&mut passthru);
    passthru
}

/// The realm discloses nobody who wishes it.
pub(super) fn disclosure_denied() -> Trouble {
    Trouble::new(reply::DISCLOSE_ME_DISALLOWED, "the option 'disclose_me' is not allowed on this realm")
}
