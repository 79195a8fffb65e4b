//! Endpoints as a node has them: a socket that it was started with, strings of Twisted, proxies in front, and the service
//! manager that is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;
use transom_tests::{Carrier, Client, PATIENCE, Program, Target, TestNode};
use transom_wamp::Serializer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_transom-tested");

fn node(dir: &Path, endpoint: &Json) {
    let config = json!({"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "rawsocket", "endpoint": endpoint}]}]});
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
}

/// Joins there; the client.
async fn joined(target: &Target) -> Client {
    let mut client = Client::connect(target, Carrier::RawSocket, Serializer::Json).await;
    client.send_frame(br#"[1,"realm1",{"roles":{"publisher":{}}}]"#.to_vec()).await;
    assert!(client.receive_frame().await.unwrap().starts_with(b"[2,"));
    client
}

#[tokio::test]
async fn inherited_socket_is_served_and_the_service_manager_hears_of_every_phase() {
    let dir = TempDir::new().unwrap();
    node(dir.path(), &json!({"type": "fd", "name": "wamp"}));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let manager = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut bytes = [0; 1024];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    // The shell knows the process ID that the node will have, and moves the socket to its number.
    let script = r#"LISTEN_PID=$$; export LISTEN_PID; exec "$0" "$@" 3<&0 0</dev/null"#;
    let mut child = Command::new("sh")
        .args(["-c", script, PROGRAM, "start", "--cbdir"])
        .arg(dir.path())
        .envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "wamp")])
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    assert_eq!(heard(), "READY=1\nSTATUS=serving on 1 transport\n");
    joined(&Target::Tcp(addr)).await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    kill(pid, Signal::SIGHUP).unwrap();
    assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(heard().starts_with("READY=1\n"));
    // The socket is the same as before.
    joined(&Target::Tcp(addr)).await;
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(heard(), "STOPPING=1\n");
    assert!(timeout(PATIENCE, child.wait()).await.expect("it does not end").unwrap().success());
}

#[tokio::test]
async fn inherited_socket_that_is_not_there_is_told() {
    let dir = TempDir::new().unwrap();
    node(dir.path(), &json!({"type": "fd", "name": "wamp"}));
    let (code, _, err) = Program::start(PROGRAM, dir.path(), &["start", "--cbdir", "."], &[]).end().await;
    assert_eq!(code, Some(1));
    assert!(err.contains("workers[0].transports[0].endpoint") && err.contains("wamp"), "{err}");
}

#[tokio::test]
async fn endpoint_strings_of_twisted_listen() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("s");
    let string = format!("unix:{}:mode=600", socket.display());
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "twisted", "server_string": string}});
    let node = TestNode::start(json!([transport])).await;
    joined(&Target::Unix(socket.clone())).await;
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    node.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn proxies_are_believed_and_nobody_else() {
    let endpoint = |port: u16, from: &str| {
        json!({"type": "tcp", "interface": "127.0.0.1", "port": port, "proxy_protocol": {"from": [from]},
            "max_connections_per_address": 1})
    };
    let node = TestNode::start(json!([
        {"type": "rawsocket", "endpoint": endpoint(1, "127.0.0.0/8")},
        {"type": "rawsocket", "endpoint": endpoint(2, "10.0.0.0/8")},
    ]))
    .await;
    let handshake = [0x7f, 0xf1, 0, 0];
    let said = async |index: usize, head: &str| {
        let mut io = TcpStream::connect(node.tcp(index)).await.unwrap();
        io.write_all(head.as_bytes()).await.unwrap();
        io.write_all(&handshake).await.unwrap();
        let mut answer = [0; 4];
        let read = timeout(PATIENCE, io.read_exact(&mut answer)).await.expect("neither an answer nor an end");
        (read.is_ok(), io)
    };
    // A proxy speaks for its clients, each counted by itself; without a header it is not heard.
    let (first, _one) = said(0, "PROXY TCP4 192.0.2.1 192.0.2.9 1111 80\r\n").await;
    let (second, _two) = said(0, "PROXY TCP4 192.0.2.2 192.0.2.9 1111 80\r\n").await;
    let (again, _) = said(0, "PROXY TCP4 192.0.2.1 192.0.2.9 2222 80\r\n").await;
    let (silent, _) = said(0, "").await;
    assert_eq!((first, second, again, silent), (true, true, false, false));
    // Who is no proxy may connect, but not claim to be one.
    let (forged, _) = said(1, "PROXY TCP4 192.0.2.1 192.0.2.9 1111 80\r\n").await;
    assert!(!forged);
    let (plain, _three) = said(1, "").await;
    assert!(plain);
}
