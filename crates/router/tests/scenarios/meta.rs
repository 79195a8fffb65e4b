//! What a realm tells about itself: events and procedures under `wamp.`.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_config::{Authorization, MatchPolicy, RealmOptions, SlowConsumer};
use transom_router::{MetaCompat, Router};
use transom_testkit::FakeSink;
use transom_wamp::Serializer;

use crate::support::*;

const INVALID: &str = "wamp.error.invalid_argument";

/// Somebody who hears all meta events; what it caused itself is heard already.
fn watcher(router: &Arc<Router>) -> Client {
    let mut watcher = Client::join(router);
    watcher.ask_patiently(json!([32, 1, {"match": "prefix"}, "wamp."]));
    watcher
}

/// The topics and arguments of the events that came.
#[track_caller]
fn heard(watcher: &Client) -> Vec<(String, Value)> {
    let event = |event: Value| {
        assert_eq!(event[0], 36, "{event}");
        (event[3]["topic"].as_str().unwrap().trim_start_matches("wamp.").to_owned(), event[4].clone())
    };
    watcher.take().into_iter().map(event).collect()
}

fn topics(heard: &[(String, Value)]) -> Vec<&str> {
    heard.iter().map(|(topic, _)| topic.as_str()).collect()
}

#[test]
fn joining_and_leaving_are_told() {
    for compat in [MetaCompat::Crossbar, MetaCompat::Specification] {
        let router = router_with(|settings| settings.meta_compat = compat);
        let watcher = watcher(&router);
        let client = Client::join(&router);
        let (topic, details) = heard(&watcher).remove(0);
        assert_eq!(topic, "session.on_join");
        let details = &details[0];
        assert_eq!((&details["session"], &details["realm"]), (&json!(client.id), &json!("realm1")));
        assert_eq!(
            (&details["authrole"], &details["authmethod"]),
            (&json!("anonymous"), &json!("anonymous"))
        );
        assert_eq!((&details["authprovider"], &details["serializer"]), (&json!("static"), &json!("json")));
        assert_eq!(details["authextra"], json!({}));
        let transport = &details["transport"];
        assert_eq!(
            (&transport["channel_type"], &transport["channel_serializer"]),
            (&json!("memory"), &json!("json"))
        );
        assert_eq!((&transport["peer"], &transport["is_secure"]), (&json!("memory:1"), &json!(false)));
        assert_eq!(client.id, watcher_sees(&router, client.id));
        let authid = details["authid"].clone();
        let id = client.id;
        drop(client);
        let expected = match compat {
            MetaCompat::Crossbar => json!([id]),
            MetaCompat::Specification => json!([id, authid, "anonymous"]),
        };
        assert_eq!(heard(&watcher), [("session.on_leave".to_owned(), expected)]);
        drop(watcher);
        assert_empty(&router);
    }
}

/// The session that `wamp.session.get` describes.
fn watcher_sees(router: &Arc<Router>, id: u64) -> u64 {
    let mut trusted = Client::join_as(router, "trusted");
    trusted.calls("wamp.session.get", json!([id]))["session"].as_u64().unwrap()
}

#[test]
fn subscriptions_are_told_in_order_after_the_answer() {
    let router = router();
    let watcher = watcher(&router);
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    heard(&watcher);
    let id = one.subscribe(URI);
    let events = heard(&watcher);
    assert_eq!(topics(&events), ["subscription.on_create", "subscription.on_subscribe"]);
    let created = &events[0].1[1]["created"];
    assert!(created.as_str().unwrap().ends_with('Z') && created.as_str().unwrap().len() == 24, "{created}");
    assert_eq!(events[0].1, json!([one.id, {"id": id, "created": created, "uri": URI, "match": "exact"}]));
    assert_eq!(events[1].1, json!([one.id, id]));
    two.subscribe(URI);
    assert_eq!(heard(&watcher), [("subscription.on_subscribe".to_owned(), json!([two.id, id]))]);
    // Again is nothing new.
    two.subscribe(URI);
    assert!(heard(&watcher).is_empty());
    one.ask(json!([34, 1, id]));
    assert_eq!(heard(&watcher), [("subscription.on_unsubscribe".to_owned(), json!([one.id, id]))]);
    let last = two.id;
    drop(two);
    let events = heard(&watcher);
    assert_eq!(
        topics(&events),
        ["subscription.on_unsubscribe", "subscription.on_delete", "session.on_leave"]
    );
    assert!(events.iter().take(2).all(|(_, arguments)| *arguments == json!([last, id])));
}

#[test]
fn registrations_are_told_in_order() {
    let router = router();
    let watcher = watcher(&router);
    let (mut one, mut two) = (Client::join(&router), Client::join(&router));
    heard(&watcher);
    let id = one.register_with(json!({"match": "wildcard", "invoke": "last"}), "com..x");
    let events = heard(&watcher);
    assert_eq!(topics(&events), ["registration.on_create", "registration.on_register"]);
    let details = &events[0].1[1];
    assert_eq!(
        *details,
        json!({"id": id, "created": details["created"], "uri": "com..x", "match": "wildcard", "invoke": "last"})
    );
    two.register_with(json!({"match": "wildcard", "invoke": "last"}), "com..x");
    assert_eq!(heard(&watcher), [("registration.on_register".to_owned(), json!([two.id, id]))]);
    one.ask(json!([66, 1, id]));
    assert_eq!(heard(&watcher), [("registration.on_unregister".to_owned(), json!([one.id, id]))]);
    let forced = one.ask_patiently(
        json!([64, 1, {"match": "wildcard", "invoke": "last", "force_reregister": true}, "com..x"]),
    );
    assert_eq!(forced[0][0], 65);
    let events = heard(&watcher);
    assert_eq!(
        topics(&events),
        [
            "registration.on_unregister",
            "registration.on_delete",
            "registration.on_create",
            "registration.on_register"
        ]
    );
    assert_eq!(events[1].1, json!([two.id, id]));
}

#[test]
fn what_the_router_itself_is_concerned_with_is_not_told() {
    let router = router();
    let watcher = watcher(&router);
    let mut trusted = Client::join_as(&router, "trusted");
    trusted.register("wamp.own.procedure");
    trusted.subscribe(URI);
    let mut client = Client::join(&router);
    assert_eq!(topics(&heard(&watcher)), ["session.on_join"]);
    client.subscribe("wamp.session.on_join");
    assert!(heard(&watcher).is_empty());
    // It neither is in lists nor can be asked for or ended.
    assert_eq!(client.calls("wamp.session.count", json!([])), 2);
    assert_eq!(client.calls("wamp.session.list", json!([])).as_array().unwrap().len(), 2);
    for procedure in ["wamp.session.get", "wamp.session.kill"] {
        let (uri, _) = client.fails(json!([48, 1, {}, procedure, [trusted.id]]));
        assert_eq!(uri, "wamp.error.no_such_session");
    }
    assert_eq!(client.calls("wamp.session.kill_by_authrole", json!(["trusted"])), json!([]));
    assert_eq!(client.calls("wamp.registration.list", json!([]))["exact"], json!([]));
    assert_eq!(client.calls("wamp.registration.lookup", json!(["wamp.own.procedure"])), json!(null));
    assert_eq!(client.calls("wamp.registration.match", json!(["wamp.own.procedure"])), json!(null));
    assert_eq!(client.calls("wamp.subscription.match", json!(["wamp.session.on_join"])), json!(null));
    let own = trusted.calls("wamp.registration.lookup", json!(["wamp.own.procedure"]));
    assert!(own.is_u64());
    for procedure in ["get", "list_callees", "count_callees"] {
        let (uri, _) = client.fails(json!([48, 1, {}, format!("wamp.registration.{procedure}"), [own]]));
        assert_eq!(uri, "wamp.error.not_authorized");
    }
    // It answers as any callee does.
    client.tell(json!([48, 1, {}, "wamp.own.procedure"]));
    assert_eq!(trusted.one()[3]["caller"], client.id);
}

#[test]
fn sessions_are_counted_listed_and_described() {
    let router = router_with(|settings| {
        let mut other = settings.roles[0].clone();
        other.name = "other".into();
        settings.roles.push(other);
    });
    let (mut client, other) = (Client::join(&router), Client::join_as(&router, "other"));
    assert_eq!(client.calls("wamp.session.count", json!([])), 2);
    assert_eq!(client.calls("wamp.session.count", json!([["other", "none"]])), 1);
    assert_eq!(client.calls("wamp.session.count", json!([null])), 2);
    let mut all = [client.id, other.id];
    all.sort_unstable();
    assert_eq!(client.calls("wamp.session.list", json!([])), json!(all));
    assert_eq!(client.calls("wamp.session.list", json!([["other"]])), json!([other.id]));
    assert_eq!(client.calls("wamp.session.list", json!([[]])), json!([]));
    assert_eq!(client.calls("wamp.session.get", json!([other.id]))["authrole"], "other");
    assert_eq!(client.fails(json!([48, 1, {}, "wamp.session.get", [1]])).0, "wamp.error.no_such_session");
    for (procedure, args) in [
        ("count", json!([1])),
        ("count", json!([[1]])),
        ("list", json!([["a"], 2])),
        ("get", json!([])),
        ("get", json!(["1"])),
        ("get", json!([-1])),
        ("kill", json!([])),
        ("kill_by_authid", json!([1])),
        ("kill_by_authrole", json!([])),
        ("kill_all", json!([1])),
    ] {
        let call = json!([48, 1, {}, format!("wamp.session.{procedure}"), args]);
        assert_eq!(client.fails(call.clone()).0, INVALID, "{call}");
    }
}

#[test]
fn session_is_ended_from_elsewhere_with_goodbye_and_may_join_again() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), |_| {});
    let (mut client, mut other) = (Client::join(&router), Client::join(&router));
    other.subscribe(URI);
    let reason = json!({"reason": "com.app.maintenance", "message": "come back later"});
    let answer = client.ask(json!([48, 1, {}, "wamp.session.kill", [other.id], reason]));
    assert_eq!(answer, json!([50, 1, {}]));
    // At once it counts as gone.
    assert_eq!(client.calls("wamp.session.count", json!([])), 1);
    assert_eq!(
        client.fails(json!([48, 1, {}, "wamp.session.kill", [other.id]])).0,
        "wamp.error.no_such_session"
    );
    assert_eq!(other.sink.nudges(), 1);
    let now = clock.forward(std::time::Duration::ZERO);
    other.turn(now);
    assert_eq!(other.one(), json!([6, {"message": "come back later"}, "com.app.maintenance"]));
    assert_eq!(status(&router).subscriptions, 0);
    // What it says meanwhile is passed over; when it has said GOODBYE it may join again.
    other.tell(json!([32, 5, {}, URI]));
    other.nothing();
    other.tell(json!([6, {}, "wamp.close.goodbye_and_out"]));
    other.nothing();
    assert_eq!(other.ask(hello("realm1"))[0], 2);
    // Or it never says it.
    let id = client.calls("wamp.session.list", json!([]));
    let id = id.as_array().unwrap().iter().find(|id| **id != client.id).unwrap();
    client.ask(json!([48, 1, {}, "wamp.session.kill", [id]]));
    other.turn(now);
    assert_eq!(other.one(), json!([6, {}, "wamp.close.killed"]));
    let late = clock.forward(std::time::Duration::from_secs(5));
    assert_eq!(other.port.expired(late), transom_wamp::Flow::Close(transom_wamp::CloseReason::Timeout));
}

#[test]
fn sessions_are_ended_by_authid_by_role_and_all_but_never_the_callers_own() {
    let router = router_with(|settings| {
        let mut other = settings.roles[0].clone();
        other.name = "other".into();
        settings.roles.push(other);
    });
    let mut client = Client::join(&router);
    let clients: Vec<Client> = (0..2).map(|_| Client::join_as(&router, "other")).collect();
    let authid = client.calls("wamp.session.get", json!([clients[0].id]))["authid"].clone();
    assert_eq!(client.calls("wamp.session.kill_by_authid", json!([authid])), json!([clients[0].id]));
    assert_eq!(client.calls("wamp.session.kill_by_authrole", json!(["other"])), json!([clients[1].id]));
    assert_eq!(client.calls("wamp.session.kill_by_authrole", json!(["anonymous"])), json!([]));
    let (uri, _) = client.fails(json!([48, 1, {}, "wamp.session.kill", [client.id]]));
    assert_eq!(uri, "wamp.error.no_such_session");
    for procedure in ["kill_all", "kill_by_authid", "kill_by_authrole"] {
        let args = if procedure == "kill_all" { json!([]) } else { json!(["x"]) };
        let call = json!([48, 1, {}, format!("wamp.session.{procedure}"), args, {"reason": "not valid"}]);
        assert_eq!(client.fails(call).0, "wamp.error.invalid_uri");
    }
    let mut more: Vec<Client> = (0..3).map(|_| Client::join(&router)).collect();
    let watcher = watcher(&router);
    let _trusted = Client::join_as(&router, "trusted");
    for client in &mut more {
        client.subscribe("com.app.watched");
        client.calls("wamp.session.add_testament", json!([URI, [], {}]));
    }
    heard(&watcher);
    assert_eq!(client.calls("wamp.session.kill_all", json!([])), 4);
    for client in &mut more {
        client.turn(tokio::time::Instant::now() + std::time::Duration::from_secs(1));
        assert_eq!(client.one()[2], "wamp.close.killed");
    }
    // Nobody is told of it, and no testament is published.
    assert!(heard(&watcher).is_empty());
}

#[test]
fn subscriptions_are_listed_looked_up_and_described() {
    let router = router();
    let (mut client, mut other) = (Client::join(&router), Client::join(&router));
    let exact = client.subscribe(URI);
    let prefix = other.subscribe_with(json!({"match": "prefix"}), "com.app.");
    let wildcard = other.subscribe_with(json!({"match": "wildcard"}), "com..x");
    other.subscribe(URI);
    let call = |client: &mut Client, procedure: &str, args: Value| {
        client.calls(&format!("wamp.subscription.{procedure}"), args)
    };
    let all = json!({"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]});
    assert_eq!(call(&mut client, "list", json!([])), all);
    let own = json!({"exact": [exact], "prefix": [], "wildcard": []});
    assert_eq!(call(&mut other, "list", json!([client.id])), own);
    assert_eq!(call(&mut client, "lookup", json!([URI])), exact);
    assert_eq!(call(&mut client, "lookup", json!(["com.app.", {"match": "prefix"}])), prefix);
    assert_eq!(call(&mut client, "lookup", json!(["com.app."])), json!(null));
    assert_eq!(call(&mut client, "match", json!([URI])), json!([exact, prefix, wildcard]));
    assert_eq!(call(&mut client, "match", json!(["net.x"])), json!(null));
    let details = call(&mut client, "get", json!([wildcard]));
    assert_eq!(
        (&details["id"], &details["uri"], &details["match"]),
        (&json!(wildcard), &json!("com..x"), &json!("wildcard"))
    );
    assert_eq!(call(&mut client, "list_subscribers", json!([exact])), json!([client.id, other.id]));
    assert_eq!(call(&mut client, "count_subscribers", json!([exact])), 2);
    for procedure in ["get", "list_subscribers", "count_subscribers"] {
        let procedure = format!("wamp.subscription.{procedure}");
        assert_eq!(client.fails(json!([48, 1, {}, procedure, [99]])).0, "wamp.error.no_such_subscription");
        assert_eq!(client.fails(json!([48, 1, {}, procedure, ["x"]])).0, INVALID);
        assert_eq!(client.fails(json!([48, 1, {}, procedure, [1, 2]])).0, INVALID);
    }
    for (procedure, args, error) in [
        ("list", json!([99]), "wamp.error.no_such_session"),
        ("lookup", json!([URI, {"match": "regex"}]), INVALID),
        ("lookup", json!([URI, 1]), INVALID),
        ("match", json!([]), INVALID),
    ] {
        let call = json!([48, 1, {}, format!("wamp.subscription.{procedure}"), args]);
        assert_eq!(client.fails(call).0, error);
    }
}

#[test]
fn registrations_are_listed_looked_up_and_described() {
    let router = router();
    let (mut client, mut other) = (Client::join(&router), Client::join(&router));
    let exact = client.register_with(json!({"invoke": "roundrobin"}), URI);
    other.register_with(json!({"invoke": "roundrobin"}), URI);
    let prefix = other.register_with(json!({"match": "prefix"}), "com.app.");
    let wildcard = other.register_with(json!({"match": "wildcard"}), "com..x");
    let call = |client: &mut Client, procedure: &str, args: Value| {
        client.calls(&format!("wamp.registration.{procedure}"), args)
    };
    let all = json!({"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]});
    assert_eq!(call(&mut client, "list", json!([])), all);
    let own = json!({"exact": [exact], "prefix": [], "wildcard": []});
    assert_eq!(call(&mut other, "list", json!([client.id])), own);
    assert_eq!(call(&mut client, "lookup", json!(["com..x", {"match": "wildcard"}])), wildcard);
    assert_eq!(call(&mut client, "lookup", json!(["com.none"])), json!(null));
    assert_eq!(call(&mut client, "match", json!(["com.app.y"])), prefix);
    let details = call(&mut client, "get", json!([exact]));
    assert_eq!(
        (&details["uri"], &details["match"], &details["invoke"]),
        (&json!(URI), &json!("exact"), &json!("roundrobin"))
    );
    assert_eq!(call(&mut client, "list_callees", json!([exact])), json!([client.id, other.id]));
    assert_eq!(call(&mut client, "count_callees", json!([prefix])), 1);
    for procedure in ["get", "list_callees", "count_callees"] {
        let procedure = format!("wamp.registration.{procedure}");
        assert_eq!(client.fails(json!([48, 1, {}, procedure, [99]])).0, "wamp.error.no_such_registration");
        assert_eq!(client.fails(json!([48, 1, {}, procedure, []])).0, INVALID);
    }
}

#[test]
fn subscription_is_taken_away_and_who_knows_that_is_told() {
    let router = router();
    let mut client = Client::join(&router);
    let mut told = Client::join_featuring(&router, &["subscription_revocation"]);
    let mut untold = Client::join(&router);
    let id = told.subscribe(URI);
    untold.subscribe(URI);
    let remove = |session: u64| json!([48, 1, {}, "wamp.subscription.remove_subscriber", [id, session], {"reason": "com.app.why"}]);
    for session in [told.id, untold.id] {
        assert_eq!(client.ask(remove(session)), json!([50, 1, {}]));
        assert_eq!(client.fails(remove(session)).0, "wamp.error.no_such_subscription");
        if session == told.id {
            assert_eq!(told.one(), json!([35, 0, {"subscription": id, "reason": "com.app.why"}]));
        }
    }
    untold.nothing();
    client.publish(URI, 1).unwrap();
    untold.nothing();
    assert_eq!(told.fails(json!([34, 1, id])).0, "wamp.error.no_such_subscription");
    // It may come back.
    let again = told.subscribe(URI);
    client.publish(URI, 2).unwrap();
    assert_eq!(told.arguments(), [2]);
    let (uri, _) = client.fails(json!([48, 1, {}, "wamp.subscription.remove_subscriber", [again, 7]]));
    assert_eq!(uri, "wamp.error.no_such_session");
    let (uri, _) = client.fails(json!([48, 1, {}, "wamp.subscription.remove_subscriber", [99, told.id]]));
    assert_eq!(uri, "wamp.error.no_such_subscription");
}

#[test]
fn registration_is_taken_away_and_who_knows_that_is_told() {
    let router = router();
    let mut client = Client::join(&router);
    let mut told = Client::join_featuring(&router, &["registration_revocation"]);
    let mut untold = Client::join(&router);
    let id = told.register_with(json!({"invoke": "first"}), URI);
    untold.register_with(json!({"invoke": "first"}), URI);
    client.tell(json!([48, 9, {}, URI]));
    told.one();
    for session in [told.id, untold.id] {
        let remove = json!([48, 1, {}, "wamp.registration.remove_callee", [id, session, "com.app.why"]]);
        assert_eq!(client.ask(remove.clone()), json!([50, 1, {}]));
        let error = client.fails(remove).0;
        assert_eq!(error, "wamp.error.no_such_registration");
    }
    assert_eq!(told.one(), json!([67, 0, {"registration": id, "reason": "com.app.why"}]));
    untold.nothing();
    assert_eq!(client.fails(json!([48, 1, {}, URI])).0, "wamp.error.no_such_procedure");
    // What was on its way is still answered.
    told.tell(json!([70, 1, {}]));
    assert_eq!(client.one(), json!([50, 9, {}]));
    assert_eq!(told.fails(json!([66, 1, id])).0, "wamp.error.no_such_registration");
    drop((client, told, untold));
    assert_empty(&router);
}

#[test]
fn meta_api_needs_permission_and_may_be_switched_off() {
    let rules = vec![
        rule("wamp.session.count", MatchPolicy::Exact, "call"),
        rule("wamp.session.on_join", MatchPolicy::Exact, "subscribe"),
    ];
    let user = role("user", Authorization::Permissions(rules), SlowConsumer::Drop);
    let router = Router::new(&[realm(vec![user])]);
    let mut client = Client::join_as(&router, "user");
    assert_eq!(client.calls("wamp.session.count", json!([])), 1);
    assert_eq!(client.fails(json!([48, 1, {}, "wamp.session.list"])).0, "wamp.error.not_authorized");
    client.subscribe("wamp.session.on_join");
    assert_eq!(client.fails(json!([32, 1, {}, "wamp.session.on_leave"])).0, "wamp.error.not_authorized");

    let options = RealmOptions { enable_meta_api: false, ..RealmOptions::default() };
    let router = Router::new(&[transom_config::Realm { options, ..open_realm() }]);
    let mut client = Client::silent(&router, None, FakeSink::new(Serializer::Json));
    let welcome = client.ask(hello("realm1"));
    let features = welcome[2]["roles"].to_string();
    assert!(!features.contains("meta_api") && !features.contains("revocation"), "{features}");
    for procedure in ["wamp.session.count", "wamp.session.add_testament", "wamp.subscription.list"] {
        assert_eq!(client.fails(json!([48, 1, {}, procedure])).0, "wamp.error.no_such_procedure");
    }
    client.subscribe_with(json!({"match": "prefix"}), "wamp.");
    let _other = Client::join(&router);
    client.nothing();
}

#[test]
fn answer_of_the_router_that_does_not_fit_is_an_error_or_waits() {
    let router = router();
    let mut client = Client::join(&router);
    client.sink.limit(250);
    let _others: Vec<Client> = (0..20).map(|_| Client::join(&router)).collect();
    let (uri, _) = client.fails(json!([48, 1, {}, "wamp.session.list"]));
    assert_eq!(uri, "wamp.error.payload_size_exceeded");
    let mut full = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 1));
    let victim = Client::join(&router);
    let kill = json!([48, 1, {}, "wamp.session.kill", [victim.id]]);
    assert_eq!(full.try_tell(kill), Ok(transom_wamp::Flow::Pause));
    // Nothing is done before the answer can be given.
    assert_eq!(victim.sink.nudges(), 0);
    full.sink.make_room(1);
    assert!(full.poll(&Woken::default()).is_ready());
    assert_eq!(full.one(), json!([50, 1, {}]));
    assert_eq!(victim.sink.nudges(), 1);
}

#[test]
fn number_of_an_unanswered_call_is_not_used_for_the_router_either() {
    let router = router();
    let (mut callee, mut client) = (Client::join(&router), Client::join(&router));
    callee.register(URI);
    client.tell(json!([48, 1, {}, URI]));
    assert!(client.violates(json!([48, 1, {}, "wamp.session.count"])).contains("request ID 1"));
}

#[test]
fn slow_subscriber_is_told_of_once_and_again_when_it_keeps_up() {
    let router = router();
    let watcher = watcher(&router);
    let mut slow = Client::join_with(&router, None, FakeSink::bounded(Serializer::Json, 3));
    slow.subscribe(URI);
    let mut publisher = Client::join(&router);
    heard(&watcher);
    for n in 0..4 {
        publisher.publish(URI, n).unwrap();
    }
    let events = heard(&watcher);
    assert_eq!(topics(&events), ["session.on_slow"]);
    assert_eq!(
        (&events[0].1[0]["session"], &events[0].1[1]),
        (&json!(slow.id), &json!({"recovered": false, "dropped": 1}))
    );
    slow.sink.make_room(1);
    publisher.publish(URI, 5).unwrap();
    let events = heard(&watcher);
    assert_eq!(topics(&events), ["session.on_slow"]);
    assert_eq!(events[0].1[1], json!({"recovered": true, "dropped": 3}));
}

#[test]
fn meta_event_that_does_not_fit_is_dropped_whatever_the_policy_and_holds_up_nobody() {
    for policy in [SlowConsumer::Drop, SlowConsumer::PushBack] {
        let slow = role("slow", Authorization::Always(true), policy);
        let router = Router::new(&[realm(vec![slow, open_realm().roles.remove(0)])]);
        let sink = FakeSink::bounded(Serializer::Json, 4);
        let mut slow = Client::join_with(&router, Some(&as_role("slow")), sink);
        slow.ask_patiently(json!([32, 1, {"match": "prefix"}, "wamp."]));
        let clients: Vec<Client> = (0..5).map(|_| Client::join(&router)).collect();
        drop(clients);
        assert!(slow.take().len() <= 2);
        assert!(status(&router).dropped_events > 0);
    }
}
