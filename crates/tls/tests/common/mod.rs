//! A folder with certificates, both ends of a handshake in memory, and programs of others as the other end.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;
use transom_base::{Address, ConnInfo, Connection, Deadline, TlsInfo};
use transom_endpoint::{EndpointError, Upgrade};
use transom_testkit::{Issued, IssuedFiles, TestCa, memory_connection};
use transom_tls::{TlsClient, TlsConnectSettings, TlsListenSettings, TlsServer};

/// Long enough for any handshake on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A folder, an authority and its certificate in `ca.pem`.
pub(crate) struct Folder {
    pub(crate) root: tempfile::TempDir,
    pub(crate) ca: TestCa,
    pub(crate) ca_file: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let ca = TestCa::new("Test Authority");
        let ca_file = ca.write(root.path(), "ca.pem");
        Folder { root, ca, ca_file }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Writes a certificate to `NAME.pem` and its key to `NAME.key`.
    pub(crate) fn write(&self, name: &str, issued: &Issued) -> IssuedFiles {
        private(issued.write(self.path(), name))
    }

    /// Settings with a certificate for these names.
    pub(crate) fn listening(&self, names: &[&str]) -> TlsListenSettings {
        let files = self.write("server", &self.ca.server(names));
        TlsListenSettings::new(files.key, files.certificate)
    }

    /// Settings that trust this folder's authority.
    pub(crate) fn connecting(&self, hostname: &str) -> TlsConnectSettings {
        let mut settings = TlsConnectSettings::new(hostname);
        settings.ca_certificates = vec![self.ca_file.clone()];
        settings
    }

    pub(crate) fn client(&self, hostname: &str) -> TlsClient {
        client(self.connecting(hostname))
    }
}

/// Nobody else may read the key, or it would be warned of.
pub(crate) fn private(files: IssuedFiles) -> IssuedFiles {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// A server from settings that are right.
pub(crate) fn server(settings: TlsListenSettings) -> TlsServer {
    let (server, findings) = TlsServer::new(settings).unwrap();
    let serious = findings.iter().find(|finding| finding.severity > transom_tls::Severity::Note);
    assert_eq!(serious, None);
    server
}

/// A client from settings that are right.
pub(crate) fn client(settings: TlsConnectSettings) -> TlsClient {
    let (client, findings) = TlsClient::new(&settings).unwrap();
    assert_eq!(findings, []);
    client
}

type Shaken = Result<Connection, EndpointError>;

/// A handshake in memory: the server's and the client's result.
pub(crate) async fn shake(server: &TlsServer, client: &TlsClient) -> (Shaken, Shaken) {
    let (near, far) = memory_connection(64 * 1024);
    let far = Connection::new(far, ConnInfo::new(Address::Memory(0), Address::Memory(1)));
    tokio::join!(server.apply(near, Deadline::after(LONG)), async {
        let mut result = client.apply(far, Deadline::after(LONG)).await;
        // With TLS 1.3 a client learns of its refusal, and of tickets, when it reads.
        if let Ok(conn) = &mut result {
            let mut nothing = [0; 1];
            let _ = tokio::time::timeout(Duration::ZERO, conn.io.read(&mut nothing)).await;
        }
        result
    })
}

/// A handshake that works, and that carries bytes both ways.
pub(crate) async fn connect(server: &TlsServer, client: &TlsClient) -> (Arc<TlsInfo>, Arc<TlsInfo>) {
    let (near, far) = shake(server, client).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    let mut heard = [0; 4];
    near.io.write_all(b"ping").await.unwrap();
    near.io.flush().await.unwrap();
    far.io.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ping");
    far.io.write_all(b"pong").await.unwrap();
    far.io.flush().await.unwrap();
    near.io.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"pong");
    (near.info.tls.unwrap(), far.info.tls.unwrap())
}

/// Why a handshake failed, with all causes.
pub(crate) fn why(result: Shaken) -> String {
    result.expect_err("a handshake that fails").chain()
}

/// A server on a free port that serves connections one after the other and says back, in one line, what it knows of
/// each: `version suite sni alpn cn resumed`. Yields what came of each handshake when it is stopped.
pub(crate) struct Listening {
    pub(crate) port: u16,
    task: JoinHandle<()>,
    outcomes: tokio::sync::mpsc::UnboundedReceiver<Result<Arc<TlsInfo>, String>>,
}

impl Listening {
    pub(crate) async fn start(server: TlsServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, outcomes) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let info = ConnInfo::new(Address::tcp(peer), Address::tcp(peer));
                let result = server.apply(Connection::new(stream, info), Deadline::after(LONG)).await;
                let outcome = match result {
                    Ok(mut conn) => {
                        let facts = conn.info.tls.clone().unwrap();
                        let _ = conn.io.write_all(line(&facts).as_bytes()).await;
                        let _ = conn.io.shutdown().await;
                        let mut rest = Vec::new();
                        let _ = conn.io.read_to_end(&mut rest).await;
                        Ok(facts)
                    }
                    Err(error) => Err(error.chain()),
                };
                let _ = sender.send(outcome);
            }
        });
        Listening { port, task, outcomes }
    }

    /// What came of the next connection.
    pub(crate) async fn outcome(&mut self) -> Result<Arc<TlsInfo>, String> {
        tokio::time::timeout(LONG, self.outcomes.recv()).await.unwrap().unwrap()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn line(facts: &TlsInfo) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let cn = facts.peer().and_then(|peer| peer.common_name()).unwrap_or("-");
    format!(
        "facts {} {} {} {} {cn} {}\n",
        facts.version,
        facts.suite,
        text(&facts.sni),
        text(&facts.alpn),
        facts.resumed
    )
}

/// Runs a program to its end with nothing on its input; its output and what it complains of. A program that is missing
/// fails the test.
pub(crate) async fn run(program: &str, args: &[&str]) -> String {
    let command = Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(LONG, command).await.expect("a program that ends");
    let output = output.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `openssl s_client` against a port of this machine.
pub(crate) async fn s_client(port: u16, args: &[&str]) -> String {
    let target = format!("127.0.0.1:{port}");
    run("openssl", &[&["s_client", "-connect", &target], args].concat()).await
}
