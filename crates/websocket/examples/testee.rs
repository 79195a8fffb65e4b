//! A WebSocket echo server for conformance suites: `cargo run --release --example testee -p transom-websocket -- [ADDRESS]`.
//!
//! It prints the address that it listens on, and runs until it is stopped. Compression is on, and everything else as a
//! `websocket.testee` transport has it without options.

#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use transom_base::{Address, ConnInfo, ConnScope, Connection, ConnectionHandler};
use transom_websocket::{DeflateSettings, WebSocketSettings, WebSocketTestee};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{}", listener.local_addr()?);
    let settings =
        WebSocketSettings { compression: Some(DeflateSettings::default()), ..WebSocketSettings::default() };
    let testee = Arc::new(WebSocketTestee::new(settings, Some(Duration::from_secs(10))));
    loop {
        let (io, peer) = listener.accept().await?;
        io.set_nodelay(true)?;
        let info = ConnInfo::new(Address::Tcp(peer), Address::Tcp(listener.local_addr()?));
        tokio::spawn(testee.serve(Connection::new(io, info), ConnScope::detached()));
    }
}
