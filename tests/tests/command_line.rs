//! The `transom` program as an operator meets it, each time in a fresh folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixStream;
use transom_tests::{Carrier, Client, Program, Target};
use transom_wamp::{Message, Serializer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_transom-tested");

async fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    Program::start(PROGRAM, dir, args, &[]).end().await
}

/// A folder with a node directory whose only transport is a Unix socket.
fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    let config = json!({"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "universal", "endpoint": {"type": "unix", "path": "node.sock"},
                        "websocket": {}, "rawsocket": {}}]}]});
    write(dir.path(), ".crossbar/config.json", &config.to_string());
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn version_names_the_program() {
    let dir = TempDir::new().unwrap();
    let (code, out, _) = run(dir.path(), &["version"]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("Transom") && out.contains(transom_node::VERSION), "{out}");
}

#[tokio::test]
async fn help_of_start_names_its_options() {
    let dir = TempDir::new().unwrap();
    let (code, out, _) = run(dir.path(), &["start", "--help"]).await;
    assert_eq!(code, Some(0));
    for option in ["--cbdir", "--config", "--loglevel", "--logformat", "--color", "--shutdownafter"] {
        assert!(out.contains(option), "{option} is missing:\n{out}");
    }
}

#[tokio::test]
async fn unknown_option_ends_with_two() {
    let dir = TempDir::new().unwrap();
    assert_eq!(run(dir.path(), &["start", "--nonsense"]).await.0, Some(2));
    assert_eq!(run(dir.path(), &["nonsense"]).await.0, Some(2));
}

#[tokio::test]
async fn check_of_a_good_configuration_says_so() {
    let dir = folder();
    let (code, out, err) = run(dir.path(), &["check"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    let file = dir.path().canonicalize().unwrap().join(".crossbar/config.json");
    assert!(out.contains(&format!("Checking local node configuration file: {}", file.display())), "{out}");
    assert!(out.contains("Ok, node configuration looks good!"), "{out}");
}

#[tokio::test]
async fn check_tells_every_mistake_at_once_with_its_place() {
    let dir = TempDir::new().unwrap();
    let config = r#"{
  "version": 2,
  "workers": [
    {
      "type": "router",
      "realms": [{"name": "realm1", "rolls": []}],
      "transports": [
        {
          "type": "rawsocket",
          "endpoint": {"type": "tcp", "port": 70000, "backlogg": 5},
          "serializer": "cbor"
        }
      ]
    }
  ]
}"#;
    write(dir.path(), ".crossbar/config.json", config);
    let (code, out, err) = run(dir.path(), &["check"]).await;
    assert_eq!(code, Some(1));
    let all = format!("{out}{err}");
    for text in [
        "config.json:6:",
        "config.json:10:",
        "config.json:11:",
        "70000",
        "backlogg",
        "backlog",
        "serializers",
    ] {
        assert!(all.contains(text), "{text} is missing:\n{all}");
    }
    assert!(all.contains("workers[0].transports[0].endpoint"), "{all}");
    assert!(all.contains("^^^^^"), "no caret:\n{all}");
    assert!(out.contains("Error: "), "{out}");
}

#[tokio::test]
async fn check_of_yaml_tells_the_same_place() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), ".crossbar/config.yaml", "version: 2\nworkers:\n  - type: rooter\n");
    let (code, out, err) = run(dir.path(), &["check"]).await;
    assert_eq!(code, Some(1));
    let all = format!("{out}{err}");
    assert!(all.contains("config.yaml:3:11") && all.contains("router"), "{all}");
}

#[tokio::test]
async fn check_without_a_file_ends_with_one() {
    let dir = TempDir::new().unwrap();
    let (code, out, err) = run(dir.path(), &["check"]).await;
    assert_eq!(code, Some(1));
    assert!(format!("{out}{err}").contains("config.json"), "{out}{err}");
}

#[tokio::test]
async fn start_with_a_named_file_that_is_missing_ends_with_one() {
    let dir = folder();
    let (code, out, err) = run(dir.path(), &["start", "--config", "other.json"]).await;
    assert_eq!(code, Some(1));
    assert!(format!("{out}{err}").contains("other.json"), "{out}{err}");
}

#[tokio::test]
async fn start_refuses_what_this_release_does_not_run() {
    let dir = TempDir::new().unwrap();
    let config = json!({"version": 2, "workers": [{"type": "guest", "executable": "/bin/true"}]});
    write(dir.path(), ".crossbar/config.json", &config.to_string());
    let (code, out, err) = run(dir.path(), &["check"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(format!("{out}{err}").contains("guest"), "{out}{err}");
    let (code, out, err) = run(dir.path(), &["start"]).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(format!("{out}{err}").contains("guest"), "{out}{err}");
}

#[tokio::test]
async fn node_directory_is_found_serves_and_ends_on_each_signal() {
    for (signal, place) in [
        (Signal::SIGTERM, &["start"][..]),
        (Signal::SIGINT, &["start", "--cbdir", ".crossbar"]),
        (Signal::SIGTERM, &[]),
    ] {
        let dir = folder();
        let mut program = Program::start(PROGRAM, dir.path(), place, &[]);
        program.wait_for("node.sock").await;
        let socket = Target::Unix(dir.path().join(".crossbar/node.sock"));
        let (mut client, _) = Client::join(&socket, Carrier::WebSocket, Serializer::Json).await;
        program.signal(signal);
        match client.receive().await {
            Message::Goodbye(goodbye) => assert_eq!(goodbye.reason, "wamp.close.system_shutdown"),
            other => panic!("{other:?}"),
        }
        client.goodbye_answer().await;
        assert_eq!(client.closed().await.map(|close| u16::from(close.code)), Some(1001));
        drop(client);
        let (code, out, err) = program.end().await;
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(!dir.path().join(".crossbar/node.sock").exists());
    }
}

#[tokio::test]
async fn node_directory_from_the_environment_is_used() {
    let dir = folder();
    let elsewhere = TempDir::new().unwrap();
    let node_dir = dir.path().join(".crossbar");
    let env = [("CROSSBAR_DIR", node_dir.to_str().unwrap())];
    let mut program = Program::start(PROGRAM, elsewhere.path(), &["start"], &env);
    program.wait_for("node.sock").await;
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn second_signal_cuts_whoever_does_not_answer() {
    let dir = folder();
    let mut program = Program::start(PROGRAM, dir.path(), &["start"], &[]);
    program.wait_for("node.sock").await;
    let socket = Target::Unix(dir.path().join(".crossbar/node.sock"));
    let (mut silent, _) = Client::join(&socket, Carrier::RawSocket, Serializer::Json).await;
    program.signal(Signal::SIGTERM);
    assert!(matches!(silent.receive().await, Message::Goodbye(_)));
    program.signal(Signal::SIGTERM);
    silent.closed().await;
    let (code, out, err) = program.end().await;
    assert_eq!(code, Some(0), "{out}{err}");
}

#[tokio::test]
async fn socket_left_by_a_killed_node_is_no_obstacle() {
    let dir = folder();
    let mut first = Program::start(PROGRAM, dir.path(), &["start"], &[]);
    first.wait_for("node.sock").await;
    first.signal(Signal::SIGKILL);
    first.end().await;
    let socket = dir.path().join(".crossbar/node.sock");
    assert!(socket.exists());
    let mut second = Program::start(PROGRAM, dir.path(), &["start"], &[]);
    second.wait_for("node.sock").await;
    UnixStream::connect(&socket).await.unwrap();
    // A third finds the socket alive and keeps its hands off.
    let (code, out, err) = run(dir.path(), &["start"]).await;
    assert_eq!(code, Some(1), "{out}{err}");
    UnixStream::connect(&socket).await.unwrap();
    second.signal(Signal::SIGTERM);
    assert_eq!(second.end().await.0, Some(0));
}
