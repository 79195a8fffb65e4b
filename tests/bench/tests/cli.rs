//! The benchmark's command line, from outside: against a fake router that lives in this process.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::process::{Command, Output};

#[path = "../src/fake.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests inside the program")]
mod fake;

use fake::{Fake, Fault};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_transom-bench")).args(arguments).output().unwrap()
}

fn attach(fake: &Fake, more: &[&str]) -> Output {
    let (rs, ws) = (fake.addr.to_string(), format!("ws://{}/ws", fake.addr));
    let pid = std::process::id().to_string();
    let mut arguments =
        vec!["attach", "--rs", &rs, "--ws", &ws, "--pid", &pid, "--seconds", "0.02", "--repeat", "1"];
    arguments.extend(more);
    bench(&arguments)
}

#[test]
fn attach_when_the_router_answers_prints_a_table_and_writes_json() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let cases = "pubsub/1x1/w64/rs-msgpack/32B,rpc/w64/ws-json/32B,join/w1/rs,idle-session";
    let more = ["--cases", cases, "--sessions", "20", "--unpinned", "--json", file.to_str().unwrap()];
    let output = attach(&Fake::start(Fault::None), &more);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for case in
        ["pubsub/1x1/w64/rs-msgpack/32B", "rpc/w64/ws-json/32B", "join/w1/rs-msgpack", "idle-session/ws-json"]
    {
        assert!(text.lines().any(|line| line.starts_with(case)), "{case} missing:\n{text}");
    }
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(figures["machine"]["cores"].as_u64().unwrap() > 0);
    let all = figures["cases"].as_array().unwrap();
    let first = all.iter().find(|case| case["case"] == "pubsub/1x1/w64/rs-msgpack/32B").unwrap();
    assert!(first["contenders"]["node"]["median"]["rate"].as_f64().unwrap() > 0.0);
    assert!(first["contenders"]["relay"]["median"]["rate"].as_f64().unwrap() > 0.0);
    assert!(first["ratio_to_relay"].as_f64().unwrap() > 0.0);
}

#[test]
fn attach_when_a_case_fails_says_which_and_ends_with_failure() {
    let output = attach(&Fake::start(Fault::RefuseCalls), &["--cases", "rpc/w1/rs", "--unpinned"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("FAILED rpc/w1/rs-msgpack/32B (node)"), "{text}");
    assert!(text.contains("no_such_procedure"), "{text}");
}

#[test]
fn run_when_the_node_ends_at_once_shows_its_last_words() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("node");
    std::fs::write(&program, "#!/bin/sh\necho cannot bind the port\nexit 7\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = bench(&["run", "--node", program.to_str().unwrap(), "--quick", "--unpinned"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("cannot bind the port") && text.contains('7'), "{text}");
}

#[test]
fn run_when_the_binary_does_not_exist_names_it() {
    let output = bench(&["run", "--node", "/nonexistent/node", "--unpinned"]);
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nonexistent/node"));
}

#[test]
fn cases_when_none_matches_are_refused() {
    let output = bench(&["run", "--node", "none", "--cases", "nonsense"]);
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("nonsense"));
}

#[test]
fn list_when_asked_names_the_cases() {
    let text = String::from_utf8(bench(&["list"]).stdout).unwrap();
    assert!(text.lines().any(|line| line == "pubsub/1x50/w32/rs-msgpack/32B"), "{text}");
}

#[test]
fn floor_when_measured_needs_no_router() {
    let output = bench(&[
        "floor",
        "--seconds",
        "0.02",
        "--repeat",
        "1",
        "--pinned",
        "--cases",
        "pubsub/1x1/w64/rs,join",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.lines().any(|line| line.starts_with("join/w16/ws-json")), "{text}");
}
