//! The processes of a run: the relay, the node, the holder of idle sessions. Each is stopped with its handle.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Error, Result};

/// A node answers within this or is given up.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Beyond the node's own drain timeout of 10 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// Between two tries to connect to a starting node: short against 15 ms, long enough to leave it the core.
const TRY_INTERVAL: Duration = Duration::from_micros(200);

/// A child that reports on its first line of output and ends when its input does.
#[derive(Debug)]
pub(crate) struct Helper {
    child: Child,
    leash: Option<ChildStdin>,
}

impl Helper {
    /// Starts this very program with other arguments and waits for its first line.
    pub(crate) fn start(arguments: &[String]) -> Result<(Self, String)> {
        let program = std::env::current_exe().map_err(Error::io("finding this program"))?;
        let name = || format!("{} {}", program.display(), arguments.join(" "));
        let spawn = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn();
        let mut child = spawn.map_err(|source| Error::Spawn { program: name(), source })?;
        let leash = child.stdin.take();
        let output = child.stdout.take();
        let mut helper = Self { child, leash };
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line).map_err(Error::io("waiting for a helper process"))?;
        }
        if line.is_empty() {
            let status = helper.child.wait().map_err(Error::io("waiting for a helper process"))?;
            return Err(Error::Ended { program: name(), status: status.to_string(), output: String::new() });
        }
        Ok((helper, line.trim().to_string()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ended = self.child.wait();
    }
}

/// A node under load, on a node directory of its own that goes with it.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    program: PathBuf,
    addr: SocketAddr,
    directory: Arc<NodeDirectory>,
    /// From starting the process to the first answer on its port.
    pub(crate) startup: Duration,
}

/// A node directory with a configuration for one port; it can be started from more than once.
#[derive(Debug)]
pub(crate) struct NodeDirectory {
    directory: tempfile::TempDir,
    addr: SocketAddr,
}

impl NodeDirectory {
    /// A realm where anybody may do anything, on one universal port; `threads` 0 means one per core.
    pub(crate) fn new(threads: u32) -> Result<Self> {
        let addr = free_port()?;
        let directory = tempfile::tempdir().map_err(Error::io("making a node directory"))?;
        let path = directory.path().join("config.json");
        let text = configuration(addr.port(), threads).to_string();
        std::fs::write(&path, text).map_err(|source| Error::File { path, source })?;
        Ok(Self { directory, addr })
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("node.log")
    }

    /// The last lines the node wrote.
    fn log_tail(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }
}

/// The configuration of the node under load.
fn configuration(port: u16, threads: u32) -> serde_json::Value {
    serde_json::json!({
        "version": 2,
        "controller": {"options": {"threads": threads}},
        "workers": [{
            "type": "router",
            "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [
                {"uri": "", "match": "prefix",
                 "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}
            ]}]}],
            "transports": [{
                "type": "universal",
                "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port},
                "rawsocket": {},
                "websocket": {}
            }]
        }]
    })
}

/// A port nobody listens on now; the dialect refuses port 0.
fn free_port() -> Result<SocketAddr> {
    let fail = || Error::io("finding a free port");
    TcpListener::bind(("127.0.0.1", 0)).map_err(fail())?.local_addr().map_err(fail())
}

impl Node {
    /// Starts a node and waits until it answers a RawSocket handshake.
    pub(crate) fn start(program: &Path, directory: Arc<NodeDirectory>) -> Result<Self> {
        let log = File::create(directory.log()).map_err(Error::io("making the node's log file"))?;
        let errors = log.try_clone().map_err(Error::io("making the node's log file"))?;
        let began = Instant::now();
        let child = Command::new(program)
            .arg("start")
            .arg("--cbdir")
            .arg(directory.directory.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Spawn { program: program.display().to_string(), source })?;
        let mut node =
            Self { child, program: program.into(), addr: directory.addr, directory, startup: Duration::ZERO };
        while !answers(node.addr) {
            if let Some(status) = node.child.try_wait().map_err(Error::io("looking after the node"))? {
                return Err(node.ended(status));
            }
            if began.elapsed() > START_TIMEOUT {
                let output = node.directory.log_tail();
                return Err(Error::Silent { program: node.name(), waited: START_TIMEOUT, output });
            }
            std::thread::park_timeout(TRY_INTERVAL);
        }
        node.startup = began.elapsed();
        Ok(node)
    }

    fn name(&self) -> String {
        self.program.display().to_string()
    }

    fn ended(&self, status: ExitStatus) -> Error {
        Error::Ended { program: self.name(), status: status.to_string(), output: self.directory.log_tail() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether it has ended by itself, as an error that says how.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait().map_err(Error::io("looking after the node"))? {
            Some(status) => Err(self.ended(status)),
            None => Ok(()),
        }
    }

    /// Stops it with SIGTERM; anything but exit status 0 is an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.check()?;
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, Signal::SIGTERM).map_err(|errno| Error::System { what: "stopping the node", errno })?;
        let began = Instant::now();
        loop {
            match self.child.try_wait().map_err(Error::io("waiting for the node to stop"))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    let output = self.directory.log_tail();
                    return Err(Error::Unclean { program: self.name(), status: status.to_string(), output });
                }
                None if began.elapsed() > STOP_TIMEOUT => {
                    return Err(Error::Stuck { program: self.name(), waited: STOP_TIMEOUT });
                }
                None => std::thread::park_timeout(Duration::from_millis(2)),
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // After an orderly stop both do nothing.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// One try of a RawSocket handshake.
fn answers(addr: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(addr) else { return false };
    let mut answer = [0; 4];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.write_all(&[0x7f, 0xf2, 0, 0]).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer.starts_with(&[0x7f])
}
