//! `transom endpoint connect`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::process::{Child, Command};
use transom_testkit::{IssuedFiles, TestCa};
use transom_tests::{PATIENCE, TestNode, has_tool};

use crate::support::{Folder, Said, expired, tls, to_tcp, to_unix, with};

async fn connect(folder: &Folder, endpoint: &Value) -> Said {
    folder.run(&["endpoint", "connect", &endpoint.to_string(), "--format", "json"]).await
}

/// A node that speaks RawSocket behind this TLS; its port.
async fn node(tls: Value) -> (TestNode, u16) {
    let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 1, "tls": tls});
    let node = TestNode::start(json!([{"type": "rawsocket", "endpoint": endpoint}])).await;
    let port = node.tcp(0).port();
    (node, port)
}

#[tokio::test]
async fn connection_when_made_is_reported_with_all_that_was_tried() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let report = connect(&folder, &to_tcp(addr.port())).await.ended(0).json();
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["attempts"][0]["address"], addr.to_string());
    assert_eq!(report["attempts"][0]["outcome"], "connected");
    assert_eq!(report["peer"], format!("tcp4:{addr}"));
    assert!(report["times"]["connect"].is_number() && report["times"]["total"].is_number(), "{report}");
    assert_eq!((&report["tls"], &report["error"]), (&Value::Null, &Value::Null));
    // It was a whole connection, and an orderly end.
    let mut read = Vec::new();
    listener.accept().await.unwrap().0.read_to_end(&mut read).await.unwrap();
    assert!(read.is_empty());

    let named = with(to_tcp(addr.port()), json!({"host": "localhost"}));
    let report = connect(&folder, &named).await.ended(0).json();
    assert!(report["addresses"].as_array().unwrap().contains(&json!("127.0.0.1")), "{report}");
    assert!(report["times"]["resolve"].is_number(), "{report}");
    let text = folder.run(&["endpoint", "connect", &named.to_string()]).await.ended(0).out;
    for words in ["Looked up", "127.0.0.1", "Tried", "connected", "Result"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[tokio::test]
async fn endpoint_may_be_of_any_type_and_stand_in_a_file() {
    let folder = Folder::new();
    let path = folder.path("s");
    let _listener = UnixListener::bind(&path).unwrap();
    std::fs::create_dir(folder.path("sub")).unwrap();
    std::fs::write(folder.path("endpoint.json"), json!({"type": "unix", "path": "s"}).to_string()).unwrap();
    std::fs::write(folder.path("sub/endpoint.yaml"), "type: unix\npath: ../s\n").unwrap();
    let string = json!({"type": "twisted", "client_string": format!("unix:{}", path.display())});
    for endpoint in [&to_unix(&path).to_string(), &string.to_string(), "endpoint.json", "@sub/endpoint.yaml"]
    {
        let said = folder.run(&["endpoint", "connect", endpoint, "--format", "json"]).await.ended(0);
        assert_eq!(said.json()["peer"], format!("unix:{}", path.display()), "{said:?}");
    }
}

#[tokio::test]
async fn endpoint_when_wrong_or_not_to_be_had_is_said_with_its_place() {
    let folder = Folder::new();
    for (endpoint, words) in [
        (r#"{"type": "tcp", "host": "a"}"#, "missing mandatory attribute \"port\""),
        (r#"{"type": "onion"}"#, "to connect over Tor is \"tor\""),
        (
            r#"{"type": "tor", "host": "x.onion", "port": 80}"#,
            "missing mandatory attribute \"tor_socks_port\"",
        ),
        ("nowhere.json", "nowhere.json"),
        (
            r#"{"type": "tcp", "host": "a", "port": 1, "tls": {"hostname": "a", "ca_certificates": ["no.pem"]}}"#,
            "no.pem",
        ),
    ] {
        let said = folder.run(&["endpoint", "connect", endpoint]).await.ended(1);
        assert!(said.err.contains(words), "{words}\n{said:?}");
    }
    folder.run(&["endpoint", "connect"]).await.ended(2);
}

#[tokio::test]
async fn failure_to_connect_says_which_it_is() {
    let folder = Folder::new();
    // Bound, so that nobody else can listen there.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = with(
        to_tcp(silent.local_addr().unwrap().port()),
        json!({"timeout": 1, "tls": folder.trusting("localhost")}),
    );
    let no_name = json!({"type": "tcp", "host": "x".repeat(300), "port": 80});
    for (endpoint, code, kind) in [
        (to_tcp(socket.local_addr().unwrap().port()), 4, "refused"),
        (to_unix(&folder.path("nobody")), 4, "refused"),
        (no_name, 3, "unresolvable"),
        (slow, 6, "timed-out"),
    ] {
        let report = connect(&folder, &endpoint).await.ended(code).json();
        assert_eq!((&report["ok"], &report["error"]["kind"]), (&json!(false), &json!(kind)), "{report}");
        assert_eq!(report["error"]["exit_code"], code);
    }
}

#[tokio::test]
async fn server_behind_tls_is_reported_with_its_certificates() {
    let folder = Folder::new();
    let between = folder.ca.intermediate("Between");
    let files = folder.issued("server", &between.server(&["localhost", "127.0.0.1"]));
    let (_node, port) = node(tls(&files)).await;
    let endpoint = with(to_tcp(port), json!({"tls": folder.trusting("localhost")}));
    let report = connect(&folder, &endpoint).await.ended(0).json();
    assert_eq!(report["tls"]["version"], "TLSv1.3", "{report}");
    assert!(report["tls"]["suite"].as_str().unwrap().starts_with("TLS_"), "{report}");
    assert_eq!(report["tls"]["sni"], "localhost");
    assert_eq!(report["tls"]["client_certificate_asked"], false);
    let certificates = report["certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 2, "{report}");
    assert_eq!(certificates[0]["subject"], "CN=localhost");
    assert_eq!(certificates[0]["issuer"], "CN=Between");
    assert_eq!(certificates[0]["names"], json!(["DNS:localhost", "IP Address:127.0.0.1"]));
    assert_eq!(certificates[0]["sha256"].as_str().unwrap().len(), 32 * 3 - 1);
    assert_eq!(certificates[1]["issuer"], "CN=Test Authority");
    assert!(report["times"]["tls"].is_number());
    let text = folder.run(&["endpoint", "connect", &endpoint.to_string()]).await.ended(0).out;
    for words in ["TLSv1.3", "Certificate 1", "CN=Between", "DNS:localhost", " days left", "SHA-256"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[tokio::test]
async fn certificate_when_not_trusted_is_reported_with_the_reason_and_shown() {
    let folder = Folder::new();
    let elsewhere = TestCa::new("Somebody Else");
    let own = folder.issued("own", &folder.ca.issue(expired(10, 2)));
    let (_expired, expired) = node(tls(&own)).await;
    let (_named, named) =
        node(tls(&folder.issued("named", &folder.ca.server(&["a.example", "b.example"])))).await;
    let (_foreign, foreign) = node(tls(&folder.issued("foreign", &elsewhere.server(&["localhost"])))).await;
    for (port, reason, words) in [
        (expired, "expired", &["CN=localhost", "expired at"][..]),
        (named, "wrong-name", &["a.example, b.example", "not for 'localhost'"]),
        (foreign, "unknown-issuer", &["CN=Somebody Else", "ca.pem"]),
    ] {
        let endpoint = with(to_tcp(port), json!({"tls": folder.trusting("localhost")}));
        let report = connect(&folder, &endpoint).await.ended(7).json();
        assert_eq!(report["error"]["kind"], "untrusted", "{report}");
        assert_eq!(report["error"]["reason"], reason, "{report}");
        let message = report["error"]["message"].as_str().unwrap();
        assert!(words.iter().all(|words| message.contains(words)), "{message}");
        assert_eq!(report["certificates"].as_array().unwrap().len(), 1, "{report}");
        let text = folder.run(&["endpoint", "connect", &endpoint.to_string()]).await.ended(7).out;
        assert!(text.contains("Certificate 1") && text.contains(message), "{text}");
    }
}

/// By TLS 1.3 a server says only after the handshake that it wanted a certificate.
#[tokio::test]
async fn client_certificate_when_the_server_wants_one_is_shown_or_missed() {
    let folder = Folder::new();
    let (server, client) = (folder.server(), folder.client());
    let wanting = with(tls(&server), json!({"ca_certificates": [folder.path("ca.pem")]}));
    let (_node, port) = node(wanting).await;
    let without = with(to_tcp(port), json!({"tls": folder.trusting("localhost")}));
    let report = connect(&folder, &without).await.ended(8).json();
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains("it wants a client certificate; give key and certificate"), "{message}");
    let shown = with(folder.trusting("localhost"), tls(&client));
    let report = connect(&folder, &with(to_tcp(port), json!({"tls": shown}))).await.ended(0).json();
    assert_eq!(report["tls"]["client_certificate_asked"], true, "{report}");
}

#[tokio::test]
async fn server_that_does_not_speak_tls_is_told_from_one_that_is_not_trusted() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        let (mut io, _) = listener.accept().await.unwrap();
        io.write_all(b"220 mail.example ready\r\n").await.unwrap();
        let _ = io.read_to_end(&mut Vec::new()).await;
    });
    let endpoint = with(to_tcp(port), json!({"tls": folder.trusting("localhost")}));
    let report = connect(&folder, &endpoint).await.ended(8).json();
    assert!(report["error"]["message"].as_str().unwrap().contains("sends what is not TLS"), "{report}");
    answering.await.unwrap();
}

/// `openssl s_server` on a free port.
async fn s_server(files: &IssuedFiles, args: &[&str]) -> (u16, Child) {
    let (key, certificate) = (files.key.to_str().unwrap(), files.certificate.to_str().unwrap());
    let mut child = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-key", key, "-cert", certificate])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = loop {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        if let Some(port) = line.strip_prefix("ACCEPT 127.0.0.1:") {
            break port.parse().unwrap();
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (port, child)
}

#[tokio::test]
async fn openssl_when_it_is_the_server_is_reported_as_it_is() {
    if !has_tool("openssl") {
        return;
    }
    let folder = Folder::new();
    let (server, client) = (folder.server(), folder.client());
    let suite = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-alpn", "http/1.1"];
    let (port, _child) = s_server(&server, &suite).await;
    let endpoint = with(to_tcp(port), json!({"tls": folder.trusting("127.0.0.1")})).to_string();
    let args = ["endpoint", "connect", &endpoint, "--format", "json", "--alpn", "h2", "--alpn", "http/1.1"];
    let report = folder.run(&args).await.ended(0).json();
    assert_eq!(report["tls"]["version"], "TLSv1.2", "{report}");
    assert_eq!(report["tls"]["suite"], "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    assert_eq!((&report["tls"]["alpn"], &report["tls"]["sni"]), (&json!("http/1.1"), &Value::Null));

    let allowed = with(folder.trusting("127.0.0.1"), json!({"min_version": "1.3"}));
    let report = connect(&folder, &with(to_tcp(port), json!({"tls": allowed}))).await;
    assert!(report.code != Some(0) && report.json()["error"]["message"].is_string(), "{report:?}");
    let allowed = with(folder.trusting("127.0.0.1"), json!({"min_version": "1.2"}));
    connect(&folder, &with(to_tcp(port), json!({"tls": allowed}))).await.ended(0);

    let ca = folder.path("ca.pem");
    let strict = ["-Verify", "2", "-CAfile", ca.to_str().unwrap(), "-verify_return_error"];
    for version in ["-tls1_2", "-tls1_3"] {
        let (port, _child) = s_server(&server, &[&strict[..], &[version]].concat()).await;
        let without = with(to_tcp(port), json!({"tls": folder.trusting("localhost")}));
        let report = connect(&folder, &without).await.ended(8).json();
        assert!(report["error"]["message"].as_str().unwrap().contains("client certificate"), "{report}");
        let shown = with(folder.trusting("localhost"), tls(&client));
        let report = connect(&folder, &with(to_tcp(port), json!({"tls": shown}))).await.ended(0).json();
        assert_eq!(report["tls"]["client_certificate_asked"], true, "{report}");
    }
}

#[tokio::test]
async fn help_tells_every_exit_code_and_option_that_the_page_tells() {
    let folder = Folder::new();
    let page = include_str!("../../../docs/src/commands.md");
    let mut help = String::new();
    for command in ["endpoint connect", "endpoint pipe", "call", "publish", "subscribe", "register"] {
        let args: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let said = folder.run(&args).await.ended(0);
        let codes: Vec<_> = said.out.lines().skip_while(|line| *line != "Exit codes:").skip(1).collect();
        assert_eq!(codes.len(), 12, "{command}: {codes:?}");
        for line in codes {
            let code = line.trim().split(' ').next().unwrap();
            assert!(page.contains(&format!("\n| {code} | ")), "{line}");
        }
        help.push_str(&said.out);
    }
    let mut options = page.split(|c: char| c != '-' && !c.is_ascii_lowercase()).filter(|word| {
        word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    });
    assert!(options.clone().count() > 20);
    let unknown = options.find(|option| {
        *option != "--help" && !help.contains(&format!("{option} ")) && !help.contains(&format!("{option}\n"))
    });
    assert_eq!(unknown, None);
}
