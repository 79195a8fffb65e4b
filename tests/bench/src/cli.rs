//! The command line: what to measure, for how long, and where the figures go.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;

use crate::error::{Error, Result};
use crate::load::join::{self, Join};
use crate::load::{STALL, Timing};
use crate::peer::{Nature, Peer, WebSocketAddr, resolve};
use crate::relay::Relay;
use crate::report::{self, NODE};
use crate::run::{self, Settings, Subject};
use crate::wire::Wire;
use crate::{cases, instructions, parts, procfs};

/// A WAMP router against a bare relay: CPU per delivery, rate, latency, memory.
#[derive(Debug, Parser)]
#[command(name = "transom-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a node and measure it
    Run {
        /// The node's binary; it is started as PATH start --cbdir DIR
        #[arg(long, value_name = "PATH")]
        node: PathBuf,
        /// Another node's binary, measured in turns with the first
        #[arg(long, value_name = "PATH")]
        against: Option<PathBuf>,
        #[command(flatten)]
        options: Options,
    },
    /// Measure a WAMP router that is running already
    ///
    /// It should be freshly started: the memory of idle sessions is not seen where earlier load left room for them.
    Attach {
        /// Where it speaks RawSocket (MessagePack), HOST:PORT
        #[arg(long, value_name = "HOST:PORT", required_unless_present = "ws")]
        rs: Option<String>,
        /// Where it speaks WebSocket (JSON), ws://HOST:PORT/PATH
        #[arg(long, value_name = "URL")]
        ws: Option<String>,
        /// The process whose CPU time and memory count
        #[arg(long)]
        pid: u32,
        /// A realm where an anonymous session may do anything
        #[arg(long, default_value = "realm1")]
        realm: String,
        #[command(flatten)]
        options: Options,
    },
    /// Measure the bare relay alone: the floor on this machine
    Floor {
        #[command(flatten)]
        options: Options,
    },
    /// List the cases
    List,
    /// Forward octets until the standard input ends; prints its address
    Relay,
    /// Measure parts of a node beside other programs: WebSocket, TLS, accepting, relaying, compressing
    Parts {
        /// The node's binary
        #[arg(long, value_name = "PATH")]
        node: PathBuf,
        /// Only cases whose name contains one of these
        #[arg(long, value_name = "PART,…", value_delimiter = ',')]
        cases: Vec<String>,
        /// Time of each run
        #[arg(long, value_name = "N", default_value_t = 1.0)]
        seconds: f64,
        /// Runs of each contender in each case; the median counts
        #[arg(long, value_name = "N", default_value_t = 5)]
        repeat: usize,
    },
    /// Count the instructions of reading and writing one WebSocket message, with valgrind
    Instructions,
    /// Do what is counted
    #[command(hide = true)]
    Work { row: usize, messages: u32 },
    /// Serve what parts are measured beside; prints its port
    Serve {
        kind: parts::servers::Kind,
        #[arg(requires = "certificate")]
        key: Option<PathBuf>,
        certificate: Option<PathBuf>,
    },
    /// Hold idle sessions until the standard input ends; prints a line when all are open
    Hold {
        #[arg(long, value_name = "HOST:PORT", required_unless_present = "ws")]
        rs: Option<SocketAddr>,
        #[arg(long, value_name = "URL")]
        ws: Option<String>,
        #[arg(long)]
        count: usize,
        #[arg(long, default_value = "realm1")]
        realm: String,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Only cases whose name contains one of these
    #[arg(long, value_name = "PART,…", value_delimiter = ',')]
    cases: Vec<String>,
    /// Write all figures here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only with router and generator on one core
    #[arg(long, conflicts_with = "unpinned")]
    pinned: bool,
    /// Only with all cores
    #[arg(long)]
    unpinned: bool,
    /// Measured time of each run, after a warm-up of a fifth of it
    #[arg(long, value_name = "N", conflicts_with = "quick")]
    seconds: Option<f64>,
    /// Runs of 0.3 s and fewer idle sessions
    #[arg(long)]
    quick: bool,
    /// Runs of each contender in each case; the median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeat: usize,
    /// Idle sessions opened to measure their memory [default: 5000, or 2000 with --quick]
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
    /// Record cases whose name contains this with perf, into perf-CASE.data
    #[arg(long, value_name = "CASE")]
    profile: Option<String>,
}

impl Options {
    fn settings(&self) -> Result<Settings> {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.3 } else { 1.0 });
        let window = Duration::try_from_secs_f64(seconds).ok().filter(|window| !window.is_zero());
        let window = window
            .ok_or(Error::Argument { text: seconds.to_string(), wanted: "a number of seconds above 0" })?;
        let cases = cases::all(&self.cases);
        if cases.is_empty() {
            return Err(Error::Argument {
                text: self.cases.join(","),
                wanted: "part of a case's name (see list)",
            });
        }
        let modes = match (self.pinned, self.unpinned) {
            (true, _) => vec![true],
            (_, true) => vec![false],
            _ => vec![true, false],
        };
        Ok(Settings {
            timing: Timing { warmup: window / 5, window, stall: STALL },
            repeat: self.repeat.max(1),
            sessions: self.sessions.unwrap_or(if self.quick { 2000 } else { 5000 }).max(1),
            modes,
            cases,
            profile: self.profile.clone(),
        })
    }
}

/// Runs what the command line asks for; `false` when a case failed.
pub(crate) fn main() -> Result<bool> {
    match Cli::parse().command {
        Command::Run { node, against, options } => measure(&options, &run::binaries(node, against)),
        Command::Attach { rs, ws, pid, realm, options } => {
            let peer = Peer {
                nature: Nature::Router,
                rawsocket: rs.as_deref().map(resolve).transpose()?,
                websocket: ws.as_deref().map(WebSocketAddr::parse).transpose()?,
                realm,
            };
            measure(&options, &[(NODE, Subject::Attached { peer, pid })])
        }
        Command::Floor { options } => measure(&options, &[]),
        Command::List => {
            let names: Vec<_> = cases::all(&[]).into_iter().map(|case| case.name).collect();
            print(&names.join("\n"))?;
            Ok(true)
        }
        Command::Relay => {
            raise_descriptors()?;
            let input = std::io::stdin();
            let relay = Relay::bind(input.as_raw_fd())?;
            print(&relay.addr()?.to_string())?;
            relay.run()?;
            Ok(true)
        }
        Command::Parts { node, cases, seconds, repeat } => {
            let window = Duration::try_from_secs_f64(seconds).ok().filter(|window| !window.is_zero());
            let window = window.ok_or(Error::Argument {
                text: seconds.to_string(),
                wanted: "a number of seconds above 0",
            })?;
            // The servers run in folders of their own.
            let node = std::path::absolute(node).map_err(Error::io("finding the node"))?;
            parts::run(&parts::Settings { node, cases, window, repeat: repeat.max(1) })?;
            Ok(true)
        }
        Command::Instructions => instructions::run().map(|()| true),
        Command::Work { row, messages } => instructions::work(row, messages).map(|()| true),
        Command::Serve { kind, key, certificate } => {
            parts::servers::serve(kind, key, certificate)?;
            Ok(true)
        }
        Command::Hold { rs, ws, count, realm } => {
            raise_descriptors()?;
            let wire = if rs.is_some() { Wire::RS_MSGPACK } else { Wire::WS_JSON };
            let websocket = ws.as_deref().map(WebSocketAddr::parse).transpose()?;
            let peer = Peer { nature: Nature::Router, rawsocket: rs, websocket, realm };
            let sessions = join::open(&peer, Join { wire, in_flight: 64 }, count)?;
            print(&format!("holding {} sessions", sessions.len()))?;
            let mut rest = Vec::new();
            std::io::stdin().read_to_end(&mut rest).map_err(Error::io("waiting for the end of input"))?;
            Ok(true)
        }
    }
}

fn measure(options: &Options, subjects: &[(&'static str, Subject)]) -> Result<bool> {
    let settings = options.settings()?;
    // The node inherits the limit.
    raise_descriptors()?;
    let machine = procfs::machine();
    let rows = run::run(&settings, subjects, &mut std::io::stderr())?;
    print(report::table(&rows).trim_end())?;
    let load = procfs::load_average();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if load.is_some_and(|load| load > cores as f64 + 1.0) {
        print(&format!(
            "note: load average {} on {cores} cores; something else ran meanwhile",
            load.unwrap_or(0.0)
        ))?;
    }
    if let Some(path) = &options.json {
        let names: Vec<_> =
            subjects.iter().map(|(name, subject)| json!({"name": name, "what": what(subject)})).collect();
        let details = json!({
            "seconds": settings.timing.window.as_secs_f64(),
            "repeat": settings.repeat,
            "idle_sessions": settings.sessions,
            "subjects": names,
            "load_average_after": load,
        });
        let text = format!("{:#}\n", report::json(&machine, &details, &rows));
        std::fs::write(path, text).map_err(|source| Error::File { path: path.clone(), source })?;
    }
    Ok(rows.iter().all(|row| row.errors.is_empty()))
}

fn what(subject: &Subject) -> String {
    match subject {
        Subject::Binary(path) => path.display().to_string(),
        Subject::Attached { pid, .. } => format!("process {pid}"),
    }
}

/// A line on the standard output, at once.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{text}").and_then(|()| output.flush()).map_err(Error::io("writing the output"))
}

/// As many descriptors as the system lets this user have.
fn raise_descriptors() -> Result<()> {
    let fail = |errno| Error::System { what: "raising the descriptor limit", errno };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(fail)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(fail)
}
