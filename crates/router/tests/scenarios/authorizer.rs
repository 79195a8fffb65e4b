//! Roles whose actions a procedure decides on.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};
use transom_config::{Authorization, Role};
use transom_router::{RealmSettings, Router};
use transom_wamp::{CloseReason, Flow};

use crate::support::*;

const AUTHORIZE: &str = "com.app.authorize";
const FAILED: &str = "wamp.error.authorization_failed";
const DENIED: &str = "wamp.error.not_authorized";

/// The role `user` is decided on by `com.app.authorize`; `anonymous` may do anything.
fn with_authorizer(settings: &mut RealmSettings) {
    settings.roles.push(Role {
        name: "user".into(),
        authorization: Authorization::Authorizer(AUTHORIZE.into()),
        ..settings.roles[0].clone()
    });
}

fn authorizing() -> (Arc<Router>, Client) {
    let router = router_with(with_authorizer);
    let mut authorizer = Client::join(&router);
    authorizer.register(AUTHORIZE);
    (router, authorizer)
}

/// Sends what has to be decided on, and the question that is asked for it.
#[track_caller]
fn asks(client: &mut Client, authorizer: &Client, message: Value) -> Value {
    assert_eq!(client.try_tell(message.clone()), Ok(Flow::Pause), "{message}");
    let woken = Woken::default();
    assert_eq!(client.poll(&woken), Poll::Pending);
    client.nothing();
    authorizer.one()
}

/// Answers the question and lets the client go on; what came for it.
#[track_caller]
fn decide(client: &mut Client, authorizer: &mut Client, question: &Value, answer: Value) -> Vec<Value> {
    let woken = Woken::default();
    assert_eq!(client.poll(&woken), Poll::Pending);
    authorizer.tell(json!([70, question[1], {}, [answer]]));
    assert_eq!(woken.times(), 1, "whoever waits is woken");
    assert_eq!(client.poll(&woken), Poll::Ready(Flow::Continue));
    client.take()
}

#[test]
fn authorizer_is_told_who_wants_to_do_what_and_decides() {
    let (router, mut authorizer) = authorizing();
    let mut client = Client::join_as(&router, "user");
    let mut other = Client::join(&router);
    other.register("com.app.there");
    other.subscribe("com.app.heard");
    for (message, action, uri, options, answer_code) in [
        (
            json!([48, 1, {"timeout": 7}, "com.app.there"]),
            "call",
            "com.app.there",
            json!({"timeout": 7}),
            None,
        ),
        (
            json!([64, 2, {"match": "prefix", "invoke": "first"}, "com.own."]),
            "register",
            "com.own.",
            json!({"match": "prefix", "invoke": "first"}),
            Some(65),
        ),
        (
            json!([16, 3, {"acknowledge": true, "exclude_authid": ["x"], "eligible": []}, "com.app.heard"]),
            "publish",
            "com.app.heard",
            json!({"acknowledge": true, "exclude_authid": ["x"], "eligible": []}),
            Some(17),
        ),
        (
            json!([32, 4, {"match": "wildcard"}, "com..x"]),
            "subscribe",
            "com..x",
            json!({"match": "wildcard"}),
            Some(33),
        ),
    ] {
        let question = asks(&mut client, &authorizer, message.clone());
        assert_eq!(question[3]["caller_authrole"], "trusted");
        let arguments = &question[4];
        let session = &arguments[0];
        assert_eq!(
            (&session["session"], &session["authrole"], &session["realm"]),
            (&json!(client.id), &json!("user"), &json!("realm1"))
        );
        for key in ["authid", "authmethod", "authprovider", "authextra", "transport"] {
            assert!(session.get(key).is_some(), "{key}");
        }
        assert_eq!((&arguments[1], &arguments[2], &arguments[3]), (&json!(uri), &json!(action), &options));
        let answers = decide(&mut client, &mut authorizer, &question, json!(false));
        assert_eq!((&answers[0][0], &answers[0][4]), (&json!(8), &json!(DENIED)), "{message}");
        let question = asks(&mut client, &authorizer, message);
        let answers = decide(&mut client, &mut authorizer, &question, json!(true));
        assert_eq!(answers.first().map(|answer| answer[0].as_u64().unwrap()), answer_code);
    }
    assert_eq!(other.take().len(), 1, "the call");
}

#[test]
fn failure_of_the_authorizer_is_the_failure_of_the_request() {
    let (router, mut authorizer) = authorizing();
    let mut client = Client::join_as(&router, "user");
    for answer in
        [json!(1), json!("true"), json!({"cache": true}), json!({"allow": true, "more": 1}), json!(null)]
    {
        let question = asks(&mut client, &authorizer, json!([32, 1, {}, URI]));
        let answers = decide(&mut client, &mut authorizer, &question, answer.clone());
        assert_eq!(answers[0][4], FAILED, "{answer}");
    }
    let question = asks(&mut client, &authorizer, json!([32, 1, {}, URI]));
    let woken = Woken::default();
    assert_eq!(client.poll(&woken), Poll::Pending);
    authorizer.tell(json!([8, 68, question[1], {}, "com.app.broken"]));
    assert_eq!(woken.times(), 1);
    assert_eq!(client.poll(&woken), Poll::Ready(Flow::Continue));
    let error = client.one();
    assert_eq!(error[4], FAILED);
    assert!(error[5][0].as_str().unwrap().contains("com.app.broken"));
    // It leaves while it is asked, and then there is none.
    asks(&mut client, &authorizer, json!([32, 1, {}, URI]));
    drop(authorizer);
    assert_eq!(client.poll(&woken), Poll::Ready(Flow::Continue));
    assert_eq!(client.one()[4], FAILED);
    assert_eq!(client.fails(json!([32, 1, {}, URI])).0, FAILED);
    assert_eq!(client.fails(json!([48, 1, {}, "com.app.nothing"])).0, FAILED);
    // What nobody wants to know of is dropped.
    client.tell(json!([16, 1, {}, URI]));
    client.nothing();
    assert_eq!(client.fails(json!([16, 1, {"acknowledge": true}, URI])).0, FAILED);
    // What cannot be is not even asked.
    assert_eq!(client.fails(json!([32, 1, {}, "not valid"])).0, "wamp.error.invalid_uri");
}

#[test]
fn authorizer_that_does_not_answer_is_given_up() {
    let clock = SetClock::new();
    let router = router_at(clock.clone(), |settings| {
        with_authorizer(settings);
        settings.authorizer_timeout = Duration::from_secs(3);
    });
    let mut authorizer = Client::join_featuring(&router, &["call_canceling"]);
    authorizer.register(AUTHORIZE);
    let mut client = Client::join_as(&router, "user");
    let question = asks(&mut client, &authorizer, json!([32, 1, {}, URI]));
    let woken = Woken::default();
    assert_eq!(client.poll(&woken), Poll::Pending);
    client.turn(clock.forward(Duration::from_millis(2999)));
    assert_eq!(client.poll(&woken), Poll::Pending);
    client.turn(clock.forward(Duration::from_millis(1)));
    assert_eq!(woken.times(), 1);
    assert_eq!(client.poll(&woken), Poll::Ready(Flow::Continue));
    assert_eq!(client.one()[4], FAILED);
    assert_eq!(authorizer.one(), json!([69, question[1], {"mode": "killnowait"}]));
    authorizer.tell(json!([70, question[1], {}, [true]]));
    client.nothing();
    assert_eq!(client.port.deadline(), None);
}

#[test]
fn what_a_session_sends_later_does_not_overtake_what_is_decided_on() {
    let (router, mut authorizer) = authorizing();
    let mut client = Client::join_as(&router, "user");
    let mut other = Client::join(&router);
    other.subscribe(URI);
    let question = asks(&mut client, &authorizer, json!([16, 1, {}, URI, [1]]));
    // A transport that is paused sends nothing on; somebody else goes on.
    let mut third = Client::join(&router);
    third.publish(URI, 9).unwrap();
    assert_eq!(other.arguments(), [9]);
    decide(&mut client, &mut authorizer, &question, json!(true));
    let question = asks(&mut client, &authorizer, json!([16, 2, {}, URI, [2]]));
    decide(&mut client, &mut authorizer, &question, json!({"allow": true}));
    assert_eq!(other.arguments(), [1, 2]);
}

#[test]
fn decision_is_used_again_where_the_authorizer_says_so_until_it_goes() {
    let (router, mut authorizer) = authorizing();
    let (mut one, mut two) = (Client::join_as(&router, "user"), Client::join_as(&router, "user"));
    let cached = json!({"allow": true, "cache": true});
    let question = asks(&mut one, &authorizer, json!([32, 1, {}, URI]));
    decide(&mut one, &mut authorizer, &question, cached.clone());
    // For everybody with the role, but only for the same action, URI and way of matching.
    two.subscribe(URI);
    one.subscribe(URI);
    for message in [
        json!([32, 1, {"match": "prefix"}, URI]),
        json!([32, 1, {}, "com.app.y"]),
        json!([16, 1, {"acknowledge": true}, URI]),
    ] {
        let question = asks(&mut two, &authorizer, message);
        decide(&mut two, &mut authorizer, &question, json!({"allow": false, "cache": true}));
    }
    assert_eq!(one.fails(json!([32, 1, {}, "com.app.y"])).0, DENIED);
    // An event goes where it went before only if that may be done again.
    let question = asks(&mut one, &authorizer, json!([16, 1, {}, "com.app.z"]));
    decide(&mut one, &mut authorizer, &question, json!(true));
    let question = asks(&mut one, &authorizer, json!([16, 1, {}, "com.app.z"]));
    decide(&mut one, &mut authorizer, &question, json!(true));
    // Another authorizer has not decided anything.
    drop(authorizer);
    assert_eq!(one.fails(json!([32, 1, {}, URI])).0, FAILED);
    let mut authorizer = Client::join(&router);
    authorizer.register(AUTHORIZE);
    let question = asks(&mut one, &authorizer, json!([32, 1, {}, URI]));
    decide(&mut one, &mut authorizer, &question, json!(false));
}

#[test]
fn authorizer_discloses() {
    let (router, mut authorizer) = authorizing();
    let mut client = Client::join_as(&router, "user");
    let mut other = Client::join(&router);
    other.subscribe(URI);
    other.register(URI);
    for disclose in [true, false] {
        for message in [json!([16, 1, {}, URI]), json!([48, 1, {}, URI])] {
            let question = asks(&mut client, &authorizer, message.clone());
            decide(&mut client, &mut authorizer, &question, json!({"allow": true, "disclose": disclose}));
            let details = other.one()[3].clone();
            let named = details.get("publisher").or(details.get("caller"));
            assert_eq!(named.is_some(), disclose, "{message}");
            client.tell(json!([49, 1, {}]));
            client.take();
        }
    }
}

#[test]
fn session_that_answers_the_authorizer_is_not_decided_on_by_itself() {
    let router = router_with(with_authorizer);
    let shared = json!({"invoke": "first"});
    let mut authorizer = Client::join(&router);
    authorizer.register_with(shared.clone(), AUTHORIZE);
    let mut client = Client::join_as(&router, "user");
    let question = asks(&mut client, &authorizer, json!([64, 1, shared, AUTHORIZE]));
    let registered = decide(&mut client, &mut authorizer, &question, json!(true));
    assert_eq!(registered[0][0], 65);
    // From now on it would have to answer itself while it waits.
    assert_eq!(client.fails(json!([32, 1, {}, URI])).0, FAILED);
    authorizer.nothing();
    let mut other = Client::join_as(&router, "user");
    let question = asks(&mut other, &authorizer, json!([32, 1, {}, URI]));
    decide(&mut other, &mut authorizer, &question, json!(true));
}

#[test]
fn session_that_leaves_while_it_waits_asks_no_longer() {
    let router = router_with(with_authorizer);
    let mut authorizer = Client::join_featuring(&router, &["call_canceling"]);
    authorizer.register(AUTHORIZE);
    let mut client = Client::join_as(&router, "user");
    let question = asks(&mut client, &authorizer, json!([32, 1, {}, URI]));
    let sink = client.sink.clone();
    client.port.closed(CloseReason::TransportLost);
    drop(client);
    assert_eq!(authorizer.one(), json!([69, question[1], {"mode": "killnowait"}]));
    authorizer.tell(json!([70, question[1], {}, [true]]));
    assert!(sink.sent().is_empty());
    drop(authorizer);
    assert_empty(&router);
}

#[test]
fn procedures_of_the_router_are_decided_on_too_also_twice() {
    let router = router_with(|settings| {
        with_authorizer(settings);
        settings.store.event_history = vec![transom_router::StoreRule {
            uri: URI.into(),
            matching: transom_wamp::Match::Exact,
            limit: 5,
        }];
    });
    let mut authorizer = Client::join(&router);
    authorizer.register(AUTHORIZE);
    let mut client = Client::join_as(&router, "user");
    let id = authorizer.calls("wamp.subscription.lookup", json!([URI]));
    let call = json!([48, 1, {}, "wamp.subscription.get_events", [id]]);
    let question = asks(&mut client, &authorizer, call);
    assert_eq!(question[4][2], "call");
    // The second question follows the first.
    let woken = Woken::default();
    assert_eq!(client.poll(&woken), Poll::Pending);
    authorizer.tell(json!([70, question[1], {}, [true]]));
    assert_eq!(client.poll(&woken), Poll::Pending);
    let question = authorizer.one();
    assert_eq!((&question[4][1], &question[4][2]), (&json!(URI), &json!("subscribe")));
    let answers = decide(&mut client, &mut authorizer, &question, json!(true));
    assert_eq!(answers, [json!([50, 1, {}, [[]]])]);

    let call = json!([48, 2, {}, "wamp.session.add_testament", [URI, [7], {}]]);
    let question = asks(&mut client, &authorizer, call);
    assert_eq!(client.poll(&woken), Poll::Pending);
    authorizer.tell(json!([70, question[1], {}, [true]]));
    assert_eq!(client.poll(&woken), Poll::Pending);
    let question = authorizer.one();
    assert_eq!(question[4][2], "publish");
    decide(&mut client, &mut authorizer, &question, json!(true));
    authorizer.subscribe(URI);
    drop(client);
    assert_eq!(authorizer.arguments(), [7]);
}
