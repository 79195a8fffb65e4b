//! The commands about configurations: `init`, `check`, `convert`, `upgrade`, `schema` and `start --print-config`, each in a
//! fresh folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use transom_tests::Program;

const PROGRAM: &str = env!("CARGO_BIN_EXE_transom-tested");

async fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    Program::start(PROGRAM, dir, args, &[]).end().await
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

#[tokio::test]
async fn init_writes_what_check_finds_good_and_nothing_over_what_is_there() {
    for template in ["default", "web", "minimal"] {
        let dir = TempDir::new().unwrap();
        let (code, out, err) = run(dir.path(), &["init", "--template", template]).await;
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(out.contains("wrote .crossbar/config."), "{out}");
        let (code, out, err) = run(dir.path(), &["check"]).await;
        assert_eq!((code, err.contains("warning")), (Some(0), false), "{out}{err}");
        let (code, out, _) = run(dir.path(), &["init"]).await;
        assert_eq!(code, Some(1));
        assert!(out.contains("is there already; nothing was written"), "{out}");
    }
}

#[tokio::test]
async fn init_makes_a_node_that_starts() {
    let dir = TempDir::new().unwrap();
    run(dir.path(), &["init", "--cbdir", "node", "--template", "web"]).await;
    // Any free port instead of the usual one, which somebody else may have.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let text = read(dir.path(), "node/config.yaml").replace("8080", &port.to_string());
    std::fs::write(dir.path().join("node/config.yaml"), text).unwrap();
    let mut node = Program::start(PROGRAM, dir.path(), &["start", "--cbdir", "node"], &[]);
    node.wait_for(&format!("http://127.0.0.1:{port}/")).await;
    node.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(node.end().await.0, Some(0));
}

#[tokio::test]
async fn check_for_machines_is_one_object() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("config.json"), "{\"version\": 2,\n \"workers\": 5, \"controler\": {}}")
        .unwrap();
    let (code, out, err) = run(dir.path(), &["check", "--format", "json"]).await;
    assert_eq!((code, err.as_str()), (Some(1), ""));
    let said: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(said["ok"], json!(false));
    assert_eq!(said["findings"].as_array().unwrap().len(), 2, "{out}");
    let finding = &said["findings"][0];
    assert_eq!(finding["path"], json!("workers"));
    assert_eq!(
        (&finding["severity"], &finding["line"], &finding["column"]),
        (&json!("error"), &json!(2), &json!(13))
    );
    assert!(finding["message"].as_str().unwrap().contains("invalid type int"), "{out}");
    assert_eq!(said["findings"][1]["hint"], json!("did you mean \"controller\"?"));
    let (code, out, _) = run(dir.path(), &["check", "--format", "json", "--config", "none.json"]).await;
    assert_eq!(code, Some(1));
    assert!(
        serde_json::from_str::<Json>(&out).unwrap()["error"].as_str().unwrap().contains("none.json"),
        "{out}"
    );
}

#[tokio::test]
async fn convert_there_and_back_is_the_same() {
    let dir = TempDir::new().unwrap();
    run(dir.path(), &["init", "--template", "minimal"]).await;
    let (code, out, err) = run(dir.path(), &["convert"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(read(dir.path(), ".crossbar/config.yaml").starts_with("version: 2\nworkers:\n"));
    let (code, out, _) = run(dir.path(), &["convert", "--to", "-"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(out, read(dir.path(), ".crossbar/config.json"));
    let (code, out, _) = run(dir.path(), &["convert", "--config", "config.json"]).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("config.yaml cannot be written: File exists"), "{out}");
}

#[tokio::test]
async fn convert_keeps_who_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config.json");
    std::fs::write(&file, "{\"version\": 2}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run(dir.path(), &["convert"]).await.0, Some(0));
    let mode = std::fs::metadata(dir.path().join("config.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn convert_of_what_is_wrong_says_where_and_writes_nothing() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("config.json"), "{\"version\": 2, \"wrong\": 1}").unwrap();
    let (code, out, err) = run(dir.path(), &["convert"]).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("config.json:1:16") && out.contains("is not converted"), "{out}{err}");
    assert!(!dir.path().join("config.yaml").exists());
}

#[tokio::test]
async fn upgrade_makes_a_file_of_version_1_good_and_keeps_it() {
    let dir = TempDir::new().unwrap();
    let old = json!({"workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
        {"name": "anonymous", "permissions": [{"uri": "*", "publish": true, "subscribe": true}]}]}]}]});
    std::fs::write(dir.path().join("config.json"), old.to_string()).unwrap();
    assert_eq!(run(dir.path(), &["check"]).await.0, Some(1));
    let (code, out, err) = run(dir.path(), &["upgrade"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(run(dir.path(), &["check"]).await.0, Some(0));
    assert_eq!(read(dir.path(), "config.json.version1"), old.to_string());
    let new: Json = serde_json::from_str(&read(dir.path(), "config.json")).unwrap();
    let rule = &new["workers"][0]["realms"][0]["roles"][0]["permissions"][0];
    assert_eq!(
        (&rule["uri"], &rule["match"], &rule["allow"]["publish"]),
        (&json!(""), &json!("prefix"), &json!(true))
    );
    let (code, out, _) = run(dir.path(), &["upgrade"]).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("has version 2 already"), "{out}");
}

#[tokio::test]
async fn schema_for_editors_and_for_people() {
    let dir = TempDir::new().unwrap();
    let (code, out, _) = run(dir.path(), &["schema"]).await;
    assert_eq!(code, Some(0));
    let schema: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["$schema"], json!("https://json-schema.org/draft/2020-12/schema"));
    let endpoint = &schema["$defs"]["listening tcp endpoint"]["properties"];
    assert_eq!(endpoint["backlog"]["default"], json!(50));
    let (code, out, _) = run(dir.path(), &["schema", "--format", "markdown"]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("| `backlog` | 1..65535 | `50` | "), "{out}");
}

#[tokio::test]
async fn effective_configuration_has_defaults_and_no_secrets() {
    let dir = TempDir::new().unwrap();
    let config = json!({"version": 2, "workers": [{"type": "router", "transports": [
        {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 9000}, "auth": {"ticket": {"type": "static",
            "principals": {"joe": {"ticket": "open-sesame"}, "ann": {"ticket": "${MYTICKET}"}}}}}]}]});
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    let args = ["start", "--print-config", "--ignore-unsupported"];
    let (code, out, err) =
        Program::start(PROGRAM, dir.path(), &args, &[("MYTICKET", "open-sesame")]).end().await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!format!("{out}{err}").contains("sesame"), "{out}{err}");
    let shown: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(shown["version"], json!(2));
    let transport = &shown["workers"][0]["transports"][0];
    assert_eq!(
        (&transport["endpoint"]["backlog"], &transport["max_connections"]),
        (&json!(50), &json!(50_000))
    );
    // The node that runs without any file has one too.
    let none = TempDir::new().unwrap();
    let (code, out, _) = run(none.path(), &["start", "--print-config"]).await;
    assert_eq!(code, Some(0));
    assert!(
        serde_json::from_str::<Json>(&out).unwrap()["workers"][0]["realms"][0]["name"] == json!("realm1")
    );
}
