//! One publisher, N subscribers, at most W publications that the last subscriber has not received.

use std::time::Instant;

use mio::{Events, Poll, Token};

use super::{CpuClock, Meter, Sample, Timing, check_payload, wait};
use crate::error::{Error, Result};
use crate::flow::{Flow, SCRATCH};
use crate::peer::{Nature, Peer, Role, URI};
use crate::wire::template::{self, LARGE_ID};
use crate::wire::{Wire, code, head};

/// What is published to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PubSub<'a> {
    pub(crate) wire: Wire,
    pub(crate) subscribers: usize,
    /// Publications in flight.
    pub(crate) window: usize,
    pub(crate) payload: &'a str,
}

/// A publication under way: at how many subscribers it is still missing.
#[derive(Clone, Copy, Debug)]
struct Flight {
    missing: usize,
    since: Instant,
}

/// Which publications are under way. Each subscriber gets them in order, so counting is enough.
#[derive(Debug)]
struct Flights {
    subscribers: usize,
    ring: Vec<Flight>,
    published: u64,
    completed: u64,
    received: Vec<u64>,
    deliveries: u64,
}

impl Flights {
    fn new(subscribers: usize, window: usize) -> Self {
        let flight = Flight { missing: 0, since: Instant::now() };
        Self {
            subscribers,
            ring: vec![flight; window.max(1)],
            published: 0,
            completed: 0,
            received: vec![0; subscribers],
            deliveries: 0,
        }
    }

    /// How many more may be published now.
    fn room(&self) -> u64 {
        self.ring.len() as u64 - (self.published - self.completed)
    }

    fn slot(&self, number: u64) -> usize {
        (number % self.ring.len() as u64) as usize
    }

    /// The request ID of one more publication.
    fn publish(&mut self, since: Instant) -> u64 {
        let slot = self.slot(self.published);
        if let Some(flight) = self.ring.get_mut(slot) {
            *flight = Flight { missing: self.subscribers, since };
        }
        self.published += 1;
        self.published
    }

    /// One event at one subscriber; the time of sending when it was the last to get it.
    fn receive(&mut self, subscriber: usize) -> Result<Option<Instant>> {
        let extra =
            || Error::Unexpected { expected: "no more events than were published", got: "one more".into() };
        let count = self.received.get_mut(subscriber).ok_or_else(extra)?;
        if *count >= self.published {
            return Err(extra());
        }
        let number = *count;
        *count += 1;
        self.deliveries += 1;
        let slot = self.slot(number);
        let flight = self.ring.get_mut(slot).ok_or_else(extra)?;
        flight.missing -= 1;
        if flight.missing > 0 {
            return Ok(None);
        }
        self.completed += 1;
        Ok(Some(flight.since))
    }
}

/// Publishes through `peer` for the time given.
pub(crate) fn run(peer: &Peer, load: PubSub<'_>, timing: Timing, cpu: CpuClock<'_>) -> Result<Sample> {
    let mut poll = Poll::new().map_err(Error::io("making an event loop"))?;
    let flow =
        |role, token| Flow::new(peer.ready(load.wire, role)?, load.wire, poll.registry(), Token(token));
    let mut subscribers =
        (0..load.subscribers).map(|index| flow(Role::Subscriber, index)).collect::<Result<Vec<_>>>()?;
    let mut publisher = flow(Role::Source, load.subscribers)?;
    let (message, fixed) = match peer.nature {
        Nature::Router => (template::publish(load.wire, URI, load.payload), None),
        Nature::Relay => (template::event(load.wire, load.payload), Some(LARGE_ID)),
    };

    let mut scratch = vec![0; SCRATCH];
    let mut events = Events::with_capacity(load.subscribers + 1);
    let mut flights = Flights::new(load.subscribers, load.window);
    let mut meter = Meter::new(timing, cpu);
    let mut unchecked = true;
    let mut sample = None;
    loop {
        let now = Instant::now();
        let outstanding = flights.published - flights.completed;
        if sample.is_none() {
            sample = meter.tick(now, flights.deliveries)?;
        }
        match sample {
            // Whatever was published must arrive, also after the window.
            Some(sample) if outstanding == 0 => {
                for flow in std::iter::once(publisher).chain(subscribers) {
                    peer.leave(load.wire, flow.finish()?)?;
                }
                return Ok(sample);
            }
            Some(_) => {}
            None => {
                for _ in 0..flights.room() {
                    let id = flights.publish(now);
                    message.append(&mut publisher.out, fixed.unwrap_or(id));
                }
            }
        }
        publisher.flush()?;
        wait(&mut poll, &mut events, timing.stall, flights.published - flights.completed)?;
        for event in &events {
            let Token(index) = event.token();
            let Some(subscriber) = subscribers.get_mut(index) else {
                publisher.receive(&mut scratch, |_, body| {
                    Err(Error::Unexpected { expected: "nothing at the publisher", got: head::describe(body) })
                })?;
                continue;
            };
            let now = Instant::now();
            subscriber.receive(&mut scratch, |head, body| {
                if head.code != code::EVENT {
                    return Err(Error::Unexpected { expected: "EVENT", got: head::describe(body) });
                }
                if unchecked {
                    check_payload(body, load.payload)?;
                    unchecked = false;
                }
                if let Some(since) = flights.receive(index)? {
                    meter.latency(now.duration_since(since));
                }
                Ok(())
            })?;
            if !subscriber.out.is_empty() {
                subscriber.flush()?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publication_when_the_last_subscriber_has_it_is_complete_and_not_before() {
        let mut flights = Flights::new(2, 2);
        assert_eq!(flights.room(), 2);
        let (first, second) = (flights.publish(Instant::now()), flights.publish(Instant::now()));
        assert_eq!((first, second, flights.room()), (1, 2, 0));
        assert!(flights.receive(0).unwrap().is_none());
        assert!(flights.receive(0).unwrap().is_none());
        assert_eq!(flights.room(), 0);
        assert!(flights.receive(1).unwrap().is_some());
        assert_eq!((flights.room(), flights.deliveries), (1, 3));
    }

    #[test]
    fn event_when_never_published_is_an_error() {
        let mut flights = Flights::new(1, 4);
        assert!(flights.receive(0).is_err());
        flights.publish(Instant::now());
        assert!(flights.receive(0).unwrap().is_some());
        assert!(flights.receive(0).is_err());
        assert!(flights.receive(5).is_err());
    }
}
