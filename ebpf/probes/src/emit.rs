//! Sending: who is running, may it send, and the way into the ring buffer.

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, RingBuf};
use softoff_abi::{COMM_LEN, Event, Kind, LOST_RATE_LIMIT, LOST_RING_FULL, Process, ProcessImage, Word};

use crate::task;

/// Without preallocation: an entry that is being read is never another's meanwhile.
pub const BPF_F_NO_PREALLOC: u32 = 1;
/// Insert only what is not there.
pub const BPF_NOEXIST: u64 = 1;

/// 8192 events: more than 300 shutdowns in the same millisecond.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 19, 0);

/// What was not sent: see [`LOST_RING_FULL`] and [`LOST_RATE_LIMIT`].
#[map]
static LOST: Array<u64> = Array::with_max_entries(2, 0);

/// QEMU processes and libvirt's daemons by pid. [`Process`] is what [`ProcessImage`] is, seen from here.
#[map]
pub static PROCESSES: HashMap<u32, ProcessImage> = HashMap::with_max_entries(16384, BPF_F_NO_PREALLOC);

/// A process of which nothing is known yet. It is too large for the stack.
static NEW: ProcessImage = ProcessImage::new(0);

/// What an event says beyond who, when and its kind: see [`Event`].
#[derive(Clone, Copy)]
pub struct Payload {
    pub args: [u64; 2],
    pub detail: u8,
    pub flags: u32,
}

impl From<[u64; 2]> for Payload {
    fn from(args: [u64; 2]) -> Self {
        Self { args, detail: 0, flags: 0 }
    }
}

/// The running thread, now.
pub struct Thread {
    pub boot_ns: u64,
    pub pid: u32,
    pub tid: u32,
}

impl Thread {
    pub fn current() -> Self {
        let pid_tgid = bpf_get_current_pid_tgid();
        // SAFETY: this helper takes nothing and cannot fail.
        let boot_ns = unsafe { bpf_ktime_get_boot_ns() };
        Self { boot_ns, pid: (pid_tgid >> 32) as u32, tid: pid_tgid as u32 }
    }

    /// Only its process.
    pub fn pid() -> u32 {
        (bpf_get_current_pid_tgid() >> 32) as u32
    }
}

/// The running thread and its process, where a hit of this attached file counts.
pub fn hit(binary: u16) -> Option<(Thread, &'static Process)> {
    let thread = Thread::current();
    let process = enter(thread.pid)?;
    process.belongs_to(binary).then_some((thread, process))
}

/// The entry of a process that is watched.
pub fn known(pid: u32) -> Option<&'static Process> {
    let process = PROCESSES.get_ptr(pid)?.cast::<Process>();
    // SAFETY: `Process` has the size and layout of the map's value, all its fields may change at any time, and
    // the kernel keeps an entry of this map in place until the program ends, even if it is removed.
    Some(unsafe { &*process })
}

/// The entry of the running process, made if need be.
pub fn enter(pid: u32) -> Option<&'static Process> {
    if let Some(process) = known(pid) {
        return Some(process);
    }
    let start_ns = task::start_ns();
    let _ = PROCESSES.insert(pid, &NEW, BPF_NOEXIST);
    let process = known(pid)?;
    process.started_at(start_ns);
    Some(process)
}

/// Sends an event of this process, as far as the rate limit admits.
pub fn emit(thread: &Thread, process: &Process, kind: u8, payload: impl Into<Payload>) {
    if process.admits(kind, thread.boot_ns) {
        send(thread, process.start_ns(), kind, &payload.into());
    } else {
        count_lost(LOST_RATE_LIMIT);
    }
}

/// Sends an event that happens once in the life of a process.
pub fn emit_unlimited(thread: &Thread, start_ns: u64, kind: Kind, args: [u64; 2]) {
    send(thread, start_ns, kind as u8, &args.into());
}

fn send(thread: &Thread, start_ns: u64, kind: u8, payload: &Payload) {
    let Some(mut entry) = EVENTS.reserve::<Event>(0) else { return count_lost(LOST_RING_FULL) };
    entry.write(Event {
        boot_ns: thread.boot_ns,
        start_ns,
        args: payload.args,
        pid: thread.pid,
        tid: thread.tid,
        kind,
        detail: payload.detail,
        reserved: [0; 2],
        flags: payload.flags,
        comm: task::process_comm().or(bpf_get_current_comm().ok()).unwrap_or([0; COMM_LEN]),
    });
    entry.submit(0);
}

fn count_lost(index: u32) {
    if let Some(lost) = LOST.get_ptr(index) {
        // SAFETY: a `Word` is a u64, and every program uses this value as one.
        unsafe { &*lost.cast::<Word>() }.add_one();
    }
}
