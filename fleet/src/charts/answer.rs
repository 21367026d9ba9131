//! Columns of an answer as plain values.

use anyhow::Context;
use chrono::NaiveDate;
use datafusion::arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::DataType;

use crate::groups::column;

/// The texts of a column.
pub fn texts(batches: &[RecordBatch], name: &str) -> anyhow::Result<Vec<Option<String>>> {
    let mut all = Vec::new();
    for batch in batches {
        let texts = column::<StringArray>(batch, name, &DataType::Utf8)?;
        all.extend(texts.iter().map(|text| text.map(str::to_owned)));
    }
    Ok(all)
}

/// The days of a column.
pub fn days(batches: &[RecordBatch], name: &str) -> anyhow::Result<Vec<Option<NaiveDate>>> {
    let texts = texts(batches, name)?;
    Ok(texts.into_iter().map(|text| text.and_then(|text| text.parse().ok())).collect())
}

/// The counts of a column.
pub fn counts(batches: &[RecordBatch], name: &str) -> anyhow::Result<Vec<u64>> {
    let mut all = Vec::new();
    for batch in batches {
        let counts = column::<Int64Array>(batch, name, &DataType::Int64)?;
        let counts = counts.iter().map(|count| u64::try_from(count.unwrap_or(0)).context("a negative count"));
        all.extend(counts.collect::<anyhow::Result<Vec<_>>>()?);
    }
    Ok(all)
}

/// The numbers of a column.
pub fn numbers(batches: &[RecordBatch], name: &str) -> anyhow::Result<Vec<Option<f64>>> {
    let mut all = Vec::new();
    for batch in batches {
        all.extend(column::<Float64Array>(batch, name, &DataType::Float64)?.iter());
    }
    Ok(all)
}
