//! Gathering: which run a record belongs to.
//!
//! Hook records know the domain (UUID) and, while libvirt's pid file exists, the process; probe
//! records know the process; the tracer's record of a process knows both. A run is therefore found
//! by process where there is one, else by the domain's present run:
//!
//! ```text
//!  prepare ─▶ start ─▶ started(P) ─▶ … probe(P) … ─▶ stopped(P) ─▶ release
//!  └────────────── one run of the domain: one process P ──────────────┘
//! ```
//!
//! A run is handed on as soon as nothing more can belong to it, so memory is bounded by the
//! domains that are alive, not by the journal's length.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use softoff_journal::record::{
    Activity, DomainLog, HookCall, LogEntry, Loss, LossStage, Operation, ProbeHit, ProcessId, QemuProcess,
    Sign, TracerState, Window,
};
use softoff_journal::{Defect, Entry, Event, Record};
use uuid::Uuid;

use crate::assemble;
use crate::attempt::{self, Attempt};
use crate::episode::Episode;
use crate::guest_log::stop::Stop;
use crate::guest_log::{self, GuestLogs, Joined, Machine};
use crate::join_log;
use crate::limits;
use crate::run::{Boot, Fact, Run, Sighting, What, by_content};

/// The present, for what has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The boot that runs now.
    pub boot_id: Uuid,
    /// Its boot clock now, in nanoseconds.
    pub boot_ns: u64,
}

/// What came of a journal.
#[derive(Debug, Default)]
pub struct Analysis {
    /// All episodes, in the order of their boots and beginnings.
    pub episodes: Vec<Episode>,
    /// All that could not be read.
    pub defects: Vec<Defect>,
}

/// Analyses a whole journal, as [`softoff_journal::Reader`] streams it. `slow` is how long a shutdown
/// may take before it counts as slow, in nanoseconds: [`limits::SLOW`] where nobody says otherwise.
pub fn analyze(
    items: impl IntoIterator<Item = Result<Entry, Defect>>,
    as_of: Option<AsOf>,
    slow: u64,
) -> Analysis {
    analyze_with(GuestLogs::default(), items, as_of, slow)
}

/// The same where guests' event logs are known: their records among `items` are left alone, and what
/// they tell is joined to the episodes of their domains. `guests` has to have taken all of them.
pub fn analyze_with(
    guests: GuestLogs,
    items: impl IntoIterator<Item = Result<Entry, Defect>>,
    as_of: Option<AsOf>,
    slow: u64,
) -> Analysis {
    let mut analyzer = Analyzer::with_guests(guests, slow);
    let mut defects = Vec::new();
    for item in items {
        match item {
            Ok(entry) => analyzer.push(entry),
            Err(defect) => {
                analyzer.defect(&defect);
                defects.push(defect);
            }
        }
    }
    let mut episodes = join_log::join(analyzer.finish(as_of));
    let bad_lines = bad_lines(&defects);
    for episode in &mut episodes {
        episode.completeness.bad_lines = bad_lines.get(&episode.boot_id).copied().unwrap_or(0);
    }
    Analysis { episodes, defects }
}

/// Lines that could not be read, by boot. A file as a whole is no line.
fn bad_lines(defects: &[Defect]) -> HashMap<Uuid, u64> {
    let mut lines = HashMap::new();
    for boot_id in defects.iter().filter(|defect| defect.line > 0).filter_map(|defect| defect.boot_id) {
        *lines.entry(boot_id).or_insert(0) += 1;
    }
    lines
}

/// Takes records one by one and gives episodes.
///
/// Records of one boot may come out of order by up to [`limits::REORDER`]; the reader's order by
/// boot clock is more than enough.
#[derive(Debug)]
pub struct Analyzer {
    boots: Vec<Gathering>,
    /// Where each boot stands among them: each imported domain has one of its own.
    places: HashMap<Boot, usize>,
    slow: u64,
    guests: Arc<[Machine]>,
}

impl Analyzer {
    /// One that calls shutdowns slow from `slow` nanoseconds on.
    pub fn new(slow: u64) -> Self {
        Self::with_guests(GuestLogs::default(), slow)
    }

    /// One that knows guests' own event logs.
    pub fn with_guests(guests: GuestLogs, slow: u64) -> Self {
        Self { boots: Vec::new(), places: HashMap::new(), slow, guests: guests.machines().into() }
    }

    /// Takes one record.
    pub fn push(&mut self, entry: Entry) {
        let provenance = &entry.origin.provenance;
        let boot = Boot { id: provenance.boot_id, host: provenance.host.clone() };
        let at = self.places.get(&boot).copied().unwrap_or_else(|| {
            self.places.insert(boot.clone(), self.boots.len());
            self.boots.push(Gathering::new(boot, self.slow, Arc::clone(&self.guests)));
            self.boots.len() - 1
        });
        self.boots[at].push(entry.record);
    }

    /// Takes note of a record that could not be read: it may be the one that matters.
    pub fn defect(&mut self, defect: &Defect) {
        for gathering in self.boots.iter_mut().filter(|gathering| Some(gathering.boot.id) == defect.boot_id) {
            gathering.losses.push(Lost { between: defect.between.clone(), count: 0 });
        }
    }

    /// No more records: everything that is open is closed as of `as_of`, or of the last record.
    pub fn finish(self, as_of: Option<AsOf>) -> Vec<Episode> {
        let mut boots = self.boots;
        for gathering in &mut boots {
            gathering.close_all(as_of);
        }
        let alone = join(&mut boots, &self.guests, self.slow);
        let hosts = boots.into_iter().flat_map(Gathering::finish).collect();
        among(hosts, alone)
    }
}

/// Joins the guests' cycles to the runs that were held for them, and tells of those that no host saw.
fn join(boots: &mut [Gathering], guests: &[Machine], slow: u64) -> Vec<(DateTime<Utc>, Episode)> {
    let mut alone = Vec::new();
    for (index, machine) in guests.iter().enumerate() {
        let held: Vec<&Held> =
            boots.iter().flat_map(|boot| &boot.held).filter(|held| held.machine == index).collect();
        let joined = joined(&held, machine);
        let taken: HashSet<usize> = joined.iter().flatten().filter_map(|joined| joined.cycle).collect();
        let mut found = joined.into_iter();
        for boot in &mut *boots {
            boot.assemble(index, machine, &mut found);
        }
        let rest = machine.cycles.iter().enumerate().filter(|(cycle, _)| !taken.contains(cycle));
        alone.extend(rest.map(|(_, cycle)| guest_log::alone::episode(machine, cycle, slow)));
    }
    alone
}

/// What was found for each attempt of each run.
fn joined(held: &[&Held], machine: &Machine) -> Vec<Vec<Joined>> {
    let attempts: Vec<Vec<Attempt<'_>>> =
        held.iter().map(|held| attempt::attempts(&held.run, held.now)).collect();
    let all = || attempts.iter().flatten();
    let stops: Vec<_> = all().map(Stop::of).collect();
    let began = |attempt: &Attempt<'_>| attempt.facts.first().map(|fact| fact.wall).unwrap_or_default();
    let moments: Vec<_> = all().map(began).collect();
    let mut found = guest_log::join::join(&stops, &moments, &machine.cycles).into_iter();
    attempts.iter().map(|attempts| found.by_ref().take(attempts.len()).collect()).collect()
}

/// Episodes that no host recorded, put where they belong by their time.
fn among(mut hosts: Vec<Episode>, alone: Vec<(DateTime<Utc>, Episode)>) -> Vec<Episode> {
    for (at, episode) in alone {
        let later = |other: &Episode| other.request.at.is_some_and(|other| other > at);
        let place = hosts.iter().position(later).unwrap_or(hosts.len());
        hosts.insert(place, episode);
    }
    hosts
}

/// A run whose guest has an event log: it waits until all that may be joined to it is known.
#[derive(Debug)]
struct Held {
    machine: usize,
    run: Run,
    /// What was lost until it was closed.
    losses: Vec<Lost>,
    /// The boot clock when it was closed.
    now: u64,
}

/// The runs of one boot of one host.
#[derive(Debug)]
struct Gathering {
    boot: Boot,
    /// Records that an earlier one may still have to come before.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Runs that may still grow. The newest of a domain is its present one.
    open: Vec<Run>,
    /// When the tracer watched: absence of a sign outside proves nothing.
    watch: Watch,
    /// What was lost of nobody knows which process.
    losses: Vec<Lost>,
    /// The latest boot clock seen.
    now: u64,
    /// When open runs were last looked through.
    settled_at: u64,
    /// Boot clock of the tracer's last record.
    tracer_wrote: u64,
    /// From how many nanoseconds on a shutdown is slow.
    slow: u64,
    /// The guests whose own event logs are known, and the runs that wait for them.
    guests: Arc<[Machine]>,
    held: Vec<Held>,
    done: Vec<(u64, Episode)>,
}

/// Something was lost at some time within these nanoseconds of the boot clock.
#[derive(Debug, Clone)]
pub struct Lost {
    /// When.
    pub between: RangeInclusive<u64>,
    /// How many events; lines that could not be read are counted elsewhere.
    pub count: u64,
}

/// The stretches in which the tracer was watching.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Beginning and, where it was said, end.
    stretches: Vec<(u64, Option<u64>)>,
    /// Sentinels of kernel and libvirt that were missing at some time.
    missing: HashSet<String>,
}

impl Watch {
    fn note(&mut self, boot_ns: u64, state: &TracerState) {
        match state {
            TracerState::Ready { missing, .. } => {
                self.stretches.push((boot_ns, None));
                self.missing.extend(missing.iter().map(|part| part.name.clone()));
            }
            TracerState::Stopped { .. } => {
                if let Some((_, end @ None)) = self.stretches.last_mut() {
                    *end = Some(boot_ns);
                }
            }
        }
    }

    /// Whether a sentinel of the kernel or of libvirt was missing.
    pub fn lacks(&self, sentinel: &str) -> bool {
        self.missing.contains(sentinel)
    }

    /// The tracer never watched in this boot.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Whether one stretch covers all of `from..=to`. A tracer that started again in between, or
    /// that said it stopped, was away.
    pub fn covers(&self, from: u64, to: u64) -> bool {
        let covering = self.stretches.iter().rposition(|(begin, _)| *begin <= from);
        covering.is_some_and(|at| {
            let next = self.stretches.get(at + 1).map(|(begin, _)| *begin);
            let end = self.stretches[at].1.into_iter().chain(next).min();
            end.is_none_or(|end| end >= to)
        })
    }
}

impl Gathering {
    fn new(boot: Boot, slow: u64, guests: Arc<[Machine]>) -> Self {
        Self {
            boot,
            slow,
            guests,
            held: Vec::new(),
            tracer_wrote: 0,
            waiting: BinaryHeap::new(),
            open: Vec::new(),
            watch: Watch::default(),
            losses: Vec::new(),
            now: 0,
            settled_at: 0,
            done: Vec::new(),
        }
    }

    fn push(&mut self, record: Record) {
        self.now = self.now.max(record.boot_ns);
        self.waiting.push(Reverse(Waiting(record)));
        let due = self.now.saturating_sub(limits::REORDER);
        while self.waiting.peek().is_some_and(|Reverse(Waiting(next))| next.boot_ns < due) {
            self.take_next();
        }
    }

    fn take_next(&mut self) {
        if let Some(Reverse(Waiting(next))) = self.waiting.pop() {
            self.take(next);
        }
    }

    fn take(&mut self, Record { boot_ns, wall, event }: Record) {
        let of_tracer = matches!(
            event,
            Event::Qemu(_)
                | Event::Tracer(_)
                | Event::Probe(_)
                | Event::Window(_)
                | Event::Activity(_)
                | Event::Loss(_)
        );
        match event {
            // Imported evidence is joined elsewhere.
            Event::Provenance(_) | Event::Windows(_) => {}
            Event::Hook(call) => self.hook(boot_ns, wall, call),
            Event::Qemu(process) => self.qemu(boot_ns, process),
            Event::Tracer(state) => self.watch.note(boot_ns, &state),
            Event::Probe(hit) => self.probe(boot_ns, wall, hit),
            Event::Window(window) => self.window(boot_ns, &window),
            Event::Activity(activity) => self.activity(boot_ns, &activity),
            Event::Screen(screen) => {
                self.inside(boot_ns, wall, screen.process, What::Screen(Box::new(screen)));
            }
            Event::Agent(said) => self.inside(boot_ns, wall, said.process, What::Agent(Box::new(said))),
            Event::DomainLog(log) => self.domain_log(boot_ns, wall, log),
            Event::Loss(loss) => self.loss(boot_ns, &loss),
        }
        if of_tracer {
            self.tracer_wrote = boot_ns;
        }
        if boot_ns.saturating_sub(self.settled_at) > limits::SETTLE_AFTER_RELEASE {
            self.settle(boot_ns);
        }
    }

    fn hook(&mut self, boot_ns: u64, wall: DateTime<Utc>, call: HookCall) {
        let process = process_of(&call);
        let at = self.run_for_hook(&call, process);
        let run = &mut self.open[at];
        run.uuid = run.uuid.or(call.uuid);
        run.name = Some(call.domain.clone());
        run.os = run.os.take().or_else(|| call.os.clone());
        run.process = run.process.or(process);
        run.add(Fact { boot_ns, wall, what: What::Hook(Box::new(call)) });
    }

    /// The run a hook call belongs to: the one of its process, else the domain's present one
    /// unless this call begins another.
    fn run_for_hook(&mut self, call: &HookCall, process: Option<ProcessId>) -> usize {
        if let Some(at) = process.and_then(|process| self.find_process(process)) {
            return at;
        }
        let present = self.open.iter().rposition(|run| is_domain(run, call));
        match present.filter(|at| continues(&self.open[*at], call, process)) {
            Some(at) => at,
            None => self.open_run(),
        }
    }

    fn qemu(&mut self, boot_ns: u64, process: QemuProcess) {
        let at = self.run_for_process(process.process);
        let run = &mut self.open[at];
        run.uuid = run.uuid.or(process.uuid);
        run.name = run.name.take().or_else(|| process.domain.clone());
        run.os = run.os.take().or_else(|| process.os.clone());
        run.sightings.push(Sighting::of(boot_ns, &process));
        // The tracer may have met it before libvirt's child became QEMU.
        if run.watched.as_ref().is_none_or(|(_, known)| known.coverage < process.coverage) {
            run.watched = Some((boot_ns, process));
        }
        self.unite(at);
    }

    /// A run found through its process may be the later half of one the hook began.
    fn unite(&mut self, at: usize) {
        let Some(uuid) = self.open[at].uuid else { return };
        let other = self.open.iter().rposition(|run| run.uuid == Some(uuid) && run.process.is_none());
        if let Some(other) = other.filter(|other| *other != at && may_be_one(&self.open[*other])) {
            let part = self.open.remove(at);
            let other = if at < other { other - 1 } else { other };
            self.open[other].absorb(part);
        }
    }

    fn probe(&mut self, boot_ns: u64, wall: DateTime<Utc>, hit: ProbeHit) {
        // libvirt may answer long after QEMU is gone and its run was handed on.
        let late = matches!(hit.sign, Sign::LibvirtReturn { .. }) && self.find_process(hit.process).is_none();
        if late {
            return;
        }
        let at = self.run_for_process(hit.process);
        self.open[at].add(Fact { boot_ns, wall, what: What::Sign(hit.sign) });
    }

    /// All that is imported of one domain has a boot of its own: a start begins the only run that is open.
    fn domain_log(&mut self, boot_ns: u64, wall: DateTime<Utc>, log: DomainLog) {
        let starts = matches!(log.entry, LogEntry::Starting { .. });
        if starts || self.open.is_empty() {
            let before = std::mem::take(&mut self.open);
            self.close(before, boot_ns);
            self.open_run();
        }
        let Some(run) = self.open.last_mut() else { return };
        if let LogEntry::Starting { uuid, .. } = &log.entry {
            run.uuid = *uuid;
        }
        run.name.get_or_insert_with(|| log.domain.clone());
        run.add(Fact { boot_ns, wall, what: What::Log(Box::new(log)) });
    }

    /// What was seen of the guest itself. It may come after its run was handed on: a look takes its time.
    fn inside(&mut self, boot_ns: u64, wall: DateTime<Utc>, process: ProcessId, what: What) {
        if let Some(at) = self.find_process(process) {
            self.open[at].add(Fact { boot_ns, wall, what });
        }
    }

    fn window(&mut self, boot_ns: u64, window: &Window) {
        let at = self.run_for_process(window.process);
        self.open[at].activity.note(boot_ns, window);
    }

    fn activity(&mut self, boot_ns: u64, activity: &Activity) {
        let at = self.run_for_process(activity.process);
        self.open[at].activity.add(boot_ns, activity);
    }

    fn loss(&mut self, boot_ns: u64, loss: &Loss) {
        if let Some(at) = loss.process.and_then(|process| self.find_process(process)) {
            self.open[at].lost += loss.count;
        } else {
            let since = match loss.stage {
                // A full disk: everything since the tracer's last record may be among it.
                LossStage::Journal => self.tracer_wrote,
                _ => boot_ns.saturating_sub(limits::LOSS_PERIOD),
            };
            let between = since.min(boot_ns)..=boot_ns;
            self.losses.push(Lost { between, count: loss.count });
        }
    }

    fn run_for_process(&mut self, process: ProcessId) -> usize {
        self.find_process(process).unwrap_or_else(|| {
            let at = self.open_run();
            self.open[at].process = Some(process);
            at
        })
    }

    fn find_process(&self, process: ProcessId) -> Option<usize> {
        self.open.iter().rposition(|run| run.process == Some(process))
    }

    fn open_run(&mut self) -> usize {
        self.open.push(Run::new(self.boot.clone()));
        self.open.len() - 1
    }

    /// Hands on the runs to which nothing can be added any more.
    fn settle(&mut self, now: u64) {
        self.settled_at = now;
        let (settled, open) =
            std::mem::take(&mut self.open).into_iter().partition(|run| is_settled(run, now));
        self.open = open;
        self.close(settled, now);
        let oldest = self.open.iter().filter_map(first_fact).min().unwrap_or(now);
        self.losses.retain(|lost| *lost.between.end() >= oldest);
    }

    fn close(&mut self, runs: Vec<Run>, now: u64) {
        for run in runs {
            if let Some(machine) = self.guests.iter().position(|machine| machine.is_guest_of(&run)) {
                self.held.push(Held { machine, run, losses: self.losses.clone(), now });
                continue;
            }
            let (watch, losses) = (&self.watch, self.losses.as_slice());
            let context = assemble::Context { watch, losses, now, slow: self.slow, inside: None };
            self.done.extend(assemble::episodes(&run, &context));
        }
    }

    /// Assembles the runs that were held for this guest; `found` gives what was found for each of them.
    fn assemble(&mut self, index: usize, machine: &Machine, found: &mut impl Iterator<Item = Vec<Joined>>) {
        let (held, rest) =
            std::mem::take(&mut self.held).into_iter().partition(|held: &Held| held.machine == index);
        self.held = rest;
        for Held { run, losses, now, .. } in held {
            let joined = found.next().unwrap_or_default();
            let (watch, inside) = (&self.watch, Some((machine, joined.as_slice())));
            let context = assemble::Context { watch, losses: &losses, now, slow: self.slow, inside };
            self.done.extend(assemble::episodes(&run, &context));
        }
    }

    fn close_all(&mut self, as_of: Option<AsOf>) {
        let present = as_of.filter(|as_of| as_of.boot_id == self.boot.id);
        let now = present.map_or(self.now, |as_of| as_of.boot_ns.max(self.now));
        while !self.waiting.is_empty() {
            self.take_next();
        }
        let open = std::mem::take(&mut self.open);
        self.close(open, now);
    }

    fn finish(mut self) -> Vec<Episode> {
        self.done.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        self.done.into_iter().map(|(_, episode)| episode).collect()
    }
}

/// A record in the heap: by boot clock, then the hook's before the tracer's, then by content, so
/// that the order of arrival does not matter.
#[derive(Debug, PartialEq, Eq)]
struct Waiting(Record);

impl Waiting {
    fn rank(&self) -> u8 {
        match self.0.event {
            Event::Provenance(_) | Event::Tracer(_) => 0,
            Event::Qemu(_) => 1,
            Event::Hook(_) => 2,
            Event::Probe(_) => 3,
            Event::Window(_)
            | Event::Activity(_)
            | Event::Screen(_)
            | Event::Agent(_)
            | Event::DomainLog(_)
            | Event::Windows(_) => 4,
            Event::Loss(_) => 5,
        }
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |waiting: &Self| (waiting.0.boot_ns, waiting.rank());
        key(self).cmp(&key(other)).then_with(|| by_content(&self.0.event, &other.0.event))
    }
}

fn process_of(call: &HookCall) -> Option<ProcessId> {
    Some(ProcessId { pid: call.pid?, start_ticks: call.start_ticks? })
}

fn is_domain(run: &Run, call: &HookCall) -> bool {
    match (run.uuid, call.uuid) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => run.name.as_deref() == Some(call.domain.as_str()),
    }
}

/// Whether `call` goes on with the domain's present run rather than beginning another.
fn continues(run: &Run, call: &HookCall, process: Option<ProcessId>) -> bool {
    if has(run, &Operation::Release) {
        return false;
    }
    if run.process.is_some() && process.is_some() && run.process != process {
        return false;
    }
    match call.operation {
        // A run begins with these; only others of them may stand before.
        Operation::Migrate | Operation::Restore | Operation::Prepare | Operation::Start => {
            may_be_one(run) && !has(run, &call.operation)
        }
        _ => true,
    }
}

/// Nothing of this run tells of a QEMU process yet.
fn may_be_one(run: &Run) -> bool {
    let before_qemu = |fact: &Fact| {
        use Operation::{Migrate, Prepare, Restore, Start};
        matches!(fact.operation(), Some(Migrate | Restore | Prepare | Start))
    };
    run.process.is_none() && run.facts.iter().all(before_qemu)
}

fn has(run: &Run, operation: &Operation) -> bool {
    run.facts.iter().any(|fact| fact.operation() == Some(operation))
}

fn first_fact(run: &Run) -> Option<u64> {
    run.facts.iter().map(|fact| fact.boot_ns).min()
}

fn is_settled(run: &Run, now: u64) -> bool {
    run.facts.iter().any(|fact| {
        let settle = match (&fact.what, fact.operation()) {
            (_, Some(Operation::Release)) => limits::SETTLE_AFTER_RELEASE,
            (What::Sign(Sign::Exit { .. }), _) => limits::SETTLE_AFTER_EXIT,
            _ => return false,
        };
        now.saturating_sub(fact.boot_ns) > settle
    })
}
