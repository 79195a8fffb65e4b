//! Retained events and patterns, while others publish.

use transom_wamp::{Match, Message, PublishOptions};

use crate::client::*;
use crate::topics::publishing;

fn retain() -> PublishOptions {
    PublishOptions { retain: true, ..PublishOptions::default() }
}

/// The numbers of the events that came, with whether they were retained.
fn events(client: &Client) -> Vec<(u64, bool)> {
    client
        .heard
        .iter()
        .filter_map(|message| match message {
            Message::Event(event) => Some((read(&event.payload), event.details.retained)),
            _ => None,
        })
        .collect()
}

#[test]
fn who_subscribes_ends_up_with_the_last_event_whatever_was_retained_before() {
    for matching in [Match::Exact, Match::Prefix] {
        explore(move || {
            let router = router(100);
            let mut publisher = Client::join(&router);
            publisher.publish_with(retain(), "com.app", 1);
            let publisher = thread::spawn(move || {
                for n in 2..4 {
                    publisher.publish_with(retain(), "com.app", n);
                }
                publisher
            });
            let mut subscriber = Client::join(&router);
            subscriber.subscribe_to(matching, "com.app", true);
            drop(publisher.join().unwrap());
            subscriber.listen();
            let events = events(&subscriber);
            assert_eq!(events.last().map(|(number, _)| *number), Some(3), "{events:?}");
            // Nothing old comes behind something new.
            assert!(events.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{events:?}");
            // Live events come in order and without a gap from the first that came.
            let live: Vec<u64> = events.iter().filter(|(_, old)| !old).map(|(number, _)| *number).collect();
            assert!(live.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{events:?}");
            drop(subscriber);
            assert!(router.forget_retained("realm1", "com.app"));
            assert_empty(&router);
        });
    }
}

#[test]
fn forgetting_meets_retaining_and_subscribing() {
    explore(|| {
        let router = router(100);
        let mut publisher = Client::join(&router);
        publisher.publish_with(retain(), "com.app", 1);
        let publisher = thread::spawn(move || publisher.publish_with(retain(), "com.app", 2));
        let mut subscriber = Client::join(&router);
        let subscriber = thread::spawn(move || {
            let subscription = subscriber.subscribe_to(Match::Exact, "com.app", true);
            subscriber.unsubscribe(subscription);
            subscriber.assert_events_within_subscriptions();
        });
        router.forget_retained("realm1", "com.app");
        publisher.join().unwrap();
        subscriber.join().unwrap();
        router.forget_retained("realm1", "com.app");
        assert_empty(&router);
        assert_eq!(router.status().realms[0].retained_topics, 0);
    });
}

#[test]
fn events_for_patterns_come_only_while_they_are_subscribed_to_and_in_order() {
    explore(|| {
        let router = router(100);
        let mut staying = Client::join(&router);
        staying.subscribe_to(Match::Prefix, "com.", false);
        let mut fickle = Client::join(&router);
        let publishers = [publishing(&router, 1, 2), publishing(&router, 2, 2)];
        for matching in [Match::Prefix, Match::Wildcard] {
            let topic = if matching == Match::Prefix { "com" } else { "com." };
            let subscription = fickle.subscribe_to(matching, topic, false);
            fickle.unsubscribe(subscription);
        }
        let publishers = publishers.map(|thread| thread.join().unwrap());
        fickle.assert_events_within_subscriptions();
        fickle.assert_publishers_in_order();
        assert_eq!(staying.assert_publishers_in_order(), 4);
        drop((staying, fickle, publishers));
        assert_empty(&router);
    });
}

#[test]
fn pattern_that_is_subscribed_to_is_not_missed_by_who_publishes_after() {
    explore(|| {
        let router = router(100);
        let (mut publisher, mut other) = (Client::join(&router), Client::join(&router));
        // The publisher knows that there is nothing.
        publisher.publish("com.app", 1);
        let mut subscriber = Client::join(&router);
        let subscriber = thread::spawn(move || {
            subscriber.subscribe_to(Match::Wildcard, "com.", false);
            subscriber
        });
        let other = thread::spawn(move || {
            let subscription = other.subscribe_to(Match::Prefix, "com", false);
            other.unsubscribe(subscription);
            other
        });
        publisher.publish("com.app", 2);
        let mut subscriber = subscriber.join().unwrap();
        publisher.publish("com.app", 3);
        subscriber.listen();
        assert_eq!(events(&subscriber).last(), Some(&(3, false)));
        drop((publisher, subscriber, other.join().unwrap()));
        assert_empty(&router);
    });
}
