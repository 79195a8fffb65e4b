//! A folder with certificates, and commands that run in it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use transom_testkit::{Issued, IssuedFiles, TestCa, TestCert};
use transom_tests::Program;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_transom-tested");

/// A folder with an authority, whose certificate is `ca.pem`.
pub(crate) struct Folder {
    pub(crate) dir: TempDir,
    pub(crate) ca: TestCa,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// What it printed when it ended like that.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Folder {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let ca = TestCa::new("Test Authority");
        ca.write(dir.path(), "ca.pem");
        Folder { dir, ca }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn issued(&self, name: &str, issued: &Issued) -> IssuedFiles {
        private(issued.write(self.dir.path(), name))
    }

    /// A server's certificate for `localhost` and `127.0.0.1`, and its key.
    pub(crate) fn server(&self) -> IssuedFiles {
        self.issued("server", &self.ca.server(&["localhost", "127.0.0.1"]))
    }

    /// A certificate for clients, and its key.
    pub(crate) fn client(&self) -> IssuedFiles {
        self.issued("client", &self.ca.client("somebody"))
    }

    /// The `tls` of a connecting endpoint that trusts the authority.
    pub(crate) fn trusting(&self, hostname: &str) -> Value {
        json!({"hostname": hostname, "ca_certificates": [self.path("ca.pem")]})
    }

    /// Starts a command in the folder.
    pub(crate) fn start(&self, args: &[&str]) -> Program {
        Program::start(PROGRAM, self.dir.path(), args, &[])
    }

    /// Runs a command in the folder to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, &[]).await
    }

    pub(crate) async fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let (code, out, err) = Program::start(PROGRAM, self.dir.path(), args, env).end().await;
        Said { code, out, err }
    }
}

fn private(files: IssuedFiles) -> IssuedFiles {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// A certificate for `localhost` that was valid from so many days ago until that many days ago.
pub(crate) fn expired(from: i64, until: i64) -> TestCert {
    TestCert::server(&["localhost"]).valid(-from, -until)
}

/// The `tls` of a listening endpoint.
pub(crate) fn tls(files: &IssuedFiles) -> Value {
    json!({"key": files.key, "certificate": files.certificate})
}

/// The fields of `more` over those of `base`.
pub(crate) fn with(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

/// A connecting endpoint.
pub(crate) fn to_tcp(port: u16) -> Value {
    json!({"type": "tcp", "host": "127.0.0.1", "port": port})
}

/// A connecting endpoint.
pub(crate) fn to_unix(path: &Path) -> Value {
    json!({"type": "unix", "path": path})
}
