//! What is told of sessions, subscriptions and registrations while they change; and sessions that are ended.

use std::collections::HashMap;

use transom_wamp::{Call, CallOptions, Dict, Match, Message, Payload, Serializer, Value};

use crate::client::*;

/// The topics and arguments of the events that came.
fn told(client: &mut Client) -> Vec<(String, Vec<Value>)> {
    client.listen();
    client
        .heard
        .iter()
        .filter_map(|message| match message {
            Message::Event(event) => {
                let topic = event.details.topic.as_ref().map(ToString::to_string).unwrap_or_default();
                Some((topic, event.payload.to_values().unwrap().0))
            }
            _ => None,
        })
        .collect()
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Int(number) => *number as u64,
        Value::Map(map) => number(map.get("id").unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn creation_is_told_first_and_deletion_last_whoever_comes_and_goes() {
    explore(|| {
        let router = router(100);
        let mut watcher = Client::join(&router);
        watcher.subscribe_to(Match::Prefix, "wamp.subscription.", false);
        let fickle = [Client::join(&router), Client::join(&router)].map(|mut client| {
            thread::spawn(move || {
                for _ in 0..2 {
                    let subscription = client.subscribe("com.app");
                    client.unsubscribe(subscription);
                }
                client
            })
        });
        let clients = fickle.map(|thread| thread.join().unwrap());
        let told = told(&mut watcher);
        // For each subscription: how many hold it, once it is there.
        let mut held: HashMap<u64, i32> = HashMap::new();
        for (topic, arguments) in &told {
            let id = number(&arguments[1]);
            match topic.rsplit('.').next().unwrap() {
                "on_create" => assert_eq!(held.insert(id, 0), None, "{told:?}"),
                "on_subscribe" => *held.get_mut(&id).expect("it was created") += 1,
                "on_unsubscribe" => *held.get_mut(&id).expect("it was created") -= 1,
                _ => assert_eq!(held.remove(&id), Some(0), "{told:?}"),
            }
        }
        assert!(held.is_empty(), "{told:?}");
        let times = |what: &str| told.iter().filter(|(topic, _)| topic.ends_with(what)).count();
        assert_eq!((times("on_subscribe"), times("on_unsubscribe")), (4, 4));
        drop((watcher, clients));
        assert_empty(&router);
    });
}

#[test]
fn sessions_are_told_to_join_before_they_leave() {
    explore(|| {
        let router = router(100);
        let mut watcher = Client::join(&router);
        watcher.subscribe_to(Match::Prefix, "wamp.session.", false);
        let threads = [(); 2].map(|()| {
            let router = router.clone();
            thread::spawn(move || drop(Client::join(&router)))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let told = told(&mut watcher);
        assert_eq!(told.len(), 4, "{told:?}");
        let mut there = Vec::new();
        for (topic, arguments) in &told {
            match &arguments[0] {
                Value::Map(details) => there.push(number(details.get("session").unwrap())),
                gone => {
                    assert_eq!(topic, "wamp.session.on_leave");
                    let gone = number(gone);
                    assert!(there.contains(&gone), "{told:?}");
                }
            }
        }
        drop(watcher);
        assert_empty(&router);
    });
}

fn kill(client: &mut Client, session: u64) {
    let payload = Payload::from_values(Serializer::MsgPack, &[Value::from(session)], &Dict::default());
    client.send(Message::Call(Call {
        request: id(1),
        options: CallOptions::default(),
        procedure: "wamp.session.kill".into(),
        payload,
    }));
}

#[test]
fn session_that_is_ended_from_elsewhere_says_goodbye_last_and_leaves_nothing() {
    explore(|| {
        let router = router(100);
        let mut victim = Client::join(&router);
        let Message::Welcome(welcome) = &victim.heard[0] else { panic!() };
        let session = welcome.session.get();
        let (mut killer, mut other) = (Client::join(&router), Client::join(&router));
        other.register("com.app");
        let victim = thread::spawn(move || {
            victim.subscribe("com.app");
            victim.call(1, "com.app");
            victim.turn();
            victim
        });
        let other = thread::spawn(move || {
            other.publish("com.app", 1);
            let heard = other.listen();
            other.answer(&heard);
            other
        });
        kill(&mut killer, session);
        let mut victim = victim.join().unwrap();
        let other = other.join().unwrap();
        // Its task looks once more, as it does when it is woken.
        victim.turn();
        victim.listen();
        assert!(matches!(victim.heard.last(), Some(Message::Goodbye(_))), "{:?}", victim.heard);
        victim.assert_events_within_subscriptions();
        drop((victim, other, killer));
        assert_empty(&router);
    });
}

#[test]
fn subscription_that_is_taken_away_meets_its_end() {
    explore(|| {
        let router = router(100);
        let mut client = Client::join_featuring(&router, &["subscription_revocation"]);
        let Message::Welcome(welcome) = &client.heard[0] else { panic!() };
        let session = welcome.session;
        let subscription = client.subscribe("com.app");
        let (mut remover, mut publisher) = (Client::join(&router), Client::join(&router));
        let client = thread::spawn(move || {
            client.unsubscribe(subscription);
            client.subscribe("com.app");
            client
        });
        let publisher = thread::spawn(move || publisher.publish("com.app", 1));
        let args = [Value::from(subscription), Value::from(session)];
        remover.send(Message::Call(Call {
            request: id(1),
            options: CallOptions::default(),
            procedure: "wamp.subscription.remove_subscriber".into(),
            payload: Payload::from_values(Serializer::MsgPack, &args, &Dict::default()),
        }));
        publisher.join().unwrap();
        let mut client = client.join().unwrap();
        client.listen();
        // Either way of losing it is told once, and nothing comes for what is lost.
        let mut held = false;
        for message in &client.heard {
            match message {
                Message::Subscribed(_) => held = true,
                Message::Unsubscribed(_) | Message::SubscriptionRevoked(_) => {
                    assert!(held, "{:?}", client.heard);
                    held = false;
                }
                Message::Event(_) => assert!(held, "{:?}", client.heard),
                _ => {}
            }
        }
        assert_eq!(router.status().realms[0].subscriptions, usize::from(held), "{:?}", client.heard);
        drop((client, remover));
        assert_empty(&router);
    });
}
