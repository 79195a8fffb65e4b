//! `wamp.subscription.*`, but for the history.

use std::sync::Arc;

use transom_wamp::{Dict, Id, Match, Message, Revocation, Text, Value};

use super::arguments::Arguments;
use super::{Answer, fails, no_such_session};
use crate::broker::{Ended, Topic};
use crate::describe;
use crate::port::open::Open;
use crate::port::permission::Refused;
use crate::reply;
use crate::session::{Session, Subscription};

/// IDs by the way of matching.
pub(super) fn by_match(all: impl Iterator<Item = (Match, Id)>) -> Value {
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    for (matching, id) in all {
        let [exact, prefix, wildcard] = &mut lists;
        let list = match matching {
            Match::Exact => exact,
            Match::Prefix => prefix,
            Match::Wildcard => wildcard,
        };
        list.push(Value::from(id));
    }
    let [exact, prefix, wildcard] = lists;
    let mut found = Dict::default();
    found.push("exact", exact);
    found.push("prefix", prefix);
    found.push("wildcard", wildcard);
    Value::Map(found)
}

/// The session that a caller asks about.
pub(super) fn session(open: &Open, arguments: &Arguments, at: usize) -> Result<Arc<Session>, Refused> {
    let id = arguments.id(at, "session")?;
    match open.realm.members.get(id).filter(|session| !session.role.trusted) {
        Some(session) => Ok(session),
        None => no_such_session(id),
    }
}

pub(super) fn list(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let mut topics: Vec<Arc<Topic>> = match arguments.at(0) {
        None => open.realm.topic_ids.all(),
        Some(_) => {
            let session = session(open, arguments, 0)?;
            let held = session.held.lock();
            held.subscriptions.values().map(|subscription| subscription.topic.clone()).collect()
        }
    };
    topics.retain(|topic| !open.hides(&topic.uri));
    topics.sort_unstable_by_key(|topic| topic.id);
    Ok(Some(by_match(topics.iter().map(|topic| (topic.matching, topic.id)))))
}

pub(super) fn lookup(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(2)?;
    let (uri, matching) = (arguments.text(0, "topic")?, arguments.matching(1)?);
    let topic = open.realm.find_topic(matching, &uri).filter(|topic| !open.hides(&topic.uri));
    Ok(Some(topic.map(|topic| topic.id).into()))
}

pub(super) fn matching(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let uri = arguments.text(0, "topic")?;
    let mut topics = open.realm.topics_for(&uri);
    topics.retain(|topic| !open.hides(&topic.uri));
    let ids: Vec<Value> = topics.iter().map(|topic| topic.id.into()).collect();
    Ok(Some(if ids.is_empty() { Value::Null } else { Value::List(ids) }))
}

/// The subscription that a caller asks about.
pub(super) fn topic(open: &Open, arguments: &Arguments) -> Result<Arc<Topic>, Refused> {
    let id = arguments.id(0, "subscription")?;
    match open.realm.topic_ids.get(id) {
        Some(topic) if open.hides(&topic.uri) => {
            fails(reply::NOT_AUTHORIZED, format!("the subscription {id} is the router's own business"))
        }
        Some(topic) => Ok(topic),
        None => fails(reply::NO_SUCH_SUBSCRIPTION, format!("no subscription {id} on this realm")),
    }
}

pub(super) fn get(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let topic = topic(open, arguments)?;
    Ok(Some(Value::Map(describe::topic(&topic))))
}

pub(super) fn list_subscribers(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let topic = topic(open, arguments)?;
    let ids = topic.subscribers.read().list.iter().map(|subscriber| Value::from(subscriber.id)).collect();
    Ok(Some(Value::List(ids)))
}

pub(super) fn count_subscribers(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(1)?;
    let topic = topic(open, arguments)?;
    let count = topic.subscribers.read().list.len();
    Ok(Some(Value::from(count as u64)))
}

pub(super) fn remove_subscriber(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(3)?;
    let topic = topic(open, arguments)?;
    let session = session(open, arguments, 1)?;
    let reason = arguments.reason(Some(2))?;
    if open.realm.revoke_subscription(&topic, &session, reason) {
        return Ok(None);
    }
    let text = format!("the session {} does not hold the subscription {}", session.id, topic.id);
    fails(reply::NO_SUCH_SUBSCRIPTION, text)
}

impl crate::realm::Realm {
    /// Takes a subscription from a session that did not ask for it. It is told where it announced that it understands
    /// that. False where it does not hold it.
    fn revoke_subscription(&self, topic: &Arc<Topic>, session: &Session, reason: Option<Text>) -> bool {
        let held = session.held.lock().subscriptions.get(&topic.id).cloned();
        let Some(Subscription { number, .. }) = held else { return false };
        let revocation = Message::SubscriptionRevoked(Revocation { id: topic.id, reason });
        let told = session.announced.subscription_revocation.then_some(&revocation);
        let mut ended = self.unsubscribe(topic, number, session, told);
        if ended == Ended::NoRoom {
            // It must not go on believing that it has subscribed.
            session.too_slow();
            ended = self.unsubscribe(topic, number, session, None);
        }
        if ended != Ended::Yes {
            return false;
        }
        let mut held = session.held.lock();
        let gone = match held.subscriptions.get(&topic.id) {
            Some(subscription) if subscription.number == number => held.subscriptions.remove(&topic.id),
            _ => None,
        };
        drop(held);
        drop(gone);
        true
    }
}
