//! Events that are kept and can be asked for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use transom_config::{Authorization, MatchPolicy, Role, SlowConsumer};
use transom_router::{RealmSettings, Router, StoreRule};
use transom_testkit::FakeSink;
use transom_wamp::{Match, Serializer};

use crate::support::*;

const GET: &str = "wamp.subscription.get_events";

fn rule_of(uri: &str, matching: Match, limit: usize) -> StoreRule {
    StoreRule { uri: uri.into(), matching, limit }
}

fn with_history(clock: Arc<SetClock>, set: impl FnOnce(&mut RealmSettings)) -> Arc<Router> {
    router_at(clock, |settings| {
        settings.store.event_history = vec![
            rule_of(URI, Match::Exact, 5),
            rule_of("com.app.", Match::Prefix, 100),
            rule_of("com..y", Match::Wildcard, 100),
        ];
        set(settings);
    })
}

fn lookup(client: &mut Client, uri: &str, matching: &str) -> Value {
    client.calls("wamp.subscription.lookup", json!([uri, {"match": matching}]))
}

fn arguments(events: &Value) -> Vec<u64> {
    events.as_array().unwrap().iter().map(|event| event["args"][0].as_u64().unwrap()).collect()
}

#[test]
fn events_are_kept_for_each_subscription_that_is_configured_whoever_receives_them() {
    let router = with_history(SetClock::new(), |_| {});
    let mut client = Client::join(&router);
    assert_eq!(status(&router).subscriptions, 3);
    let ids = [(URI, "exact"), ("com.app.", "prefix"), ("com..y", "wildcard")]
        .map(|(uri, matching)| lookup(&mut client, uri, matching));
    assert_eq!(client.calls("wamp.subscription.count_subscribers", json!([ids[0]])), 0);
    for n in 0..7 {
        client.publish(URI, n).unwrap();
    }
    client.publish("com.app.y", 10).unwrap();
    client.publish("com.other.y", 11).unwrap();
    client.publish("com.other.x", 12).unwrap();
    // As Crossbar.io gives them: the newest first, ten where no limit is given.
    assert_eq!(arguments(&client.calls(GET, json!([ids[0]]))), [6, 5, 4, 3, 2]);
    assert_eq!(arguments(&client.calls(GET, json!([ids[0], 2]))), [6, 5]);
    assert_eq!(arguments(&client.calls(GET, json!([ids[1]]))), [10, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(arguments(&client.calls(GET, json!([ids[2]]))), [11, 10]);
    for n in 0..20 {
        client.publish("com.app.x2", n).unwrap();
    }
    assert_eq!(arguments(&client.calls(GET, json!([ids[1]]))).len(), 10);
    // With keyword arguments, as the specification says: the oldest first, all of them.
    let all = client.calls_with(GET, json!([ids[1]]), json!({"reverse": false}));
    assert_eq!(arguments(&all).len(), 28);
    assert_eq!(arguments(&all)[..3], [0, 1, 2]);
    // Who subscribes has the subscription that is there, and it stays when it goes.
    let own = client.subscribe(URI);
    assert_eq!(json!(own), ids[0]);
    client.ask(json!([34, 1, own]));
    assert_eq!(lookup(&mut client, URI, "exact"), ids[0]);
}

#[test]
fn record_has_the_keys_of_both_and_names_only_publishers_that_were_disclosed() {
    let clock = SetClock::new();
    let router = with_history(clock, |_| {});
    let mut client = Client::join(&router);
    let mut published =
        client.ask(json!([16, 1, {"acknowledge": true, "disclose_me": true}, "com.app.z", [1], {"k": 2}]));
    let publication = published[2].take();
    client.tell(json!([16, 1, {"transaction_hash": "h"}, URI]));
    let id = lookup(&mut client, "com.app.", "prefix");
    let events = client.calls_with(GET, json!([id]), json!({"limit": 9}));
    let authid = events[0]["authid"].clone();
    assert_eq!(
        events[0],
        json!({
            "timestamp": "1970-01-01T00:00:00.000Z", "time_ns": 0, "realm": "realm1", "subscription": id,
            "publication": publication, "topic": "com.app.z",
            "session_id": client.id, "authid": authid, "authrole": "anonymous",
            "details": {
                "topic": "com.app.z", "publisher": client.id,
                "publisher_authid": authid, "publisher_authrole": "anonymous",
            },
            "args": [1], "kwargs": {"k": 2},
        })
    );
    assert_eq!(events[1]["details"], json!({"topic": URI, "transaction_hash": "h"}));
    assert_eq!((&events[1]["args"], &events[1]["kwargs"]), (&json!([]), &json!({})));
    assert!(events[1].get("session_id").is_none() && events[1].get("authid").is_none());
}

#[test]
fn events_are_chosen_by_time_topic_and_publication() {
    let clock = SetClock::new();
    let router = with_history(clock.clone(), |_| {});
    let mut client = Client::join(&router);
    let mut publications = Vec::new();
    for n in 0..6 {
        let topic = if n % 2 == 0 { "com.app.even" } else { "com.app.odd" };
        let published = client.ask(json!([16, 1, {"acknowledge": true}, topic, [n]]));
        publications.push(published[2].clone());
        clock.forward(Duration::from_secs(1));
    }
    let id = lookup(&mut client, "com.app.", "prefix");
    let [_, p1, _, p3, ..] = &publications[..] else { panic!() };
    for (kwargs, expected) in [
        (json!({"reverse": true}), vec![5, 4, 3, 2, 1, 0]),
        (json!({"limit": 2}), vec![0, 1]),
        (json!({"limit": 2, "reverse": true}), vec![5, 4]),
        (json!({"topic": "com.app.odd"}), vec![1, 3, 5]),
        (json!({"topic": "com.app.none"}), vec![]),
        (json!({"from_time": "1970-01-01T00:00:02Z"}), vec![2, 3, 4, 5]),
        (json!({"after_time": "1970-01-01T00:00:02.000Z"}), vec![3, 4, 5]),
        (json!({"before_time": "1970-01-01T01:00:02+01:00"}), vec![0, 1]),
        (json!({"until_time": "1970-01-01T00:00:02Z"}), vec![0, 1, 2]),
        (json!({"from_publication": p1}), vec![1, 2, 3, 4, 5]),
        (json!({"after_publication": p1}), vec![2, 3, 4, 5]),
        (json!({"before_publication": p3}), vec![0, 1, 2]),
        (json!({"until_publication": p3}), vec![0, 1, 2, 3]),
        (json!({"after_publication": p1, "until_publication": p3, "topic": "com.app.odd"}), vec![3]),
        (json!({"from_publication": 1}), vec![]),
    ] {
        let events = client.calls_with(GET, json!([id]), kwargs.clone());
        assert_eq!(arguments(&events), expected, "{kwargs}");
    }
    for kwargs in [
        json!({"from_time": "yesterday"}),
        json!({"from_time": 5}),
        json!({"reverse": 1}),
        json!({"limit": -1}),
        json!({"topic": 1}),
        json!({"from_publication": "x"}),
    ] {
        let (uri, _) = client.fails(json!([48, 1, {}, GET, [id], kwargs]));
        assert_eq!(uri, "wamp.error.invalid_argument", "{kwargs}");
    }
    assert_eq!(client.fails(json!([48, 1, {}, GET, [99]])).0, "wamp.error.no_such_subscription");
    let plain = client.subscribe("net.app");
    assert_eq!(client.fails(json!([48, 1, {}, GET, [plain]])).0, "wamp.error.history_unavailable");
}

#[test]
fn events_for_some_sessions_are_not_kept_and_those_for_some_roles_given_to_them_only() {
    let router = with_history(SetClock::new(), |settings| {
        let rules = vec![
            rule("wamp.subscription.", MatchPolicy::Prefix, "call"),
            rule(URI, MatchPolicy::Exact, "subscribe"),
        ];
        settings.roles.push(Role {
            name: "reader".into(),
            authorization: Authorization::Permissions(rules),
            ..settings.roles[0].clone()
        });
    });
    let (mut client, mut reader) = (Client::join(&router), Client::join_as(&router, "reader"));
    let id = lookup(&mut client, URI, "exact");
    for (n, options) in [
        json!({"eligible": [reader.id]}),
        json!({"exclude": [reader.id]}),
        json!({"eligible_authrole": ["anonymous"]}),
        json!({"exclude_authrole": ["anonymous"]}),
        json!({}),
    ]
    .into_iter()
    .enumerate()
    {
        client.tell(json!([16, 1, options, URI, [n]]));
    }
    reader.nothing();
    assert_eq!(arguments(&client.calls(GET, json!([id]))), [4, 2]);
    assert_eq!(arguments(&reader.calls(GET, json!([id]))), [4, 3]);
    // Whoever may not subscribe may not read it either.
    let other = lookup(&mut client, "com.app.", "prefix");
    assert_eq!(reader.fails(json!([48, 1, {}, GET, [other]])).0, "wamp.error.not_authorized");
}

#[test]
fn history_is_announced_where_there_is_one_and_bounded_in_octets() {
    let router = with_history(SetClock::new(), |settings| settings.store.max_bytes = 1000);
    let mut client = Client::silent(&router, None, FakeSink::new(Serializer::Json));
    let welcome = client.ask(hello("realm1"));
    assert_eq!(welcome[2]["roles"]["broker"]["features"]["event_history"], true);
    let id = lookup(&mut client, URI, "exact");
    for n in 0..4 {
        client.tell(json!([16, 1, {}, URI, [n, "x".repeat(200)]]));
    }
    assert_eq!(arguments(&client.calls(GET, json!([id]))), [3, 2]);
    // One that is larger than all that may be kept is not.
    client.tell(json!([16, 1, {}, URI, [4, "x".repeat(2000)]]));
    assert_eq!(arguments(&client.calls(GET, json!([id]))), [3, 2]);
    let slow = role("anonymous", Authorization::Always(true), SlowConsumer::Drop);
    let plain = Router::new(&[realm(vec![slow])]);
    let mut client = Client::silent(&plain, None, FakeSink::new(Serializer::Json));
    let welcome = client.ask(hello("realm1"));
    assert!(welcome[2]["roles"]["broker"]["features"].get("event_history").is_none());
}

#[test]
fn meta_events_are_kept_too_where_that_is_wished() {
    let router = router_with(|settings| {
        settings.store.event_history = vec![rule_of("wamp.session.on_join", Match::Exact, 10)];
    });
    let first = Client::join(&router);
    let mut trusted = Client::join_as(&router, "trusted");
    let id = lookup(&mut trusted, "wamp.session.on_join", "exact");
    let events = trusted.calls(GET, json!([id]));
    assert_eq!(events[0]["args"][0]["session"], first.id);
}
