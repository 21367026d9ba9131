//! Where entries go: into a file that cannot be named before the log has told its host.

use chrono::{DateTime, Utc};
use softoff_journal::Event;
use softoff_journal::record::{DomainLog, LogEntry};

use super::Target;
use crate::file::Subject;
use crate::{ImportError, ImportFile};

/// So many entries may come before a start names the host: the rest of runs that began in an earlier file.
const BEFORE_HOST: usize = 64;
/// As much of a line tells it from all others, in bytes.
const KEY: usize = 4096;

/// The way into the journal.
#[derive(Debug)]
pub struct Out<'a> {
    target: &'a Target<'a>,
    domain: String,
    key: Vec<u8>,
    waiting: Vec<(DateTime<Utc>, DomainLog)>,
    file: Option<ImportFile>,
    error: Option<ImportError>,
}

impl<'a> Out<'a> {
    /// One for the log of `domain`.
    pub fn new(target: &'a Target<'a>, domain: &str) -> Self {
        Self {
            target,
            domain: domain.to_owned(),
            key: Vec::new(),
            waiting: Vec::new(),
            file: None,
            error: None,
        }
    }

    /// What the log is known by: its first line that has a time.
    pub fn key(&mut self, line: &[u8]) {
        line[..line.len().min(KEY)].clone_into(&mut self.key);
    }

    /// Takes the next entry.
    pub fn take(&mut self, at: DateTime<Utc>, log: DomainLog) {
        if let Some(file) = &mut self.file {
            self.error = self.error.take().or(file.append(at, Event::DomainLog(log)).err());
            return;
        }
        let host = match &log.entry {
            LogEntry::Starting { host, .. } => host.clone(),
            _ => None,
        };
        self.waiting.push((at, log));
        if host.is_some() || self.waiting.len() >= BEFORE_HOST {
            self.open(host.as_deref());
        }
    }

    /// Whether something could not be written.
    pub const fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Puts the records in place and says how many they are; none where a longer piece of this log is
    /// there already.
    pub fn finish(mut self) -> Result<Option<u64>, ImportError> {
        if self.file.is_none() && !self.waiting.is_empty() {
            self.open(None);
        }
        match (self.error, self.file) {
            (Some(error), _) => Err(error),
            (None, Some(file)) => file.finish_unless_shorter(),
            (None, None) => Ok(Some(0)),
        }
    }

    fn open(&mut self, host: Option<&str>) {
        let subject = Subject {
            writer: "qemu-log",
            version: self.target.version,
            host: host.unwrap_or(self.target.host),
            machine: &self.domain,
            key: &self.key,
        };
        let waiting = std::mem::take(&mut self.waiting);
        let opened = ImportFile::create(self.target.journal, &subject).and_then(|mut file| {
            waiting.into_iter().try_for_each(|(at, log)| file.append(at, Event::DomainLog(log)))?;
            Ok(file)
        });
        match opened {
            Ok(file) => self.file = Some(file),
            Err(error) => self.error = Some(error),
        }
    }
}
