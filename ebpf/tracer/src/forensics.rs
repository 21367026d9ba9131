//! Forensics: what each QEMU process does while its shutdown lasts.
//!
//! ```text
//! sign ─▶ window::Life ─▶ open: accounting attached, vCPUs and quotas found ─▶ Window{Opened}
//!                           │ each bin
//! probes ─▶ Disks ─────────▶├─▶ activity: sample, bin ─▶ each second ─▶ Activity
//! /proc ─▶ vCPUs, stat ────▶│
//!                           ▼ process gone, or Life over ─▶ Window{Closed}
//! ```
//!
//! A window whose process does nothing costs a few system calls for each bin, and without windows
//! nothing here runs.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use softoff_journal::process::Stat;
use softoff_journal::record::{MissingSentinel, ProcessId, Sign, Window, WindowState};
use softoff_journal::{Event, Stamp};

use crate::activity::{self, Load, Pending, Sample};
use crate::attachment::Attachments;
use crate::binary::FileId;
use crate::disks::{Counted, Disks};
use crate::pressure::Gauge;
use crate::proc;
use crate::programs::Programs;
use crate::quota::Quotas;
use crate::vcpu::Vcpus;
use crate::window::{GRID_NS, Life};

/// The most windows at once; the map of the probes has as many.
const MAX_WINDOWS: usize = 4096;

/// An event and when it was, on `CLOCK_BOOTTIME` in nanoseconds.
pub type Timed = (u64, Event);

/// All windows.
#[derive(Debug, Default)]
pub struct Forensics {
    open: HashMap<u32, Open>,
    last_number: u64,
    gauge: Gauge,
    /// A window closed since its rest was last swept up.
    closed: bool,
}

/// An open window.
#[derive(Debug)]
struct Open {
    id: ProcessId,
    life: Life,
    file: FileId,
    number: u64,
    counted: Option<Counted>,
    vcpus: Vcpus,
    stat: File,
    quotas: Option<Quotas>,
    /// The end of the last bin, and what had been counted by then.
    bin_end: u64,
    sample: Sample,
    pending: Pending,
    /// What the host had done by the last record.
    load: Load,
    /// Its process has ended, so the bin that has begun is its last.
    ended: bool,
    /// Its last bin is there.
    over: bool,
}

/// What a look at the main thread showed.
enum Look {
    Lives { stopped: bool },
    Gone,
}

impl Forensics {
    /// A sign of a watched process, executing `file`, was seen `at`. Gives the record of the window that
    /// opens at it.
    pub fn see(
        &mut self,
        (id, file): (ProcessId, FileId),
        sign: &Sign,
        at: u64,
        programs: &mut Programs,
        attachments: &mut Attachments,
    ) -> Option<Timed> {
        if let Some(open) = self.open.get_mut(&id.pid).filter(|open| !open.ended) {
            open.life.see(sign, at);
            return None;
        }
        let life = Life::begin(sign, at)?;
        // The rest of a predecessor's window is still to be recorded.
        if self.open.len() >= MAX_WINDOWS || self.open.contains_key(&id.pid) {
            return None;
        }
        self.last_number += 1;
        let mut missing = Vec::new();
        let open = Open::new(id, file, life, self.last_number, programs, attachments, &mut missing)?;
        let begun = open.bin_end;
        let load = Load {
            pressure: self.gauge.at(begun),
            throttled_us: open.quotas.as_ref().and_then(Quotas::throttled_us),
        };
        self.open.insert(id.pid, Open { load, ..open });
        Some((begun, Event::Window(Window { process: id, state: WindowState::Opened, missing })))
    }

    /// A process ended: its window closes with its last bin.
    pub fn ended(&mut self, id: ProcessId) {
        if let Some(open) = self.open.get_mut(&id.pid).filter(|open| open.id == id) {
            open.ended = true;
        }
    }

    /// When the next bin ends, on `CLOCK_BOOTTIME` in nanoseconds; `None` while no window is open.
    pub fn due(&self) -> Option<u64> {
        self.open.values().map(Open::due).min()
    }

    /// Ends the bins that are due, and gives the records that are.
    pub fn look(&mut self, programs: &mut Programs) -> Vec<Timed> {
        let mut records = Vec::new();
        let now = Stamp::now().boot_ns;
        for open in self.open.values_mut().filter(|open| open.due() <= now) {
            open.look(&mut programs.disks, &mut self.gauge, &mut records);
        }
        self.close(programs, |open| open.over, &mut records);
        records
    }

    /// Closes all windows.
    pub fn finish(&mut self, programs: &mut Programs) -> Vec<Timed> {
        let mut records = Vec::new();
        self.close(programs, |_| true, &mut records);
        records
    }

    fn close(&mut self, programs: &mut Programs, over: impl Fn(&Open) -> bool, records: &mut Vec<Timed>) {
        for (_, open) in self.open.extract_if(|_, open| over(open)) {
            open.close(&mut programs.disks, &mut self.gauge, records);
            self.closed = true;
        }
    }

    /// Lets go what closed windows leave behind.
    pub fn let_go(&mut self, programs: &mut Programs, attachments: &mut Attachments) {
        let in_use: HashSet<FileId> = self.open.values().map(|open| open.file).collect();
        attachments.let_accounting_go(programs, &in_use);
        if std::mem::take(&mut self.closed) {
            let numbers: HashSet<u64> = self.open.values().map(|open| open.number).collect();
            programs.disks.sweep(|number| numbers.contains(&number));
        }
    }
}

impl Open {
    /// `None` where the process is gone already.
    fn new(
        id: ProcessId,
        file: FileId,
        life: Life,
        number: u64,
        programs: &mut Programs,
        attachments: &mut Attachments,
        missing: &mut Vec<MissingSentinel>,
    ) -> Option<Self> {
        let stat = File::open(format!("/proc/{0}/task/{0}/stat", id.pid)).ok()?;
        let Look::Lives { .. } = look(&stat, id) else { return None };
        let binary = attach(id, file, programs, attachments, missing);
        let mut vcpus = Vcpus::find(id.pid);
        if vcpus.count() == 0 {
            missing.push(unnamed_vcpus());
        }
        let quotas = Quotas::find(id.pid, std::iter::once(id.pid).chain(vcpus.tids()));
        let bin_end = Stamp::now().boot_ns;
        let counted = binary.and_then(|binary| programs.disks.open(id.pid, number, binary));
        if binary.is_some() && counted.is_none() {
            missing.push(no_room());
        }
        Some(Self {
            id,
            life,
            file,
            number,
            counted,
            sample: Sample::of(&[], vcpus.cpu_time(), bin_end),
            vcpus,
            stat,
            quotas,
            bin_end,
            pending: Pending::default(),
            load: Load::default(),
            ended: false,
            over: false,
        })
    }

    /// When its bin ends. The last one is as short as can be.
    fn due(&self) -> u64 {
        self.bin_end + if self.ended { GRID_NS } else { self.life.bin_ns(self.bin_end) }
    }

    /// Ends its bin.
    fn look(&mut self, disks: &mut Disks, gauge: &mut Gauge, records: &mut Vec<Timed>) {
        let stopped = match look(&self.stat, self.id) {
            Look::Lives { stopped } => stopped,
            Look::Gone => {
                self.ended = true;
                false
            }
        };
        let images = self.counted.as_mut().map(|counted| disks.read(counted)).unwrap_or_default();
        let cpu = self.vcpus.cpu_time();
        let now = Stamp::now().boot_ns;
        let sample = Sample::of(&images, cpu, now);
        let bin = activity::bin(&self.sample, &sample);
        let end = activity::bin_end(self.bin_end, now);
        let bin_ns = end - self.bin_end;
        if self.pending.is_at_odds_with(bin_ns) {
            self.record(gauge, records);
        }
        self.pending.push(bin_ns, bin, stopped);
        (self.sample, self.bin_end) = (sample, end);
        self.over = self.ended || self.life.is_over(end);
        if self.pending.is_full() {
            self.record(gauge, records);
        }
    }

    /// Records the bins that wait.
    fn record(&mut self, gauge: &mut Gauge, records: &mut Vec<Timed>) {
        let load = Load {
            pressure: gauge.at(self.bin_end),
            throttled_us: self.quotas.as_ref().and_then(Quotas::throttled_us),
        };
        let host = activity::host_load(&self.load, &load);
        if let Some(activity) = self.pending.take(self.id, self.vcpus.count(), host) {
            self.load = load;
            records.push((self.bin_end, Event::Activity(activity)));
        }
    }

    fn close(mut self, disks: &mut Disks, gauge: &mut Gauge, records: &mut Vec<Timed>) {
        self.record(gauge, records);
        let uncounted = self.counted.as_ref().map_or(0, |counted| disks.close(counted));
        let missing = if uncounted == 0 { Vec::new() } else { vec![not_counted(uncounted)] };
        let window = Window { process: self.id, state: WindowState::Closed, missing };
        records.push((self.bin_end, Event::Window(window)));
    }
}

/// Attaches to the accounting of block requests of the process's executable, and gives its number.
fn attach(
    id: ProcessId,
    file_id: FileId,
    programs: &mut Programs,
    attachments: &mut Attachments,
    missing: &mut Vec<MissingSentinel>,
) -> Option<u16> {
    // The number may be another process's by now, with another file: an offset of one attached to the
    // other would damage it.
    let (file, _) = proc::executable(id.pid).ok()?;
    let same = FileId::of(&file).ok()? == file_id;
    let (binary, lacks) = same.then(|| attachments.count_blocks(programs, file_id, &file))??;
    missing.extend(lacks);
    Some(binary)
}

/// Looks at the main thread: `T` is stopped by a signal, `t` by a debugger.
fn look(stat: &File, id: ProcessId) -> Look {
    let mut buffer = [0; 1024];
    let read = stat.read_at(&mut buffer, 0).and_then(|length| {
        Stat::parse(&buffer[..length]).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    });
    match read {
        Ok(stat) if stat.start_ticks == id.start_ticks && !stat.has_ended() => {
            Look::Lives { stopped: matches!(stat.state, b'T' | b't') }
        }
        _ => Look::Gone,
    }
}

fn unnamed_vcpus() -> MissingSentinel {
    MissingSentinel {
        name: "vCPU threads".to_owned(),
        consequence: "no thread of this QEMU is named as a vCPU's, or its times cannot be read (libvirt \
            starts QEMU with -name debug-threads=on): how long the vCPUs ran and waited is not measured"
            .to_owned(),
    }
}

fn no_room() -> MissingSentinel {
    MissingSentinel {
        name: "block requests".to_owned(),
        consequence: "the kernel has no room for another window: what the guest reads, writes and flushes \
            is not counted"
            .to_owned(),
    }
}

fn not_counted(requests: u64) -> MissingSentinel {
    MissingSentinel {
        name: "block requests".to_owned(),
        consequence: format!(
            "{requests} requests found no room in the kernel's maps: they are missing in what was counted, \
             or in what was in flight"
        ),
    }
}
