//! What the eBPF programs and the tracer exchange: plain `repr(C)` values, nothing else.
//!
//! ```text
//! tracer ── Cookie (one per attach point) ──▶ probes
//! tracer ◀── Event (ring buffer) ──────────── probes
//! tracer ◀─▶ Process (hash map by pid) ─────▶ probes
//! tracer ── Window (hash map by pid) ───────▶ probes   while a shutdown lasts
//! tracer ◀── Disk (hash map by disk) ──────── probes
//! ```
//!
//! Both sides are built from the same source in the same build, so there is no version to agree on.
#![no_std]
#![allow(clippy::inline_always, reason = "across a call the verifier forgets what it knew of a map's value")]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

mod daemon;
mod disk;
mod process;
mod word;

pub use daemon::{DomainCall, names_daemon};
pub use disk::{Disk, DiskImage, InWindow, Request, Window, WindowImage};
pub use process::{Process, ProcessImage};
pub use word::Word;

/// Longest command name of the kernel, with its terminating zero (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;

/// APM control port: the guest switches ACPI mode on and off there (FADT `SMI_CMD`).
pub const APM_CNT: u16 = 0xb2;

/// Where firmware puts the PM1 block: SeaBIOS and OVMF on `q35`; OVMF on `pc`, old SeaBIOS.
pub const PM1_BASES: [u16; 2] = [0x600, 0xb000];

/// Index of the count of events that found the ring buffer full, in the map `LOST`.
pub const LOST_RING_FULL: u32 = 0;

/// Index of the count of events beyond [`EVENTS_PER_SECOND`], in the map `LOST`.
pub const LOST_RATE_LIMIT: u32 = 1;

/// An offset in kernel memory that the tracer could not find out.
pub const UNKNOWN_OFFSET: u32 = u32::MAX;

/// How many events of one kind one process may cause within one second. A shutdown makes tens in
/// all; a guest that writes PM1 registers in a loop could make millions.
pub const EVENTS_PER_SECOND: u64 = 200;

/// How many calls one daemon of libvirt may report within one second, and as many returns: it
/// serves all the VMs of a host, which may all be shut down at once.
pub const CALLS_PER_SECOND: u64 = 1000;

/// How much of the id of a virtio-serial port travels, in bytes.
pub const PORT_ID_LEN: usize = 16;

/// `PWRBTN_STS` and `PWRBTN_EN`: bit 8 of the PM1 status and enable registers (ACPI 6.5, 4.8.3.1).
pub const PWRBTN: u16 = 1 << 8;

/// `SLP_EN`: bit 13 of the PM1 control register (ACPI 6.5, 4.8.3.2).
pub const SLP_EN: u16 = 1 << 13;

/// What an [`Event`] is about, and with it what `args` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `qmp_system_powerdown()`.
    QmpSystemPowerdown,
    /// `qemu_system_powerdown_request()`.
    PowerdownRequest,
    /// `qapi_event_send_powerdown()`.
    Powerdown,
    /// `acpi_pm1_evt_power_down`: [`Pm1::pack`] in `args[0]`.
    PowerButton,
    /// `acpi_update_sci`: [`Pm1::pack`] in `args[0]`.
    Sci,
    /// `qemu_system_suspend_request()`.
    SuspendRequest,
    /// `qapi_event_send_suspend_disk()`.
    SuspendDisk,
    /// `qapi_event_send_wakeup()`.
    Wakeup,
    /// `qemu_system_shutdown_request(cause)`.
    ShutdownRequest,
    /// `qemu_system_reset_request(cause)`.
    ResetRequest,
    /// `qapi_event_send_shutdown(guest, cause)`.
    Shutdown,
    /// `qapi_event_send_reset(guest, cause)`.
    Reset,
    /// `qapi_event_send_stop()`.
    Stop,
    /// `qapi_event_send_resume()`.
    Resume,
    /// `runstate_set(state)`.
    RunState,
    /// `vm_stop` returned: duration in nanoseconds in `args[0]`.
    VmStop,
    /// `qemu_system_killed(signal, pid)`.
    Killed,
    /// `qemu_system_guest_panicked()`.
    GuestPanicked,
    /// `qapi_event_send_vserport_change(id, open)`: the id's beginning, [`PORT_ID_LEN`] bytes, in
    /// `args`; `open` in `detail`.
    VserportChange,
    /// A [`DomainCall`] began, its number in `detail`: the domain's UUID in `args`, the call's flags
    /// in `flags`. The process is libvirt's daemon.
    LibvirtCall,
    /// A [`DomainCall`] returned, its number in `detail`: the domain's UUID in `args`, 1 in `flags`
    /// where it failed. The process is libvirt's daemon.
    LibvirtReturn,
    /// `oom:mark_victim`.
    OomKill,
    /// `kvm:kvm_pio`: [`PortIo::pack`] in `args[0]`.
    PortIo,
    /// `signal:signal_generate`: signal and the sender's pid; `comm` is the sender's.
    Signal,
    /// `sched:sched_process_exec`: `comm` is the new one.
    Exec,
    /// `sched:sched_process_exit` of the last thread: the kernel's exit code and whether it could
    /// be read.
    Exit,
}

impl Kind {
    /// Number of kinds.
    pub const COUNT: usize = ALL.len();

    /// The kind with this number, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        ALL.get(usize::from(number)).copied()
    }
}

/// All kinds, in the order of their numbers.
const ALL: [Kind; 26] = [
    Kind::QmpSystemPowerdown,
    Kind::PowerdownRequest,
    Kind::Powerdown,
    Kind::PowerButton,
    Kind::Sci,
    Kind::SuspendRequest,
    Kind::SuspendDisk,
    Kind::Wakeup,
    Kind::ShutdownRequest,
    Kind::ResetRequest,
    Kind::Shutdown,
    Kind::Reset,
    Kind::Stop,
    Kind::Resume,
    Kind::RunState,
    Kind::VmStop,
    Kind::Killed,
    Kind::GuestPanicked,
    Kind::VserportChange,
    Kind::LibvirtCall,
    Kind::LibvirtReturn,
    Kind::OomKill,
    Kind::PortIo,
    Kind::Signal,
    Kind::Exec,
    Kind::Exit,
];

/// One thing seen, as it travels through the ring buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub boot_ns: u64,
    /// Start of the process on `CLOCK_BOOTTIME` in nanoseconds; 0 where the kernel's structures
    /// could not be read.
    pub start_ns: u64,
    /// By [`Event::kind`].
    pub args: [u64; 2],
    /// Process (thread group) in the initial pid namespace.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// Number of a [`Kind`].
    pub kind: u8,
    /// By [`Event::kind`].
    pub detail: u8,
    /// Padding, always zero.
    pub reserved: [u8; 2],
    /// By [`Event::kind`].
    pub flags: u32,
    /// Command name of the running process; of the thread where the kernel's structures could not
    /// be read.
    pub comm: [u8; COMM_LEN],
}

const _: () = assert!(size_of::<Event>() == 64 && align_of::<Event>() == 8);

impl Event {
    /// Reads an event from the bytes of a ring buffer entry; `None` where the length is not that
    /// of an event.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != size_of::<Self>() {
            return None;
        }
        // SAFETY: the length is that of an `Event`, every bit pattern of its integer fields is
        // valid, and `read_unaligned` asks for no alignment.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }

    /// The command name, without the padding.
    pub fn comm(&self) -> &[u8] {
        until_zero(&self.comm)
    }

    /// The sixteen bytes that `args` hold: an identity or a name.
    pub fn bytes(&self) -> [u8; 16] {
        // SAFETY: both are sixteen bytes of which every pattern is valid.
        unsafe { core::mem::transmute(self.args) }
    }
}

/// What comes before the first zero.
pub fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}

/// What an attach point tells the program that runs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    /// Number of the [`Kind`] of event.
    pub kind: u8,
    /// Number of the attached file, from 1. One inode can be attached under two names (overlay
    /// mounts), and then only the first counts.
    pub binary: u16,
    /// Offset of `PM1_STS` in QEMU's `ACPIREGS`; 0 where it is not known.
    pub status_offset: u16,
    /// Offset of `PM1_EN` in QEMU's `ACPIREGS`; 0 where it is not known.
    pub enable_offset: u16,
    /// Number of the [`DomainCall`], in libvirt's library.
    pub call: u8,
}

impl Cookie {
    /// As the kernel keeps it.
    pub const fn pack(self) -> u64 {
        self.kind as u64
            | (self.binary as u64) << 8
            | (self.status_offset as u64) << 24
            | (self.enable_offset as u64) << 40
            | (self.call as u64) << 56
    }

    /// From [`Cookie::pack`].
    #[allow(clippy::cast_possible_truncation, reason = "each field is cut out on purpose")]
    pub const fn unpack(bits: u64) -> Self {
        Self {
            kind: bits as u8,
            binary: (bits >> 8) as u16,
            status_offset: (bits >> 24) as u16,
            enable_offset: (bits >> 40) as u16,
            call: (bits >> 56) as u8,
        }
    }
}

/// The PM1 event block as QEMU holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pm1 {
    /// `PM1_STS`.
    pub status: u16,
    /// `PM1_EN`.
    pub enable: u16,
}

impl Pm1 {
    /// Registers that could be read, or that they could not.
    pub const fn pack(registers: Option<Self>) -> u64 {
        match registers {
            Some(Self { status, enable }) => 1 << 32 | (enable as u64) << 16 | status as u64,
            None => 0,
        }
    }

    /// From [`Pm1::pack`].
    #[allow(clippy::cast_possible_truncation, reason = "each field is cut out on purpose")]
    pub const fn unpack(bits: u64) -> Option<Self> {
        match bits >> 32 {
            1 => Some(Self { status: bits as u16, enable: (bits >> 16) as u16 }),
            _ => None,
        }
    }
}

/// A guest's access to an I/O port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortIo {
    /// Port.
    pub port: u16,
    /// A write; otherwise a read that has completed.
    pub write: bool,
    /// Value, with the bytes beyond the access's size cleared.
    pub value: u32,
}

impl PortIo {
    /// Into one argument.
    pub const fn pack(self) -> u64 {
        self.value as u64 | (self.port as u64) << 32 | (self.write as u64) << 48
    }

    /// From [`PortIo::pack`].
    #[allow(clippy::cast_possible_truncation, reason = "each field is cut out on purpose")]
    pub const fn unpack(bits: u64) -> Self {
        Self { port: (bits >> 32) as u16, write: bits >> 48 & 1 == 1, value: bits as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_number() {
        for (number, kind) in ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(Kind::from_number(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_number(u8::MAX), None);
    }

    #[test]
    fn a_cookie_survives_the_kernel() {
        let cookie = Cookie { kind: 4, binary: 65535, status_offset: 0x260, enable_offset: 0x262, call: 5 };
        assert_eq!(Cookie::unpack(cookie.pack()), cookie);
    }

    #[test]
    fn registers_that_could_not_be_read_are_not_zero() {
        let zero = Pm1 { status: 0, enable: 0 };
        assert_eq!(Pm1::unpack(Pm1::pack(Some(zero))), Some(zero));
        assert_eq!(Pm1::unpack(Pm1::pack(None)), None);
        let pressed = Pm1 { status: PWRBTN, enable: PWRBTN | 1 };
        assert_eq!(Pm1::unpack(Pm1::pack(Some(pressed))), Some(pressed));
    }

    #[test]
    fn a_port_access_survives_the_ring_buffer() {
        let access = PortIo { port: 0x604, write: true, value: 0x2000 };
        assert_eq!(PortIo::unpack(access.pack()), access);
    }

    #[test]
    fn an_entry_of_another_length_is_no_event() {
        assert_eq!(Event::from_bytes(&[0; 63]), None);
        assert_eq!(Event::from_bytes(&[0; 64]).map(|event| event.kind), Some(0));
    }

    #[test]
    fn a_name_ends_at_its_first_zero_or_is_whole() {
        assert_eq!(until_zero(b"channel0\0\0garbage"), b"channel0");
        assert_eq!(until_zero(b"sixteen bytes of"), b"sixteen bytes of");
        assert_eq!(until_zero(b""), b"");
    }

    #[test]
    fn the_bytes_of_an_event_are_those_the_probe_read() {
        let mut entry = [0; 64];
        entry[16..32].copy_from_slice(b"0123456789abcdef");
        assert_eq!(Event::from_bytes(&entry).map(|event| event.bytes()), Some(*b"0123456789abcdef"));
    }
}
