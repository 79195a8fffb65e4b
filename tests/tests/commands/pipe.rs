//! `transom endpoint pipe`.

use std::net::SocketAddr;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;
use transom_base::{Address, ConnInfo, Connection, Deadline, Stream};
use transom_endpoint::Upgrade;
use transom_endpoint::proxy::{Look, look};
use transom_testkit::proxy_header;
use transom_tests::{Carrier, Client, PATIENCE, Program, Target, TestNode};
use transom_tls::{TlsClient, TlsConnectSettings};
use transom_wamp::Serializer;

use crate::support::{Folder, tls, to_tcp, to_unix, with};

/// A pipe that runs.
struct Pipe {
    program: Program,
    addr: SocketAddr,
}

fn listening() -> Value {
    json!({"type": "tcp", "interface": "127.0.0.1", "port": 0})
}

impl Pipe {
    async fn start(folder: &Folder, listening: &Value, connecting: &Value, options: &[&str]) -> Self {
        let (listening, connecting) = (listening.to_string(), connecting.to_string());
        let args = [&["endpoint", "pipe", &listening, &connecting, "--format", "json"], options].concat();
        let mut program = folder.start(&args);
        let line: Value = serde_json::from_str(&program.says().await).unwrap();
        let addr = line["listening"].as_str().unwrap().strip_prefix("tcp4:").unwrap();
        let addr = addr.parse().unwrap();
        Pipe { program, addr }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// The line about the next connection that ended.
    async fn carried(&mut self) -> Value {
        serde_json::from_str(&self.program.says().await).unwrap()
    }

    /// The last line, after the end by a signal.
    async fn stop(self) -> Value {
        self.program.signal(Signal::SIGTERM);
        let (code, out, err) = self.program.end().await;
        assert_eq!(code, Some(0), "{out}{err}");
        serde_json::from_str(out.lines().last().unwrap()).unwrap()
    }
}

/// Listens on a socket file.
fn target(folder: &Folder) -> (UnixListener, Value) {
    let path = folder.path("target");
    (UnixListener::bind(&path).unwrap(), to_unix(&path))
}

async fn accepted(listener: &UnixListener) -> UnixStream {
    timeout(PATIENCE, listener.accept()).await.expect("nobody connects").unwrap().0
}

async fn read(io: &mut (impl Stream + ?Sized), len: usize) -> Vec<u8> {
    let mut octets = vec![0; len];
    timeout(PATIENCE, io.read_exact(&mut octets)).await.expect("nothing comes").unwrap();
    octets
}

async fn rest(io: &mut (impl Stream + ?Sized)) -> Vec<u8> {
    let mut octets = Vec::new();
    timeout(PATIENCE, io.read_to_end(&mut octets)).await.expect("it does not end").unwrap();
    octets
}

async fn over_tls(folder: &Folder, addr: SocketAddr, hostname: &str) -> Result<Box<dyn Stream>, String> {
    let mut settings = TlsConnectSettings::new(hostname);
    settings.ca_certificates = vec![folder.path("ca.pem")];
    let (client, _) = TlsClient::new(&settings).unwrap();
    let io = TcpStream::connect(addr).await.unwrap();
    let info = ConnInfo::new(Address::Tcp(io.local_addr().unwrap()), Address::Tcp(addr));
    let conn = client.apply(Connection::new(io, info), Deadline::after(Some(PATIENCE))).await;
    conn.map(|conn| conn.io).map_err(|error| error.chain())
}

#[tokio::test]
async fn bytes_between_tls_and_a_socket_file_are_carried_until_each_side_has_ended() {
    let folder = Folder::new();
    let (listener, target) = target(&folder);
    let endpoint = with(listening(), json!({"tls": tls(&folder.server())}));
    let mut pipe = Pipe::start(&folder, &endpoint, &target, &[]).await;

    // The client ends first and is still answered.
    let mut client = over_tls(&folder, pipe.addr, "localhost").await.unwrap();
    client.write_all(b"question").await.unwrap();
    client.flush().await.unwrap();
    let mut server = accepted(&listener).await;
    assert_eq!(read(&mut server, 8).await, b"question");
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, b"");
    server.write_all(b"a long answer").await.unwrap();
    assert_eq!(read(&mut *client, 13).await, b"a long answer");
    drop(server);
    assert_eq!(rest(&mut *client).await, b"");
    let line = pipe.carried().await;
    assert_eq!((&line["to_target"], &line["to_client"]), (&json!(8), &json!(13)), "{line}");
    assert_eq!((&line["end"], &line["error"]), (&json!("closed"), &Value::Null), "{line}");
    assert!(line["client"].as_str().unwrap().starts_with("tcp4:127.0.0.1:"), "{line}");

    // The target ends first and still hears.
    let mut client = over_tls(&folder, pipe.addr, "localhost").await.unwrap();
    let mut server = accepted(&listener).await;
    server.shutdown().await.unwrap();
    assert_eq!(rest(&mut *client).await, b"");
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, b"last words");
    drop(server);
    assert_eq!(pipe.carried().await["end"], "closed");

    let total = pipe.stop().await;
    assert_eq!((&total["connections"], &total["failed"]), (&json!(2), &json!(0)), "{total}");
    assert_eq!((&total["to_target"], &total["to_client"]), (&json!(18), &json!(13)), "{total}");
}

#[tokio::test]
async fn much_that_one_side_takes_slowly_arrives_whole() {
    let folder = Folder::new();
    let (listener, target) = target(&folder);
    let pipe = Pipe::start(&folder, &listening(), &target, &[]).await;
    let sent: Vec<u8> = (0..8_000_000_u32).map(|i| (i % 251) as u8).collect();
    let mut client = pipe.connect().await;
    let mut server = accepted(&listener).await;
    let octets = sent.clone();
    let sending = tokio::spawn(async move {
        client.write_all(&octets).await.unwrap();
        client.shutdown().await.unwrap();
        client
    });
    // What nobody takes does not pile up in the pipe: the sender has to wait.
    assert!(!sending.is_finished());
    assert_eq!(read(&mut server, 1).await, &sent[..1]);
    assert!(!sending.is_finished());
    assert_eq!(rest(&mut server).await, &sent[1..]);
    sending.await.unwrap();
}

#[tokio::test]
async fn proxy_headers_are_taken_from_those_listed_and_sent_to_the_target() {
    let folder = Folder::new();
    let (listener, target) = target(&folder);
    let header = |source: &str, destination: &str| {
        let version = transom_endpoint::proxy::ProxyVersion::V2;
        proxy_header(version, source.parse().unwrap(), destination.parse().unwrap())
    };
    let behind = with(listening(), json!({"proxy_protocol": {"from": ["127.0.0.0/8"]}}));
    for version in ["v1", "v2"] {
        let mut pipe = Pipe::start(&folder, &behind, &target, &["--send-proxy", version]).await;
        let mut client = pipe.connect().await;
        client.write_all(&header("192.0.2.7:5000", "198.51.100.1:443")).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut server = accepted(&listener).await;
        let heard = rest(&mut server).await;
        let Ok(Look::Header(told)) = look(&heard) else { panic!("{}", heard.escape_ascii()) };
        assert_eq!(format!("v{}", told.version), version);
        assert_eq!(told.addresses.unwrap().source.to_string(), "192.0.2.7:5000");
        assert_eq!(&heard[told.len..], b"hello");
        drop(server);
        let line = pipe.carried().await;
        // The header is not counted.
        assert_eq!(
            (&line["client"], &line["to_target"]),
            (&json!("tcp4:192.0.2.7:5000"), &json!(5)),
            "{line}"
        );
        pipe.stop().await;
    }
    let plain = Pipe::start(&folder, &listening(), &target, &["--send-proxy", "v1"]).await;
    let mut client = plain.connect().await;
    let from = client.local_addr().unwrap();
    client.shutdown().await.unwrap();
    let heard = rest(&mut accepted(&listener).await).await;
    let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", from.port(), plain.addr.port());
    assert_eq!(String::from_utf8(heard).unwrap(), line);
}

/// Whoever expects a header expects it before TLS.
#[tokio::test]
async fn header_comes_before_tls_and_sessions_pass_through() {
    let folder = Folder::new();
    let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 1, "tls": tls(&folder.server()),
        "proxy_protocol": {"from": ["127.0.0.1"]}});
    let node = TestNode::start(json!([{"type": "rawsocket", "endpoint": endpoint}])).await;
    let connecting = with(to_tcp(node.tcp(0).port()), json!({"tls": folder.trusting("localhost")}));
    let unix = json!({"type": "unix", "path": folder.path("front"), "mode": "0600"});
    let args = ["endpoint", "pipe", &unix.to_string(), &connecting.to_string(), "--send-proxy", "v2"];
    let mut program = folder.start(&args);
    assert_eq!(program.says().await, format!("listening on unix:{}", folder.path("front").display()));
    let mode = std::fs::metadata(folder.path("front")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    let target = Target::Unix(folder.path("front"));
    let (mut client, _) = Client::join(&target, Carrier::RawSocket, Serializer::Cbor).await;
    client.goodbye().await;
    drop(client);
    let line = program.says().await;
    assert!(
        line.starts_with("connection ") && line.contains("from unix") && line.ends_with("closed"),
        "{line}"
    );
    program.signal(Signal::SIGINT);
    let (code, out, err) = program.end().await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.starts_with("total: 1 connections (0 not in order), 0 refused, "), "{out}");
    assert!(!folder.path("front").exists());
}

#[tokio::test]
async fn target_that_is_not_there_ends_the_connection_and_is_said() {
    let folder = Folder::new();
    let mut pipe = Pipe::start(&folder, &listening(), &to_unix(&folder.path("nobody")), &[]).await;
    assert_eq!(rest(&mut pipe.connect().await).await, b"");
    let line = pipe.carried().await;
    assert_eq!(line["end"], "no-target", "{line}");
    assert!(line["error"].as_str().unwrap().contains("nobody"), "{line}");
    assert_eq!(pipe.stop().await["failed"], 1);
}

#[tokio::test]
async fn limits_hold_for_pipes_too() {
    let folder = Folder::new();
    let (listener, target) = target(&folder);
    let mut pipe =
        Pipe::start(&folder, &listening(), &target, &["--max-connections", "1", "--idle-timeout", "1"]).await;
    let mut first = pipe.connect().await;
    let _server = accepted(&listener).await;
    // It may be reset while it is being made.
    let refused = match TcpStream::connect(pipe.addr).await {
        Ok(mut second) => timeout(PATIENCE, second.read(&mut [0])).await.unwrap().unwrap_err(),
        Err(refused) => refused,
    };
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionReset);
    // Nothing moves in the first.
    assert_eq!(rest(&mut first).await, b"");
    assert_eq!(pipe.carried().await["end"], "idle");
    assert_eq!(pipe.stop().await["refused"], 1);
}

#[tokio::test]
async fn end_waits_for_open_connections_until_a_second_signal() {
    let folder = Folder::new();
    let (listener, target) = target(&folder);
    let mut pipe = Pipe::start(&folder, &listening(), &target, &["--drain-timeout", "600"]).await;
    let (mut one, mut two) = (pipe.connect().await, pipe.connect().await);
    let (mut three, mut four) = (accepted(&listener).await, accepted(&listener).await);
    pipe.program.signal(Signal::SIGTERM);
    pipe.program.complains("draining").await;
    // Those that are open go on.
    one.write_all(b"1").await.unwrap();
    two.write_all(b"2").await.unwrap();
    let heard = [read(&mut three, 1).await[0], read(&mut four, 1).await[0]];
    assert!(heard == *b"12" || heard == *b"21", "{heard:?}");
    // One ends in order, the other does not.
    let (ending, mut staying) = if heard == *b"12" { (three, four) } else { (four, three) };
    drop((ending, one));
    assert_eq!(pipe.carried().await["end"], "closed");
    TcpStream::connect(pipe.addr).await.unwrap_err();
    pipe.program.signal(Signal::SIGTERM);
    assert_eq!(pipe.carried().await["end"], "cut");
    assert_eq!(rest(&mut staying).await, b"");
    let (code, out, err) = pipe.program.end().await;
    assert_eq!(code, Some(0), "{out}{err}");
    let total: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&total["connections"], &total["failed"]), (&json!(2), &json!(1)), "{total}");
}

#[tokio::test]
async fn certificates_are_read_again_at_sighup() {
    let folder = Folder::new();
    let (_listener, target) = target(&folder);
    folder.issued("server", &folder.ca.server(&["first.example"]));
    let files = folder.issued("server", &folder.ca.server(&["first.example"]));
    let endpoint = with(listening(), json!({"tls": with(tls(&files), json!({"watch": false}))}));
    let mut pipe = Pipe::start(&folder, &endpoint, &target, &[]).await;
    over_tls(&folder, pipe.addr, "first.example").await.unwrap();
    folder.issued("server", &folder.ca.server(&["second.example"]));
    over_tls(&folder, pipe.addr, "second.example").await.map(drop).unwrap_err();
    pipe.program.signal(Signal::SIGHUP);
    pipe.program.complains("certificates replaced").await;
    over_tls(&folder, pipe.addr, "second.example").await.unwrap();
}

#[tokio::test]
async fn address_that_somebody_has_is_said() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap();
    let endpoint = with(listening(), json!({"port": addr.port()})).to_string();
    let said = folder.run(&["endpoint", "pipe", &endpoint, &to_tcp(1).to_string()]).await.ended(1);
    assert!(said.err.contains(&addr.to_string()) && said.err.contains("in use"), "{said:?}");
    let said = folder.run(&["endpoint", "pipe", r#"{"type": "tcp"}"#, &to_tcp(1).to_string()]).await.ended(1);
    assert!(said.err.contains("port"), "{said:?}");
}

/// As a service manager hands it over.
#[tokio::test]
async fn socket_that_the_process_was_started_with_is_served() {
    let folder = Folder::new();
    let (listener, target) = target(&folder);
    let inherited = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = inherited.local_addr().unwrap();
    let script = r#"LISTEN_PID=$$; export LISTEN_PID; exec "$0" "$@" 3<&0 0</dev/null"#;
    let _child = tokio::process::Command::new("sh")
        .args(["-c", script, crate::support::PROGRAM, "endpoint", "pipe", r#"{"type": "fd", "name": "web"}"#])
        .arg(target.to_string())
        .envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "web")])
        .current_dir(Path::new("/"))
        .stdin(std::process::Stdio::from(std::os::fd::OwnedFd::from(inherited)))
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_all(b"x").await.unwrap();
    assert_eq!(read(&mut accepted(&listener).await, 1).await, b"x");
}
