//! The bare relay: the floor of what the kernel allows a router to cost.
//!
//! It forwards octets and understands none: what a source sends goes to every sink, what a sink sends goes to
//! every source, with one write per receiver for each drained read. So 1:N publish/subscribe and calls both pass
//! through it with the same system calls a perfect router would make, and no others.
//!
//! A connection says with its first octet what it is. One that opens a handshake instead (RawSocket or HTTP) gets
//! canned answers up to WELCOME: the floor of a join.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::RawFd;

use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::error::{Error, Result};
use crate::peer;
use crate::wire::framing::Side;
use crate::wire::template::{LARGE_ID, Template};
use crate::wire::value::Value;
use crate::wire::{Wire, code};

/// First octet of a publisher or caller.
pub(crate) const SOURCE: u8 = b'P';
/// First octet of a subscriber or callee.
pub(crate) const SINK: u8 = b'S';

const LISTENER: Token = Token(0);
const LEASH: Token = Token(1);
const FIRST: usize = 2;
/// Read at most this much before writing. Measured: 48 KiB holds a whole batch of small messages, and for large ones
/// what was read is still in the fastest cache when it is written (64 KiB each way: 19 µs, against 27 with 128 KiB).
const READ: usize = 48 * 1024;

/// What a connection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Unknown,
    Source,
    Sink,
    /// Handshake answered; HELLO is expected.
    Joining(Wire),
    Joined,
}

#[derive(Debug)]
struct Conn {
    stream: TcpStream,
    part: Part,
    /// What the kernel did not take yet.
    pending: Vec<u8>,
}

impl Conn {
    /// Writes, keeping what does not fit; `false` when the connection is gone.
    fn send(&mut self, bytes: &[u8]) -> bool {
        let taken = if self.pending.is_empty() {
            match write(&mut self.stream, bytes) {
                Ok(taken) => taken,
                Err(_) => return false,
            }
        } else {
            0
        };
        self.pending.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        true
    }

    fn flush(&mut self) -> bool {
        match write(&mut self.stream, &self.pending) {
            Ok(taken) => {
                self.pending.drain(..taken);
                true
            }
            Err(_) => false,
        }
    }
}

/// As much as the kernel takes now.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

/// A relay bound to a free port of the loopback interface.
#[derive(Debug)]
pub(crate) struct Relay {
    poll: Poll,
    listener: TcpListener,
    conns: Vec<Option<Conn>>,
    sources: Vec<usize>,
    sinks: Vec<usize>,
}

impl Relay {
    /// Binds; `leash` is a descriptor whose end of input stops the relay.
    pub(crate) fn bind(leash: RawFd) -> Result<Self> {
        let fail = || Error::io("setting up the relay");
        let poll = Poll::new().map_err(fail())?;
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).map_err(fail())?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).map_err(fail())?;
        poll.registry().register(&mut SourceFd(&leash), LEASH, Interest::READABLE).map_err(fail())?;
        Ok(Self { poll, listener, conns: Vec::new(), sources: Vec::new(), sinks: Vec::new() })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(Error::io("asking for the relay's address"))
    }

    /// Forwards until the leash ends.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(256);
        let mut scratch = vec![0; READ];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(Error::io("waiting in the relay"))?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    LEASH => return Ok(()),
                    Token(token) => {
                        let index = token - FIRST;
                        if event.is_writable() {
                            self.flush(index);
                        }
                        if event.is_readable() {
                            self.receive(index, &mut scratch);
                        }
                    }
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(Error::Io { step: "accepting in the relay", source: error }),
            };
            let fail = || Error::io("setting up a connection of the relay");
            stream.set_nodelay(true).map_err(fail())?;
            let index = self.conns.iter().position(Option::is_none).unwrap_or(self.conns.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(index + FIRST), interest).map_err(fail())?;
            let conn = Some(Conn { stream, part: Part::Unknown, pending: Vec::new() });
            match self.conns.get_mut(index) {
                Some(slot) => *slot = conn,
                None => self.conns.push(conn),
            }
        }
    }

    fn conn(&mut self, index: usize) -> Option<&mut Conn> {
        self.conns.get_mut(index).and_then(Option::as_mut)
    }

    fn flush(&mut self, index: usize) {
        let alive = match self.conn(index) {
            Some(conn) if !conn.pending.is_empty() => conn.flush(),
            _ => true,
        };
        if !alive {
            self.drop_conn(index);
        }
    }

    fn drop_conn(&mut self, index: usize) {
        self.sources.retain(|other| *other != index);
        self.sinks.retain(|other| *other != index);
        if let Some(slot) = self.conns.get_mut(index) {
            *slot = None;
        }
    }

    fn receive(&mut self, index: usize, scratch: &mut [u8]) {
        loop {
            let Some(conn) = self.conn(index) else { return };
            let got = match conn.stream.read(scratch) {
                Ok(0) => return self.drop_conn(index),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return self.drop_conn(index),
            };
            let bytes = scratch.get(..got).unwrap_or_default();
            let from_source = match conn.part {
                Part::Source => true,
                Part::Sink => false,
                _ => return self.open(index, bytes),
            };
            let mut gone = Vec::new();
            for place in 0.. {
                let receivers = if from_source { &self.sinks } else { &self.sources };
                let Some(&receiver) = receivers.get(place) else { break };
                if !self.conn(receiver).is_some_and(|conn| conn.send(bytes)) {
                    gone.push(receiver);
                }
            }
            gone.into_iter().for_each(|receiver| self.drop_conn(receiver));
            // A read that did not fill the buffer drained the socket (epoll(7)).
            if got < scratch.len() {
                return;
            }
        }
    }

    /// The first octets decide; afterwards the canned answers of a join. Each of a joining client's steps arrives
    /// in one piece, since it waits for the answer to the one before.
    fn open(&mut self, index: usize, bytes: &[u8]) {
        let Some(conn) = self.conn(index) else { return };
        let (part, answer) = match (conn.part, bytes) {
            (Part::Unknown, [SOURCE, ..]) => (Part::Source, vec![SOURCE]),
            (Part::Unknown, [SINK, ..]) => (Part::Sink, vec![SINK]),
            (Part::Unknown, [0x7f, second, ..]) => {
                (Part::Joining(Wire::RS_MSGPACK), vec![0x7f, 0xf0 | (second & 0x0f), 0, 0])
            }
            (Part::Unknown, _) => (Part::Joining(Wire::WS_JSON), switching_protocols()),
            (Part::Joining(wire), _) => (Part::Joined, welcome(wire)),
            (part, _) => (part, Vec::new()),
        };
        conn.part = part;
        if !conn.send(&answer) {
            return self.drop_conn(index);
        }
        match part {
            Part::Source => self.sources.push(index),
            Part::Sink => self.sinks.push(index),
            _ => {}
        }
    }
}

fn switching_protocols() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n",
        peer::ACCEPT
    )
    .into_bytes()
}

/// A WELCOME about as long as a router's.
fn welcome(wire: Wire) -> Vec<u8> {
    let on = |name| (name, Value::Map(Vec::new()));
    let details = Value::Map(vec![
        ("agent", Value::Str("transom-bench relay")),
        ("realm", Value::Str("realm1")),
        ("authid", Value::Str("EKST-CWYE-W7W5-EMPH-76AA-V7E7")),
        ("authrole", Value::Str("anonymous")),
        ("authmethod", Value::Str("anonymous")),
        ("authprovider", Value::Str("static")),
        ("roles", Value::Map(vec![on("broker"), on("dealer")])),
    ]);
    let mut out = Vec::new();
    Template::new(wire, Side::Server, code::WELCOME, &[details]).append(&mut out, LARGE_ID);
    out
}
