//! `transom endpoint pipe`: from a listening endpoint to a connecting one.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use tracing::info;
use tracing::level_filters::LevelFilter;
use transom_base::{ConnectionHandler, Deadline, Drain};
use transom_config::{ConnectEndpoint, ListenEndpoint};
use transom_endpoint::proxy::ProxyVersion;
use transom_endpoint::{Accepting, Inherited, RelaySettings, accept_loop};
use transom_tor::EmbeddedTor;

use crate::cli::lines::{Lines, lines};
use crate::cli::outcome::{EXIT_CODES, Exit, Trouble, ended, visible};
use crate::cli::part;
use crate::cli::tor::TorArgs;
use crate::endpoints::connect::{Means, connecting};
use crate::endpoints::tls::TlsServers;
use crate::endpoints::{self, Bound};
use crate::pipe::{Carried, End, Pipe};
use crate::signals::{Signal, Signals};
use crate::{StartError, limits, logging};

/// How long connections may take to notice that they are cut.
const END: Duration = Duration::from_secs(2);

/// Arguments of `transom endpoint pipe`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct PipeArgs {
    /// The listening endpoint: JSON text, or a file with JSON or YAML in it, also written as @FILE. Port 0 is any free
    /// one; the address that is bound is printed.
    #[arg(value_name = "LISTENING")]
    listening: String,
    /// The connecting endpoint, written likewise. It is connected to once for each connection.
    #[arg(value_name = "CONNECTING")]
    connecting: String,
    /// How lines look: the bound addresses, one for each connection that ended, one for all at the end.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Tell the target in a PROXY header of this version whom each connection is from.
    #[arg(long, value_enum, value_name = "VERSION")]
    send_proxy: Option<Version>,
    /// A protocol to agree on by ALPN with clients that connect with TLS, such as http/1.1; may be given several times, the
    /// best first.
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Vec<String>,
    /// Connections open at once; further ones are reset.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Seconds after which a connection ends in which nothing moves; 0 = never.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    idle_timeout: u64,
    /// Seconds that open connections have left after SIGINT or SIGTERM; a second signal cuts them at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    drain_timeout: u64,
    #[command(flatten)]
    tor: TorArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

pub(super) fn run(args: PipeArgs, inherited: Inherited) -> ExitCode {
    logging::install(LevelFilter::INFO, logging::Format::Text, std::io::stderr().is_terminal());
    logging::log_panics();
    ended(piped(&args, inherited))
}

fn piped(args: &PipeArgs, inherited: Inherited) -> Result<(), Trouble> {
    let listening = part::read::<ListenEndpoint>(&args.listening, "listening endpoint")?;
    let target = part::read::<ConnectEndpoint>(&args.connecting, "connecting endpoint")?;
    let means = Means { tor: args.tor.embedded(), ..Means::default() };
    let target = connecting(&target, &means)?;
    limits::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("transom").enable_all().build();
    let runtime = runtime.map_err(StartError::Process)?;
    let (lines, writing) = lines();
    let lines = Printed { format: args.format, lines, lost: Arc::default() };
    runtime.block_on(async {
        let totals = Arc::<Totals>::default();
        let told = {
            let (totals, lines) = (totals.clone(), lines.clone());
            move |carried: Carried| {
                totals.add(&carried);
                lines.say(|| carried_text(&carried), &carried);
            }
        };
        let relay = RelaySettings { idle_timeout: seconds(args.idle_timeout) };
        let send_proxy = args.send_proxy.map(|version| match version {
            Version::V1 => ProxyVersion::V1,
            Version::V2 => ProxyVersion::V2,
        });
        let pipe = Arc::new(Pipe { target, send_proxy, relay, told: Arc::new(told) });
        let result = serve(args, &listening, (inherited, means.tor), pipe, &lines, &totals).await;
        drop(lines);
        writing.done().await;
        result
    })
}

async fn serve(
    args: &PipeArgs,
    listening: &ListenEndpoint,
    (inherited, tor): (Inherited, EmbeddedTor),
    pipe: Arc<Pipe>,
    lines: &Printed,
    totals: &Totals,
) -> Result<(), Trouble> {
    let began = Instant::now();
    let mut signals = Signals::install().map_err(StartError::Process)?;
    let (tls, target) = (TlsServers::default(), pipe.target.raw.target());
    let handler: Arc<dyn ConnectionHandler> = match listening.tls() {
        Some(config) => {
            let alpn: Vec<_> = args.alpn.iter().map(String::as_str).collect();
            tls.behind("pipe", config, &alpn, pipe)?
        }
        None => pipe,
    };
    let (drain, watch) = Drain::new();
    let max_connections = usize::try_from(args.max_connections).unwrap_or(usize::MAX);
    let accepting = Accepting {
        max_per_address: endpoints::max_per_address(listening),
        accept_rate: listening.accept_rate(),
        proxy_protocol: endpoints::proxy_protocol(listening)?,
        ..Accepting::new("pipe", handler, max_connections, watch)
    };
    let counters = accepting.counters.clone();
    let Bound { listener, .. } = endpoints::listen(listening, &Mutex::new(inherited), &tor).await?;
    for bound in listener.bound() {
        lines.say(
            || format!("listening on {bound}"),
            &json!({"listening": bound.to_string(), "target": target}),
        );
    }
    let mut loop_ = tokio::spawn(accept_loop(listener, accepting));
    let failure = loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop(name) => {
                    info!("{name}: draining");
                    break None;
                }
                Signal::Reload => tls.reload(),
            },
            over = &mut loop_ => break Some(match over {
                Ok(Err(error)) => error.to_string(),
                Ok(Ok(())) => "it ended".to_owned(),
                Err(panic) => panic.to_string(),
            }),
        }
    };
    drain.drain();
    if failure.is_none() {
        // The socket file is gone before anybody is waited for.
        let _ = loop_.await;
    }
    let in_time = tokio::select! {
        drained = Deadline::after(Duration::from_secs(args.drain_timeout)).run(drain.complete()) => drained.is_ok(),
        _ = signals.stop() => false,
    };
    if !in_time {
        drain.abort();
        let _ = Deadline::after(END).run(drain.complete()).await;
    }
    let refused = counters.refused.load(Ordering::Relaxed);
    let total = totals.total(refused, lines.lost(), began.elapsed());
    lines.say(|| total_text(&total), &total);
    match failure {
        None => Ok(()),
        Some(why) => Err(Trouble::new(Exit::Connection, format!("the listener failed: {why}"))),
    }
}

fn seconds(configured: u64) -> Option<Duration> {
    (configured > 0).then(|| Duration::from_secs(configured))
}

/// Sums over all connections that ended.
#[derive(Default)]
struct Totals {
    connections: AtomicU64,
    failed: AtomicU64,
    to_target: AtomicU64,
    to_client: AtomicU64,
}

#[derive(Serialize)]
struct Total {
    /// Connections that were let in.
    connections: u64,
    /// Those of them that did not end in order.
    failed: u64,
    /// Those that were not let in.
    refused: u64,
    to_target: u64,
    to_client: u64,
    ms: u64,
    /// Lines that nobody read.
    lines_lost: u64,
}

impl Totals {
    fn add(&self, carried: &Carried) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(carried.end != End::Closed), Ordering::Relaxed);
        self.to_target.fetch_add(carried.to_target, Ordering::Relaxed);
        self.to_client.fetch_add(carried.to_client, Ordering::Relaxed);
    }

    fn total(&self, refused: u64, lines_lost: u64, time: Duration) -> Total {
        Total {
            connections: self.connections.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            refused,
            to_target: self.to_target.load(Ordering::Relaxed),
            to_client: self.to_client.load(Ordering::Relaxed),
            ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            lines_lost,
        }
    }
}

fn carried_text(carried: &Carried) -> String {
    let Carried { conn, client, to_target, to_client, ms, end, error } = carried;
    let why = error.as_ref().map(|why| format!(" ({})", visible(why))).unwrap_or_default();
    let end = end.words();
    format!(
        "connection {conn} from {client}: {to_target} bytes to the target, {to_client} back, {ms} ms, {end}{why}"
    )
}

fn total_text(total: &Total) -> String {
    let Total { connections, failed, refused, to_target, to_client, ms, lines_lost } = total;
    let mut text = format!(
        "total: {connections} connections ({failed} not in order), {refused} refused, {to_target} bytes to the target, \
         {to_client} back, {ms} ms"
    );
    if *lines_lost > 0 {
        text.push_str(&format!(", {lines_lost} lines not printed"));
    }
    text
}

/// Where lines are printed. Those that find no room, because nobody reads, are counted: what is carried does not wait.
#[derive(Clone)]
struct Printed {
    format: Format,
    lines: Lines,
    lost: Arc<AtomicU64>,
}

impl Printed {
    fn say(&self, text: impl FnOnce() -> String, object: &impl Serialize) {
        let line = match self.format {
            Format::Text => text(),
            // Nothing in it can fail to be written.
            Format::Json => serde_json::to_string(object).unwrap_or_default(),
        };
        if !self.lines.offer(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
