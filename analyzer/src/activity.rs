//! Activity: what the guest did to its disks and CPUs in the window of a shutdown, and what the host
//! did to the guest.
//!
//! ```text
//! Activity records ─▶ Timeline (stretches in order, bounded) ─▶ during(from, to) ─▶ Totals
//!                                                            └▶ idle_tail(from, to)
//! ```
//!
//! A stretch belongs to a span of time if its middle does. What was not measured is no zero: a span
//! without stretches has no totals.

use std::ops::Range;

use softoff_journal::record::{Activity, Bin, HostLoad, MissingSentinel, Window, WindowState};

use crate::limits;
use crate::phases::seconds;

/// A guest that uses more than this share of one CPU, or moves more than so many bytes a second,
/// works. An idle system wakes up now and then for less.
const BUSY_CPU: f64 = 0.2;
const BUSY_BYTES_A_SECOND: f64 = 65_536.0;

/// The name under which a window says that it does not measure the vCPUs.
const VCPUS: &str = "vCPU threads";

/// So much may be missing at the end of what was measured, in nanoseconds: records come once a second.
const LATE: u64 = 1_500_000_000;

/// The share of time in which a guest may work and still be idle on the whole.
const IDLE_SHARE: f64 = 0.1;

/// All that was measured of a run, in the order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    stretches: Vec<Stretch>,
    loads: Vec<Load>,
    /// Boot clock of each opening, with what is not measured since.
    openings: Vec<(u64, Vec<MissingSentinel>)>,
    /// The last window was closed.
    closed: bool,
}

/// One bin in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    /// Boot clock in nanoseconds.
    from: u64,
    to: u64,
    vcpus: u32,
    bin: Bin,
}

/// What the host did over a few bins.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    from: u64,
    to: u64,
    host: HostLoad,
}

/// Sums and shares over a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Seconds that were measured.
    pub seconds: f64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Write requests completed.
    pub writes: u64,
    /// Requests completed.
    pub requests: u64,
    /// Seconds in which the guest worked.
    pub busy_seconds: f64,
    /// Seconds at whose end requests were in flight.
    pub inflight_seconds: f64,
    /// Mean number of requests in flight.
    pub mean_inflight: f64,
    /// The longest time in which a disk had requests in flight and completed none, in seconds.
    pub longest_stall: f64,
    /// Seconds in which a disk had stalled for longer than [`limits::STALL_MS`].
    pub stalled_seconds: f64,
    /// CPU seconds that the vCPUs ran.
    pub run: f64,
    /// Seconds that vCPUs wanted to run and waited.
    pub wait: f64,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Seconds in which the CPU quota was used up.
    pub throttled: f64,
    /// Requests of its disks were counted.
    pub disks: bool,
    /// The times of its vCPUs were measured.
    pub cpus: bool,
    /// Seconds in which QEMU was stopped.
    pub stopped: f64,
    /// Bytes written and not flushed at the end.
    pub unflushed_bytes: u64,
    /// Requests in flight at the end.
    pub inflight: u64,
}

impl Totals {
    /// Bytes read and written.
    pub fn bytes(&self) -> u64 {
        self.read_bytes.saturating_add(self.write_bytes)
    }

    /// CPUs used on average.
    pub fn cpus_used(&self) -> f64 {
        self.run / self.seconds
    }

    /// Bytes read and written per second.
    pub fn bytes_a_second(&self) -> f64 {
        count(self.bytes()) / self.seconds
    }

    /// Mean time a request took, in seconds, by Little's law; none where none completed.
    pub fn latency(&self) -> Option<f64> {
        let rate = count(self.requests) / self.seconds;
        (self.requests > 0).then(|| self.mean_inflight / rate)
    }
}

impl Timeline {
    /// Takes one record of activity that ends at `boot_ns`.
    pub fn add(&mut self, boot_ns: u64, activity: &Activity) {
        let length = u64::from(activity.bin_ms) * 1_000_000;
        let from = boot_ns.saturating_sub(length.saturating_mul(activity.bins.len() as u64));
        for (at, bin) in (0_u64..).zip(&activity.bins) {
            let from = from.saturating_add(at.saturating_mul(length));
            let to = from.saturating_add(length);
            self.stretches.push(Stretch { from, to, vcpus: activity.vcpus, bin: *bin });
        }
        self.loads.push(Load { from, to: boot_ns, host: activity.host });
        if self.stretches.len() > limits::STRETCHES_PER_RUN {
            self.thin_out();
        }
    }

    /// Takes note of a window.
    pub fn note(&mut self, boot_ns: u64, window: &Window) {
        self.closed = window.state == WindowState::Closed;
        match (window.state, self.openings.last_mut()) {
            (WindowState::Opened, _) => self.openings.push((boot_ns, window.missing.clone())),
            // Only at its end it is known what found no room.
            (WindowState::Closed, Some((_, missing))) => missing.extend(window.missing.clone()),
            (WindowState::Closed, None) => {}
        }
    }

    /// Takes over another part of the same run.
    pub fn absorb(&mut self, other: Self) {
        self.stretches.extend(other.stretches);
        self.stretches.sort_by_key(|stretch| stretch.from);
        self.loads.extend(other.loads);
        self.openings.extend(other.openings);
        self.closed |= other.closed;
    }

    /// Puts each two of the older stretches together, so that memory stays bounded.
    fn thin_out(&mut self) {
        let newer = self.stretches.split_off(self.stretches.len() / 2);
        // What does not follow each other has a gap between, which was not measured.
        let pairs = self.stretches.chunks(2).flat_map(|pair| match pair {
            [one, two] if one.to == two.from => vec![one.with(two)],
            apart => apart.to_vec(),
        });
        self.stretches = pairs.collect();
        self.stretches.extend(newer);
        let surplus = self.stretches.len().saturating_sub(limits::STRETCHES_PER_RUN);
        self.stretches.drain(..surplus);
        let first = self.stretches.first().map_or(0, |stretch| stretch.from);
        self.loads.retain(|load| load.to > first);
        if self.loads.len() > limits::STRETCHES_PER_RUN {
            self.loads.drain(..self.loads.len() / 2);
        }
    }

    /// Up to when a window that was opened after `from` and never closed has records: while it is open
    /// the tracer writes at least every ten seconds.
    pub fn open_until(&self, from: u64) -> Option<u64> {
        let open = self.openings.last().filter(|_| !self.closed)?.0;
        (open >= from).then(|| self.stretches.last().map_or(open, |stretch| stretch.to.max(open)))
    }

    /// When counting began for what happens at `boot_ns`, and what is not counted.
    pub fn opened_for(&self, from: u64, to: u64) -> Option<(u64, &[MissingSentinel])> {
        let within = |(at, _): &&(u64, Vec<MissingSentinel>)| *at <= to;
        let last_before = self.openings.iter().rfind(|(at, _)| *at <= from);
        let found = last_before.or_else(|| self.openings.iter().find(within))?;
        Some((found.0, &found.1))
    }

    /// What happened in this span of the boot clock; none where nothing was measured.
    pub fn during(&self, from: u64, to: u64) -> Option<Totals> {
        let mut totals = Totals::default();
        let mut inflight_time = 0.0;
        for stretch in self.within(from, to) {
            let (bin, length) = (&stretch.bin, stretch.seconds());
            totals.seconds += length;
            totals.read_bytes = totals.read_bytes.saturating_add(bin.read_bytes);
            totals.write_bytes = totals.write_bytes.saturating_add(bin.write_bytes);
            totals.writes = totals.writes.saturating_add(bin.writes);
            let requests = bin.reads.saturating_add(bin.writes).saturating_add(bin.flushes);
            totals.requests = totals.requests.saturating_add(requests);
            totals.run += count(bin.run_us) / 1e6;
            totals.wait += count(bin.wait_us) / 1e6;
            totals.vcpus = stretch.vcpus;
            totals.busy_seconds += if stretch.is_busy() { length } else { 0.0 };
            totals.inflight_seconds += if bin.inflight > 0 { length } else { 0.0 };
            inflight_time += count(bin.inflight) * length;
            totals.longest_stall = totals.longest_stall.max(count(bin.stalled_ms) / 1e3);
            totals.stalled_seconds += if bin.stalled_ms >= limits::STALL_MS { length } else { 0.0 };
            (totals.unflushed_bytes, totals.inflight) = (bin.unflushed_bytes, bin.inflight);
        }
        if totals.seconds <= 0.0 {
            return None;
        }
        totals.mean_inflight = inflight_time / totals.seconds;
        let missing = self.opened_for(from, to).map_or(&[][..], |(_, missing)| missing);
        totals.cpus = !missing.iter().any(|part| part.name == VCPUS);
        totals.disks = missing.iter().all(|part| part.name == VCPUS);
        let vcpus = f64::from(totals.vcpus.max(1));
        for load in self.loads.iter().filter(|load| is_within(&(load.from..load.to), from, to)) {
            // The kernel sums over CPUs.
            totals.throttled += load.host.throttled_us.map_or(0.0, |us| count(us) / 1e6 / vcpus);
            totals.stopped += load.host.stopped_us.map_or(0.0, |us| count(us) / 1e6);
        }
        Some(totals)
    }

    /// The longest stretch up to `to` in which the guest was idle, as the boot clock of its beginning;
    /// none where the guest worked to the end, or was not measured.
    pub fn idle_tail(&self, from: u64, to: u64) -> Option<u64> {
        let (mut busy, mut length, mut since) = (0.0, 0.0, None);
        let mut next = to;
        for stretch in self.within(from, to).rev() {
            // What was not measured was not idle.
            if next.saturating_sub(stretch.to) > LATE {
                break;
            }
            next = stretch.from;
            length += stretch.seconds();
            busy += if stretch.is_busy() { stretch.seconds() } else { 0.0 };
            if busy <= IDLE_SHARE * length && !stretch.is_busy() {
                since = Some(stretch.from.max(from));
            }
        }
        since
    }

    fn within(&self, from: u64, to: u64) -> impl DoubleEndedIterator<Item = &Stretch> {
        let first = self.stretches.partition_point(|stretch| stretch.to <= from);
        let last = self.stretches.partition_point(|stretch| stretch.from < to).max(first);
        let near = self.stretches[first..last].iter();
        near.filter(move |stretch| is_within(&(stretch.from..stretch.to), from, to))
    }
}

impl Stretch {
    fn seconds(&self) -> f64 {
        seconds(self.to - self.from)
    }

    fn is_busy(&self) -> bool {
        let bytes = count(self.bin.read_bytes.saturating_add(self.bin.write_bytes));
        count(self.bin.run_us) / 1e6 > BUSY_CPU * self.seconds()
            || bytes > BUSY_BYTES_A_SECOND * self.seconds()
    }

    /// This one and the next as one.
    fn with(&self, next: &Self) -> Self {
        let (a, b) = (&self.bin, &next.bin);
        let bin = Bin {
            reads: a.reads.saturating_add(b.reads),
            read_bytes: a.read_bytes.saturating_add(b.read_bytes),
            writes: a.writes.saturating_add(b.writes),
            write_bytes: a.write_bytes.saturating_add(b.write_bytes),
            flushes: a.flushes.saturating_add(b.flushes),
            failed: a.failed.saturating_add(b.failed),
            stalled_ms: a.stalled_ms.max(b.stalled_ms),
            run_us: a.run_us.saturating_add(b.run_us),
            wait_us: a.wait_us.saturating_add(b.wait_us),
            ..*b
        };
        Self { from: self.from, bin, ..*next }
    }
}

fn is_within(span: &Range<u64>, from: u64, to: u64) -> bool {
    let middle = span.start + (span.end - span.start) / 2;
    (from..to).contains(&middle)
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts this large need no exactness")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use softoff_journal::record::ProcessId;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn timeline(bins: &[Bin]) -> Timeline {
        let mut timeline = Timeline::default();
        for (at, ten) in (1..).zip(bins.chunks(10)) {
            let activity = Activity {
                process: ProcessId { pid: 1, start_ticks: 1 },
                bin_ms: 100,
                vcpus: 1,
                bins: ten.to_vec(),
                host: HostLoad { throttled_us: Some(500_000), ..HostLoad::default() },
            };
            timeline.add(at * SECOND, &activity);
        }
        timeline
    }

    fn busy() -> Bin {
        Bin { writes: 1, write_bytes: 1 << 20, run_us: 50_000, inflight: 1, ..Bin::default() }
    }

    #[test]
    fn a_span_that_was_not_measured_has_no_totals() {
        assert_eq!(Timeline::default().during(0, SECOND), None);
        assert_eq!(timeline(&[busy(); 10]).during(5 * SECOND, 6 * SECOND), None);
    }

    #[test]
    fn totals_are_those_of_the_span() {
        let totals = timeline(&[busy(); 30]).during(SECOND, 2 * SECOND).expect("measured");
        assert!((totals.seconds - 1.0).abs() < 1e-9);
        assert_eq!((totals.writes, totals.write_bytes), (10, 10 << 20));
        assert!((totals.cpus_used() - 0.5).abs() < 1e-9 && (totals.throttled - 0.5).abs() < 1e-9);
        assert!((totals.latency().expect("requests completed") - 0.1).abs() < 1e-9);
    }

    #[test]
    fn idleness_begins_where_work_ended_and_a_blip_does_not_end_it() {
        let mut bins = vec![busy(); 20];
        bins.extend([Bin::default(); 80]);
        bins[60] = busy();
        let idle = timeline(&bins).idle_tail(0, 10 * SECOND).expect("idle at the end");
        // The share of work that counts as idle reaches back a little into the work itself.
        assert!((SECOND..=2 * SECOND).contains(&idle), "{idle}");
        assert_eq!(timeline(&[busy(); 20]).idle_tail(0, 2 * SECOND), None);
    }

    #[test]
    fn memory_stays_bounded_and_nothing_is_uncounted() {
        let bins = vec![busy(); 3 * limits::STRETCHES_PER_RUN];
        let timeline = timeline(&bins);
        assert!(timeline.stretches.len() <= limits::STRETCHES_PER_RUN);
        let totals = timeline.during(0, u64::MAX).expect("measured");
        assert_eq!(totals.writes, bins.len() as u64);
    }
}
