//! The keys of the controller and of workers.

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use transom_config::{Context, Format, Node, parse_str};
use transom_node::{RunningNode, Stopped};
use transom_tests::{Program, Target};

use crate::support::{Ws, join};

const PROGRAM: &str = env!("CARGO_BIN_EXE_transom-tested");

fn text(controller: &Json) -> Json {
    json!({"version": 2, "controller": controller, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "websocket", "endpoint": {"type": "unix", "path": "node.sock", "mode": "0600"}}]}]})
}

fn node(controller: &Json, dir: &TempDir) -> Node {
    let context = Context::new("test", dir.path(), &|_| None);
    let loaded = parse_str(&text(controller).to_string(), Format::Json, &context);
    loaded.node.unwrap_or_else(|| panic!("{}", loaded.findings))
}

#[tokio::test(start_paused = true)]
async fn drain_timeout_when_written_is_the_time_until_the_rest_is_cut() {
    for (controller, seconds) in [(json!({}), 10), (json!({"options": {"drain_timeout": 2000}}), 2)] {
        let dir = TempDir::new().unwrap();
        let running = RunningNode::start(&node(&controller, &dir)).await.unwrap();
        // It never answers GOODBYE.
        let _silent = Ws::joined(&Target::Unix(dir.path().join("node.sock"))).await;
        let start = tokio::time::Instant::now();
        assert_eq!(running.stop(std::future::pending()).await, Stopped::Cut(1));
        assert_eq!(crate::support::whole_seconds(start), seconds);
    }
}

#[tokio::test]
async fn threads_when_written_is_how_many_there_are() {
    let mut counts = Vec::new();
    for threads in [1, 3] {
        let dir = TempDir::new().unwrap();
        let text = text(&json!({"options": {"threads": threads}})).to_string();
        std::fs::write(dir.path().join("config.json"), text).unwrap();
        let mut program = Program::start(PROGRAM, dir.path(), &["start"], &[]);
        program.wait_for("Ctrl-C").await;
        // With a connection served, all of them have started.
        let (client, _) = join(&Target::Unix(dir.path().join("node.sock"))).await;
        counts.push(std::fs::read_dir(format!("/proc/{}/task", program.pid())).unwrap().count());
        drop(client);
        program.signal(nix::sys::signal::Signal::SIGTERM);
        program.end().await;
    }
    assert_eq!(counts[1] - counts[0], 2, "{counts:?}");
}
