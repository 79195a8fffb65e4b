//! The cryptography: aws-lc-rs, passed to rustls explicitly, with the suites that were chosen.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};

use crate::ciphers::Suite;
use crate::dhe;
use crate::settings::MinVersion;

/// Makes aws-lc-rs what the process uses where nobody chose otherwise, for other crates that ask for such a thing: what is
/// here never does.
pub fn install_for_others() {
    // Whoever was first may keep theirs.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// Everything that aws-lc-rs has and rustls wants.
pub(crate) fn everything() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The suites of TLS 1.3, and of TLS 1.2 only those chosen, in their order. With Diffie-Hellman parameters there are
/// groups for the DHE suites too.
pub(crate) fn chosen(chosen: &[&Suite], dh: Option<&dhe::Parameters>) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    let (tls13, mut tls12): (Vec<_>, Vec<_>) =
        provider.cipher_suites.into_iter().partition(|suite| suite.tls13().is_some());
    if let Some(parameters) = dh {
        provider.kx_groups.extend(dhe::groups(parameters));
        tls12.extend(dhe::suites());
    }
    let wanted = chosen.iter();
    let wanted = wanted.filter_map(|wanted| tls12.iter().find(|suite| suite.suite() == wanted.id));
    provider.cipher_suites = tls13.into_iter().chain(wanted.copied()).collect();
    Arc::new(provider)
}

/// TLS 1.3 and 1.2, and the first alone.
static VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// The versions to speak with this provider.
pub(crate) fn versions(
    provider: &CryptoProvider,
    min_version: MinVersion,
) -> &'static [&'static SupportedProtocolVersion] {
    let any_tls12 = provider.cipher_suites.iter().any(|suite| suite.tls13().is_none());
    match min_version {
        MinVersion::Tls12 if any_tls12 => &VERSIONS,
        _ => VERSIONS.get(..1).unwrap_or_default(),
    }
}
