//! The life of a node from its start to its end: waits for signals and for what other processes ask on the control
//! socket, reloads, and ends in order.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::Sleep;
use tracing::{error, info, warn};
use transom_config::{Finding, Findings, Node, Purpose, Severity};
use transom_endpoint::Inherited;
use transom_tor::EmbeddedTor;

use crate::control::{About, ControlLock, ControlSocket, LockError, Now, Ordered, Orders, Outcome, seconds};
use crate::loading::{Reading, Source};
use crate::manager::Manager;
use crate::reload::plan::transports;
use crate::signals::{Signal, Signals};
use crate::{Applied, RunningNode, StartError, Stopped, limits, node_key};

/// So many findings of a file are logged.
const MAX_LOGGED: usize = 50;

/// Findings are told up to this length, in bytes.
const MAX_TOLD: usize = 64 * 1024;

/// A node with what can happen to it.
pub(crate) struct Life {
    running: RunningNode,
    source: Source,
    signals: Signals,
    about: Arc<About>,
    control: Option<ControlSocket>,
    ordered: Ordered,
    /// For a control socket that is opened later.
    orders: Orders,
    /// How many files may be open.
    files: Option<u64>,
    manager: Manager,
}

/// Why a node goes on as it was.
struct Refusal {
    error: String,
    findings: Option<String>,
}

impl Life {
    /// Starts a node.
    pub(crate) async fn begin(node: &Node, source: Source, inherited: Inherited) -> Result<Self, StartError> {
        let signals = Signals::install().map_err(StartError::Process)?;
        let files = limits::raise_open_files();
        warn_of_limits(node, files);
        // First of all: what another node has in this directory is not touched.
        let lock = match source.file {
            Some(_) if node.controller.reload => take(&source).map_err(StartError::NodeDirectory)?,
            _ => None,
        };
        // The embedded default node leaves nothing behind.
        let key = source.file.as_ref().map(|_| node_key::load_or_make(&source.node_dir)).transpose()?;
        let running = RunningNode::start_with(node, inherited, key, embedded_tor(node, &source)).await?;
        for socket in running.inherited.lock().left() {
            warn!("nobody will answer on the inherited socket {socket}: no endpoint asks for it");
        }
        let manager = Manager::new();
        manager.ready(&running);
        let now = Now { config: source.file.clone(), stopping: false };
        let about = Arc::new(About { node_dir: source.node_dir.clone(), now: now.into() });
        let (orders, ordered) = Orders::new();
        let control = lock.map(|lock| lock.serve(about.clone(), running.status.clone(), orders.clone()));
        Ok(Life { running, source, signals, about, control, ordered, orders, files, manager })
    }

    /// The node.
    pub(crate) fn running(&self) -> &RunningNode {
        &self.running
    }

    /// Lives until something asks for the end, or after this time; whether that was in order.
    pub(crate) async fn live(mut self, time: Option<Duration>) -> bool {
        // A time beyond what a clock can count never comes.
        let mut over = std::pin::pin!(time.map(tokio::time::sleep));
        loop {
            let (by, answer) = tokio::select! {
                signal = self.signals.next() => match signal {
                    Signal::Reload => ("SIGHUP", None),
                    Signal::Stop(signal) => {
                        info!("{signal}: saying goodbye to everybody; a second signal cuts");
                        return self.end(true).await;
                    }
                },
                Some(answer) = self.ordered.reload.recv() => ("transom reload", Some(answer)),
                Some(()) = self.ordered.stop.recv() => {
                    info!("transom stop: saying goodbye to everybody; a signal cuts");
                    return self.end(true).await;
                }
                () = when(over.as_mut().as_pin_mut()) => {
                    info!("the time is over: saying goodbye to everybody");
                    return self.end(true).await;
                }
                problem = self.running.listener_failed() => {
                    error!("a listener failed and the node stops: {problem}");
                    return self.end(false).await;
                }
            };
            if let Some(wish) = self.reload(by, answer).await {
                info!("{wish} during a reload: saying goodbye to everybody; a signal cuts");
                return self.end(true).await;
            }
        }
    }

    async fn end(self, in_order: bool) -> bool {
        let Life { running, mut signals, about, control, ordered, manager, .. } = self;
        manager.stopping();
        about.now.lock().stopping = true;
        // Whoever asks for a reload now is told that the node is stopping.
        drop(ordered);
        let cut = async {
            let signal = signals.stop().await;
            info!("{signal} again: cutting what is left");
        };
        match running.stop(cut).await {
            Stopped::Drained => info!("stopped"),
            Stopped::Cut(1) => info!("stopped; 1 connection was cut"),
            Stopped::Cut(left) => info!("stopped; {left} connections were cut"),
        }
        // The directory is ours as long as anything of the node is left.
        if let Some(control) = control {
            control.close().await;
        }
        in_order
    }

    /// Reloads, and says what came of it: in the log, to who asked, and to who asks for the status. What asked for the
    /// end, if something did meanwhile.
    async fn reload(&mut self, by: &str, answer: Option<oneshot::Sender<Outcome>>) -> Option<&'static str> {
        info!("{by}: reading the configuration anew");
        let Life { running, source, signals, about, control, ordered, orders, files, manager } = self;
        manager.reloading();
        let reloading = Reloading { running, source, about, control, orders, files: *files };
        let result = tokio::select! {
            result = reloading.run() => result,
            signal = signals.stop() => return Some(signal),
            Some(()) = ordered.stop.recv() => return Some("transom stop"),
        };
        let mut outcome = Outcome { at: seconds(SystemTime::now()), by: by.to_owned(), ..Outcome::default() };
        match result {
            Ok((applied, findings)) => {
                let number = match applied.changes.len() {
                    0 => "nothing changed".to_owned(),
                    1 => "1 change".to_owned(),
                    number => format!("{number} changes"),
                };
                applied.changes.iter().for_each(|change| info!("reload: {change}"));
                applied.later.iter().for_each(|later| warn!("reload: {later}"));
                info!("reloaded: {number}");
                let Applied { changes, later } = applied;
                outcome = Outcome { ok: true, changes, later, findings, ..outcome };
            }
            Err(Refusal { error, findings }) => {
                error!("the configuration is not reloaded and the node goes on as it was: {error}");
                outcome = Outcome { error: Some(error), findings, ..outcome };
            }
        }
        self.manager.ready(&self.running);
        self.running.status.reloaded(Outcome { findings: None, ..outcome.clone() });
        if let Some(answer) = answer {
            // Whoever asked may be gone.
            let _ = answer.send(outcome);
        }
        None
    }
}

/// One reload, with what it changes.
struct Reloading<'l> {
    running: &'l mut RunningNode,
    source: &'l mut Source,
    about: &'l Arc<About>,
    control: &'l mut Option<ControlSocket>,
    orders: &'l Orders,
    files: Option<u64>,
}

impl Reloading<'_> {
    async fn run(self) -> Result<(Applied, Option<String>), Refusal> {
        let source = self.source.again();
        let refused = |error| Refusal { error, findings: None };
        let reading = {
            let source = source.clone();
            let reading = tokio::task::spawn_blocking(move || source.read()).await;
            reading.map_err(|error| refused(format!("the configuration cannot be read: {error}")))?
        };
        let Some(Reading { node, mut findings }) = reading else {
            let dir = source.node_dir.display();
            return Err(refused(format!("there is no configuration file in {dir}")));
        };
        let purpose = if node.is_some() { Purpose::Check } else { Purpose::Start };
        log(&findings, purpose);
        let Some(node) = node else {
            let verdict = Reading { node, findings };
            let error = format!("{} in {}", verdict.verdict(), file(&source));
            return Err(Refusal { error, findings: verdict.text(false).map(shortened) });
        };
        warn_of_limits(&node, self.files);
        let opened = match self.control {
            None if node.controller.reload => take(&source).map_err(|error| refused(error.to_string()))?,
            _ => None,
        };
        let mut applied = match self.running.reload(&node).await {
            Ok(applied) => applied,
            Err(problem) => {
                if let Some(place) = problem.place() {
                    findings.add(Finding::new(Severity::Error, place, problem.what()));
                }
                let text = findings.render(Purpose::Check, false);
                let text = Some(text.trim_end().to_owned()).filter(|text| !text.is_empty());
                return Err(Refusal { error: problem.to_string(), findings: text.map(shortened) });
            }
        };
        if let Some(lock) = opened {
            let status = self.running.status.clone();
            *self.control = Some(lock.serve(self.about.clone(), status, self.orders.clone()));
            applied.changes.push("control socket opened".to_owned());
        } else if !node.controller.reload
            && let Some(control) = self.control.take()
        {
            control.close().await;
            applied.changes.push("control socket closed".to_owned());
        }
        self.about.now.lock().config.clone_from(&source.file);
        *self.source = source;
        let text = Reading { node: Some(node), findings }.text(false);
        Ok((applied, text.map(shortened)))
    }
}

/// The Tor inside the node, which keeps its state in the node directory unless it is told otherwise.
fn embedded_tor(node: &Node, source: &Source) -> EmbeddedTor {
    let config = &node.controller.tor;
    let state_dir = config.state_dir.clone().unwrap_or_else(|| source.node_dir.join(".tor"));
    EmbeddedTor::new(state_dir, config.settings.clone())
}

fn file(source: &Source) -> String {
    source.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default()
}

/// Takes the node directory. That it cannot be had at all is no reason not to run; that another node has it is.
fn take(source: &Source) -> Result<Option<ControlLock>, LockError> {
    match ControlLock::take(&source.node_dir) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Endpoint(problem)) => {
            warn!(
                "no control socket: {}; `transom reload`, `status` and `stop` do not reach this node, and nothing keeps \
                 another one out of its directory",
                problem.chain()
            );
            Ok(None)
        }
        Err(taken) => Err(taken),
    }
}

async fn when(sleep: Option<std::pin::Pin<&mut Sleep>>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}

/// Limits that are written and cannot be reached.
fn warn_of_limits(node: &Node, files: Option<u64>) {
    for (_, transport) in transports(node) {
        if let (Some(wanted), Some(files)) = (transport.max_connections_written, files)
            && wanted as u64 > files
        {
            warn!(
                "{}: max_connections is {wanted}, but this process may have only {files} open files; raise its limit",
                transport.place
            );
        }
    }
}

/// Logs what there is to say about a file.
fn log(findings: &Findings, purpose: Purpose) {
    for finding in findings.iter().take(MAX_LOGGED) {
        let line = findings.line(finding, purpose);
        match (finding.severity, purpose) {
            (Severity::Error, _) | (Severity::Unsupported, Purpose::Start) => error!("{line}"),
            (Severity::Unsupported | Severity::Warning, _) => warn!("{line}"),
            (Severity::Note, _) => info!("{line}"),
        }
    }
    if findings.len() > MAX_LOGGED {
        warn!("{} further findings are not logged; `transom check` tells all", findings.len() - MAX_LOGGED);
    }
}

/// A text that is not too long to be told.
fn shortened(mut text: String) -> String {
    if text.len() > MAX_TOLD {
        let end = (0..=MAX_TOLD).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push_str("\n… and more; `transom check` tells all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node in one folder, whose directory is another.
    fn node(folder: &std::path::Path) -> Node {
        let text = r#"{"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1"}],
            "transports": [{"type": "rawsocket", "endpoint": {"type": "unix", "path": "s"}}]}]}"#;
        let context = transom_config::Context {
            name: "config.json",
            node_dir: folder,
            env: &|_| None,
            unsupported: transom_config::Unsupported::Kept,
        };
        transom_config::parse_str(text, transom_config::Format::Json, &context).node.unwrap()
    }

    #[tokio::test]
    async fn node_directory_without_a_file_stays_as_it_is_until_there_is_one() {
        let (folder, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let entries = || std::fs::read_dir(dir.path()).unwrap().count();
        let source = Source { node_dir: dir.path().to_owned(), file: None, ignore_unsupported: false };
        // As the embedded default node does, which is on a port of its own.
        let mut life = Life::begin(&node(folder.path()), source, Inherited::nothing()).await.unwrap();
        assert_eq!(entries(), 0);
        let (answer, outcome) = oneshot::channel();
        life.reload("test", Some(answer)).await;
        let error = outcome.await.unwrap().error.unwrap();
        assert!(error.contains("no configuration file in"), "{error}");
        assert_eq!(entries(), 0);
        // What the operator writes then is what runs from the next reload on.
        let text = r#"{"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1"}], "transports": []}]}"#;
        std::fs::write(dir.path().join("config.json"), text).unwrap();
        let (answer, outcome) = oneshot::channel();
        life.reload("test", Some(answer)).await;
        let outcome = outcome.await.unwrap();
        assert_eq!((outcome.ok, outcome.changes.len()), (true, 2), "{outcome:?}");
        assert!(outcome.changes[1].contains("control socket opened"));
        assert!(dir.path().join("transom.sock").exists());
        assert!(!folder.path().join("s").exists());
        assert!(life.end(true).await);
        assert_eq!(entries(), 1);
    }

    #[test]
    fn text_when_too_long_is_cut_between_characters() {
        assert_eq!(shortened("short".into()), "short");
        let long = shortened("ä".repeat(MAX_TOLD));
        assert!(long.len() < MAX_TOLD + 100);
        assert!(long.ends_with("tells all"));
        let uneven = shortened(format!("x{}", "ä".repeat(MAX_TOLD)));
        assert!(uneven.starts_with("xä") && uneven.ends_with("tells all"));
    }
}
