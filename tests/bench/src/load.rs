//! The load itself: drivers that keep a fixed number of messages in flight, and the meter that says which part of
//! it counts.
//!
//! One thread, one event loop, messages encoded beforehand: pinned to the router's core, the generator should
//! take as little of it as it can.

pub(crate) mod join;
pub(crate) mod pubsub;
pub(crate) mod rpc;

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::error::{Error, Result};
use crate::histogram::Histogram;

/// No message for this long means that one was lost.
pub(crate) const STALL: Duration = Duration::from_secs(5);

/// CPU time the router has used so far.
pub(crate) type CpuClock<'a> = &'a dyn Fn() -> Result<Duration>;

/// How long one measurement takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Load that does not count.
    pub(crate) warmup: Duration,
    /// Load that counts.
    pub(crate) window: Duration,
    /// Without any message for this long, the run has failed.
    pub(crate) stall: Duration,
}

/// What one measurement gave.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Time really measured.
    pub(crate) window: Duration,
    /// Events received, calls answered or sessions joined meanwhile.
    pub(crate) deliveries: u64,
    /// CPU time of the router meanwhile.
    pub(crate) cpu: Duration,
    /// From sending to the (last) receipt.
    pub(crate) latency: Histogram,
}

/// Warm-up, window, end: looked at once per turn of the event loop.
pub(crate) struct Meter<'a> {
    cpu: CpuClock<'a>,
    timing: Timing,
    started: Instant,
    /// At the start of the window: when, deliveries, CPU time.
    opened: Option<(Instant, u64, Duration)>,
    latency: Histogram,
}

impl<'a> Meter<'a> {
    /// Starts with the warm-up.
    pub(crate) fn new(timing: Timing, cpu: CpuClock<'a>) -> Self {
        Self { cpu, timing, started: Instant::now(), opened: None, latency: Histogram::default() }
    }

    /// Counts a latency if the window is open.
    pub(crate) fn latency(&mut self, latency: Duration) {
        if self.opened.is_some() {
            self.latency.record(latency);
        }
    }

    /// Moves on with the time; the sample once the window is over.
    pub(crate) fn tick(&mut self, now: Instant, deliveries: u64) -> Result<Option<Sample>> {
        match self.opened {
            None if now.duration_since(self.started) >= self.timing.warmup => {
                self.opened = Some((now, deliveries, (self.cpu)()?));
                Ok(None)
            }
            Some((opened, ..)) if now.duration_since(opened) >= self.timing.window => {
                self.close(now, deliveries).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Ends the window before its time.
    pub(crate) fn close(&mut self, now: Instant, deliveries: u64) -> Result<Sample> {
        let cpu = (self.cpu)()?;
        let (opened, before, cpu_before) = self.opened.unwrap_or((now, deliveries, cpu));
        Ok(Sample {
            window: now.duration_since(opened),
            deliveries: deliveries - before,
            cpu: cpu.saturating_sub(cpu_before),
            latency: std::mem::take(&mut self.latency),
        })
    }
}

/// Waits for readiness; an error when nothing happens for too long.
fn wait(poll: &mut Poll, events: &mut Events, stall: Duration, outstanding: u64) -> Result<()> {
    loop {
        match poll.poll(events, Some(stall)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Io { step: "waiting for events", source: error }),
            Ok(()) if events.is_empty() => return Err(Error::Stalled { waited: stall, outstanding }),
            Ok(()) => return Ok(()),
        }
    }
}

/// Checks that a received message carries the payload that was sent, at its end.
fn check_payload(body: &[u8], payload: &str) -> Result<()> {
    let tail = body.strip_suffix(b"\"]]").unwrap_or(body);
    if tail.ends_with(payload.as_bytes()) {
        Ok(())
    } else {
        Err(Error::Unexpected {
            expected: "the payload that was sent",
            got: crate::wire::head::describe(body),
        })
    }
}
