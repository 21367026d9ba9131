//! What clients ask libvirt for, seen where its daemon begins to serve it:
//!
//! ```text
//! client ── RPC ──▶ libvirtd, virtqemud: virDomainShutdown(virDomain *) ── driver ──▶ QEMU
//!                   └ libvirt_call ─── by thread ───▶ libvirt_return ┘
//! ```
//!
//! The clients call the same functions of the same library, to send the request. They are told
//! from the daemon by its command name.

use aya_ebpf::helpers::bpf_probe_read_user;
use aya_ebpf::macros::{map, uprobe, uretprobe};
use aya_ebpf::maps::LruHashMap;
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use softoff_abi::{DomainCall, Kind, Process, names_daemon};

use crate::emit::{self, Payload, Thread, emit};
use crate::{cookie, task, thread_key};

/// Where `struct _virDomain` has the UUID, in bytes: behind its virObject (24, a GObject since
/// libvirt 6), connection, name and id. Read at another place it is no domain's.
const VIR_DOMAIN_UUID: u64 = 0x2c;

/// The domains whose calls are being served, by thread and attached file. A daemon killed within
/// leaves its entries to be replaced.
#[map]
static LIBVIRT_CALLS: LruHashMap<u64, [u64; 2]> = LruHashMap::with_max_entries(1024, 0);

/// A [`DomainCall`] begins.
#[uprobe]
pub fn libvirt_call(ctx: ProbeContext) -> u32 {
    let _ = call_begins(&ctx);
    0
}

fn call_begins(ctx: &ProbeContext) -> Option<()> {
    let cookie = cookie(ctx);
    let (thread, daemon) = daemon(cookie.binary)?;
    let domain: u64 = ctx.arg(0)?;
    // SAFETY: the helper checks the address itself and fails where nothing is mapped.
    let uuid = unsafe { bpf_probe_read_user((domain + VIR_DOMAIN_UUID) as *const [u64; 2]) }.ok()?;
    let flags = if DomainCall::takes_flags(cookie.call) { ctx.arg::<u32>(1)? } else { 0 };
    let _ = LIBVIRT_CALLS.insert(thread_key(&thread, cookie), uuid, 0);
    emit(&thread, daemon, Kind::LibvirtCall as u8, Payload { args: uuid, detail: cookie.call, flags });
    Some(())
}

/// A [`DomainCall`] returns.
#[uretprobe]
pub fn libvirt_return(ctx: RetProbeContext) -> u32 {
    let _ = call_returns(&ctx);
    0
}

fn call_returns(ctx: &RetProbeContext) -> Option<()> {
    let cookie = cookie(ctx);
    let (thread, daemon) = daemon(cookie.binary)?;
    let key = thread_key(&thread, cookie);
    // SAFETY: only this thread writes the value, which is copied at once.
    let uuid = *unsafe { LIBVIRT_CALLS.get(key) }?;
    let _ = LIBVIRT_CALLS.remove(key);
    let flags = u32::from(ctx.ret::<i32>() < 0);
    emit(&thread, daemon, Kind::LibvirtReturn as u8, Payload { args: uuid, detail: cookie.call, flags });
    Some(())
}

/// The running thread and its process, where that is libvirt's daemon and this attached file counts.
fn daemon(binary: u16) -> Option<(Thread, &'static Process)> {
    names_daemon(&task::process_comm()?).then_some(())?;
    emit::hit(binary)
}
