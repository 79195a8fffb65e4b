//! Figures of one contender in one case: medians over the repeated runs, ratios, and how they stand to a target.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cases::{Metric, Target};
use crate::load::Sample;

/// One run, or the medians of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// The main figure, in the case's unit.
    pub(crate) main: f64,
    /// Deliveries or joins per second.
    pub(crate) rate: Option<f64>,
    /// Median latency in µs.
    pub(crate) p50: Option<f64>,
    /// Latency that one in a hundred exceeds, in µs.
    pub(crate) p99: Option<f64>,
    /// Resident memory in MiB, where the case is about memory.
    pub(crate) memory: Option<f64>,
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

impl Figures {
    /// From one measured window; `None` when nothing was delivered in it.
    pub(crate) fn of(sample: &Sample) -> Option<Self> {
        if sample.deliveries == 0 || sample.window.is_zero() {
            return None;
        }
        Some(Self {
            main: micros(sample.cpu) / sample.deliveries as f64,
            rate: Some(sample.deliveries as f64 / sample.window.as_secs_f64()),
            p50: sample.latency.quantile(0.5).map(micros),
            p99: sample.latency.quantile(0.99).map(micros),
            memory: None,
        })
    }

    /// Each figure's own median.
    pub(crate) fn median(runs: &[Self]) -> Option<Self> {
        let optional = |field: fn(&Self) -> Option<f64>| median(runs.iter().filter_map(field).collect());
        Some(Self {
            main: median(runs.iter().map(|run| run.main).collect())?,
            rate: optional(|run| run.rate),
            p50: optional(|run| run.p50),
            p99: optional(|run| run.p99),
            memory: optional(|run| run.memory),
        })
    }

    /// How far the runs lie apart: the largest main figure over the smallest. `None` for fewer than two.
    pub(crate) fn spread(runs: &[Self]) -> Option<f64> {
        let smallest = runs.iter().map(|run| run.main).min_by(f64::total_cmp)?;
        let largest = runs.iter().map(|run| run.main).max_by(f64::total_cmp)?;
        (runs.len() > 1 && smallest > 0.0).then_some(largest / smallest)
    }

    /// The figure a target is about.
    pub(crate) fn metric(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Main => Some(self.main),
            Metric::P50 => self.p50,
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({"main": self.main, "rate": self.rate, "p50_us": self.p50, "p99_us": self.p99, "memory_mib": self.memory})
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values.get(lower)? + values.get(upper)?) / 2.0)
}

/// How a figure stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    WithinTwice,
    Missed,
}

impl Verdict {
    pub(crate) fn of(value: f64, at_most: f64) -> Self {
        match value / at_most {
            ..=1.0 => Self::Met,
            ..=2.0 => Self::WithinTwice,
            _ => Self::Missed,
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::WithinTwice => "within 2x",
            Self::Missed => "MISSED",
        }
    }
}

/// The target as this machine would have it: scaled by what the relay costs here. `None` without both relays.
pub(crate) fn scaled(target: Target, relay: Option<&Figures>) -> Option<f64> {
    let here = relay?.metric(target.metric)?;
    Some(target.at_most * here / target.relay?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_when_runs_are_odd_even_or_none() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn spread_when_runs_differ_is_largest_over_smallest() {
        let run = |main| Figures { main, ..Figures::default() };
        assert_eq!(Figures::spread(&[run(2.0), run(5.0), run(4.0)]), Some(2.5));
        assert_eq!(Figures::spread(&[run(2.0)]), None);
        assert_eq!(Figures::spread(&[run(0.0), run(1.0)]), None);
    }

    #[test]
    fn verdict_at_the_borders_is_the_milder_one() {
        for (value, verdict) in
            [(0.5, Verdict::Met), (0.51, Verdict::WithinTwice), (1.0, Verdict::WithinTwice)]
        {
            assert_eq!(Verdict::of(value, 0.5), verdict);
        }
        assert_eq!(Verdict::of(1.01, 0.5), Verdict::Missed);
    }

    #[test]
    fn target_when_the_relay_costs_twice_as_much_here_is_doubled() {
        let target = Target { metric: Metric::Main, at_most: 0.5, relay: Some(0.14) };
        let relay = Figures { main: 0.28, ..Figures::default() };
        assert_eq!(scaled(target, Some(&relay)), Some(1.0));
        assert_eq!(scaled(target, None), None);
        assert_eq!(scaled(Target { relay: None, ..target }, Some(&relay)), None);
    }

    #[test]
    fn figures_of_an_empty_window_are_none() {
        let sample = Sample {
            window: Duration::from_secs(1),
            deliveries: 0,
            cpu: Duration::ZERO,
            latency: crate::histogram::Histogram::default(),
        };
        assert_eq!(Figures::of(&sample), None);
        let some = Figures::of(&Sample { deliveries: 4, cpu: Duration::from_micros(8), ..sample }).unwrap();
        assert_eq!((some.main, some.rate, some.p50), (2.0, Some(4.0), None));
    }
}
