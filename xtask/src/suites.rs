//! The conformance suites of `tests/suites` against a node, built for release and started on a fresh directory.

use crate::run::{Cmd, Stop, failed, folder, tail};
use crate::tools::suites_cache;
use crate::workspace::Workspace;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What the real clients check over WebSocket, RawSocket on TCP and RawSocket on a Unix socket.
const CLIENT_CHECKS: u64 = 759;
/// The invalid messages among the vectors, and the new session after them.
const VALIDATION_CHECKS: u64 = 20;

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(20);

/// Real client libraries, unmodified, in three languages.
pub(crate) fn clients(ws: &Workspace) -> Result<(), Stop> {
    let cache = suites_cache(&ws.root);
    with_node(ws, CLIENT_CHECKS, |node| {
        Cmd::new(ws.root.join("tests/suites/wamp_clients.sh"))
            .args(["realm1", &node.websocket(), &format!("127.0.0.1:{}", node.port)])
            .env("RS", format!("unix:{}", node.socket.display()))
            .env("PROFILE", "basic")
            .env("SUITES_CACHE", &cache)
    })
}

/// The invalid messages of the WAMP test vectors.
pub(crate) fn validation(ws: &Workspace) -> Result<(), Stop> {
    with_node(ws, VALIDATION_CHECKS, |node| {
        Cmd::new("python3").args(["tests/suites/wamp_validation.py", &node.websocket(), "realm1"])
    })
}

/// Builds the node for release and returns the path of its binary.
pub(crate) fn build_node(ws: &Workspace) -> Result<PathBuf, Stop> {
    ws.cargo("build --release -p transom-node").status()?;
    Ok(ws.build.join("release/transom"))
}

/// Runs a suite against a fresh node; it must make at least `checks` checks, all good, and the node must leave
/// with exit code 0 afterwards.
fn with_node(ws: &Workspace, checks: u64, suite: impl FnOnce(&Node) -> Cmd) -> Result<(), Stop> {
    let node = Node::start(ws, &build_node(ws)?)?;
    let verdict = suite(&node).dir(&ws.root).last_line().and_then(|(good, line)| judge(good, &line, checks));
    let stopped = node.stop();
    verdict.and(stopped)
}

/// Reads `N passed, N failed`.
fn judge(good: bool, line: &str, checks: u64) -> Result<(), Stop> {
    let numbers = line.strip_suffix(" failed").and_then(|line| line.split_once(" passed, "));
    match numbers.map(|(passed, failed)| (passed.parse::<u64>(), failed.parse::<u64>())) {
        Some((Ok(passed), Ok(0))) if good && passed >= checks => Ok(()),
        Some((Ok(passed), Ok(0))) if good => failed(format!("{passed} checks ran, {checks} should")),
        _ => failed(format!("the suite ended with {line:?}")),
    }
}

/// A node in its own directory, killed when dropped.
struct Node {
    child: Child,
    /// Ends when the node has closed its output, which it does by ending.
    output: Receiver<()>,
    port: u16,
    socket: PathBuf,
    log: PathBuf,
}

impl Node {
    /// Starts a node with a universal port on TCP and one on a Unix socket and waits until both answer.
    fn start(ws: &Workspace, binary: &Path) -> Result<Self, Stop> {
        let mut last = None;
        // Somebody else may take the port between our look and the node's.
        for _ in 0..3 {
            match Self::try_start(ws, binary) {
                Ok(node) => return Ok(node),
                Err(stop) => last = Some(stop),
            }
        }
        Err(last.unwrap_or(Stop::Failed("the node did not start".into())))
    }

    fn try_start(ws: &Workspace, binary: &Path) -> Result<Self, Stop> {
        // Not below the root: the path of a Unix socket is short.
        let dir = folder(std::env::temp_dir().join(format!("transom-{}", std::process::id())))?;
        let log = folder(ws.build.join("suites"))?.join("node.log");
        match Self::spawn(binary, &dir, log) {
            Ok(node) => node.ready(),
            Err(error) => {
                let _ = std::fs::remove_dir_all(dir);
                failed(format!("the node: {error}"))
            }
        }
    }

    fn spawn(binary: &Path, dir: &Path, log: PathBuf) -> std::io::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let socket = dir.join("node.sock");
        std::fs::write(dir.join("config.json"), configuration(port, &socket).to_string())?;
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
        Ok(Self { child, output, port, socket, log })
    }

    /// Waits until both endpoints take connections. It looks again whenever the node says something.
    fn ready(self) -> Result<Self, Stop> {
        let deadline = Instant::now() + START;
        loop {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok()
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

    fn websocket(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.port)
    }

    /// Asks the node to leave, as an operator would.
    fn stop(mut self) -> Result<(), Stop> {
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

/// The configuration the suites want: one realm, everything allowed, everything on one TCP port and one socket.
fn configuration(port: u16, socket: &Path) -> serde_json::Value {
    let universal = |endpoint: serde_json::Value| {
        serde_json::json!({
            "type": "universal", "endpoint": endpoint, "rawsocket": {}, "websocket": {},
            "web": {"paths": {"/": {"type": "nodeinfo"}}},
        })
    };
    serde_json::json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [{
                "uri": "", "match": "prefix",
                "allow": {"call": true, "register": true, "publish": true, "subscribe": true},
            }]}]}],
            "transports": [
                universal(serde_json::json!({"type": "tcp", "interface": "127.0.0.1", "port": port})),
                universal(serde_json::json!({"type": "unix", "path": socket})),
            ],
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_when_the_last_line_is_read_wants_every_check() {
        assert!(judge(true, "759 passed, 0 failed", 759).is_ok());
        assert!(judge(true, "760 passed, 0 failed", 759).is_ok());
        for (good, line) in [
            (false, "759 passed, 0 failed"),
            (true, "758 passed, 0 failed"),
            (true, "759 passed, 1 failed"),
            (true, ""),
            (true, "Traceback"),
        ] {
            assert!(judge(good, line, 759).is_err(), "{good} {line:?}");
        }
    }
}
