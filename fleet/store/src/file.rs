//! One file: rows to bytes, the same rows to the same bytes, and what a file says of itself.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{
    ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, ArrowWriter, encode_arrow_schema, parquet_to_arrow_schema,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::statistics::Statistics;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::error::Unfit;
use crate::row::Row;
use crate::schema::{COLUMNS, arrow_schema};
use crate::{SCHEMA, StoreError};

/// Key of the schema's name in a file's metadata.
const SCHEMA_KEY: &str = "softoff.schema";
/// Key in a file's metadata that says whether its rows are made up.
const SYNTHETIC_KEY: &str = "softoff.synthetic";
/// Rows in a row group: what is held in memory while a file is written.
const ROW_GROUP: usize = 1 << 18;
/// Rows that are encoded at a time.
const BATCH: usize = 8192;

/// The bytes of the file of these rows, in the order of time: the same rows give the same bytes.
pub fn encode(mut rows: Vec<Row<'_>>) -> Result<Vec<u8>, StoreError> {
    rows.sort_by(|a, b| (a.requested_at, &a.id).cmp(&(b.requested_at, &b.id)));
    let synthetic = rows.iter().any(|row| row.synthetic);
    let mut writer = writer(Vec::new(), synthetic)?;
    for rows in rows.chunks(BATCH) {
        writer.write(&batch(rows)?)?;
    }
    Ok(writer.into_inner()?)
}

/// A writer of row groups, for those who do not hold all rows at once.
pub fn writer<W: Write + Send>(output: W, synthetic: bool) -> Result<ArrowWriter<W>, StoreError> {
    let metadata = [(SCHEMA_KEY, SCHEMA.to_owned()), (SYNTHETIC_KEY, synthetic.to_string())];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec();
    let properties = properties().set_key_value_metadata(Some(metadata)).build();
    Ok(ArrowWriter::try_new(output, arrow_schema(), Some(properties))?)
}

fn properties() -> WriterPropertiesBuilder {
    let column = |name: &str| ColumnPath::from(name);
    WriterProperties::builder()
        .set_created_by(concat!("softoff ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        // Nearly every value is another one: a dictionary would only be thrown away.
        .set_column_dictionary_enabled(column("id"), false)
        .set_column_dictionary_enabled(column("requested_at"), false)
        .set_column_encoding(column("requested_at"), Encoding::DELTA_BINARY_PACKED)
}

/// The rows as columns.
pub fn batch(rows: &[Row<'_>]) -> Result<RecordBatch, StoreError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(COLUMNS.len());
    let mut add = |array: ArrayRef| columns.push(array);
    add(texts(rows, |row| Some(&row.id)));
    add(texts(rows, |row| Some(&row.host_name)));
    add(texts(rows, |row| Some(&row.boot_id)));
    add(texts(rows, |row| row.domain_name.as_deref()));
    add(texts(rows, |row| row.domain_uuid.as_deref()));
    add(texts(rows, |row| row.os.as_deref()));
    add(texts(rows, |row| row.qemu_version.as_deref()));
    add(texts(rows, |row| row.qemu_build_id.as_deref()));
    add(texts(rows, |row| row.kernel.as_deref()));
    add(times(rows));
    add(texts(rows, |row| Some(&row.request_path)));
    add(smalls(rows, |row| Some(row.presses)));
    add(texts(rows, |row| row.requested_by.as_deref()));
    add(texts(rows, |row| Some(&row.outcome)));
    add(texts(rows, |row| Some(&row.verdict)));
    add(truths(rows, |row| row.escalated));
    add(numbers(rows, |row| row.duration_seconds));
    add(numbers(rows, |row| row.observed_seconds));
    add(truths(rows, |row| row.censored));
    for phase in 0..6 {
        add(numbers(rows, |row| row.phase_seconds[phase]));
    }
    add(texts(rows, |row| Some(&row.cause)));
    add(numbers(rows, |row| Some(row.confidence)));
    add(smalls(rows, |row| row.scenario));
    add(texts(rows, |row| row.risk.as_deref()));
    add(texts(rows, |row| Some(&row.tier)));
    add(counts(rows, |row| row.lost_events));
    add(counts(rows, |row| row.bad_lines));
    add(numbers(rows, |row| Some(row.clock_uncertainty_seconds)));
    add(truths(rows, |row| row.synthetic));
    add(texts(rows, |row| Some(&row.softoff_version)));
    Ok(RecordBatch::try_new(arrow_schema(), columns)?)
}

fn texts<'a>(rows: &'a [Row<'_>], value: impl Fn(&'a Row<'_>) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<StringArray>())
}

fn times(rows: &[Row<'_>]) -> ArrayRef {
    let micros = rows.iter().map(|row| row.requested_at.map(|at| at.timestamp_micros()));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn numbers(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<Float64Array>())
}

fn smalls(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> Option<i32>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<Int32Array>())
}

fn counts(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
}

fn truths(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(value).map(Some).collect::<BooleanArray>())
}

/// What a file says of itself at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// How many rows it has.
    pub rows: u64,
    /// Whether they are made up.
    pub synthetic: bool,
    /// First and last request in it, in microseconds since 1970 (UTC), where it has any.
    pub requests: Option<(i64, i64)>,
}

impl Footer {
    /// Reads the footer of a file of `length` bytes, of which `tail` is the end.
    pub fn read(tail: &Bytes, length: u64) -> Result<Self, Tail> {
        Self::of(&metadata(tail, length)?).map_err(Tail::Unfit)
    }

    /// What the metadata says, if it is a file of this schema or an older one.
    pub fn of(metadata: &ParquetMetaData) -> Result<Self, Unfit> {
        let file = metadata.file_metadata();
        check_schema(value(file, SCHEMA_KEY).ok_or(Unfit::Foreign)?)?;
        check_columns(metadata)?;
        Ok(Self {
            rows: u64::try_from(file.num_rows()).unwrap_or(0),
            synthetic: value(file, SYNTHETIC_KEY) == Some("true"),
            requests: requests(metadata),
        })
    }
}

/// The metadata of a file of `length` bytes, of which `tail` is the end. Where that is too little, says how
/// much of the end is needed.
pub fn metadata(tail: &Bytes, length: u64) -> Result<ParquetMetaData, Tail> {
    let mut reader = ParquetMetaDataReader::new();
    match reader.try_parse_sized(tail, length).and_then(|()| reader.finish()) {
        Ok(metadata) => Ok(metadata),
        Err(ParquetError::NeedMoreData(bytes)) if bytes as u64 <= length && bytes > tail.len() => {
            Err(Tail::Short(bytes as u64))
        }
        Err(error) => Err(Tail::Unfit(Unfit::Broken(error.to_string()))),
    }
}

/// Reads all of a file and keeps nothing: damage inside it shows nowhere else.
pub fn read_through(bytes: Bytes) -> Result<(), Unfit> {
    let damaged = |error: &dyn std::fmt::Display| Unfit::Damaged(error.to_string());
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(ParquetRecordBatchReaderBuilder::build);
    for batch in reader.map_err(|error| damaged(&error))? {
        batch.map_err(|error| damaged(&error))?;
    }
    Ok(())
}

/// Why the end of a file gave no footer.
#[derive(Debug)]
pub enum Tail {
    /// So many bytes of its end are needed.
    Short(u64),
    /// It is no file of a store.
    Unfit(Unfit),
}

/// What a file has under a key.
fn value<'a>(file: &'a FileMetaData, key: &str) -> Option<&'a str> {
    let pairs = file.key_value_metadata().map_or(&[][..], Vec::as_slice);
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}

/// Versions count up from 1; this one and older ones are read.
fn check_schema(schema: &str) -> Result<(), Unfit> {
    let version = |text: &str| -> Option<u32> { text.strip_prefix("softoff.store/")?.parse().ok() };
    let theirs = version(schema).ok_or(Unfit::Foreign)?;
    if Some(theirs) <= version(SCHEMA) { Ok(()) } else { Err(Unfit::Newer(schema.to_owned())) }
}

/// The columns as this softoff writes them: Parquet's, and Arrow's beside them.
static WRITTEN: LazyLock<Option<(SchemaDescriptor, String)>> = LazyLock::new(|| {
    let columns = ArrowSchemaConverter::new().convert(&arrow_schema()).ok()?;
    Some((columns, encode_arrow_schema(&arrow_schema())))
});

fn is_as_written(file: &FileMetaData) -> bool {
    let Some((columns, arrow)) = WRITTEN.as_ref() else { return false };
    columns == file.schema_descr() && value(file, ARROW_SCHEMA_META_KEY) == Some(arrow)
}

fn check_columns(metadata: &ParquetMetaData) -> Result<(), Unfit> {
    let file = metadata.file_metadata();
    // Most files have them just so, and a fleet has many files.
    if is_as_written(file) {
        return Ok(());
    }
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())
        .map_err(|error| Unfit::Broken(error.to_string()))?;
    for column in &COLUMNS {
        let found = schema.field_with_name(column.name).ok().map(arrow_schema::Field::data_type);
        if found != Some(&column.kind.data_type()) {
            return Err(Unfit::Column(column.name.to_owned()));
        }
    }
    Ok(())
}

/// First and last request by the statistics of the row groups.
fn requests(metadata: &ParquetMetaData) -> Option<(i64, i64)> {
    let index = COLUMNS.iter().position(|column| column.name == "requested_at")?;
    let bounds = metadata.row_groups().iter().filter_map(|group| {
        let Some(Statistics::Int64(found)) = group.columns().get(index)?.statistics() else {
            return None;
        };
        Some((*found.min_opt()?, *found.max_opt()?))
    });
    bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

#[cfg(test)]
mod tests;
