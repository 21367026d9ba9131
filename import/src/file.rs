//! A journal file made from evidence of elsewhere: complete, or not there at all. Its name follows from
//! what it is about, so that importing the same again replaces it by the same.

use std::fs::{DirBuilder, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use softoff_journal::record::{Clocks, Provenance};
use softoff_journal::{Event, Record, SCHEMA, Stamp};
use tempfile::NamedTempFile;
use thiserror::Error;
use uuid::Uuid;

/// Namespace of the boot ids of what was imported: they are no boots of any host.
const NAMESPACE: Uuid = Uuid::from_u128(0x8c5b_6d3e_91a4_4b07_a1c2_5e0f_7d90_3b6a);

/// The clock of imported records.
const WALL: &str = "wall clock of the source, nanoseconds since 1970 (UTC)";

/// Why evidence could not be put beside the journal.
#[derive(Debug, Error)]
#[error("cannot write {} ({source}); check its permissions and that its disk is not full", path.display())]
pub struct ImportError {
    path: PathBuf,
    source: io::Error,
}

/// What the records of a file are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What was imported: `qemu-log` or `evtx`.
    pub writer: &'static str,
    /// softoff's version.
    pub version: &'a str,
    /// The host that the records speak of.
    pub host: &'a str,
    /// The machine that they speak of: all files of one machine share a boot id.
    pub machine: &'a str,
    /// What tells this source from others of the same machine, e.g. its first line.
    pub key: &'a [u8],
}

/// The file, while it is written.
#[derive(Debug)]
pub struct ImportFile {
    place: PathBuf,
    aside: BufWriter<NamedTempFile>,
    records: u64,
}

impl ImportFile {
    /// Begins a file in the journal's directory, which is created if it is missing.
    pub fn create(journal: &Path, subject: &Subject<'_>) -> Result<Self, ImportError> {
        let boot_id = boot_id(subject);
        let key = Uuid::new_v5(&boot_id, subject.key).simple().to_string();
        let place = journal.join(format!("imported.{}.{}.jsonl", subject.writer, &key[..16]));
        let failed = |source| ImportError { path: place.clone(), source };
        DirBuilder::new().recursive(true).mode(0o750).create(journal).map_err(failed)?;
        let aside = NamedTempFile::new_in(journal).map_err(failed)?;
        aside.as_file().set_permissions(PermissionsExt::from_mode(0o640)).map_err(failed)?;
        let mut file = Self { place, aside: BufWriter::new(aside), records: 0 };
        let event = Event::Provenance(provenance(subject, boot_id));
        file.write(&Record { boot_ns: 0, wall: Stamp::now().wall, event })?;
        Ok(file)
    }

    /// Adds a record. They must come in the order of `wall`; times before 1970 count as 1970.
    pub fn append(&mut self, wall: DateTime<Utc>, event: Event) -> Result<(), ImportError> {
        let boot_ns = wall.timestamp_nanos_opt().and_then(|nanos| u64::try_from(nanos).ok()).unwrap_or(0);
        self.records += 1;
        self.write(&Record { boot_ns, wall, event })
    }

    /// Like [`ImportFile::finish`], unless what was imported of the same source before holds more records:
    /// then that stays, and there is nothing to return.
    pub fn finish_unless_shorter(self) -> Result<Option<u64>, ImportError> {
        match records_in(&self.place) {
            Ok(before) if before > self.records => Ok(None),
            Ok(_) => self.finish().map(Some),
            Err(source) => Err(ImportError { path: self.place, source }),
        }
    }

    /// Puts the file in place and returns how many records it holds.
    pub fn finish(self) -> Result<u64, ImportError> {
        let Self { place, aside, records } = self;
        let failed = |source| ImportError { path: place.clone(), source };
        let aside = aside.into_inner().map_err(|error| failed(error.into_error()))?;
        aside.as_file().sync_all().map_err(failed)?;
        aside.persist(&place).map_err(|error| failed(error.error))?;
        let directory = place.parent().unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(records)
    }

    fn write(&mut self, record: &Record) -> Result<(), ImportError> {
        let written = serde_json::to_writer(&mut self.aside, record).map_err(io::Error::from);
        written
            .and_then(|()| self.aside.write_all(b"\n"))
            .map_err(|source| ImportError { path: self.place.clone(), source })
    }
}

/// How many records a file has beside its provenance; none where there is no such file.
fn records_in(place: &Path) -> io::Result<u64> {
    let mut file = match File::open(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => BufReader::new(file?),
    };
    let mut lines = 0_u64;
    while file.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines.saturating_sub(1))
}

fn boot_id(subject: &Subject<'_>) -> Uuid {
    // None of the parts can hold a NUL, so no two subjects read the same.
    let name = [subject.writer, subject.host, subject.machine].join("\0");
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

fn provenance(subject: &Subject<'_>, boot_id: Uuid) -> Provenance {
    Provenance {
        schema: SCHEMA.to_owned(),
        writer: subject.writer.to_owned(),
        version: subject.version.to_owned(),
        host: subject.host.to_owned(),
        boot_id,
        kernel: String::new(),
        clocks: Clocks { boot_ns: WALL.to_owned(), wall: WALL.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use softoff_journal::Reader;
    use softoff_journal::record::{DomainLog, LogEntry};

    use super::*;

    fn subject(key: &[u8]) -> Subject<'_> {
        Subject { writer: "qemu-log", version: "1", host: "host", machine: "web", key }
    }

    fn import(journal: &Path, key: &[u8], lines: u64) -> u64 {
        let mut file = ImportFile::create(journal, &subject(key)).unwrap();
        for line in 1..=lines {
            let entry = LogEntry::ShuttingDown { reason: None };
            let event = Event::DomainLog(DomainLog { domain: "web".to_owned(), line, entry });
            file.append(
                DateTime::UNIX_EPOCH + chrono::Duration::seconds(i64::try_from(line).unwrap()),
                event,
            )
            .unwrap();
        }
        file.finish().unwrap()
    }

    fn lines(journal: &Path) -> Vec<u64> {
        let entries = Reader::open(journal).unwrap().map(|item| item.unwrap().record);
        let line = |record: Record| match record.event {
            Event::DomainLog(log) => Some(log.line),
            _ => None,
        };
        entries.filter_map(line).collect()
    }

    #[test]
    fn what_is_imported_can_be_read_as_a_part_of_the_journal() {
        let journal = tempfile::tempdir().unwrap();
        assert_eq!(import(journal.path(), b"a", 3), 3);
        assert_eq!(lines(journal.path()), [1, 2, 3]);
    }

    #[test]
    fn the_same_source_replaces_itself_and_another_one_stands_beside_it() {
        let journal = tempfile::tempdir().unwrap();
        import(journal.path(), b"a", 2);
        import(journal.path(), b"a", 3);
        import(journal.path(), b"b", 1);
        assert_eq!(lines(journal.path()), [1, 1, 2, 3]);
    }

    #[test]
    fn a_shorter_piece_does_not_replace_a_longer_one_where_that_is_asked_for() {
        let journal = tempfile::tempdir().unwrap();
        import(journal.path(), b"a", 3);
        let file = ImportFile::create(journal.path(), &subject(b"a")).unwrap();
        assert_eq!(file.finish_unless_shorter().unwrap(), None);
        assert_eq!(lines(journal.path()), [1, 2, 3]);
        let other = ImportFile::create(journal.path(), &subject(b"b")).unwrap();
        assert_eq!(other.finish_unless_shorter().unwrap(), Some(0));
    }

    #[test]
    fn an_import_that_is_broken_off_leaves_nothing_behind() {
        let journal = tempfile::tempdir().unwrap();
        drop(ImportFile::create(journal.path(), &subject(b"a")).unwrap());
        assert_eq!(journal.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named_with_what_to_do() {
        let error = ImportFile::create(Path::new("/proc/journal"), &subject(b"a")).unwrap_err();
        assert!(error.to_string().contains("/proc/journal"), "{error}");
    }
}
