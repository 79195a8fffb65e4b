//! One caller, one callee, at most W calls unanswered. The callee answers at once with a payload of the same size.

use std::time::Instant;

use mio::{Events, Poll, Token};

use super::{CpuClock, Meter, Sample, Timing, check_payload, wait};
use crate::error::{Error, Result};
use crate::flow::{Flow, SCRATCH};
use crate::peer::{Nature, Peer, Role, URI};
use crate::wire::{Wire, code, head, template};

/// What is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rpc<'a> {
    pub(crate) wire: Wire,
    /// Calls in flight.
    pub(crate) window: usize,
    pub(crate) payload: &'a str,
}

/// Times of sending are kept this far back, should results overtake each other.
const REMEMBERED: u64 = 4096;

const CALLER: Token = Token(0);
const CALLEE: Token = Token(1);

/// Calls through `peer` for the time given.
pub(crate) fn run(peer: &Peer, load: Rpc<'_>, timing: Timing, cpu: CpuClock<'_>) -> Result<Sample> {
    let wire = load.wire;
    let mut poll = Poll::new().map_err(Error::io("making an event loop"))?;
    let flow = |role, token| Flow::new(peer.ready(wire, role)?, wire, poll.registry(), token);
    let mut callee = flow(Role::Callee, CALLEE)?;
    let mut caller = flow(Role::Source, CALLER)?;
    let (call, answer) = match peer.nature {
        Nature::Router => (template::call(wire, URI, load.payload), template::yielding(wire, load.payload)),
        Nature::Relay => (template::invocation(wire, load.payload), template::result(wire, load.payload)),
    };

    let mut scratch = vec![0; SCRATCH];
    let mut events = Events::with_capacity(4);
    let mut since = vec![Instant::now(); REMEMBERED as usize];
    let (mut sent, mut answered) = (0u64, 0u64);
    let mut meter = Meter::new(timing, cpu);
    let mut unchecked = true;
    let mut sample = None;
    loop {
        let now = Instant::now();
        if sample.is_none() {
            sample = meter.tick(now, answered)?;
        }
        match sample {
            // Whatever was called must be answered, also after the window.
            Some(sample) if sent == answered => {
                for flow in [caller, callee] {
                    peer.leave(wire, flow.finish()?)?;
                }
                return Ok(sample);
            }
            Some(_) => {}
            None => {
                while sent - answered < load.window as u64 {
                    sent += 1;
                    if let Some(slot) = since.get_mut((sent % REMEMBERED) as usize) {
                        *slot = now;
                    }
                    call.append(&mut caller.out, sent);
                }
            }
        }
        caller.flush()?;
        wait(&mut poll, &mut events, timing.stall, sent - answered)?;
        for event in &events {
            if event.token() == CALLEE {
                let mut answers = std::mem::take(&mut callee.out);
                callee.receive(&mut scratch, |head, body| {
                    if head.code != code::INVOCATION {
                        return Err(Error::Unexpected { expected: "INVOCATION", got: head::describe(body) });
                    }
                    answer.append(&mut answers, head.id);
                    Ok(())
                })?;
                answers.append(&mut callee.out);
                callee.out = answers;
                callee.flush()?;
            } else {
                let now = Instant::now();
                caller.receive(&mut scratch, |head, body| {
                    if head.code != code::RESULT || answered >= sent {
                        return Err(Error::Unexpected { expected: "RESULT", got: head::describe(body) });
                    }
                    if unchecked {
                        check_payload(body, load.payload)?;
                        unchecked = false;
                    }
                    answered += 1;
                    if let Some(since) = since.get((head.id % REMEMBERED) as usize) {
                        meter.latency(now.duration_since(*since));
                    }
                    Ok(())
                })?;
            }
        }
    }
}
