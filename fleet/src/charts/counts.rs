//! Survival curves of counts in bins.

use std::collections::BTreeMap;

use anyhow::Context;
use datafusion::arrow::array::{Array, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::DataType;
use softoff_charts::change::{Change, Difference, Percentile, Period};
use softoff_charts::curves::Curve;
use softoff_charts::percentiles::SHARES;
use softoff_charts::survival::Survival;
use softoff_charts::{Count, Quantile};

use super::{Groups, answer, sql};
use crate::bins;
use crate::compare::{CONFIDENCE, HORIZON};
use crate::engine::Engine;
use crate::groups::{UNKNOWN, column};
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
    let value = format!("coalesce({}, '{UNKNOWN}')", by.column());
    let largest = answer::texts(&engine.ask(&sql::most(&value, filter, CURVES)).await?, "grp")?;
    let largest: Vec<String> = largest.into_iter().flatten().collect();
    let all: u64 = answer::counts(&engine.ask(&sql::value_count(&value, filter)).await?, "n")?.iter().sum();
    let mut bins = binned(&engine.ask(&sql::binned(&value, &largest, filter)).await?)?;
    let groups =
        largest.iter().map(|name| curve(&bins.remove(&Some(name.clone())).unwrap_or_default(), name));
    let groups: Vec<_> = groups.collect();
    let more = usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(largest.len());
    let others = bins.remove(&None).map(|bins| (more, curve(&bins, "others")));
    Ok(Survival { by: by.name().to_owned(), groups, others })
}

/// The time before and the time after; nothing to compare where there are none.
pub async fn change(
    engine: &Engine,
    filter: &str,
    periods: Option<(Range, Range)>,
) -> anyhow::Result<Change> {
    let Some((before, after)) = periods else {
        let [before, after] = ["before", "after"].map(|name| period(name, &Histogram::default()));
        return Ok(Change { before, after, difference: None });
    };
    let (one, other) = (within(engine, filter, &before).await?, within(engine, filter, &after).await?);
    let z = survival::standard_errors(CONFIDENCE);
    let found = survival::compare(&one, &other, HORIZON, z);
    Ok(Change {
        before: period(&before.name, &one),
        after: period(&after.name, &other),
        difference: found.map(difference),
    })
}

async fn within(engine: &Engine, filter: &str, range: &Range) -> anyhow::Result<Histogram> {
    let filter = format!("{} AND {filter}", range.sql());
    let found = binned(&engine.ask(&sql::binned("cause", &[], &filter)).await?)?;
    Ok(found.into_values().next().unwrap_or_default())
}

fn period(name: &str, times: &Histogram) -> Period {
    let found = times.curve();
    let z = survival::standard_errors(CONFIDENCE);
    let percentile = |(name, share)| {
        let (low, high) = found.quantile_limits(share, z);
        Percentile { name, value: quantile(found.quantile(share)), low: quantile(low), high: quantile(high) }
    };
    Period { curve: curve(times, name), percentiles: SHARES.map(percentile).into() }
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

/// The bins of each group in an answer to [`sql::binned`]; of none, all others.
fn binned(batches: &[RecordBatch]) -> anyhow::Result<BTreeMap<Option<String>, Histogram>> {
    let mut groups: BTreeMap<Option<String>, Histogram> = BTreeMap::new();
    for batch in batches {
        let names = column::<StringArray>(batch, "grp", &DataType::Utf8)?;
        let censored = column::<BooleanArray>(batch, "censored", &DataType::Boolean)?;
        let bins = column::<Int64Array>(batch, "bin", &DataType::Int64)?;
        let counts = column::<Int64Array>(batch, "n", &DataType::Int64)?;
        for row in 0..batch.num_rows() {
            let name = names.is_valid(row).then(|| names.value(row).to_owned());
            let count = u64::try_from(counts.value(row)).context("a negative count")?;
            let bin = i16::try_from(bins.value(row)).context("a duration beyond all measure")?;
            let (events, cut_off) = if censored.value(row) { (0, count) } else { (count, 0) };
            groups.entry(name).or_default().add(bin, events, cut_off);
        }
    }
    Ok(groups)
}
