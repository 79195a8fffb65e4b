//! A client that connects: whom it trusts, and what it says of those that it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use common::{Folder, client, connect, server, shake, why};
use transom_testkit::{Issued, TestCa, TestCert};
use transom_tls::{TlsClient, TlsConnectSettings, TlsListenSettings, TlsServer, check_connecting};

/// A server with this certificate, however bad it is.
fn with(folder: &Folder, issued: &Issued) -> TlsServer {
    let files = folder.write("server", issued);
    TlsServer::new(TlsListenSettings::new(files.key, files.certificate)).unwrap().0
}

#[tokio::test]
async fn server_when_not_trusted_is_refused_with_the_reason() {
    let folder = Folder::new();
    let root = folder.path().display().to_string();
    let below = folder.ca.intermediate("Intermediate");
    let without_chain = Issued { chain: String::new(), ..below.server(&["a.example"]) };
    for (issued, expected) in [
        (
            folder.ca.issue(TestCert::server(&["a.example"]).valid(-9, -2)),
            "the certificate of 'CN=a.example' expired at 20",
        ),
        (folder.ca.issue(TestCert::server(&["a.example"]).valid(2, 9)), "is not valid before 20"),
        (
            TestCa::new("Stranger").server(&["a.example"]),
            "the certificate of 'CN=a.example' is issued by 'CN=Stranger', which is not among the authorities in \
             'FOLDER/ca.pem'",
        ),
        (without_chain, "issued by 'CN=Intermediate', which is not among the authorities in"),
        (
            folder.ca.server(&["b.example", "*.c.example"]),
            "the certificate of 'CN=b.example' is for b.example, *.c.example, not for 'a.example'",
        ),
        (
            folder.ca.client("alice"),
            "the certificate of 'CN=alice, O=Example' is not for servers (extendedKeyUsage)",
        ),
        (folder.ca.server(&[]), "is for no host name at all, so not for 'a.example'"),
        (TestCa::new("Test Authority").server(&["a.example"]), "'CN=Test Authority'"),
    ] {
        let (here, there) = shake(&with(&folder, &issued), &folder.client("a.example")).await;
        let there = why(there);
        let expected = expected.replace("FOLDER", &root);
        assert!(there.starts_with("TLS handshake with 'a.example': the server is not trusted: "), "{there}");
        assert!(there.contains(&expected), "{there}");
        let here = why(here);
        assert!(here.contains("the client refused: "), "{here}");
    }
}

#[tokio::test]
async fn server_when_its_own_certificate_is_named_needs_no_issuer_but_the_right_name() {
    let folder = Folder::new();
    // What `openssl req -x509` makes: a certificate that is its own authority.
    let key = folder.path().join("server.key");
    let certificate = folder.path().join("server.pem");
    let (key_text, text) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    let made = common::run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            key_text,
            "-out",
            text,
            "-days",
            "2",
            "-subj",
            "/CN=self",
            "-addext",
            "subjectAltName=DNS:a.example",
        ],
    )
    .await;
    assert!(certificate.exists(), "{made}");
    let server = TlsServer::new(TlsListenSettings::new(&key, &certificate)).unwrap().0;
    let trusting = |hostname: &str| {
        let mut settings = TlsConnectSettings::new(hostname);
        settings.ca_certificates = vec![certificate.clone()];
        client(settings)
    };
    connect(&server, &trusting("a.example")).await;
    let (_, there) = shake(&server, &trusting("b.example")).await;
    assert!(why(there).contains("is for a.example, not for 'b.example'"));
    let (_, there) = shake(&server, &folder.client("a.example")).await;
    assert!(
        why(there)
            .contains("the certificate of 'CN=self' is signed by itself and not among the authorities in")
    );
}

#[tokio::test]
async fn server_when_it_does_not_speak_tls_is_said_not_to() {
    use transom_base::{Address, ConnInfo, Connection, Deadline};
    use transom_endpoint::Upgrade;
    use transom_testkit::ScriptedStream;
    let folder = Folder::new();
    for (said, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "the server sends what is not TLS"),
        (b"", "the server closed the connection in the middle of the handshake"),
    ] {
        let info = ConnInfo::new(Address::Memory(0), Address::Memory(1));
        let conn = Connection::new(ScriptedStream::pieces(&[said]), info);
        let result = folder.client("a.example").apply(conn, Deadline::NEVER).await;
        let why = why(result);
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn server_when_it_is_silent_is_given_up_at_the_deadline() {
    use std::time::Duration;
    use transom_base::{Address, ConnInfo, Connection, Deadline, ErrorKind};
    use transom_endpoint::Upgrade;
    use transom_testkit::ScriptedStream;
    let folder = Folder::new();
    let info = ConnInfo::new(Address::Memory(0), Address::Memory(1));
    let conn = Connection::new(ScriptedStream::default().stay_open(), info);
    let result = folder.client("a.example").apply(conn, Deadline::after(Duration::from_secs(10))).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "TLS handshake with 'a.example': not done in time");
}

#[test]
fn settings_when_wrong_are_refused_with_everything_that_is() {
    let folder = Folder::new();
    let mut settings = TlsConnectSettings::new("not a name");
    settings.ca_certificates = vec![folder.path().join("none.pem")];
    settings.key = Some(folder.path().join("none.key"));
    let refused = TlsClient::new(&settings).unwrap_err();
    let keys: Vec<&str> = refused.0.iter().map(|finding| finding.key.as_str()).collect();
    assert_eq!(keys, ["hostname", "key", "ca_certificates[0]"]);
    let text = refused.to_string();
    assert!(
        text.starts_with("hostname: 'not a name' is neither a host name nor an IP address; key: "),
        "{text}"
    );
    // A certificate alone is no error.
    let mut settings = folder.connecting("a.example");
    settings.certificate = Some(folder.ca_file.clone());
    let findings = check_connecting(&settings, std::time::SystemTime::now());
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.contains("no client certificate is used"));
}

/// The environment says what the platform's store is, so a process of its own looks at it: this same test, with a port to
/// connect to.
#[tokio::test]
async fn store_of_the_platform_is_trusted_where_no_files_are_named() {
    const PORT: &str = "TRANSOM_TEST_TLS_PORT";
    const STORE: &str = "SSL_CERT_FILE";
    if let Ok(port) = std::env::var(PORT) {
        println!("{}", connect_with_the_platforms_store(port.parse().unwrap()).await);
        return;
    }
    let folder = Folder::new();
    let mut listening = common::Listening::start(server(folder.listening(&["a.example"]))).await;
    let (other, empty) =
        (TestCa::new("Other").write(folder.path(), "other.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "").unwrap();
    for (store, expected) in [
        (&folder.ca_file, "connected to a.example"),
        (
            &other,
            "the certificate of 'CN=a.example' is issued by 'CN=Test Authority', which is not among the 1 authorities in this \
             machine's store",
        ),
        (&empty, "ca_certificates: this machine's store has no certificate authorities; install them"),
    ] {
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store_of_the_platform_is_trusted_where_no_files_are_named", "--nocapture"])
            .env(STORE, store)
            .env_remove("SSL_CERT_DIR")
            .env(PORT, listening.port.to_string())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(expected), "{said}");
    }
    listening.outcome().await.unwrap();
}

async fn connect_with_the_platforms_store(port: u16) -> String {
    use transom_base::{Address, ConnInfo, Connection, Deadline};
    use transom_endpoint::Upgrade;
    let client = match TlsClient::new(&TlsConnectSettings::new("a.example")) {
        Ok((client, _)) => client,
        Err(refused) => return refused.to_string(),
    };
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let info = ConnInfo::new(Address::Memory(0), Address::Memory(1));
    match client.apply(Connection::new(stream, info), Deadline::after(common::LONG)).await {
        Ok(conn) => format!("connected to {}", conn.info.tls.unwrap().peer().unwrap().common_name().unwrap()),
        Err(error) => error.chain(),
    }
}
