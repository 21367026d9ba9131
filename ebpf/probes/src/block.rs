//! Block requests of the guest, counted while its process has a window open: no events, only counters
//! that the tracer reads.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::helpers::bpf_probe_read_user;
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::{map, uprobe};
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::ProbeContext;
use softoff_abi::{Disk, DiskImage, InWindow, Request, Window, WindowImage};

use crate::cookie;
use crate::emit::{BPF_F_NO_PREALLOC, BPF_NOEXIST, Thread};

/// The kernel's word for an entry that is there already (`EEXIST`).
const EXISTS: i32 = -17;

/// Open windows by pid. [`Window`] is what [`WindowImage`] is, seen from here.
#[map]
static WINDOWS: HashMap<u32, WindowImage> = HashMap::with_max_entries(4096, BPF_F_NO_PREALLOC);

/// Disks by their `BlockAcctStats`. [`Disk`] is what [`DiskImage`] is, seen from here.
#[map]
static DISKS: HashMap<InWindow, DiskImage> = HashMap::with_max_entries(8192, BPF_F_NO_PREALLOC);

/// Requests in flight by their `BlockAcctCookie`.
#[map]
static REQUESTS: HashMap<InWindow, Request> = HashMap::with_max_entries(65536, BPF_F_NO_PREALLOC);

/// QEMU's `BlockAcctCookie`, the same since 2.5.
#[derive(Clone, Copy)]
#[repr(C)]
struct BlockAcctCookie {
    bytes: i64,
    start_time_ns: i64,
    kind: u32,
}

/// `block_acct_start(BlockAcctStats *, BlockAcctCookie *, int64_t bytes, enum BlockAcctType)`.
#[uprobe]
pub fn block_start(ctx: ProbeContext) -> u32 {
    let _ = start(&ctx);
    0
}

/// `block_acct_done(BlockAcctStats *, BlockAcctCookie *)`.
#[uprobe]
pub fn block_done(ctx: ProbeContext) -> u32 {
    let _ = finish(&ctx, false);
    0
}

/// `block_acct_failed(BlockAcctStats *, BlockAcctCookie *)`.
#[uprobe]
pub fn block_failed(ctx: ProbeContext) -> u32 {
    let _ = finish(&ctx, true);
    0
}

fn start(ctx: &ProbeContext) -> Option<()> {
    let window = window(ctx)?;
    let disk = disk(window, ctx.arg(0)?)?;
    let key = InWindow { window: window.number(), address: ctx.arg(1)? };
    let request = Request::new(ctx.arg::<u64>(3)? as u32, ctx.arg(2)?, disk);
    match REQUESTS.insert(key, request, BPF_NOEXIST) {
        Ok(()) => disk.start(now_ns()),
        // QEMU tries a request again that failed or was cancelled: it is in flight already.
        Err(EXISTS) => drop(REQUESTS.insert(key, request, BPF_ANY.into())),
        Err(_) => window.miss(),
    }
    Some(())
}

fn finish(ctx: &ProbeContext, failed: bool) -> Option<()> {
    let window = window(ctx)?;
    let address = ctx.arg(1)?;
    let key = InWindow { window: window.number(), address };
    // SAFETY: the value is copied at once, and an entry of this map is never another's meanwhile.
    let request = match unsafe { REQUESTS.get(key) }.copied() {
        Some(request) => request,
        None => begun_earlier(address)?,
    };
    let _ = REQUESTS.remove(key);
    disk(window, ctx.arg(0)?)?.finish(&request, failed, now_ns());
    Some(())
}

fn begun_earlier(cookie: u64) -> Option<Request> {
    // SAFETY: the helper checks the address itself and fails where nothing is mapped.
    let cookie = unsafe { bpf_probe_read_user(cookie as *const BlockAcctCookie) }.ok()?;
    Some(Request::begun_earlier(cookie.kind, cookie.bytes))
}

/// The window of the running process, where a hit of this attached file counts.
fn window(ctx: &ProbeContext) -> Option<&'static Window> {
    let window = WINDOWS.get_ptr(Thread::pid())?.cast::<Window>();
    // SAFETY: `Window` has the size and layout of the map's value, all its fields may change at any time, and
    // the kernel keeps an entry of this map in place until the program ends, even if it is removed.
    let window = unsafe { &*window };
    window.counts(cookie(ctx).binary).then_some(window)
}

/// The entry of a disk, made if need be.
fn disk(window: &Window, stats: u64) -> Option<&'static Disk> {
    let key = InWindow { window: window.number(), address: stats };
    if let Some(disk) = known(key) {
        return Some(disk);
    }
    if DISKS.insert(key, DiskImage::NEW, BPF_NOEXIST).is_ok() {
        window.add_disk();
    }
    let disk = known(key);
    if disk.is_none() {
        window.miss();
    }
    disk
}

fn known(key: InWindow) -> Option<&'static Disk> {
    let disk = DISKS.get_ptr(key)?.cast::<Disk>();
    // SAFETY: as for `window`, with `Disk`.
    Some(unsafe { &*disk })
}

fn now_ns() -> u64 {
    // SAFETY: this helper takes nothing and cannot fail.
    unsafe { bpf_ktime_get_boot_ns() }
}
