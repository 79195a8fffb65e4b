//! Handshakes between the two ends of this crate: what they agree on, and what both know of it afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, client, connect, server, shake, why};
use transom_testkit::{Issued, KeyKind, TestCert};
use transom_tls::{KeyPairSettings, MinVersion, TlsClient, TlsListenSettings, TlsServer};

/// The name in the certificate that a client is shown.
async fn shown(server: &TlsServer, client: &TlsClient) -> String {
    connect(server, client).await.1.peer().unwrap().common_name().unwrap().to_owned()
}

#[tokio::test]
async fn handshake_when_done_tells_both_ends_the_same() {
    let folder = Folder::new();
    let server = server(folder.listening(&["node.example"]));
    let (here, there) = connect(&server, &folder.client("node.example")).await;
    assert_eq!((here.version, here.suite), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
    assert_eq!((here.version, here.suite), (there.version, there.suite));
    assert_eq!(here.sni.as_deref(), Some("node.example"));
    assert_eq!((here.alpn.as_deref(), here.peer_chain.len(), here.resumed), (None, 0, false));
    assert_eq!(there.peer().unwrap().common_name(), Some("node.example"));
    assert!(here.exporter.is_some());
    assert_eq!(here.exporter, there.exporter);
    let (again, _) = connect(&server, &folder.client("node.example")).await;
    assert_ne!(here.exporter, again.exporter, "the binding belongs to one connection");
}

#[tokio::test]
async fn every_kind_of_key_works() {
    let folder = Folder::new();
    for kind in KeyKind::ALL {
        let files = folder.write("server", &folder.ca.issue(TestCert::server(&["a.example"]).key(kind)));
        let server = server(TlsListenSettings::new(files.key, files.certificate));
        let (_, there) = connect(&server, &folder.client("a.example")).await;
        assert_eq!(there.version, "TLSv1.3", "{kind:?}");
    }
}

#[tokio::test]
async fn session_when_connected_again_is_resumed_unless_tickets_are_off() {
    let folder = Folder::new();
    for (tickets, resumed) in [(true, true), (false, false)] {
        let mut settings = folder.listening(&["a.example"]);
        settings.session_tickets = tickets;
        let (server, client) = (server(settings), folder.client("a.example"));
        assert!(!connect(&server, &client).await.0.resumed);
        let (here, there) = connect(&server, &client).await;
        assert_eq!((here.resumed, there.resumed), (resumed, resumed));
        assert_eq!(here.exporter, there.exporter);
    }
}

#[tokio::test]
async fn certificate_when_a_name_is_asked_for_is_the_one_that_has_it() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["default.example"]);
    for (stem, names) in [
        ("one", &["one.example", "1.example"] as &[_]),
        ("wild", &["*.wild.example"]),
        ("exact", &["exact.wild.example"]),
    ] {
        let files = folder.write(stem, &folder.ca.server(names));
        settings.certificates.push(KeyPairSettings {
            key: files.key,
            certificate: files.certificate,
            chain_certificates: Vec::new(),
        });
    }
    let server = server(settings);
    for (asked, expected) in [
        ("default.example", "default.example"),
        ("one.example", "one.example"),
        ("ONE.example", "one.example"),
        ("1.example", "one.example"),
        ("x.wild.example", "*.wild.example"),
        ("exact.wild.example", "exact.wild.example"),
    ] {
        assert_eq!(shown(&server, &folder.client(asked)).await, expected, "{asked}");
    }
    // A wildcard stands for one label, and nobody else has these names: the default is shown, and the client says which.
    for asked in ["a.b.wild.example", "wild.example", "other.example"] {
        let (_, there) = shake(&server, &folder.client(asked)).await;
        let expected = format!("is for default.example, not for '{asked}'");
        assert!(why(there).contains(&expected));
    }
}

#[tokio::test]
async fn address_when_it_is_the_hostname_is_verified_as_such() {
    let folder = Folder::new();
    let server = server(folder.listening(&["a.example", "127.0.0.1", "::1"]));
    for hostname in ["127.0.0.1", "::1", "[::1]"] {
        let (here, _) = connect(&server, &folder.client(hostname)).await;
        assert_eq!(here.sni, None, "addresses are not asked for by name");
    }
    let (_, there) = shake(&server, &folder.client("127.0.0.2")).await;
    assert!(why(there).contains("is for a.example, 127.0.0.1, ::1, not for '127.0.0.2'"));
}

#[tokio::test]
async fn alpn_when_nothing_matches_goes_on_without() {
    let folder = Folder::new();
    for (spoken, offered, chosen) in [
        (&["http/1.1"] as &[&str], &["h2", "http/1.1"] as &[&str], Some("http/1.1")),
        (&["h2", "http/1.1"], &["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], &["h2"], None),
        (&["http/1.1"], &[], None),
        (&[], &["http/1.1"], None),
    ] {
        let mut settings = folder.listening(&["a.example"]);
        settings.alpn = spoken.iter().map(|&protocol| protocol.into()).collect();
        let mut asking = folder.connecting("a.example");
        asking.alpn = offered.iter().map(|&protocol| protocol.into()).collect();
        let (here, there) = connect(&server(settings), &client(asking)).await;
        assert_eq!(here.alpn.as_deref(), chosen, "{spoken:?} {offered:?}");
        assert_eq!(there.alpn.as_deref(), chosen, "{spoken:?} {offered:?}");
    }
}

#[tokio::test]
async fn chain_when_it_stands_in_one_file_or_in_several_is_sent() {
    let folder = Folder::new();
    let below = folder.ca.intermediate("Intermediate");
    let Issued { certificate, chain, key } = below.intermediate("Lower").server(&["a.example"]);
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let key = common::private(transom_testkit::IssuedFiles {
        key: path("a.key", &key),
        certificate: path("full.pem", &format!("{certificate}{chain}")),
    })
    .key;
    let (one, two) = chain.split_at(chain.rfind("-----BEGIN").unwrap());
    let mut split = TlsListenSettings::new(&key, path("alone.pem", &certificate));
    split.chain_certificates = vec![path("one.pem", one), path("two.pem", two)];
    let mut together = split.clone();
    together.chain_certificates = vec![path("both.pem", &chain)];
    let full = TlsListenSettings::new(&key, folder.path().join("full.pem"));
    for settings in [split, together, full] {
        let (_, there) = connect(&server(settings), &folder.client("a.example")).await;
        assert_eq!(there.peer_chain.len(), 3);
    }
}

#[tokio::test]
async fn suites_when_named_are_those_of_tls_12_alone() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["a.example"]);
    settings.ciphers = Some("ECDHE-RSA-AES128-GCM-SHA256".into());
    for min_version in [MinVersion::Tls12, MinVersion::Tls13] {
        settings.min_version = min_version;
        let mut asking = folder.connecting("a.example");
        asking.min_version = min_version;
        let (here, _) = connect(&server(settings.clone()), &client(asking)).await;
        assert_eq!(here.suite, "TLS_AES_256_GCM_SHA384");
    }
}
