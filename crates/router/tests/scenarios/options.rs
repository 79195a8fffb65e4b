//! What is set on a realm beside its roles, when it changes under the sessions.

use std::sync::Arc;
use std::task::Poll;

use serde_json::json;
use transom_config::{Authorization, Role};
use transom_router::{DiscloseMe, RealmSettings, Router, StoreRule};
use transom_wamp::{Flow, Match};

use crate::support::*;

const GET: &str = "wamp.subscription.get_events";

fn settings(set: impl FnOnce(&mut RealmSettings)) -> RealmSettings {
    let mut settings = RealmSettings::from(&open_realm());
    set(&mut settings);
    settings
}

/// From now on this is set.
#[track_caller]
fn change(router: &Router, set: impl FnOnce(&mut RealmSettings)) {
    assert_eq!(router.update_settings(&[settings(set)]), 0);
}

fn keeping(uri: &str, matching: Match, limit: usize) -> impl FnOnce(&mut RealmSettings) {
    let rule = StoreRule { uri: uri.into(), matching, limit };
    |settings| settings.store.event_history = vec![rule]
}

#[track_caller]
fn kept(client: &mut Client, subscription: u64) -> usize {
    client.calls(GET, json!([subscription])).as_array().unwrap().len()
}

#[test]
fn history_when_its_limit_changes_keeps_the_newest_and_one_that_is_added_or_removed_begins_or_ends() {
    let router = router();
    let mut client = Client::join(&router);
    let subscription = client.subscribe(URI);
    let none = |client: &mut Client| client.fails(json!([48, 1, {}, GET, [subscription]])).0;
    assert_eq!(none(&mut client), "wamp.error.history_unavailable");
    client.publish(URI, 0).unwrap();
    // Of a subscription that somebody holds.
    change(&router, keeping(URI, Match::Exact, 5));
    for n in 1..8 {
        client.publish(URI, n).unwrap();
    }
    assert_eq!(kept(&mut client, subscription), 5);
    change(&router, keeping(URI, Match::Exact, 2));
    let newest = client.calls(GET, json!([subscription]));
    assert_eq!((&newest[0]["args"], &newest[1]["args"]), (&json!([7]), &json!([6])));
    client.publish(URI, 8).unwrap();
    assert_eq!(kept(&mut client, subscription), 2);
    change(&router, |_| {});
    assert_eq!(none(&mut client), "wamp.error.history_unavailable");
    // Of one that nobody holds.
    change(&router, keeping("com.other.", Match::Prefix, 5));
    assert_eq!(status(&router).subscriptions, 2);
    client.publish("com.other.x", 9).unwrap();
    let other = client.calls("wamp.subscription.lookup", json!(["com.other.", {"match": "prefix"}]));
    assert_eq!(kept(&mut client, other.as_u64().unwrap()), 1);
    change(&router, |_| {});
    assert_eq!(status(&router).subscriptions, 1);
    drop(client);
    assert_empty(&router);
}

#[test]
fn meta_api_when_switched_off_and_on_again_is_gone_and_back_also_for_who_listens() {
    let router = router();
    let mut client = Client::join(&router);
    client.subscribe("wamp.session.on_join");
    drop(Client::join(&router));
    assert_eq!(client.one()[0], 36);
    change(&router, |settings| settings.enable_meta_api = false);
    drop(Client::join(&router));
    client.nothing();
    let call = json!([48, 2, {}, "wamp.session.count"]);
    assert_eq!(client.fails(call).0, "wamp.error.no_such_procedure");
    change(&router, |_| {});
    drop(Client::join(&router));
    assert_eq!(client.one()[0], 36);
    assert_eq!(client.calls("wamp.session.count", json!([])), 1);
}

#[test]
fn disclosure_when_forbidden_is_forbidden_to_sessions_that_have_joined() {
    let router = router();
    let mut client = Client::join(&router);
    let publish = json!([16, 1, {"acknowledge": true, "disclose_me": true}, URI]);
    assert_eq!(client.ask(publish.clone())[0], 17);
    change(&router, |settings| settings.disclose_me = DiscloseMe::Deny);
    assert_eq!(client.fails(publish).0, "wamp.error.option_disallowed.disclose_me");
}

#[test]
fn session_when_ended_by_another_and_by_its_realm_hears_of_the_first_alone() {
    let router = router();
    let (mut client, mut other) = (Client::join(&router), Client::join(&router));
    other.tell(json!([48, 1, {}, "wamp.session.kill", [client.id], {"reason": "com.app.out"}]));
    assert_eq!(router.update(&[]), 1, "the other one alone is left");
    let now = client.port.deadline().unwrap();
    assert_eq!(client.port.expired(now), Flow::Continue);
    assert_eq!(client.one()[2], "com.app.out");
    assert_eq!(client.sink.nudges(), 1);
}

/// The role `user`, which `com.app.first` or another procedure decides on, or which may do anything.
fn user(authorizer: Option<&str>) -> impl FnOnce(&mut RealmSettings) {
    let authorization = match authorizer {
        Some(uri) => Authorization::Authorizer(uri.into()),
        None => Authorization::Always(true),
    };
    |settings| {
        settings.roles.push(Role { name: "user".into(), authorization, ..settings.roles[0].clone() });
    }
}

fn authorizers() -> (Arc<Router>, Client, Client, Client) {
    let router = router_with(user(Some("com.app.first")));
    let (mut first, mut second) = (Client::join(&router), Client::join(&router));
    first.register("com.app.first");
    second.register("com.app.second");
    let client = Client::join_as(&router, "user");
    (router, first, second, client)
}

/// Answers the question that came, and lets the client go on.
#[track_caller]
fn allow(client: &mut Client, authorizer: &mut Client) {
    let question = authorizer.one();
    authorizer.tell(json!([70, question[1], {}, [{"allow": true, "cache": true}]]));
    assert_eq!(client.poll(&Woken::default()), Poll::Ready(Flow::Continue));
}

#[test]
fn decision_that_may_be_remembered_is_asked_for_again_when_the_realm_changed() {
    let (router, mut first, mut second, mut client) = authorizers();
    let publish = json!([16, 1, {"acknowledge": true}, URI]);
    assert_eq!(client.try_tell(publish.clone()), Ok(Flow::Pause));
    allow(&mut client, &mut first);
    assert_eq!(client.one()[0], 17);
    assert_eq!(client.ask(publish.clone())[0], 17);
    first.nothing();
    // The same again is a change as well: somebody wishes that it holds from now on.
    change(&router, user(Some("com.app.first")));
    assert_eq!(client.try_tell(publish.clone()), Ok(Flow::Pause));
    allow(&mut client, &mut first);
    assert_eq!(client.one()[0], 17);
    change(&router, user(Some("com.app.second")));
    assert_eq!(client.try_tell(publish.clone()), Ok(Flow::Pause));
    first.nothing();
    allow(&mut client, &mut second);
    assert_eq!(client.one()[0], 17);
    change(&router, user(None));
    assert_eq!(client.ask(publish)[0], 17);
    second.nothing();
}

#[test]
fn request_that_is_being_decided_on_when_the_authorizer_changes_is_decided_by_the_new_one() {
    let (router, mut first, mut second, mut client) = authorizers();
    assert_eq!(client.try_tell(json!([16, 1, {"acknowledge": true}, URI])), Ok(Flow::Pause));
    assert_eq!(client.poll(&Woken::default()), Poll::Pending);
    change(&router, user(Some("com.app.second")));
    let question = first.one();
    first.tell(json!([70, question[1], {}, [true]]));
    assert_eq!(client.poll(&Woken::default()), Poll::Pending);
    client.nothing();
    allow(&mut client, &mut second);
    assert_eq!(client.one()[0], 17);
}
