//! The control socket: the lock of a node directory, and what is asked on it.

use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use transom_tests::{Carrier, PATIENCE, Program};
use transom_wamp::Message;

use crate::support::{Node, config, rawsocket, run, universal, with};

fn controlled(controller: Value, transports: Value) -> Value {
    with(config(transports), json!({"controller": controller}))
}

#[tokio::test]
async fn status_tells_people_and_machines_what_the_node_does() {
    let node = Node::start(&config(json!([universal("one.sock"), rawsocket("two.sock")]))).await;
    let client = node.join("one.sock", Carrier::WebSocket).await;
    let status = node.status().await;
    assert_eq!(status["product"], "Transom");
    assert_eq!(status["version"], transom_node::VERSION);
    assert_eq!(status["pid"], node.program.pid());
    assert_eq!(status["node_dir"], node.dir.path().canonicalize().unwrap().to_str().unwrap());
    assert!(status["config"].as_str().unwrap().ends_with("/config.json"), "{status}");
    assert!(status["uptime"].is_u64() && status["started"].is_u64(), "{status}");
    assert_eq!((&status["open"], &status["stopping"]), (&json!(1), &json!(false)));
    assert_eq!(status["last_reload"], json!(null));
    let realm = json!({"worker": "worker001", "name": "realm1", "sessions": 1, "subscriptions": 0,
                       "registrations": 0, "dropped_events": 0});
    assert_eq!(status["realms"], json!([realm]));
    let transport = &status["transports"][1];
    assert_eq!((&transport["id"], &transport["type"]), (&json!("transport002"), &json!("rawsocket")));
    assert_eq!(transport["bound"][0], format!("unix:{}", node.path("two.sock").display()));
    assert_eq!(transport["max_connections"], 50_000);
    let text = node.run(&["status"]).await.applied();
    for words in ["Transom", "has run for", "config.json", "realm1: 1 session,", "transport002 (rawsocket)"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    drop(client);
    node.stop().await;
}

#[tokio::test]
async fn commands_when_no_node_runs_say_so() {
    let dir = TempDir::new().unwrap();
    for command in ["reload", "status", "stop"] {
        for stale in [false, true] {
            if stale {
                let _ = std::fs::remove_file(dir.path().join("transom.sock"));
                drop(std::os::unix::net::UnixListener::bind(dir.path().join("transom.sock")).unwrap());
            }
            let said = run(dir.path(), &[command]).await.refused();
            let real = dir.path().canonicalize().unwrap();
            assert!(said.contains(&format!("no node is running in {}", real.display())), "{said}");
            let elsewhere = TempDir::new().unwrap();
            let said =
                run(elsewhere.path(), &[command, "--cbdir", dir.path().to_str().unwrap()]).await.refused();
            assert!(said.contains("no node is running in"), "{said}");
        }
    }
}

#[tokio::test]
async fn stop_waits_until_the_node_is_gone() {
    let node = Node::start(&config(json!([universal("one.sock")]))).await;
    let mut client = node.join("one.sock", Carrier::RawSocket).await;
    let stopping = async {
        let said = node.run(&["stop"]).await.applied();
        assert!(said.contains("is stopping") && said.contains("Stopped."), "{said}");
        // A next one could start now.
        assert!(!node.path("transom.sock").exists());
        assert!(!node.path("one.sock").exists());
    };
    let leaving = async {
        assert!(matches!(client.receive().await, Message::Goodbye(_)));
        // It answers while it is stopping.
        let status = node.status().await;
        assert_eq!(status["stopping"], true);
        let said = node.reload().await.refused();
        assert!(said.contains("the node is stopping"), "{said}");
        client.goodbye_answer().await;
        client.closed().await;
    };
    tokio::join!(stopping, leaving);
    drop(client);
    let (code, out, err) = node.program.end().await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("transom stop"), "{err}");
}

#[tokio::test]
async fn stop_when_it_takes_too_long_says_so_and_the_node_goes_on_stopping() {
    let node = Node::start(&config(json!([universal("one.sock")]))).await;
    let mut silent = node.join("one.sock", Carrier::RawSocket).await;
    let said = node.run(&["stop", "--timeout", "1"]).await.refused();
    assert!(said.contains("not gone after 1 s"), "{said}");
    assert!(matches!(silent.receive().await, Message::Goodbye(_)));
    // A signal cuts, as after a first signal.
    node.program.signal(Signal::SIGTERM);
    silent.closed().await;
    assert_eq!(node.program.end().await.0, Some(0));
}

#[tokio::test]
async fn second_node_in_a_directory_is_refused_with_the_socket_and_the_process_of_the_first() {
    let node = Node::start(&config(json!([universal("one.sock")]))).await;
    // Even where nothing else would be in its way.
    node.write(&config(json!([universal("two.sock")])));
    let said = node.run(&["start"]).await.refused();
    let pid = format!("(process {})", node.program.pid());
    assert!(said.contains("transom.sock") && said.contains(&pid), "{said}");
    assert!(!node.path("two.sock").exists());
    node.status().await;
    node.program.signal(Signal::SIGKILL);
    let Node { dir, program } = node;
    program.end().await;
    assert!(dir.path().join("transom.sock").exists());
    // Its socket is no obstacle.
    let mut second = Program::start(crate::support::PROGRAM, dir.path(), &["start"], &[]);
    second.wait_for("Ctrl-C").await;
    let status = run(dir.path(), &["status", "--format", "json"]).await.applied();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["pid"], second.pid());
    second.signal(Signal::SIGTERM);
    assert_eq!(second.end().await.0, Some(0));
    assert!(!dir.path().join("transom.sock").exists());
}

#[tokio::test]
async fn nodes_that_start_at_once_in_a_directory_are_one() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("config.json"), config(json!([])).to_string()).unwrap();
    // A node that died left this.
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("transom.sock")).unwrap());
    let mut starting: Vec<_> =
        (0..6).map(|_| Program::start(crate::support::PROGRAM, dir.path(), &["start"], &[])).collect();
    let mut serving = 0;
    for program in &mut starting {
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut program.stdout, &mut line).await.unwrap();
        serving += usize::from(!line.is_empty());
    }
    assert_eq!(serving, 1);
    assert!(run(dir.path(), &["stop"]).await.applied().contains("Stopped."));
}

#[tokio::test]
async fn socket_is_for_its_user_alone() {
    let node = Node::start(&config(json!([universal("one.sock")]))).await;
    let mode = std::fs::metadata(node.path("transom.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    node.stop().await;
}

#[tokio::test]
async fn socket_when_switched_off_and_on_goes_and_comes() {
    let of = |reload: bool| controlled(json!({"reload": reload}), json!([universal("one.sock")]));
    let node = Node::start(&of(false)).await;
    assert!(!node.path("transom.sock").exists());
    assert!(node.run(&["status"]).await.refused().contains("no node is running"));
    node.write(&of(true));
    node.program.signal(Signal::SIGHUP);
    let opened = async {
        while !node.path("transom.sock").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, opened).await.unwrap();
    // The one that asks by the socket still gets its answer.
    node.write(&of(false));
    let said = node.reload().await.applied();
    assert!(said.contains("control socket closed"), "{said}");
    assert!(!node.path("transom.sock").exists());
    node.stop().await;
}

#[tokio::test]
async fn signal_reloads_as_the_command_does_and_the_log_says_what_came_of_it() {
    let node = Node::start(&config(json!([universal("one.sock")]))).await;
    node.write(&config(json!([universal("one.sock"), rawsocket("two.sock")])));
    node.program.signal(Signal::SIGHUP);
    let status = node.until(|status| status["last_reload"]["ok"] == true).await;
    assert_eq!(status["last_reload"]["by"], "SIGHUP");
    assert_eq!(status["last_reload"]["changes"].as_array().unwrap().len(), 1);
    node.join("two.sock", Carrier::RawSocket).await;
    node.write_text("no configuration");
    node.program.signal(Signal::SIGHUP);
    node.until(|status| status["last_reload"]["ok"] == false).await;
    let text = node.run(&["status"]).await.applied();
    assert!(text.contains("by SIGHUP, refused: 1 thing is wrong in"), "{text}");
    let log = node.stop().await;
    for words in
        ["reload: transport 'transport002' added", "reloaded: 1 change", "config.json:1:1", "not reloaded"]
    {
        assert!(log.contains(words), "{words}\n{log}");
    }
}

#[tokio::test]
async fn what_cannot_change_is_named_and_the_rest_is_done() {
    let of = |options: Value, path: &str| controlled(json!({"options": options}), json!([universal(path)]));
    let node = Node::start(&of(json!({"threads": 2, "drain_timeout": 60_000}), "one.sock")).await;
    node.write(&of(json!({"threads": 1, "drain_timeout": 50}), "two.sock"));
    let said = node.reload().await.applied();
    for words in
        ["moved from", "drain_timeout changed", "controller.options.threads takes effect at the next start"]
    {
        assert!(said.contains(words), "{words}\n{said}");
    }
    // Again and again, as long as it is so.
    let said = node.reload().await.applied();
    assert!(said.contains("nothing changed") && said.contains("controller.options.threads"), "{said}");
    // It holds: nobody answers, and the end does not take a minute.
    let _silent = node.join("two.sock", Carrier::RawSocket).await;
    assert!(node.run(&["stop"]).await.applied().contains("Stopped."));
    let (_, _, log) = node.program.end().await;
    assert!(log.contains("WARN") && log.contains("takes effect at the next start"), "{log}");
}

#[tokio::test]
async fn directory_when_its_path_is_too_long_for_a_socket_has_a_node_without_one() {
    let dir = TempDir::new().unwrap();
    let deep = dir.path().join("d".repeat(100));
    std::fs::create_dir(&deep).unwrap();
    let short = dir.path().join("s");
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": short}});
    std::fs::write(deep.join("config.json"), config(json!([transport])).to_string()).unwrap();
    let mut program = Program::start(crate::support::PROGRAM, &deep, &["start"], &[]);
    program.wait_for("Ctrl-C").await;
    assert!(!run(&deep, &["status"]).await.refused().is_empty());
    program.signal(Signal::SIGTERM);
    let (code, _, log) = program.end().await;
    assert_eq!(code, Some(0));
    assert!(log.contains("no control socket") && log.contains("107 bytes"), "{log}");
}

/// Says something on the control socket and returns all that comes back.
async fn say(node: &Node, bytes: &[u8]) -> String {
    let mut socket = UnixStream::connect(node.path("transom.sock")).await.unwrap();
    // It may be closed before all is read.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn nonsense_on_the_socket_is_answered_or_cut_and_harms_nobody() {
    let node = Node::start(&config(json!([universal("one.sock")]))).await;
    for nonsense in [&b"\n"[..], b"what?\n", b"{\"command\": \"dance\"}\n", b"[]\n", b"\xff\xff\n", b"{}\n"] {
        let answer = say(&node, nonsense).await;
        assert!(answer.starts_with(r#"{"answer":"refused","error":"#), "{answer}");
        assert!(answer.ends_with("}\n") && answer.contains("JSON object"), "{answer}");
    }
    assert_eq!(say(&node, &vec![b'x'; 100_000]).await, "");
    // Connections that ask nothing take nothing away but their own places.
    let mut silent = Vec::new();
    for _ in 0..15 {
        silent.push(UnixStream::connect(node.path("transom.sock")).await.unwrap());
    }
    assert!(say(&node, b"{\"command\":\"status\"}\n").await.contains("\"pid\""));
    drop(silent);
    node.stop().await;
}
