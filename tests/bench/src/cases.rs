//! The cases and what is aimed at.
//!
//! Targets are router CPU per delivery, measured pinned on a machine where the bare relay costs what stands beside
//! them. Absolute times move with the machine, so each target is also judged scaled by what the relay costs here.

use crate::load::join::Join;
use crate::wire::{Carrier, Wire};

/// What is done to the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    PubSub {
        subscribers: usize,
        window: usize,
    },
    Rpc {
        window: usize,
    },
    Join {
        in_flight: usize,
    },
    /// Memory of sessions that do nothing.
    Idle,
    /// Time until the port answers, and memory then.
    Start,
}

/// The figure a target is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// The main figure of the case, in its unit.
    Main,
    /// Median latency in µs.
    P50,
}

/// A figure aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) metric: Metric,
    /// At most this.
    pub(crate) at_most: f64,
    /// What the relay costs where the target was set, in the same unit.
    pub(crate) relay: Option<f64>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) load: Load,
    pub(crate) wire: Wire,
    /// Octets of payload.
    pub(crate) payload: usize,
    pub(crate) target: Option<Target>,
}

impl Case {
    /// Unit of the main figure.
    pub(crate) fn unit(&self) -> &'static str {
        match self.load {
            Load::PubSub { .. } | Load::Rpc { .. } => "µs CPU/delivery",
            Load::Join { .. } => "µs CPU/join",
            Load::Idle => "KiB/session",
            Load::Start => "ms",
        }
    }

    /// Runs of this case for each one asked for. Large messages settle into one of two rhythms, all of the window
    /// at once or one after the other, that differ twofold in cost; more runs keep the median from being a coin toss.
    pub(crate) fn repeats(&self) -> usize {
        if self.payload >= 65_536 { 3 } else { 1 }
    }

    /// The join a case of that kind does.
    pub(crate) fn join(&self, in_flight: usize) -> Join {
        Join { wire: self.wire, in_flight }
    }

    fn new(load: Load, wire: Wire, payload: usize) -> Self {
        let size = match payload {
            0..1024 => format!("{payload}B"),
            _ => format!("{}KiB", payload / 1024),
        };
        let wire_label = wire.label();
        let name = match load {
            Load::PubSub { subscribers, window } => {
                format!("pubsub/1x{subscribers}/w{window}/{wire_label}/{size}")
            }
            Load::Rpc { window } => format!("rpc/w{window}/{wire_label}/{size}"),
            Load::Join { in_flight } => format!("join/w{in_flight}/{wire_label}"),
            Load::Idle => format!("idle-session/{wire_label}"),
            Load::Start => "start".into(),
        };
        Self { name, load, wire, payload, target: target(load, wire, payload) }
    }
}

fn target(load: Load, wire: Wire, payload: usize) -> Option<Target> {
    let main = |at_most, relay| Some(Target { metric: Metric::Main, at_most, relay });
    match (load, wire.carrier, payload) {
        (Load::PubSub { subscribers: 1, window: 64 }, Carrier::RawSocket, 32) => main(0.5, Some(0.14)),
        (Load::PubSub { subscribers: 1, window: 64 }, Carrier::WebSocket, 32) => main(0.8, None),
        (Load::PubSub { subscribers: 50, window: 32 }, Carrier::RawSocket, 32) => main(0.35, Some(0.12)),
        (Load::PubSub { subscribers: 50, window: 1 }, Carrier::RawSocket, 32) => main(4.3, Some(3.5)),
        (Load::Rpc { window: 64 }, Carrier::RawSocket, 32) => main(0.9, Some(0.23)),
        (Load::Rpc { window: 64 }, Carrier::WebSocket, 32) => main(1.3, None),
        (Load::Rpc { window: 1 }, Carrier::RawSocket, 32) => {
            Some(Target { metric: Metric::P50, at_most: 34.0, relay: Some(28.0) })
        }
        (Load::Rpc { window: 16 }, Carrier::RawSocket, 65_536) => main(40.0, Some(28.0)),
        (Load::Join { .. }, _, _) => main(60.0, Some(21.0)),
        (Load::Idle, _, _) => main(3.0, None),
        (Load::Start, _, _) => main(15.0, None),
        _ => None,
    }
}

/// Idle memory of a node after its start, in MiB: the second target of the start case.
pub(crate) const IDLE_MEMORY_MIB: f64 = 8.0;

/// All cases whose name contains one of `wanted` (all of them when that is empty).
pub(crate) fn all(wanted: &[String]) -> Vec<Case> {
    const KIB: usize = 1024;
    let (rs, ws) = (Wire::RS_MSGPACK, Wire::WS_JSON);
    let pubsub = |subscribers, window| Load::PubSub { subscribers, window };
    let rpc = |window| Load::Rpc { window };
    let join = |in_flight| Load::Join { in_flight };
    // Memory first: in a router that has run already, sessions would be put where earlier load left room.
    let table = [
        (Load::Start, rs, 0),
        (Load::Idle, rs, 0),
        (Load::Idle, ws, 0),
        (pubsub(1, 64), rs, 32),
        (pubsub(1, 64), rs, KIB),
        (pubsub(1, 64), rs, 64 * KIB),
        (pubsub(1, 64), ws, 32),
        (pubsub(1, 64), ws, KIB),
        (pubsub(1, 64), ws, 64 * KIB),
        (pubsub(50, 32), rs, 32),
        (pubsub(50, 32), rs, KIB),
        (pubsub(50, 32), ws, 32),
        (pubsub(50, 1), rs, 32),
        (pubsub(50, 1), ws, 32),
        (rpc(1), rs, 32),
        (rpc(1), ws, 32),
        (rpc(64), rs, 32),
        (rpc(64), rs, KIB),
        (rpc(64), ws, 32),
        (rpc(64), ws, KIB),
        (rpc(16), rs, 64 * KIB),
        (rpc(16), ws, 64 * KIB),
        (join(1), rs, 0),
        (join(16), rs, 0),
        (join(1), ws, 0),
        (join(16), ws, 0),
    ];
    table
        .into_iter()
        .map(|(load, wire, payload)| Case::new(load, wire, payload))
        .filter(|case| wanted.is_empty() || wanted.iter().any(|part| case.name.contains(part.as_str())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cases_are_unique() {
        let cases = all(&[]);
        let names: std::collections::HashSet<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
    }

    #[test]
    fn cases_when_chosen_by_substrings_are_those_that_contain_one() {
        let names: Vec<_> =
            all(&["rpc/w1/".into(), "start".into()]).into_iter().map(|case| case.name).collect();
        assert_eq!(names, ["start", "rpc/w1/rs-msgpack/32B", "rpc/w1/ws-json/32B"]);
        assert!(all(&["no such case".into()]).is_empty());
    }

    #[test]
    fn every_target_belongs_to_a_case() {
        let aimed = all(&[]).into_iter().filter(|case| case.target.is_some()).count();
        // Four of publish/subscribe, four of calls, four joins, two kinds of idle sessions, the start.
        assert_eq!(aimed, 15);
    }
}
