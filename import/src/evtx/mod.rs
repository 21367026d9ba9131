//! Windows event logs: the events that bear on shutdowns, out of `.evtx` files.
//!
//! ```text
//! file ─▶ chunk ─▶ record ─▶ provider and number ─▶ entry ─▶ kept, by time ─▶ one journal file per machine
//!            └────────┴─▶ damaged: counted, named with its place; the rest goes on
//! ```
//!
//! * [`read`] streams a file's chunks and holds only what bears on a shutdown, up to [`MOST_EVENTS`].
//! * [`event`] knows the providers, whose spelling, field names and languages differ by version.
//! * [`machine`] tells a computer that was renamed from several computers.

mod event;
mod machine;
mod read;

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use softoff_journal::Event;
use softoff_journal::record::{Loss, LossStage, WindowsEvent};
use thiserror::Error;
use uuid::Uuid;

pub use read::{Found, MOST_EVENTS, Trouble, read};

use crate::file::Subject;
use crate::{ImportError, ImportFile};

/// Why an event log could not be imported.
#[derive(Debug, Error)]
pub enum EvtxImportError {
    /// The operating system refused.
    #[error("cannot read {} ({source}); check its name and that you may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It is something else.
    #[error(
        "{} is no Windows event log in the EVTX format ({reason}); copy it from \
         C:\\Windows\\System32\\winevt\\Logs, or export it in the guest: wevtutil epl System System.evtx",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with its beginning.
        reason: String,
    },
    /// What was read could not be put beside the journal.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Where imported event logs go, and on whose behalf.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The journal's directory.
    pub journal: &'a Path,
    /// softoff's version.
    pub version: &'a str,
    /// This host's name.
    pub host: &'a str,
    /// The domain that the logs are of, by name or UUID, where the operator says so.
    pub domain: Option<&'a str>,
}

/// What came of one file.
#[derive(Debug)]
pub struct Summary {
    /// The machines it speaks of, and how many events of each were kept.
    pub machines: Vec<(String, u64)>,
    /// All that was read.
    pub found: Found,
}

/// Imports one event log. What cannot be read in it is in the summary; it is an error only where the
/// file as a whole is of no use.
pub fn import(path: &Path, target: &Target<'_>) -> Result<Summary, EvtxImportError> {
    let mut found = read(path)?;
    let events = std::mem::take(&mut found.events);
    let mut machines = Vec::new();
    for (name, events) in machine::machines(events, target.domain) {
        let kept = write(&name, events, &found, target)?;
        machines.push((name, kept));
    }
    Ok(Summary { machines, found })
}

/// Writes one machine's events. The file's name follows from what it holds, so that the same log gives
/// the same file again, and a later export of the same log one beside it.
fn write(
    machine: &str,
    events: Vec<(DateTime<Utc>, WindowsEvent)>,
    found: &Found,
    target: &Target<'_>,
) -> Result<u64, EvtxImportError> {
    let key = key(&events, found.missing());
    let subject =
        Subject { writer: "evtx", version: target.version, host: target.host, machine, key: key.as_bytes() };
    let mut file = ImportFile::create(target.journal, &subject)?;
    if let (missing @ 1.., Some((first, _))) = (found.missing(), events.first()) {
        let loss = Loss { stage: LossStage::Import, count: missing, process: None };
        file.append(*first, Event::Loss(loss))?;
    }
    let kept = events.len() as u64;
    for (at, mut event) in events {
        event.domain = target.domain.map(str::to_owned);
        file.append(at, Event::Windows(event))?;
    }
    file.finish()?;
    Ok(kept)
}

fn key(events: &[(DateTime<Utc>, WindowsEvent)], missing: u64) -> Uuid {
    let begin = Uuid::from_u128(missing.into());
    events.iter().fold(begin, |key, (at, event)| Uuid::new_v5(&key, format!("{at:?}{event:?}").as_bytes()))
}
