//! What the journals hold of one run, and what they would hold if less had been watched.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use softoff_journal::record::{
    Coverage, HookCall, MissingSentinel, ProbeHit, ProcessId, QemuProcess, ReasonSource, Sign,
};
use softoff_journal::{Entry, Event, Reader, Record};
use uuid::Uuid;

use crate::view::View;

/// The name under which the hook writes; all others are the recorder's.
const HOOK: &str = "hook";

/// Records of one run, by the name of their file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Excerpt(BTreeMap<String, Vec<Record>>);

impl Excerpt {
    /// All about these domains: what the hook has written to the journal in `hooks`, and what the
    /// recorder has written to the one in `recorder` about the processes that the hook names.
    pub fn of(domains: &[Uuid], hooks: &Path, recorder: &Path) -> anyhow::Result<Self> {
        let mut excerpt = Self::default();
        let mut processes = HashSet::new();
        for entry in entries(hooks)?.filter(is_hooks) {
            match &entry.record.event {
                Event::Hook(call) if !call.uuid.is_some_and(|uuid| domains.contains(&uuid)) => continue,
                Event::Hook(call) => processes.extend(process_of(call)),
                _ => {}
            }
            excerpt.add(entry);
        }
        let wanted = |entry: &Entry| !is_hooks(entry) && concerns(&entry.record.event, &processes);
        entries(recorder)?.filter(wanted).for_each(|entry| excerpt.add(entry));
        Ok(excerpt)
    }

    fn add(&mut self, entry: Entry) {
        let name = entry.origin.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.0.entry(name).or_default().push(entry.record);
    }

    /// What would have been recorded at a lower tier.
    #[must_use]
    pub fn at(&self, view: View) -> Self {
        let files = self.0.iter().map(|(name, records)| {
            let seen: Vec<_> = match writer(records) {
                HOOK => records.iter().map(|record| hook_at(view, record)).collect(),
                _ => records.iter().filter_map(|record| recorder_at(view, record)).collect(),
            };
            (name.clone(), seen)
        });
        Self(files.filter(|(_, records)| !records.is_empty()).collect())
    }

    /// Writes it as a journal into an existing directory.
    pub fn write(&self, directory: &Path) -> anyhow::Result<()> {
        for (name, records) in &self.0 {
            let path = directory.join(name);
            write_records(&path, records).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// What of a journal can be read. A record that is just being written may be torn, and is whole when
/// one looks again.
fn entries(directory: &Path) -> anyhow::Result<impl Iterator<Item = Entry>> {
    let reader = Reader::open(directory).context("cannot read the lab's journal")?;
    Ok(reader.filter_map(Result::ok))
}

fn is_hooks(entry: &Entry) -> bool {
    entry.origin.provenance.writer == HOOK
}

fn process_of(call: &HookCall) -> Option<ProcessId> {
    Some(ProcessId { pid: call.pid?, start_ticks: call.start_ticks? })
}

/// Whether a record of the recorder is about one of the processes, or about the recorder itself.
fn concerns(event: &Event, processes: &HashSet<ProcessId>) -> bool {
    let process = match event {
        Event::Qemu(qemu) => qemu.process,
        Event::Probe(hit) => hit.process,
        Event::Window(window) => window.process,
        Event::Activity(activity) => activity.process,
        Event::Screen(screen) => screen.process,
        Event::Agent(said) => said.process,
        Event::Loss(loss) => return loss.process.is_none_or(|process| processes.contains(&process)),
        Event::Provenance(_) | Event::Tracer(_) => return true,
        Event::Hook(_) | Event::DomainLog(_) | Event::Windows(_) => return false,
    };
    processes.contains(&process)
}

/// Who wrote the file that begins with these records.
fn writer(records: &[Record]) -> &str {
    match records.first().map(|record| &record.event) {
        Some(Event::Provenance(provenance)) => &provenance.writer,
        _ => "",
    }
}

/// A record of the hook as it would be at that tier.
fn hook_at(view: View, record: &Record) -> Record {
    let mut record = record.clone();
    if let Event::Hook(call) = &mut record.event
        && view < View::Log
    {
        call.terminated = None;
        if call.reason_source == Some(ReasonSource::Log) {
            call.reason = None;
            call.reason_source = None;
        }
    }
    record
}

/// A record of the recorder as it would be at that tier, if it were there at all.
fn recorder_at(view: View, record: &Record) -> Option<Record> {
    match &record.event {
        Event::Screen(_) => view.has_screen().then(|| record.clone()),
        Event::Agent(_) => view.has_agent().then(|| record.clone()),
        _ if view >= View::Probe => Some(record.clone()),
        _ if view <= View::Log => None,
        Event::Window(_) | Event::Activity(_) => None,
        Event::Probe(ProbeHit { sign, .. }) => is_seen_from_outside(sign).then(|| record.clone()),
        Event::Qemu(qemu) => Some(Record { event: Event::Qemu(without_probes(qemu)), ..record.clone() }),
        _ => Some(record.clone()),
    }
}

/// Whether the kernel alone tells it.
fn is_seen_from_outside(sign: &Sign) -> bool {
    matches!(sign, Sign::Signal { .. } | Sign::Exit { .. } | Sign::OomKill)
}

/// A process whose program has no symbols to attach to. KVM's tracepoints see nothing of it either: the
/// lab's guests run without KVM.
fn without_probes(qemu: &QemuProcess) -> QemuProcess {
    let missing = MissingSentinel {
        name: "QEMU's functions".to_owned(),
        consequence: "the lab has left them out: only signals and the exit of the process are known"
            .to_owned(),
    };
    QemuProcess { coverage: Coverage::Process, missing: vec![missing], ..qemu.clone() }
}

fn write_records(path: &Path, records: &[Record]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for record in records {
        serde_json::to_writer(&mut out, record)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use softoff_journal::Writer;
    use softoff_journal::record::{Operation, ShutoffReason, Termination, TracerState};

    use super::*;

    const OWN: ProcessId = ProcessId { pid: 10, start_ticks: 100 };
    const OTHER: ProcessId = ProcessId { pid: 20, start_ticks: 200 };

    fn call(uuid: Uuid, process: ProcessId) -> Event {
        Event::Hook(HookCall {
            domain: "one".to_owned(),
            uuid: Some(uuid),
            operation: Operation::Stopped,
            sub_operation: "end".to_owned(),
            extra: "-".to_owned(),
            reason: Some(ShutoffReason::Destroyed),
            reason_source: Some(ReasonSource::Log),
            terminated: Some(Termination { signal: 15, pid: None, name: None }),
            pid: Some(process.pid),
            start_ticks: Some(process.start_ticks),
            os: None,
            trouble: Vec::new(),
        })
    }

    fn hit(process: ProcessId, sign: Sign) -> Event {
        Event::Probe(ProbeHit { process, tid: process.pid, sign })
    }

    /// A journal of two domains, and the excerpt of the first.
    fn excerpt() -> Excerpt {
        let directory = tempfile::tempdir().unwrap();
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let write = |name: &str, events: Vec<Event>| {
            let mut writer = Writer::open(directory.path(), name, "1").unwrap();
            for event in events {
                writer.append_now(event).unwrap();
            }
        };
        write("hook", vec![call(own, OWN), call(other, OTHER)]);
        let ready = Event::Tracer(TracerState::Ready { pid: 1, missing: Vec::new() });
        let exit = |process| hit(process, Sign::Exit { status: Some(0), signal: None });
        write("tracer", vec![ready, hit(OWN, Sign::Stop), exit(OWN), exit(OTHER)]);
        Excerpt::of(&[own], directory.path(), directory.path()).unwrap()
    }

    fn events(excerpt: &Excerpt) -> Vec<&Event> {
        let records = excerpt.0.values().flatten();
        records.map(|record| &record.event).filter(|event| !matches!(event, Event::Provenance(_))).collect()
    }

    #[test]
    fn an_excerpt_holds_one_domain_and_the_recorders_own_life() {
        let excerpt = excerpt();
        let events = events(&excerpt);
        assert_eq!(events.len(), 4, "{events:?}");
        assert!(matches!(events[0], Event::Hook(call) if process_of(call) == Some(OWN)));
        assert!(matches!(events[1], Event::Tracer(_)));
        assert!(events[2..].iter().all(|event| matches!(event, Event::Probe(hit) if hit.process == OWN)));
    }

    #[test]
    fn the_full_tier_leaves_out_nothing() {
        let excerpt = excerpt();
        assert_eq!(excerpt.at(View::Guest), excerpt);
    }

    #[test]
    fn from_outside_only_signals_and_exits_are_seen() {
        let seen = excerpt().at(View::Process);
        let signs: Vec<_> = events(&seen)
            .into_iter()
            .filter_map(|event| match event {
                Event::Probe(hit) => Some(&hit.sign),
                _ => None,
            })
            .collect();
        assert!(matches!(signs[..], [Sign::Exit { .. }]), "{signs:?}");
    }

    #[test]
    fn below_the_process_only_the_hook_speaks_and_below_the_log_it_gives_no_reason() {
        for (view, reason) in [(View::Log, Some(ShutoffReason::Destroyed)), (View::Hook, None)] {
            let seen = excerpt().at(view);
            let events = events(&seen);
            let [Event::Hook(call)] = events[..] else { panic!("{events:?}") };
            assert_eq!(call.terminated.is_some(), reason.is_some(), "{call:?}");
            assert_eq!(call.reason, reason);
        }
    }

    #[test]
    fn an_excerpt_can_be_read_as_a_journal() {
        let directory = tempfile::tempdir().unwrap();
        let excerpt = excerpt();
        excerpt.write(directory.path()).unwrap();
        let again = Excerpt::of(&[Uuid::from_u128(1)], directory.path(), directory.path()).unwrap();
        assert_eq!(again, excerpt);
    }
}
