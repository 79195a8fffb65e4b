//! `wamp.subscription.get_events`. Source: WAMP specification, "Event History". Without keyword arguments it is
//! Crossbar.io's: the newest first, ten where no limit is given.

use std::sync::Arc;

use transom_base::Timestamp;
use transom_wamp::{Dict, Match, Text, Value};

use super::arguments::Arguments;
use super::{Answer, fails};
use crate::broker::Topic;
use crate::decision::Action;
use crate::describe;
use crate::history::Record;
use crate::port::open::Open;
use crate::port::permission::Refused;
use crate::realm::Realm;
use crate::reply;

/// How many events Crossbar.io gives where no limit is asked for.
const LIMIT: usize = 10;

pub(super) fn get_events(open: &mut Open, arguments: &Arguments) -> Answer {
    arguments.at_most(2)?;
    let topic = super::subscriptions::topic(open, arguments)?;
    // Whoever may not subscribe to it may not read it afterwards.
    let options = || describe::subscribe_options(topic.matching, false);
    open.authorize(Action::Subscribe, topic.matching, &topic.uri, options)?;
    let Some(history) = topic.history() else {
        return fails(
            reply::HISTORY_UNAVAILABLE,
            format!("no events of the subscription {} are kept", topic.id),
        );
    };
    let query = Query::read(arguments, &topic)?;
    let mut records = history.records();
    records.retain(|record| record.filter.as_ref().is_none_or(|filter| filter.admits(&open.session)));
    let found = query.apply(records);
    let events = found.iter().map(|record| Value::Map(describe(&open.realm, &topic, record))).collect();
    Ok(Some(Value::List(events)))
}

/// What is asked for.
struct Query {
    limit: Option<usize>,
    newest_first: bool,
    from_time: Option<Timestamp>,
    after_time: Option<Timestamp>,
    before_time: Option<Timestamp>,
    until_time: Option<Timestamp>,
    topic: Option<Text>,
    from_publication: Option<transom_wamp::Id>,
    after_publication: Option<transom_wamp::Id>,
    before_publication: Option<transom_wamp::Id>,
    until_publication: Option<transom_wamp::Id>,
}

impl Query {
    fn read(arguments: &Arguments, topic: &Topic) -> Result<Self, Refused> {
        let crossbar = arguments.kwargs.is_empty();
        let time = |key| match arguments.named_text(key, None)? {
            None => Ok(None),
            Some(text) => match Timestamp::parse(&text) {
                Some(moment) => Ok(Some(moment)),
                None => fails(
                    reply::INVALID_ARGUMENT,
                    format!("the argument '{key}' must be a time as RFC 3339 writes it"),
                ),
            },
        };
        let limit = arguments.named_number("limit", Some(1))?;
        Ok(Query {
            limit: limit.or(crossbar.then_some(LIMIT)),
            newest_first: crossbar || arguments.named_flag("reverse")?,
            from_time: time("from_time")?,
            after_time: time("after_time")?,
            before_time: time("before_time")?,
            until_time: time("until_time")?,
            // All events of an exact subscription have its topic.
            topic: arguments.named_text("topic", None)?.filter(|_| topic.matching != Match::Exact),
            from_publication: arguments.named_id("from_publication")?,
            after_publication: arguments.named_id("after_publication")?,
            before_publication: arguments.named_id("before_publication")?,
            until_publication: arguments.named_id("until_publication")?,
        })
    }

    /// What is asked for of these, the oldest first.
    fn apply(&self, mut records: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
        let place = |publication| {
            records.iter().position(|record| record.publication == publication).unwrap_or(usize::MAX)
        };
        // By their places in the log; one that is not in it is behind all that are.
        let first = self.from_publication.map_or(0, place);
        let first = first.max(self.after_publication.map_or(0, |id| place(id).saturating_add(1)));
        let end = self.before_publication.map_or(usize::MAX, place);
        let end = end.min(self.until_publication.map_or(usize::MAX, |id| place(id).saturating_add(1)));
        let mut at = 0;
        records.retain(|record| {
            let within = (first..end).contains(&at);
            at += 1;
            within
                && self.from_time.is_none_or(|time| record.time >= time)
                && self.after_time.is_none_or(|time| record.time > time)
                && self.before_time.is_none_or(|time| record.time < time)
                && self.until_time.is_none_or(|time| record.time <= time)
                && self.topic.as_ref().is_none_or(|topic| record.topic == *topic)
        });
        if self.newest_first {
            records.reverse();
        }
        records.truncate(self.limit.unwrap_or(usize::MAX));
        records
    }
}

/// One event, with the keys of the specification and those of Crossbar.io. Its publisher stands there where it was
/// disclosed.
fn describe(realm: &Realm, topic: &Topic, record: &Record) -> Dict {
    let (args, kwargs) = record.payload.to_values().unwrap_or_default();
    let mut details = Dict::default();
    let mut event = Dict::default();
    event.push("timestamp", record.time.to_millis());
    event.push("time_ns", i64::try_from(record.time.as_nanos()).unwrap_or(i64::MAX));
    event.push("realm", realm.name.clone());
    event.push("subscription", topic.id);
    event.push("publication", record.publication);
    event.push("topic", record.topic.clone());
    if topic.matching != Match::Exact {
        details.push("topic", record.topic.clone());
    }
    if let Some(publisher) = &record.publisher {
        details.push("publisher", publisher.session);
        details.push("publisher_authid", publisher.authid.clone());
        details.push("publisher_authrole", publisher.authrole.clone());
        event.push("session_id", publisher.session);
        event.push("authid", publisher.authid.clone());
        event.push("authrole", publisher.authrole.clone());
    }
    for (key, value) in record.passthru.iter().flat_map(|passthru| &passthru.0) {
        details.push(key.clone(), value.clone());
    }
    event.push("details", details);
    event.push("args", args);
    event.push("kwargs", kwargs);
    event
}
