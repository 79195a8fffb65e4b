//! Prefix and wildcard subscriptions and registrations.

use serde_json::{Value, json};
use transom_config::{Authorization, MatchPolicy, Permission, SlowConsumer};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{Flow, Serializer};

use crate::support::*;

fn prefix() -> Value {
    json!({"match": "prefix"})
}

fn wildcard() -> Value {
    json!({"match": "wildcard"})
}

#[test]
fn event_reaches_every_subscription_that_matches_and_only_patterns_are_told_the_topic() {
    let router = router();
    let mut subscriber = Client::join(&router);
    let exact = subscriber.subscribe("com.a.emergency");
    let short = subscriber.subscribe_with(prefix(), "com.");
    let long = subscriber.subscribe_with(prefix(), "com.a.emerg");
    let any = subscriber.subscribe_with(wildcard(), "com..emergency");
    let same_text = subscriber.subscribe_with(wildcard(), "com.a.emergency");
    subscriber.subscribe_with(wildcard(), "com..other");
    subscriber.subscribe_with(prefix(), "com.b");
    let mut publisher = Client::join(&router);
    for n in 0..2 {
        publisher.publish("com.a.emergency", n).unwrap();
        let events = subscriber.take();
        let publication = &events[0][2];
        let mut subscriptions: Vec<u64> = Vec::new();
        for event in &events {
            assert_eq!((&event[0], &event[2], &event[4]), (&json!(36), publication, &json!([n])));
            let topic = if event[1] == exact { json!({}) } else { json!({"topic": "com.a.emergency"}) };
            assert_eq!(event[3], topic);
            subscriptions.push(event[1].as_u64().unwrap());
        }
        assert_eq!(subscriptions[0], exact, "its own topic first");
        subscriptions.sort_unstable();
        let mut expected = vec![exact, short, long, any, same_text];
        expected.sort_unstable();
        assert_eq!(subscriptions, expected);
    }
    publisher.publish("com.a.emer", 7).unwrap();
    assert_eq!(subscriber.one()[1], short);
    publisher.publish("com", 8).unwrap();
    subscriber.nothing();
}

#[test]
fn pattern_that_comes_or_goes_is_noticed_by_who_published_before() {
    let router = router();
    let (mut publisher, mut subscriber) = (Client::join(&router), Client::join(&router));
    let own = subscriber.subscribe(URI);
    publisher.publish(URI, 0).unwrap();
    assert_eq!(subscriber.take().len(), 1);
    for round in 0..3 {
        let pattern = subscriber.subscribe_with(wildcard(), "com..x");
        publisher.publish(URI, 1).unwrap();
        assert_eq!(subscriber.take().len(), 2, "{round}");
        assert_eq!(subscriber.ask(json!([34, 1, pattern]))[0], 35);
        publisher.publish(URI, 2).unwrap();
        assert_eq!(subscriber.one()[1], own);
    }
    subscriber.ask(json!([34, 1, own]));
    // Nobody has subscribed to the topic itself.
    let all = subscriber.ask_patiently(json!([32, 1, prefix(), ""]));
    assert_eq!(all[0][0], 33);
    publisher.publish(URI, 3).unwrap();
    assert_eq!(subscriber.one()[3], json!({"topic": URI}));
    drop((publisher, subscriber));
    assert_empty(&router);
}

#[test]
fn filters_exclusion_and_acknowledgement_hold_for_patterns_too() {
    let router = router();
    let (mut one, mut two, mut three) = (Client::join(&router), Client::join(&router), Client::join(&router));
    for client in [&mut one, &mut two, &mut three] {
        client.subscribe_with(prefix(), "com.app.");
        client.subscribe_with(wildcard(), "..x");
    }
    let published = one.ask(json!([16, 1, {"acknowledge": true, "exclude": [three.id]}, URI, [1]]));
    assert_eq!(published[0], 17);
    let events = two.take();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event[2] == published[2]));
    three.nothing();
    one.tell(json!([16, 2, {"exclude_me": false, "eligible": [one.id]}, URI, [1]]));
    assert_eq!(one.take().len(), 2);
    two.nothing();
}

#[test]
fn long_fan_out_over_patterns_lets_others_have_their_turn_and_comes_to_its_end() {
    let router = router_with(|settings| settings.event_dispatching_chunk_size = 4);
    let mut subscribers: Vec<Client> = (0..5).map(|_| Client::join(&router)).collect();
    for subscriber in &mut subscribers {
        subscriber.subscribe(URI);
        subscriber.subscribe_with(prefix(), "com.");
        subscriber.subscribe_with(wildcard(), "com..");
    }
    let mut publisher = Client::join(&router);
    let woken = Woken::default();
    assert_eq!(publisher.publish(URI, 1), Ok(Flow::Pause));
    let mut polls = 0;
    while publisher.poll(&woken).is_pending() {
        assert_eq!(woken.times(), 1);
        polls += 1;
    }
    // 15 deliveries, four at a time.
    assert_eq!(polls, 2);
    for subscriber in &subscribers {
        assert_eq!(subscriber.arguments(), [1, 1, 1]);
    }
}

#[test]
fn subscriber_of_a_pattern_that_pushes_back_holds_back_no_other_delivery() {
    let slow = role("slow", Authorization::Always(true), SlowConsumer::PushBack);
    let router = Router::new(&[realm(vec![slow, open_realm().roles.remove(0)])]);
    let sink = FakeSink::bounded(Serializer::Json, 3);
    let mut slow = Client::join_with(&router, Some(&as_role("slow")), sink);
    slow.subscribe(URI);
    slow.subscribe_with(prefix(), "com.");
    let mut quick = Client::join(&router);
    quick.subscribe_with(wildcard(), "com..x");
    let mut publisher = Client::join(&router);
    let woken = Woken::default();
    assert_eq!(publisher.publish(URI, 5), Ok(Flow::Pause));
    assert!(publisher.poll(&woken).is_pending());
    assert_eq!(quick.arguments(), [5]);
    slow.nothing();
    slow.sink.make_room(1);
    assert!(publisher.poll(&woken).is_pending());
    assert_eq!(slow.one()[3], json!({}));
    slow.sink.make_room(1);
    assert!(publisher.poll(&woken).is_ready());
    assert_eq!(slow.one()[3], json!({"topic": URI}));
}

#[test]
fn call_is_answered_by_the_registration_that_the_specification_names() {
    let router = router();
    let mut callee = Client::join(&router);
    let table = [
        ("exact", "a1.b2.c3.d4.e55"),
        // With its dot, since prefixes are compared as text: without it, it would be one of a1.b2.c33 too.
        ("prefix", "a1.b2.c3."),
        ("prefix", "a1.b2.c3.d4"),
        ("wildcard", "a1.b2..d4.e5"),
        ("wildcard", "a1.b2.c33..e5"),
        ("wildcard", "a1.b2..d4.e5..g7"),
        ("wildcard", "a1.b2..d4..f6.g7"),
    ];
    let ids = table.map(|(how, uri)| callee.register_with(json!({"match": how}), uri));
    let mut caller = Client::join(&router);
    for (uri, expected) in [
        ("a1.b2.c3.d4.e55", 0),
        ("a1.b2.c3.d98.e74", 1),
        ("a1.b2.c3.d4.e325", 2),
        ("a1.b2.c55.d4.e5", 3),
        ("a1.b2.c33.d4.e5", 4),
        ("a1.b2.c88.d4.e5.f6.g7", 5),
    ] {
        caller.tell(json!([48, 1, {}, uri, [1]]));
        let invocation = callee.one();
        assert_eq!((&invocation[0], &invocation[2]), (&json!(68), &json!(ids[expected])), "{uri}");
        let details = if expected == 0 { json!({}) } else { json!({"procedure": uri}) };
        assert_eq!(invocation[3], details);
        callee.tell(json!([70, invocation[1], {}]));
        assert_eq!(caller.one()[0], 50);
        assert_eq!(caller.calls("wamp.registration.match", json!([uri])), ids[expected]);
    }
    assert_eq!(caller.fails(json!([48, 1, {}, "a2.b2.c2.d2.e2"])).0, "wamp.error.no_such_procedure");
    assert_eq!(caller.calls("wamp.registration.match", json!(["a2.b2.c2.d2.e2"])), json!(null));
    // A better one is used from the next call on, and the next best again when it is gone.
    let better = callee.register("a1.b2.c55.d4.e5");
    caller.tell(json!([48, 1, {}, "a1.b2.c55.d4.e5"]));
    assert_eq!(callee.one()[2], better);
    callee.ask(json!([66, 1, better]));
    caller.tell(json!([48, 2, {}, "a1.b2.c55.d4.e5"]));
    assert_eq!(callee.one()[2], ids[3]);
}

#[test]
fn patterns_of_the_same_text_are_different_registrations() {
    let router = router();
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    let ids = [json!({}), prefix(), wildcard()].map(|options| one.register_with(options, "com.app"));
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    for options in [json!({}), prefix(), wildcard()] {
        let (uri, _) = two.fails(json!([64, 1, options, "com.app"]));
        assert_eq!(uri, "wamp.error.procedure_already_exists");
    }
    assert_eq!(status(&router).registrations, 3);
    drop((one, two));
    assert_empty(&router);
}

#[test]
fn patterns_have_the_syntax_of_their_kind() {
    let router = router();
    let mut client = Client::join(&router);
    for (how, pattern, valid) in [
        ("prefix", "", true),
        ("prefix", "com.", true),
        ("prefix", "com..a", false),
        ("prefix", "com a", false),
        ("wildcard", "", true),
        ("wildcard", "com..a", true),
        ("wildcard", "..", true),
        ("wildcard", "com. .a", false),
        ("exact", "com.", false),
    ] {
        for code in [32, 64] {
            // Who subscribes to everything hears of it, too.
            let answer = client.ask_patiently(json!([code, 1, {"match": how}, pattern])).remove(0);
            assert_eq!(answer[0] == 8, !valid, "{how} {pattern:?}: {answer}");
            assert_eq!(answer[4] == "wamp.error.invalid_uri", !valid);
        }
    }
    assert!(client.try_tell_raw(r#"[32,1,{"match":"regex"},"com"]"#).is_err());
}

#[test]
fn patterns_of_clients_hear_meta_events_and_never_answer_for_the_router() {
    let router = router();
    let mut client = Client::join(&router);
    for pattern in ["", "w", "wamp"] {
        client.register_with(prefix(), pattern);
    }
    client.register_with(wildcard(), "..");
    assert_eq!(client.fails(json!([64, 1, prefix(), "wamp."])).0, "wamp.error.invalid_uri");
    assert_eq!(client.fails(json!([48, 1, {}, "wamp.session.nothing"])).0, "wamp.error.no_such_procedure");
    assert_eq!(client.fails(json!([48, 1, {}, "wamp.x.y"])).0, "wamp.error.no_such_procedure");
    let all = client.subscribe_with(prefix(), "wamp.session.");
    let other = Client::join(&router);
    let event = client.one();
    assert_eq!((&event[1], &event[3]), (&json!(all), &json!({"topic": "wamp.session.on_join"})));
    assert_eq!(event[4][0]["session"], other.id);
}

#[test]
fn pattern_needs_permission_for_all_that_it_matches() {
    let rules = vec![
        rule("com.app.", MatchPolicy::Prefix, "subscribe register"),
        rule("com.app.secret.", MatchPolicy::Prefix, ""),
        rule("com.app.a.key", MatchPolicy::Exact, ""),
        rule("net..x", MatchPolicy::Wildcard, "subscribe register"),
        rule("net.", MatchPolicy::Prefix, "subscribe"),
    ];
    let user = role("user", Authorization::Permissions(rules), SlowConsumer::Drop);
    let router = Router::new(&[realm(vec![user])]);
    let mut client = Client::join_as(&router, "user");
    for (how, pattern, subscribe, register) in [
        ("prefix", "com.app.b", true, true),
        ("prefix", "com.app.a.", false, false),
        ("prefix", "com.app.", false, false),
        ("prefix", "com.", false, false),
        ("prefix", "", false, false),
        ("prefix", "com.app.secret.x", false, false),
        ("wildcard", "com.app..b", false, false),
        ("wildcard", "com.app.b.", true, true),
        ("wildcard", "com.app..", false, false),
        ("wildcard", "net.a.x", true, true),
        ("wildcard", "net..x", true, true),
        ("wildcard", "net..y", true, false),
        ("wildcard", "net..", true, false),
        ("prefix", "net.a", true, false),
        ("wildcard", ".a", false, false),
    ] {
        for (code, allowed) in [(32, subscribe), (64, register)] {
            let answer = client.ask_patiently(json!([code, 1, {"match": how}, pattern])).remove(0);
            assert_eq!(answer[0] != 8, allowed, "{code} {how} {pattern:?}: {answer}");
            assert_eq!(answer[4] == "wamp.error.not_authorized", !allowed, "{answer}");
        }
    }
}

#[test]
fn rule_that_covers_all_of_a_pattern_is_not_overruled_by_one_that_is_less_specific() {
    let rules = vec![
        rule("com..x", MatchPolicy::Wildcard, "subscribe"),
        Permission { ..rule("com.", MatchPolicy::Prefix, "") },
    ];
    let user = role("user", Authorization::Permissions(rules), SlowConsumer::Drop);
    let router = Router::new(&[realm(vec![user])]);
    let mut client = Client::join_as(&router, "user");
    client.subscribe_with(wildcard(), "com..x");
    assert_eq!(client.fails(json!([32, 1, wildcard(), "com.."])).0, "wamp.error.not_authorized");
}
