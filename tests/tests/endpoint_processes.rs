//! Endpoints across processes: sockets that are handed over, a port that several share, a process without descriptors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use transom_base::Stream;
use transom_tests::{PATIENCE, line};

const GREETER: &str = env!("CARGO_BIN_EXE_transom-greeter");

/// Starts the greeter as a service manager does, with these sockets from descriptor 3 on.
fn activated(first: OwnedFd, second: Option<OwnedFd>, env: &[(&str, &str)], args: &[&str]) -> Child {
    // The shell knows the process ID that the greeter will have, and moves the sockets to their numbers.
    let script = r#"LISTEN_PID=${LISTEN_PID:-$$}; export LISTEN_PID; exec "$0" "$@" 3<&0 4<&2 0</dev/null 2>/dev/null"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, GREETER]).args(args).envs(env.iter().copied());
    command.stdin(Stdio::from(first)).stdout(Stdio::piped()).kill_on_drop(true);
    if let Some(second) = second {
        command.stderr(Stdio::from(second));
    }
    command.spawn().unwrap()
}

/// The first line of what a process says.
async fn said(child: &mut Child) -> String {
    line(child.stdout.as_mut().unwrap()).await.trim_end().to_owned()
}

/// Who answers, and as whom we are known: the greeting's two words.
async fn greeted(stream: impl Stream) -> Option<(String, u32)> {
    let mut stream = BufReader::new(stream);
    let mut greeting = String::new();
    match timeout(PATIENCE, stream.read_line(&mut greeting)).await.expect("no greeting") {
        Ok(0) | Err(_) => return None,
        Ok(_) => {}
    }
    stream.write_u8(7).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 7);
    let (client, pid) = greeting.trim_end().rsplit_once(' ').unwrap();
    Some((client.to_owned(), pid.parse().unwrap()))
}

fn tcp() -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener.into(), addr)
}

#[tokio::test]
async fn sockets_when_handed_over_by_name_are_all_served_and_a_file_among_them_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let ((tcp, addr), unix) = (tcp(), UnixListener::bind(&path).unwrap());
    let env = [("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "web:web")];
    let mut greeter = activated(tcp, Some(unix.into()), &env, &["fd", "web"]);
    assert_eq!(said(&mut greeter).await, format!("ready tcp4:{addr} unix:{}", path.display()));
    let pid = greeter.id().unwrap();
    for _ in 0..3 {
        let stream = TcpStream::connect(addr).await.unwrap();
        let known = format!("tcp4:{}", stream.local_addr().unwrap());
        assert_eq!(greeted(stream).await, Some((known, pid)));
        assert_eq!(greeted(UnixStream::connect(&path).await.unwrap()).await, Some(("unix".into(), pid)));
    }
    greeter.kill().await.unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn socket_when_handed_over_has_a_number_and_one_that_was_not_is_an_error() {
    let (socket, addr) = tcp();
    let env = [("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "web")];
    let mut greeter = activated(socket.try_clone().unwrap(), None, &env, &["fd", "3"]);
    assert_eq!(said(&mut greeter).await, format!("ready tcp4:{addr}"));
    assert!(greeted(TcpStream::connect(addr).await.unwrap()).await.is_some());
    for (which, more, message) in [
        ("api", None, "no inherited descriptor is named 'api': there are 3 'web'".to_owned()),
        ("4", None, "no inherited descriptor is 4: there are 3 'web'".into()),
        (
            "web",
            Some(("LISTEN_FDS", "0")),
            "no inherited descriptor is named 'web': LISTEN_FDS is no number from 1 to 1024".into(),
        ),
    ] {
        let env: Vec<_> = env.iter().copied().chain(more).collect();
        let mut greeter = activated(socket.try_clone().unwrap(), None, &env, &["fd", which]);
        assert_eq!(said(&mut greeter).await, message);
    }
    let mut other =
        activated(socket.try_clone().unwrap(), None, &[env[0], env[1], ("LISTEN_PID", "1")], &["fd", "web"]);
    let message = said(&mut other).await;
    assert!(message.contains("LISTEN_FDS is meant for process 1, and this is "), "{message}");
}

#[tokio::test]
async fn descriptor_when_no_listening_stream_socket_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (_peer, connected) = std::os::unix::net::UnixStream::pair().unwrap();
    let datagram = UnixDatagram::bind(folder.path().join("d")).unwrap();
    let file = std::fs::File::create(folder.path().join("f")).unwrap();
    for (descriptor, message) in [
        (connected.into(), "it does not listen; a socket unit must not say Accept=yes"),
        (OwnedFd::from(datagram), "fd 3 is not a valid tcp socket"),
        (OwnedFd::from(file), "fd 3 is not a socket"),
    ] {
        let env = [("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "web")];
        let mut greeter = activated(descriptor, None, &env, &["fd", "web"]);
        assert_eq!(said(&mut greeter).await, format!("inherited descriptor 3 'web': {message}"));
    }
}

#[tokio::test]
async fn service_manager_when_there_is_one_hears_ready_as_soon_as_the_port_is_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = tokio::net::UnixDatagram::from_std(socket).unwrap();
    let _greeter = Command::new(GREETER)
        .args(["tcp", "0"])
        .env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut octets = vec![0; 1000];
    let len = timeout(PATIENCE, socket.recv(&mut octets)).await.unwrap().unwrap();
    let message = String::from_utf8(octets[..len].to_vec()).unwrap();
    let bound = message.strip_prefix("READY=1\nSTATUS=tcp4:").unwrap().trim_end();
    let addr: SocketAddr = bound.parse().unwrap();
    assert!(greeted(TcpStream::connect(addr).await.unwrap()).await.is_some());
}

fn greeter(args: &[&str]) -> Child {
    let mut command = Command::new(GREETER);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap()
}

async fn addr_of(greeter: &mut Child) -> SocketAddr {
    let ready = said(greeter).await;
    ready.strip_prefix("ready tcp4:").unwrap_or_else(|| panic!("{ready}")).parse().unwrap()
}

#[tokio::test]
async fn port_when_shared_by_processes_spreads_over_them_and_outlives_each() {
    let mut first = greeter(&["tcp", "0"]);
    let addr = addr_of(&mut first).await;
    let mut second = greeter(&["tcp", &addr.port().to_string()]);
    assert_eq!(addr_of(&mut second).await, addr);
    let mut answered = HashMap::new();
    for _ in 0..200 {
        let (_, pid) = greeted(TcpStream::connect(addr).await.unwrap()).await.unwrap();
        *answered.entry(pid).or_insert(0) += 1;
    }
    let of = |child: &Child| *answered.get(&child.id().unwrap()).unwrap_or(&0);
    // By a hash of the addresses; fewer than this would be a chance of less than one in a billion.
    assert!(of(&first) >= 50 && of(&second) >= 50, "{answered:?}");
    assert_eq!(of(&first) + of(&second), 200);

    let pid = second.id();
    first.kill().await.unwrap();
    for _ in 0..20 {
        let (_, answered) = greeted(TcpStream::connect(addr).await.unwrap()).await.unwrap();
        assert_eq!(Some(answered), pid);
    }
}

#[tokio::test]
async fn process_without_descriptors_refuses_at_once_and_serves_again_when_it_has_some() {
    let mut greeter = greeter(&["--nofile", "24", "tcp", "0"]);
    let addr = addr_of(&mut greeter).await;
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..60 {
        // It may be refused while it is being made.
        let Ok(stream) = TcpStream::connect(addr).await else {
            refused += 1;
            continue;
        };
        let (mut stream, mut greeting) = (BufReader::new(stream), String::new());
        match timeout(PATIENCE, stream.read_line(&mut greeting)).await.expect("it waits in the queue") {
            Ok(0) | Err(_) => refused += 1,
            Ok(_) => open.push(stream),
        }
    }
    assert!(open.len() >= 8 && refused >= 36, "{} open, {refused} refused", open.len());
    // Those that are open are served all the while.
    for stream in &mut open {
        stream.write_u8(7).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 7);
    }
    open.truncate(1);
    let again = async { while greeted(TcpStream::connect(addr).await.unwrap()).await.is_none() {} };
    timeout(PATIENCE, again).await.expect("it does not serve again");
}

/// systemd's own tool starts the greeter with the first connection and hands the socket over.
#[tokio::test]
async fn greeter_when_activated_by_systemd_answers_whoever_woke_it() {
    if !transom_tests::has_tool("systemd-socket-activate") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let mut activate = Command::new("systemd-socket-activate")
        .arg("-l")
        .arg(&path)
        .args(["--fdname=web", GREETER, "fd", "web"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It says so when it listens.
    let listening = line(activate.stderr.as_mut().unwrap()).await;
    assert!(listening.starts_with("Listening on "), "{listening}");
    let stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(greeted(stream).await, Some(("unix".into(), activate.id().unwrap())));
}
