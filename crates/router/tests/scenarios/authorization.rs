//! What needs permission, in which order things are checked, and who hears of it.

use serde_json::json;
use transom_config::{
    Authorization, Disclose, MatchPolicy, Permission, Realm, RealmOptions, SlowConsumer, UriCheck,
};
use transom_router::Router;

use crate::support::*;

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const INVALID_URI: &str = "wamp.error.invalid_uri";

fn limited(rules: Vec<Permission>) -> std::sync::Arc<Router> {
    let user = role("user", Authorization::Permissions(rules), SlowConsumer::Drop);
    let admin = role("admin", Authorization::Always(true), SlowConsumer::Drop);
    Router::new(&[realm(vec![user, admin])])
}

#[test]
fn each_action_needs_its_own_permission_and_the_refusal_names_action_and_uri() {
    let actions = [
        ("call", json!([48, 1, {}, URI]), "call"),
        ("register", json!([64, 1, {}, URI]), "register"),
        ("publish", json!([16, 1, {"acknowledge": true}, URI]), "publish to"),
        ("subscribe", json!([32, 1, {}, URI]), "subscribe to"),
    ];
    for (allowed, _, _) in &actions {
        let router = limited(vec![rule("com.app.", MatchPolicy::Prefix, allowed)]);
        let mut client = Client::join_as(&router, "user");
        for (action, request, words) in &actions {
            let answer = client.ask(request.clone());
            let refused = answer[0] == 8 && answer[4] == NOT_AUTHORIZED;
            assert_eq!(refused, action != allowed, "{action} with {allowed}: {answer}");
            if refused {
                let text = answer[5][0].as_str().unwrap();
                assert_eq!(text, format!("role 'user' is not authorized to {words} '{URI}'"));
            }
        }
    }
}

#[test]
fn permission_is_asked_before_existence() {
    let router = limited(vec![]);
    let mut admin = Client::join_as(&router, "admin");
    admin.register("com.app.there");
    let mut client = Client::join_as(&router, "user");
    for uri in ["com.app.there", "com.app.not_there"] {
        assert_eq!(client.fails(json!([48, 1, {}, uri])).0, NOT_AUTHORIZED);
        assert_eq!(client.fails(json!([64, 1, {}, uri])).0, NOT_AUTHORIZED);
    }
    assert_eq!(client.fails(json!([48, 1, {}, "wamp.session.count"])).0, NOT_AUTHORIZED);
}

#[test]
fn publish_that_is_refused_is_answered_only_where_that_is_wanted() {
    let router = limited(vec![]);
    let mut admin = Client::join_as(&router, "admin");
    admin.subscribe(URI);
    let mut client = Client::join_as(&router, "user");
    client.tell(json!([16, 1, {}, URI]));
    client.tell(json!([16, 1, {}, "not valid"]));
    client.nothing();
    assert_eq!(client.fails(json!([16, 2, {"acknowledge": true}, URI])).0, NOT_AUTHORIZED);
    admin.nothing();
}

#[test]
fn topic_that_was_just_published_to_gives_no_right_to_another() {
    let router = limited(vec![rule("com.app.a", MatchPolicy::Exact, "publish call")]);
    let mut admin = Client::join_as(&router, "admin");
    let mut client = Client::join_as(&router, "user");
    for topic in ["com.app.a", "com.app.b"] {
        admin.subscribe(topic);
        admin.ask(json!([64, 1, {}, topic]));
    }
    for _ in 0..2 {
        client.publish("com.app.a", 1).unwrap();
        client.publish("com.app.b", 2).unwrap();
    }
    assert_eq!(admin.arguments(), [1, 1]);
    client.tell(json!([48, 1, {}, "com.app.a"]));
    assert_eq!(admin.one()[0], 68);
    assert_eq!(client.fails(json!([48, 2, {}, "com.app.b"])).0, NOT_AUTHORIZED);
}

#[test]
fn uris_that_are_malformed_or_reserved_are_refused() {
    let bad = ["", ".", "com..x", "com.x.", "com x", "com.#"];
    let strict_only = ["com.X", "com.a-b"];
    for check in [UriCheck::Loose, UriCheck::Strict] {
        let options = RealmOptions { uri_check: check, ..RealmOptions::default() };
        let router = Router::new(&[Realm { options, ..open_realm() }]);
        let mut client = Client::join(&router);
        let is_bad =
            |uri: &str| bad.contains(&uri) || check == UriCheck::Strict && strict_only.contains(&uri);
        for uri in bad.into_iter().chain(strict_only).chain(["com.app.ok"]) {
            for request in [
                json!([16, 1, {"acknowledge": true}, uri]),
                json!([32, 2, {}, uri]),
                json!([48, 3, {}, uri]),
                json!([64, 4, {}, uri]),
            ] {
                let answer = client.ask(request.clone());
                assert_eq!(answer[4] == INVALID_URI, is_bad(uri), "{request} {check:?}: {answer}");
            }
        }
    }
    let router = router();
    let mut client = Client::join(&router);
    let refused = |client: &mut Client, request| client.fails(request).0;
    assert_eq!(refused(&mut client, json!([64, 1, {}, "wamp.x"])), INVALID_URI);
    assert_eq!(refused(&mut client, json!([16, 1, {"acknowledge": true}, "wamp.x"])), INVALID_URI);
    assert_eq!(
        refused(&mut client, json!([48, 1, {}, "wamp.session.other"])),
        "wamp.error.no_such_procedure"
    );
    client.subscribe("wamp.session.on_join");
    client.register("wampy.x");
}

#[test]
fn identity_is_disclosed_where_a_rule_the_topic_or_the_publisher_says_so() {
    let all = "publish subscribe call register";
    let disclosing = |uri: &str, disclose| Permission { disclose, ..rule(uri, MatchPolicy::Exact, all) };
    let router = limited(vec![
        rule("", MatchPolicy::Prefix, all),
        disclosing("com.named", Disclose { publisher: true, caller: false }),
        disclosing("com.called", Disclose { publisher: false, caller: true }),
    ]);
    let mut admin = Client::join_as(&router, "admin");
    let mut client = Client::join_as(&router, "user");
    let table = [
        ("com.plain", json!({}), false, false),
        ("com.plain2", json!({"disclose_me": true}), true, true),
        ("com.plain3", json!({"disclose_me": false}), false, false),
        ("crossbar.x", json!({}), true, true),
        ("com.named", json!({}), true, false),
        ("com.called", json!({}), false, true),
    ];
    for (uri, options, publisher, caller) in table {
        admin.subscribe(uri);
        admin.register(uri);
        // The second time the router remembers where it went.
        for request in [1, 2] {
            client.tell(json!([16, 1, options, uri]));
            let details = admin.one()[3].clone();
            let expected = json!({"publisher": client.id, "publisher_authrole": "user"});
            assert_eq!(details.get("publisher"), publisher.then_some(&expected["publisher"]), "{uri}");
            assert_eq!(
                details.get("publisher_authrole"),
                publisher.then_some(&expected["publisher_authrole"])
            );
            assert_eq!(details.get("publisher_authid").is_some(), publisher);
            client.tell(json!([48, request, options, uri]));
            let details = admin.one()[3].clone();
            let expected = json!({"caller": client.id, "caller_authrole": "user"});
            assert_eq!(details.get("caller"), caller.then_some(&expected["caller"]), "{uri}");
            assert_eq!(details.get("caller_authrole"), caller.then_some(&expected["caller_authrole"]));
            assert_eq!(details.get("caller_authid").is_some(), caller);
        }
        client.tell(json!([49, 1, {}]));
        client.tell(json!([49, 2, {}]));
    }
}

#[test]
fn callee_that_asks_for_its_callers_gets_them() {
    let router = router();
    let mut callee = Client::join(&router);
    callee.ask(json!([64, 1, {"disclose_caller": true}, URI]));
    let mut caller = Client::join(&router);
    caller.tell(json!([48, 1, {}, URI]));
    assert_eq!(callee.one()[3]["caller"], caller.id);
}
