//! The events of the meta API.

use std::sync::Arc;

use transom_wamp::{Dict, Event, EventDetails, Id, Message, Payload, Serializer, Text, Value};

use crate::broker::Topic;
use crate::describe;
use crate::fanout::Fanout;
use crate::history::{self, Record};
use crate::realm::Realm;
use crate::registration::Registration;
use crate::scratch;
use crate::session::Session;
use crate::settings::MetaCompat;

/// One event, to be published.
pub(crate) enum MetaEvent {
    Joined(Arc<Session>),
    Left(Arc<Session>),
    SubscriptionCreated(Id, Arc<Topic>),
    Subscribed(Id, Id),
    Unsubscribed(Id, Id),
    SubscriptionDeleted(Id, Id),
    RegistrationCreated(Id, Arc<Registration>),
    Registered(Id, Id),
    Unregistered(Id, Id),
    RegistrationDeleted(Id, Id),
    /// A session gets no events because it is too slow, or gets them again after so many.
    Slow(Arc<Session>, Option<u64>),
    /// Statistics of a session.
    Stats(Arc<Session>, Dict),
}

impl MetaEvent {
    fn topic(&self) -> &'static str {
        match self {
            MetaEvent::Joined(_) => "wamp.session.on_join",
            MetaEvent::Left(_) => "wamp.session.on_leave",
            MetaEvent::SubscriptionCreated(..) => "wamp.subscription.on_create",
            MetaEvent::Subscribed(..) => "wamp.subscription.on_subscribe",
            MetaEvent::Unsubscribed(..) => "wamp.subscription.on_unsubscribe",
            MetaEvent::SubscriptionDeleted(..) => "wamp.subscription.on_delete",
            MetaEvent::RegistrationCreated(..) => "wamp.registration.on_create",
            MetaEvent::Registered(..) => "wamp.registration.on_register",
            MetaEvent::Unregistered(..) => "wamp.registration.on_unregister",
            MetaEvent::RegistrationDeleted(..) => "wamp.registration.on_delete",
            MetaEvent::Slow(..) => "wamp.session.on_slow",
            MetaEvent::Stats(..) => "wamp.session.on_stats",
        }
    }

    fn arguments(self, realm: &Realm) -> Vec<Value> {
        match self {
            MetaEvent::Joined(session) => vec![Value::Map(describe::session(realm, &session))],
            MetaEvent::Left(session) => match realm.options().meta_compat {
                MetaCompat::Crossbar => vec![session.id.into()],
                MetaCompat::Specification => {
                    vec![session.id.into(), session.authid.clone().into(), session.role.name.clone().into()]
                }
            },
            MetaEvent::SubscriptionCreated(session, topic) => {
                vec![session.into(), Value::Map(describe::topic(&topic))]
            }
            MetaEvent::RegistrationCreated(session, registration) => {
                vec![session.into(), Value::Map(describe::registration(&registration))]
            }
            MetaEvent::Subscribed(session, id)
            | MetaEvent::Unsubscribed(session, id)
            | MetaEvent::SubscriptionDeleted(session, id)
            | MetaEvent::Registered(session, id)
            | MetaEvent::Unregistered(session, id)
            | MetaEvent::RegistrationDeleted(session, id) => vec![session.into(), id.into()],
            MetaEvent::Slow(session, recovered) => {
                let mut what = Dict::default();
                what.push("recovered", recovered.is_some());
                what.push("dropped", recovered.unwrap_or(1));
                vec![Value::Map(describe::identity(realm, &session)), Value::Map(what)]
            }
            MetaEvent::Stats(session, stats) => {
                vec![Value::Map(describe::identity(realm, &session)), Value::Map(stats)]
            }
        }
    }

    /// Publishes it to all who listen. Whoever has no room for it at this moment does not get it, whatever its role says:
    /// there is no publisher to wait.
    pub(super) fn publish(self, realm: &Realm) {
        let uri = Text::from_static(self.topic());
        let mut topics = realm.topics_for(&uri);
        if topics.is_empty() {
            return;
        }
        let Some(publication) = scratch::random_id() else { return };
        let payload = Payload::from_values(Serializer::MsgPack, &self.arguments(realm), &Dict::default());
        history::keep(topics.iter(), || Record {
            time: realm.now(),
            publication,
            publisher: None,
            topic: uri.clone(),
            passthru: None,
            payload: payload.clone(),
            filter: None,
        });
        let details = EventDetails::default();
        let first = topics.remove(0);
        let event = Event { subscription: first.id, publication, details, payload };
        let fanout = Fanout::new(first, Message::Event(event), None, None);
        fanout.also(&uri, topics).about_itself().finish(realm);
    }
}
