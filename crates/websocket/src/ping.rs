//! Pings that find out whether a silent peer is still there (RFC 6455 §5.5.2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::{MAX_CONTROL, WebSocketSettings, mask};

/// Octets of a ping's payload that tell pings apart: the time in nanoseconds and a sequence number, big-endian.
const STAMP: usize = 12;

/// When a peer is pinged and when it counts as gone.
#[derive(Debug)]
pub(crate) struct Pings {
    state: State,
    sequence: u32,
}

#[derive(Debug)]
enum State {
    /// Never pinged.
    Off,
    /// Heard of; pinged at this moment.
    Heard { next: Instant },
    /// Pinged; gone at this moment.
    Asked { stamp: [u8; STAMP], until: Option<Instant> },
}

/// What is to be done when a deadline passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Send this ping.
    Ping(Payload),
    /// No pong came in time.
    Gone,
}

/// The payload of a ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    octets: [u8; MAX_CONTROL],
    len: usize,
}

impl Payload {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

fn after(now: Instant, time: Option<Duration>) -> Option<Instant> {
    time.and_then(|time| now.checked_add(time))
}

impl Pings {
    pub(crate) fn start(now: Instant, settings: &WebSocketSettings) -> Self {
        let mut pings = Pings { state: State::Off, sequence: 0 };
        pings.heard(now, settings);
        pings
    }

    /// When [`Pings::expired`] is to be called. While our side does not read, no pong can be missed.
    pub(crate) fn deadline(&self, reading: bool) -> Option<Instant> {
        match self.state {
            State::Off => None,
            State::Heard { next } => Some(next),
            State::Asked { until, .. } => until.filter(|_| reading),
        }
    }

    pub(crate) fn expired(&mut self, now: Instant, reading: bool, settings: &WebSocketSettings) -> Due {
        match self.state {
            State::Heard { next } if next <= now => {}
            State::Asked { until: Some(until), .. } if until <= now && reading => return Due::Gone,
            _ => return Due::Nothing,
        }
        self.sequence = self.sequence.wrapping_add(1);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let mut stamp = [0; STAMP];
        let octets = nanoseconds.to_be_bytes().into_iter().chain(self.sequence.to_be_bytes());
        for (slot, octet) in stamp.iter_mut().zip(octets) {
            *slot = octet;
        }
        let mut payload =
            Payload { octets: [0; MAX_CONTROL], len: settings.auto_ping_size.clamp(STAMP, MAX_CONTROL) };
        mask::random(&mut payload.octets);
        for (slot, octet) in payload.octets.iter_mut().zip(stamp) {
            *slot = octet;
        }
        self.state = State::Asked { stamp, until: after(now, settings.auto_ping_timeout) };
        Due::Ping(payload)
    }

    /// A pong came.
    pub(crate) fn pong(&mut self, payload: &[u8], settings: &WebSocketSettings) {
        if matches!(self.state, State::Asked { stamp, .. } if payload.starts_with(&stamp)) {
            self.heard(Instant::now(), settings);
        }
    }

    /// Data came. Costs a look at the clock only while a pong is awaited.
    pub(crate) fn traffic(&mut self, settings: &WebSocketSettings) {
        if settings.auto_ping_restart_on_any_traffic && matches!(self.state, State::Asked { .. }) {
            self.heard(Instant::now(), settings);
        }
    }

    /// Our side reads again: the pong may have been waiting, so its time begins anew.
    pub(crate) fn resume(&mut self, settings: &WebSocketSettings) {
        if let State::Asked { until, .. } = &mut self.state {
            *until = after(Instant::now(), settings.auto_ping_timeout);
        }
    }

    fn heard(&mut self, now: Instant, settings: &WebSocketSettings) {
        self.state = match after(now, settings.auto_ping_interval) {
            Some(next) => State::Heard { next },
            None => State::Off,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> WebSocketSettings {
        WebSocketSettings {
            auto_ping_interval: Some(Duration::from_secs(10)),
            auto_ping_timeout: Some(Duration::from_secs(3)),
            ..WebSocketSettings::default()
        }
    }

    fn ping(pings: &mut Pings, settings: &WebSocketSettings) -> Payload {
        match pings.expired(Instant::now(), true, settings) {
            Due::Ping(payload) => payload,
            due => panic!("{due:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ping_is_due_after_the_interval_and_again_after_its_pong() {
        let settings = settings();
        let start = Instant::now();
        let mut pings = Pings::start(start, &settings);
        assert_eq!(pings.deadline(true), Some(start + Duration::from_secs(10)));
        assert_eq!(pings.expired(start, true, &settings), Due::Nothing);
        tokio::time::advance(Duration::from_secs(10)).await;
        let payload = ping(&mut pings, &settings);
        assert_eq!(payload.as_slice().len(), 12);
        assert_eq!(payload.as_slice()[8..], [0, 0, 0, 1]);
        assert_eq!(pings.deadline(true), Some(start + Duration::from_secs(13)));
        pings.pong(b"another one's", &settings);
        assert_eq!(pings.deadline(true), Some(start + Duration::from_secs(13)));
        tokio::time::advance(Duration::from_secs(1)).await;
        pings.pong(payload.as_slice(), &settings);
        assert_eq!(pings.deadline(true), Some(start + Duration::from_secs(21)));
    }

    #[tokio::test(start_paused = true)]
    async fn peer_without_a_pong_is_gone_unless_data_came() {
        for (any_traffic, due) in [(false, Due::Gone), (true, Due::Nothing)] {
            let settings = WebSocketSettings { auto_ping_restart_on_any_traffic: any_traffic, ..settings() };
            let mut pings = Pings::start(Instant::now(), &settings);
            tokio::time::advance(Duration::from_secs(10)).await;
            ping(&mut pings, &settings);
            pings.traffic(&settings);
            tokio::time::advance(Duration::from_secs(3)).await;
            assert_eq!(pings.expired(Instant::now(), true, &settings), due);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_during_which_nothing_is_read_does_not_count() {
        let settings = settings();
        let mut pings = Pings::start(Instant::now(), &settings);
        tokio::time::advance(Duration::from_secs(10)).await;
        ping(&mut pings, &settings);
        assert_eq!(pings.deadline(false), None);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(pings.expired(Instant::now(), false, &settings), Due::Nothing);
        pings.resume(&settings);
        assert_eq!(pings.deadline(true), Some(Instant::now() + Duration::from_secs(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn size_and_switches_count() {
        let never = WebSocketSettings { auto_ping_interval: None, ..settings() };
        assert_eq!(Pings::start(Instant::now(), &never).deadline(true), None);
        let large = WebSocketSettings { auto_ping_size: 125, auto_ping_timeout: None, ..settings() };
        let mut pings = Pings::start(Instant::now(), &large);
        tokio::time::advance(Duration::from_secs(10)).await;
        let payload = ping(&mut pings, &large);
        assert_eq!(payload.as_slice().len(), 125);
        assert!(payload.as_slice()[12..].iter().any(|octet| *octet != 0));
        assert_eq!(pings.deadline(true), None);
    }
}
