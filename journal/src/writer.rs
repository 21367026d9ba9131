//! Appending: the only place that writes journal files.
//!
//! A file is named `<day>.<boot>.<writer>.jsonl`, so that old days can be deleted and boots never
//! mix. It appears complete with its provenance (written aside, then linked into place), and each
//! record is one `write` on an `O_APPEND` descriptor. A record torn by a full disk costs only
//! itself: the next one starts with the newline that is missing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::NaiveDate;
use uuid::Uuid;

use crate::record::{Clocks, Provenance};
use crate::{Event, JournalError, Record, SCHEMA, Stamp};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Appends records of one writer to the file of the day.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    provenance: Provenance,
    shard: Option<Shard>,
}

/// The open file of one day.
#[derive(Debug)]
struct Shard {
    day: NaiveDate,
    path: PathBuf,
    file: File,
}

impl Writer {
    /// Prepares to append to the journal in `dir`, which is created if it is missing.
    ///
    /// `name` is the writer's name in the file names, `version` the program's version.
    pub fn open(dir: &Path, name: &str, version: &str) -> Result<Self, JournalError> {
        let provenance = provenance(name, version)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(dir)
            .map_err(|source| JournalError::CreateDir { path: dir.to_owned(), source })?;
        Ok(Self { dir: dir.to_owned(), provenance, shard: None })
    }

    /// Appends one record with a single `write`.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let shard = self.shard(record.wall.date_naive())?;
        let appended = shard.write_line(record);
        let path = shard.path.clone();
        if appended.is_err() {
            // The file may have been deleted or its disk filled: look afresh next time.
            self.shard = None;
        }
        appended.map_err(|source| JournalError::Append { path, source })
    }

    /// Appends `event` as of now.
    pub fn append_now(&mut self, event: Event) -> Result<(), JournalError> {
        let Stamp { boot_ns, wall } = Stamp::now();
        self.append(&Record { boot_ns, wall, event })
    }

    fn shard(&mut self, day: NaiveDate) -> Result<&mut Shard, JournalError> {
        let current = self.shard.take().filter(|shard| shard.day == day);
        let shard = match current {
            Some(shard) => shard,
            None => self.open_shard(day)?,
        };
        Ok(self.shard.insert(shard))
    }

    fn open_shard(&self, day: NaiveDate) -> Result<Shard, JournalError> {
        let boot = self.provenance.boot_id.simple().to_string();
        let name = format!("{day}.{}.{}.jsonl", &boot[..8], self.provenance.writer);
        let path = self.dir.join(name);
        let file =
            self.open_or_create(&path).map_err(|source| JournalError::Open { path: path.clone(), source })?;
        Ok(Shard { day, path, file })
    }

    fn open_or_create(&self, path: &Path) -> io::Result<File> {
        match open_append(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.create(path)?;
                open_append(path)
            }
            opened => opened,
        }
    }

    /// Makes the file appear in one step, with its provenance; another writer may be first.
    fn create(&self, path: &Path) -> io::Result<()> {
        let aside = self.dir.join(aside_name());
        let made = self.write_provenance(&aside).and_then(|()| match fs::hard_link(&aside, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
        let _ = fs::remove_file(&aside);
        made
    }

    fn write_provenance(&self, aside: &Path) -> io::Result<()> {
        let Stamp { boot_ns, wall } = Stamp::now();
        let event = Event::Provenance(self.provenance.clone());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(aside)?;
        file.write_all(&line(&Record { boot_ns, wall, event })?)
    }
}

impl Shard {
    fn write_line(&mut self, record: &Record) -> io::Result<()> {
        let mut bytes = line(record)?;
        if self.ends_torn()? {
            bytes.insert(0, b'\n');
        }
        match self.file.write(&bytes)? {
            written if written == bytes.len() => Ok(()),
            _ => Err(io::Error::from(ErrorKind::StorageFull)),
        }
    }

    fn ends_torn(&mut self) -> io::Result<bool> {
        if self.file.metadata()?.len() == 0 {
            return Ok(false);
        }
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        Ok(last[0] != b'\n')
    }
}

/// A name no other writer uses, in this process or, by the clock, in another pid namespace.
fn aside_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".{}.{count}.{}.new", std::process::id(), Stamp::now().boot_ns)
}

fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).open(path)
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(record)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn provenance(writer: &str, version: &str) -> Result<Provenance, JournalError> {
    let uname = rustix::system::uname();
    Ok(Provenance {
        schema: SCHEMA.to_owned(),
        writer: writer.to_owned(),
        version: version.to_owned(),
        host: uname.nodename().to_string_lossy().into_owned(),
        boot_id: boot_id()?,
        kernel: uname.release().to_string_lossy().into_owned(),
        clocks: Clocks { boot_ns: "CLOCK_BOOTTIME".to_owned(), wall: "CLOCK_REALTIME".to_owned() },
    })
}

/// This boot's id, by which `boot_ns` values are kept apart.
pub fn boot_id() -> Result<Uuid, JournalError> {
    let read = fs::read_to_string(BOOT_ID)
        .and_then(|text| text.trim().parse().map_err(|error| io::Error::new(ErrorKind::InvalidData, error)));
    read.map_err(|source| JournalError::BootId { path: BOOT_ID.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Loss, LossStage};
    use crate::{Defect, Entry, Reader};

    fn event(count: u64) -> Event {
        Event::Loss(Loss { stage: LossStage::Journal, count, process: None })
    }

    fn counts(dir: &Path) -> (Vec<u64>, Vec<Defect>) {
        let mut counts = Vec::new();
        let mut defects = Vec::new();
        for item in Reader::open(dir).expect("the directory can be read") {
            match item {
                Ok(Entry { record: Record { event: Event::Loss(loss), .. }, .. }) => counts.push(loss.count),
                Ok(_) => {}
                Err(defect) => defects.push(defect),
            }
        }
        (counts, defects)
    }

    fn only_file(dir: &Path) -> PathBuf {
        let mut files: Vec<_> =
            fs::read_dir(dir).expect("listed").map(|entry| entry.expect("entry").path()).collect();
        assert_eq!(files.len(), 1, "one file and nothing left aside: {files:?}");
        files.remove(0)
    }

    #[test]
    fn a_new_file_opens_with_its_provenance_and_leaves_nothing_aside() {
        let dir = tempfile::tempdir().expect("tempdir");
        Writer::open(dir.path(), "hook", "1.2.3").expect("open").append_now(event(1)).expect("append");
        let text = fs::read_to_string(only_file(dir.path())).expect("text");
        let first: Record = serde_json::from_str(text.lines().next().expect("a line")).expect("a record");
        let Event::Provenance(provenance) = first.event else { panic!("not a provenance: {first:?}") };
        assert_eq!((provenance.schema.as_str(), provenance.version.as_str()), (SCHEMA, "1.2.3"));
        assert_eq!(provenance.boot_id, boot_id().expect("boot id"));
    }

    #[test]
    fn a_torn_record_costs_itself_and_not_the_next_one() {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut writer = Writer::open(dir.path(), "hook", "0").expect("open");
        writer.append_now(event(1)).expect("append");
        let path = only_file(dir.path());
        let torn = OpenOptions::new().append(true).open(&path).expect("open");
        (&torn).write_all(br#"{"boot_ns": 12, "wal"#).expect("write");
        writer.append_now(event(2)).expect("append");
        let (counts, defects) = counts(dir.path());
        assert_eq!(counts, [1, 2]);
        assert_eq!(defects.len(), 1, "{defects:?}");
    }

    #[test]
    fn writers_in_many_threads_never_interleave() {
        let dir = tempfile::tempdir().expect("tempdir");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut writer = Writer::open(dir.path(), "hook", "0").expect("open");
                    for count in 0..100 {
                        writer.append_now(event(count)).expect("append");
                    }
                });
            }
        });
        let (counts, defects) = counts(dir.path());
        assert_eq!((counts.len(), defects.len()), (800, 0));
    }

    #[test]
    fn a_full_disk_is_an_error_that_says_what_to_do() {
        let mut shard = Shard {
            day: NaiveDate::default(),
            path: "/dev/full".into(),
            file: OpenOptions::new().write(true).open("/dev/full").expect("open /dev/full"),
        };
        let Stamp { boot_ns, wall } = Stamp::now();
        let error = shard.write_line(&Record { boot_ns, wall, event: event(1) }).expect_err("full");
        let error = JournalError::Append { path: "/dev/full".into(), source: error };
        assert!(error.to_string().contains("the disk is full: free some space"), "{error}");
    }
}
