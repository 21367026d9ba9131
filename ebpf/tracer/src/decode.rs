//! From an event of the probes to a sign of the journal.

use softoff_abi::{DomainCall, Event, Kind, PORT_ID_LEN, PWRBTN, Pm1, PortIo, until_zero};
use softoff_journal::record::{LibvirtCall, Sender, Sign};
use uuid::Uuid;

/// QAPI `ShutdownCause` by number; unchanged from QEMU 5.0 to 10.2 but for the last one, new in 7.2.
const SHUTDOWN_CAUSES: [&str; 11] = [
    "none",
    "host-error",
    "host-qmp-quit",
    "host-qmp-system-reset",
    "host-signal",
    "host-ui",
    "guest-shutdown",
    "guest-reset",
    "guest-panic",
    "subsystem-reset",
    "snapshot-load",
];

/// QAPI `RunState` by number; unchanged from QEMU 5.2 to 10.2.
const RUN_STATES: [&str; 16] = [
    "debug",
    "inmigrate",
    "internal-error",
    "io-error",
    "paused",
    "postmigrate",
    "prelaunch",
    "finish-migrate",
    "restore-vm",
    "running",
    "save-vm",
    "shutdown",
    "suspended",
    "watchdog",
    "guest-panicked",
    "colo",
];

/// The sign that an event is; `None` for those that are none (`exec`) and for unknown kinds.
pub fn sign(event: &Event) -> Option<Sign> {
    let [first, second] = event.args;
    let guest = first & 0xff != 0;
    Some(match Kind::from_number(event.kind)? {
        Kind::QmpSystemPowerdown => Sign::QmpSystemPowerdown,
        Kind::PowerdownRequest => Sign::PowerdownRequest,
        Kind::Powerdown => Sign::Powerdown,
        Kind::PowerButton => {
            Sign::PowerButton { enabled: Pm1::unpack(first).map(|pm1| pm1.enable & PWRBTN != 0) }
        }
        Kind::Sci => sci(event),
        Kind::SuspendRequest => Sign::SuspendRequest,
        Kind::SuspendDisk => Sign::SuspendDisk,
        Kind::Wakeup => Sign::Wakeup,
        Kind::ShutdownRequest => Sign::ShutdownRequest { cause: name(&SHUTDOWN_CAUSES, first) },
        Kind::ResetRequest => Sign::ResetRequest { cause: name(&SHUTDOWN_CAUSES, first) },
        Kind::Shutdown => Sign::Shutdown { guest, cause: name(&SHUTDOWN_CAUSES, second) },
        Kind::Reset => Sign::Reset { guest, cause: name(&SHUTDOWN_CAUSES, second) },
        Kind::Stop => Sign::Stop,
        Kind::Resume => Sign::Resume,
        Kind::RunState => Sign::RunState { state: name(&RUN_STATES, first) },
        Kind::VmStop => Sign::VmStop { duration_ns: first },
        Kind::Killed => Sign::Killed { signal: int(first), sender: word(second) },
        Kind::GuestPanicked => Sign::GuestPanicked,
        Kind::VserportChange => Sign::VserportChange { id: port(&event.bytes()), open: event.detail != 0 },
        Kind::LibvirtCall => Sign::LibvirtCall { call: libvirt_call(event)?, flags: event.flags },
        Kind::LibvirtReturn => Sign::LibvirtReturn { call: libvirt_call(event)?, failed: event.flags != 0 },
        Kind::OomKill => Sign::OomKill,
        Kind::PortIo => {
            let PortIo { port, write, value } = PortIo::unpack(first);
            Sign::PortIo { port, write, value }
        }
        Kind::Signal => Sign::Signal { signal: int(first), sender: sender(event) },
        Kind::Exit => exit(first),
        Kind::Exec => return None,
    })
}

/// The id of a virtio-serial port, as far as it travels.
pub fn port(id: &[u8]) -> String {
    let id = until_zero(id);
    String::from_utf8_lossy(&id[..id.len().min(PORT_ID_LEN)]).into_owned()
}

/// The domain that libvirt was called about.
pub fn domain(event: &Event) -> Uuid {
    Uuid::from_bytes(event.bytes())
}

fn libvirt_call(event: &Event) -> Option<LibvirtCall> {
    Some(match DomainCall::from_number(event.detail)? {
        DomainCall::Shutdown | DomainCall::ShutdownFlags => LibvirtCall::Shutdown,
        DomainCall::Destroy | DomainCall::DestroyFlags => LibvirtCall::Destroy,
        DomainCall::Reboot => LibvirtCall::Reboot,
        DomainCall::Reset => LibvirtCall::Reset,
    })
}

fn sci(event: &Event) -> Sign {
    let registers = Pm1::unpack(event.args[0]);
    Sign::Sci {
        // QEMU's devices run on the main thread; only a guest's own access comes on another.
        vcpu: event.tid != event.pid,
        status: registers.map(|pm1| pm1.status),
        enable: registers.map(|pm1| pm1.enable),
    }
}

fn sender(event: &Event) -> Sender {
    Sender { pid: word(event.args[1]), comm: String::from_utf8_lossy(event.comm()).into_owned() }
}

/// The kernel's exit code, as `wait(2)` has it, where bit 32 says that it could be read.
fn exit(code: u64) -> Sign {
    if code >> 32 == 0 {
        return Sign::Exit { status: None, signal: None };
    }
    match int(code & 0x7f) {
        0 => Sign::Exit { status: Some(int(code >> 8 & 0xff)), signal: None },
        signal => Sign::Exit { status: None, signal: Some(signal) },
    }
}

fn name(names: &[&str], number: u64) -> String {
    let number = word(number);
    let known = usize::try_from(number).ok().and_then(|at| names.get(at));
    known.map_or_else(|| format!("unknown-{number}"), |name| (*name).to_owned())
}

/// The lower half of a register: what an `int` argument leaves in the upper half is undefined.
#[allow(clippy::cast_possible_truncation, reason = "the upper half is not part of the argument")]
fn word(register: u64) -> u32 {
    register as u32
}

fn int(register: u64) -> i32 {
    word(register).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, args: [u64; 2]) -> Event {
        let mut comm = [0; 16];
        comm[..8].copy_from_slice(b"libvirtd");
        Event {
            boot_ns: 1,
            start_ns: 2,
            args,
            pid: 10,
            tid: 10,
            kind: kind as u8,
            detail: 0,
            reserved: [0; 2],
            flags: 0,
            comm,
        }
    }

    /// Sixteen bytes as the probe puts them into the arguments.
    fn args(bytes: [u8; 16]) -> [u64; 2] {
        let half = |at: usize| u64::from_ne_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        [half(0), half(8)]
    }

    #[test]
    fn what_is_above_an_int_in_its_register_does_not_matter() {
        let shutdown = event(Kind::Shutdown, [0xdead_0001, 0xffff_ffff_0000_0006]);
        assert_eq!(sign(&shutdown), Some(Sign::Shutdown { guest: true, cause: "guest-shutdown".to_owned() }));
        let not_guest = event(Kind::Shutdown, [0xdead_0000, 4]);
        assert_eq!(sign(&not_guest), Some(Sign::Shutdown { guest: false, cause: "host-signal".to_owned() }));
    }

    #[test]
    fn a_button_that_cannot_be_read_is_neither_enabled_nor_disabled() {
        let button = |pm1| sign(&event(Kind::PowerButton, [Pm1::pack(pm1), 0]));
        let enabled = Some(Pm1 { status: 0, enable: PWRBTN });
        assert_eq!(button(enabled), Some(Sign::PowerButton { enabled: Some(true) }));
        let disabled = Some(Pm1 { status: 0, enable: 0x20 });
        assert_eq!(button(disabled), Some(Sign::PowerButton { enabled: Some(false) }));
        assert_eq!(button(None), Some(Sign::PowerButton { enabled: None }));
    }

    #[test]
    fn an_sci_off_the_main_thread_is_the_guests() {
        let mut raised = event(Kind::Sci, [Pm1::pack(Some(Pm1 { status: PWRBTN, enable: PWRBTN })), 0]);
        let expected = |vcpu| Some(Sign::Sci { vcpu, status: Some(PWRBTN), enable: Some(PWRBTN) });
        assert_eq!(sign(&raised), expected(false));
        raised.tid = 12;
        assert_eq!(sign(&raised), expected(true));
    }

    #[test]
    fn an_exit_has_a_status_or_a_signal_or_is_not_readable() {
        let exit = |code| sign(&event(Kind::Exit, [code, 0]));
        let readable = 1 << 32;
        assert_eq!(exit(readable), Some(Sign::Exit { status: Some(0), signal: None }));
        assert_eq!(exit(readable | 1 << 8), Some(Sign::Exit { status: Some(1), signal: None }));
        assert_eq!(exit(readable | 9), Some(Sign::Exit { status: None, signal: Some(9) }));
        assert_eq!(
            exit(readable | 0x80 | 6),
            Some(Sign::Exit { status: None, signal: Some(6) }),
            "core dumped"
        );
        assert_eq!(exit(0), Some(Sign::Exit { status: None, signal: None }));
    }

    #[test]
    fn a_signal_names_its_sender() {
        let sender = Sender { pid: 77, comm: "libvirtd".to_owned() };
        assert_eq!(sign(&event(Kind::Signal, [15, 77])), Some(Sign::Signal { signal: 15, sender }));
    }

    #[test]
    fn a_port_is_named_as_far_as_its_name_travels() {
        let change =
            |id: &[u8; 16], detail| sign(&Event { detail, ..event(Kind::VserportChange, args(*id)) });
        let expected = |id: &str, open| Some(Sign::VserportChange { id: id.to_owned(), open });
        assert_eq!(change(b"channel0\0\0\0\0\0\0\0\0", 1), expected("channel0", true));
        assert_eq!(change(b"channel0\0garbage", 0), expected("channel0", false));
        assert_eq!(change(b"ua-0123456789abc", 1), expected("ua-0123456789abc", true));
        assert_eq!(change(b"caf\xff\0\0\0\0\0\0\0\0\0\0\0\0", 1), expected("caf\u{fffd}", true));
        assert_eq!(port(b"ua-0123456789abcdef"), "ua-0123456789abc", "a longer one is cut alike");
    }

    #[test]
    fn a_call_of_libvirt_names_the_domain_and_what_is_asked_for() {
        let uuid = [7; 16];
        let call =
            |kind, call: DomainCall, flags| Event { detail: call as u8, flags, ..event(kind, args(uuid)) };
        let agent = call(Kind::LibvirtCall, DomainCall::ShutdownFlags, 2);
        assert_eq!(sign(&agent), Some(Sign::LibvirtCall { call: LibvirtCall::Shutdown, flags: 2 }));
        assert_eq!(domain(&agent), Uuid::from_bytes(uuid));
        let returned = |of, failed| sign(&call(Kind::LibvirtReturn, of, failed));
        let expected = |call, failed| Some(Sign::LibvirtReturn { call, failed });
        assert_eq!(returned(DomainCall::Destroy, 0), expected(LibvirtCall::Destroy, false));
        assert_eq!(returned(DomainCall::Reboot, 1), expected(LibvirtCall::Reboot, true));
        assert_eq!(returned(DomainCall::Reset, 1), expected(LibvirtCall::Reset, true));
        let unknown = Event { detail: 6, ..agent };
        assert_eq!(sign(&unknown), None);
    }

    #[test]
    fn numbers_of_a_later_qemu_are_kept_as_numbers() {
        let state = |number| sign(&event(Kind::RunState, [number, 0]));
        assert_eq!(state(9), Some(Sign::RunState { state: "running".to_owned() }));
        assert_eq!(state(99), Some(Sign::RunState { state: "unknown-99".to_owned() }));
    }

    #[test]
    fn an_exec_and_an_unknown_kind_are_no_signs() {
        assert_eq!(sign(&event(Kind::Exec, [0, 0])), None);
        let mut unknown = event(Kind::Stop, [0, 0]);
        unknown.kind = 200;
        assert_eq!(sign(&unknown), None);
    }
}
