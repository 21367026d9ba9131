//! Reading: streams the records of a directory back in the order of their boot clock.
//!
//! Memory stays bounded: files are opened when their first record is due and closed at their end,
//! and a line of more than [`MAX_LINE`] bytes is skipped without being held. What cannot be read is
//! a [`Defect`], never the end of the rest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::record::Provenance;
use crate::{Event, JournalError, Record, SCHEMA};

/// The longest line that is read, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// One record and where it came from.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The file it stands in.
    pub origin: Arc<Origin>,
    /// The record.
    pub record: Record,
}

/// A journal file and how it was made.
#[derive(Debug)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// Its first record.
    pub provenance: Provenance,
}

/// Something in the journal that could not be used.
#[derive(Debug)]
pub struct Defect {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: u64,
    /// The boot it belongs to, where that is known.
    pub boot_id: Option<Uuid>,
    /// When the absent record was written, in nanoseconds of the boot clock: after the record
    /// before it in the file and before the one after it.
    pub between: RangeInclusive<u64>,
    /// What is wrong.
    pub kind: DefectKind,
}

/// Why a line or file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DefectKind {
    /// Not a record: torn by a crash or a full disk, or corrupt.
    #[error("torn or corrupt line, counted as absent ({0})")]
    Torn(String),
    /// A record of a kind that a newer softoff writes.
    #[error("a record of a kind this softoff does not know, skipped; a newer softoff reads it")]
    UnknownKind,
    /// Longer than [`MAX_LINE`].
    #[error("a line of more than {MAX_LINE} bytes, skipped")]
    TooLong,
    /// The first line is no provenance record.
    #[error("not a softoff journal file (its first line is no provenance record), left alone")]
    Foreign,
    /// Nothing in it.
    #[error("empty: its writer was stopped before the first record")]
    Empty,
    /// Written under a newer schema.
    #[error("written under schema {0}, this softoff reads up to {SCHEMA}: upgrade to read it")]
    Newer(String),
    /// The operating system refused.
    #[error("cannot be read ({0}); run as root or as a user who may read it")]
    Unreadable(io::Error),
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.kind),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.kind),
        }
    }
}

/// Streams entries and defects; within a boot, entries come in the order of `boot_ns`, as far as
/// each file is in that order.
#[derive(Debug)]
pub struct Reader {
    defects: VecDeque<Defect>,
    due: BinaryHeap<Reverse<Due>>,
}

/// A file and the record it will give next.
#[derive(Debug)]
struct Due {
    /// Boots in the order of their beginning, then the boot clock, then the path for stability.
    key: (DateTime<Utc>, Uuid, u64, PathBuf),
    next: Record,
    lines: Lines,
}

impl Reader {
    /// Lists the journal in `dir`. Only a directory that cannot be listed is an error.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        Self::open_those(dir, |_| true)
    }

    /// Lists those files of the journal in `dir` that are wanted.
    pub fn open_those(dir: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Self, JournalError> {
        let mut files = Vec::new();
        let mut defects = VecDeque::new();
        for path in journal_files(dir)?.into_iter().filter(|path| wanted(path)) {
            match Lines::open(&path) {
                Ok(file) => files.push(file),
                Err(defect) => defects.push_back(defect),
            }
        }
        let began = boots_began(&files);
        let due = files.into_iter().map(|(next, lines)| Reverse(Due::new(&began, next, lines))).collect();
        Ok(Self { defects, due })
    }
}

impl Reader {
    /// How the files in `dir` were made, of those that say so.
    pub fn origins(dir: &Path) -> Result<Vec<Arc<Origin>>, JournalError> {
        let opened = journal_files(dir)?.into_iter().filter_map(|path| Lines::open(&path).ok());
        Ok(opened.map(|(_, lines)| lines.origin).collect())
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(defect) = self.defects.pop_front() {
            return Some(Err(defect));
        }
        let Reverse(Due { key, next, mut lines }) = self.due.pop()?;
        let entry = Entry { origin: Arc::clone(&lines.origin), record: next };
        if let Some(next) = lines.next_record(&mut self.defects) {
            let key = (key.0, key.1, next.boot_ns, key.3);
            self.due.push(Reverse(Due { key, next, lines }));
        }
        Some(Ok(entry))
    }
}

impl Due {
    fn new(began: &HashMap<Uuid, DateTime<Utc>>, next: Record, lines: Lines) -> Self {
        let boot_id = lines.origin.provenance.boot_id;
        let key = (began[&boot_id], boot_id, next.boot_ns, lines.origin.path.clone());
        Self { key, next, lines }
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// The records of one open file.
#[derive(Debug)]
struct Lines {
    origin: Arc<Origin>,
    /// Absent until the first record after the provenance is wanted, and after the end.
    input: Option<BufReader<File>>,
    line: u64,
    /// Boot clock of the last record given.
    previous: u64,
    buffer: Vec<u8>,
}

impl Lines {
    /// Opens a file, reads its provenance and closes it again until it is due.
    fn open(path: &Path) -> Result<(Record, Self), Defect> {
        let defect =
            |kind| Defect { path: path.to_owned(), line: 0, boot_id: None, between: 0..=u64::MAX, kind };
        let file = File::open(path).map_err(|error| defect(DefectKind::Unreadable(error)))?;
        let mut input = BufReader::new(file);
        let mut buffer = Vec::new();
        match read_line(&mut input, &mut buffer) {
            Err(error) => return Err(defect(DefectKind::Unreadable(error))),
            Ok(Line::End) => return Err(defect(DefectKind::Empty)),
            Ok(Line::Whole | Line::TooLong) => {}
        }
        let (record, provenance) = provenance(&buffer).map_err(defect)?;
        let origin = Arc::new(Origin { path: path.to_owned(), provenance });
        let previous = record.boot_ns;
        Ok((record, Self { origin, input: None, line: 0, previous, buffer }))
    }

    /// The next record that can be read; what cannot is added to `defects`.
    fn next_record(&mut self, defects: &mut VecDeque<Defect>) -> Option<Record> {
        let known = defects.len();
        let record = self.skip_to_record(defects);
        let until = record.as_ref().map_or(u64::MAX, |record| record.boot_ns.max(self.previous));
        for defect in defects.range_mut(known..) {
            defect.between = self.previous..=until;
        }
        self.previous = until;
        record
    }

    fn skip_to_record(&mut self, defects: &mut VecDeque<Defect>) -> Option<Record> {
        loop {
            match self.next_line() {
                Ok(record) => return record,
                Err(kind) => {
                    let last = matches!(kind, DefectKind::Unreadable(_));
                    defects.push_back(self.defect(kind));
                    if last {
                        return None;
                    }
                }
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<Record>, DefectKind> {
        loop {
            let line = self.advance().map_err(DefectKind::Unreadable)?;
            self.line += 1;
            match line {
                Line::End => return Ok(None),
                Line::TooLong => return Err(DefectKind::TooLong),
                Line::Whole if self.buffer.trim_ascii().is_empty() => {}
                Line::Whole => return record(&self.buffer).map(Some),
            }
        }
    }

    fn advance(&mut self) -> io::Result<Line> {
        if self.input.is_none() {
            let mut input = BufReader::new(File::open(&self.origin.path)?);
            read_line(&mut input, &mut self.buffer)?;
            self.line = 1;
            self.input = Some(input);
        }
        self.input.as_mut().map_or(Ok(Line::End), |input| read_line(input, &mut self.buffer))
    }

    fn defect(&self, kind: DefectKind) -> Defect {
        let boot_id = Some(self.origin.provenance.boot_id);
        Defect { path: self.origin.path.clone(), line: self.line, boot_id, between: 0..=u64::MAX, kind }
    }
}

enum Line {
    Whole,
    TooLong,
    End,
}

/// Reads one line into `buffer`, without its newline, never holding more than [`MAX_LINE`].
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<Line> {
    buffer.clear();
    let limit = MAX_LINE as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', buffer)? == 0 {
        return Ok(Line::End);
    }
    if buffer.last() == Some(&b'\n') {
        buffer.pop();
    } else if buffer.len() > MAX_LINE {
        input.skip_until(b'\n')?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Whole)
}

fn record(line: &[u8]) -> Result<Record, DefectKind> {
    serde_json::from_slice(line).map_err(|error| match serde_json::from_slice::<Envelope>(line) {
        Ok(envelope) if envelope.is_unknown_kind() => DefectKind::UnknownKind,
        _ => DefectKind::Torn(error.to_string()),
    })
}

/// What every version's records have, whatever their kind.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "boot_ns")]
    _boot_ns: u64,
    event: HashMap<String, serde_json::Value>,
}

impl Envelope {
    fn is_unknown_kind(&self) -> bool {
        const KNOWN: [&str; 12] = [
            "provenance",
            "hook",
            "qemu",
            "tracer",
            "probe",
            "window",
            "activity",
            "screen",
            "agent",
            "domain-log",
            "windows",
            "loss",
        ];
        self.event.len() == 1 && self.event.keys().all(|kind| !KNOWN.contains(&kind.as_str()))
    }
}

fn provenance(line: &[u8]) -> Result<(Record, Provenance), DefectKind> {
    let Ok(record) = record(line) else { return Err(DefectKind::Foreign) };
    let Event::Provenance(provenance) = &record.event else { return Err(DefectKind::Foreign) };
    if !readable_schema(&provenance.schema) {
        return Err(DefectKind::Newer(provenance.schema.clone()));
    }
    let provenance = provenance.clone();
    Ok((record, provenance))
}

/// Versions count up from 1; this one and older ones are read.
fn readable_schema(schema: &str) -> bool {
    let version = |text: &str| -> Option<u32> { text.strip_prefix("softoff.journal/")?.parse().ok() };
    version(schema).is_some_and(|theirs| Some(theirs) <= version(SCHEMA))
}

fn journal_files(dir: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let failed = |source| JournalError::ReadDir { path: dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in dir.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// When each boot's first file was begun, so that boots come in their own order.
fn boots_began(files: &[(Record, Lines)]) -> HashMap<Uuid, DateTime<Utc>> {
    let mut began = HashMap::new();
    for (record, lines) in files {
        let first = began.entry(lines.origin.provenance.boot_id).or_insert(record.wall);
        *first = record.wall.min(*first);
    }
    began
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Loss, LossStage};
    use crate::{Stamp, Writer};

    /// A journal of one file with losses counted 0, 1, 2, … and what `edit` makes of its lines.
    fn read(edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> (Vec<u64>, Vec<Defect>) {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut writer = Writer::open(dir.path(), "hook", "0").expect("open");
        let now = Stamp::now();
        for count in 0..4 {
            let event = Event::Loss(Loss { stage: LossStage::Journal, count, process: None });
            let record = Record { boot_ns: now.boot_ns + 1_000_000_000 + count, wall: now.wall, event };
            writer.append(&record).expect("append");
        }
        let path = journal_files(dir.path()).expect("listed").remove(0);
        let mut lines: Vec<Vec<u8>> =
            std::fs::read(&path).expect("read").split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        edit(&mut lines);
        std::fs::write(&path, lines.join(&b'\n')).expect("write");
        collect(dir.path())
    }

    fn collect(dir: &Path) -> (Vec<u64>, Vec<Defect>) {
        let mut counts = Vec::new();
        let mut defects = Vec::new();
        for item in Reader::open(dir).expect("listed") {
            match item.map(|entry| entry.record.event) {
                Ok(Event::Loss(loss)) => counts.push(loss.count),
                Ok(_) => {}
                Err(defect) => defects.push(defect),
            }
        }
        (counts, defects)
    }

    fn only(defects: &[Defect]) -> &DefectKind {
        assert_eq!(defects.len(), 1, "{defects:?}");
        &defects[0].kind
    }

    #[test]
    fn a_torn_line_is_counted_with_its_place_and_time_and_the_rest_is_read() {
        let (counts, defects) = read(|lines| lines[2].truncate(20));
        assert_eq!(counts, [0, 2, 3]);
        assert!(matches!(only(&defects), DefectKind::Torn(_)));
        assert_eq!(defects[0].line, 3);
        let (from, to) = (defects[0].between.start(), defects[0].between.end());
        assert_eq!(to - from, 2, "between the records counted 0 and 2");
    }

    #[test]
    fn a_line_without_end_is_skipped_without_being_held() {
        let (counts, defects) = read(|lines| lines.insert(2, vec![b'x'; 3 * MAX_LINE]));
        assert_eq!(counts, [0, 1, 2, 3]);
        assert!(matches!(only(&defects), DefectKind::TooLong));
    }

    #[test]
    fn a_record_of_an_unknown_kind_is_said_to_be_from_a_newer_softoff() {
        let newer = br#"{"boot_ns":1,"wall":"2026-01-01T00:00:00Z","event":{"moon-phase":{"a":1}}}"#;
        let (counts, defects) = read(|lines| lines.insert(2, newer.to_vec()));
        assert_eq!(counts, [0, 1, 2, 3]);
        assert!(matches!(only(&defects), DefectKind::UnknownKind));
    }

    #[test]
    fn unknown_fields_are_accepted() {
        let (counts, defects) = read(|lines| {
            let text = String::from_utf8_lossy(&lines[1]).replacen('{', r#"{"added_later": [1, {}], "#, 1);
            lines[1] = text.into_bytes();
        });
        assert_eq!((counts.len(), defects.len()), (4, 0));
    }

    #[test]
    fn a_newer_schema_a_foreign_file_and_an_empty_one_are_told_apart() {
        let swap = |from: &'static str, to: &'static str| {
            move |lines: &mut Vec<Vec<u8>>| {
                lines[0] = String::from_utf8_lossy(&lines[0]).replace(from, to).into_bytes();
            }
        };
        let (_, newer) = read(swap("softoff.journal/1", "softoff.journal/2"));
        assert!(matches!(only(&newer), DefectKind::Newer(schema) if schema == "softoff.journal/2"));
        let (_, foreign) = read(swap("provenance", "loss"));
        assert!(matches!(only(&foreign), DefectKind::Foreign));
        let (_, empty) = read(Vec::clear);
        assert!(matches!(only(&empty), DefectKind::Empty));
    }

    #[test]
    fn what_cannot_be_opened_is_one_defect_and_other_names_are_left_alone() {
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir(dir.path().join("2026-01-01.dir.jsonl")).expect("mkdir");
        std::fs::write(dir.path().join("notes.txt"), "mine").expect("write");
        let (counts, defects) = collect(dir.path());
        assert!(counts.is_empty());
        assert!(matches!(only(&defects), DefectKind::Unreadable(_)));
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_with_the_next_step() {
        let error = Reader::open(Path::new("/nonexistent/journal")).expect_err("missing");
        assert!(error.to_string().contains("nothing was recorded there yet"), "{error}");
    }

    #[test]
    fn files_of_one_boot_are_merged_by_their_boot_clock() {
        let dir = tempfile::tempdir().expect("tempdir");
        let now = Stamp::now();
        for (name, first) in [("hook", 0), ("tracer", 1)] {
            let mut writer = Writer::open(dir.path(), name, "0").expect("open");
            for count in (first..10).step_by(2) {
                let event = Event::Loss(Loss { stage: LossStage::Journal, count, process: None });
                let boot_ns = now.boot_ns + 1_000_000_000 + count;
                writer.append(&Record { boot_ns, wall: now.wall, event }).expect("append");
            }
        }
        assert_eq!(collect(dir.path()).0, (0..10).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn whatever_stands_between_them_whole_records_are_read(rubbish in "[^\n]{0,200}", at in 1..5_usize) {
            let (counts, _) = read(|lines| lines.insert(at, rubbish.into_bytes()));
            prop_assert_eq!(counts, [0, 1, 2, 3]);
        }
    }
}
