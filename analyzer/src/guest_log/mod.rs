//! Guests' own event logs: events of a machine, its shutdown cycles, and their join to the host's episodes.
//!
//! ```text
//! Windows records ─▶ GuestLogs ─▶ Machine: events by time, each once ─▶ cycles ─▶ phases, culprits
//!                    by machine                                            │
//! runs of the same domain ─▶ stops ────────────────────────────────────────┴─▶ join ─▶ clues, guest_log
//!                                                                               └─▶ alone: episodes without a host's
//! ```
//!
//! * [`cycles`] is the state machine of a shutdown as Windows tells it, [`phases`] where its time went.
//! * `tell` says it in sentences.
//! * [`stop`] is what a run's attempt offers to be joined by, [`join`] finds the clock's offset and the pairs.
//! * [`alone`] tells of cycles that no host recorded.
//!
//! All times of a guest are its own clock's, which may be off, drift and step.

pub mod alone;
pub mod cycles;
pub mod join;
mod phases;
pub mod stop;
mod tell;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use softoff_journal::record::{WindowsEntry, WindowsEvent};
use softoff_journal::{Defect, Entry, Event};
use uuid::Uuid;

pub use cycles::Cycle;
pub use join::{Joined, Offset};

use crate::run::{Boot, Run};

/// An event and when the guest wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// By the guest's clock.
    pub at: DateTime<Utc>,
    /// The log it stands in.
    pub channel: String,
    /// Its number there, in the order of writing.
    pub record_id: u64,
    /// What it says.
    pub entry: WindowsEntry,
}

/// One machine by its event logs.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What stands for a host's boot: the namespace of its episodes.
    pub boot: Boot,
    /// Its name by the event that was written last.
    pub computer: String,
    /// The domain it is, by name or UUID, where the operator said so.
    pub domain: Option<String>,
    /// Its shutdown cycles, in the order of time.
    pub cycles: Vec<Cycle>,
    /// When somebody was refused a shutdown (1073).
    pub refusals: Vec<DateTime<Utc>>,
    /// Part of what was imported could not be read.
    pub damaged: bool,
    /// What each import of its System log covers without a gap.
    spans: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Machine {
    /// Whether it is the guest of this run.
    pub fn is_guest_of(&self, run: &Run) -> bool {
        match &self.domain {
            Some(domain) => {
                run.name.as_ref() == Some(domain)
                    || run.uuid.is_some() && domain.parse::<Uuid>().ok() == run.uuid
            }
            None => {
                run.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(first_label(&self.computer)))
            }
        }
    }

    /// Whether its log holds whatever was written between these moments of the guest's clock: absence
    /// means something only then.
    pub fn covers(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.spans.iter().any(|(first, last)| *first <= from && to <= *last)
    }

    /// What it is called: as the operator says, else as it calls itself.
    pub fn name(&self) -> &str {
        self.domain.as_deref().unwrap_or(&self.computer)
    }
}

fn first_label(computer: &str) -> &str {
    computer.split('.').next().unwrap_or(computer)
}

/// Takes records of event logs, in any order, each as often as it likes.
#[derive(Debug, Default)]
pub struct GuestLogs {
    groups: Vec<Group>,
    /// Files of which something could not be read.
    torn: HashSet<PathBuf>,
}

/// The events of one machine as it was imported.
#[derive(Debug)]
struct Group {
    boot: Boot,
    domain: Option<String>,
    /// By time, log, number and computer: an identity.
    events: BTreeMap<(DateTime<Utc>, String, u64, String), WindowsEntry>,
    files: HashMap<PathBuf, Span>,
}

/// What one imported file says of the System log.
#[derive(Debug, Default, Clone)]
struct Span {
    reach: Option<(DateTime<Utc>, DateTime<Utc>)>,
    has_gaps: bool,
}

impl GuestLogs {
    /// Takes one record; what is no event log's is left alone.
    pub fn push(&mut self, entry: &Entry) {
        match &entry.record.event {
            Event::Windows(event) => self.event(entry, event),
            Event::Loss(_) if entry.origin.provenance.writer == "evtx" => self.file(entry).has_gaps = true,
            _ => {}
        }
    }

    /// Takes note of a record that could not be read: what is absent in its file proves nothing.
    pub fn defect(&mut self, defect: &Defect) {
        self.torn.insert(defect.path.clone());
    }

    fn event(&mut self, entry: &Entry, event: &WindowsEvent) {
        let at = entry.record.wall;
        if event.channel.eq_ignore_ascii_case("System") {
            let span = self.file(entry);
            let (first, last) = span.reach.unwrap_or((at, at));
            span.reach = Some((first.min(at), last.max(at)));
        }
        let group = self.group(entry);
        group.domain = group.domain.take().or_else(|| event.domain.clone());
        let identity = (at, event.channel.clone(), event.record_id, event.computer.clone());
        group.events.insert(identity, event.entry.clone());
    }

    fn file(&mut self, entry: &Entry) -> &mut Span {
        self.group(entry).files.entry(entry.origin.path.clone()).or_default()
    }

    fn group(&mut self, entry: &Entry) -> &mut Group {
        let provenance = &entry.origin.provenance;
        let boot = Boot { id: provenance.boot_id, host: provenance.host.clone() };
        let known = self.groups.iter().position(|group| group.boot == boot);
        let at = known.unwrap_or_else(|| {
            self.groups.push(Group { boot, domain: None, events: BTreeMap::new(), files: HashMap::new() });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    /// The machines with their cycles. What was imported without a domain goes to the machine of the
    /// same name that has one.
    pub fn machines(mut self) -> Vec<Machine> {
        for group in &mut self.groups {
            for (path, span) in &mut group.files {
                span.has_gaps |= self.torn.contains(path);
            }
        }
        let (mut named, unnamed): (Vec<Group>, Vec<Group>) =
            self.groups.into_iter().partition(|group| group.domain.is_some());
        let mut rest = Vec::new();
        for group in unnamed {
            match named.iter_mut().find(|other| other.computer() == group.computer()) {
                Some(other) => {
                    other.events.extend(group.events);
                    other.files.extend(group.files);
                }
                None => rest.push(group),
            }
        }
        named.into_iter().chain(rest).filter(|group| !group.events.is_empty()).map(Group::machine).collect()
    }
}

impl Group {
    /// The name in the event that was written last.
    fn computer(&self) -> Option<&str> {
        let last = self.events.keys().max_by_key(|(at, _, record_id, _)| (*record_id, *at));
        last.map(|(.., computer)| computer.as_str())
    }

    fn machine(self) -> Machine {
        let computer = self.computer().unwrap_or_default().to_owned();
        let damaged = self.files.values().any(|span| span.has_gaps);
        let whole = self.files.into_values().filter(|span| !span.has_gaps);
        let moment = |((at, channel, record_id, _), entry)| Moment { at, channel, record_id, entry };
        let moments: Vec<Moment> = self.events.into_iter().map(moment).collect();
        let refused = moments.iter().filter(|moment| moment.entry == WindowsEntry::Refused);
        Machine {
            boot: self.boot,
            computer,
            domain: self.domain,
            damaged,
            refusals: refused.map(|moment| moment.at).collect(),
            cycles: cycles::cycles(&moments),
            spans: whole.filter_map(|span| span.reach).collect(),
        }
    }
}
