//! What a host can do to a shutdown.

use rustix::process::Signal;
use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::Outcome;
use softoff_guest::{Load, Role};

use super::{Act, DiskKind, Expected, FAIR, Hardware, PC, Place, SLOW, Scenario, USUAL, guest};
use crate::span::{milliseconds, seconds};

const REMOTE_DISK: Hardware = Hardware { disk: DiskKind::Nbd, ..USUAL };

const SLOW_STORAGE: Expected = Expected::new(Outcome::Soft, Cause::HostStorage);
const PAUSED: Expected = Expected::new(Outcome::Hard, Cause::HostPaused);
const KILLED: Expected = Expected::new(Outcome::Hard, Cause::HostKilled);
const SLOW_TEARDOWN: Expected = Expected::new(Outcome::Soft, Cause::HostTeardown);

/// The scenarios.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::role(
        "storage-stalls-on-writes",
        guest(Role::Clean).under(Load::Disk),
        &[Act::Shutdown, Act::StallStorage, Act::Wait(SLOW), Act::ResumeStorage, Act::AwaitOff],
        SLOW_STORAGE,
    )
    .with(REMOTE_DISK),
    Scenario::role(
        "storage-stalls-for-good",
        guest(Role::Clean).under(Load::Disk),
        &[Act::Shutdown, Act::StallStorage, Act::Wait(FAIR), Act::Destroy, Act::AwaitOff],
        Expected::new(Outcome::Hard, Cause::HostStorage),
    )
    .with(REMOTE_DISK)
    .on(PC),
    Scenario::role(
        "storage-stalls-on-last-flush",
        guest(Role::Clean).under(Load::Unflushed),
        &[
            Act::Shutdown,
            Act::AwaitLine("all but off"),
            Act::StallStorage,
            Act::Wait(SLOW),
            Act::ResumeStorage,
            Act::AwaitOff,
        ],
        SLOW_STORAGE,
    )
    .with(REMOTE_DISK),
    Scenario::role(
        "storage-throttled",
        guest(Role::Clean).under(Load::Disk),
        &[Act::Throttle(2048), Act::Shutdown, Act::Wait(SLOW), Act::Throttle(0), Act::AwaitOff],
        SLOW_STORAGE,
    ),
    Scenario::role(
        "cpu-quota",
        guest(Role::Clean).under(Load::Cpu),
        &[Act::Starve, Act::Shutdown, Act::Wait(SLOW), Act::Feed, Act::AwaitOff],
        Expected::new(Outcome::Soft, Cause::HostCpu),
    ),
    Scenario::role(
        "paused",
        guest(Role::Clean),
        &[Act::Suspend, Act::ShutdownInVain, Act::Wait(seconds(1, 4)), Act::Destroy, Act::AwaitOff],
        PAUSED,
    ),
    Scenario::role(
        "paused-when-pressed",
        guest(Role::Clean).taking(milliseconds(3000, 5000)),
        &[Act::Shutdown, Act::Suspend, Act::Wait(FAIR), Act::Destroy, Act::AwaitOff],
        PAUSED,
    ),
    Scenario::role(
        "libvirt-busy",
        guest(Role::Clean),
        &[Act::HoldJob, Act::ShutdownInVain, Act::Wait(seconds(1, 3)), Act::Destroy, Act::AwaitOff],
        Expected::new(Outcome::Hard, Cause::HostLibvirt),
    ),
    Scenario::role(
        "slow-hook",
        guest(Role::Clean),
        &[Act::SlowHook(SLOW), Act::Shutdown, Act::AwaitOff],
        SLOW_TEARDOWN,
    )
    .at(Place::Own),
    Scenario::role(
        "slow-qemu-exit",
        guest(Role::Clean),
        &[Act::SlowClose(SLOW), Act::Shutdown, Act::AwaitOff],
        SLOW_TEARDOWN,
    )
    .with(Hardware { disk: DiskKind::SlowToClose, ..USUAL }),
    Scenario::role("terminated", guest(Role::Clean), &[Act::Kill(Signal::TERM), Act::AwaitOff], KILLED),
    Scenario::role("killed", guest(Role::Clean), &[Act::Kill(Signal::KILL), Act::AwaitOff], KILLED).on(PC),
    Scenario::role(
        "qemu-crash",
        guest(Role::Clean),
        &[Act::Crash, Act::AwaitOff],
        Expected::new(Outcome::Crashed, Cause::HostQemuCrash),
    )
    .with(Hardware { memory_in_file: true, ..USUAL }),
    Scenario::role("out-of-memory", guest(Role::Clean), &[Act::ExhaustMemory, Act::AwaitOff], KILLED),
];
