//! `softoff fleet query`: SQL over the episodes.

use std::process::ExitCode;

use anyhow::Context;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::groups;
use crate::out::{self, Format, Store};
use crate::table::{self, Side};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One statement; the table is `episodes`
    #[arg(value_name = "SQL")]
    sql: String,
    #[command(flatten)]
    store: Store,
    /// A table for people, or an array of objects
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Args {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = self.store.open().await?;
        let frame = engine.frame(&self.sql).await?;
        let schema = frame.schema().clone();
        let batches = engine.collect(frame).await?;
        match self.format {
            Format::Text => {
                let headings: Vec<_> = schema
                    .fields()
                    .iter()
                    .map(|field| {
                        let side = if field.data_type().is_numeric() { Side::Right } else { Side::Left };
                        (field.name().as_str(), side)
                    })
                    .collect();
                let rows = batches.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
                let mut text = table::table(&headings, &rows.concat());
                out::synthetic_note(&engine, &mut text);
                out::print(&text)?;
            }
            Format::Json => {
                let rows = batches.iter().map(objects).collect::<Result<Vec<_>, _>>()?;
                out::print(&softoff_reports::to_json(&rows.concat())?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn texts(batch: &RecordBatch) -> anyhow::Result<Vec<Vec<String>>> {
    let options = FormatOptions::default().with_null("-");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<_, _>>()
        .context("a column of the answer cannot be shown")?;
    let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect();
    Ok((0..batch.num_rows()).map(row).collect())
}

fn objects(batch: &RecordBatch) -> anyhow::Result<Vec<serde_json::Value>> {
    let mut objects = vec![serde_json::Map::new(); batch.num_rows()];
    let schema = batch.schema();
    for field in schema.fields() {
        let values = values(batch, field.name(), field.data_type())?;
        for (object, value) in objects.iter_mut().zip(values) {
            object.insert(field.name().clone(), value);
        }
    }
    Ok(objects.into_iter().map(serde_json::Value::Object).collect())
}

fn values(batch: &RecordBatch, name: &str, kind: &DataType) -> anyhow::Result<Vec<serde_json::Value>> {
    use datafusion::arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};
    Ok(match kind {
        DataType::Boolean => list(&groups::column::<BooleanArray>(batch, name, kind)?),
        kind if kind.is_integer() => list(&groups::column::<Int64Array>(batch, name, &DataType::Int64)?),
        kind if kind.is_numeric() => list(&groups::column::<Float64Array>(batch, name, &DataType::Float64)?),
        _ => {
            let texts = groups::column::<StringArray>(batch, name, &DataType::Utf8)?;
            texts.iter().map(|text| text.map_or(serde_json::Value::Null, Into::into)).collect()
        }
    })
}

fn list<T, A>(array: A) -> Vec<serde_json::Value>
where
    A: IntoIterator<Item = Option<T>>,
    T: Into<serde_json::Value>,
{
    array.into_iter().map(|value| value.map_or(serde_json::Value::Null, Into::into)).collect()
}
