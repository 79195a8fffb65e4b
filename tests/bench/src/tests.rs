//! The generator against the relay and against a fake router. No test looks at a time.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::fake::{Fake, Fault};
use crate::load::join::Join;
use crate::load::pubsub::PubSub;
use crate::load::rpc::Rpc;
use crate::load::{Sample, Timing, join, pubsub, rpc};
use crate::peer::{Nature, Peer, WebSocketAddr};
use crate::relay::Relay;
use crate::wire::{Carrier, Encoding, Wire};

const WIRES: [Wire; 4] = [
    Wire::RS_MSGPACK,
    Wire::WS_JSON,
    Wire { carrier: Carrier::RawSocket, encoding: Encoding::Json },
    Wire { carrier: Carrier::WebSocket, encoding: Encoding::MessagePack },
];

fn timing() -> Timing {
    Timing {
        warmup: Duration::from_millis(5),
        window: Duration::from_millis(30),
        stall: Duration::from_secs(20),
    }
}

fn cpu() -> Result<Duration> {
    crate::procfs::cpu_time(std::process::id())
}

fn at(nature: Nature, addr: std::net::SocketAddr) -> Peer {
    Peer { nature, rawsocket: Some(addr), websocket: Some(WebSocketAddr::at(addr)), realm: "realm1".into() }
}

/// A relay in a thread, stopped when the returned leash is dropped.
fn relay() -> (Peer, UnixStream, std::thread::JoinHandle<Result<()>>) {
    let (leash, end) = UnixStream::pair().unwrap();
    let relay = Relay::bind(end.as_raw_fd()).unwrap();
    let peer = at(Nature::Relay, relay.addr().unwrap());
    let thread = std::thread::spawn(move || {
        let result = relay.run();
        drop(end);
        result
    });
    (peer, leash, thread)
}

fn fake(fault: Fault) -> Peer {
    at(Nature::Router, Fake::start(fault).addr)
}

fn publish(peer: &Peer, wire: Wire, subscribers: usize, window: usize, size: usize) -> Result<Sample> {
    let payload = "x".repeat(size);
    pubsub::run(peer, PubSub { wire, subscribers, window, payload: &payload }, timing(), &cpu)
}

fn call(peer: &Peer, wire: Wire, window: usize, size: usize) -> Result<Sample> {
    let payload = "x".repeat(size);
    rpc::run(peer, Rpc { wire, window, payload: &payload }, timing(), &cpu)
}

fn check(sample: &Sample) {
    assert!(sample.deliveries > 0);
    assert!(sample.window >= timing().window);
    assert!(sample.latency.quantile(0.5) <= sample.latency.quantile(0.99));
    assert!(sample.latency.quantile(0.5).is_some());
}

#[test]
fn relay_when_loaded_in_every_way_delivers_and_stops_with_its_leash() {
    let (peer, leash, thread) = relay();
    for wire in WIRES {
        check(&publish(&peer, wire, 1, 64, 32).unwrap());
        check(&publish(&peer, wire, 50, 32, 32).unwrap());
        check(&publish(&peer, wire, 3, 8, 65_536).unwrap());
        check(&call(&peer, wire, 1, 32).unwrap());
        check(&call(&peer, wire, 64, 1024).unwrap());
        check(&call(&peer, wire, 16, 65_536).unwrap());
    }
    for wire in [Wire::RS_MSGPACK, Wire::WS_JSON] {
        check(&join::run(&peer, Join { wire, in_flight: 4 }, timing(), &cpu).unwrap());
    }
    drop(leash);
    thread.join().unwrap().unwrap();
}

#[test]
fn router_when_published_to_sees_only_legal_messages_and_every_event_arrives() {
    let peer = fake(Fault::None);
    for wire in WIRES {
        check(&publish(&peer, wire, 1, 16, 32).unwrap());
        check(&publish(&peer, wire, 5, 4, 1024).unwrap());
        check(&publish(&peer, wire, 5, 1, 0).unwrap());
    }
}

#[test]
fn router_when_called_gets_answers_and_is_left_without_registration() {
    let peer = fake(Fault::None);
    for wire in WIRES {
        // The fake refuses a second registration, so the second run needs the first to have left.
        check(&call(&peer, wire, 1, 32).unwrap());
        check(&call(&peer, wire, 16, 1024).unwrap());
    }
}

#[test]
fn router_when_joined_gives_sessions_that_are_kept_or_closed() {
    let peer = fake(Fault::None);
    for wire in WIRES {
        check(&join::run(&peer, Join { wire, in_flight: 1 }, timing(), &cpu).unwrap());
        check(&join::run(&peer, Join { wire, in_flight: 8 }, timing(), &cpu).unwrap());
        assert_eq!(join::open(&peer, Join { wire, in_flight: 8 }, 30).unwrap().len(), 30);
        assert_eq!(join::open(&peer, Join { wire, in_flight: 8 }, 3).unwrap().len(), 3);
    }
}

#[test]
fn router_that_pings_is_answered_and_nothing_is_lost() {
    for wire in [Wire::RS_MSGPACK, Wire::WS_JSON] {
        let fake = Fake::start(Fault::Ping);
        check(&publish(&at(Nature::Router, fake.addr), wire, 1, 4, 32).unwrap());
        assert!(fake.pongs() > 0);
    }
}

#[test]
fn router_that_loses_an_event_is_found_out() {
    // The last event of the run never comes: each subscriber got one less than was published.
    let short = Timing { stall: Duration::from_millis(500), ..timing() };
    let load = PubSub { wire: Wire::RS_MSGPACK, subscribers: 2, window: 4, payload: "x" };
    let outcome = pubsub::run(&fake(Fault::LoseEvent(3)), load, short, &cpu);
    assert!(matches!(outcome, Err(Error::Stalled { outstanding: 1, .. })), "{outcome:?}");
}

#[test]
fn router_that_delivers_twice_is_found_out() {
    let outcome = publish(&fake(Fault::Duplicate), Wire::WS_JSON, 1, 1, 32);
    assert!(matches!(outcome, Err(Error::Unexpected { .. })), "{outcome:?}");
}

#[test]
fn router_that_alters_the_payload_is_found_out() {
    let outcome = publish(&fake(Fault::Alter), Wire::RS_MSGPACK, 1, 4, 32);
    assert!(matches!(outcome, Err(Error::Unexpected { .. })), "{outcome:?}");
}

#[test]
fn router_that_refuses_calls_is_reported_with_its_words() {
    for wire in WIRES {
        match call(&fake(Fault::RefuseCalls), wire, 4, 32) {
            Err(Error::Unexpected { expected: "RESULT", got }) => {
                assert!(got.contains("wamp.error.no_such_procedure"), "{got}");
            }
            other => panic!("{other:?}"),
        }
    }
}
