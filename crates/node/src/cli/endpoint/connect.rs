//! `transom endpoint connect`: one connection, looked at closely.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use transom_base::{Connection, Deadline, TlsInfo};
use transom_config::ConnectEndpoint;
use transom_endpoint::{ConnectStep, EndpointError, Upgrade};
use transom_tls::{Untrusted, read_certificate, refusal_of_server};

use super::report::{Attempt, Certificate, Report, Tls, milliseconds};
use crate::cli::outcome::{EXIT_CODES, Exit, Trouble, ended};
use crate::cli::tor::TorArgs;
use crate::cli::{part, say};
use crate::endpoints::connect::{Connecting, Means, connecting};

/// A server that refuses a client's certificate tells by TLS 1.3 only when the handshake is over (RFC 8446, section 4.4.2).
/// So long is waited for that where it asked for one.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);

/// Arguments of `transom endpoint connect`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ConnectArgs {
    /// The connecting endpoint: JSON text, or a file with JSON or YAML in it, also written as @FILE.
    #[arg(value_name = "ENDPOINT")]
    endpoint: String,
    /// How the report looks.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A protocol to offer by ALPN, such as http/1.1; may be given several times.
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Vec<String>,
    #[command(flatten)]
    tor: TorArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for people.
    #[default]
    Text,
    /// A JSON object.
    Json,
}

pub(super) fn run(args: &ConnectArgs) -> ExitCode {
    let report = match examine(args) {
        Ok(report) => report,
        Err(trouble) => return ended(Err(trouble)),
    };
    match args.format {
        Format::Text => say(&report.text(SystemTime::now())),
        Format::Json => say(&serde_json::to_string_pretty(&report).unwrap_or_default()),
    }
    report.exit().map_or(ExitCode::SUCCESS, |exit| ExitCode::from(exit as u8))
}

fn examine(args: &ConnectArgs) -> Result<Report, Trouble> {
    let endpoint = part::read::<ConnectEndpoint>(&args.endpoint, "connecting endpoint")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Trouble::wrong(format!("setting up the process: {error}")))?;
    let seen = Arc::<Mutex<Seen>>::default();
    let watch = {
        let seen = seen.clone();
        Arc::new(move |step| seen.lock().note(step))
    };
    let means =
        Means { watch: Some(watch), alpn: args.alpn.clone(), tor: args.tor.embedded(), ..Means::default() };
    let connecting = connecting(&endpoint, &means)?;
    Ok(runtime.block_on(probe(connecting, &seen)))
}

/// What the connector tells, with its times.
#[derive(Default)]
struct Seen {
    began: Option<Instant>,
    resolved: Option<(Vec<std::net::IpAddr>, Duration)>,
    attempts: Vec<(Instant, Attempt)>,
}

impl Seen {
    fn note(&mut self, step: ConnectStep) {
        let now = Instant::now();
        match step {
            ConnectStep::Resolved(addresses) => {
                self.resolved = self.began.map(|began| (addresses, now - began));
            }
            ConnectStep::Trying(addr) => self.attempts.push((now, Attempt::given_up(addr.to_string()))),
            ConnectStep::Failed(addr, why) => self.outcome(addr.to_string(), now, "failed", Some(why)),
            ConnectStep::Connected(addr) => self.outcome(addr.to_string(), now, "connected", None),
            _ => {}
        }
    }

    fn outcome(&mut self, address: String, now: Instant, outcome: &'static str, error: Option<String>) {
        if let Some((began, attempt)) = self.attempts.iter_mut().find(|(_, a)| a.address == address) {
            *attempt = Attempt { address, outcome, error, ms: Some(milliseconds(now - *began)) };
        }
    }
}

async fn probe(connecting: Connecting, seen: &Mutex<Seen>) -> Report {
    let began = Instant::now();
    seen.lock().began = Some(began);
    let deadline = Deadline::after(connecting.timeout);
    let mut report = Report::new(connecting.raw.target());
    let connected = connecting.raw.connect(deadline).await;
    let resolved = {
        let seen = std::mem::take(&mut *seen.lock());
        let resolved = seen.resolved.as_ref().map(|(_, time)| *time);
        report.addresses = seen.resolved.map(|(addresses, _)| addresses).unwrap_or_default();
        report.attempts = seen.attempts.into_iter().map(|(_, attempt)| attempt).collect();
        resolved
    };
    report.times.resolve = resolved.map(milliseconds);
    report.times.connect = Some(milliseconds(began.elapsed() - resolved.unwrap_or_default()));
    match connected {
        Err(error) => report.failed(&error),
        Ok(conn) => {
            report.local = Some(conn.info.local.to_string());
            report.peer = Some(conn.info.peer.to_string());
            match connecting.tls {
                Some(tls) => secured(conn, &tls, deadline, &mut report).await,
                None => closed(conn).await,
            }
        }
    }
    report.times.total = milliseconds(began.elapsed());
    report
}

/// Takes the TLS step and looks at what came of it.
async fn secured(conn: Connection, tls: &impl Upgrade, deadline: Deadline, report: &mut Report) {
    let before = Instant::now();
    let upgraded = tls.apply(conn, deadline).await;
    report.times.tls = Some(milliseconds(before.elapsed()));
    let mut conn = match upgraded {
        Ok(conn) => conn,
        Err(error) => {
            if let Some(untrusted) = untrusted(&error) {
                report.certificates =
                    untrusted.chain.iter().map(|der| Certificate::of(&read_certificate(der))).collect();
            }
            return report.failed(&error);
        }
    };
    let Some(info) = conn.info.tls.clone() else { return };
    report.certificates = info.peer_chain.iter().map(Certificate::of).collect();
    report.tls = Some(Tls::of(&info));
    match refused(&mut conn, &info).await {
        Some(why) => report.failed_with(Exit::Tls, format!("the server refused after the handshake: {why}")),
        None => closed(conn).await,
    }
}

pub(super) fn untrusted(error: &EndpointError) -> Option<&Untrusted> {
    match error {
        EndpointError::Upgrade { source, .. } => source.downcast_ref(),
        _ => None,
    }
}

/// Why the server refuses the client after all, if it does.
async fn refused(conn: &mut Connection, info: &TlsInfo) -> Option<String> {
    if !info.client_certificate_asked || info.version != "TLSv1.3" {
        return None;
    }
    match Deadline::after(REFUSAL_WAIT).run(conn.io.read(&mut [0])).await {
        Ok(Err(error)) => Some(refusal_of_server(&error).unwrap_or_else(|| error.to_string())),
        // It speaks first, it goes, or it waits: it does not refuse.
        Ok(Ok(_)) | Err(_) => None,
    }
}

/// Says goodbye.
async fn closed(mut conn: Connection) {
    // Whether the other end likes that makes no difference any more.
    let _ = Deadline::after(REFUSAL_WAIT).run(conn.io.shutdown()).await;
}
