//! What can be set on a realm and stands nowhere else.

use std::time::Duration;

use serde_json::{Value, json};
use transom_router::{DiscloseMe, StatsSettings, TrustLevel};
use transom_testkit::FakeSink;
use transom_wamp::{Match, Serializer};

use crate::support::*;

#[test]
fn wish_to_be_named_is_followed_passed_over_or_refused() {
    for policy in [DiscloseMe::Allow, DiscloseMe::Ignore, DiscloseMe::Deny] {
        let router = router_with(|settings| settings.disclose_me = policy);
        let (mut client, mut other) = (Client::join(&router), Client::join(&router));
        other.subscribe(URI);
        other.register(URI);
        let denied = policy == DiscloseMe::Deny;
        // The second time the router remembers where it went.
        for request in [1, 2] {
            client.publish(URI, 0).unwrap();
            assert_eq!(other.one()[3], json!({}));
            client.tell(json!([16, 1, {"disclose_me": true}, URI]));
            assert_eq!(other.take().len(), usize::from(!denied));
            let asked = json!([16, 1, {"disclose_me": true, "acknowledge": true}, URI]);
            let called = json!([48, request, {"disclose_me": true}, URI]);
            if denied {
                for message in [asked, called] {
                    assert_eq!(client.fails(message).0, "wamp.error.option_disallowed.disclose_me");
                }
                other.nothing();
                continue;
            }
            assert_eq!(client.ask(asked)[0], 17);
            let named = (policy == DiscloseMe::Allow).then_some(json!(client.id));
            assert_eq!(other.one()[3].get("publisher"), named.as_ref());
            client.tell(called);
            assert_eq!(other.one()[3].get("caller"), named.as_ref());
        }
        let answer = other.ask(json!([64, 2, {"disclose_caller": true}, "com.app.y"]));
        assert_eq!(answer[0] == 8, denied, "{answer}");
        if !denied {
            client.tell(json!([48, 9, {}, "com.app.y"]));
            assert_eq!(other.one()[3].get("caller").is_some(), policy == DiscloseMe::Allow);
        }
    }
}

#[test]
fn callee_is_named_in_results_where_that_is_wished() {
    let router = router_with(|settings| settings.disclose_callee = true);
    let features = ["progressive_call_results", "call_canceling"];
    let (mut callee, mut caller) = (Client::join_featuring(&router, &features), Client::join(&router));
    callee.register(URI);
    caller.tell(json!([48, 1, {"receive_progress": true}, URI]));
    callee.tell(json!([70, 1, {"progress": true}]));
    callee.tell(json!([70, 1, {"enc_algo": "cryptobox"}, "x"]));
    // As they stand in the message: what the router says there is not for routers to read.
    let results: Vec<Value> =
        caller.sink.sent().iter().map(|sent| serde_json::from_slice(&sent.bytes).unwrap()).collect();
    for result in &results {
        assert_eq!(
            (&result[2]["callee"], &result[2]["callee_authrole"]),
            (&json!(callee.id), &json!("anonymous"))
        );
    }
    assert_eq!(results[1][2]["enc_algo"], "cryptobox");
}

#[test]
fn trust_in_publishers_and_callers_is_told_to_their_peers() {
    let router = router_with(|settings| {
        let level = |uri: &str, role: Option<&str>, level| TrustLevel {
            uri: uri.into(),
            matching: Match::Prefix,
            role: role.map(str::to_owned),
            level,
        };
        settings.trust_levels =
            vec![level("com.app.", Some("trusted"), 9), level("com.app.", None, 0), level("net.", None, 3)];
    });
    let mut client = Client::silent(&router, None, FakeSink::new(Serializer::Json));
    let welcome = client.ask(hello("realm1"));
    assert_eq!(welcome[2]["roles"]["broker"]["features"]["publication_trustlevels"], true);
    assert_eq!(welcome[2]["roles"]["dealer"]["features"]["call_trustlevels"], true);
    let mut trusted = Client::join_as(&router, "trusted");
    let mut other = Client::join(&router);
    for (uri, own, routers) in
        [(URI, json!(0), json!(9)), ("net.x", json!(3), json!(3)), ("org.x", json!(null), json!(null))]
    {
        other.subscribe(uri);
        other.register(uri);
        for (publisher, level) in [(&mut client, &own), (&mut trusted, &routers)] {
            for request in [1, 2] {
                publisher.publish(uri, 1).unwrap();
                assert_eq!(other.one()[3]["trustlevel"], *level, "{uri}");
                publisher.tell(json!([48, request, {}, uri]));
                assert_eq!(other.one()[3]["trustlevel"], *level, "{uri}");
                publisher.tell(json!([49, request, {}]));
                publisher.take();
            }
        }
    }
}

#[test]
fn requests_are_numbered_one_after_the_other_where_that_is_asked_for() {
    let strict = || router_with(|settings| settings.strict_request_ids = true);
    let features = ["progressive_call_invocations", "call_canceling"];
    let router = strict();
    let mut client = Client::join_featuring(&router, &features);
    for (number, message) in [
        json!([32, 1, {}, URI]),
        json!([16, 2, {"acknowledge": true}, URI]),
        json!([64, 3, {}, URI]),
        json!([34, 4, 1]),
        json!([66, 5, 2]),
        json!([48, 6, {}, "com.app.nothing"]),
        json!([16, 7, {}, "no uri"]),
        json!([48, 8, {}, "com.app.nothing"]),
    ]
    .into_iter()
    .enumerate()
    {
        client.tell(message);
        assert_eq!(client.take().len(), usize::from(number != 6));
    }
    // Answers are no requests.
    client.tell(json!([70, 99, {}]));
    client.tell(json!([49, 99, {}]));
    // A call again that is over: dropped without a word.
    client.tell(json!([48, 8, {}, "com.app.nothing"]));
    client.nothing();
    for message in [
        json!([32, 2, {}, URI]),
        json!([16, 0, {}, URI]),
        json!([48, 0, {}, URI]),
        json!([48, 3, {}, URI]),
        json!([66, 7, 1]),
    ] {
        let router = strict();
        let mut client = Client::join(&router);
        let text = client.violates(message.clone());
        assert!(text.contains("after 0"), "{message}: {text}");
    }
    // A call in pieces keeps its number while others go on.
    let router = strict();
    let mut callee = Client::join_featuring(&router, &features);
    callee.register(URI);
    let mut caller = Client::join_featuring(&router, &features);
    for (request, progress) in [(1, true), (2, false), (1, true), (3, false), (1, false)] {
        caller.tell(json!([48, request, {"progress": progress}, URI]));
        assert_eq!(callee.one()[0], 68);
    }
    assert!(caller.violates(json!([48, 2, {}, URI])).contains("request ID 2"));
}

fn stats_of(events: &[Value]) -> Vec<Value> {
    events.iter().map(|event| event[4][1].clone()).collect()
}

#[test]
fn statistics_of_a_session_are_published_when_that_is_due() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), |settings| {
        settings.stats = Some(StatsSettings {
            rated_message_size: 50,
            trigger_after_rated_messages: 8,
            trigger_after_duration: Duration::from_secs(60),
            trigger_on_join: true,
            trigger_on_leave: true,
        });
    });
    let mut watcher = Client::join_as(&router, "trusted");
    watcher.subscribe("wamp.session.on_stats");
    let mut client = Client::join(&router);
    let joined = watcher.one();
    assert_eq!(
        (&joined[4][0]["session"], &joined[4][0]["authrole"]),
        (&json!(client.id), &json!("anonymous"))
    );
    let stats = &joined[4][1];
    assert_eq!((&stats["cycle"], &stats["first"], &stats["last"]), (&json!(1), &json!(true), &json!(false)));
    assert_eq!((&stats["messages"], &stats["serializer"]), (&json!(0), &json!("json")));
    let small = json!([16, 1, {}, URI, [1]]);
    let large = json!([16, 1, {}, URI, ["x".repeat(300)]]);
    client.tell(small.clone());
    client.tell(small.clone());
    watcher.nothing();
    clock.forward(Duration::from_secs(2));
    client.tell(large.clone());
    let stats = &stats_of(&watcher.take())[0];
    let octets = 2 * small.to_string().len() + large.to_string().len();
    assert_eq!(
        (&stats["messages"], &stats["rated_messages"], &stats["bytes"]),
        (&json!(3), &json!(2 + (large.to_string().len() as u64).div_ceil(50)), &json!(octets))
    );
    assert_eq!(
        (&stats["duration"], &stats["timestamp"]),
        (&json!(2_000_000_000_u64), &json!(2_000_000_000_u64))
    );
    assert_eq!((&stats["cycle"], &stats["first"]), (&json!(2), &json!(false)));
    // After a while the next message makes it due, and what the session gets counts too.
    clock.forward(Duration::from_secs(60));
    watcher.nothing();
    client.subscribe(URI);
    let stats = &stats_of(&watcher.take())[0];
    assert_eq!(stats["messages"], 1);
    drop(client);
    let stats = &stats_of(&watcher.take())[0];
    assert_eq!((&stats["last"], &stats["messages"]), (&json!(true), &json!(1)));
}

#[test]
fn statistics_are_published_only_where_that_is_set() {
    let router = router();
    let mut watcher = Client::join(&router);
    watcher.subscribe("wamp.session.on_stats");
    drop(Client::join(&router));
    watcher.nothing();
}
