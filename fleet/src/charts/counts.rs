//! Survival curves of counts in bins.

use std::cmp::Reverse;

use softoff_charts::change::{Change, Difference, Percentile, Period};
use softoff_charts::curves::Curve;
use softoff_charts::percentiles::SHARES;
use softoff_charts::survival::Survival;
use softoff_charts::{Count, Quantile};

use super::Groups;
use crate::bins;
use crate::by;
use crate::compare::{CONFIDENCE, HORIZON};
use crate::engine::Engine;
use crate::groups::{self, Group};
use crate::range::Range;
use crate::survival::{self, Histogram};

/// So many groups have a curve of their own.
const CURVES: usize = 6;
/// Shares between which a band is told: finer than a pixel of the picture.
const BAND: u32 = 400;

fn curve(histogram: &Histogram, name: &str) -> Curve {
    let found = histogram.curve();
    let z = survival::standard_errors(CONFIDENCE);
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for step in 1..BAND {
        let over = f64::from(step) / f64::from(BAND);
        let limits = found.quantile_limits(over, z);
        for (side, limit) in [(&mut low, limits.0), (&mut high, limits.1)] {
            if let survival::Quantile::At(seconds) = limit {
                side.push((seconds, 1.0 - over));
            }
        }
    }
    let end = |(bin, events, cut_off)| (bins::seconds(bin), Count { timed: events + cut_off, cut_off });
    Curve {
        name: name.to_owned(),
        count: Count { timed: histogram.count(), cut_off: histogram.censored() },
        steps: found.steps.iter().map(|step| (step.seconds, step.survival)).collect(),
        low,
        high,
        ends: histogram.bins().map(end).collect(),
    }
}

/// The curves of the largest groups, and of all others together.
pub async fn survival(engine: &Engine, filter: &str, by: Groups) -> anyhow::Result<Survival> {
    let found = by::ask(engine, by.into(), filter).await?;
    let mut timed: Vec<_> = found.iter().filter(|(_, group)| group.times.count() > 0).collect();
    timed.sort_by_key(|(_, group)| Reverse(group.times.count()));
    let (largest, others) = timed.split_at(timed.len().min(CURVES));
    let all_others = groups::all(others.iter().map(|(_, group)| *group));
    Ok(Survival {
        by: by.name().to_owned(),
        groups: largest.iter().map(|(name, group)| curve(&group.times, name)).collect(),
        others: (!others.is_empty()).then(|| (others.len(), curve(&all_others.times, "others"))),
    })
}

/// The time before and the time after; nothing to compare where there are none.
pub async fn change(
    engine: &Engine,
    filter: &str,
    periods: Option<(Range, Range)>,
) -> anyhow::Result<Change> {
    let Some((before, after)) = periods else {
        let [before, after] = ["before", "after"].map(|name| period(name, &Group::default()));
        return Ok(Change { before, after, difference: None });
    };
    let one = by::within(engine, &before, filter).await?;
    let other = by::within(engine, &after, filter).await?;
    let z = survival::standard_errors(CONFIDENCE);
    let found = survival::compare(&one.times, &other.times, HORIZON, z);
    Ok(Change {
        before: period(&before.name, &one),
        after: period(&after.name, &other),
        difference: found.map(difference),
    })
}

fn period(name: &str, group: &Group) -> Period {
    let z = survival::standard_errors(CONFIDENCE);
    let percentile = |(name, share)| {
        let (low, high) = group.quantile_limits(share, z);
        Percentile { name, value: quantile(group.quantile(share)), low: quantile(low), high: quantile(high) }
    };
    Period { curve: curve(&group.times, name), percentiles: SHARES.map(percentile).into() }
}

fn difference(found: survival::Difference) -> Difference {
    let survival::Difference { seconds, low, high, horizon, first, second, p_value } = found;
    Difference { seconds, low, high, before: first, after: second, horizon, p_value }
}

/// A percentile as the charts have it.
pub fn quantile(found: survival::Quantile) -> Quantile {
    match found {
        survival::Quantile::At(seconds) => Quantile::At(seconds),
        survival::Quantile::Beyond(seconds) => Quantile::Beyond(seconds),
        survival::Quantile::Unknown => Quantile::Unknown,
    }
}
