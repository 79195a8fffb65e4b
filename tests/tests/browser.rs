//! The node's page in a real browser: a click, and a received event. The steps are in `browser/page.mjs`; Chromium and
//! its driver are found by the environment that `cargo xtask test-all` sets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;
use transom_tests::{Target, TestNode};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn page_is_used_by_click_and_receives_events() {
    if std::env::var_os("TRANSOM_BROWSER_MODULES").is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "the browser's driver is not installed");
        println!("SKIPPED: TRANSOM_BROWSER_MODULES is not set; `cargo xtask test-all` installs and sets it");
        return;
    }
    // The embedded default node, on a port of its own.
    let node = TestNode::start(json!([{
        "type": "universal",
        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 1},
        "rawsocket": {},
        "websocket": {},
        "web": {"paths": {"/": {"type": "nodeinfo", "console": true}},
                "options": {"allowed_hosts": ["127.0.0.1", "localhost", "[::1]"]}}
    }]))
    .await;
    let Target::Tcp(addr) = node.target(0) else { panic!("not on TCP") };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let screenshots = here.parent().unwrap().join("target/screenshots");
    let output = Command::new("node")
        .arg(here.join("browser/page.mjs"))
        .arg(format!("http://{addr}/"))
        .arg(&screenshots)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert!(
        text.lines().last().is_some_and(|l| l.ends_with("passed, 0 failed") && !l.starts_with("0 ")),
        "{text}"
    );
    node.stop_or(std::future::ready(())).await;
}
