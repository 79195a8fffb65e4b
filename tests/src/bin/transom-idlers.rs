//! Opens many sessions and holds them until its standard input ends. A process of its own, because each session takes
//! a descriptor on both sides: `transom-idlers SOCKET websocket|deflate|rawsocket|silent NUMBER`. `deflate` is WebSocket
//! with compression agreed on and not used; `silent` opens connections, says nothing and tells when all are closed.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::any::Any;
use std::io::Read;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use transom_tests::{Carrier, Client, Target};
use transom_wamp::Serializer;
use transom_websocket::handshake::ClientHandshake;
use transom_websocket::{DeflateSettings, WebSocket, WebSocketMessage, WebSocketSettings};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, socket, carrier, number] = &args[..] else { panic!("three arguments, not {args:?}") };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("no limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("cannot raise the limit");
    let target = Target::Unix(socket.into());
    let number = number.parse().expect("no number");
    let _held: Vec<Box<dyn Any>> = match &carrier[..] {
        "websocket" => sessions(&target, Carrier::WebSocket, number).await,
        "rawsocket" => sessions(&target, Carrier::RawSocket, number).await,
        "deflate" => compressing(&target, number).await,
        "silent" => return silent(socket, number),
        other => panic!("no carrier is called {other}"),
    };
    println!("{number} sessions are open");
    // Standard input is the leash: when the test ends, this ends.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

async fn sessions(target: &Target, carrier: Carrier, number: usize) -> Vec<Box<dyn Any>> {
    let mut sessions: Vec<Box<dyn Any>> = Vec::new();
    for _ in 0..number {
        sessions.push(Box::new(Client::join(target, carrier, Serializer::MsgPack).await));
    }
    sessions
}

async fn compressing(target: &Target, number: usize) -> Vec<Box<dyn Any>> {
    let compression = Some(DeflateSettings::default());
    let settings = WebSocketSettings { compression, ..WebSocketSettings::default() };
    let mut sessions: Vec<Box<dyn Any>> = Vec::new();
    for _ in 0..number {
        let handshake =
            ClientHandshake::new("localhost", "/ws", &["wamp.2.json"], None).expect("a handshake");
        let io = target.connect().await;
        let (mut socket, _) = WebSocket::connect(io, handshake, &settings).await.expect("no WebSocket");
        let hello = WebSocketMessage::text(r#"[1,"realm1",{"roles":{"subscriber":{}}}]"#);
        socket.send(&hello).await.expect("cannot send");
        let welcome = socket.next().await.expect("no answer").expect("closed");
        assert!(welcome.data.starts_with(b"[2,"), "{welcome:?}");
        sessions.push(Box::new(socket));
    }
    sessions
}

fn silent(socket: &str, number: usize) {
    let mut connections = Vec::new();
    for _ in 0..number {
        // Waits where too many others do, instead of failing.
        connections.push(std::os::unix::net::UnixStream::connect(socket).expect("no connection"));
    }
    println!("{number} connections are open");
    for mut connection in connections {
        // However it ends, it ends.
        let _ = connection.read_to_end(&mut Vec::new());
    }
    println!("{number} connections are closed");
}
