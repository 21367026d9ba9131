//! Survival: how long until a guest has powered itself off, when some were not seen to the end.
//!
//! * The curve is Kaplan and Meier's product-limit estimate (J. Am. Stat. Assoc. 53, 1958) on
//!   [bins](crate::bins); within a bin, ends come before cut-offs, as is the custom.
//! * The limits of a percentile are Brookmeyer and Crowley's (Biometrics 38, 1982), on the log-log scale.
//! * Two groups are compared by the difference of their restricted mean times: the area under the
//!   curve up to a horizon, with Greenwood's variance (Royston and Parmar, BMC Med. Res. Methodol. 13:152,
//!   2013; Uno et al., J. Clin. Oncol. 32(22), 2014). It needs no proportional hazards, takes censoring into
//!   account, and is in seconds.
//! * Whether they differ at all is also asked by the log-rank test (Mantel, Cancer Chemother. Rep. 50, 1966).
//!
//! All assume that what cut a shutdown off did not depend on how long it would still have taken.

use std::collections::BTreeMap;

use crate::bins;

/// How many shutdowns ended, and how many were cut off, in each bin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    bins: BTreeMap<i16, Bin>,
}

/// One bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bin {
    events: u64,
    censored: u64,
}

impl Histogram {
    /// Adds shutdowns to a bin.
    pub fn add(&mut self, bin: i16, events: u64, censored: u64) {
        let found = self.bins.entry(bin).or_default();
        found.events += events;
        found.censored += censored;
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        other.bins.iter().for_each(|(bin, counts)| self.add(*bin, counts.events, counts.censored));
    }

    /// Its bins in order: how many ended in each, and how many were cut off.
    pub fn bins(&self) -> impl Iterator<Item = (i16, u64, u64)> {
        self.bins.iter().map(|(bin, counts)| (*bin, counts.events, counts.censored))
    }

    /// How many there are, cut off or not.
    pub fn count(&self) -> u64 {
        self.bins.values().map(|bin| bin.events + bin.censored).sum()
    }

    /// How many of them were cut off.
    pub fn censored(&self) -> u64 {
        self.bins.values().map(|bin| bin.censored).sum()
    }

    /// The longest time seen, in seconds.
    pub fn last(&self) -> Option<f64> {
        self.bins.keys().next_back().map(|bin| bins::seconds(*bin))
    }

    /// The survival curve.
    pub fn curve(&self) -> Curve {
        let mut at_risk = self.count();
        let (mut survival, mut greenwood) = (1.0, 0.0);
        let mut steps = Vec::new();
        for (bin, Bin { events, censored }) in &self.bins {
            if *events > 0 {
                let (d, n) = (real(*events), real(at_risk));
                survival = if *events == at_risk { 0.0 } else { survival * (1.0 - d / n) };
                // Where all are gone there is no term, and nothing after it.
                greenwood += if *events == at_risk { 0.0 } else { d / (n * (n - d)) };
                steps.push(Step {
                    seconds: bins::seconds(*bin),
                    at_risk,
                    events: *events,
                    survival,
                    greenwood,
                });
            }
            at_risk -= events + censored;
        }
        Curve { steps, last: self.last() }
    }
}

/// Counts stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub fn real(count: u64) -> f64 {
    count as f64
}

/// A survival curve: which share of shutdowns is not over yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Where it falls, in order of time.
    pub steps: Vec<Step>,
    /// The longest time seen, ended or cut off, in seconds.
    pub last: Option<f64>,
}

/// A fall of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When, in seconds.
    pub seconds: f64,
    /// How many were still going on.
    pub at_risk: u64,
    /// How many of them ended.
    pub events: u64,
    /// The share that goes on after that.
    pub survival: f64,
    /// Greenwood's sum up to here.
    greenwood: f64,
}

/// A percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantile {
    /// So many seconds.
    At(f64),
    /// More than so many seconds: too many were cut off to say.
    Beyond(f64),
    /// Nothing was seen.
    Unknown,
}

/// Rounding of a product of many factors must not move a percentile.
const ROUNDING: f64 = 1e-12;

impl Curve {
    /// The time by which a share `p` (0 to 1) is over.
    pub fn quantile(&self, p: f64) -> Quantile {
        self.first_below(1.0 - p, |step| step.survival)
    }

    /// The limits of that time, at `z` standard errors.
    pub fn quantile_limits(&self, p: f64, z: f64) -> (Quantile, Quantile) {
        let low = self.first_below(1.0 - p, |step| step.limits(z).0);
        let high = self.first_below(1.0 - p, |step| step.limits(z).1);
        (low, high)
    }

    fn first_below(&self, share: f64, of: impl Fn(&Step) -> f64) -> Quantile {
        let found = self.steps.iter().find(|step| of(step) <= share + ROUNDING);
        match (found, self.last) {
            (Some(step), _) => Quantile::At(step.seconds),
            (None, Some(last)) => Quantile::Beyond(last),
            (None, None) => Quantile::Unknown,
        }
    }

    /// The mean time up to `horizon` and its variance: the area under the curve.
    pub fn restricted_mean(&self, horizon: f64) -> (f64, f64) {
        let steps: Vec<_> = self.steps.iter().take_while(|step| step.seconds < horizon).collect();
        let ends = steps.iter().skip(1).map(|step| step.seconds).chain([horizon]);
        let mut areas: Vec<f64> =
            steps.iter().zip(ends).map(|(step, end)| step.survival * (end - step.seconds)).collect();
        // From each step on to the horizon.
        for index in (0..areas.len().saturating_sub(1)).rev() {
            areas[index] += areas[index + 1];
        }
        let before = steps.first().map_or(horizon, |step| step.seconds);
        let mean = before + areas.first().copied().unwrap_or(0.0);
        let terms = steps.iter().zip(&areas).filter(|(step, _)| step.at_risk > step.events);
        let variance = terms.map(|(step, area)| {
            let (d, n) = (real(step.events), real(step.at_risk));
            area * area * d / (n * (n - d))
        });
        (mean, variance.sum())
    }
}

impl Step {
    /// The limits of the share at `z` standard errors, on the log-log scale.
    fn limits(&self, z: f64) -> (f64, f64) {
        if self.survival <= 0.0 || self.survival >= 1.0 {
            return (self.survival, self.survival);
        }
        let log = self.survival.ln();
        let spread = (z * self.greenwood.sqrt() / log.abs()).exp();
        (self.survival.powf(spread), self.survival.powf(1.0 / spread))
    }
}

/// A difference between two groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Second less first, in seconds of the mean time up to the horizon.
    pub seconds: f64,
    /// Its lower limit.
    pub low: f64,
    /// Its upper limit.
    pub high: f64,
    /// The horizon: the mean counts longer times as this.
    pub horizon: f64,
    /// The restricted mean of the first group.
    pub first: f64,
    /// The restricted mean of the second group.
    pub second: f64,
    /// The probability of a difference like this, or a larger one, by chance (log-rank, two-sided).
    pub p_value: f64,
}

/// Compares two groups at `z` standard errors; none where one has no end to compare.
pub fn compare(first: &Histogram, second: &Histogram, horizon: f64, z: f64) -> Option<Difference> {
    // Beyond the shorter of the two records nothing can be compared.
    let shared = first.last()?.min(second.last()?);
    let horizon = horizon.min(shared);
    let (one, two) = (first.curve(), second.curve());
    let (one, other) = (one.restricted_mean(horizon), two.restricted_mean(horizon));
    let seconds = other.0 - one.0;
    let error = (one.1 + other.1).sqrt();
    Some(Difference {
        seconds,
        low: seconds - z * error,
        high: seconds + z * error,
        horizon,
        first: one.0,
        second: other.0,
        p_value: log_rank(first, second),
    })
}

/// The log-rank test, two-sided.
fn log_rank(first: &Histogram, second: &Histogram) -> f64 {
    let mut bins: BTreeMap<i16, [Bin; 2]> = BTreeMap::new();
    for (group, histogram) in [first, second].into_iter().enumerate() {
        histogram.bins.iter().for_each(|(bin, counts)| bins.entry(*bin).or_default()[group] = *counts);
    }
    let (mut n1, mut n2) = (real(first.count()), real(second.count()));
    let (mut excess, mut variance) = (0.0, 0.0);
    for [one, two] in bins.values() {
        let (n, d) = (n1 + n2, real(one.events + two.events));
        if d > 0.0 && n > 1.0 {
            excess += real(one.events) - d * n1 / n;
            variance += d * (n1 / n) * (n2 / n) * (n - d) / (n - 1.0);
        }
        n1 -= real(one.events + one.censored);
        n2 -= real(two.events + two.censored);
    }
    if variance > 0.0 { libm::erfc((excess * excess / variance / 2.0).sqrt()) } else { 1.0 }
}

/// How many standard errors a two-sided interval of this confidence has on each side.
pub fn standard_errors(confidence: f64) -> f64 {
    let outside = 1.0 - confidence;
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if libm::erfc(middle / std::f64::consts::SQRT_2) > outside { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests;
