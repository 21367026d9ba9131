//! From the counts of a statement to groups of shutdowns, each with its histogram.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use datafusion::arrow::array::{Array, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use crate::bins;
use crate::survival::{Histogram, Quantile};

/// What a group without a value is called.
pub const UNKNOWN: &str = "unknown";

/// Shutdowns that have something in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// All of them, with those of which no time is known.
    pub count: u64,
    /// How many ended how.
    pub outcomes: BTreeMap<String, u64>,
    /// Those whose time was seen, to the end or not.
    pub times: Histogram,
    /// The longest time seen, in seconds.
    pub longest: Option<f64>,
    /// All times together, in seconds.
    pub total: f64,
}

impl Group {
    /// The time by which a share of them is over.
    pub fn quantile(&self, share: f64) -> Quantile {
        self.within(self.times.curve().quantile(share))
    }

    /// The limits of that time, at `z` standard errors.
    pub fn quantile_limits(&self, share: f64, z: f64) -> (Quantile, Quantile) {
        let (low, high) = self.times.curve().quantile_limits(share, z);
        (self.within(low), self.within(high))
    }

    /// Never beyond the longest time that was seen, as a bin may be by its accuracy.
    fn within(&self, found: Quantile) -> Quantile {
        let longest = self.longest.unwrap_or(f64::INFINITY);
        match found {
            Quantile::At(seconds) => Quantile::At(seconds.min(longest)),
            Quantile::Beyond(seconds) => Quantile::Beyond(longest.min(seconds * (1.0 + bins::ACCURACY))),
            Quantile::Unknown => Quantile::Unknown,
        }
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
        self.times.merge(&other.times);
        self.longest = longer(self.longest, other.longest);
        self.total += other.total;
    }
}

fn longer(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}

/// The groups of an answer to [`crate::by::statement`].
pub fn groups(batches: &[RecordBatch]) -> anyhow::Result<BTreeMap<String, Group>> {
    let mut groups = BTreeMap::new();
    for batch in batches {
        add(&mut groups, batch)?;
    }
    Ok(groups)
}

/// All groups as one.
pub fn all<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Group {
    groups.into_iter().fold(Group::default(), |mut all, group| {
        all.merge(group);
        all
    })
}

fn add(groups: &mut BTreeMap<String, Group>, batch: &RecordBatch) -> anyhow::Result<()> {
    let names = column::<StringArray>(batch, "grp", &DataType::Utf8)?;
    let outcomes = column::<StringArray>(batch, "outcome", &DataType::Utf8)?;
    let censored = column::<BooleanArray>(batch, "censored", &DataType::Boolean)?;
    let bins = column::<Int64Array>(batch, "bin", &DataType::Int64)?;
    let counts = column::<Int64Array>(batch, "n", &DataType::Int64)?;
    let longest = column::<Float64Array>(batch, "longest", &DataType::Float64)?;
    let totals = column::<Float64Array>(batch, "total", &DataType::Float64)?;
    for row in 0..batch.num_rows() {
        let name = if names.is_null(row) { UNKNOWN } else { names.value(row) };
        let count = u64::try_from(counts.value(row)).context("a negative count")?;
        if !groups.contains_key(name) {
            groups.insert(name.to_owned(), Group::default());
        }
        let Some(group) = groups.get_mut(name) else { bail!("a group was lost") };
        group.count += count;
        *group.outcomes.entry(outcomes.value(row).to_owned()).or_default() += count;
        if bins.is_valid(row) {
            let bin = i16::try_from(bins.value(row)).context("a duration beyond all measure")?;
            let (events, cut) = if censored.value(row) { (0, count) } else { (count, 0) };
            group.times.add(bin, events, cut);
            group.longest = longer(group.longest, Some(longest.value(row)));
            group.total += totals.value(row);
        }
    }
    Ok(())
}

/// The names in an answer, in its order.
pub fn names(batches: &[RecordBatch]) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for batch in batches {
        let column = column::<StringArray>(batch, "grp", &DataType::Utf8)?;
        names.extend(column.iter().flatten().map(str::to_owned));
    }
    Ok(names)
}

/// A column of an answer, as an array of the kind that is wanted.
pub fn column<A: Array + Clone + 'static>(
    batch: &RecordBatch,
    name: &str,
    kind: &DataType,
) -> anyhow::Result<A> {
    let found = batch.column_by_name(name).with_context(|| format!("the answer lacks its column {name}"))?;
    let array =
        cast(found, kind).with_context(|| format!("the answer's column {name} is of a wrong type"))?;
    let array = array.as_any().downcast_ref::<A>().cloned();
    array.with_context(|| format!("the answer's column {name} is of a wrong type"))
}
