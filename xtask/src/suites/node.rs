//! The node under test.

use super::accounts;
use crate::run::{Cmd, Stop, failed, folder, tail};
use crate::workspace::Workspace;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(20);

/// A node in its own directory, killed when dropped.
pub(super) struct Node {
    child: Child,
    /// Ends when the node has closed its output, which it does by ending.
    output: Receiver<()>,
    /// Everything on one port, as it is and over TLS.
    pub(super) port: u16,
    pub(super) secure_port: u16,
    /// Echoes of WebSocket messages, as they are and over TLS.
    echo_ports: [u16; 2],
    pub(super) socket: PathBuf,
    log: PathBuf,
}

impl Node {
    /// Starts a node with universal ports on TCP, TLS and a Unix socket and with testees, and waits until all take
    /// connections.
    pub(super) fn start(ws: &Workspace, step: &str, binary: &Path) -> Result<Self, Stop> {
        let mut last = None;
        // Somebody else may take the port between our look and the node's.
        for _ in 0..3 {
            match Self::try_start(ws, step, binary) {
                Ok(node) => return Ok(node),
                Err(stop) => last = Some(stop),
            }
        }
        Err(last.unwrap_or(Stop::Failed("the node did not start".into())))
    }

    fn try_start(ws: &Workspace, step: &str, binary: &Path) -> Result<Self, Stop> {
        // Not below the root: the path of a Unix socket is short.
        let dir = folder(std::env::temp_dir().join(format!("transom-{}", std::process::id())))?;
        let log = folder(ws.build.join("suites"))?.join(format!("node-{step}.log"));
        certificate(&dir)?;
        match Self::spawn(binary, &dir, log) {
            Ok(node) => node.ready(),
            Err(error) => {
                let _ = std::fs::remove_dir_all(dir);
                failed(format!("the node: {error}"))
            }
        }
    }

    fn spawn(binary: &Path, dir: &Path, log: PathBuf) -> std::io::Result<Self> {
        let ports = free_ports()?;
        let [port, secure_port, echo, secure_echo] = ports;
        let socket = dir.join("node.sock");
        std::fs::write(dir.join("config.json"), configuration(ports, &socket).to_string())?;
        let (reader, writer) = std::io::pipe()?;
        let mut command = Cmd::new(binary).args(["start", "--cbdir"]).args([dir]);
        let child =
            command.inner().stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).spawn()?;
        let (lines, output) = channel();
        let mut file = File::create(&log)?;
        std::thread::spawn(move || {
            for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
                // A log that cannot be written is missed when it is looked at.
                let _ = file.write_all(&line).and_then(|()| file.write_all(b"\n"));
                let _ = lines.send(());
            }
        });
        Ok(Self { child, output, port, secure_port, echo_ports: [echo, secure_echo], socket, log })
    }

    /// Waits until all endpoints take connections. It looks again whenever the node says something.
    fn ready(self) -> Result<Self, Stop> {
        let deadline = Instant::now() + START;
        loop {
            let ports = [self.port, self.secure_port, self.echo_ports[0], self.echo_ports[1]];
            if ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
                && UnixStream::connect(&self.socket).is_ok()
            {
                return Ok(self);
            }
            let ended =
                self.output.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Disconnected);
            if ended || Instant::now() > deadline {
                return failed(format!("the node did not start; it said:\n{}", tail(&self.log, 20)));
            }
        }
    }

    pub(super) fn websocket(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.port)
    }

    /// Where the accounts are known, and where authenticators are asked for them.
    pub(super) fn logins(&self) -> [String; 2] {
        ["static", "dynamic"].map(|path| format!("ws://127.0.0.1:{}/{path}", self.port))
    }

    pub(super) fn secure_websocket(&self) -> String {
        format!("wss://127.0.0.1:{}/ws", self.secure_port)
    }

    pub(super) fn echo(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.echo_ports[0])
    }

    pub(super) fn secure_echo(&self) -> String {
        format!("wss://127.0.0.1:{}/", self.echo_ports[1])
    }

    /// The certificate of the authority that its certificate is from.
    pub(super) fn authority(&self) -> PathBuf {
        self.socket.with_file_name("ca.pem")
    }

    /// Asks the node to leave, as an operator would.
    pub(super) fn stop(mut self) -> Result<(), Stop> {
        Cmd::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.output.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
                return match self.child.wait() {
                    Ok(status) if status.code() == Some(0) => Ok(()),
                    Ok(status) => failed(format!("the node left with {status}:\n{}", tail(&self.log, 20))),
                    Err(error) => failed(format!("the node: {error}")),
                };
            }
        }
        failed(format!("the node did not leave within {STOP:?} of SIGTERM:\n{}", tail(&self.log, 20)))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(dir) = self.socket.parent() {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Makes an authority (`ca.pem`) and a certificate of it for this machine (`node.pem`, `node.key`).
fn certificate(dir: &Path) -> Result<(), Stop> {
    let openssl = |words: &str| {
        let log = dir.join("openssl.log");
        Cmd::new("openssl").args(words.split(' ')).dir(dir).logged(&log)
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 300 -subj /CN=authority"))?;
    openssl(&format!("req {key} -keyout node.key -out node.csr -subj /CN=localhost"))?;
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    if let Err(error) = std::fs::write(dir.join("names"), names) {
        return failed(error);
    }
    openssl(
        "x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out node.pem -days 200 -extfile names",
    )
}

/// The configuration the suites want: one realm, everything allowed, everything on each port, and echoes. What is over
/// TLS is compressed, and in many frames.
fn configuration(ports: [u16; 4], socket: &Path) -> serde_json::Value {
    let tcp = |port: u16| serde_json::json!({"type": "tcp", "interface": "127.0.0.1", "port": port});
    let tls = |port: u16| {
        let mut endpoint = tcp(port);
        endpoint["tls"] = serde_json::json!({"key": "node.key", "certificate": "node.pem"});
        endpoint
    };
    let deflate = serde_json::json!({"deflate": {}});
    let frames = |secure: bool| if secure { 1_000 } else { 0 };
    let universal = |endpoint: serde_json::Value, secure: bool| {
        let compression = if secure { deflate.clone() } else { serde_json::json!({}) };
        let options = serde_json::json!({"compression": compression, "auto_fragment_size": frames(secure)});
        serde_json::json!({
            "type": "universal", "endpoint": endpoint, "rawsocket": {}, "websocket": {"options": options},
            "web": {"paths": {
                "/": {"type": "nodeinfo"},
                "static": {"type": "websocket", "auth": accounts::known()},
                "dynamic": {"type": "websocket", "auth": accounts::asked_for()},
            }},
        })
    };
    let echo = |endpoint: serde_json::Value, secure: bool| {
        serde_json::json!({
            "type": "websocket.testee", "endpoint": endpoint,
            "options": {"compression": deflate, "max_message_size": 67_108_864, "auto_fragment_size": frames(secure)},
        })
    };
    let [port, secure, plain_echo, secure_echo] = ports;
    serde_json::json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [{
                "uri": "", "match": "prefix",
                "allow": {"call": true, "register": true, "publish": true, "subscribe": true},
                "disclose": {"caller": true},
            }]}]}],
            "transports": [
                universal(tcp(port), false),
                universal(tls(secure), true),
                universal(serde_json::json!({"type": "unix", "path": socket}), false),
                echo(tcp(plain_echo), false),
                echo(tls(secure_echo), true),
            ],
        }],
    })
}
