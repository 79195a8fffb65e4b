//! Events that are kept for those who subscribe later.

use std::task::Poll;

use serde_json::{Value, json};
use transom_testkit::FakeSink;
use transom_wamp::{Flow, Serializer};

use crate::support::*;

fn retain(client: &mut Client, topic: &str, argument: u64) {
    client.tell(json!([16, 1, {"retain": true}, topic, [argument]]));
}

/// What a new subscriber is given.
#[track_caller]
fn given(client: &mut Client, matching: &str, topic: &str) -> Vec<Value> {
    client.take();
    let mut answers = client.ask_patiently(json!([32, 1, {"match": matching, "get_retained": true}, topic]));
    let subscribed = answers.remove(0);
    assert_eq!(subscribed[0], 33);
    for event in &answers {
        assert_eq!((&event[0], &event[1], &event[3]["retained"]), (&json!(36), &subscribed[2], &json!(true)));
    }
    answers
}

#[test]
fn last_retained_event_is_given_to_who_asks_for_it_with_its_own_publication() {
    let router = router();
    let (mut publisher, mut live) = (Client::join(&router), Client::join(&router));
    live.subscribe(URI);
    retain(&mut publisher, URI, 1);
    publisher.tell(json!([16, 1, {"retain": true, "disclose_me": true}, URI, [2], {"k": "v"}]));
    publisher.publish(URI, 3).unwrap();
    let events = live.take();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event[3].get("retained").is_none()));
    let mut late = Client::join(&router);
    let given = given(&mut late, "exact", URI).remove(0);
    assert_eq!((&given[2], &given[4], &given[5]), (&events[1][2], &json!([2]), &json!({"k": "v"})));
    assert_eq!(given[3]["publisher"], publisher.id);
    assert!(given[3].get("topic").is_none());
    // Who does not ask gets nothing, and the publisher may have its own.
    let mut plain = Client::join(&router);
    assert_eq!(plain.ask_patiently(json!([32, 1, {}, URI])).len(), 1);
    assert_eq!(self::given(&mut publisher, "exact", URI).len(), 1);
    // Asked again, it is given again.
    assert_eq!(self::given(&mut late, "exact", URI).len(), 1);
}

#[test]
fn subscriber_of_a_pattern_is_given_one_event_for_each_topic_the_oldest_first() {
    let router = router();
    let mut publisher = Client::join(&router);
    for (topic, argument) in
        [("com.b.x", 1), ("com.a.x", 2), ("com.c.y", 3), ("net.a.x", 4), ("com.b.x", 5), ("com.x", 6)]
    {
        retain(&mut publisher, topic, argument);
    }
    let arguments = |events: Vec<Value>| -> Vec<(String, u64)> {
        let read =
            |event: Value| (event[3]["topic"].as_str().unwrap().to_owned(), event[4][0].as_u64().unwrap());
        events.into_iter().map(read).collect()
    };
    let mut late = Client::join(&router);
    let expected = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter().map(|(topic, argument)| ((*topic).to_owned(), *argument)).collect()
    };
    assert_eq!(
        arguments(given(&mut late, "wildcard", "com..x")),
        expected(&[("com.a.x", 2), ("com.b.x", 5)])
    );
    assert_eq!(
        arguments(given(&mut late, "prefix", "com.")),
        expected(&[("com.a.x", 2), ("com.c.y", 3), ("com.b.x", 5), ("com.x", 6)])
    );
    assert_eq!(arguments(given(&mut late, "wildcard", ".a.x")), expected(&[("com.a.x", 2), ("net.a.x", 4)]));
    assert_eq!(given(&mut late, "prefix", "org.").len(), 0);
}

#[test]
fn retained_event_goes_to_those_it_was_for() {
    let router = router();
    let (mut publisher, mut one, mut two) =
        (Client::join(&router), Client::join(&router), Client::join(&router));
    retain(&mut publisher, URI, 1);
    publisher.tell(json!([16, 1, {"retain": true, "eligible": [one.id]}, URI, [2]]));
    publisher.tell(json!([16, 1, {"retain": true, "exclude": [one.id, two.id]}, URI, [3]]));
    assert_eq!(given(&mut one, "exact", URI)[0][4], json!([2]));
    assert_eq!(given(&mut two, "exact", URI)[0][4], json!([1]));
    let mut three = Client::join(&router);
    assert_eq!(given(&mut three, "exact", URI)[0][4], json!([3]));
    publisher.tell(json!([16, 1, {"retain": true, "exclude_authrole": ["anonymous"]}, URI, [4]]));
    assert_eq!(given(&mut three, "exact", URI)[0][4], json!([3]));
    // One for everybody takes the place of all.
    retain(&mut publisher, URI, 5);
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(given(client, "exact", URI)[0][4], json!([5]));
    }
    // Those for some are not kept without end.
    for n in 0..250 {
        publisher.tell(json!([16, 1, {"retain": true, "eligible": [one.id]}, URI, [n]]));
    }
    assert_eq!(given(&mut one, "exact", URI)[0][4], json!([249]));
    assert_eq!(given(&mut two, "exact", URI)[0][4], json!([5]));
}

#[test]
fn topic_with_a_retained_event_stays_until_that_is_forgotten() {
    let router = router();
    let mut publisher = Client::join(&router);
    retain(&mut publisher, URI, 1);
    assert_eq!((status(&router).subscriptions, status(&router).retained_topics), (1, 1));
    let mut client = Client::join(&router);
    let id = client.subscribe(URI);
    assert_eq!(client.ask(json!([34, 1, id]))[0], 35);
    assert_eq!(client.subscribe(URI), id);
    assert!(!router.forget_retained("realm1", "com.app.y"));
    assert!(router.forget_retained("realm1", URI));
    assert!(!router.forget_retained("realm1", URI));
    assert_eq!(given(&mut client, "exact", URI).len(), 0);
    client.ask(json!([34, 1, id]));
    assert_ne!(client.subscribe(URI), id);
    retain(&mut publisher, URI, 2);
    drop((publisher, client));
    assert!(router.forget_retained("realm1", URI));
    assert_empty(&router);
}

#[test]
fn store_that_is_full_refuses_events_as_a_whole() {
    let router = router_with(|settings| {
        settings.store.max_retained_topics = 2;
        settings.store.max_retained_bytes = 2000;
    });
    let (mut publisher, mut live) = (Client::join(&router), Client::join(&router));
    live.subscribe_with(json!({"match": "prefix"}), "com.");
    retain(&mut publisher, "com.a", 1);
    retain(&mut publisher, "com.b", 2);
    assert_eq!(live.take().len(), 2);
    let more = json!([16, 9, {"retain": true, "acknowledge": true}, "com.c", [3]]);
    assert_eq!(publisher.fails(more).0, "wamp.error.unavailable");
    retain(&mut publisher, "com.c", 3);
    let large = json!([16, 9, {"retain": true, "acknowledge": true}, "com.a", ["x".repeat(2000)]]);
    assert_eq!(publisher.fails(large).0, "wamp.error.unavailable");
    live.nothing();
    // What takes the place of another needs no further room.
    for n in 0..20 {
        retain(&mut publisher, "com.a", n);
    }
    assert_eq!(live.take().len(), 20);
    assert!(router.forget_retained("realm1", "com.b"));
    retain(&mut publisher, "com.c", 3);
    assert_eq!(live.take().len(), 1);
    assert_eq!(status(&router).retained_topics, 2);
}

#[test]
fn retained_events_wait_for_room_and_are_never_behind_a_newer_one() {
    let router = router();
    let mut publisher = Client::join(&router);
    for topic in ["com.a", "com.b", "com.c"] {
        retain(&mut publisher, topic, 1);
    }
    let mut late = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 2));
    let woken = Woken::default();
    let subscribe = json!([32, 1, {"match": "prefix", "get_retained": true}, "com."]);
    assert_eq!(late.try_tell(subscribe), Ok(Flow::Pause));
    assert_eq!(late.poll(&woken), Poll::Pending);
    assert_eq!(late.one()[0], 33);
    late.sink.make_room(1);
    assert_eq!(woken.times(), 1);
    assert_eq!(late.poll(&woken), Poll::Pending);
    assert_eq!(late.one()[3]["topic"], "com.a");
    // A newer one comes while the older waits: the older is not given any more.
    late.sink.make_room(1);
    retain(&mut publisher, "com.b", 2);
    let newer = late.one();
    assert_eq!((&newer[3], &newer[4]), (&json!({"topic": "com.b"}), &json!([2])));
    late.sink.make_room(2);
    assert_eq!(late.poll(&woken), Poll::Ready(Flow::Continue));
    let rest = late.take();
    assert_eq!((&rest[0][3]["topic"], &rest[0][4]), (&json!("com.b"), &json!([2])));
    assert_eq!((&rest[1][3]["topic"], &rest[1][4]), (&json!("com.c"), &json!([1])));
}

#[test]
fn many_retained_events_are_given_in_chunks() {
    let router = router_with(|settings| settings.event_dispatching_chunk_size = 10);
    let mut publisher = Client::join(&router);
    for n in 0..35 {
        retain(&mut publisher, &format!("com.app.{n}"), n);
    }
    let mut late = Client::join(&router);
    let woken = Woken::default();
    let subscribe = json!([32, 1, {"match": "prefix", "get_retained": true}, "com."]);
    assert_eq!(late.try_tell(subscribe), Ok(Flow::Pause));
    let mut polls = 0;
    while late.poll(&woken).is_pending() {
        assert_eq!(woken.times(), 1);
        polls += 1;
    }
    assert_eq!(polls, 3);
    late.take();
}
