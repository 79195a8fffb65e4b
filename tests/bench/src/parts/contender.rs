//! The processes that are measured, each on the first core.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::procfs;

const START: Duration = Duration::from_secs(20);

/// A server of one process, and where it listens.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) addr: SocketAddr,
    /// The load begins with the handshake of WebSocket.
    pub(crate) websocket: bool,
    /// The load is inside TLS, trusting this authority.
    pub(crate) authority: Option<PathBuf>,
    child: Child,
    /// Where what it relays arrives, for a relay.
    pub(crate) sink: Option<TcpListener>,
    _folder: TempDir,
}

/// A certificate for `localhost`, and the authority that it is from.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Certificate and key in one file, as HAProxy wants it.
    pub(crate) both: PathBuf,
}

/// A folder for a contender.
pub(crate) fn folder() -> Result<TempDir> {
    tempfile::tempdir().map_err(Error::io("making a folder"))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io("looking for a free port"))?;
    Ok(listener.local_addr().map_err(Error::io("looking for a free port"))?.port())
}

pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|source| Error::File { path: path.into(), source })
}

impl Certificate {
    /// Makes them with OpenSSL.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let openssl = |words: &str| {
            let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output();
            match output {
                Ok(output) if output.status.success() => Ok(()),
                Ok(output) => Err(Error::Ended {
                    program: "openssl".into(),
                    status: output.status.to_string(),
                    output: String::from_utf8_lossy(&output.stderr).into_owned(),
                }),
                Err(source) => Err(Error::Spawn { program: "openssl".into(), source }),
            }
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 300 -subj /CN=authority"))?;
        openssl(&format!("req {key} -keyout node.key -out node.csr -subj /CN=localhost"))?;
        write(&folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1")?;
        openssl(
            "x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out node.pem -days 200 -extfile names",
        )?;
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })
        };
        write(&folder.join("both.pem"), &(read("node.pem")? + &read("node.key")?))?;
        let file = |name: &str| folder.join(name);
        Ok(Certificate {
            authority: file("ca.pem"),
            certificate: file("node.pem"),
            key: file("node.key"),
            both: file("both.pem"),
        })
    }
}

impl Contender {
    /// Starts a program that listens on that port.
    pub(crate) fn start(name: &'static str, folder: TempDir, port: u16, command: &[String]) -> Result<Self> {
        let program = || command.join(" ");
        let log = std::fs::File::create(folder.path().join("log")).map_err(Error::io("making a log"))?;
        let errors = log.try_clone().map_err(Error::io("making a log"))?;
        let child = Command::new("taskset")
            .args(["--cpu-list", "0"])
            .args(command)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Spawn { program: program(), source })?;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let mut contender =
            Contender { name, addr, websocket: false, authority: None, child, sink: None, _folder: folder };
        contender.wait(&program())?;
        Ok(contender)
    }

    /// Starts a server that is part of this program; it prints its port.
    pub(crate) fn own(name: &'static str, folder: TempDir, arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe().map_err(Error::io("finding this program"))?;
        let spawn = Command::new("taskset")
            .args(["--cpu-list", "0"])
            .arg(program)
            .arg("serve")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = spawn.map_err(|source| Error::Spawn { program: name.into(), source })?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(Error::io("waiting for a server"))?;
        }
        let port: u16 = line
            .trim()
            .parse()
            .map_err(|_| Error::Unexpected { expected: "the port of a server", got: line.clone() })?;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Contender { name, addr, websocket: false, authority: None, child, sink: None, _folder: folder })
    }

    /// The processor time that it has used, with that of its processes that have ended.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(procfs::cpu_time(self.child.id())? + procfs::children_cpu_time(self.child.id())?)
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> Result<TcpStream> {
        let connected = TcpStream::connect(self.addr);
        let stream = connected.map_err(|source| Error::Connect { target: self.addr.to_string(), source })?;
        stream.set_nodelay(true).map_err(Error::io("setting up a connection"))?;
        Ok(stream)
    }

    fn wait(&mut self, program: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            if TcpStream::connect(self.addr).is_ok() {
                return Ok(());
            }
            let output = || std::fs::read_to_string(self._folder.path().join("log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait().map_err(Error::io("waiting for a server"))? {
                return Err(Error::Ended {
                    program: program.into(),
                    status: status.to_string(),
                    output: output(),
                });
            }
            if start.elapsed() > START {
                return Err(Error::Silent { program: program.into(), waited: START, output: output() });
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        // A node leaves in order; nobody is asked twice.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(3) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
