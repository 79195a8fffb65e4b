//! TLS as a node has it: what a configuration asks for is what clients get.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use transom_base::{Address, ConnInfo, Connection, Deadline, TlsInfo};
use transom_endpoint::Upgrade;
use transom_testkit::{IssuedFiles, TestCa};
use transom_tests::{Carrier, Client, HaProxy, PATIENCE, Program, Target, TestNode, has_tool};
use transom_tls::{MinVersion, TlsClient, TlsConnectSettings};
use transom_wamp::{Message, Serializer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_transom-tested");

/// A folder with an authority, whose certificate is `ca.pem`.
struct Folder {
    dir: TempDir,
    ca: TestCa,
}

impl Folder {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let ca = TestCa::new("Test Authority");
        ca.write(dir.path(), "ca.pem");
        Folder { dir, ca }
    }

    /// A certificate for that name in `NAME.pem`, with its key in `NAME.key`.
    fn server(&self, name: &str, host: &str) -> IssuedFiles {
        private(self.ca.server(&[host]).write(self.dir.path(), name))
    }

    fn connecting(&self, host: &str) -> TlsConnectSettings {
        let mut settings = TlsConnectSettings::new(host);
        settings.ca_certificates = vec![self.dir.path().join("ca.pem")];
        settings
    }
}

fn private(files: IssuedFiles) -> IssuedFiles {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// A node behind this TLS: RawSocket, WebSocket, and everything on one port.
async fn node(tls: &Json) -> TestNode {
    let endpoint = |port: u16| json!({"type": "tcp", "interface": "127.0.0.1", "port": port, "tls": tls});
    TestNode::start(json!([
        {"type": "rawsocket", "endpoint": endpoint(1)},
        {"type": "websocket", "endpoint": endpoint(2)},
        {"type": "universal", "endpoint": endpoint(3), "rawsocket": {}, "websocket": {},
         "web": {"paths": {"/": {"type": "json", "value": "found"}}}},
    ]))
    .await
}

fn tls(files: &IssuedFiles) -> Json {
    json!({"key": files.key, "certificate": files.certificate})
}

fn with(mut tls: Json, more: Json) -> Json {
    tls.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tls
}

/// Joins over TLS and RawSocket; what the handshake came to, or why there was none.
async fn joined(addr: std::net::SocketAddr, settings: &TlsConnectSettings) -> Result<TlsInfo, String> {
    let (client, _) = TlsClient::new(settings).unwrap();
    let io = TcpStream::connect(addr).await.unwrap();
    let info = ConnInfo::new(Address::Tcp(addr), Address::Tcp(io.local_addr().unwrap()));
    let conn = Connection { io: Box::new(io), info };
    let conn = client.apply(conn, Deadline::after(Some(PATIENCE))).await.map_err(|error| error.chain())?;
    let Connection { mut io, info } = conn;
    let hello = br#"[1,"realm1",{"roles":{"publisher":{}}}]"#;
    let mut octets = vec![0x7f, 0xf1, 0, 0, 0, 0, 0, u8::try_from(hello.len()).unwrap()];
    octets.extend(hello);
    let exchange = async {
        io.write_all(&octets).await?;
        let mut head = [0; 8 + 3];
        io.read_exact(&mut head).await?;
        assert!(head.ends_with(b"[2,"), "{head:?}");
        Ok::<_, std::io::Error>(())
    };
    timeout(PATIENCE, exchange).await.expect("no answer").map_err(|error| error.to_string())?;
    Ok((*info.tls.unwrap()).clone())
}

#[tokio::test]
async fn session_over_tls_with_each_version() {
    let folder = Folder::new();
    let node = node(&tls(&folder.server("one", "localhost"))).await;
    let info = joined(node.tcp(0), &folder.connecting("localhost")).await.unwrap();
    assert!(
        format!("{:?}", info.version).contains("1_3") || format!("{:?}", info.version).contains("1.3"),
        "{info:?}"
    );
    let problem = joined(node.tcp(0), &folder.connecting("elsewhere")).await.unwrap_err();
    assert!(problem.contains("localhost"), "{problem}");
}

#[tokio::test]
async fn certificate_when_there_are_several_is_that_of_the_name() {
    let folder = Folder::new();
    let (one, two) = (folder.server("one", "one.example"), folder.server("two", "two.example"));
    let tls = with(tls(&one), json!({"certificates": [tls(&two)]}));
    let node = node(&tls).await;
    for host in ["one.example", "two.example"] {
        joined(node.tcp(0), &folder.connecting(host)).await.unwrap();
    }
}

#[tokio::test]
async fn client_certificate_when_authorities_are_given_is_needed() {
    let folder = Folder::new();
    let authorities = json!({"ca_certificates": [folder.dir.path().join("ca.pem")]});
    let files = folder.server("one", "localhost");
    let mine = private(folder.ca.client("somebody").write(folder.dir.path(), "mine"));
    let plain = folder.connecting("localhost");
    let shown = TlsConnectSettings {
        key: Some(mine.key.clone()),
        certificate: Some(mine.certificate.clone()),
        ..plain.clone()
    };
    let required = node(&with(tls(&files), authorities.clone())).await;
    joined(required.tcp(0), &shown).await.unwrap();
    joined(required.tcp(0), &plain).await.unwrap_err();
    let optional = with(tls(&files), with(authorities, json!({"client_auth": "optional"})));
    let optional = node(&optional).await;
    joined(optional.tcp(0), &shown).await.unwrap();
    joined(optional.tcp(0), &plain).await.unwrap();
}

#[tokio::test]
async fn least_version_when_written_is_kept_to() {
    let folder = Folder::new();
    let files = folder.server("one", "localhost");
    let node =
        node(&with(tls(&files), json!({"min_version": "1.3", "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"})))
            .await;
    let settings = TlsConnectSettings { min_version: MinVersion::Tls13, ..folder.connecting("localhost") };
    joined(node.tcp(0), &settings).await.unwrap();
}

#[tokio::test]
async fn protocol_by_alpn_where_http_is_spoken_and_nowhere_else() {
    let folder = Folder::new();
    let node = node(&tls(&folder.server("one", "localhost"))).await;
    let settings = TlsConnectSettings {
        alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
        ..folder.connecting("localhost")
    };
    assert_eq!(joined(node.tcp(0), &settings).await.unwrap().alpn, None);
    assert_eq!(agreed(node.tcp(1), &settings).await.as_deref(), Some("http/1.1"));
    assert_eq!(agreed(node.tcp(2), &settings).await.as_deref(), Some("h2"), "web services speak it");
    let settings = TlsConnectSettings { alpn: vec!["http/1.1".to_owned()], ..settings };
    assert_eq!(agreed(node.tcp(2), &settings).await.as_deref(), Some("http/1.1"));
}

/// A connection after the handshake.
async fn shaken(addr: std::net::SocketAddr, client: &TlsClient) -> Connection {
    let io = TcpStream::connect(addr).await.unwrap();
    let info = ConnInfo::new(Address::Tcp(addr), Address::Tcp(io.local_addr().unwrap()));
    client.apply(Connection { io: Box::new(io), info }, Deadline::after(Some(PATIENCE))).await.unwrap()
}

/// The protocol that ALPN comes to.
async fn agreed(addr: std::net::SocketAddr, settings: &TlsConnectSettings) -> Option<String> {
    let (client, _) = TlsClient::new(settings).unwrap();
    shaken(addr, &client).await.info.tls.unwrap().alpn.clone()
}

/// What curl says of the version that it spoke, and what it was told.
async fn curl(url: &str, more: &[&str]) -> (String, String) {
    let args =
        ["--silent", "--show-error", "--max-time", "20", "--insecure", "--write-out", "\n%{http_version}"];
    let curl = tokio::process::Command::new("curl").args(args).args(more).arg(url).output().await.unwrap();
    let text = String::from_utf8(curl.stdout).unwrap();
    let (told, version) = text.rsplit_once('\n').unwrap();
    assert!(curl.status.success(), "{}", String::from_utf8_lossy(&curl.stderr));
    (version.to_owned(), told.to_owned())
}

#[tokio::test]
async fn curl_when_it_may_choose_speaks_http2_with_and_without_tls() {
    if !has_tool("curl") {
        return;
    }
    let folder = Folder::new();
    let secure = node(&tls(&folder.server("one", "localhost"))).await;
    let url = format!("https://127.0.0.1:{}/", secure.tcp(2).port());
    assert_eq!(curl(&url, &["--http2"]).await, ("2".to_owned(), "\"found\"".to_owned()));
    assert_eq!(curl(&url, &["--http1.1"]).await.0, "1.1");
    let plain = TestNode::start(json!([
        {"type": "universal", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 1}, "rawsocket": {},
         "websocket": {"ws": {"type": "websocket"}}, "web": {"paths": {"/": {"type": "json", "value": "found"}}}},
        {"type": "websocket", "endpoint": {"type": "unix", "path": "ws.sock"}},
    ]))
    .await;
    let url = format!("http://127.0.0.1:{}/", plain.tcp(0).port());
    let prior = ["--http2-prior-knowledge"];
    assert_eq!(curl(&url, &prior).await, ("2".to_owned(), "\"found\"".to_owned()));
    let (version, page) = curl(&format!("{url}ws"), &prior).await;
    assert!(version == "2" && page.contains("WebSocket"), "the status page: {page}");
    let socket = plain.unix(1);
    let (version, page) =
        curl("http://localhost/", &[&prior[..], &["--unix-socket", socket.to_str().unwrap()]].concat()).await;
    assert!(version == "2" && page.contains("WebSocket"), "the status page: {page}");
}

fn configured(dir: &Path, tls: &Json, port: u16) {
    let config = json!({"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "rawsocket",
            "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port, "tls": tls}}]}]});
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
}

/// Not watched, so only a reload makes the node look.
#[tokio::test]
async fn certificates_when_reloaded_are_read_again_and_bad_ones_are_not_taken() {
    let folder = Folder::new();
    let files = folder.server("one", "first.example");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let dir = TempDir::new().unwrap();
    configured(dir.path(), &with(tls(&files), json!({"watch": false})), addr.port());
    let mut node = Program::start(PROGRAM, dir.path(), &["start", "--cbdir", "."], &[]);
    node.wait_for("rs").await;
    joined(addr, &folder.connecting("first.example")).await.unwrap();
    std::fs::write(&files.key, "nonsense").unwrap();
    assert_eq!(Program::start(PROGRAM, dir.path(), &["reload", "--cbdir", "."], &[]).end().await.0, Some(0));
    joined(addr, &folder.connecting("first.example")).await.unwrap();
    folder.server("one", "second.example");
    assert_eq!(Program::start(PROGRAM, dir.path(), &["reload", "--cbdir", "."], &[]).end().await.0, Some(0));
    joined(addr, &folder.connecting("second.example")).await.unwrap();
    node.signal(Signal::SIGTERM);
    assert_eq!(node.end().await.0, Some(0));
}

/// Watched, as it is unless the configuration says otherwise.
#[tokio::test]
async fn certificates_when_replaced_are_noticed() {
    let folder = Folder::new();
    let node = node(&tls(&folder.server("one", "first.example"))).await;
    joined(node.tcp(0), &folder.connecting("first.example")).await.unwrap();
    folder.server("one", "second.example");
    let noticed = async {
        while joined(node.tcp(0), &folder.connecting("second.example")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), noticed).await.expect("the new certificate is not noticed");
}

#[tokio::test]
async fn check_looks_at_certificates_and_start_needs_them() {
    let folder = Folder::new();
    let (one, two) = (folder.server("one", "localhost"), folder.server("two", "localhost"));
    let dir = TempDir::new().unwrap();
    configured(dir.path(), &json!({"key": one.key, "certificate": two.certificate}), 1);
    let (code, out, err) = Program::start(PROGRAM, dir.path(), &["check"], &[]).end().await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("warning: workers[0].transports[0].endpoint.tls.") && err.contains("key"), "{err}");
    let (code, out, err) = Program::start(PROGRAM, dir.path(), &["start"], &[]).end().await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.contains("workers[0].transports[0].endpoint.tls"), "{err}");
}

/// Sessions that are open when the certificate is replaced go on, and who connects then sees the new one: without a reload,
/// because the files are watched.
#[tokio::test]
async fn sessions_when_the_certificate_is_replaced_are_left_alone() {
    let folder = Folder::new();
    let node = node(&tls(&folder.server("one", "localhost"))).await;
    let (client, _) = TlsClient::new(&folder.connecting("localhost")).unwrap();
    let mut open = Vec::new();
    for _ in 0..500 {
        let conn = shaken(node.tcp(0), &client).await;
        open.push(Client::over(conn.io, Serializer::Json).await);
    }
    for client in &mut open {
        assert!(matches!(client.hello("realm1").await, Message::Welcome(_)));
    }
    let shown = async || shaken(node.tcp(0), &client).await.info.tls.unwrap().peer_chain[0].der.clone();
    let before = shown().await;
    folder.server("one", "localhost");
    let replaced = async {
        while shown().await == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, replaced).await.expect("the new certificate is not taken");
    for (number, client) in (0..).zip(&mut open) {
        client.publish("com.example.topic", number).await;
    }
}

/// The proxy's header comes first, then TLS, which the proxy speaks to the node; the client sees none of it.
#[tokio::test]
async fn haproxy_when_in_front_speaks_tls_behind_its_header() {
    if !has_tool("haproxy") {
        return;
    }
    let folder = Folder::new();
    let files = folder.server("one", "localhost");
    let mut endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 1, "tls": tls(&files)});
    endpoint["proxy_protocol"] = json!({"from": ["127.0.0.1"]});
    let node = TestNode::start(json!([{"type": "rawsocket", "endpoint": endpoint}])).await;
    let authority = folder.dir.path().join("ca.pem");
    for option in ["send-proxy", "send-proxy-v2"] {
        let (port, authority) = (node.tcp(0).port(), authority.display());
        let server =
            format!("127.0.0.1:{port} ssl verify required ca-file {authority} sni str(localhost) {option}");
        let place = TempDir::new().unwrap();
        let proxy = HaProxy::start(place.path(), &[server]).await;
        let (mut client, _) =
            Client::join(&Target::Tcp(proxy.front()), Carrier::RawSocket, Serializer::Json).await;
        client.publish("com.example.topic", 1).await;
        // Who does not come through the proxy, and so without its header, is not let in.
        let mut direct = TcpStream::connect(node.tcp(0)).await.unwrap();
        direct.write_all(b"no header").await.unwrap();
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, direct.read_to_end(&mut rest)).await.expect("not closed");
        assert!(rest.is_empty());
    }
}
