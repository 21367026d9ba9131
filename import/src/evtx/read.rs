//! Reading: a file's chunks one after the other; only what bears on a shutdown is held.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use chrono::{DateTime, Utc};
use evtx::err::EvtxError;
use evtx::{EvtxChunkData, EvtxParser, EvtxRecord, ParserSettings};
use softoff_journal::record::WindowsEvent;

use super::EvtxImportError;
use super::event;

/// The most events of one file that are held; beyond it the oldest make room. A shutdown writes about
/// ten, so this is years of them.
pub const MOST_EVENTS: usize = 100_000;

/// Damaged places that are named; the rest is counted.
const NAMED_TROUBLES: usize = 3;

/// Bytes before the first chunk, and those of a chunk ([MS-EVEN6] and every known writer).
const FILE_HEADER: u64 = 4096;
const CHUNK: u64 = 65536;

/// What was read of a file.
#[derive(Debug, Default)]
pub struct Found {
    /// The events that bear on shutdowns, in the order of time, each once.
    pub events: Vec<(DateTime<Utc>, WindowsEvent)>,
    /// Records read, whatever they are about.
    pub records: u64,
    /// Chunks and records that cannot be read.
    pub damaged: u64,
    /// The first of those.
    pub troubles: Vec<Trouble>,
    /// Events that bear on shutdowns and came twice.
    pub duplicates: u64,
    /// Events that made room for newer ones: see [`MOST_EVENTS`].
    pub dropped: u64,
}

/// A place that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Bytes from the file's beginning to the chunk.
    pub chunk_offset: u64,
    /// What is wrong there.
    pub text: String,
}

impl Found {
    /// What the file held, or may have held, and is not among the events.
    pub const fn missing(&self) -> u64 {
        self.damaged + self.dropped
    }

    const fn names_more(&self) -> bool {
        self.troubles.len() < NAMED_TROUBLES
    }

    fn trouble(&mut self, chunk_offset: u64, error: &dyn std::error::Error) {
        self.damaged += 1;
        if self.names_more() {
            self.troubles.push(Trouble { chunk_offset, text: with_sources(error) });
        }
    }
}

/// Reads one file.
pub fn read(path: &Path) -> Result<Found, EvtxImportError> {
    let file =
        File::open(path).map_err(|source| EvtxImportError::Unreadable { path: path.to_owned(), source })?;
    let parser = EvtxParser::from_read_seek(file)
        .map_err(|error| EvtxImportError::Foreign { path: path.to_owned(), reason: with_sources(&error) })?;
    Ok(Collector::default().collect(parser))
}

#[derive(Debug, Default)]
struct Collector {
    found: Found,
    /// By time first; the rest is the event's identity.
    kept: BTreeMap<(DateTime<Utc>, String, String, u64), WindowsEvent>,
}

impl Collector {
    fn collect(mut self, parser: EvtxParser<File>) -> Found {
        let settings = ParserSettings::default().indent(false);
        let mut parser = parser.with_configuration(settings);
        let mut unplaced = Vec::new();
        for record in parser.serialized_records(|record| bearing(record?)) {
            match record {
                Ok(event) => {
                    self.found.records += 1;
                    if let Some((at, event)) = event {
                        self.keep(at, event);
                    }
                }
                Err(error) => {
                    if let (EvtxError::FailedToParseRecord { record_id, .. }, true) =
                        (&error, self.found.names_more())
                    {
                        unplaced.push((self.found.troubles.len(), *record_id));
                    }
                    self.found.trouble(place(&error), &error);
                }
            }
        }
        for (trouble, record_id) in unplaced {
            self.found.troubles[trouble].chunk_offset = chunk_of(&mut parser, record_id);
        }
        let by_time = self.kept.into_iter().map(|((at, ..), event)| (at, event));
        Found { events: by_time.collect(), ..self.found }
    }

    fn keep(&mut self, at: DateTime<Utc>, event: WindowsEvent) {
        let identity = (at, event.computer.clone(), event.channel.clone(), event.record_id);
        if self.kept.insert(identity, event).is_some() {
            self.found.duplicates += 1;
        }
        if self.kept.len() > MOST_EVENTS {
            self.kept.pop_first();
            self.found.dropped += 1;
        }
    }
}

/// What a record says of a shutdown.
fn bearing(record: EvtxRecord<'_>) -> Result<Option<(DateTime<Utc>, WindowsEvent)>, EvtxError> {
    let written = DateTime::from_timestamp_nanos(clamp(record.timestamp.as_nanosecond()));
    Ok(event::event(&record.into_json_bytes()?.data, written))
}

fn clamp(nanos: i128) -> i64 {
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

fn place(error: &EvtxError) -> u64 {
    match error {
        EvtxError::FailedToParseChunk { chunk_id, .. } => chunk_offset(*chunk_id),
        EvtxError::FailedToReadRecordAt { chunk: Some(chunk), .. } => chunk_offset(*chunk),
        _ => 0,
    }
}

/// Where the chunk lies whose header says that it holds a record; 0 where none does.
fn chunk_of(parser: &mut EvtxParser<File>, record_id: u64) -> u64 {
    let holds = |chunk: &EvtxChunkData| {
        (chunk.header.first_event_record_id..=chunk.header.last_event_record_id).contains(&record_id)
    };
    let chunk = parser.chunks().flatten().find(holds);
    chunk.and_then(|chunk| chunk.number).map_or(0, chunk_offset)
}

const fn chunk_offset(number: u64) -> u64 {
    FILE_HEADER.saturating_add(number.saturating_mul(CHUNK))
}

/// The parser says what it did in an error and why in its source.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
