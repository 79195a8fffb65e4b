//! From which two configurations which plan follows.

use std::path::Path;

use serde_json::{Value, json};
use transom_config::{Context, Format, Unsupported, parse_str};

use super::*;

fn node(config: &Value) -> Node {
    let context = Context {
        name: "test.json",
        node_dir: Path::new("/node"),
        env: &|_| None,
        unsupported: Unsupported::Kept,
    };
    let loaded = parse_str(&config.to_string(), Format::Json, &context);
    assert!(!loaded.findings.has_errors(), "{}", loaded.findings);
    loaded.node.unwrap()
}

fn worker(realms: Value, transports: Value) -> Value {
    json!({"type": "router", "realms": realms, "transports": transports})
}

/// A node of one worker with these transports.
fn with(transports: Value) -> Node {
    node(&json!({"version": 2, "workers": [worker(json!([{"name": "realm1"}]), transports)]}))
}

fn tcp(port: u16) -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "tcp", "port": port}})
}

/// The same with these keys at the top, and these in its endpoint.
fn and(mut transport: Value, keys: Value, endpoint: Value) -> Value {
    let fields = |value: Value| value.as_object().cloned().unwrap();
    transport["endpoint"].as_object_mut().unwrap().extend(fields(endpoint));
    transport.as_object_mut().unwrap().extend(fields(keys));
    transport
}

fn unix(path: &str) -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": path}})
}

fn bind(was: Option<usize>, after: &[usize]) -> TransportStep {
    TransportStep::Bind { was, after: after.to_vec() }
}

use TransportStep::{Change, Keep, Replace};

/// What is different, the transports before and after, what becomes of those after, and the numbers of those removed.
type Row<'a> = (&'a str, Value, Value, Vec<TransportStep>, &'a [usize]);

#[test]
fn transports_when_changed_are_the_same_by_address_then_by_name() {
    let auth = json!({"auth": {"anonymous": {"type": "static", "role": "user"}}});
    let none = || json!({});
    let table: &[Row<'_>] = &[
        ("nothing", json!([tcp(1), unix("a")]), json!([tcp(1), unix("a")]), vec![Keep(0), Keep(1)], &[]),
        ("added", json!([tcp(1)]), json!([tcp(1), tcp(2)]), vec![Keep(0), bind(None, &[])], &[]),
        ("removed", json!([tcp(1), tcp(2)]), json!([tcp(1)]), vec![Keep(0)], &[1]),
        (
            "settings",
            json!([tcp(1)]),
            json!([and(tcp(1), json!({"max_connections": 5}), none())]),
            vec![Change(0)],
            &[],
        ),
        ("auth", json!([tcp(1)]), json!([and(tcp(1), auth, none())]), vec![Change(0)], &[]),
        (
            "type",
            json!([tcp(1)]),
            json!([and(tcp(1), json!({"type": "websocket"}), none())]),
            vec![Change(0)],
            &[],
        ),
        (
            "settings that belong to the endpoint and not to its socket",
            json!([tcp(1)]),
            json!([and(tcp(1), none(), json!({"accept_rate": 5}))]),
            vec![Change(0)],
            &[],
        ),
        ("port", json!([tcp(1)]), json!([tcp(2)]), vec![bind(Some(0), &[])], &[]),
        (
            "port and name",
            json!([and(tcp(1), json!({"id": "one"}), none())]),
            json!([and(tcp(2), json!({"id": "two"}), none())]),
            vec![bind(None, &[])],
            &[0],
        ),
        (
            "name",
            json!([and(tcp(1), json!({"id": "one"}), none())]),
            json!([and(tcp(1), json!({"id": "two"}), none())]),
            vec![Change(0)],
            &[],
        ),
        (
            "order, with names of their own",
            json!([and(tcp(1), json!({"id": "one"}), none()), and(tcp(2), json!({"id": "two"}), none())]),
            json!([and(tcp(2), json!({"id": "two"}), none()), and(tcp(1), json!({"id": "one"}), none())]),
            vec![Keep(1), Keep(0)],
            &[],
        ),
        (
            "addresses, exchanged",
            json!([and(tcp(1), json!({"id": "one"}), none()), and(tcp(2), json!({"id": "two"}), none())]),
            json!([and(tcp(2), json!({"id": "one"}), none()), and(tcp(1), json!({"id": "two"}), none())]),
            vec![Change(1), Change(0)],
            &[],
        ),
        (
            "the first of two removed: the second has another number now",
            json!([tcp(1), tcp(2)]),
            json!([tcp(2)]),
            vec![Change(1)],
            &[0],
        ),
        (
            "options of the socket",
            json!([tcp(1)]),
            json!([and(tcp(1), none(), json!({"backlog": 5}))]),
            vec![bind(Some(0), &[0])],
            &[],
        ),
        (
            "every address instead of two, and back",
            json!([
                and(tcp(1), none(), json!({"interface": "127.0.0.1"})),
                and(tcp(1), none(), json!({"interface": "127.0.0.2"})),
                tcp(2)
            ]),
            json!([tcp(1)]),
            vec![bind(Some(0), &[0, 1])],
            &[1, 2],
        ),
        (
            "one address that stays and covers another",
            json!([tcp(1)]),
            json!([tcp(1), and(tcp(1), none(), json!({"interface": "127.0.0.1"}))]),
            // It will fail, as it would at a start.
            vec![Keep(0), bind(None, &[])],
            &[],
        ),
        (
            "mode of a socket file",
            json!([unix("a")]),
            json!([and(unix("a"), none(), json!({"mode": "0600"}))]),
            vec![Replace(0)],
            &[],
        ),
        ("path", json!([unix("a")]), json!([unix("b")]), vec![bind(Some(0), &[])], &[]),
        (
            "backlog of an abstract name",
            json!([unix("@a")]),
            json!([and(unix("@a"), none(), json!({"backlog": 5}))]),
            vec![bind(Some(0), &[0])],
            &[],
        ),
    ];
    for (what, old, new, steps, removed) in table {
        let plan = Plan::between(&with(old.clone()), &with(new.clone()));
        assert_eq!(plan.transports, *steps, "{what}");
        assert_eq!(plan.removed, *removed, "{what}");
        assert_eq!(plan.is_empty(), *what == "nothing" || what.starts_with("order"), "{what}");
    }
}

#[test]
fn everything_when_moved_in_the_file_and_with_names_of_its_own_stays() {
    let web = json!({"type": "universal", "id": "all", "endpoint": {"type": "tcp", "port": 1},
        "rawsocket": {"auth": {"anonymous": {"type": "static", "role": "user"}}},
        "websocket": {"ws": {"type": "websocket", "auth": {"anonymous": {"type": "static"}}}},
        "web": {"paths": {"/": {"type": "json", "value": 1}, "in": {"type": "path", "paths": {
            "/": {"type": "websocket", "auth": {"anonymous": {"type": "static"}}}}}}}});
    let site = json!({"type": "web", "id": "site", "endpoint": {"type": "unix", "path": "s"},
        "paths": {"/": {"type": "json", "value": 1}}});
    let everywhere = json!({"type": "universal", "id": "ever", "endpoint": {"type": "tcp", "port": 2},
        "websocket": {"auth": {"anonymous": {"type": "static"}}}});
    let realm = |name: &str| json!({"name": name, "roles": [{"name": "user", "permissions": [{"uri": "com.*", "allow": {"call": true}}]}]});
    let first = json!({"type": "router", "id": "first", "realms": [realm("realm1"), realm("realm2")],
        "transports": [web, site, everywhere]});
    let second = json!({"type": "router", "id": "second", "realms": [realm("realm1")], "transports": []});
    let mut moved = first.clone();
    moved["realms"] = json!([realm("realm2"), realm("realm1")]);
    moved["transports"] = json!([everywhere, web, site]);
    let old = node(&json!({"version": 2, "workers": [first, second]}));
    let new = node(&json!({"version": 2, "workers": [second, moved]}));
    let plan = Plan::between(&old, &new);
    assert_eq!(plan.workers, [WorkerStep::Keep(1), WorkerStep::Keep(0)]);
    assert_eq!(plan.transports, [Keep(2), Keep(0), Keep(1)]);
    assert!(plan.is_empty(), "{plan:?}");
}

#[test]
fn workers_when_changed_are_the_same_by_their_name() {
    let named = |id: &str, realm: &str, port: u16| {
        let mut worker =
            worker(json!([{"name": realm}]), json!([and(tcp(port), json!({"id": id}), json!({}))]));
        worker["id"] = json!(id);
        worker
    };
    let old = node(&json!({"version": 2, "workers": [named("one", "realm1", 1), named("two", "realm2", 2)]}));
    let new = node(&json!({"version": 2, "workers": [named("new", "realm3", 3), named("one", "realm9", 1)]}));
    let plan = Plan::between(&old, &new);
    assert_eq!(plan.workers, [WorkerStep::Add, WorkerStep::Change(0)]);
    assert_eq!(plan.removed_workers, [1]);
    assert_eq!((plan.transports, plan.removed), (vec![bind(None, &[]), Keep(0)], vec![1]));
    assert_eq!(
        plan.realms,
        [
            "worker 'new' added",
            "realm 'realm3' added",
            "realm 'realm9' added",
            "realm 'realm1' removed",
            "worker 'two' removed",
            "realm 'realm2' removed",
        ]
    );
}

#[test]
fn workers_without_a_name_are_the_same_by_what_they_listen_on() {
    let of = |realm: &str, port: u16| {
        worker(json!([{"name": realm}]), json!([and(tcp(port), json!({"id": realm}), json!({}))]))
    };
    let with_id = |mut worker: Value, id: &str| {
        worker["id"] = json!(id);
        worker
    };
    let workers = |workers: Value| node(&json!({"version": 2, "workers": workers}));
    let old = workers(json!([of("realm1", 1), of("realm2", 2)]));
    use WorkerStep::{Add, Change, Keep};
    let table = [
        // One more before the others: all have other numbers now.
        (json!([of("realm3", 3), of("realm1", 1), of("realm2", 2)]), vec![Add, Keep(0), Keep(1)], vec![]),
        (json!([of("realm2", 2)]), vec![Keep(1)], vec![0]),
        (json!([of("realm2", 2), of("realm1", 1)]), vec![Keep(1), Keep(0)], vec![]),
        (json!([of("realm1", 1), with_id(of("realm2", 2), "named")]), vec![Keep(0), Keep(1)], vec![]),
        // Nothing but the number is left.
        (json!([of("realm1", 8), of("realm2", 9)]), vec![Keep(0), Keep(1)], vec![]),
        (json!([of("realm3", 1), of("realm2", 9)]), vec![Change(0), Keep(1)], vec![]),
    ];
    for (new, steps, removed) in table {
        let plan = Plan::between(&old, &workers(new.clone()));
        assert_eq!((plan.workers, plan.removed_workers), (steps, removed), "{new}");
    }
    // A name that was given counts more than an address.
    let named = |first: u16, second: u16| {
        workers(json!([with_id(of("realm1", first), "one"), with_id(of("realm2", second), "two")]))
    };
    let plan = Plan::between(&named(1, 2), &named(2, 1));
    assert_eq!(plan.workers, [Keep(0), Keep(1)]);
    assert_eq!(plan.transports, [TransportStep::Change(1), TransportStep::Change(0)]);
    let plan = Plan::between(&old, &named(1, 2));
    assert_eq!(plan.realms, ["worker 'one' was 'worker001'", "worker 'two' was 'worker002'"]);
}

#[test]
fn realms_and_roles_when_changed_are_named() {
    let rules = |uri: &str| json!([{"uri": uri, "allow": {"call": true}}]);
    let realm = |roles: Value| json!({"name": "realm1", "roles": roles});
    let one = |uri: &str| json!({"name": "one", "permissions": rules(uri)});
    let two = json!({"name": "two", "allow-by-default": true});
    let options = |mut realm: Value| {
        realm["options"] = json!({"uri_check": "strict"});
        realm
    };
    let table = [
        (realm(json!([one("a"), two])), realm(json!([two, one("a")])), ""),
        (realm(json!([one("a"), two])), realm(json!([one("b"), two])), "role 'one' changed"),
        (realm(json!([one("a")])), realm(json!([two])), "role 'two' added, role 'one' removed"),
        (
            realm(json!([one("a"), two])),
            options(realm(
                json!([one("a"), {"name": "two", "allow-by-default": true, "slow_consumer": "disconnect"}]),
            )),
            "role 'two' changed, options changed",
        ),
    ];
    for (old, new, words) in table {
        let nodes = [old, new]
            .map(|realm| node(&json!({"version": 2, "workers": [worker(json!([realm]), json!([]))]})));
        let plan = Plan::between(&nodes[0], &nodes[1]);
        let expected: Vec<_> = [words]
            .iter()
            .filter(|words| !words.is_empty())
            .map(|words| format!("realm 'realm1': {words}"))
            .collect();
        assert_eq!(plan.realms, expected);
        let step = if words.is_empty() { WorkerStep::Keep(0) } else { WorkerStep::Change(0) };
        assert_eq!(plan.workers, [step], "{words}");
    }
}

#[test]
fn controller_when_changed_is_named_where_it_has_to_wait() {
    let of = |controller: Value| node(&json!({"version": 2, "controller": controller, "workers": []}));
    let plain = of(json!({}));
    let table = [
        (json!({"options": {"drain_timeout": 5}}), vec![]),
        (json!({"reload": false}), vec![]),
        (json!({"options": {"threads": 3}}), vec!["controller.options.threads"]),
        (
            json!({"id": "node1", "options": {"title": "x"}}),
            vec!["controller.id", "controller.options.title"],
        ),
    ];
    for (controller, keys) in table {
        let words: Vec<_> = keys.iter().map(|key| format!("{key} takes effect at the next start")).collect();
        assert_eq!(Plan::between(&plain, &of(controller)).later, words);
    }
}
