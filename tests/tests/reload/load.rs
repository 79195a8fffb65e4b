//! Reloads while a thousand sessions talk: none of them notices.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use transom_tests::{Carrier, PATIENCE};

use crate::support::{Node, open_realm, rawsocket, universal, with};

const SESSIONS: u64 = 1000;

/// The sessions, in a process of their own.
struct Talkers {
    child: Child,
    ask: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

/// What they counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    sessions: u64,
    calls: u64,
    results: u64,
    published: u64,
    events: u64,
}

impl Talkers {
    async fn start(node: &Node, ends: &[(&str, &str)]) -> Self {
        let ends = ends.iter().map(|(carrier, name)| format!("{carrier}={}", node.path(name).display()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_transom-talkers"))
            .arg(SESSIONS.to_string())
            .args(ends)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ask = child.stdin.take().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut talkers = Talkers { child, ask, said };
        assert_eq!(talkers.line().await, "ready");
        talkers
    }

    async fn line(&mut self) -> String {
        // All of them join before the first, and finish before the last.
        let line = timeout(3 * PATIENCE, self.said.next_line()).await.expect("the sessions are stuck");
        line.unwrap().expect("a session failed")
    }

    async fn ask(&mut self, what: &str) -> Count {
        self.ask.write_all(format!("{what}\n").as_bytes()).await.unwrap();
        let line = self.line().await;
        let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [sessions, calls, results, published, events] = numbers[..] else { panic!("{line}") };
        Count { sessions, calls, results, published, events }
    }

    /// Waits until every session has had a result and an event on average since `before`.
    async fn went_on(&mut self, before: Count) -> Count {
        let going = async {
            loop {
                let now = self.ask("count").await;
                if now.results >= before.results + SESSIONS && now.events >= before.events + SESSIONS {
                    return now;
                }
            }
        };
        timeout(3 * PATIENCE, going).await.expect("nothing is exchanged any more")
    }
}

/// A realm whose role may do what the sessions do, and something else by a rule of this name.
fn talking_realm(other: &str) -> Value {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let rules = json!([{"uri": "com.talk.*", "allow": all}, {"uri": other, "allow": all}]);
    json!({"name": "realm1", "roles": [{"name": "anonymous", "permissions": rules}]})
}

fn named(id: &str, transport: Value) -> Value {
    with(transport, json!({"id": id}))
}

fn node_of(workers: &[Value]) -> Value {
    json!({"version": 2, "workers": workers})
}

fn worker(realms: Value, transports: Vec<Value>) -> Value {
    json!({"type": "router", "id": "talk", "realms": realms, "transports": transports})
}

/// The transports that the sessions are on.
fn many() -> Value {
    named("many", universal("many.sock"))
}

fn raw() -> Value {
    named("raw", rawsocket("raw.sock"))
}

fn name() -> Value {
    named("name", rawsocket("name.sock"))
}

/// Ten configurations, each changing something that the sessions stand on.
fn valid() -> Vec<Value> {
    let realms = || json!([talking_realm("com.a")]);
    let site = |value: u8| {
        with(
            many(),
            json!({"web": {"paths": {"/": {"type": "json", "value": value}}}, "max_connections": 3000 + u32::from(value)}),
        )
    };
    let tighter = |mut transport: Value, mode: &str| {
        transport["endpoint"]["mode"] = json!(mode);
        transport
    };
    let extra = || named("extra", rawsocket("extra.sock"));
    let second = json!({"type": "router", "id": "second", "realms": [open_realm("realm1")],
        "transports": [named("second", universal("second.sock"))]});
    vec![
        node_of(&[worker(realms(), vec![many(), raw(), name(), extra()])]),
        node_of(&[worker(realms(), vec![site(1), raw(), name(), extra()])]),
        node_of(&[worker(json!([talking_realm("com.b")]), vec![site(2), raw(), name()])]),
        node_of(&[worker(realms(), vec![many(), tighter(raw(), "0600"), name()])]),
        node_of(&[worker(
            json!([talking_realm("com.c"), open_realm("realm2")]),
            vec![many(), raw(), name()],
        )]),
        // Its sessions live on.
        node_of(&[worker(realms(), vec![many(), raw()])]),
        node_of(&[worker(realms(), vec![many(), raw(), name(), extra()]), second.clone()]),
        node_of(&[second, worker(realms(), vec![extra(), site(3), tighter(name(), "0660"), raw()])]),
        node_of(&[worker(json!([talking_realm("com.d")]), vec![tighter(many(), "0600"), raw()])]),
        node_of(&[worker(
            json!([talking_realm("com.e"), open_realm("realm3")]),
            vec![site(4), named("last", universal("last.sock"))],
        )]),
    ]
}

/// Ten files that are refused; each would take away what the sessions stand on.
fn invalid(port: u16) -> Vec<String> {
    let other = |transport: Value| {
        node_of(&[worker(json!([open_realm("realm9")]), vec![named("bad", transport)])]).to_string()
    };
    let tcp =
        json!({"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port}});
    let files = json!({"type": "web", "endpoint": {"type": "unix", "path": "web.sock"},
        "paths": {"/": {"type": "static", "directory": "not-there"}}});
    let mut unknown = rawsocket("bad.sock");
    unknown["endpoint"]["moode"] = json!("0600");
    let mut owner = rawsocket("bad.sock");
    owner["endpoint"]["owner"] = json!("no-such-user");
    vec![
        "{\"version\": 2, \"workers\": [}".to_owned(),
        other(unknown),
        other(tcp),
        other(files),
        other(rawsocket("no/such/folder.sock")),
        other(rawsocket("config.json")),
        other(owner),
        node_of(&[json!({"type": "guest", "executable": "/bin/true"})]).to_string(),
        node_of(&[worker(json!([]), vec![rawsocket("twice.sock"), rawsocket("twice.sock")])]).to_string(),
        String::new(),
    ]
}

#[tokio::test]
async fn thousand_sessions_that_talk_do_not_notice_twenty_reloads() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let wide = |mut transport: Value| {
        transport["endpoint"]["backlog"] = json!(1000);
        transport
    };
    let first =
        node_of(&[worker(json!([talking_realm("com.0")]), vec![wide(many()), wide(raw()), wide(name())])]);
    let node = Node::start(&first).await;
    let ends = [
        ("websocket", "many.sock"),
        ("rawsocket", "many.sock"),
        ("rawsocket", "raw.sock"),
        ("rawsocket", "name.sock"),
    ];
    let mut talkers = Talkers::start(&node, &ends).await;
    let mut count = talkers.went_on(talkers_at_zero()).await;
    for (good, bad) in valid().into_iter().zip(invalid(port)) {
        node.write_text(&bad);
        let said = node.reload().await.refused();
        assert!(said.contains("goes on as it was"), "{said}");
        node.write(&good);
        let said = node.reload().await.applied();
        assert!(!said.contains("nothing changed"), "{said}");
        count = talkers.went_on(count).await;
        assert_eq!(count.sessions, SESSIONS);
    }

    let status = node.status().await;
    let sessions: u64 =
        status["realms"].as_array().unwrap().iter().map(|r| r["sessions"].as_u64().unwrap()).sum();
    assert_eq!(sessions, SESSIONS);
    let bound: Vec<_> =
        status["transports"].as_array().unwrap().iter().map(|t| (&t["id"], &t["bound"][0])).collect();
    let at = |name: &str| json!(format!("unix:{}", node.path(name).display()));
    assert_eq!(bound, [(&json!("many"), &at("many.sock")), (&json!("last"), &at("last.sock"))]);
    let names: Vec<_> = status["realms"].as_array().unwrap().iter().map(|realm| &realm["name"]).collect();
    assert_eq!(names, ["realm1", "realm3"]);
    for (carrier, name) in [(Carrier::WebSocket, "many.sock"), (Carrier::RawSocket, "last.sock")] {
        node.join(name, carrier).await;
    }
    let left =
        std::fs::read_dir(node.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["config.json", "key.priv", "key.pub", "last.sock", "many.sock", "transom.sock"]);

    let end = talkers.ask("stop").await;
    // Nothing was lost: each call has its result, each event arrived, and each in its order.
    assert_eq!((end.sessions, end.results, end.events), (SESSIONS, end.calls, end.published), "{end:?}");
    assert_eq!(end.published, end.calls + SESSIONS, "{end:?}");
    assert!(end.results >= count.results);
    assert!(timeout(PATIENCE, talkers.child.wait()).await.unwrap().unwrap().success());
    let dropped = node.status().await["realms"][0]["dropped_events"].clone();
    assert_eq!(dropped, 0);
    println!("{end:?}");
    node.stop().await;
}

fn talkers_at_zero() -> Count {
    Count { sessions: SESSIONS, calls: 0, results: 0, published: 0, events: 0 }
}
