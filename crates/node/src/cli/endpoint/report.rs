//! What `transom endpoint connect` found, for machines as JSON and for people as text.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use transom_base::{PeerCertificate, TlsInfo};
use transom_endpoint::EndpointError;
use transom_tls::{UntrustedReason, date};

use super::connect::untrusted;
use crate::cli::outcome::{Exit, visible};

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Whether there was a connection, with TLS where it was asked for.
    ok: bool,
    target: String,
    /// What the host name leads to.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) local: Option<String>,
    pub(super) peer: Option<String>,
    pub(super) tls: Option<Tls>,
    /// The server's certificates, its own first; also when they are not trusted.
    pub(super) certificates: Vec<Certificate>,
    pub(super) times: Times,
    error: Option<Problem>,
    #[serde(skip)]
    exit: Option<Exit>,
}

/// One address that was tried.
#[derive(Debug, Serialize)]
pub(super) struct Attempt {
    pub(super) address: String,
    /// `connected`, `failed`, or `given up` where another was faster or the time was over.
    pub(super) outcome: &'static str,
    pub(super) error: Option<String>,
    /// How long it took.
    pub(super) ms: Option<f64>,
}

/// What TLS came to.
#[derive(Debug, Serialize)]
pub(super) struct Tls {
    version: &'static str,
    suite: &'static str,
    sni: Option<String>,
    alpn: Option<String>,
    client_certificate_asked: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Certificate {
    subject: String,
    issuer: String,
    names: Vec<String>,
    /// Seconds since 1970.
    not_before: u64,
    not_after: u64,
    serial: String,
    signature_algorithm: String,
    sha256: String,
}

/// How long each phase took, in milliseconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Times {
    pub(super) resolve: Option<f64>,
    pub(super) connect: Option<f64>,
    pub(super) tls: Option<f64>,
    pub(super) total: f64,
}

#[derive(Debug, Serialize)]
struct Problem {
    kind: &'static str,
    /// What is wrong with the certificate.
    reason: Option<&'static str>,
    message: String,
    exit_code: u8,
}

/// In milliseconds, to the microsecond.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl Attempt {
    /// One of which nothing more is heard.
    pub(super) fn given_up(address: String) -> Self {
        Attempt { address, outcome: "given up", error: None, ms: None }
    }
}

impl Tls {
    pub(super) fn of(info: &TlsInfo) -> Self {
        Tls {
            version: info.version,
            suite: info.suite,
            sni: info.sni.clone(),
            alpn: info.alpn.clone(),
            client_certificate_asked: info.client_certificate_asked,
        }
    }
}

impl Certificate {
    pub(super) fn of(facts: &PeerCertificate) -> Self {
        let names = facts.extensions.iter().find(|extension| extension.name == "subjectAltName");
        let names = names.map(|names| names.value.split(", ").map(str::to_owned).collect());
        Certificate {
            subject: people(&facts.subject),
            issuer: people(&facts.issuer),
            names: names.unwrap_or_default(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            serial: facts.serial.iter().map(|octet| format!("{octet:02x}")).collect(),
            signature_algorithm: facts.signature_algorithm.clone(),
            sha256: facts.sha256.clone(),
        }
    }
}

/// A distinguished name, as in `CN=alice, O=Example`.
fn people(name: &[(String, String)]) -> String {
    let parts: Vec<_> = name.iter().map(|(key, value)| format!("{}={value}", key.to_uppercase())).collect();
    parts.join(", ")
}

impl Report {
    pub(super) fn new(target: String) -> Self {
        Report { ok: true, target, ..Report::default() }
    }

    /// How the command ends, where it did not connect.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.exit
    }

    pub(super) fn failed(&mut self, error: &EndpointError) {
        self.failed_with(Exit::of(error), error.chain());
        if let (Some(untrusted), Some(problem)) = (untrusted(error), &mut self.error) {
            problem.reason = Some(match untrusted.reason {
                UntrustedReason::Expired => "expired",
                UntrustedReason::NotYetValid => "not-yet-valid",
                UntrustedReason::WrongName => "wrong-name",
                UntrustedReason::UnknownIssuer => "unknown-issuer",
                UntrustedReason::SelfSigned => "self-signed",
                UntrustedReason::WrongPurpose => "wrong-purpose",
                _ => "other",
            });
        }
    }

    pub(super) fn failed_with(&mut self, exit: Exit, message: String) {
        self.ok = false;
        self.exit = Some(exit);
        self.error = Some(Problem { kind: exit.word(), reason: None, message, exit_code: exit as u8 });
    }

    /// The report for people, as of `now`.
    pub(super) fn text(&self, now: SystemTime) -> String {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut text = format!("Connecting to {}", self.target);
        let mut line = |label: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {label:<12} {value}");
        };
        let took = |ms: Option<f64>| ms.map(|ms| format!(" ({ms:.1} ms)")).unwrap_or_default();
        if !self.addresses.is_empty() {
            let all: Vec<_> = self.addresses.iter().map(IpAddr::to_string).collect();
            line("Looked up", &format!("{}{}", all.join(", "), took(self.times.resolve)));
        }
        for Attempt { address, outcome, error, ms } in &self.attempts {
            let outcome = error.as_deref().unwrap_or(outcome);
            line("Tried", &format!("{address}: {outcome}{}", took(*ms)));
        }
        if let (Some(local), Some(peer)) = (&self.local, &self.peer) {
            line("Connected", &format!("{local} to {peer}{}", took(self.times.connect)));
        }
        if let Some(tls) = &self.tls {
            line("TLS", &format!("{}, {}{}", tls.version, tls.suite, took(self.times.tls)));
            line("Server name", tls.sni.as_deref().unwrap_or("none asked for"));
            line("ALPN", tls.alpn.as_deref().unwrap_or("none"));
            if tls.client_certificate_asked {
                line("Client", "the server asked for a certificate");
            }
        }
        for (number, certificate) in self.certificates.iter().enumerate() {
            let Certificate { subject, issuer, names, not_before, not_after, sha256, .. } = certificate;
            line(&format!("Certificate {}", number + 1), subject);
            line("", &format!("issued by {issuer}"));
            if !names.is_empty() {
                line("", &format!("for {}", names.join(", ")));
            }
            let span = (date(*not_before), date(*not_after));
            line("", &format!("valid from {} to {}, {}", span.0, span.1, left(*not_after, now)));
            line("", &format!("SHA-256 {sha256}"));
        }
        match &self.error {
            None => line("Result", &format!("connected in {:.1} ms", self.times.total)),
            Some(problem) => {
                line("Result", &format!("failed after {:.1} ms: {}", self.times.total, problem.message));
            }
        }
        visible(&text).into_owned()
    }
}

/// How much of a validity is left.
fn left(not_after: u64, now: u64) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match (now.checked_sub(not_after), not_after.saturating_sub(now)) {
        (Some(ago), _) if ago >= DAY => format!("expired {} days ago", ago / DAY),
        (Some(1..), _) => "expired today".to_owned(),
        (_, left) => format!("{} days left", left / DAY),
    }
}
