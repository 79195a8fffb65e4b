//! `transom start`: from a configuration to a node that runs until it is told to stop.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;
use tracing::{error, info};

use transom_config::{Node, locate, to_json};
use transom_endpoint::Inherited;

use super::{LogFormat, LogLevel, StartArgs, complain, say};
use crate::life::Life;
use crate::loading::Source;
use crate::logging::Format;
use crate::{PRODUCT, StartError, VERSION, logging};

pub(super) fn run(args: StartArgs, inherited: Inherited) -> ExitCode {
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
        .and_then(|runtime| runtime.block_on(serve(&node, &source, inherited, args.shutdownafter)));
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
    let ignore_unsupported = args.ignore_unsupported;
    let source = Source { node_dir: located.node_dir, file: located.file, ignore_unsupported };
    let (Some(reading), Some(file)) = (source.read(), &source.file) else {
        info!("no configuration file in {}: running the embedded default node", source.node_dir.display());
        return Some((Node::embedded_default(), source));
    };
    if let Some(text) = reading.text(colors) {
        complain(&text);
    }
    if reading.node.is_none() {
        let verdict = reading.verdict();
        complain(&format!("Error: the node does not start: {verdict} in {}", file.display()));
    }
    Some((reading.node?, source))
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

async fn serve(
    node: &Node,
    source: &Source,
    inherited: Inherited,
    time: Option<u64>,
) -> Result<ExitCode, StartError> {
    let life = Life::begin(node, source.clone(), inherited).await?;
    let origin = match &source.file {
        None => "embedded default node".to_owned(),
        Some(file) => file.display().to_string(),
    };
    say(&format!("{PRODUCT} {VERSION}, {origin}\n{}", life.running().summary()));
    let in_order = life.live(time.map(Duration::from_secs)).await;
    Ok(if in_order { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is wrong, where, and what to do about it if that is known.
fn explained(problem: &StartError, source: &Source) -> String {
    let busy = problem.is_address_in_use();
    let node_dir = &source.node_dir;
    match (&source.file, problem) {
        // There is no file to look at, so its places would say nothing.
        (None, StartError::Endpoint { source, .. }) if busy => format!(
            "{}\nThe embedded default node uses this port only. Stop what listens there, or write {} with another port: \
             the folder configs of Transom's sources has examples, and `transom check` tells what is wrong with one.",
            source.chain(),
            node_dir.join("config.json").display()
        ),
        (Some(file), _) if busy => {
            format!("{problem}\nStop what listens there, or name another address in {}.", file.display())
        }
        (Some(file), StartError::Endpoint { .. } | StartError::Service { .. }) => {
            format!("{problem}\nThe place is in {}.", file.display())
        }
        _ => problem.to_string(),
    }
}
