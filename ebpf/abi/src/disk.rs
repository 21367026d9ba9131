//! What the probes count of each disk while its process has a window open.
//!
//! ```text
//! block_acct_start ─▶ Request, until ─▶ block_acct_done, block_acct_failed
//!        │                                    │
//!        └──────▶ Disk: started, finished, reads, writes, flushes … ◀──┘
//! ```
//!
//! Counters only grow, so the tracer sees what went on between two looks at them. Programs on several
//! CPUs work on one disk at a time, without a lock: sums lose nothing, and where two requests race the
//! time of the last progress is that of either.

use crate::Word;

/// QEMU's `enum BlockAcctType`, as far as it says what a request did; the others move no bytes that
/// matter here. Unchanged from QEMU 2.5 to 10.2.
const NONE: u64 = 0;
const READ: u64 = 1;
const WRITE: u64 = 2;
const FLUSH: u64 = 3;

/// One entry of the map of open windows, which is keyed by pid.
#[derive(Debug)]
#[repr(C)]
pub struct Window {
    /// No other window has this number, even of the same process.
    number: Word,
    /// The attached file whose hits count: see [`crate::Cookie::binary`].
    binary: Word,
    /// Disks entered so far.
    disks: Word,
    /// Requests that were not counted, wholly or while in flight, because a map was full.
    uncounted: Word,
}

/// [`Window`] as the tracer reads and writes it, through system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct WindowImage {
    /// No other window has this number, even of the same process.
    pub number: u64,
    /// The attached file whose hits count: see [`crate::Cookie::binary`].
    pub binary: u64,
    /// Disks entered so far.
    pub disks: u64,
    /// Requests that were not counted, wholly or while in flight, because a map was full.
    pub uncounted: u64,
}

const _: () = assert!(size_of::<Window>() == size_of::<WindowImage>());

impl Window {
    /// The window's number.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        self.number.load()
    }

    /// Whether a hit of this attached file counts.
    #[inline(always)]
    pub fn counts(&self, binary: u16) -> bool {
        self.binary.load() == u64::from(binary)
    }

    /// A disk was entered.
    #[inline(always)]
    pub fn add_disk(&self) {
        self.disks.add(1);
    }

    /// A request could not be counted.
    #[inline(always)]
    pub fn miss(&self) {
        self.uncounted.add(1);
    }
}

/// What a window keeps apart by address in its process: a disk by its `BlockAcctStats`, a request in
/// flight by its `BlockAcctCookie`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct InWindow {
    /// [`WindowImage::number`].
    pub window: u64,
    /// The address.
    pub address: u64,
}

/// A request in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Request {
    /// QEMU's `enum BlockAcctType`.
    kind: u64,
    bytes: u64,
    /// What the disk had written when it began: a flush covers that much.
    written: u64,
    /// 1 where it began before the window, so that nothing was counted of it yet.
    earlier: u64,
}

impl Request {
    /// One that begins now.
    #[inline(always)]
    pub fn new(kind: u32, bytes: i64, disk: &Disk) -> Self {
        Self { written: disk.written.load(), earlier: 0, ..Self::begun_earlier(kind, bytes) }
    }

    /// One that began before the window, from its `BlockAcctCookie`. How much a flush covers is then
    /// not known: nothing that the window counted, as far as that can be told.
    #[inline(always)]
    pub fn begun_earlier(kind: u32, bytes: i64) -> Self {
        let bytes = if bytes < 0 { 0 } else { bytes.cast_unsigned() };
        Self { kind: kind.into(), bytes, written: 0, earlier: 1 }
    }
}

/// One entry of the map of disks. All zero means: nothing seen yet.
#[derive(Debug)]
#[repr(C)]
pub struct Disk {
    /// Requests that began in the window.
    started: Word,
    /// Those of them that ended.
    finished: Word,
    reads: Word,
    read_bytes: Word,
    writes: Word,
    /// Bytes written.
    written: Word,
    flushes: Word,
    failed: Word,
    /// Of the bytes written, those that a completed flush covers.
    flushed: Word,
    /// When a request last ended, or the first one began on an idle disk: `CLOCK_BOOTTIME` in
    /// nanoseconds.
    progress_ns: Word,
}

/// [`Disk`] as the tracer reads it, through system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct DiskImage {
    /// Requests that began in the window.
    pub started: u64,
    /// Those of them that ended.
    pub finished: u64,
    /// Reads that completed.
    pub reads: u64,
    /// Bytes they read.
    pub read_bytes: u64,
    /// Writes that completed.
    pub writes: u64,
    /// Bytes they wrote.
    pub written: u64,
    /// Flushes that completed.
    pub flushes: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Of the bytes written, those that a completed flush covers.
    pub flushed: u64,
    /// When a request last ended, or the first one began on an idle disk: `CLOCK_BOOTTIME` in
    /// nanoseconds.
    pub progress_ns: u64,
}

const _: () = assert!(size_of::<Disk>() == size_of::<DiskImage>());

impl DiskImage {
    /// A disk of which nothing was seen yet.
    pub const NEW: Self = Self {
        started: 0,
        finished: 0,
        reads: 0,
        read_bytes: 0,
        writes: 0,
        written: 0,
        flushes: 0,
        failed: 0,
        flushed: 0,
        progress_ns: 0,
    };

    /// Requests in flight, of those that began in the window.
    pub fn inflight(&self) -> u64 {
        self.started.saturating_sub(self.finished)
    }

    /// For how long it has had requests in flight and completed none, in nanoseconds.
    pub fn stalled_ns(&self, now_ns: u64) -> u64 {
        if self.inflight() == 0 { 0 } else { now_ns.saturating_sub(self.progress_ns) }
    }

    /// Bytes written and not flushed since.
    pub fn unflushed(&self) -> u64 {
        self.written.saturating_sub(self.flushed)
    }
}

impl Disk {
    /// A request began that is not in flight yet.
    #[inline(always)]
    pub fn start(&self, now_ns: u64) {
        if self.started.load() == self.finished.load() {
            self.progress_ns.store(now_ns);
        }
        self.started.add(1);
    }

    /// A request ended.
    #[inline(always)]
    pub fn finish(&self, request: &Request, failed: bool, now_ns: u64) {
        // QEMU's own accounting takes no request twice either.
        if request.kind == NONE {
            return;
        }
        self.progress_ns.store(now_ns);
        if request.earlier == 0 {
            self.finished.add(1);
        }
        if failed {
            self.failed.add(1);
        } else {
            self.complete(request);
        }
    }

    #[inline(always)]
    fn complete(&self, request: &Request) {
        if request.kind == READ {
            self.reads.add(1);
            self.read_bytes.add(request.bytes);
        } else if request.kind == WRITE {
            self.writes.add(1);
            self.written.add(request.bytes);
        } else if request.kind == FLUSH {
            self.flushes.add(1);
            if request.written > self.flushed.load() {
                self.flushed.store(request.written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        // SAFETY: both are plain integers of the same size and layout, asserted above.
        unsafe { core::mem::transmute(DiskImage::NEW) }
    }

    fn image(disk: Disk) -> DiskImage {
        // SAFETY: as above.
        unsafe { core::mem::transmute(disk) }
    }

    fn start(disk: &Disk, kind: u64, bytes: i64, now_ns: u64) -> Request {
        let request = Request::new(u32::try_from(kind).expect("a small number"), bytes, disk);
        disk.start(now_ns);
        request
    }

    #[test]
    fn what_completes_is_counted_by_its_kind_and_what_fails_only_as_failed() {
        let disk = disk();
        for (kind, bytes, failed) in [
            (READ, 512, false),
            (WRITE, 4096, false),
            (FLUSH, 0, false),
            (4, 1 << 20, false),
            (WRITE, 7, true),
        ] {
            let request = start(&disk, kind, bytes, 1);
            disk.finish(&request, failed, 2);
        }
        let image = image(disk);
        assert_eq!((image.reads, image.read_bytes), (1, 512));
        assert_eq!((image.writes, image.written), (1, 4096));
        assert_eq!((image.flushes, image.failed), (1, 1));
        assert_eq!((image.started, image.finished, image.inflight()), (5, 5, 0));
    }

    #[test]
    fn a_request_from_before_the_window_completes_in_it_but_was_never_in_flight() {
        let disk = disk();
        disk.finish(&Request::begun_earlier(2, 4096), false, 5);
        let own = start(&disk, READ, 1, 6);
        disk.finish(&Request::begun_earlier(1, 512), false, 7);
        assert_eq!(image(disk).inflight(), 1);
        let disk = self::disk();
        disk.finish(&own, false, 8);
        assert_eq!(image(disk).inflight(), 0, "and there are never fewer than none");
    }

    #[test]
    fn a_flush_covers_what_was_written_when_it_began() {
        let disk = disk();
        let first = start(&disk, WRITE, 1000, 1);
        disk.finish(&first, false, 2);
        let flush = start(&disk, FLUSH, 0, 3);
        let second = start(&disk, WRITE, 500, 4);
        disk.finish(&second, false, 5);
        disk.finish(&flush, false, 6);
        assert_eq!(image(disk).unflushed(), 500);
    }

    #[test]
    fn a_flush_that_failed_or_began_before_the_window_covers_nothing() {
        let disk = disk();
        let write = start(&disk, WRITE, 1000, 1);
        disk.finish(&write, false, 2);
        let flush = start(&disk, FLUSH, 0, 3);
        disk.finish(&flush, true, 4);
        disk.finish(&Request::begun_earlier(3, 0), false, 5);
        assert_eq!(image(disk).unflushed(), 1000);
    }

    #[test]
    fn a_flush_that_is_overtaken_takes_nothing_back() {
        let disk = disk();
        let slow = start(&disk, FLUSH, 0, 1);
        let write = start(&disk, WRITE, 1000, 2);
        disk.finish(&write, false, 3);
        let fast = start(&disk, FLUSH, 0, 4);
        disk.finish(&fast, false, 5);
        disk.finish(&slow, false, 6);
        assert_eq!(image(disk).unflushed(), 0);
    }

    #[test]
    fn a_disk_stalls_from_its_last_progress_on_and_only_while_requests_are_in_flight() {
        let disk = disk();
        let first = start(&disk, WRITE, 1, 1000);
        let _second = start(&disk, WRITE, 1, 5000);
        disk.finish(&first, false, 6000);
        assert_eq!(image(disk).stalled_ns(10_000), 4000);

        let idle = self::disk();
        let only = start(&idle, READ, 1, 1000);
        idle.finish(&only, false, 2000);
        let late = start(&idle, READ, 1, 9000);
        assert_eq!(image(idle).stalled_ns(10_000), 1000, "the idle time before is no stall");

        let done = self::disk();
        done.start(1);
        done.finish(&late, true, 2);
        assert_eq!(image(done).stalled_ns(10_000), 0);
    }

    #[test]
    fn a_cookie_that_is_finished_twice_counts_once() {
        let disk = disk();
        // QEMU clears the kind when it is done.
        disk.finish(&Request::begun_earlier(0, 4096), false, 5);
        assert_eq!(image(disk), DiskImage::NEW);
    }

    #[test]
    fn a_negative_size_adds_nothing() {
        assert_eq!(Request::begun_earlier(1, -1).bytes, 0);
    }
}
