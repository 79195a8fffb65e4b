//! What TLS costs a listening endpoint: processor time for each handshake, memory for each idle connection.
//!
//! `cargo run --release -p transom-tls --example cost [CONNECTIONS]`. The clients are a second process, so that only the
//! server's part is counted. Linux only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use transom_base::{Address, ConnInfo, Connection, Deadline};
use transom_endpoint::Upgrade;
use transom_testkit::TestCa;
use transom_tls::{TlsClient, TlsConnectSettings, TlsListenSettings, TlsServer};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |text: &str| text.parse().expect("a number of connections");
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "client", row, folder, port, connections] => {
            clients(row, Path::new(folder), port.parse().unwrap(), number(connections)).await;
        }
        [_, "server", row, connections] => serve(row, number(connections)).await,
        [_] => all("1000"),
        [_, connections] => all(connections),
        _ => panic!("cost [CONNECTIONS]"),
    }
}

/// Each row is a process of its own, so that none has the memory of another.
fn all(connections: &str) {
    println!("{connections} connections, one after the other, ECDSA on P-256");
    println!(
        "{:<8} {:>20} {:>22} {:>14}",
        "", "µs of processor each", "per processor second", "KiB while idle"
    );
    for row in ["plain", "full", "resumed"] {
        this().args(["server", row, connections]).status().unwrap();
    }
}

fn this() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

async fn serve(row: &str, connections: usize) {
    let folder = tempfile::tempdir().unwrap();
    let ca = TestCa::new("Test Authority");
    ca.write(folder.path(), "ca.pem");
    let files = ca.server(&["a.example"]).write(folder.path(), "server");
    let (server, _) = TlsServer::new(TlsListenSettings::new(files.key, files.certificate)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut clients = this()
        .args(["client", row])
        .arg(folder.path())
        .args([port, connections.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (time, memory) = (processor_time(), memory());
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.unwrap();
        let mut conn = connection(stream);
        if row != "plain" {
            conn = server.apply(conn, Deadline::NEVER).await.unwrap();
        }
        // A word each way, so that all buffers were needed once.
        let word = conn.io.read_u8().await.unwrap();
        conn.io.write_all(&[word]).await.unwrap();
        conn.io.flush().await.unwrap();
        open.push(conn.io);
    }
    let time = (processor_time() - time) / connections as f64;
    let memory = (self::memory() - memory) / connections as f64;
    println!("{row:<8} {time:>20.0} {:>22.0} {memory:>14.1}", 1e6 / time);
    // The clients go when their input ends.
    drop(clients.stdin.take());
    clients.wait().unwrap();
}

async fn clients(row: &str, folder: &Path, port: u16, connections: usize) {
    let mut settings = TlsConnectSettings::new("a.example");
    settings.ca_certificates = vec![folder.join("ca.pem")];
    let new = || TlsClient::new(&settings).unwrap().0;
    let known = new();
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut conn = connection(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        conn = match row {
            "plain" => conn,
            // A client that was never here before.
            "full" => new().apply(conn, Deadline::NEVER).await.unwrap(),
            _ => known.apply(conn, Deadline::NEVER).await.unwrap(),
        };
        conn.io.write_all(b"x").await.unwrap();
        conn.io.flush().await.unwrap();
        conn.io.read_u8().await.unwrap();
        open.push(conn);
    }
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

fn connection(stream: TcpStream) -> Connection {
    stream.set_nodelay(true).unwrap();
    let end = Address::tcp(stream.peer_addr().unwrap());
    Connection::new(stream, ConnInfo::new(end.clone(), end))
}

/// Microseconds that this thread was on a processor.
fn processor_time() -> f64 {
    let text = read("/proc/thread-self/schedstat");
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1000.0
}

/// KiB of this process that are in memory.
fn memory() -> f64 {
    let text = read("/proc/self/status");
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}
