//! From looks at counters that only grow to bins, and from bins to records.

use std::time::Duration;

use softoff_abi::DiskImage;
use softoff_journal::record::{Activity, Bin, HostLoad, ProcessId};

use crate::pressure::Pressure;
use crate::vcpu::CpuTime;
use crate::window::GRID_NS;

/// The longest stretch of one record, unless a single bin is longer, in nanoseconds.
const RECORD_NS: u64 = 1_000_000_000;

const NANOS_PER_MICRO: u64 = 1000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// All that was counted of a process up to one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    reads: u64,
    read_bytes: u64,
    writes: u64,
    written: u64,
    flushes: u64,
    failed: u64,
    inflight: u64,
    stalled_ns: u64,
    unflushed: u64,
    cpu: CpuTime,
}

impl Sample {
    /// Its disks and vCPUs together, at `now_ns`.
    pub fn of(disks: &[DiskImage], cpu: CpuTime, now_ns: u64) -> Self {
        // Sizes are the guest's word: sums of them may begin again at zero.
        let sum = |count: fn(&DiskImage) -> u64| disks.iter().map(count).fold(0, u64::wrapping_add);
        Self {
            reads: sum(|disk| disk.reads),
            read_bytes: sum(|disk| disk.read_bytes),
            writes: sum(|disk| disk.writes),
            written: sum(|disk| disk.written),
            flushes: sum(|disk| disk.flushes),
            failed: sum(|disk| disk.failed),
            inflight: sum(DiskImage::inflight),
            stalled_ns: disks.iter().map(|disk| disk.stalled_ns(now_ns)).max().unwrap_or(0),
            unflushed: sum(DiskImage::unflushed),
            cpu,
        }
    }
}

/// What went on between two samples.
pub fn bin(before: &Sample, after: &Sample) -> Bin {
    let grown = |count: fn(&Sample) -> u64| count(after).wrapping_sub(count(before));
    // Whole microseconds of each sum, so that no remainder is lost from bin to bin.
    let micros = |nanos: fn(&CpuTime) -> u64| {
        (nanos(&after.cpu) / NANOS_PER_MICRO).saturating_sub(nanos(&before.cpu) / NANOS_PER_MICRO)
    };
    Bin {
        reads: grown(|sample| sample.reads),
        read_bytes: grown(|sample| sample.read_bytes),
        writes: grown(|sample| sample.writes),
        write_bytes: grown(|sample| sample.written),
        flushes: grown(|sample| sample.flushes),
        failed: grown(|sample| sample.failed),
        inflight: after.inflight,
        stalled_ms: after.stalled_ns / NANOS_PER_MILLI,
        unflushed_bytes: after.unflushed,
        run_us: micros(|cpu| cpu.run_ns),
        wait_us: micros(|cpu| cpu.wait_ns),
    }
}

/// Bins that are not recorded yet: all of one length, without a gap.
#[derive(Debug, Default)]
pub struct Pending {
    bin_ns: u64,
    bins: Vec<Bin>,
    stopped_ns: u64,
}

impl Pending {
    /// Whether a bin of this length would not fit in with those that wait.
    pub fn is_at_odds_with(&self, bin_ns: u64) -> bool {
        !self.bins.is_empty() && self.bin_ns != bin_ns
    }

    /// Adds a bin of this length in nanoseconds.
    pub fn push(&mut self, bin_ns: u64, bin: Bin, stopped: bool) {
        self.bin_ns = bin_ns;
        self.bins.push(bin);
        self.stopped_ns += if stopped { bin_ns } else { 0 };
    }

    /// Whether a record is due.
    pub fn is_full(&self) -> bool {
        self.bins.len() as u64 * self.bin_ns >= RECORD_NS
    }

    /// The record of what waits, where anything does. `host` is the rest of its load.
    pub fn take(&mut self, process: ProcessId, vcpus: u32, host: HostLoad) -> Option<Activity> {
        let Self { bin_ns, bins, stopped_ns } = std::mem::take(self);
        let bin_ms = u32::try_from(Duration::from_nanos(bin_ns).as_millis()).unwrap_or(u32::MAX);
        let host = HostLoad { stopped_us: Some(stopped_ns / NANOS_PER_MICRO), ..host };
        (!bins.is_empty()).then_some(Activity { process, bin_ms, vcpus, bins, host })
    }
}

/// The end of the bin that began at `from` and is looked at `now`: a whole number of the shortest bins
/// later, but at least one.
pub fn bin_end(from: u64, now: u64) -> u64 {
    from + (now.saturating_sub(from) / GRID_NS).max(1) * GRID_NS
}

/// What the host did between two readings.
pub fn host_load(before: &Load, after: &Load) -> HostLoad {
    let grown = |count: fn(&Load) -> Option<u64>| Some(count(after)?.saturating_sub(count(before)?));
    HostLoad {
        cpu_some_us: grown(|load| load.pressure.cpu_some),
        io_some_us: grown(|load| load.pressure.io_some),
        io_full_us: grown(|load| load.pressure.io_full),
        memory_some_us: grown(|load| load.pressure.memory_some),
        throttled_us: grown(|load| load.throttled_us),
        stopped_us: None,
    }
}

/// What the host did to a process up to one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// The host's pressure.
    pub pressure: Pressure,
    /// Its CPU quotas were used up for so long.
    pub throttled_us: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: ProcessId = ProcessId { pid: 7, start_ticks: 8 };

    fn disk() -> DiskImage {
        DiskImage {
            started: 10,
            finished: 8,
            reads: 3,
            read_bytes: 3000,
            writes: 4,
            written: 4000,
            flushes: 1,
            failed: 0,
            flushed: 1500,
            progress_ns: 40_000_000,
        }
    }

    #[test]
    fn a_bin_is_what_was_added_and_what_is_left_at_its_end() {
        let before = Sample::of(&[disk()], CpuTime { run_ns: 1_999, wait_ns: 0 }, 50_000_000);
        let later = DiskImage { reads: 5, read_bytes: 3700, written: 9000, writes: 6, failed: 1, ..disk() };
        let after = Sample::of(&[later], CpuTime { run_ns: 5_000, wait_ns: 7_999 }, 150_000_000);
        let expected = Bin {
            reads: 2,
            read_bytes: 700,
            writes: 2,
            write_bytes: 5000,
            flushes: 0,
            failed: 1,
            inflight: 2,
            stalled_ms: 110,
            unflushed_bytes: 7500,
            run_us: 4,
            wait_us: 7,
        };
        assert_eq!(bin(&before, &after), expected);
    }

    #[test]
    fn disks_are_added_up_but_the_longest_stall_counts() {
        let idle = DiskImage { started: 9, finished: 9, progress_ns: 0, ..disk() };
        let stuck = DiskImage { progress_ns: 10_000_000, ..disk() };
        let sample = Sample::of(&[disk(), idle, stuck], CpuTime::default(), 100_000_000);
        let bin = bin(&Sample::default(), &sample);
        assert_eq!((bin.reads, bin.inflight, bin.unflushed_bytes, bin.stalled_ms), (9, 4, 7500, 90));
    }

    #[test]
    fn a_guest_that_does_nothing_has_empty_bins() {
        let sample = Sample::of(&[], CpuTime { run_ns: 5_000, wait_ns: 6_000 }, 1);
        assert_eq!(bin(&sample, &sample), Bin::default());
    }

    #[test]
    fn sums_that_begin_again_at_zero_still_differ_rightly() {
        let before = DiskImage { written: u64::MAX - 1, flushed: u64::MAX - 1, ..disk() };
        let after = DiskImage { written: 8, flushed: 8, ..disk() };
        let sample = |disk| Sample::of(&[disk], CpuTime::default(), 0);
        assert_eq!(bin(&sample(before), &sample(after)).write_bytes, 10);
    }

    #[test]
    fn bins_end_on_the_grid_however_late_they_are_looked_at() {
        assert_eq!(bin_end(7, 7 + GRID_NS), 7 + GRID_NS);
        assert_eq!(bin_end(7, 7 + GRID_NS + 3_000_000), 7 + GRID_NS);
        assert_eq!(bin_end(7, 7 + 3 * GRID_NS + 1), 7 + 3 * GRID_NS);
        assert_eq!(bin_end(7, 7), 7 + GRID_NS, "and never where they began");
    }

    #[test]
    fn a_record_holds_a_second_or_one_long_bin() {
        let mut pending = Pending::default();
        for count in 1..=10 {
            assert!(!pending.is_full());
            pending.push(GRID_NS, Bin { reads: count, ..Bin::default() }, count > 8);
        }
        assert!(pending.is_full());
        assert!(pending.is_at_odds_with(1_000_000_000) && !pending.is_at_odds_with(GRID_NS));
        let record = pending.take(PROCESS, 2, HostLoad::default()).expect("bins");
        assert_eq!((record.bin_ms, record.vcpus, record.bins.len()), (100, 2, 10));
        assert_eq!(record.host.stopped_us, Some(200_000));
        assert_eq!(pending.take(PROCESS, 2, HostLoad::default()), None);
        assert!(!pending.is_at_odds_with(10_000_000_000));
        pending.push(10_000_000_000, Bin::default(), false);
        assert!(pending.is_full());
    }

    #[test]
    fn what_cannot_be_read_at_either_end_is_absent_and_not_zero() {
        let pressure = |io_some| Pressure { cpu_some: Some(5), io_some, ..Pressure::default() };
        let before = Load { pressure: pressure(None), throttled_us: Some(100) };
        let after = Load { pressure: pressure(Some(7)), throttled_us: None };
        let expected = HostLoad { cpu_some_us: Some(0), ..HostLoad::default() };
        assert_eq!(host_load(&before, &after), expected);
    }
}
