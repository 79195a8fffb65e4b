//! Subscribing, publishing and who gets what.

use serde_json::{Value, json};
use transom_testkit::FakeSink;
use transom_wamp::Serializer;

use crate::support::*;

#[test]
fn subscription_is_shared_and_subscribing_again_changes_nothing() {
    let router = router();
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    let id = one.subscribe(URI);
    assert_eq!(two.subscribe(URI), id);
    assert_eq!(one.subscribe(URI), id);
    assert_ne!(one.subscribe("com.app.y"), id);
    assert_eq!(status(&router).subscriptions, 2);
    two.publish(URI, 1).unwrap();
    assert_eq!(one.arguments(), [1]);
    assert_eq!(one.ask(json!([34, 9, id])), json!([35, 9]));
    assert_eq!(one.fails(json!([34, 10, id])).0, "wamp.error.no_such_subscription");
    two.publish(URI, 2).unwrap();
    one.nothing();
    assert_eq!(two.ask(json!([34, 11, id])), json!([35, 11]));
    assert_eq!(status(&router).subscriptions, 1);
}

#[test]
fn unsubscribing_what_another_session_holds_is_an_error() {
    let router = router();
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    let id = one.subscribe(URI);
    for id in [id, id + 1, 0] {
        assert_eq!(two.fails(json!([34, 1, id])).0, "wamp.error.no_such_subscription");
    }
    two.publish(URI, 1).unwrap();
    assert_eq!(one.arguments(), [1]);
}

#[test]
fn event_carries_what_was_published_as_it_was_published() {
    let router = router();
    let (mut publisher, mut subscriber) = (Client::join(&router), Client::join(&router));
    let id = subscriber.subscribe(URI);
    let payloads = [
        json!([]),
        json!([[1, "two", null, {"three": [3.5]}]]),
        json!([[], {"a": 1}]),
        json!([["x"], {"a": {"b": []}}]),
    ];
    for payload in payloads {
        let mut publish = vec![json!(16), json!(1), json!({}), json!(URI)];
        publish.extend(payload.as_array().unwrap().clone());
        publisher.tell(Value::Array(publish));
        let event = subscriber.one();
        assert_eq!((&event[0], &event[1], &event[3]), (&json!(36), &json!(id), &json!({})));
        assert_eq!(event.as_array().unwrap()[4..], payload.as_array().unwrap()[..], "{payload}");
    }
    publisher.nothing();
}

#[test]
fn acknowledged_event_has_one_publication_and_the_answer_comes_first() {
    let router = router();
    let (mut publisher, mut other) = (Client::join(&router), Client::join(&router));
    let id = publisher.subscribe(URI);
    other.subscribe(URI);
    publisher.tell(json!([16, 7, {"acknowledge": true, "exclude_me": false}, URI, [1]]));
    let own = publisher.take();
    let publication = own[0][2].clone();
    assert_eq!(own, [json!([17, 7, publication]), json!([36, id, publication, {}, [1]])]);
    assert_eq!(other.one()[2], publication);
    let alone = publisher.ask(json!([16, 8, {"acknowledge": true}, "com.app.nobody"]));
    assert_eq!((&alone[0], &alone[1]), (&json!(17), &json!(8)));
}

#[test]
fn publisher_gets_its_own_event_only_where_it_says_so() {
    let router = router();
    let mut client = Client::join(&router);
    client.subscribe(URI);
    for (options, gets) in
        [(json!({}), false), (json!({"exclude_me": true}), false), (json!({"exclude_me": false}), true)]
    {
        client.tell(json!([16, 1, options, URI, [1]]));
        assert_eq!(!client.take().is_empty(), gets, "{options}");
    }
}

#[test]
fn receivers_are_limited_by_six_lists() {
    let router = router();
    let mut publisher = Client::join(&router);
    let mut subscribers: Vec<Client> = (0..3).map(|_| Client::join(&router)).collect();
    let [a, b, c] = [0, 1, 2].map(|n: usize| subscribers[n].id);
    let mut authids = Vec::new();
    for subscriber in &mut subscribers {
        subscriber.subscribe("com.app.who");
        subscriber.tell(json!([16, 1, {"disclose_me": true, "exclude_me": false, "eligible": [subscriber.id]}, "com.app.who"]));
        authids.push(subscriber.one()[3]["publisher_authid"].as_str().unwrap().to_owned());
        subscriber.subscribe(URI);
    }
    let many: Vec<u64> = (1..100).chain([b]).collect();
    let table = [
        (json!({}), [true, true, true]),
        (json!({"exclude": [a]}), [false, true, true]),
        (json!({"exclude": []}), [true, true, true]),
        (json!({"exclude": many}), [true, false, true]),
        (json!({"exclude_authid": [authids[1]]}), [true, false, true]),
        (json!({"exclude_authrole": ["anonymous"]}), [false, false, false]),
        (json!({"exclude_authrole": ["admin"]}), [true, true, true]),
        (json!({"eligible": [a, c, publisher.id]}), [true, false, true]),
        (json!({"eligible": many}), [false, true, false]),
        (json!({"eligible": []}), [false, false, false]),
        (json!({"eligible_authid": [authids[0], authids[2]]}), [true, false, true]),
        (json!({"eligible_authid": []}), [false, false, false]),
        (json!({"eligible_authrole": ["anonymous"]}), [true, true, true]),
        (json!({"eligible_authrole": []}), [false, false, false]),
        (json!({"eligible": [a, b], "exclude": [b]}), [true, false, false]),
        (json!({"eligible": [a, b], "eligible_authid": [authids[1], authids[2]]}), [false, true, false]),
    ];
    for (options, expected) in table {
        publisher.tell(json!([16, 1, options, URI, [1]]));
        let got: Vec<bool> = subscribers.iter().map(|subscriber| !subscriber.take().is_empty()).collect();
        assert_eq!(got, expected, "{options}");
    }
}

#[test]
fn whitelist_does_not_let_the_publisher_in() {
    let router = router();
    let mut client = Client::join(&router);
    client.subscribe(URI);
    client.tell(json!([16, 1, {"eligible": [client.id]}, URI]));
    client.nothing();
    client.tell(json!([16, 1, {"eligible": [client.id], "exclude_me": false}, URI]));
    assert_eq!(client.take().len(), 1);
}

#[test]
fn options_for_the_ends_are_copied() {
    let router = router();
    let mut publisher = Client::join_featuring(&router, &["payload_passthru_mode"]);
    let mut subscriber = Client::join(&router);
    subscriber.subscribe(URI);
    let options = json!({"ppt_scheme": "x_mine", "ppt_serializer": "cbor", "ppt_cipher": "aes256gcm", "ppt_keyid": "k"});
    publisher.tell(json!([16, 1, options, URI, ["secret"]]));
    let event = subscriber.one();
    assert_eq!((&event[3], &event[4]), (&options, &json!(["secret"])));
    let options =
        json!({"enc_algo": "cryptobox", "enc_key": "k", "enc_serializer": "json", "transaction_hash": "h"});
    publisher.tell(json!([16, 1, options, URI, "opaque"]));
    let event = subscriber.one();
    assert_eq!((&event[3], &event[4]), (&options, &json!("opaque")));
}

#[test]
fn subscribers_of_every_serializer_get_the_same_event() {
    let router = router();
    let mut publisher = Client::join(&router);
    let mut subscribers: Vec<Client> = Serializer::ALL
        .into_iter()
        .chain(Serializer::ALL)
        .map(|serializer| Client::join_with(&router, None, FakeSink::new(serializer)))
        .collect();
    let ids: Vec<u64> = subscribers.iter_mut().map(|subscriber| subscriber.subscribe(URI)).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    publisher.tell(json!([16, 1, {}, URI, [1, "é", null, [true, 1.5]], {"k": {"n": -7}}]));
    let events: Vec<Value> = subscribers.iter().map(Client::one).collect();
    assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
    assert_eq!(events[0][4], json!([1, "é", null, [true, 1.5]]));
    assert_eq!(events[0][5], json!({"k": {"n": -7}}));
}

#[test]
fn events_of_one_publisher_keep_their_order_over_all_topics() {
    let router = router();
    let (mut publisher, mut subscriber) = (Client::join(&router), Client::join(&router));
    for topic in ["com.a", "com.b", "com.c"] {
        subscriber.subscribe(topic);
    }
    for n in 0..30 {
        publisher.publish(["com.a", "com.b", "com.c", "com.d"][n as usize % 4], n).unwrap();
    }
    assert_eq!(subscriber.arguments(), (0..30).filter(|n| n % 4 != 3).collect::<Vec<u64>>());
}

#[test]
fn topic_that_died_and_came_back_is_found_by_who_published_to_it_before() {
    let router = router();
    let (mut publisher, mut subscriber) = (Client::join(&router), Client::join(&router));
    for n in 0..3 {
        let id = subscriber.subscribe(URI);
        publisher.publish(URI, n).unwrap();
        assert_eq!(subscriber.arguments(), [n]);
        subscriber.ask(json!([34, 1, id]));
        publisher.publish(URI, 9).unwrap();
        subscriber.nothing();
        assert_eq!(status(&router).subscriptions, 0);
    }
}
