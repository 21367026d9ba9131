use arrow_array::Array;

use super::*;
use crate::row::tests::row;

fn rows(count: u32) -> Vec<Row<'static>> {
    (0..count).map(|index| row(&format!("{index:012x}"), f64::from(index))).collect()
}

fn footer(bytes: &[u8]) -> Result<Footer, Tail> {
    Footer::read(&Bytes::copy_from_slice(bytes), bytes.len() as u64)
}

#[test]
fn the_same_rows_in_any_order_give_the_same_bytes() {
    let mut other = rows(50);
    other.reverse();
    assert_eq!(encode(rows(50)).expect("encoded"), encode(other).expect("encoded"));
}

#[test]
fn what_was_written_is_read_back() {
    let bytes = Bytes::from(encode(rows(3)).expect("encoded"));
    let mut reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet").build().expect("a reader");
    let batch = reader.next().expect("rows").expect("readable");
    let ids = batch.column_by_name("id").expect("id").as_any().downcast_ref::<StringArray>().expect("text");
    let seconds = batch.column_by_name("observed_seconds").expect("a column");
    let seconds = seconds.as_any().downcast_ref::<Float64Array>().expect("numbers");
    assert_eq!((ids.value(2), seconds.value(2), batch.num_rows()), ("000000000002", 2.0, 3));
    assert!(batch.column_by_name("qemu_version").expect("a column").is_null(0));
}

#[test]
fn a_footer_tells_rows_and_time_and_whether_they_are_made_up() {
    let mut made_up = rows(3);
    made_up[1].synthetic = true;
    let found = footer(&encode(made_up).expect("encoded")).expect("a footer");
    let at = rows(1)[0].requested_at.expect("a time").timestamp_micros();
    assert_eq!(found, Footer { rows: 3, synthetic: true, requests: Some((at, at)) });
}

#[test]
fn a_file_that_was_cut_short_anywhere_is_no_whole_file() {
    let bytes = encode(rows(20)).expect("encoded");
    for length in [0, 3, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(matches!(footer(&bytes[..length]), Err(Tail::Unfit(Unfit::Broken(_)))), "{length}");
    }
}

#[test]
fn a_tail_that_is_too_short_says_how_much_is_needed() {
    let bytes = encode(rows(20)).expect("encoded");
    let length = bytes.len() as u64;
    let tail = |from: usize| Bytes::copy_from_slice(&bytes[from..]);
    let Err(Tail::Short(needed)) = Footer::read(&tail(bytes.len() - 16), length) else { panic!("too short") };
    let from = bytes.len() - usize::try_from(needed).expect("small");
    assert_eq!(Footer::read(&tail(from), length).expect("enough").rows, 20);
}

#[test]
fn foreign_and_newer_files_are_told_apart() {
    let with = |metadata: Option<Vec<KeyValue>>| {
        let properties = properties().set_key_value_metadata(metadata).build();
        let mut writer =
            ArrowWriter::try_new(Vec::new(), arrow_schema(), Some(properties)).expect("a writer");
        writer.write(&batch(&rows(1)).expect("a batch")).expect("written");
        footer(&writer.into_inner().expect("closed"))
    };
    let schema = |name: &str| Some(vec![KeyValue::new(SCHEMA_KEY.to_owned(), name.to_owned())]);
    assert!(matches!(with(None), Err(Tail::Unfit(Unfit::Foreign))));
    assert!(matches!(with(schema("softoff.store/99")), Err(Tail::Unfit(Unfit::Newer(_)))));
    assert!(with(schema(SCHEMA)).is_ok());
}

#[test]
fn a_file_that_lacks_a_column_is_told_with_the_column() {
    let all = batch(&rows(1)).expect("a batch");
    let without: Vec<usize> = (0..COLUMNS.len()).filter(|index| COLUMNS[*index].name != "censored").collect();
    let batch = all.project(&without).expect("fewer columns");
    let metadata = vec![KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA.to_owned())];
    let properties = WriterProperties::builder().set_key_value_metadata(Some(metadata)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    let found = footer(&writer.into_inner().expect("closed"));
    assert!(matches!(found, Err(Tail::Unfit(Unfit::Column(name))) if name == "censored"));
}

#[test]
fn damage_inside_a_file_shows_when_all_of_it_is_read() {
    let mut bytes = encode(rows(20)).expect("encoded");
    assert!(read_through(Bytes::from(bytes.clone())).is_ok());
    bytes[4..64].fill(0xff);
    assert!(footer(&bytes).is_ok(), "its end is whole");
    assert!(matches!(read_through(Bytes::from(bytes)), Err(Unfit::Damaged(_))));
}

#[test]
fn what_is_written_has_the_columns_just_so_and_needs_no_second_look() {
    let bytes = Bytes::from(encode(rows(1)).expect("encoded"));
    let metadata = metadata(&bytes, bytes.len() as u64).expect("metadata");
    assert!(is_as_written(metadata.file_metadata()));
}
