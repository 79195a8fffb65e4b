//! What goes on while an endpoint listens: files are read again when they change, and certificates that end are warned
//! of in time.

use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};
use transom_base::Clock;

use crate::error::Severity;
use crate::identity::{DAY, Identity, WARN_DAYS, ending};
use crate::server::{Reloaded, Shared, TlsServer};
use crate::settings::TlsListenSettings;
use crate::watch::{Stamps, Watch};
use crate::x509::unix;

/// How often certificates are asked for how long they are still valid.
const EXPIRY_CHECK: Duration = Duration::from_secs(60 * 60);

impl TlsServer {
    /// Watches the files, unless the settings say otherwise, and warns of certificates that end 30, 7 and 1 days before,
    /// and when they have. Runs until it is dropped; `transport` stands in the log.
    pub fn maintain(
        &self,
        transport: String,
        clock: Arc<dyn Clock>,
    ) -> impl Future<Output = Infallible> + Send + 'static {
        let shared = self.shared().clone();
        async move { tokio::join!(watch(&shared, &transport), expiry(&shared, &transport, &*clock)).0 }
    }
}

impl Reloaded {
    /// Writes to the log what came of reading the files again.
    pub fn log(&self, transport: &str) {
        for finding in &self.findings {
            match finding.severity {
                Severity::Error => warn!(%transport, "{finding}; what was loaded before stays in use"),
                Severity::Warning => warn!(%transport, "{finding}"),
                Severity::Note => {}
            }
        }
        if self.changed {
            info!(%transport, "certificates replaced");
        }
    }
}

async fn watch(shared: &Arc<Shared>, transport: &str) -> Infallible {
    if !shared.settings.watch {
        return std::future::pending().await;
    }
    let paths = paths(&shared.settings);
    let mut watch = Watch::new(paths.clone());
    // The files may have changed since they were loaded.
    let mut seen = None;
    let mut said = shared.found.clone();
    loop {
        let (files, ours) = (paths.clone(), shared.clone());
        let known = seen.take();
        let looked = tokio::task::spawn_blocking(move || {
            let stamps = Stamps::of(&files);
            let again = known.as_ref() != Some(&stamps);
            (again.then(|| ours.reload()), stamps)
        });
        if let Ok((reloaded, stamps)) = looked.await {
            seen = Some(stamps);
            if let Some(mut reloaded) = reloaded {
                let found = reloaded.findings.clone();
                // What was said already, and holds on, is not said again.
                reloaded.findings.retain(|finding| !said.contains(finding));
                said = found;
                reloaded.log(transport);
            }
        }
        watch.changed().await;
    }
}

/// All files that are loaded.
fn paths(settings: &TlsListenSettings) -> Vec<PathBuf> {
    let mut all = settings.ca_certificates.clone();
    for (_, pair) in settings.pairs() {
        all.extend([pair.key, pair.certificate]);
        all.extend(pair.chain_certificates);
    }
    all
}

async fn expiry(shared: &Shared, transport: &str, clock: &dyn Clock) -> Infallible {
    let mut before = unix(clock.wall());
    loop {
        sleep(EXPIRY_CHECK).await;
        let now = unix(clock.wall());
        for identity in shared.material.load().identities() {
            if crossed(identity, before, now)
                && let Some(problem) = ending(identity.not_after, now)
            {
                let (subject, path) = (&identity.subject, identity.path.display());
                warn!(%transport, "the certificate of {subject} in '{path}' {problem}");
            }
        }
        before = now;
    }
}

/// Whether one of the moments at which to warn of a certificate lies between two others.
fn crossed(identity: &Identity, before: u64, now: u64) -> bool {
    let ahead = WARN_DAYS.iter().map(|days| identity.not_after.saturating_sub(days * DAY));
    ahead.chain([identity.not_after + 1]).any(|moment| before < moment && moment <= now)
}
