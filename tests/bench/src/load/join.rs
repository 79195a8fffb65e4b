//! Sessions opened one after the other: connect, handshake, HELLO, WELCOME, and closed or kept.

use std::io::{self, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::{CpuClock, Meter, STALL, Sample, Timing, wait};
use crate::error::{Error, Result};
use crate::peer::{self, Peer};
use crate::wire::framing::{self, Kind};
use crate::wire::{self, Wire, code, head};

/// The most sessions of one run: what is closed keeps a client port for a while (TIME_WAIT), and there are
/// 200 addresses with some 28,000 ports each.
const MOST: u64 = 400_000;

/// How sessions are opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join {
    pub(crate) wire: Wire,
    /// Sessions being opened at the same time.
    pub(crate) in_flight: usize,
}

/// One session on its way to WELCOME.
#[derive(Debug)]
struct Opening {
    stream: TcpStream,
    since: Instant,
    handshaken: bool,
    input: Vec<u8>,
}

/// The sessions being opened.
struct Openings<'a> {
    peer: &'a Peer,
    wire: Wire,
    poll: Poll,
    opening: Vec<u8>,
    hello: Vec<u8>,
    slots: Vec<Option<Opening>>,
}

impl<'a> Openings<'a> {
    fn new(peer: &'a Peer, join: Join) -> Result<Self> {
        let mut hello = Vec::new();
        join.wire.append(&mut hello, &wire::hello(&peer.realm));
        Ok(Self {
            peer,
            wire: join.wire,
            poll: Poll::new().map_err(Error::io("making an event loop"))?,
            opening: peer.opening(join.wire),
            hello,
            slots: (0..join.in_flight).map(|_| None).collect(),
        })
    }

    /// Starts one more session in the given place. On loopback connecting is immediate.
    fn start(&mut self, index: usize) -> Result<()> {
        let fail = || Error::io("opening a session");
        let since = Instant::now();
        let stream = self.peer.connect(self.wire.carrier)?;
        stream.set_nonblocking(true).map_err(fail())?;
        let mut stream = TcpStream::from_std(stream);
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE).map_err(fail())?;
        stream.write_all(&self.opening).map_err(fail())?;
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(Opening { stream, since, handshaken: false, input: Vec::new() });
        }
        Ok(())
    }

    /// Goes on with one session; returns it once it is open.
    fn advance(&mut self, index: usize, scratch: &mut [u8]) -> Result<Option<(TcpStream, Instant)>> {
        let Some(slot) = self.slots.get_mut(index) else { return Ok(None) };
        let Some(opening) = slot else { return Ok(None) };
        loop {
            let got = match opening.stream.read(scratch) {
                Ok(0) => return Err(Error::Closed { during: "opening a session" }),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Io { step: "opening a session", source: error }),
            };
            opening.input.extend_from_slice(scratch.get(..got).unwrap_or_default());
            if !opening.handshaken {
                match peer::opening_answer(self.wire.carrier, &opening.input)? {
                    Some(len) => {
                        opening.input.drain(..len);
                        opening.handshaken = true;
                        opening.stream.write_all(&self.hello).map_err(Error::io("sending HELLO"))?;
                    }
                    None => continue,
                }
            }
            if let Some(frame) = framing::split(self.wire.carrier, &opening.input)? {
                let head = head::parse(self.wire.encoding, frame.body);
                if frame.kind != Kind::Message || head.is_none_or(|head| head.code != code::WELCOME) {
                    let got = head::describe(frame.body);
                    return Err(Error::Unexpected { expected: "WELCOME", got });
                }
                return Ok(slot.take().map(|opening| (opening.stream, opening.since)));
            }
            if got < scratch.len() {
                return Ok(None);
            }
        }
    }
}

/// Opens and closes sessions for the time given.
pub(crate) fn run(peer: &Peer, join: Join, timing: Timing, cpu: CpuClock<'_>) -> Result<Sample> {
    let mut openings = Openings::new(peer, join)?;
    let mut events = Events::with_capacity(join.in_flight);
    let mut scratch = vec![0; 16 * 1024];
    (0..join.in_flight).try_for_each(|index| openings.start(index))?;
    let mut joined = 0u64;
    let mut meter = Meter::new(timing, cpu);
    loop {
        let now = Instant::now();
        if let Some(sample) = meter.tick(now, joined)? {
            return Ok(sample);
        }
        if joined >= MOST {
            return meter.close(now, joined);
        }
        wait(&mut openings.poll, &mut events, timing.stall, join.in_flight as u64)?;
        for event in &events {
            let Token(index) = event.token();
            if let Some((stream, since)) = openings.advance(index, &mut scratch)? {
                meter.latency(since.elapsed());
                drop(stream);
                joined += 1;
                openings.start(index)?;
            }
        }
    }
}

/// Opens `count` sessions and keeps them.
pub(crate) fn open(peer: &Peer, join: Join, count: usize) -> Result<Vec<TcpStream>> {
    let mut openings = Openings::new(peer, join)?;
    let mut events = Events::with_capacity(join.in_flight);
    let mut scratch = vec![0; 16 * 1024];
    let mut kept = Vec::with_capacity(count);
    let mut started = join.in_flight.min(count);
    (0..started).try_for_each(|index| openings.start(index))?;
    while kept.len() < count {
        wait(&mut openings.poll, &mut events, STALL, (started - kept.len()) as u64)?;
        for event in &events {
            let Token(index) = event.token();
            if let Some((stream, _)) = openings.advance(index, &mut scratch)? {
                kept.push(stream);
                if started < count {
                    started += 1;
                    openings.start(index)?;
                }
            }
        }
    }
    Ok(kept)
}
