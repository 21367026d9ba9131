//! Writing records, and not losing them when the disk is full.
//!
//! ```text
//!           append fails                    backlog full
//! writing ───────────────▶ keeping ──────────────────────▶ counting
//!    ▲                        │  retry once a second          │
//!    └──── all appended ──────┴───── then Loss{journal} ──────┘
//! ```

use std::collections::VecDeque;

use softoff_journal::record::{Loss, LossStage};
use softoff_journal::{Event, JournalError, Record, Stamp, Writer};

use crate::Notice;

/// How many records wait in memory at most: some megabytes.
const BACKLOG: usize = 10_000;

/// Where records end up.
pub trait Append {
    /// Appends one record.
    fn append(&mut self, record: &Record) -> Result<(), JournalError>;
}

impl Append for Writer {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        Self::append(self, record)
    }
}

/// Appends records in order, as soon as that is possible.
#[derive(Debug)]
pub struct Sink<A> {
    journal: A,
    backlog: VecDeque<Record>,
    written: u64,
    lost: u64,
    lost_unsaid: u64,
}

impl<A: Append> Sink<A> {
    /// Writes to this journal.
    pub fn new(journal: A) -> Self {
        Self { journal, backlog: VecDeque::new(), written: 0, lost: 0, lost_unsaid: 0 }
    }

    /// Appends a record or keeps it for later.
    pub fn append(&mut self, record: Record, notify: &mut dyn FnMut(Notice)) {
        if self.failing() {
            return self.keep(record);
        }
        match self.journal.append(&record) {
            Ok(()) => self.written += 1,
            Err(error) => {
                notify(Notice::JournalFails { why: chain(&error) });
                self.keep(record);
            }
        }
    }

    fn failing(&self) -> bool {
        !self.backlog.is_empty() || self.lost_unsaid > 0
    }

    fn keep(&mut self, record: Record) {
        if self.backlog.len() < BACKLOG {
            self.backlog.push_back(record);
        } else {
            self.lost += 1;
            self.lost_unsaid += 1;
        }
    }

    /// Appends what waits, as far as that is possible now.
    pub fn retry(&mut self, notify: &mut dyn FnMut(Notice)) {
        if !self.failing() {
            return;
        }
        while let Some(record) = self.backlog.front() {
            if self.journal.append(record).is_err() {
                return;
            }
            self.written += 1;
            self.backlog.pop_front();
        }
        if self.lost_unsaid == 0 || self.journal.append(&loss(self.lost_unsaid)).is_ok() {
            notify(Notice::JournalWorks { lost: self.lost_unsaid });
            self.lost_unsaid = 0;
        }
    }

    /// Records that are in the journal.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Records that are not, and will not be if nothing more happens.
    pub fn lost(&self) -> u64 {
        self.lost + self.backlog.len() as u64
    }
}

fn loss(count: u64) -> Record {
    let Stamp { boot_ns, wall } = Stamp::now();
    let event = Event::Loss(Loss { stage: LossStage::Journal, count, process: None });
    Record { boot_ns, wall, event }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full as long as one says so.
    #[derive(Default)]
    struct Disk {
        full: bool,
        records: Vec<Record>,
    }

    impl Append for Disk {
        fn append(&mut self, record: &Record) -> Result<(), JournalError> {
            if self.full {
                let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
                return Err(JournalError::Append { path: "/j".into(), source });
            }
            self.records.push(record.clone());
            Ok(())
        }
    }

    fn record(boot_ns: u64) -> Record {
        Record { boot_ns, ..loss(boot_ns) }
    }

    fn times(sink: &Sink<Disk>) -> Vec<u64> {
        sink.journal.records.iter().map(|record| record.boot_ns).collect()
    }

    #[test]
    fn what_a_full_disk_refuses_is_written_in_order_when_there_is_room() {
        let mut sink = Sink::new(Disk::default());
        let mut said = Vec::new();
        let mut notify = |notice: Notice| said.push(notice.to_string());
        sink.append(record(1), &mut notify);
        sink.journal.full = true;
        for at in 2..5 {
            sink.append(record(at), &mut notify);
        }
        sink.retry(&mut notify);
        sink.journal.full = false;
        sink.append(record(5), &mut notify);
        sink.retry(&mut notify);
        sink.append(record(6), &mut notify);
        assert_eq!(times(&sink), [1, 2, 3, 4, 5, 6]);
        assert_eq!((sink.written(), sink.lost()), (6, 0));
        assert_eq!(said.len(), 2, "said once that it fails and once that it works: {said:?}");
    }

    #[test]
    fn what_does_not_fit_into_memory_is_counted_and_recorded() {
        let mut sink = Sink::new(Disk { full: true, ..Disk::default() });
        for at in 0..BACKLOG as u64 + 7 {
            sink.append(record(at), &mut |_| {});
        }
        assert_eq!(sink.lost(), BACKLOG as u64 + 7);
        sink.journal.full = false;
        sink.retry(&mut |_| {});
        assert_eq!((sink.written(), sink.lost()), (BACKLOG as u64, 7));
        let last = sink.journal.records.last().expect("records");
        let expected = Event::Loss(Loss { stage: LossStage::Journal, count: 7, process: None });
        assert_eq!(last.event, expected);
    }
}
