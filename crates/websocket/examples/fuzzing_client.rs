//! The client's role before Autobahn|Testsuite's fuzzing server:
//! `cargo run --release --example fuzzing_client -p transom-websocket -- HOST:PORT [AGENT]`.
//!
//! It asks the server how many cases there are, sends back what each of them says, and asks for the reports at the end.

#![allow(clippy::print_stdout, reason = "it says what it does")]

use std::error::Error;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use transom_websocket::handshake::ClientHandshake;
use transom_websocket::{DeflateSettings, WebSocket, WebSocketSettings};

/// Longer than any case takes.
const PATIENCE: Duration = Duration::from_secs(120);

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let server = args.next().ok_or("usage: fuzzing_client HOST:PORT [AGENT]")?;
    let agent = args.next().unwrap_or_else(|| "transom".to_owned());
    let count = open(&server, "/getCaseCount").await?.next().await?.ok_or("no number of cases")?;
    let count: u32 = std::str::from_utf8(&count.data)?.trim().parse()?;
    println!("{count} cases");
    for case in 1..=count {
        let echo = echo(&server, case, &agent);
        match timeout(PATIENCE, echo).await {
            // What went wrong is for the server to judge.
            Ok(Ok(()) | Err(_)) => {}
            Err(_) => println!("case {case} did not end"),
        }
    }
    let mut reports = open(&server, &format!("/updateReports?agent={agent}")).await?;
    while let Ok(Some(_)) = reports.next().await {}
    println!("done");
    Ok(())
}

/// Sends back what comes until the server closes.
async fn echo(server: &str, case: u32, agent: &str) -> Outcome<()> {
    let mut socket = open(server, &format!("/runCase?case={case}&agent={agent}")).await?;
    while let Some(message) = socket.next().await? {
        socket.send(&message).await?;
    }
    Ok(())
}

async fn open(server: &str, path: &str) -> Outcome<WebSocket<TcpStream>> {
    let io = TcpStream::connect(server).await?;
    io.set_nodelay(true)?;
    let settings = WebSocketSettings {
        compression: Some(DeflateSettings::default()),
        max_message_size: Some(64 << 20),
        ..WebSocketSettings::default()
    };
    let (socket, _) =
        WebSocket::connect(io, ClientHandshake::new(server, path, &[], None)?, &settings).await?;
    Ok(socket)
}
