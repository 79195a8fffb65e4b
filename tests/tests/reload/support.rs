//! A node in a process of its own whose file a test rewrites.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use transom_tests::{Carrier, Client, PATIENCE, Program, Target};
use transom_wamp::Serializer;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_transom-tested");

/// A node with one worker, whose realm `realm1` lets everybody do anything.
pub(crate) fn config(transports: Value) -> Value {
    with_realms(json!([open_realm("realm1")]), transports)
}

pub(crate) fn with_realms(realms: Value, transports: Value) -> Value {
    json!({"version": 2, "workers": [{"type": "router", "realms": realms, "transports": transports}]})
}

pub(crate) fn open_realm(name: &str) -> Value {
    json!({"name": name, "roles": [{"name": "anonymous", "allow-by-default": true}]})
}

pub(crate) fn universal(path: &str) -> Value {
    json!({"type": "universal", "endpoint": {"type": "unix", "path": path}, "websocket": {}, "rawsocket": {}})
}

pub(crate) fn rawsocket(path: &str) -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": path}})
}

/// The fields of `more` over those of `base`.
pub(crate) fn with(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// What it said when it did what it was asked.
    #[track_caller]
    pub(crate) fn applied(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// What it said when it refused.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        format!("{}{}", self.out, self.err)
    }
}

/// Runs a command of the program in a folder.
pub(crate) async fn run(dir: &Path, args: &[&str]) -> Said {
    let (code, out, err) = Program::start(PROGRAM, dir, args, &[]).end().await;
    Said { code, out, err }
}

/// A node that runs in a folder of its own.
pub(crate) struct Node {
    pub(crate) dir: TempDir,
    pub(crate) program: Program,
}

impl Node {
    pub(crate) async fn start(config: &Value) -> Self {
        Self::start_with(config, &[]).await
    }

    pub(crate) async fn start_with(config: &Value, options: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        let args = [&["start"][..], options].concat();
        let mut program = Program::start(PROGRAM, dir.path(), &args, &[]);
        program.wait_for("Ctrl-C").await;
        Node { dir, program }
    }

    /// Writes the file anew.
    pub(crate) fn write(&self, config: &Value) {
        self.write_text(&config.to_string());
    }

    pub(crate) fn write_text(&self, text: &str) {
        std::fs::write(self.path("config.json"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn unix(&self, name: &str) -> Target {
        Target::Unix(self.path(name))
    }

    /// A session on `realm1`.
    pub(crate) async fn join(&self, socket: &str, carrier: Carrier) -> Client {
        Client::join(&self.unix(socket), carrier, Serializer::Json).await.0
    }

    /// Runs a command of the program in the node directory.
    pub(crate) async fn run(&self, args: &[&str]) -> Said {
        run(self.dir.path(), args).await
    }

    pub(crate) async fn reload(&self) -> Said {
        self.run(&["reload"]).await
    }

    pub(crate) async fn status(&self) -> Value {
        let said = self.run(&["status", "--format", "json"]).await.applied();
        serde_json::from_str(&said).unwrap()
    }

    /// The status once it is so.
    pub(crate) async fn until(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let status = self.status().await;
                if fits(&status) {
                    return status;
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("the status does not become what it should")
    }

    /// Ends the node in order; its log.
    pub(crate) async fn stop(self) -> String {
        self.program.signal(Signal::SIGTERM);
        let (code, out, err) = self.program.end().await;
        assert_eq!(code, Some(0), "{out}{err}");
        err
    }
}
