//! What is read of the kernel's `task_struct`. Where its fields are is in the kernel's type
//! information (BTF): the tracer looks there and sets the offsets before it loads the programs.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::helpers::generated::bpf_get_current_task;
use softoff_abi::{COMM_LEN, UNKNOWN_OFFSET};

use crate::emit::Thread;
use crate::global;

/// `task_struct.group_leader`.
#[unsafe(no_mangle)]
static TASK_GROUP_LEADER: u32 = UNKNOWN_OFFSET;
/// `task_struct.start_boottime`, before Linux 5.5 `real_start_time`.
#[unsafe(no_mangle)]
static TASK_START_BOOTTIME: u32 = UNKNOWN_OFFSET;
/// `task_struct.comm`.
#[unsafe(no_mangle)]
static TASK_COMM: u32 = UNKNOWN_OFFSET;
/// `task_struct.exit_code`.
#[unsafe(no_mangle)]
static TASK_EXIT_CODE: u32 = UNKNOWN_OFFSET;
/// `task_struct.signal`.
#[unsafe(no_mangle)]
static TASK_SIGNAL: u32 = UNKNOWN_OFFSET;
/// `signal_struct.live`.
#[unsafe(no_mangle)]
static SIGNAL_LIVE: u32 = UNKNOWN_OFFSET;

/// Start of the running process on `CLOCK_BOOTTIME` in nanoseconds; 0 where not readable.
pub fn start_ns() -> u64 {
    read::<u64>(current(), global!(TASK_GROUP_LEADER))
        .and_then(|leader| read(leader, global!(TASK_START_BOOTTIME)))
        .unwrap_or(0)
}

/// Command name of the running process: that of its main thread. libvirt's workers, which send its
/// signals, have names of their own.
pub fn process_comm() -> Option<[u8; COMM_LEN]> {
    read::<u64>(current(), global!(TASK_GROUP_LEADER)).and_then(|leader| read(leader, global!(TASK_COMM)))
}

/// Whether no other thread of the running process lives. Where that is not readable the end of
/// the main thread stands for it.
pub fn is_last_thread(thread: &Thread) -> bool {
    read::<u64>(current(), global!(TASK_SIGNAL))
        .and_then(|signal| read::<u32>(signal, global!(SIGNAL_LIVE)))
        .map_or(thread.pid == thread.tid, |live| live == 0)
}

/// The exit code of the running thread as `wait` has it. Of a process that ends as a whole, every
/// thread has the same.
pub fn exit_code() -> Option<u32> {
    read(current(), global!(TASK_EXIT_CODE))
}

fn current() -> u64 {
    // SAFETY: this helper takes nothing and cannot fail.
    unsafe { bpf_get_current_task() }
}

fn read<T>(address: u64, offset: u32) -> Option<T> {
    if offset == UNKNOWN_OFFSET {
        return None;
    }
    // SAFETY: the helper checks the address itself and fails where nothing is mapped.
    unsafe { bpf_probe_read_kernel((address + u64::from(offset)) as *const T) }.ok()
}
