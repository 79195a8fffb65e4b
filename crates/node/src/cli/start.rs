//! `transom start`: from a configuration to a node that runs until it is told to stop.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};

use transom_config::{Node, Purpose, Severity, Unsupported, Worker, load, locate, to_json};

use super::{LogFormat, LogLevel, StartArgs, complain, say};
use crate::logging::Format;
use crate::signals::Signals;
use crate::{PRODUCT, RunningNode, StartError, Stopped, VERSION, limits, logging};

pub(super) fn run(args: StartArgs) -> ExitCode {
    let format = match args.logformat {
        LogFormat::Text => Format::Text,
        LogFormat::Bare => Format::Bare,
        LogFormat::Json => Format::Json,
    };
    let level = match args.loglevel {
        LogLevel::None => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let colors = args.color.on(&io::stderr());
    logging::install(level, format, colors && format != Format::Json);
    logging::log_panics();
    let Some((node, source)) = configuration(&args, colors) else { return ExitCode::FAILURE };
    if args.print_config {
        say(to_json(&node.effective()).trim_end());
        return ExitCode::SUCCESS;
    }
    let outcome = runtime(args.threads.map(u32::from), &node)
        .map_err(StartError::Process)
        .and_then(|runtime| runtime.block_on(serve(&node, &source, args.shutdownafter)));
    match outcome {
        Ok(code) => code,
        Err(problem) => {
            let problem = explained(&problem, &source);
            match format {
                // Whoever collects objects is told in one.
                Format::Json => error!("{problem}"),
                Format::Text | Format::Bare => complain(&format!("Error: {problem}")),
            }
            ExitCode::FAILURE
        }
    }
}

/// Where the configuration came from.
enum Source {
    Embedded { node_dir: PathBuf },
    File(PathBuf),
}

/// The configuration, when a node may start from it. Otherwise what is wrong has been said.
fn configuration(args: &StartArgs, colors: bool) -> Option<(Node, Source)> {
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let located = match locate(args.place.cbdir.as_deref(), args.place.config.as_deref(), &super::env, &cwd) {
        Ok(located) => located,
        Err(problem) => {
            complain(&format!("Error: {problem}"));
            return None;
        }
    };
    if let Err(problem) = make_node_dir(&located.node_dir) {
        complain(&format!(
            "Error: the node directory {} cannot be made: {problem}",
            located.node_dir.display()
        ));
        return None;
    }
    let Some(file) = located.file else {
        info!("no configuration file in {}: running the embedded default node", located.node_dir.display());
        return Some((Node::embedded_default(), Source::Embedded { node_dir: located.node_dir }));
    };
    let unsupported = if args.ignore_unsupported { Unsupported::LeftOut } else { Unsupported::Kept };
    let loaded = load(&file, &super::env, unsupported);
    let findings = &loaded.findings;
    // What is skipped fails closed: a transport, method or role that cannot be had in full admits nobody.
    let refused = findings.has_errors() || (findings.refuse_start() && !args.ignore_unsupported);
    let purpose = if refused { Purpose::Start } else { Purpose::Check };
    if !findings.is_empty() {
        complain(findings.render(purpose, colors).trim_end());
    }
    if refused {
        let count = findings.count(Severity::Error) + findings.count(Severity::Unsupported);
        let things = if count == 1 { "1 thing is".to_owned() } else { format!("{count} things are") };
        complain(&format!("Error: the node does not start: {things} wrong in {}", file.display()));
        return None;
    }
    Some((loaded.node?, Source::File(file)))
}

/// Makes the node directory, one level of it.
fn make_node_dir(dir: &Path) -> io::Result<()> {
    match std::fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        other => other,
    }
}

fn runtime(threads: Option<u32>, node: &Node) -> io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // 0 on the command line means one per core, whatever the file says.
    let configured = node.controller.options.threads;
    if let Some(threads) = threads.or(configured).filter(|threads| *threads > 0) {
        builder.worker_threads(threads as usize);
    }
    builder.thread_name("transom").enable_all().build()
}

async fn serve(node: &Node, source: &Source, shutdown_after: Option<u64>) -> Result<ExitCode, StartError> {
    let mut signals = Signals::install().map_err(StartError::Process)?;
    let files = limits::raise_open_files();
    for transport in node.workers.iter().flat_map(Worker::transports) {
        if let (Some(wanted), Some(files)) = (transport.max_connections_written, files)
            && wanted as u64 > files
        {
            warn!(
                "{}: max_connections is {wanted}, but this process may have only {files} open files; raise its limit",
                transport.place
            );
        }
    }
    let mut running = RunningNode::start(node).await?;
    let origin = match source {
        Source::Embedded { .. } => "embedded default node".to_owned(),
        Source::File(file) => file.display().to_string(),
    };
    say(&format!("{PRODUCT} {VERSION}, {origin}\n{}", running.summary()));
    let after = async {
        match shutdown_after {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let mut code = ExitCode::SUCCESS;
    tokio::select! {
        signal = signals.stop() => info!("{signal}: saying goodbye to everybody; a second signal cuts"),
        () = after => info!("the time is over: saying goodbye to everybody"),
        problem = running.listener_failed() => {
            error!("a listener failed and the node stops: {problem}");
            code = ExitCode::FAILURE;
        }
    }
    let cut = async {
        let signal = signals.stop().await;
        info!("{signal} again: cutting what is left");
    };
    match running.stop(cut).await {
        Stopped::Drained => info!("stopped"),
        Stopped::Cut(1) => info!("stopped; 1 connection was cut"),
        Stopped::Cut(left) => info!("stopped; {left} connections were cut"),
    }
    Ok(code)
}

/// What is wrong, where, and what to do about it if that is known.
fn explained(problem: &StartError, source: &Source) -> String {
    let busy = problem.is_address_in_use();
    match (source, problem) {
        // There is no file to look at, so its places would say nothing.
        (Source::Embedded { node_dir }, StartError::Endpoint { source, .. }) if busy => format!(
            "{}\nThe embedded default node uses this port only. Stop what listens there, or write {} with another port: \
             the folder configs of Transom's sources has examples, and `transom check` tells what is wrong with one.",
            source.chain(),
            node_dir.join("config.json").display()
        ),
        (Source::File(file), _) if busy => {
            format!("{problem}\nStop what listens there, or name another address in {}.", file.display())
        }
        (Source::File(file), StartError::Endpoint { .. } | StartError::Service { .. }) => {
            format!("{problem}\nThe place is in {}.", file.display())
        }
        _ => problem.to_string(),
    }
}
