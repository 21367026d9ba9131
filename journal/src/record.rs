//! The record schema: what a line of the journal can say.
//!
//! Every line is `{"boot_ns": …, "wall": …, "event": {"<kind>": {…}}}`. Fields may be added in a
//! later version and readers skip those they do not know; a field never changes its meaning.

use chrono::{DateTime, Utc};
#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod agent;
mod domain_log;
mod screen;
mod windows;

pub use agent::{AgentAnswer, AgentExchange, AgentQuestion, GuestOs};
pub use domain_log::{Death, DomainLog, LogEntry};
pub use screen::{Picture, Screen};
pub use windows::{WindowsEntry, WindowsEvent};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Record {
    /// `CLOCK_BOOTTIME` of the event in nanoseconds: what records are linked by.
    pub boot_ns: u64,
    /// Wall time of the event, for people; it may step and is never used for durations.
    pub wall: DateTime<Utc>,
    /// What happened.
    pub event: Event,
}

/// What a record can be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Who wrote this file, where and with what clocks: the first record of each file.
    Provenance(Provenance),
    /// libvirt called the qemu hook.
    Hook(HookCall),
    /// The tracer found a QEMU process.
    Qemu(QemuProcess),
    /// The tracer began or ended watching; what it attached to and what it could not.
    Tracer(TracerState),
    /// A sentinel fired in, or about, a QEMU process.
    Probe(ProbeHit),
    /// Forensics of a QEMU process began or ended: see [`Activity`].
    Window(Window),
    /// What a QEMU process did lately, while its window is open.
    Activity(Activity),
    /// A look at a guest's screen, while its shutdown lasts.
    Screen(Screen),
    /// A question to a guest's agent, while its shutdown lasts.
    Agent(AgentExchange),
    /// A domain's log says something: imported.
    DomainLog(DomainLog),
    /// A Windows event log says something: imported. `boot_ns` and `wall` are the guest's clock.
    Windows(WindowsEvent),
    /// Something was lost, and how much.
    Loss(Loss),
}

/// Opens every file: all that is needed to read it on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Provenance {
    /// [`crate::SCHEMA`] of the writer.
    pub schema: String,
    /// Who wrote the file: `hook`, `tracer`, `witness`, or what was imported: `qemu-log`, `evtx`.
    pub writer: String,
    /// softoff's version.
    pub version: String,
    /// Host name (`uname -n`).
    pub host: String,
    /// `/proc/sys/kernel/random/boot_id`: `boot_ns` values compare only within one boot. Of what was
    /// imported, a name-based UUID of its own: its `boot_ns` is its wall clock.
    pub boot_id: Uuid,
    /// Kernel release (`uname -r`).
    pub kernel: String,
    /// Names of the clocks behind `boot_ns` and `wall`.
    pub clocks: Clocks,
}

/// The clocks that stamp records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Clocks {
    /// Clock of `boot_ns`.
    pub boot_ns: String,
    /// Clock of `wall`.
    pub wall: String,
}

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct ProcessId {
    /// Process id in the host's pid namespace.
    pub pid: u32,
    /// Start time in clock ticks (1/100 s) since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
}

/// The operations libvirt calls a qemu hook for (libvirt `docs/hooks.rst`, `src/util/virhook.c`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Before the domain's resources are labelled.
    Prepare,
    /// Just before QEMU is executed.
    Start,
    /// QEMU runs and its vCPUs are running.
    Started,
    /// QEMU is gone; labels are not yet restored.
    Stopped,
    /// Everything libvirt held for the domain is released.
    Release,
    /// An incoming migration is being prepared on this host.
    Migrate,
    /// A saved image is about to be restored.
    Restore,
    /// libvirt came back and found the domain running.
    Reconnect,
    /// libvirt attached to a QEMU it did not start (no caller in libvirt 8.5 or 10.7).
    Attach,
    /// An operation this version of softoff does not know.
    #[serde(untagged)]
    Other(String),
}

/// One call of the qemu hook, as libvirt made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct HookCall {
    /// Domain name: argument 1.
    pub domain: String,
    /// Domain UUID, from the XML on standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// Operation: argument 2.
    pub operation: Operation,
    /// Sub-operation: argument 3 (`begin` or `end`).
    pub sub_operation: String,
    /// Argument 4 as given: the shutoff reason since libvirt 10.5, `-` before.
    pub extra: String,
    /// Why the domain is off, where libvirt says so: see `reason_source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ShutoffReason>,
    /// Where `reason` was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_source: Option<ReasonSource>,
    /// The signal that QEMU's last lines in that log say it terminates on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Termination>,
    /// The QEMU process, while libvirt's pid file exists (`started`, `reconnect`, `stopped`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Start time of `pid` in clock ticks since boot, while the process exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_ticks: Option<u64>,
    /// libosinfo id of the guest, where the XML has one, e.g. `http://microsoft.com/win/2k22`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Why something above could not be read; the record itself is still sound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trouble: Vec<String>,
}

/// libvirt's word for why a domain is off (`virDomainShutoffReason`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ShutoffReason {
    /// libvirt does not know.
    Unknown,
    /// The guest powered off, or a signal libvirt did not send ended QEMU politely.
    Shutdown,
    /// `virsh destroy` or its like.
    Destroyed,
    /// QEMU went away without saying goodbye.
    Crashed,
    /// The guest moved to another host.
    Migrated,
    /// The guest's state was saved to disk.
    Saved,
    /// The start failed.
    Failed,
    /// The domain was reverted to a snapshot that is off.
    FromSnapshot,
    /// The daemon stopped it (for example a failed reconnect).
    Daemon,
    /// A reason this version of softoff does not know.
    #[serde(untagged)]
    Other(String),
}

impl ShutoffReason {
    /// Reads libvirt's own spelling, as the hook's fourth argument and the domain log have it.
    pub fn from_libvirt(word: &str) -> Self {
        match word {
            "unknown" => Self::Unknown,
            "shutdown" => Self::Shutdown,
            "destroyed" => Self::Destroyed,
            "crashed" => Self::Crashed,
            "migrated" => Self::Migrated,
            "saved" => Self::Saved,
            "failed" => Self::Failed,
            "from snapshot" => Self::FromSnapshot,
            "daemon" => Self::Daemon,
            other => Self::Other(other.to_owned()),
        }
    }

    /// libvirt's own spelling.
    pub fn as_libvirt(&self) -> &str {
        match self {
            Self::Unknown => "unknown",
            Self::Shutdown => "shutdown",
            Self::Destroyed => "destroyed",
            Self::Crashed => "crashed",
            Self::Migrated => "migrated",
            Self::Saved => "saved",
            Self::Failed => "failed",
            Self::FromSnapshot => "from snapshot",
            Self::Daemon => "daemon",
            Self::Other(word) => word,
        }
    }
}

/// QEMU's last words on a signal: `terminating on signal 15 from pid 6530 (/usr/sbin/libvirtd)`. It
/// says so on every clean power-off too, as libvirt ends it then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Termination {
    /// Signal number.
    pub signal: i32,
    /// Process id of the sender, where QEMU says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The sender's own name for itself, where it was still there to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where a shutoff reason was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReasonSource {
    /// The hook's fourth argument (libvirt 10.5 and later).
    Argument,
    /// The `shutting down, reason=` line of the domain's QEMU log.
    Log,
}

/// A QEMU process the tracer watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct QemuProcess {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// Domain name, from `-name guest=` or libvirt's status file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Domain UUID, from `-uuid` or libvirt's status file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// libosinfo id of the guest, where libvirt's status file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The executable, as `/proc/PID/exe` reads.
    pub executable: String,
    /// GNU build id of the executable in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// QEMU's version, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `kvm`, `tcg` or another accelerator of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
    /// The channel of the guest agent, where the domain has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentChannel>,
    /// QEMU's run state when it was found, by libvirt's status file, in libvirt's spelling (`running`,
    /// `paused`, `pmsuspended`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What is watched in this process.
    pub coverage: Coverage,
    /// Sentinels that could not be attached and what that costs, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingSentinel>,
}

/// The virtio-serial port that the guest agent listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct AgentChannel {
    /// QEMU's id of the port, e.g. `channel0`: what [`Sign::VserportChange`] names.
    pub port: String,
    /// Whether the guest had it open when the process was found. Absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
}

/// How much of a process the tracer sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// Signals and process exit only.
    Process,
    /// Also KVM's port accesses to the PM1 block; QEMU itself has no symbols to attach to.
    Kvm,
    /// QEMU's own functions, through uprobes on exported symbols.
    Symbols,
}

/// A sentinel that is not there, and what cannot be known without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct MissingSentinel {
    /// Symbol or tracepoint.
    pub name: String,
    /// Why it is missing and what cannot be told without it.
    pub consequence: String,
}

/// The tracer's own life: outside `ready`…`stopped` the absence of a sign proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TracerState {
    /// Watching from here on.
    Ready {
        /// Process id of the tracer.
        pid: u32,
        /// Sentinels of the kernel that could not be attached.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<MissingSentinel>,
    },
    /// No longer watching.
    Stopped {
        /// Process id of the tracer.
        pid: u32,
    },
}

/// A sentinel fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct ProbeHit {
    /// The QEMU process this is about.
    #[serde(flatten)]
    pub process: ProcessId,
    /// The thread it happened on (for a signal: the target's).
    pub tid: u32,
    /// What was seen.
    pub sign: Sign,
}

/// What a sentinel can see. Names are those of ACPI, QEMU and QMP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// `system_powerdown` arrived over QMP (`qmp_system_powerdown`).
    QmpSystemPowerdown,
    /// The button was asked for, by whoever (`qemu_system_powerdown_request`).
    PowerdownRequest,
    /// QMP event `POWERDOWN` was sent (`qapi_event_send_powerdown`).
    Powerdown,
    /// The press reached the PM1 event block (`acpi_pm1_evt_power_down`).
    PowerButton {
        /// `PM1_EN.PWRBTN_EN` at that moment: clear means the press is lost. Absent: not readable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        enabled: Option<bool>,
    },
    /// The SCI line was re-evaluated (`acpi_update_sci`): raised by the device on the main
    /// thread; acknowledged or re-enabled by the guest on a vCPU thread.
    Sci {
        /// On a vCPU thread, that is: caused by the guest's own access.
        vcpu: bool,
        /// `PM1_STS` (bit 8: power button pressed). Absent: not readable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// `PM1_EN` (bit 8: power button enabled). Absent: not readable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        enable: Option<u16>,
    },
    /// The guest accessed the PM1 block or the APM port, as KVM saw it (`kvm:kvm_pio`).
    PortIo {
        /// I/O port.
        port: u16,
        /// A write; otherwise a read that has completed.
        write: bool,
        /// Value written or read.
        value: u32,
    },
    /// The guest asked for S3 (`qemu_system_suspend_request`).
    SuspendRequest,
    /// The guest asked for S4 (QMP event `SUSPEND_DISK`).
    SuspendDisk,
    /// QEMU wakes the guest from S3 (QMP event `WAKEUP`).
    Wakeup,
    /// Shutdown was requested inside QEMU (`qemu_system_shutdown_request`): S5 where the cause
    /// is `guest-shutdown`.
    ShutdownRequest {
        /// QEMU's `ShutdownCause` in QAPI spelling, e.g. `guest-shutdown`, `host-signal`.
        cause: String,
    },
    /// Reset was requested inside QEMU (`qemu_system_reset_request`).
    ResetRequest {
        /// QEMU's `ShutdownCause` in QAPI spelling.
        cause: String,
    },
    /// QMP event `SHUTDOWN` was sent.
    Shutdown {
        /// Caused by the guest.
        guest: bool,
        /// QEMU's `ShutdownCause` in QAPI spelling.
        cause: String,
    },
    /// QMP event `RESET` was sent.
    Reset {
        /// Caused by the guest.
        guest: bool,
        /// QEMU's `ShutdownCause` in QAPI spelling.
        cause: String,
    },
    /// QMP event `STOP` was sent: the vCPUs no longer run.
    Stop,
    /// QMP event `RESUME` was sent.
    Resume,
    /// QEMU's run state changed (`runstate_set`).
    RunState {
        /// QAPI spelling, e.g. `running`, `shutdown`, `io-error`, `postmigrate`.
        state: String,
    },
    /// `vm_stop` returned: vCPUs paused, block devices drained and flushed.
    VmStop {
        /// How long it took, in nanoseconds.
        duration_ns: u64,
    },
    /// QEMU took a termination signal (`qemu_system_killed`).
    Killed {
        /// Signal number.
        signal: i32,
        /// Process id of the sender, as the signal itself says; 0 where unknown.
        sender: u32,
    },
    /// The guest reported a panic (`qemu_system_guest_panicked`).
    GuestPanicked,
    /// The guest opened or closed a virtio-serial port (QMP event `VSERPORT_CHANGE`): its agent came
    /// or went, where the port is the agent's.
    VserportChange {
        /// QEMU's id of the port, at most 16 bytes of it.
        id: String,
        /// Opened; otherwise closed.
        open: bool,
    },
    /// A client called libvirt about this domain, and libvirt's daemon began to serve it
    /// (`virDomainShutdown` and its like in `libvirt.so`).
    LibvirtCall {
        /// What was asked for.
        call: LibvirtCall,
        /// The call's flags, e.g. the mode of a shutdown (1 ACPI, 2 agent); 0 where it has none.
        flags: u32,
    },
    /// libvirt's daemon answered that call.
    LibvirtReturn {
        /// What had been asked for.
        call: LibvirtCall,
        /// It refused, or could not.
        failed: bool,
    },
    /// The kernel's OOM killer chose this process (`oom:mark_victim`).
    OomKill,
    /// A signal was sent to QEMU (`signal:signal_generate`).
    Signal {
        /// Signal number.
        signal: i32,
        /// Who sent it.
        sender: Sender,
    },
    /// The process ended (`sched:sched_process_exit` of the last thread).
    Exit {
        /// Exit status, where it left by itself. Absent with `signal` absent: not readable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<i32>,
        /// The signal that ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// A sign this version of softoff does not know.
    #[serde(untagged)]
    Other(serde_json::Value),
}

/// What a client can ask libvirt for to end or restart a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LibvirtCall {
    /// `virDomainShutdown`, `virDomainShutdownFlags`.
    Shutdown,
    /// `virDomainDestroy`, `virDomainDestroyFlags`.
    Destroy,
    /// `virDomainReboot`.
    Reboot,
    /// `virDomainReset`.
    Reset,
}

/// Forensics of one process began or ended. A shutdown's window opens at its first sign; what the
/// guest did before is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Window {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// Began or ended.
    pub state: WindowState,
    /// What is not measured in it, and what that costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingSentinel>,
}

/// The ends of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WindowState {
    /// Counted from the record's `boot_ns` on.
    Opened,
    /// No longer counted.
    Closed,
}

/// What a QEMU process did in the stretch that ends at the record's `boot_ns`, in bins of equal
/// length that follow each other without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Activity {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// Length of each bin in milliseconds: 100, and longer in a window that has been open for long.
    pub bin_ms: u32,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// The bins, the oldest first.
    pub bins: Vec<Bin>,
    /// What the host did to it over all the bins together.
    pub host: HostLoad,
}

/// A stretch of a QEMU process's life. Fields that are zero are not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(default)]
pub struct Bin {
    /// Read requests of the guest that completed.
    #[serde(skip_serializing_if = "is_zero")]
    pub reads: u64,
    /// Bytes they read.
    #[serde(skip_serializing_if = "is_zero")]
    pub read_bytes: u64,
    /// Write requests of the guest that completed.
    #[serde(skip_serializing_if = "is_zero")]
    pub writes: u64,
    /// Bytes they wrote.
    #[serde(skip_serializing_if = "is_zero")]
    pub write_bytes: u64,
    /// Flushes of the guest that completed.
    #[serde(skip_serializing_if = "is_zero")]
    pub flushes: u64,
    /// Requests that failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Requests in flight at the end of the bin, of those that began in the window.
    #[serde(skip_serializing_if = "is_zero")]
    pub inflight: u64,
    /// For how long, at the end of the bin, some disk has had requests in flight and completed none,
    /// in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub stalled_ms: u64,
    /// Bytes written in the window and not flushed since, at the end of the bin.
    #[serde(skip_serializing_if = "is_zero")]
    pub unflushed_bytes: u64,
    /// Time the vCPU threads ran, in microseconds, all together.
    #[serde(skip_serializing_if = "is_zero")]
    pub run_us: u64,
    /// Time they wanted to run and waited for a CPU, in microseconds, all together. What is left of
    /// bin length times vCPUs is time halted.
    #[serde(skip_serializing_if = "is_zero")]
    pub wait_us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// What the host did to a process in a stretch of time, in microseconds of it. Absent: not readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(default)]
pub struct HostLoad {
    /// Some task of the host waited for a CPU (`/proc/pressure/cpu`, `some`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_some_us: Option<u64>,
    /// Some task of the host waited for I/O (`/proc/pressure/io`, `some`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_some_us: Option<u64>,
    /// All tasks of the host waited for I/O (`/proc/pressure/io`, `full`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_full_us: Option<u64>,
    /// Some task of the host waited for memory (`/proc/pressure/memory`, `some`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_some_us: Option<u64>,
    /// The process's CPU quota was used up (`cpu.stat` of its cgroup, or of one above it).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_us: Option<u64>,
    /// Time for which the process itself was stopped (SIGSTOP, a debugger or a freezer).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_us: Option<u64>,
}

/// The sender of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Sender {
    /// Process id.
    pub pid: u32,
    /// Command name, at most 15 bytes (`/proc/PID/comm`).
    pub comm: String,
}

/// Something was lost. Every stage that can lose says so here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Loss {
    /// Where it was lost.
    pub stage: LossStage,
    /// How many events, since the last such record of this writer.
    pub count: u64,
    /// The process it was about, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
}

/// The stages that can lose events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LossStage {
    /// The ring buffer between kernel and tracer was full.
    RingBuffer,
    /// A guest caused more events than one process may, and the surplus was dropped.
    RateLimit,
    /// The journal could not be written (for example a full disk).
    Journal,
    /// A process ended before the tracer could tell which domain it was.
    Identity,
    /// Part of what was imported could not be read, or was too much.
    Import,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_spelled_as_it_was_read() {
        let words = "unknown,shutdown,destroyed,crashed,migrated,saved,failed,from snapshot,daemon,new one";
        for word in words.split(',') {
            let reason = ShutoffReason::from_libvirt(word);
            assert_eq!(reason.as_libvirt(), word);
            assert_eq!(matches!(reason, ShutoffReason::Other(_)), word == "new one");
        }
    }
}
