//! Events that sessions leave behind.

use serde_json::json;
use transom_config::{Authorization, MatchPolicy, SlowConsumer};
use transom_router::Router;
use transom_wamp::CloseReason;

use crate::support::*;

const ADD: &str = "wamp.session.add_testament";
const FLUSH: &str = "wamp.session.flush_testaments";

#[test]
fn testaments_are_published_however_a_session_ends_the_detached_ones_first() {
    for way in ["goodbye", "abort", "drained", "lost", "dropped", "killed"] {
        let router = router();
        let mut heir = Client::join(&router);
        heir.subscribe(URI);
        let mut client = Client::join(&router);
        client.subscribe(URI);
        assert!(client.calls(ADD, json!([URI, [1], {"k": 1}])).is_u64());
        client.calls_with(ADD, json!([URI, [2], {}]), json!({"scope": "detached"}));
        client.calls(ADD, json!([URI, [3], {}, {"acknowledge": true, "exclude_me": false}]));
        client.calls(ADD, json!([URI, [4], null, null, "detached"]));
        heir.nothing();
        match way {
            "goodbye" => drop(client.ask(json!([6, {}, "wamp.close.normal"]))),
            "abort" => client.tell(json!([3, {}, "com.app.failed"])),
            "drained" => drop(client.port.drain()),
            "lost" => client.port.closed(CloseReason::TransportLost),
            "killed" => {
                heir.ask(json!([48, 1, {}, "wamp.session.kill", [client.id]]));
                client.turn(tokio::time::Instant::now() + std::time::Duration::from_secs(1));
            }
            _ => drop(client),
        }
        assert_eq!(heir.arguments(), [2, 4, 1, 3], "{way}");
        drop(heir);
        assert_empty(&router);
    }
}

#[test]
fn testaments_are_flushed_by_scope() {
    let router = router();
    let mut heir = Client::join(&router);
    heir.subscribe(URI);
    let mut client = Client::join(&router);
    for n in 0..3 {
        client.calls(ADD, json!([URI, [n], {}]));
        client.calls_with(ADD, json!([URI, [10 + n], {}]), json!({"scope": "detached"}));
    }
    assert_eq!(client.calls(FLUSH, json!([])), 3);
    assert_eq!(client.calls(FLUSH, json!([])), 0);
    client.calls(ADD, json!([URI, [5], {}]));
    drop(client);
    assert_eq!(heir.arguments(), [10, 11, 12, 5]);
    let mut client = Client::join(&router);
    client.calls_with(ADD, json!([URI, [1], {}]), json!({"scope": "detached"}));
    assert_eq!(client.calls_with(FLUSH, json!([]), json!({"scope": "detached"})), 1);
    drop(client);
    heir.nothing();
}

#[test]
fn testament_is_the_sessions_own_event_with_its_options() {
    let router = router();
    let (mut one, mut two, mut late) = (Client::join(&router), Client::join(&router), Client::join(&router));
    one.subscribe(URI);
    two.subscribe(URI);
    let mut client = Client::join(&router);
    let options = json!({"disclose_me": true, "eligible": [one.id, late.id], "retain": true});
    client.calls_with(ADD, json!([URI, ["gone"], {"k": 2}]), json!({"publish_options": options}));
    let id = client.id;
    drop(client);
    let event = one.one();
    assert_eq!(
        (&event[3]["publisher"], &event[4], &event[5]),
        (&json!(id), &json!(["gone"]), &json!({"k": 2}))
    );
    two.nothing();
    let retained = late.ask_patiently(json!([32, 1, {"get_retained": true}, URI]));
    assert_eq!((&retained[1][3]["retained"], &retained[1][4]), (&json!(true), &json!(["gone"])));
}

#[test]
fn testament_needs_permission_and_arguments_of_the_right_kind() {
    let rules =
        vec![rule("wamp.", MatchPolicy::Prefix, "call"), rule("com.app.", MatchPolicy::Prefix, "publish")];
    let user = role("user", Authorization::Permissions(rules), SlowConsumer::Drop);
    let router = Router::new(&[realm(vec![user])]);
    let mut client = Client::join_as(&router, "user");
    client.calls(ADD, json!([URI, [], {}]));
    for (args, kwargs, error) in [
        (json!(["net.x", [], {}]), json!({}), "wamp.error.not_authorized"),
        (json!(["wamp.x", [], {}]), json!({}), "wamp.error.invalid_uri"),
        (json!(["no uri", [], {}]), json!({}), "wamp.error.invalid_uri"),
        (json!([1, [], {}]), json!({}), "wamp.error.invalid_argument"),
        (json!([]), json!({}), "wamp.error.invalid_argument"),
        (json!([URI, 1, {}]), json!({}), "wamp.error.invalid_argument"),
        (json!([URI, [], []]), json!({}), "wamp.error.invalid_argument"),
        (
            json!([URI, [], {}]),
            json!({"publish_options": {"eligible": ["x"]}}),
            "wamp.error.invalid_argument",
        ),
        (json!([URI, [], {}]), json!({"publish_options": {"retain": 1}}), "wamp.error.invalid_argument"),
        (json!([URI, [], {}]), json!({"scope": "eternal"}), "wamp.error.testament_error"),
        (json!([URI, [], {}, {}, "destroyed", 6]), json!({}), "wamp.error.invalid_argument"),
    ] {
        let call = json!([48, 1, {}, ADD, args, kwargs]);
        assert_eq!(client.fails(call.clone()).0, error, "{call}");
    }
    assert_eq!(client.fails(json!([48, 1, {}, FLUSH, ["eternal"]])).0, "wamp.error.testament_error");
}

#[test]
fn testaments_of_a_session_are_bounded_in_octets() {
    let router = router_with(|settings| settings.max_testament_bytes = 1000);
    let mut client = Client::join(&router);
    let text = "x".repeat(300);
    client.calls(ADD, json!([URI, [text], {}]));
    let (uri, text_of_error) = client.fails(json!([48, 1, {}, ADD, [URI, [text], {}]]));
    assert_eq!(uri, "wamp.error.unavailable");
    assert!(text_of_error.contains("1000 octets"), "{text_of_error}");
    assert_eq!(client.calls(FLUSH, json!([])), 1);
    client.calls(ADD, json!([URI, [text], {}]));
}
