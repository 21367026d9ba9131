//! What is attached to QEMU, and what to libvirt's library: one table each.
//!
//! A good sentinel is exported, called from another source file (so that it is not inlined away),
//! and never called while a guest just runs.

use softoff_abi::{DomainCall, Kind};

/// A function that is watched.
#[derive(Debug, Clone, Copy)]
pub struct Sentinel {
    /// Its symbol.
    pub symbol: &'static str,
    /// The event it gives.
    pub kind: Kind,
    /// The program that runs there.
    pub program: Program,
    /// Whether a file without it still counts as watched through symbols.
    pub need: Need,
    /// What cannot be told without it.
    pub without: &'static str,
}

/// Which eBPF program runs at an attach point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Records the call and its first two arguments.
    Call,
    /// Reads the PM1 registers of the `ACPIREGS` in the first argument.
    Pm1,
    /// Measures from entry to return.
    Duration,
    /// Reads the name of a virtio-serial port in the first argument.
    Port,
    /// Reads the domain in the first argument, and tells the return as well.
    Domain(DomainCall),
}

/// How much a sentinel matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it, the story has no beginning or no end.
    Required,
    /// Without it, a detail is missing.
    Optional,
}

use Need::{Optional, Required};

const fn call(symbol: &'static str, kind: Kind, need: Need, without: &'static str) -> Sentinel {
    Sentinel { symbol, kind, program: Program::Call, need, without }
}

const fn pm1(symbol: &'static str, kind: Kind, without: &'static str) -> Sentinel {
    Sentinel { symbol, kind, program: Program::Pm1, need: Optional, without }
}

const fn domain(symbol: &'static str, call: DomainCall) -> Sentinel {
    let (kind, program) = (Kind::LibvirtCall, Program::Domain(call));
    Sentinel { symbol, kind, program, need: Optional, without: WITHOUT_LIBVIRT }
}

/// What the daemon of libvirt tells, and nothing else.
pub const WITHOUT_LIBVIRT: &str =
    "when libvirt was asked to end or restart a VM, and that it refused or waits, cannot be told";

/// Those of libvirt's library.
pub const LIBVIRT_SENTINELS: [Sentinel; 6] = [
    domain("virDomainShutdown", DomainCall::Shutdown),
    domain("virDomainShutdownFlags", DomainCall::ShutdownFlags),
    domain("virDomainDestroy", DomainCall::Destroy),
    domain("virDomainDestroyFlags", DomainCall::DestroyFlags),
    domain("virDomainReboot", DomainCall::Reboot),
    domain("virDomainReset", DomainCall::Reset),
];

/// Those of QEMU, from the request to the end.
pub const SENTINELS: [Sentinel; 19] = [
    call(
        "qmp_system_powerdown",
        Kind::QmpSystemPowerdown,
        Optional,
        "whether a press came over QMP cannot be told",
    ),
    call(
        "qemu_system_powerdown_request",
        Kind::PowerdownRequest,
        Required,
        "when the power button was asked for cannot be told",
    ),
    call(
        "qapi_event_send_powerdown",
        Kind::Powerdown,
        Optional,
        "how long QEMU took to act on the request cannot be told",
    ),
    pm1(
        "acpi_pm1_evt_power_down",
        Kind::PowerButton,
        "whether the guest had its power button enabled cannot be told (machines without PM1 block, e.g. microvm, never have it)",
    ),
    pm1("acpi_update_sci", Kind::Sci, "whether the guest acknowledged the button cannot be told from QEMU"),
    call(
        "qemu_system_suspend_request",
        Kind::SuspendRequest,
        Optional,
        "a guest that goes to sleep (S3) is seen only by its run state",
    ),
    call(
        "qapi_event_send_suspend_disk",
        Kind::SuspendDisk,
        Optional,
        "hibernation (S4) cannot be told from power-off (S5)",
    ),
    call("qapi_event_send_wakeup", Kind::Wakeup, Optional, "waking from S3 is seen only by the run state"),
    call(
        "qemu_system_shutdown_request",
        Kind::ShutdownRequest,
        Optional,
        "the moment of the guest's power-off is known only as exactly as the SHUTDOWN event",
    ),
    call(
        "qemu_system_reset_request",
        Kind::ResetRequest,
        Optional,
        "the moment a guest asked for its reset cannot be told",
    ),
    call(
        "qapi_event_send_shutdown",
        Kind::Shutdown,
        Required,
        "power-off by the guest cannot be told from an end by signal",
    ),
    call("qapi_event_send_reset", Kind::Reset, Optional, "a reboot cannot be told from a guest that went on"),
    call("qapi_event_send_stop", Kind::Stop, Optional, "when the vCPUs stopped cannot be told"),
    call(
        "qapi_event_send_resume",
        Kind::Resume,
        Optional,
        "a reboot that libvirt plays (stop, reset, resume) looks like a power-off",
    ),
    call(
        "runstate_set",
        Kind::RunState,
        Optional,
        "a paused VM (I/O error, operator) cannot be told from a silent guest",
    ),
    Sentinel {
        symbol: "vm_stop",
        kind: Kind::VmStop,
        program: Program::Duration,
        need: Optional,
        without: "how long draining and flushing the disks took cannot be told",
    },
    call(
        "qemu_system_killed",
        Kind::Killed,
        Optional,
        "that QEMU took a signal is seen only by the signal being sent",
    ),
    call(
        "qemu_system_guest_panicked",
        Kind::GuestPanicked,
        Optional,
        "a guest that reported a crash cannot be told from a silent one",
    ),
    Sentinel {
        symbol: "qapi_event_send_vserport_change",
        kind: Kind::VserportChange,
        program: Program::Port,
        need: Optional,
        without: "when the guest's agent came or went cannot be told",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_symbol_and_no_kind_stands_twice() {
        let symbols: HashSet<_> = SENTINELS.iter().map(|sentinel| sentinel.symbol).collect();
        let kinds: HashSet<_> = SENTINELS.iter().map(|sentinel| sentinel.kind).collect();
        assert_eq!((symbols.len(), kinds.len()), (SENTINELS.len(), SENTINELS.len()));
    }

    #[test]
    fn every_call_of_libvirt_is_watched_once() {
        let calls = LIBVIRT_SENTINELS.map(|sentinel| sentinel.program);
        assert_eq!(calls, DomainCall::ALL.map(Program::Domain));
    }
}
