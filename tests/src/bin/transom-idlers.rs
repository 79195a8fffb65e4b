//! Opens many sessions and holds them until its standard input ends. A process of its own, because each session takes
//! a descriptor on both sides: `transom-idlers SOCKET websocket|rawsocket NUMBER`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::Read;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use transom_tests::{Carrier, Client, Target};
use transom_wamp::Serializer;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, socket, carrier, number] = &args[..] else { panic!("three arguments, not {args:?}") };
    let carrier = if carrier == "websocket" { Carrier::WebSocket } else { Carrier::RawSocket };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("no limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("cannot raise the limit");
    let target = Target::Unix(socket.into());
    let mut sessions = Vec::new();
    for _ in 0..number.parse().expect("no number") {
        sessions.push(Client::join(&target, carrier, Serializer::MsgPack).await);
    }
    println!("{} sessions are open", sessions.len());
    // Standard input is the leash: when the test ends, this ends.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
