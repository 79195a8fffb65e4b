//! Files that a running node does not take over: nothing of them is done, and the finding is told and logged.

use serde_json::{Value, json};
use transom_tests::Carrier;

use crate::support::{Node, config, open_realm, rawsocket, universal, with_realms};

/// A configuration that the node must refuse, and what it says.
struct Bad {
    text: String,
    says: Vec<String>,
}

fn bad(text: impl ToString, says: &[&str]) -> Bad {
    Bad { text: text.to_string(), says: says.iter().map(|says| (*says).to_owned()).collect() }
}

#[tokio::test]
async fn file_when_wrong_changes_nothing_and_is_told_with_its_place() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let good = config(json!([universal("one.sock")]));
    let node = Node::start(&good).await;
    let mut session = node.join("one.sock", Carrier::WebSocket).await;
    // Each would also do something that can be done.
    let more = |transport: Value| {
        let realms = json!([open_realm("realm1"), open_realm("realm2")]);
        with_realms(realms, json!([rawsocket("new.sock"), transport]))
    };
    let tcp =
        json!({"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port}});
    let missing = json!({"type": "web", "endpoint": {"type": "unix", "path": "web.sock"},
        "paths": {"/": {"type": "static", "directory": "not-there"}}});
    let typo = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "a.sock", "moode": "0600"}});
    std::fs::write(node.path("file.sock"), "precious").unwrap();
    let guest = json!({"version": 2, "workers": [{"type": "guest", "executable": "/bin/true"}]});
    let files = [
        bad("{\"version\": 2,\n \"workers\": [}", &["config.json:2:14", "not reloaded"]),
        bad(more(typo), &["moode", "mode", "config.json:1:", "^^^"]),
        bad(
            more(tcp),
            &[&format!("127.0.0.1:{port}"), "workers[0].transports[1].endpoint", "in use", " ^\n"],
        ),
        bad(more(missing), &["not-there", "workers[0].transports[1].paths"]),
        bad(more(rawsocket("file.sock")), &["file.sock", "no socket"]),
        bad(more(rawsocket("no/such/folder.sock")), &["no/such/folder.sock"]),
        bad(more(rawsocket("new.sock")), &["already listened on"]),
        bad(guest, &["guest", "not reloaded"]),
        bad("", &["config.json"]),
    ];
    let mut log = Vec::new();
    for Bad { text, says } in files {
        node.write_text(&text);
        let said = node.reload().await.refused();
        for words in &says {
            assert!(said.contains(words), "{words} is missing:\n{said}");
        }
        assert!(said.contains("goes on as it was"), "{said}");
        log.extend(says.into_iter().filter(|says| !says.contains('^') && !says.contains("not reloaded")));
        for name in ["new.sock", "web.sock", "a.sock"] {
            assert!(!node.path(name).exists(), "{name} after {text}");
        }
        let status = node.status().await;
        assert_eq!(status["last_reload"]["ok"], false);
        assert_eq!(status["realms"].as_array().unwrap().len(), 1);
        assert_eq!(status["transports"].as_array().unwrap().len(), 1);
        session.subscribe("com.app.x").await;
    }
    std::fs::remove_file(node.path("config.json")).unwrap();
    assert!(node.reload().await.refused().contains("does not exist"));
    assert_eq!(std::fs::read_to_string(node.path("file.sock")).unwrap(), "precious");
    node.write(&good);
    node.reload().await.applied();
    drop(session);
    let text = node.stop().await;
    for words in log {
        assert!(text.contains(&words), "{words} is not in the log:\n{text}");
    }
    assert!(text.contains("goes on as it was"), "{text}");
}

#[tokio::test]
async fn what_is_unsupported_when_ignored_at_the_start_is_ignored_later() {
    let config = |path: &str| {
        let mut config = config(json!([universal(path)]));
        config["workers"].as_array_mut().unwrap().push(json!({"type": "guest", "executable": "/bin/true"}));
        config
    };
    let node = Node::start_with(&config("one.sock"), &["--ignore-unsupported"]).await;
    node.write(&config("two.sock"));
    let said = node.reload().await;
    assert!(said.err.contains("guest"), "{said:?}");
    assert!(said.applied().contains("moved from"));
    node.join("two.sock", Carrier::RawSocket).await;
    node.stop().await;
}
