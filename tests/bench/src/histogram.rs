//! Latencies in constant memory: buckets of equal relative width, about 1.6 % each.
//!
//! Recording is a few instructions, so that it does not show in the measured loop.

use std::time::Duration;

/// Buckets per power of two.
const STEPS: u64 = 64;
/// Nanoseconds below this are counted exactly.
const EXACT: u64 = STEPS;

/// Counts of durations by size, up to about 18 minutes.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(1 << 40) + 1], total: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(1 << 40);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// The duration that the share `quantile` (0 … 1) of all does not exceed; `None` when nothing was recorded.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<Duration> {
        if self.total == 0 {
            return None;
        }
        let rank = ((self.total as f64 * quantile).ceil() as u64).clamp(1, self.total);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(Duration::from_nanos(middle(index as u64)));
            }
        }
        None
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < EXACT {
        return nanos as usize;
    }
    // The power of two gives the row, the six bits below its leading one the column.
    let power = u64::from(nanos.ilog2());
    let row = power - u64::from(STEPS.ilog2());
    (EXACT + row * STEPS + ((nanos >> row) - STEPS)) as usize
}

fn middle(bucket: u64) -> u64 {
    if bucket < EXACT {
        return bucket;
    }
    let row = (bucket - EXACT) / STEPS;
    let column = (bucket - EXACT) % STEPS;
    ((STEPS + column) << row) + (1 << row) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_when_counted_is_found_within_two_percent() {
        for nanos in
            (0..200).chain((7..40).flat_map(|power| [1 << power, (1 << power) * 3 / 2, (1 << power) - 1]))
        {
            let mut histogram = Histogram::default();
            histogram.record(Duration::from_nanos(nanos));
            let found = histogram.quantile(0.5).unwrap().as_nanos() as f64;
            assert!((found - nanos as f64).abs() <= nanos as f64 * 0.02, "{nanos} found as {found}");
        }
    }

    #[test]
    fn quantiles_when_values_are_evenly_spread_are_where_they_belong() {
        let mut histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (quantile, micros) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = histogram.quantile(quantile).unwrap().as_secs_f64() * 1e6;
            assert!((found - micros).abs() <= micros * 0.02, "{quantile}: {found}");
        }
    }

    #[test]
    fn quantile_when_nothing_was_counted_is_none() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn duration_when_beyond_the_range_is_counted_in_the_last_bucket() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        assert!(histogram.quantile(1.0).unwrap() > Duration::from_secs(1000));
    }
}
