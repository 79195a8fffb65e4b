//! What a handshake established, as plain facts.

use rustls::{CipherSuite, CommonState, ProtocolVersion};
use transom_base::{ChannelBinding, TlsInfo};

use crate::x509::read_certificate;

/// The label of the channel binding `tls-exporter` (RFC 9266, section 2).
const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";

/// The facts of a connection. `export` yields keying material of the connection for a label.
pub(crate) fn facts(
    state: &CommonState,
    sni: Option<&str>,
    export: impl FnOnce([u8; 32], &[u8]) -> Result<[u8; 32], rustls::Error>,
) -> TlsInfo {
    let mut info = TlsInfo::default();
    info.version = match state.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "",
    };
    info.suite = state.negotiated_cipher_suite().map_or("", |suite| iana(suite.suite()));
    info.sni = sni.map(str::to_owned);
    info.alpn = state.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned());
    info.resumed = state.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    info.peer_chain =
        state.peer_certificates().unwrap_or_default().iter().map(|der| read_certificate(der)).collect();
    // Below 1.3 the value is only safe with the extended master secret (RFC 9266, section 4.2), and whether that was
    // agreed on cannot be found out.
    if state.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
        info.exporter = export([0; 32], EXPORTER).ok().map(ChannelBinding);
    }
    info
}

/// The name that IANA registered.
fn iana(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str().unwrap_or_default(),
    }
}
