//! The loop: from the kernel's ring buffer and `/proc` to the journal.
//!
//! What is known of a process number:
//!
//! ```text
//!             scan, exec, first hit, pid file
//!  unknown ───────────────┬──────────────┬───────────────────┐
//!                  runs a guest    does not run one   ended too soon
//!                         ▼              ▼                   ▼
//!                       Guest          Other               Gone
//!                  signs recorded    ignored     signs recorded, domain unknown
//!                         └──────────────┴─────────┬─────────┘
//!                                             exit │ or another start time
//!                                                  ▼
//!                                              forgotten
//! ```
//!
//! A daemon of libvirt is another role: it is watched through its library, and its signs are those
//! of the guests it is called about.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use softoff_abi::{Event as Hit, Kind, LOST_RATE_LIMIT, LOST_RING_FULL, ProcessImage, names_daemon};
use softoff_journal::process::NANOS_PER_TICK;
use softoff_journal::record::{
    Coverage, Loss, LossStage, MissingSentinel, ProbeHit, ProcessId, Screen, Sign, TracerState,
};
use softoff_journal::{Event, Record, Stamp, Writer};
use uuid::Uuid;

use crate::attachment::{Attachments, Target, no_library};
use crate::binary::FileId;
use crate::daemon::{self, Daemons};
use crate::discovery::{self, Candidate, Finding};
use crate::forensics::{Forensics, Timed};
use crate::libvirt::Libvirt;
use crate::looks::{LookPlan, Looks};
use crate::programs::{Entry, Programs};
use crate::sink::Sink;
use crate::tracefs::Tracefs;
use crate::witness::{Outcome, Witness};
use crate::{Notice, TracerError, decode, kernel, proc};

/// How often counters are read and libvirt's directory is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Insert into a BPF map, or change what is there.
const BPF_ANY: u64 = 0;

/// A running tracer.
pub struct Tracer<'a> {
    programs: Programs,
    sink: Sink<Writer>,
    libvirt: Libvirt,
    attachments: Attachments,
    forensics: Forensics,
    /// Looks at guests while their shutdown lasts, where that is wanted and possible.
    looking: Option<(Looks, Witness)>,
    processes: HashMap<u32, Process>,
    daemons: Daemons,
    losses: Losses,
    notify: &'a mut dyn FnMut(Notice),
}

/// What a tracer did in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Records in the journal.
    pub written: u64,
    /// Records that could not be written.
    pub unwritten: u64,
    /// What the probes did not send.
    pub losses: Losses,
}

/// Events that the probes did not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// They found the ring buffer full.
    pub ring_buffer: u64,
    /// They were more than one process may send.
    pub rate_limit: u64,
}

/// A process number that is known.
struct Process {
    id: ProcessId,
    role: Role,
    /// What it executes, where that is attached to.
    file: Option<FileId>,
    /// The domain it runs.
    uuid: Option<Uuid>,
    /// Events of it that the rate limit dropped, as far as they are recorded.
    dropped: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Guest(Coverage),
    Other,
    Gone { events: u64 },
    Daemon,
}

/// How a process was heard of.
#[derive(Clone, Copy)]
struct Heard {
    /// When, on `CLOCK_BOOTTIME` in nanoseconds.
    at: u64,
    /// It has just begun, so that no guest has run in it yet.
    by_exec: bool,
}

impl Heard {
    fn now() -> Self {
        Self { at: Stamp::now().boot_ns, by_exec: false }
    }
}

impl Process {
    /// Whose events were lost where this process's were: those of a daemon are about any guest.
    fn loses(&self) -> Option<ProcessId> {
        (self.role != Role::Daemon).then_some(self.id)
    }
}

/// What is recorded of a look that came to nothing.
fn unseen(process: ProcessId) -> Screen {
    let why = "the look came to nothing: softoff-witness crashed, or had to be ended after 30 s";
    let trouble = vec![why.to_owned()];
    Screen { process, picture: None, text: None, reader: None, took_ms: 0, trouble }
}

/// Gives back what loading took: the kernel's type information is megabytes and not needed again.
fn return_memory() {
    // SAFETY: takes a number, touches only what the allocator knows to be free.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

impl fmt::Debug for Tracer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("losses", &self.losses).finish_non_exhaustive()
    }
}

impl<'a> Tracer<'a> {
    /// Attaches to the kernel and to every QEMU that runs, and says in the journal that it is
    /// ready. `version` is the program's, for the journal.
    pub fn start(
        journal: &Path,
        version: &str,
        notify: &'a mut dyn FnMut(Notice),
    ) -> Result<Self, TracerError> {
        kernel::check()?;
        kernel::raise_descriptor_limit();
        let tracefs = Tracefs::find().ok_or(TracerError::NoTracefs)?;
        let mut tracer = Self {
            sink: Sink::new(Writer::open(journal, "tracer", version)?),
            programs: Programs::load(&tracefs)?,
            libvirt: Libvirt::system(),
            attachments: Attachments::default(),
            forensics: Forensics::default(),
            looking: None,
            processes: HashMap::new(),
            daemons: Daemons::default(),
            losses: Losses::default(),
            notify,
        };
        tracer.scan();
        let of_libvirt = tracer.scan_daemons(true);
        tracer.daemons.expect();
        return_memory();
        tracer.say_ready(journal.to_owned(), of_libvirt);
        Ok(tracer)
    }

    /// Looks at guests too, while their shutdown lasts, and has what is seen written to `journal`.
    pub fn look_at_guests(&mut self, plan: LookPlan, journal: &Path) {
        match Witness::find(journal, plan.settings) {
            Ok(witness) => self.looking = Some((Looks::new(plan), witness)),
            Err(why) => self.stop_looking(why),
        }
    }

    /// Finds the QEMU processes that run already.
    fn scan(&mut self) {
        let of_libvirt = self.libvirt.new_pids();
        for pid in proc::pids() {
            self.look_at(pid, of_libvirt.contains(&pid), Heard::now());
        }
    }

    /// `of_libvirt`: what its library does not let be seen, and has been said.
    fn say_ready(&mut self, journal: PathBuf, of_libvirt: Vec<MissingSentinel>) {
        let mut missing = self.programs.missing.clone();
        for sentinel in &missing {
            (self.notify)(Notice::NotInKernel(sentinel.clone()));
        }
        missing.extend(of_libvirt);
        self.record_now(Event::Tracer(TracerState::Ready { pid: std::process::id(), missing }));
        let count = |coverage| {
            self.processes.values().filter(|process| process.role == Role::Guest(coverage)).count()
        };
        let watched = [count(Coverage::Symbols), count(Coverage::Kvm), count(Coverage::Process)];
        (self.notify)(Notice::Ready { watched, journal });
    }

    /// Records until `stop` becomes readable, then writes what is left. Dropping the tracer is what
    /// takes long: the kernel needs some 110 ms to detach each sentinel, one after the other,
    /// however it is asked to.
    pub fn run(&mut self, stop: BorrowedFd<'_>) -> Result<Summary, TracerError> {
        let mut next_tick = Instant::now() + TICK;
        loop {
            let stopping = self.wait(stop, self.until(next_tick)).map_err(TracerError::Wait)?;
            self.drain();
            let looked = self.forensics.look(&mut self.programs);
            self.record_all(looked);
            if stopping {
                return Ok(self.finish());
            }
            if Instant::now() >= next_tick {
                self.tick();
                next_tick = Instant::now() + TICK;
            }
        }
    }

    /// The end of the next bin, where a window is open, but not after the tick.
    fn until(&self, tick: Instant) -> Instant {
        let left = |due: u64| Duration::from_nanos(due.saturating_sub(Stamp::now().boot_ns));
        self.forensics.due().map_or(tick, |due| tick.min(Instant::now() + left(due)))
    }

    /// Waits for events, the tick or the end; true for the end.
    fn wait(&self, stop: BorrowedFd<'_>, until: Instant) -> io::Result<bool> {
        let mut fds = [
            PollFd::from_borrowed_fd(self.programs.events.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(stop, PollFlags::IN),
        ];
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => Ok(!fds[1].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn drain(&mut self) {
        while let Some(hit) = self.next_hit() {
            self.handle(&hit);
        }
    }

    fn next_hit(&mut self) -> Option<Hit> {
        // An entry of another length cannot be: both sides are built from one definition.
        self.programs.events.next().and_then(|entry| Hit::from_bytes(&entry))
    }

    fn tick(&mut self) {
        for pid in self.libvirt.new_pids() {
            let watched = |process: &Process| matches!(process.role, Role::Guest(_));
            if !self.processes.get(&pid).is_some_and(watched) {
                self.look_at(pid, true, Heard::now());
            }
        }
        if let Some(last) = self.daemons.look() {
            self.scan_daemons(last);
        }
        self.look();
        self.record_losses();
        self.let_go();
        self.sink.retry(self.notify);
    }

    /// Ends the look that is over, and begins the next that is due. Never waits.
    fn look(&mut self) {
        let Some((looks, witness)) = &mut self.looking else { return };
        match witness.poll() {
            Some((process, Outcome::Seen)) => looks.succeeded(process),
            Some((process, Outcome::Killed)) => self.record_now(Event::Screen(unseen(process))),
            Some((_, Outcome::Unusable(why))) => self.stop_looking(why),
            Some((_, Outcome::Unseen)) | None => {}
        }
        let Some((looks, witness)) = self.looking.as_mut().filter(|(_, witness)| !witness.is_busy()) else {
            return;
        };
        let look = looks.next(Stamp::now().boot_ns);
        if let Some(Err(why)) = look.map(|look| witness.start(&look)) {
            self.stop_looking(why);
        }
    }

    fn stop_looking(&mut self, why: String) {
        self.looking = None;
        (self.notify)(Notice::NoWitness { why });
    }

    /// Lets those who look at guests know of a sign.
    fn tell_witness(&mut self, process: ProcessId, sign: &Sign, at: u64) {
        let uuid = self.processes.get(&process.pid).and_then(|process| process.uuid);
        if let (Some((looks, _)), Some(uuid)) = (&mut self.looking, uuid) {
            looks.see(process, uuid, sign, at);
        }
    }

    /// Detaches from executables that are long out of use.
    fn let_go(&mut self) {
        let in_use = self.processes.values().filter_map(|process| process.file).collect();
        self.attachments.let_go(&mut self.programs, &in_use);
        self.forensics.let_go(&mut self.programs, &mut self.attachments);
    }

    fn finish(&mut self) -> Summary {
        // A look that lasts is ended with it.
        self.looking = None;
        let closed = self.forensics.finish(&mut self.programs);
        self.record_all(closed);
        self.record_losses();
        self.record_now(Event::Tracer(TracerState::Stopped { pid: std::process::id() }));
        self.sink.retry(self.notify);
        Summary { written: self.sink.written(), unwritten: self.sink.lost(), losses: self.losses }
    }

    fn handle(&mut self, hit: &Hit) {
        let Some(kind) = Kind::from_number(hit.kind) else { return };
        self.forget_predecessor(hit);
        if daemon::is_its(hit, kind) {
            self.hear_daemon(hit, kind);
        } else if kind == Kind::Exec || !self.processes.contains_key(&hit.pid) {
            self.identify(hit, kind);
        }
        let Some(process) = self.processes.get_mut(&hit.pid) else { return };
        if let Role::Gone { events } = &mut process.role {
            *events += 1;
        }
        if !matches!(process.role, Role::Other | Role::Daemon)
            && let Some(sign) = decode::sign(hit)
        {
            let guest = process.file.map(|file| (process.id, file));
            let hit_of = ProbeHit { process: process.id, tid: hit.tid, sign: sign.clone() };
            let id = process.id;
            self.record_at(hit.boot_ns, Event::Probe(hit_of));
            self.look_closer(guest, &sign, hit.boot_ns);
            self.tell_witness(id, &sign, hit.boot_ns);
        }
        if kind == Kind::Exit {
            self.forget(hit.pid, hit.args[1]);
        }
    }

    /// Opens a window, or lets the one that is open know.
    fn look_closer(&mut self, guest: Option<(ProcessId, FileId)>, sign: &Sign, at: u64) {
        let Some(guest) = guest else { return };
        let opened = self.forensics.see(guest, sign, at, &mut self.programs, &mut self.attachments);
        self.record_all(opened);
    }

    /// What another process of the same number was says nothing about this one.
    fn forget_predecessor(&mut self, hit: &Hit) {
        let start_ticks = hit.start_ns / NANOS_PER_TICK;
        let other = |process: &mut Process| hit.start_ns != 0 && process.id.start_ticks != start_ticks;
        if self.processes.get_mut(&hit.pid).is_some_and(other) {
            self.processes.remove(&hit.pid);
        }
    }

    /// Finds out what a process is that has just been heard of.
    fn identify(&mut self, hit: &Hit, kind: Kind) {
        self.processes.remove(&hit.pid);
        let heard = Heard { at: hit.boot_ns, by_exec: kind == Kind::Exec };
        let found = self.look_at(hit.pid, false, heard);
        if self.processes.contains_key(&hit.pid) {
            return;
        }
        let id = ProcessId { pid: hit.pid, start_ticks: hit.start_ns / NANOS_PER_TICK };
        let unnamed = match kind {
            Kind::Exec => !discovery::name_of_emulator(hit.comm()),
            Kind::Exit => names_daemon(&hit.comm),
            _ => false,
        };
        let role = if found || unnamed { Role::Other } else { Role::Gone { events: 0 } };
        self.processes.insert(hit.pid, Process { id, role, file: None, uuid: None, dropped: 0 });
    }

    /// A daemon has begun, or serves a call.
    fn hear_daemon(&mut self, hit: &Hit, kind: Kind) {
        let is_known = self.processes.get(&hit.pid).is_some_and(|process| process.role == Role::Daemon);
        if !is_known || kind == Kind::Exec {
            let id = ProcessId { pid: hit.pid, start_ticks: hit.start_ns / NANOS_PER_TICK };
            let daemon = Process { id, role: Role::Daemon, file: None, uuid: None, dropped: 0 };
            self.processes.insert(hit.pid, daemon);
            self.daemons.expect();
        }
        if matches!(kind, Kind::LibvirtCall | Kind::LibvirtReturn) {
            let called = self.process_of(decode::domain(hit));
            let about = self.daemons.about(hit, kind, called);
            if let (Some(process), Some(sign)) = (about, decode::sign(hit)) {
                let file = self.processes.get(&process.pid).and_then(|process| process.file);
                let hit_of = ProbeHit { process, tid: hit.tid, sign: sign.clone() };
                self.record_at(hit.boot_ns, Event::Probe(hit_of));
                self.look_closer(file.map(|file| (process, file)), &sign, hit.boot_ns);
                self.tell_witness(process, &sign, hit.boot_ns);
            }
        }
    }

    /// The only process that runs this domain.
    fn process_of(&self, domain: Uuid) -> Option<ProcessId> {
        let mut running = self.processes.values().filter(|process| process.uuid == Some(domain));
        let process = running.next()?;
        running.next().is_none().then_some(process.id)
    }

    /// Watches the daemons that run, and says so where that fails and this look is the last. Gives
    /// what is missing.
    fn scan_daemons(&mut self, last: bool) -> Vec<MissingSentinel> {
        let mut missing = Vec::new();
        for pid in daemon::pids() {
            let is_watched = |process: &Process| process.role == Role::Daemon && process.file.is_some();
            if self.processes.get(&pid).is_some_and(is_watched) {
                continue;
            }
            match self.watch_daemon(pid) {
                Ok(of_library) => missing.extend(of_library),
                Err(why) if last && proc::process(pid).is_ok() => missing.extend(self.complain(pid, &why)),
                Err(_) => {}
            }
        }
        missing
    }

    fn complain(&mut self, pid: u32, why: &str) -> Option<MissingSentinel> {
        let said = std::mem::replace(&mut self.daemons.complained, true);
        (!said).then(|| {
            let missing = no_library(&format!("libvirt's daemon, process {pid}, {why}"));
            (self.notify)(Notice::NotInLibvirt(missing.clone()));
            missing
        })
    }

    /// Attaches to the library of a daemon; the error says why that is not possible. Gives what the
    /// library lacks, the first time.
    fn watch_daemon(&mut self, pid: u32) -> Result<Vec<MissingSentinel>, String> {
        let unreadable =
            |error: io::Error| format!("cannot be looked at ({error}); run as root or with CAP_SYS_PTRACE");
        let id = proc::process(pid).map_err(unreadable)?;
        let found = daemon::library(pid).map_err(unreadable)?;
        let (file, executable) = found.ok_or("has not loaded libvirt's library")?;
        let file_id = FileId::of(&file).map_err(unreadable)?;
        let (attachment, first) =
            self.attachments.attach(&mut self.programs, Target::Libvirt, file_id, &file);
        if self.enter(id, attachment.number) {
            let daemon = Process { id, role: Role::Daemon, file: Some(file_id), uuid: None, dropped: 0 };
            self.processes.insert(pid, daemon);
        }
        let missing = if first { attachment.missing } else { Vec::new() };
        for missing in missing.clone() {
            (self.notify)(Notice::NotInBinary { executable: executable.clone(), missing });
        }
        Ok(missing)
    }

    /// Looks at a process and watches it if it runs a guest; false where it is not there any more.
    fn look_at(&mut self, pid: u32, of_libvirt: bool, heard: Heard) -> bool {
        match discovery::look_at(pid, of_libvirt) {
            Finding::Guest(candidate) => self.watch(candidate, heard),
            Finding::Other => true,
            Finding::Gone => false,
            Finding::Unreadable(error) => {
                let why =
                    format!("its executable cannot be opened ({error}); run as root or with CAP_SYS_PTRACE");
                (self.notify)(Notice::Unreadable { pid, why });
                true
            }
        }
    }

    fn watch(&mut self, candidate: Candidate, heard: Heard) -> bool {
        let (id, file_id) = (candidate.id, candidate.file_id);
        let (attachment, first) =
            self.attachments.attach(&mut self.programs, Target::Qemu, file_id, &candidate.file);
        if first {
            for missing in attachment.missing.clone() {
                let executable = candidate.executable.clone();
                (self.notify)(Notice::NotInBinary { executable, missing });
            }
        }
        if !self.enter(id, attachment.number) {
            return false;
        }
        let coverage = match attachment {
            _ if attachment.tells_the_story => Coverage::Symbols,
            _ if self.programs.kvm && candidate.may_use_kvm() => Coverage::Kvm,
            _ => Coverage::Process,
        };
        let mut qemu = candidate.describe(&self.libvirt, attachment.build_id, coverage, attachment.missing);
        if let Some(agent) = qemu.agent.as_mut().filter(|_| heard.by_exec) {
            agent.open = Some(false);
        }
        let role = Role::Guest(coverage);
        let process = Process { id, role, file: Some(file_id), uuid: qemu.uuid, dropped: 0 };
        self.processes.insert(id.pid, process);
        self.record_at(heard.at, Event::Qemu(qemu.clone()));
        (self.notify)(Notice::Found(Box::new(qemu)));
        true
    }

    /// Tells the probes which process this is and through which file it is watched; false where it
    /// ended unseen.
    fn enter(&mut self, id: ProcessId, binary: u16) -> bool {
        // Its exec or a first hit may have entered it already. Then its end is, or was, seen.
        let known = self.programs.processes.get(&id.pid, 0).map(|Entry(image)| image).ok();
        let start_ns = id.start_ticks * NANOS_PER_TICK;
        let mut image = known.unwrap_or(ProcessImage::new(start_ns));
        image.start_ns = start_ns;
        image.binary = binary.into();
        // Where the map is full, its hits are seen but not its end.
        let _ = self.programs.processes.insert(id.pid, Entry(image), BPF_ANY);
        if proc::process(id.pid).ok() == Some(id) {
            return true;
        }
        let _ = self.programs.processes.remove(&id.pid);
        known.is_some()
    }

    /// Forgets an ended process, with `dropped` events of it in all.
    fn forget(&mut self, pid: u32, dropped: u64) {
        let Some(process) = self.processes.remove(&pid) else { return };
        self.daemons.forget(pid);
        self.forensics.ended(process.id);
        if process.role != Role::Other {
            self.record_loss(LossStage::RateLimit, dropped.saturating_sub(process.dropped), process.loses());
        }
        if let Role::Gone { events } = process.role {
            self.record_loss(LossStage::Identity, events, Some(process.id));
        }
    }

    /// Records what the probes counted since the last time.
    fn record_losses(&mut self) {
        let now = Losses {
            ring_buffer: self.programs.lost.get(&LOST_RING_FULL, 0).unwrap_or(0),
            rate_limit: self.programs.lost.get(&LOST_RATE_LIMIT, 0).unwrap_or(0),
        };
        let before = std::mem::replace(&mut self.losses, now);
        self.record_loss(LossStage::RingBuffer, now.ring_buffer - before.ring_buffer, None);
        if now.rate_limit != before.rate_limit {
            self.record_dropped();
        }
        if now.ring_buffer != before.ring_buffer {
            self.forget_ended();
        }
    }

    fn record_dropped(&mut self) {
        let mut losses = Vec::new();
        for (pid, process) in &mut self.processes {
            let Ok(Entry(image)) = self.programs.processes.get(pid, 0) else { continue };
            losses.push((process.loses(), image.dropped.saturating_sub(process.dropped)));
            process.dropped = image.dropped;
        }
        for (process, count) in losses {
            self.record_loss(LossStage::RateLimit, count, process);
        }
    }

    /// Where events were lost, exits may have been among them.
    fn forget_ended(&mut self) {
        self.processes.retain(|pid, process| proc::process(*pid).ok() == Some(process.id));
        if let Some((looks, _)) = &mut self.looking {
            looks.retain(|process| self.processes.get(&process.pid).is_some_and(|known| known.id == process));
        }
    }

    fn record_loss(&mut self, stage: LossStage, count: u64, process: Option<ProcessId>) {
        if count > 0 {
            self.record_now(Event::Loss(Loss { stage, count, process }));
        }
    }

    fn record_all(&mut self, events: impl IntoIterator<Item = Timed>) {
        for (boot_ns, event) in events {
            self.record_at(boot_ns, event);
        }
    }

    fn record_now(&mut self, event: Event) {
        self.record_at(Stamp::now().boot_ns, event);
    }

    fn record_at(&mut self, boot_ns: u64, event: Event) {
        let wall = Stamp::now().wall_at(boot_ns);
        self.sink.append(Record { boot_ns, wall, event }, self.notify);
    }
}
