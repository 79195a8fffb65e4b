//! OpenSSL and curl as the other end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::process::Stdio;

use common::{Folder, LONG, Listening, client, run, s_client, server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use transom_base::{Address, ConnInfo, Connection, Deadline};
use transom_endpoint::{EndpointError, Upgrade};
use transom_testkit::{IssuedFiles, KeyKind, TestCert};
use transom_tls::{KeyPairSettings, TlsClient, TlsListenSettings};

/// Every suite of TLS 1.2 by its name in OpenSSL, with a kind of key it can be used with.
const SUITES: [(&str, KeyKind); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", KeyKind::P256),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", KeyKind::P384),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", KeyKind::Ed25519),
    ("ECDHE-RSA-AES256-GCM-SHA384", KeyKind::Rsa),
    ("ECDHE-RSA-AES128-GCM-SHA256", KeyKind::Rsa),
    ("ECDHE-RSA-CHACHA20-POLY1305", KeyKind::Rsa),
];

fn with_key(folder: &Folder, kind: KeyKind) -> TlsListenSettings {
    let files = folder.write("server", &folder.ca.issue(TestCert::server(&["a.example"]).key(kind)));
    TlsListenSettings::new(files.key, files.certificate)
}

/// The line that the server sent. `s_client` prints it when it comes, in the middle of what it has to say itself.
fn facts(said: &str) -> &str {
    let line = said.split_once("facts ").and_then(|(_, rest)| rest.lines().next());
    line.unwrap_or_else(|| panic!("no facts in: {said}"))
}

#[tokio::test]
async fn every_suite_when_it_is_the_only_one_named_is_agreed_on_with_openssl() {
    let folder = Folder::new();
    for (suite, kind) in SUITES {
        let mut settings = with_key(&folder, kind);
        settings.ciphers = Some(suite.into());
        let listening = Listening::start(server(settings)).await;
        let said = s_client(listening.port, &["-tls1_2", "-ign_eof"]).await;
        assert!(facts(&said).starts_with("TLSv1.2 TLS_ECDHE_"), "{said}");
        assert!(said.contains(&format!("Cipher is {suite}")), "{said}");
    }
}

#[tokio::test]
async fn every_suite_when_openssl_offers_it_alone_is_taken_by_default() {
    let folder = Folder::new();
    for kind in [KeyKind::P256, KeyKind::Rsa] {
        let listening = Listening::start(server(with_key(&folder, kind))).await;
        let auth = if kind == KeyKind::Rsa { "-RSA-" } else { "-ECDSA-" };
        for (suite, _) in SUITES.iter().filter(|(suite, _)| suite.contains(auth)) {
            let said = s_client(listening.port, &["-tls1_2", "-cipher", suite, "-ign_eof"]).await;
            assert!(said.contains(&format!("Cipher is {suite}")), "{said}");
        }
        for (suite, name) in [
            ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            ("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
            ("TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        ] {
            let said = s_client(listening.port, &["-tls1_3", "-ciphersuites", suite, "-ign_eof"]).await;
            assert!(facts(&said).starts_with(&format!("TLSv1.3 {name} ")), "{said}");
        }
    }
}

#[tokio::test]
async fn suite_that_was_not_named_is_not_agreed_on() {
    let folder = Folder::new();
    let mut settings = with_key(&folder, KeyKind::Rsa);
    settings.ciphers = Some("ECDHE-RSA-AES128-GCM-SHA256".into());
    let mut listening = Listening::start(server(settings)).await;
    let other = "ECDHE-RSA-AES256-GCM-SHA384";
    let said = s_client(listening.port, &["-tls1_2", "-cipher", other]).await;
    assert!(said.contains("handshake failure"), "{said}");
    let outcome = listening.outcome().await.unwrap_err();
    assert_eq!(outcome, "TLS handshake: the client offers no cipher suite that is spoken here");
}

#[tokio::test]
async fn order_of_suites_when_named_is_the_servers() {
    let folder = Folder::new();
    let mut settings = with_key(&folder, KeyKind::Rsa);
    settings.ciphers = Some("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256".into());
    let listening = Listening::start(server(settings)).await;
    let theirs = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";
    let said = s_client(listening.port, &["-tls1_2", "-cipher", theirs, "-ign_eof"]).await;
    assert!(said.contains("Cipher is ECDHE-RSA-CHACHA20-POLY1305"), "{said}");
}

#[tokio::test]
async fn version_when_none_is_in_common_is_said_by_both() {
    let folder = Folder::new();
    let mut settings = with_key(&folder, KeyKind::P256);
    settings.min_version = transom_tls::MinVersion::Tls13;
    let mut listening = Listening::start(server(settings)).await;
    let said = s_client(listening.port, &["-tls1_2"]).await;
    assert!(said.contains("alert protocol version"), "{said}");
    let outcome = listening.outcome().await.unwrap_err();
    assert!(outcome.contains("speaks no version of TLS that is allowed here (see min_version)"), "{outcome}");
}

#[tokio::test]
async fn ciphers_when_none_can_be_had_leave_tls_13() {
    let folder = Folder::new();
    let mut settings = with_key(&folder, KeyKind::P256);
    settings.ciphers = Some("RC4-MD5".into());
    let listening = Listening::start(transom_tls::TlsServer::new(settings).unwrap().0).await;
    let said = s_client(listening.port, &["-tls1_2"]).await;
    assert!(said.contains("alert protocol version"), "{said}");
    let said = s_client(listening.port, &["-ign_eof"]).await;
    assert!(facts(&said).starts_with("TLSv1.3 "), "{said}");
}

#[tokio::test]
async fn every_form_of_key_file_is_read() {
    let folder = Folder::new();
    for kind in KeyKind::ALL {
        let settings = with_key(&folder, kind);
        let pkcs8 = settings.key.to_str().unwrap().to_owned();
        let mut forms = vec![pkcs8.clone()];
        if kind != KeyKind::Ed25519 {
            // PKCS#1 for RSA, SEC1 for ECDSA.
            let traditional = folder.path().join("traditional.key");
            let made = run(
                "openssl",
                &["pkey", "-in", &pkcs8, "-traditional", "-out", traditional.to_str().unwrap()],
            )
            .await;
            let text = std::fs::read_to_string(&traditional).unwrap_or_else(|_| panic!("{made}"));
            let label = if kind == KeyKind::Rsa { "RSA" } else { "EC" };
            assert!(text.starts_with(&format!("-----BEGIN {label} PRIVATE KEY-----")), "{text}");
            if kind != KeyKind::Rsa {
                // `openssl ecparam -genkey` writes the curve before the key.
                let with_curve = folder.path().join("with_curve.key");
                let curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
                std::fs::write(&with_curve, format!("{curve}{text}")).unwrap();
                forms.push(with_curve.to_str().unwrap().into());
            }
            forms.push(traditional.to_str().unwrap().into());
        }
        for form in forms {
            let (key, certificate) = (form.clone().into(), settings.certificate.clone());
            let files = common::private(IssuedFiles { key, certificate });
            let listening =
                Listening::start(server(TlsListenSettings::new(files.key, files.certificate))).await;
            let said = s_client(listening.port, &["-ign_eof"]).await;
            assert!(facts(&said).starts_with("TLSv1.3 "), "{kind:?} {form}: {said}");
        }
    }
}

#[tokio::test]
async fn names_when_openssl_asks_for_them_choose_the_certificate() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["default.example"]);
    let files = folder.write("wild", &folder.ca.server(&["*.wild.example"]));
    settings.certificates = vec![KeyPairSettings {
        key: files.key,
        certificate: files.certificate,
        chain_certificates: Vec::new(),
    }];
    let listening = Listening::start(server(settings)).await;
    for (asked, expected) in [
        (&["-servername", "x.wild.example"] as &[_], "CN = *.wild.example"),
        (&["-servername", "unknown.example"], "CN = default.example"),
        (&["-noservername"], "CN = default.example"),
        (&["-servername", "127.0.0.1"], "CN = default.example"),
    ] {
        let said = s_client(listening.port, &[asked, &["-ign_eof"]].concat()).await;
        assert!(said.contains(&format!("subject={expected}")), "{said}");
    }
}

#[tokio::test]
async fn kind_of_certificate_when_one_name_has_several_is_the_one_that_the_client_can_verify() {
    let folder = Folder::new();
    let mut settings = with_key(&folder, KeyKind::P256);
    let rsa = folder.write("rsa", &folder.ca.issue(TestCert::server(&["a.example"]).key(KeyKind::Rsa)));
    settings.certificates =
        vec![KeyPairSettings { key: rsa.key, certificate: rsa.certificate, chain_certificates: Vec::new() }];
    let listening = Listening::start(server(settings)).await;
    for (cipher, expected) in [
        ("ECDHE-RSA-AES128-GCM-SHA256", "rsaEncryption"),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", "id-ecPublicKey"),
    ] {
        let asked = ["-tls1_2", "-cipher", cipher, "-servername", "a.example", "-showcerts", "-ign_eof"];
        let said = s_client(listening.port, &asked).await;
        assert!(said.contains(&format!("Cipher is {cipher}")), "{said}");
        assert!(said.contains(&format!("PKEY: {expected}")), "{said}");
    }
}

#[tokio::test]
async fn alpn_when_openssl_offers_it_never_fails_a_handshake() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["a.example"]);
    settings.alpn = vec!["http/1.1".into()];
    let listening = Listening::start(server(settings)).await;
    for (offered, chosen) in [("h2,http/1.1", "http/1.1"), ("h2", "-"), ("mqtt", "-")] {
        let said =
            s_client(listening.port, &["-alpn", offered, "-servername", "a.example", "-ign_eof"]).await;
        assert_eq!(facts(&said).split(' ').nth(3), Some(chosen), "{said}");
    }
}

#[tokio::test]
async fn session_when_openssl_comes_again_is_resumed_in_both_versions() {
    let folder = Folder::new();
    let listening = Listening::start(server(folder.listening(&["a.example"]))).await;
    let session = folder.path().join("session.pem");
    let session = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let first = s_client(listening.port, &[version, "-sess_out", session, "-ign_eof"]).await;
        assert!(facts(&first).ends_with(" false"), "{first}");
        let again = s_client(listening.port, &[version, "-sess_in", session, "-ign_eof"]).await;
        assert!(facts(&again).ends_with(" true"), "{version}: {again}");
        assert!(again.contains("Reused, TLSv1."), "{again}");
    }
}

#[tokio::test]
async fn certificate_of_openssl_when_shown_has_the_fingerprints_that_openssl_computes() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["a.example"]);
    settings.ca_certificates = vec![folder.ca_file.clone()];
    let mut listening = Listening::start(server(settings)).await;
    let files = folder.write("client", &folder.ca.client("alice"));
    let (key, certificate) = (files.key.to_str().unwrap(), files.certificate.to_str().unwrap());
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(listening.port, &[version, "-cert", certificate, "-key", key, "-ign_eof"]).await;
        assert_eq!(facts(&said).split(' ').nth(4), Some("alice"), "{said}");
        let peer = listening.outcome().await.unwrap().peer().unwrap().clone();
        for (hash, ours) in [("-sha1", &peer.sha1), ("-sha256", &peer.sha256), ("-md5", &peer.md5)] {
            let said = run("openssl", &["x509", "-in", certificate, "-noout", "-fingerprint", hash]).await;
            assert_eq!(said.trim().split_once('=').unwrap().1, ours);
        }
    }
    let said = s_client(listening.port, &["-tls1_2"]).await;
    assert!(said.contains("alert"), "{said}");
    assert!(listening.outcome().await.unwrap_err().contains("the client shows no certificate"));
}

#[tokio::test]
async fn exporter_when_openssl_computes_it_is_the_same() {
    let folder = Folder::new();
    let mut listening = Listening::start(server(folder.listening(&["a.example"]))).await;
    let asked = ["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32", "-ign_eof"];
    let said = s_client(listening.port, &asked).await;
    let theirs = said.lines().find_map(|line| line.trim().strip_prefix("Keying material: ")).unwrap();
    let ours = listening.outcome().await.unwrap().exporter.clone().unwrap();
    let ours: String = ours.0.iter().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(theirs, ours);
    // TLS 1.2 has one only with the extended master secret, which cannot be told.
    s_client(listening.port, &["-tls1_2", "-ign_eof"]).await;
    assert_eq!(listening.outcome().await.unwrap().exporter, None);
}

#[tokio::test]
async fn curl_verifies_us_by_the_authority_and_the_chain() {
    let folder = Folder::new();
    let files = folder.write("server", &folder.ca.intermediate("Intermediate").server(&["a.example"]));
    let mut settings = TlsListenSettings::new(files.key, files.certificate);
    settings.alpn = vec!["http/1.1".into()];
    let mut listening = Listening::start(server(settings)).await;
    let port = listening.port;
    let (url, resolve) = (format!("https://a.example:{port}/"), format!("a.example:{port}:127.0.0.1"));
    let ca = folder.ca_file.to_str().unwrap();
    // The line that is sent is no HTTP, so an old answer without a head is allowed.
    let args = ["--silent", "--show-error", "--http0.9", "--cacert", ca, "--resolve", &resolve, &url];
    let said = run("curl", &args).await;
    assert!(said.starts_with("facts TLSv1.3 "), "{said}");
    let facts = listening.outcome().await.unwrap();
    assert_eq!((facts.sni.as_deref(), facts.alpn.as_deref()), (Some("a.example"), Some("http/1.1")));
}

/// `openssl s_server` on a free port; it answers HTTP requests with a page about the connection.
struct SServer {
    port: u16,
    _child: Child,
}

impl SServer {
    async fn start(files: &IssuedFiles, args: &[&str]) -> Self {
        let (key, certificate) = (files.key.to_str().unwrap(), files.certificate.to_str().unwrap());
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-key", key, "-cert", certificate])
            .args(["-cert_chain", certificate])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("openssl is needed for this test: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = loop {
            let line = tokio::time::timeout(LONG, lines.next_line()).await.unwrap().unwrap().unwrap();
            if let Some(port) = line.strip_prefix("ACCEPT 127.0.0.1:") {
                break port.parse().unwrap();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        SServer { port, _child: child }
    }

    async fn connect(&self, client: &TlsClient) -> Result<Connection, EndpointError> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let end = Address::tcp(stream.peer_addr().unwrap());
        client.apply(Connection::new(stream, ConnInfo::new(end.clone(), end)), Deadline::after(LONG)).await
    }

    async fn page(&self, client: &TlsClient) -> Result<String, String> {
        let mut conn = self.connect(client).await.map_err(|error| error.chain())?;
        conn.io.write_all(b"GET / HTTP/1.0\r\n\r\n").await.map_err(|error| error.to_string())?;
        conn.io.flush().await.map_err(|error| error.to_string())?;
        let mut page = Vec::new();
        conn.io.read_to_end(&mut page).await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }
}

#[tokio::test]
async fn openssl_server_is_verified_and_shown_our_certificate() {
    let folder = Folder::new();
    let files =
        folder.write("server", &folder.ca.intermediate("Intermediate").server(&["a.example", "127.0.0.1"]));
    let ours = folder.write("client", &folder.ca.client("alice"));
    let ca = folder.ca_file.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let open = SServer::start(&files, &[version]).await;
        for hostname in ["a.example", "127.0.0.1"] {
            let page = open.page(&folder.client(hostname)).await.unwrap();
            assert!(page.contains("s_server"), "{page}");
        }
        let why = open.page(&folder.client("b.example")).await.unwrap_err();
        assert!(why.contains("is for a.example, 127.0.0.1, not for 'b.example'"), "{why}");
        let strict =
            SServer::start(&files, &[version, "-Verify", "2", "-CAfile", ca, "-verify_return_error"]).await;
        let mut settings = folder.connecting("a.example");
        settings.key = Some(ours.key.clone());
        settings.certificate = Some(ours.certificate.clone());
        let page = strict.page(&client(settings)).await.unwrap();
        assert!(page.contains("alice"), "{page}");
        let why = strict.page(&folder.client("a.example")).await.unwrap_err();
        if version == "-tls1_2" {
            assert!(why.contains("the server refused: "), "{why}");
        }
    }
}

/// Parameters of the group `ffdhe2048` (RFC 7919) are at hand without searching for a prime.
async fn dhparam(folder: &Folder, group: &str) -> std::path::PathBuf {
    let path = folder.path().join(format!("{group}.pem"));
    let text = path.to_str().unwrap();
    let option = format!("group:{group}");
    let args = ["genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", &option, "-out", text];
    let said = run("openssl", &args).await;
    assert!(path.exists(), "{said}");
    path
}

/// A prime of 2048 bits that no standard has, made once by `openssl dhparam 2048`.
const OWN: &str = include_str!("dhparam2048.pem");

#[tokio::test]
async fn dhe_suites_when_a_file_is_given_are_really_offered() {
    let folder = Folder::new();
    let own = folder.path().join("own.pem");
    std::fs::write(&own, OWN).unwrap();
    for file in [own, dhparam(&folder, "ffdhe2048").await] {
        let mut settings = with_key(&folder, KeyKind::Rsa);
        settings.dhparam = Some(file);
        let mut listening = Listening::start(server(settings)).await;
        for (suite, name) in [
            ("DHE-RSA-AES256-GCM-SHA384", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
            ("DHE-RSA-AES128-GCM-SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
            ("DHE-RSA-CHACHA20-POLY1305", "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
        ] {
            let said = s_client(listening.port, &["-tls1_2", "-cipher", suite, "-ign_eof"]).await;
            assert!(said.contains(&format!("Cipher is {suite}")), "{said}");
            assert!(said.contains("Server Temp Key: DH, 2048 bits"), "{said}");
            assert_eq!(listening.outcome().await.unwrap().suite, name);
        }
        // Whoever can do better does, whatever they would like most.
        let both = "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
        let said = s_client(listening.port, &["-tls1_2", "-cipher", both, "-ign_eof"]).await;
        assert!(said.contains("Cipher is ECDHE-RSA-AES128-GCM-SHA256"), "{said}");
        let said = s_client(listening.port, &["-ign_eof"]).await;
        assert!(facts(&said).starts_with("TLSv1.3 "), "{said}");
    }
}

#[tokio::test]
async fn dhe_session_is_carried_on_and_resumed() {
    let folder = Folder::new();
    let mut settings = with_key(&folder, KeyKind::Rsa);
    settings.dhparam = Some(dhparam(&folder, "ffdhe3072").await);
    settings.ciphers = Some("DHE-RSA-AES128-GCM-SHA256".into());
    let listening = Listening::start(server(settings)).await;
    let session = folder.path().join("session.pem");
    let session = session.to_str().unwrap();
    let first = s_client(listening.port, &["-tls1_2", "-sess_out", session, "-ign_eof"]).await;
    assert!(first.contains("Server Temp Key: DH, 3072 bits"), "{first}");
    let again = s_client(listening.port, &["-tls1_2", "-sess_in", session, "-ign_eof"]).await;
    assert!(facts(&again).ends_with(" true"), "{again}");
}

#[tokio::test]
async fn dhparam_when_it_will_not_do_is_ignored_with_a_warning() {
    let folder = Folder::new();
    let weak = folder.path().join("weak.pem");
    run("openssl", &["dhparam", "-dsaparam", "-out", weak.to_str().unwrap(), "1024"]).await;
    let key = folder.listening(&["a.example"]).key;
    for (file, expected) in [
        (weak, "weak.pem' have 1024 bits, and only 2048 to 8192 are safe and fast"),
        (folder.path().join("none.pem"), "cannot read '"),
        (key, "holds no section 'DH PARAMETERS' but 'PRIVATE KEY'"),
    ] {
        let mut settings = with_key(&folder, KeyKind::Rsa);
        settings.dhparam = Some(file);
        let (server, findings) = transom_tls::TlsServer::new(settings).unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].key.as_str(), findings[0].severity),
            ("dhparam", transom_tls::Severity::Warning)
        );
        assert!(findings[0].message.starts_with("ignored: "), "{}", findings[0]);
        assert!(findings[0].message.contains(expected), "{}", findings[0]);
        let listening = Listening::start(server).await;
        let said = s_client(listening.port, &["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"]).await;
        assert!(said.contains("handshake failure"), "{said}");
    }
}
