//! The eBPF programs: the sentinels of QEMU and libvirt (uprobes) and of the kernel (tracepoints).
//!
//! ```text
//! QEMU function ── uprobe ──▶ call, pm1, port, vm_stop_entry, vm_stop_return ─┐
//! libvirt function ── uprobe ──▶ libvirt_call, libvirt_return ────────────────┤
//! exec, exit, signal, oom, kvm_pio ── tracepoint ──▶ the program of that name ┼▶ EVENTS ─▶ tracer
//!           PROCESSES: the QEMU processes and libvirt's daemons, their limits ┘
//!
//! block_acct_* ── uprobe, while a shutdown lasts ──▶ block_* ──▶ DISKS ◀─ tracer
//! ```
//!
//! None of the sentinels run while a guest just runs, but two: `kvm_pio` on each port access under KVM and
//! `acpi_update_sci` on each change of the ACPI interrupt. Both turn back at the first look unless
//! the power button, sleep or ACPI mode is concerned.
#![no_std]
#![no_main]

mod block;
mod emit;
mod libvirt;
mod port;
mod task;

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::bpf_get_attach_cookie;
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_probe_read_user};
use aya_ebpf::macros::{map, tracepoint, uprobe, uretprobe};
use aya_ebpf::maps::LruHashMap;
use aya_ebpf::programs::{ProbeContext, RetProbeContext, TracePointContext};
use softoff_abi::{APM_CNT, Cookie, Kind, PM1_BASES, Pm1, PortIo, Process, names_daemon};

use crate::emit::{PROCESSES, Thread, emit, emit_unlimited};

/// Offsets of the tracepoints' fields, from their `format` files.
#[unsafe(no_mangle)]
static SIGNAL_NUMBER: u32 = 0;
#[unsafe(no_mangle)]
static SIGNAL_TARGET: u32 = 0;
#[unsafe(no_mangle)]
static OOM_VICTIM: u32 = 0;
#[unsafe(no_mangle)]
static PIO_WRITE: u32 = 0;
#[unsafe(no_mangle)]
static PIO_PORT: u32 = 0;
#[unsafe(no_mangle)]
static PIO_SIZE: u32 = 0;
#[unsafe(no_mangle)]
static PIO_VALUE: u32 = 0;

/// Signals that are worth a record, one bit each (bit 1: SIGHUP).
#[unsafe(no_mangle)]
static SIGNAL_MASK: u64 = 0;

/// A value that the tracer sets before it loads the programs.
macro_rules! global {
    ($name:path) => {
        // SAFETY: a reference to a static is valid; volatile, because the value is patched into
        // the object after compilation.
        unsafe { core::ptr::read_volatile(&raw const $name) }
    };
}
pub(crate) use global;

/// When `vm_stop` was entered, by thread and attached file. A QEMU killed within leaves its entry
/// to be replaced.
#[map]
static VM_STOPS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(1024, 0);

/// A QEMU function whose first two arguments say all.
#[uprobe]
pub fn call(ctx: ProbeContext) -> u32 {
    let cookie = cookie(&ctx);
    if let Some((thread, process)) = emit::hit(cookie.binary) {
        let args = [ctx.arg(0).unwrap_or(0), ctx.arg(1).unwrap_or(0)];
        emit(&thread, process, cookie.kind, args);
    }
    0
}

/// `acpi_pm1_evt_power_down(ACPIREGS *)` and `acpi_update_sci(ACPIREGS *, qemu_irq)`.
#[uprobe]
pub fn pm1(ctx: ProbeContext) -> u32 {
    let cookie = cookie(&ctx);
    let Some((thread, process)) = emit::hit(cookie.binary) else { return 0 };
    let registers = registers(&ctx, cookie);
    if cookie.kind == Kind::PowerButton as u8 {
        process.button_pressed();
    } else if !process.sci_is_news(thread.pid != thread.tid, registers) {
        return 0;
    }
    emit(&thread, process, cookie.kind, [Pm1::pack(registers), 0]);
    0
}

fn registers(ctx: &ProbeContext, cookie: Cookie) -> Option<Pm1> {
    if cookie.status_offset == 0 || cookie.enable_offset == 0 {
        return None;
    }
    let acpi_regs: u64 = ctx.arg(0)?;
    let read = |offset: u16| {
        // SAFETY: the helper checks the address itself and fails where nothing is mapped.
        unsafe { bpf_probe_read_user((acpi_regs + u64::from(offset)) as *const u16) }.ok()
    };
    Some(Pm1 { status: read(cookie.status_offset)?, enable: read(cookie.enable_offset)? })
}

/// `vm_stop(RunState)`. On a vCPU thread it only asks the main thread, which is not the stop.
#[uprobe]
pub fn vm_stop_entry(ctx: ProbeContext) -> u32 {
    let cookie = cookie(&ctx);
    if let Some((thread, _)) = emit::hit(cookie.binary)
        && thread.pid == thread.tid
    {
        let _ = VM_STOPS.insert(thread_key(&thread, cookie), thread.boot_ns, 0);
    }
    0
}

/// The end of `vm_stop`: vCPUs paused, block devices drained and flushed.
#[uretprobe]
pub fn vm_stop_return(ctx: RetProbeContext) -> u32 {
    let cookie = cookie(&ctx);
    let Some((thread, process)) = emit::hit(cookie.binary) else { return 0 };
    let key = thread_key(&thread, cookie);
    // SAFETY: the value is a plain integer and copied at once.
    let Some(entered) = (unsafe { VM_STOPS.get(key) }).copied() else { return 0 };
    let _ = VM_STOPS.remove(key);
    emit(&thread, process, cookie.kind, [thread.boot_ns.saturating_sub(entered), 0]);
    0
}

/// By thread and attached file: one inode attached under two names is entered and left twice.
fn thread_key(thread: &Thread, cookie: Cookie) -> u64 {
    u64::from(thread.tid) << 32 | u64::from(cookie.binary)
}

pub(crate) fn cookie(ctx: &impl EbpfContext) -> Cookie {
    // SAFETY: the context is the one this program was called with.
    Cookie::unpack(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) })
}

/// `sched:sched_process_exec`: remembers what is named like a QEMU or like libvirt's daemon; the
/// tracer looks closer.
#[tracepoint]
pub fn exec(_ctx: TracePointContext) -> u32 {
    let Ok(comm) = bpf_get_current_comm() else { return 0 };
    if !named_like_qemu(&comm) && !names_daemon(&comm) {
        return 0;
    }
    let thread = Thread::current();
    if let Some(process) = emit::enter(thread.pid) {
        emit_unlimited(&thread, process.start_ns(), Kind::Exec, [0; 2]);
    }
    0
}

/// `qemu-system-x86_64`, `qemu-kvm`, `kvm`: what distributions call it.
fn named_like_qemu(comm: &[u8; 16]) -> bool {
    (comm[0] == b'q' && comm[1] == b'e' && comm[2] == b'm' && comm[3] == b'u')
        || (comm[0] == b'k' && comm[1] == b'v' && comm[2] == b'm' && comm[3] == 0)
}

/// `sched:sched_process_exit`: the end of a QEMU is that of its last thread.
#[tracepoint]
pub fn exit(_ctx: TracePointContext) -> u32 {
    let thread = Thread::current();
    let Some(process) = emit::known(thread.pid) else { return 0 };
    if !task::is_last_thread(&thread) {
        return 0;
    }
    let (start_ns, dropped) = (process.start_ns(), process.dropped());
    // Two last threads can both find that no other lives: who removes the entry reports.
    if PROCESSES.remove(thread.pid).is_ok() {
        let code = task::exit_code().map_or(0, |code| 1 << 32 | u64::from(code));
        emit_unlimited(&thread, start_ns, Kind::Exit, [code, dropped]);
    }
    0
}

/// `signal:signal_generate`: runs in the sender.
#[tracepoint]
pub fn signal(ctx: TracePointContext) -> u32 {
    let Some(signal) = field(&ctx, global!(SIGNAL_NUMBER)) else { return 0 };
    if signal > 63 || global!(SIGNAL_MASK) >> signal & 1 == 0 {
        return 0;
    }
    let sender = Thread::current();
    let Some(target) = field(&ctx, global!(SIGNAL_TARGET)) else { return 0 };
    // A signal to a thread names that thread; of those only the ones to oneself (abort, SIGSEGV)
    // can be told to belong to a QEMU.
    let pid = if target == sender.tid { sender.pid } else { target };
    if let Some(process) = emit::known(pid) {
        let thread = Thread { pid, tid: target, ..sender };
        emit(&thread, process, Kind::Signal as u8, [u64::from(signal), u64::from(sender.pid)]);
    }
    0
}

/// `oom:mark_victim`: runs in whoever found no memory left.
#[tracepoint]
pub fn oom(ctx: TracePointContext) -> u32 {
    let Some(pid) = field(&ctx, global!(OOM_VICTIM)) else { return 0 };
    if let Some(process) = emit::known(pid) {
        let thread = Thread { pid, tid: pid, ..Thread::current() };
        emit(&thread, process, Kind::OomKill as u8, [0; 2]);
    }
    0
}

/// `kvm:kvm_pio`: a guest's port access, on its vCPU thread.
#[tracepoint]
pub fn kvm_pio(ctx: TracePointContext) -> u32 {
    let Some(port) = field(&ctx, global!(PIO_PORT)) else { return 0 };
    let port = port as u16;
    if port != APM_CNT && port & !7 != PM1_BASES[0] && port & !7 != PM1_BASES[1] {
        return 0;
    }
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if let Some(process) = emit::known(pid) {
        let _ = port_io(&ctx, port, process);
    }
    0
}

fn port_io(ctx: &TracePointContext, port: u16, process: &Process) -> Option<()> {
    let write = field(ctx, global!(PIO_WRITE))? == 1;
    let size = field(ctx, global!(PIO_SIZE))?;
    let value = field(ctx, global!(PIO_VALUE))?;
    let access = PortIo { port, write, value };
    if process.port_io_is_news(access, size) {
        emit(&Thread::current(), process, Kind::PortIo as u8, [access.pack(), 0]);
    }
    Some(())
}

fn field(ctx: &TracePointContext, offset: u32) -> Option<u32> {
    // SAFETY: the helper checks the address itself.
    unsafe { ctx.read_at(offset as usize) }.ok()
}

/// The kernel lets only programs under a licence compatible with the GPL read its memory.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    // SAFETY: the verifier admits no program from which this could be reached.
    unsafe { core::hint::unreachable_unchecked() }
}
