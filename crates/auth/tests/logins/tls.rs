//! `tls`.

use std::sync::Arc;

use transom_auth::{Fingerprint, Methods, Settings, TlsPrincipal, TlsSettings};
use transom_base::{Address, ConnInfo, PeerCertificate, TlsInfo};
use transom_wamp::TransportDetails;

use crate::support::*;

const SHA1: &str = "5A:F7:F7:FB:A9:14:79:F8:B0:BF:22:B9:17:C4:2D:EF:63:1D:AD:E1";
const SHA256: &str =
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";

pub(crate) fn showing(sha1: &str, sha256: &str) -> TransportDetails {
    let mut certificate = PeerCertificate::default();
    (certificate.sha1, certificate.sha256) = (sha1.into(), sha256.into());
    let mut tls = TlsInfo::default();
    tls.peer_chain = vec![certificate];
    let mut info = ConnInfo::new(Address::Memory(1), Address::Memory(1));
    info.tls = Some(Arc::new(tls));
    over(info)
}

fn known() -> Methods {
    let principal = |certificate: &str| TlsPrincipal {
        certificate: certificate.parse().unwrap(),
        role: Some("device".into()),
    };
    let principals = named([("old", principal(SHA1)), ("new", principal(SHA256))]);
    let tls = Some(TlsSettings::Static { principals, default_role: None });
    methods(Settings { tls, ..Settings::default() })
}

#[test]
fn certificate_names_its_principal() {
    let zeros = ["00"; 32].join(":");
    for (authid, transport, expected) in [
        (None, showing(SHA1, &zeros), "old"),
        (Some("old"), showing(SHA1, &zeros), "old"),
        (None, showing("", SHA256), "new"),
        (Some("new"), showing(SHA1, SHA256), "new"),
    ] {
        let device = welcomed(client(&["tls"], authid).on(transport).says_hello(&known()));
        assert_eq!((&*device.authid, &*device.role, &*device.method), (expected, "device", "tls"));
    }
}

#[test]
fn nobody_gets_in_without_a_certificate_that_is_known() {
    let mut bare = TlsInfo::default();
    bare.sni = Some("example.com".into());
    let mut info = ConnInfo::new(Address::Memory(1), Address::Memory(1));
    info.tls = Some(Arc::new(bare));
    for (authid, transport) in [
        (None, transport()),
        (Some("old"), over(info)),
        (None, showing("", "")),
        (Some("new"), showing(SHA1, "")),
        (Some("nobody"), showing(SHA1, SHA256)),
    ] {
        assert_eq!(reason(client(&["tls"], authid).on(transport).says_hello(&known())), DENIED, "{authid:?}");
    }
}

#[test]
fn fingerprints_are_read_and_written() {
    for text in [SHA1, SHA256] {
        assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), text);
        assert_eq!(text.to_lowercase().parse::<Fingerprint>(), text.parse());
    }
    for text in ["", "5A", "5AF7F7FBA91479F8B0BF22B917C42DEF631DADE1", &SHA1[..SHA1.len() - 1], "G0:00"] {
        let error = text.parse::<Fingerprint>().unwrap_err().to_string();
        assert!(error.contains("20 (SHA-1) or 32 (SHA-256)"), "{error}");
    }
}
