//! One run: the contenders, the cases, the order in which they take turns.
//!
//! Contenders alternate within each repetition (relay, node, other, relay, node …), so that what changes on the
//! machine meanwhile changes for all of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sched::CpuSet;

use crate::cases::{Case, Load};
use crate::error::{Error, Result};
use crate::figures::Figures;
use crate::load::pubsub::PubSub;
use crate::load::rpc::Rpc;
use crate::load::{Timing, join, pubsub, rpc};
use crate::peer::{Nature, Peer, WebSocketAddr};
use crate::process::{Helper, Node, NodeDirectory};
use crate::profile::Recording;
use crate::report::{AGAINST, NODE, RELAY, Row};
use crate::{affinity, procfs};

/// What the command line decides.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) timing: Timing,
    pub(crate) repeat: usize,
    /// Idle sessions opened for the memory case.
    pub(crate) sessions: usize,
    /// Pinned and free, in the order they are run.
    pub(crate) modes: Vec<bool>,
    pub(crate) cases: Vec<Case>,
    /// Part of the names of cases to record with perf.
    pub(crate) profile: Option<String>,
}

/// The router a run is about.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// Started here, from its binary.
    Binary(PathBuf),
    /// Running already: only measured, and pinned for the time of the run.
    Attached { peer: Peer, pid: u32 },
}

/// Something under load, and what keeps it alive.
struct Contender {
    name: &'static str,
    peer: Peer,
    pid: u32,
    keeper: Keeper,
}

enum Keeper {
    Helper(Helper),
    Node(Node),
    Nobody,
}

impl Contender {
    fn relay() -> Result<Self> {
        let (helper, addr) = Helper::start(&["relay".into()])?;
        let addr = crate::peer::resolve(&addr)?;
        let peer = peer(Nature::Relay, addr);
        Ok(Self { name: RELAY, peer, pid: helper.pid(), keeper: Keeper::Helper(helper) })
    }

    fn subject(name: &'static str, subject: &Subject, pinned: bool) -> Result<Self> {
        match subject {
            Subject::Binary(program) => {
                // One thread where there is one core; else one per core.
                let directory = NodeDirectory::new(u32::from(pinned))?;
                let node = Node::start(program, Arc::new(directory))?;
                let peer = peer(Nature::Router, node.addr());
                Ok(Self { name, peer, pid: node.pid(), keeper: Keeper::Node(node) })
            }
            Subject::Attached { peer, pid } => {
                Ok(Self { name, peer: peer.clone(), pid: *pid, keeper: Keeper::Nobody })
            }
        }
    }

    /// Whether it still runs; a dead node says how it ended.
    fn check(&mut self) -> Result<()> {
        match &mut self.keeper {
            Keeper::Node(node) => node.check(),
            Keeper::Helper(_) | Keeper::Nobody => Ok(()),
        }
    }

    fn stop(self) -> Result<()> {
        match self.keeper {
            Keeper::Node(node) => node.stop(),
            Keeper::Helper(helper) => {
                drop(helper);
                Ok(())
            }
            Keeper::Nobody => Ok(()),
        }
    }

    fn cpu(&self) -> Result<Duration> {
        procfs::cpu_time(self.pid)
    }
}

fn peer(nature: Nature, addr: std::net::SocketAddr) -> Peer {
    Peer { nature, rawsocket: Some(addr), websocket: Some(WebSocketAddr::at(addr)), realm: "realm1".into() }
}

/// Runs every case in every mode. A case that fails has its error in its row.
pub(crate) fn run(
    settings: &Settings,
    subjects: &[(&'static str, Subject)],
    progress: &mut dyn Write,
) -> Result<Vec<Row>> {
    let everywhere = affinity::current()?;
    let mut rows = Vec::new();
    for (turn, pinned) in settings.modes.iter().copied().enumerate() {
        let cores = if pinned { affinity::first(&everywhere)? } else { everywhere };
        let result = mode(settings, subjects, pinned, turn == 0, &cores, progress, &mut rows);
        affinity::move_self(&everywhere)?;
        for (_, subject) in subjects {
            if let Subject::Attached { pid, .. } = subject {
                affinity::move_process(*pid, &everywhere)?;
            }
        }
        result?;
    }
    Ok(rows)
}

fn mode(
    settings: &Settings,
    subjects: &[(&'static str, Subject)],
    pinned: bool,
    first_mode: bool,
    cores: &CpuSet,
    progress: &mut dyn Write,
    rows: &mut Vec<Row>,
) -> Result<()> {
    affinity::move_self(cores)?;
    for (_, subject) in subjects {
        if let Subject::Attached { pid, .. } = subject {
            affinity::move_process(*pid, cores)?;
        }
    }
    let mut contenders = vec![Contender::relay()?];
    for (name, subject) in subjects {
        contenders.push(Contender::subject(name, subject, pinned)?);
    }
    for case in &settings.cases {
        let row = match case.load {
            // These do not depend on the mode, so once is enough.
            Load::Idle | Load::Start if !first_mode => continue,
            Load::Idle => idle(settings, case, subjects, pinned),
            Load::Start => start(settings, case, subjects, pinned),
            Load::PubSub { .. } | Load::Rpc { .. } | Load::Join { .. } => {
                turns(settings, case, subjects, pinned, &mut contenders, progress)
            }
        };
        let outcome = match (row.runs.is_empty(), row.errors.is_empty()) {
            (_, false) => "FAILED",
            (true, true) => "SKIPPED: no contender it applies to",
            (false, true) => "measured",
        };
        let mode = if pinned { "pinned" } else { "free" };
        let _shown = writeln!(progress, "{} {mode}: {outcome}", case.name);
        if !(row.runs.is_empty() && row.errors.is_empty()) {
            rows.push(row);
        }
    }
    for contender in contenders {
        let name = contender.name;
        if let Err(error) = contender.stop()
            && let Some(row) = rows.last_mut()
        {
            row.errors.push((name, format!("stopping after the last case: {}", error.chain())));
        }
    }
    Ok(())
}

/// One case, the contenders taking turns.
fn turns(
    settings: &Settings,
    case: &Case,
    subjects: &[(&'static str, Subject)],
    pinned: bool,
    contenders: &mut [Contender],
    progress: &mut dyn Write,
) -> Row {
    let mut row = Row::new(case, pinned);
    let recorded = settings.profile.as_ref().is_some_and(|part| case.name.contains(part.as_str()));
    for repetition in 0..settings.repeat * case.repeats() {
        for contender in contenders.iter_mut() {
            let failed = row.errors.iter().any(|(name, _)| *name == contender.name);
            if failed || !contender.peer.reachable(case.wire.carrier) {
                continue;
            }
            let record = recorded && repetition == 0 && contender.name == NODE;
            let recording = record.then(|| Recording::start(contender.pid, &case.name, Path::new(".")));
            let figures = measure(settings.timing, case, contender);
            if let Some(recording) = recording {
                let _shown = match recording.and_then(Recording::finish) {
                    Ok(file) => writeln!(progress, "profile: {}", file.display()),
                    Err(reason) => writeln!(progress, "SKIPPED: profile of {}: {reason}", case.name),
                };
            }
            match figures {
                Ok(figures) => row.runs.entry(contender.name).or_default().push(figures),
                Err(error) => {
                    let error = contender.check().err().unwrap_or(error);
                    row.errors.push((contender.name, error.chain()));
                    // The next case gets a fresh one: this one may be dead, or hold what the failure left behind.
                    let subject = subjects.iter().find(|(name, _)| *name == contender.name);
                    if let Some((name, subject @ Subject::Binary(_))) = subject {
                        match Contender::subject(name, subject, pinned) {
                            Ok(fresh) => *contender = fresh,
                            Err(error) => row.errors.push((name, error.chain())),
                        }
                    }
                }
            }
        }
    }
    row
}

fn measure(timing: Timing, case: &Case, contender: &Contender) -> Result<Figures> {
    let payload = "x".repeat(case.payload);
    let cpu = || contender.cpu();
    let peer = &contender.peer;
    let sample = match case.load {
        Load::PubSub { subscribers, window } => {
            let load = PubSub { wire: case.wire, subscribers, window, payload: &payload };
            pubsub::run(peer, load, timing, &cpu)?
        }
        Load::Rpc { window } => {
            rpc::run(peer, Rpc { wire: case.wire, window, payload: &payload }, timing, &cpu)?
        }
        Load::Join { in_flight } => join::run(peer, case.join(in_flight), timing, &cpu)?,
        Load::Idle | Load::Start => {
            return Err(Error::Unexpected { expected: "a case with deliveries", got: case.name.clone() });
        }
    };
    // A window long enough for the coarsest clock: deliveries cost something, so another process did the work.
    if sample.deliveries > 0 && sample.cpu.is_zero() && sample.window > Duration::from_millis(100) {
        let got = format!("none at process {}", contender.pid);
        return Err(Error::Unexpected { expected: "CPU time in the measured window", got });
    }
    Figures::of(&sample)
        .ok_or(Error::Unexpected { expected: "deliveries in the measured window", got: "none".into() })
}

/// Memory of idle sessions, each router by itself and fresh.
fn idle(settings: &Settings, case: &Case, subjects: &[(&'static str, Subject)], pinned: bool) -> Row {
    let mut row = Row::new(case, pinned);
    for (name, subject) in subjects {
        let measured = Contender::subject(name, subject, pinned).and_then(|contender| {
            if !contender.peer.reachable(case.wire.carrier) {
                return Ok(None);
            }
            let figures = hold(settings.sessions, case, &contender)?;
            contender.stop()?;
            Ok(Some(figures))
        });
        match measured {
            Ok(Some(figures)) => row.runs.entry(name).or_default().push(figures),
            Ok(None) => {}
            Err(error) => row.errors.push((name, error.chain())),
        }
    }
    row
}

fn hold(sessions: usize, case: &Case, contender: &Contender) -> Result<Figures> {
    const KIB: f64 = 1024.0;
    let holder = |count: usize| {
        let mut arguments = vec!["hold".to_string(), "--count".into(), count.to_string()];
        arguments.extend(["--realm".to_string(), contender.peer.realm.clone()]);
        match (case.wire.carrier, &contender.peer) {
            (crate::wire::Carrier::RawSocket, Peer { rawsocket: Some(addr), .. }) => {
                arguments.extend(["--rs".into(), addr.to_string()]);
            }
            (_, Peer { websocket: Some(at), .. }) => {
                arguments.extend(["--ws".into(), format!("ws://{}{}", at.host, at.path)]);
            }
            _ => {}
        }
        // From a second process: router and holder each need a descriptor per session.
        Helper::start(&arguments).map(|(helper, _)| helper)
    };
    // A few sessions first, so that code and tables used by the first session are not counted for the others; they
    // stay open, since what they left behind would be room for the others.
    let first = holder(100.min(sessions))?;
    let before = procfs::memory(contender.pid)?.resident;
    let held = holder(sessions)?;
    let after = procfs::memory(contender.pid)?.resident;
    drop((first, held));
    Ok(Figures {
        main: after.saturating_sub(before) as f64 / KIB / sessions as f64,
        memory: Some(after as f64 / KIB / KIB),
        ..Figures::default()
    })
}

/// Starting from a node directory that was started from before.
fn start(settings: &Settings, case: &Case, subjects: &[(&'static str, Subject)], pinned: bool) -> Row {
    let mut row = Row::new(case, pinned);
    for (name, subject) in subjects {
        let Subject::Binary(program) = subject else { continue };
        let mut once = || -> Result<()> {
            let directory = Arc::new(NodeDirectory::new(u32::from(pinned))?);
            Node::start(program, directory.clone())?.stop()?;
            for _ in 0..settings.repeat.max(5) {
                let node = Node::start(program, directory.clone())?;
                let figures = Figures {
                    main: node.startup.as_secs_f64() * 1e3,
                    memory: Some(procfs::memory(node.pid())?.resident as f64 / 1024.0 / 1024.0),
                    ..Figures::default()
                };
                node.stop()?;
                row.runs.entry(name).or_default().push(figures);
            }
            Ok(())
        };
        if let Err(error) = once() {
            row.errors.push((name, error.chain()));
        }
    }
    row
}

/// The contenders of a run of binaries.
pub(crate) fn binaries(node: PathBuf, against: Option<PathBuf>) -> Vec<(&'static str, Subject)> {
    let mut subjects = vec![(NODE, Subject::Binary(node))];
    subjects.extend(against.map(|other| (AGAINST, Subject::Binary(other))));
    subjects
}
