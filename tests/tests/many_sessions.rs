//! Thousands of idle sessions cost little memory each, and a node with them serves as before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use transom_tests::{Carrier, Client, Program, Target, line};
use transom_wamp::{Message, Serializer};

const SESSIONS: u64 = 5_000;

/// Twice what a session is meant to cost.
const LIMIT: u64 = 6 * 1024;

/// What a process holds in memory of its own, in bytes.
fn resident(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("statm")).unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// A node in a process of its own, with a universal port on a Unix socket, and that socket.
async fn node(dir: &TempDir) -> (Program, PathBuf) {
    let websocket = json!({"options": {"compression": {"deflate": {}}}});
    let config = json!({"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "universal", "endpoint": {"type": "unix", "path": "node.sock", "backlog": 1000},
                        "websocket": websocket, "rawsocket": {}}]}]});
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    let mut node = Program::start(
        env!("CARGO_BIN_EXE_transom-tested"),
        dir.path(),
        &["start", "--loglevel", "warn"],
        &[],
    );
    node.wait_for("Ctrl-C").await;
    (node, dir.path().join("node.sock"))
}

fn idlers(socket: &Path, carrier: &str, number: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_transom-idlers"))
        .args([socket.to_str().unwrap(), carrier, &number.to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn idle_sessions_cost_little(carrier: &str) {
    let dir = TempDir::new().unwrap();
    let (node, socket) = node(&dir).await;
    // The first sessions fill what all share; they are not counted.
    let mut first = idlers(&socket, carrier, 100);
    line(first.stdout.as_mut().unwrap()).await;
    let before = resident(node.pid());
    let mut rest = idlers(&socket, carrier, SESSIONS);
    line(rest.stdout.as_mut().unwrap()).await;
    let each = (resident(node.pid()).saturating_sub(before)) / SESSIONS;
    assert!(each <= LIMIT, "{carrier}: {each} bytes for each of {SESSIONS} sessions, {LIMIT} are the limit");

    let (mut client, _) = Client::join(&Target::Unix(socket), Carrier::WebSocket, Serializer::Json).await;
    assert!(matches!(client.goodbye().await, Message::Goodbye(_)));
}

/// Nobody says anything on them: others are served all the while, and within the time that a port waits to know its peer's
/// protocol they are gone.
#[tokio::test]
async fn ten_thousand_connections_that_never_speak_cost_little_and_end() {
    const CONNECTIONS: u64 = 10_000;
    let dir = TempDir::new().unwrap();
    let (node, socket) = node(&dir).await;
    let (mut client, _) =
        Client::join(&Target::Unix(socket.clone()), Carrier::RawSocket, Serializer::Json).await;
    let before = resident(node.pid());
    let mut silent = idlers(&socket, "silent", CONNECTIONS);
    let said = silent.stdout.as_mut().unwrap();
    line(said).await;
    let each = (resident(node.pid()).saturating_sub(before)) / CONNECTIONS;
    assert!(each <= LIMIT, "{each} bytes for each of {CONNECTIONS} connections, {LIMIT} are the limit");
    for number in 0..1_000 {
        client.publish("com.example.topic", number).await;
    }
    assert_eq!(line(said).await.trim_end(), format!("{CONNECTIONS} connections are closed"));
    assert!(matches!(client.goodbye().await, Message::Goodbye(_)));
}

#[tokio::test]
async fn idle_rawsocket_sessions_cost_little() {
    idle_sessions_cost_little("rawsocket").await;
}

#[tokio::test]
async fn idle_websocket_sessions_cost_little() {
    idle_sessions_cost_little("websocket").await;
}

#[tokio::test]
async fn idle_websocket_sessions_with_unused_compression_cost_little() {
    idle_sessions_cost_little("deflate").await;
}
