//! The truth of a made-up fleet.
//!
//! How long a shutdown would take is log-normal, with a median and a spread of its cause; or it would never
//! end. Somebody may lose patience first: then it is cut off. What is ignored is given up after an hour. One
//! upgrade of QEMU, on every second host and on one day, makes all that it touches slower by a factor.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};
use softoff_analyzer::Cause;

use super::draw::Counts;

/// Patience ends for this share of shutdowns, if they last long enough.
pub const IMPATIENT: f64 = 0.6;
/// Median patience, in seconds.
pub const PATIENCE_MEDIAN: f64 = 180.0;
/// Spread of patience: standard deviation of its logarithm.
pub const PATIENCE_SIGMA: f64 = 0.6;
/// After this a request counts as ignored, in seconds.
pub const GIVEN_UP: f64 = 3600.0;
/// By how much the upgrade slows a shutdown down.
pub const REGRESSION: f64 = 1.35;
/// QEMU before the upgrade.
pub const OLD_QEMU: &str = "9.1.0";
/// QEMU after it.
pub const NEW_QEMU: &str = "9.2.0";

/// What causes do.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The cause.
    pub cause: Cause,
    /// Its share of all shutdowns.
    pub share: f64,
    /// Median of the time it takes, in seconds; none where it never ends.
    pub median: Option<f64>,
    /// Standard deviation of the time's logarithm.
    pub sigma: f64,
    /// The phase that takes the longest, by its number.
    pub phase: usize,
}

const fn kind(cause: Cause, share: f64, median: Option<f64>, sigma: f64, phase: usize) -> Kind {
    Kind { cause, share, median, sigma, phase }
}

/// All kinds; the shares add up to 1. The healthy ones are like the cycles in public Windows event logs: half
/// within 4.9 s, nine in ten within 21 s.
pub const KINDS: [Kind; 14] = [
    kind(Cause::None, 0.780, Some(4.9), 1.14, 2),
    kind(Cause::GuestUpdate, 0.035, Some(240.0), 0.9, 2),
    kind(Cause::GuestSlowServices, 0.040, Some(75.0), 0.5, 2),
    kind(Cause::GuestAppBlocked, 0.025, Some(120.0), 1.2, 2),
    kind(Cause::GuestShutdownTracker, 0.010, None, 0.0, 2),
    kind(Cause::GuestLogonRequired, 0.010, None, 0.0, 2),
    kind(Cause::GuestButtonDisabled, 0.010, None, 0.0, 2),
    kind(Cause::GuestHung, 0.008, None, 0.0, 1),
    kind(Cause::GuestFirstBoot, 0.007, Some(900.0), 0.7, 1),
    kind(Cause::HostStorage, 0.020, Some(95.0), 0.8, 3),
    kind(Cause::HostCpu, 0.010, Some(70.0), 0.4, 1),
    kind(Cause::HostTeardown, 0.010, Some(80.0), 0.5, 4),
    kind(Cause::HostLibvirt, 0.005, Some(65.0), 0.3, 5),
    kind(Cause::OperatorDestroy, 0.030, Some(0.2), 0.5, 4),
];

/// The truth.
#[derive(Debug, Clone)]
pub struct Model {
    /// What decides all that is random.
    pub seed: u64,
    /// The first day.
    pub start: NaiveDate,
    /// The day of the upgrade, counted from the first.
    pub upgrade: u32,
}

impl Model {
    /// The truth of a fleet over so many days: the upgrade comes in the middle.
    pub fn new(seed: u64, start: NaiveDate, days: u32) -> Self {
        Self { seed, start, upgrade: days / 2 }
    }

    /// Whether a host has the new QEMU on a day.
    pub fn is_upgraded(&self, host: u32, day: u32) -> bool {
        host.is_multiple_of(2) && day >= self.upgrade
    }

    /// The truth for those who check against it.
    pub fn truth(&self, hosts: u32, days: u32, per_day: u32, counts: &Counts) -> Value {
        let kinds: Vec<_> = KINDS.iter().map(kind_truth).collect();
        let from = self.start.checked_add_days(Days::new(self.upgrade.into()));
        json!({
            "schema": "softoff.fleet.truth/1",
            "synthetic": true,
            "seed": self.seed, "hosts": hosts, "days": days, "per_day": per_day, "start": self.start,
            "rows": counts.rows, "timed": counts.timed, "censored": counts.censored,
            "causes": kinds,
            "percentiles": {
                OLD_QEMU: percentiles(1.0),
                NEW_QEMU: percentiles(REGRESSION),
            },
            "cut_off": { "share_impatient": IMPATIENT, "patience_median_seconds": PATIENCE_MEDIAN,
                "patience_sigma": PATIENCE_SIGMA, "given_up_seconds": GIVEN_UP },
            "regression": { "by": "qemu.version", "old": OLD_QEMU, "new": NEW_QEMU, "from": from,
                "hosts": "every second one, from the first", "factor": REGRESSION },
        })
    }
}

fn kind_truth(kind: &Kind) -> Value {
    let at = |share: f64| kind.median.map(|median| median * (kind.sigma * normal_quantile(share)).exp());
    json!({
        "cause": kind.cause.code(), "share": kind.share, "median_seconds": kind.median, "sigma": kind.sigma,
        "ends": kind.median.is_some(),
        "p50_seconds": at(0.5), "p90_seconds": at(0.9), "p99_seconds": at(0.99),
    })
}

/// The percentiles over all that was asked softly, `factor` times slower; null where more never end.
fn percentiles(factor: f64) -> Value {
    let value = |share| quantile(share, factor);
    json!({ "p50_seconds": value(0.5), "p90_seconds": value(0.9), "p99_seconds": value(0.99) })
}

/// The time by which a share of what was asked softly would be over, cut-offs aside.
pub fn quantile(share: f64, factor: f64) -> Option<f64> {
    let (mut low, mut high) = (1e-3, 1e7);
    if over(high, factor) < share {
        return None;
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if over(middle, factor) < share { low = middle } else { high = middle }
    }
    Some(high)
}

/// The share of what was asked softly that is over by then.
fn over(seconds: f64, factor: f64) -> f64 {
    let soft = KINDS.iter().filter(|kind| kind.cause != Cause::OperatorDestroy);
    let all: f64 = soft.clone().map(|kind| kind.share).sum();
    let over = |kind: &Kind| {
        kind.median.map_or(0.0, |median| kind.share * normal((seconds / factor / median).ln() / kind.sigma))
    };
    soft.map(over).sum::<f64>() / all
}

/// The normal distribution.
fn normal(z: f64) -> f64 {
    libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if normal(middle) < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_add_up_to_all() {
        let sum: f64 = KINDS.iter().map(|kind| kind.share).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn a_percentile_of_the_truth_is_where_the_share_is_over() {
        let median = quantile(0.5, 1.0).expect("half end");
        assert!((over(median, 1.0) - 0.5).abs() < 1e-9);
        assert!((quantile(0.5, REGRESSION).expect("half end") / median - REGRESSION).abs() < 1e-9);
        assert_eq!(quantile(0.99, 1.0), None, "more than 1 % never end");
    }
}
