//! Shutdowns that go as they should and invite a false alarm all the same.

use softoff_guest::{Agent, Load, Role};

use super::{ASK, Act, BOTH, Hardware, PC, SOFT, Scenario, USUAL, guest};
use crate::span::milliseconds;

/// The scenarios.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::role("right-after-boot", guest(Role::Clean), ASK, SOFT).on(BOTH),
    Scenario::role(
        "idle",
        guest(Role::Clean),
        &[Act::Wait(milliseconds(2000, 4000)), Act::Shutdown, Act::AwaitOff],
        SOFT,
    ),
    Scenario::role("two-vcpus", guest(Role::Clean), ASK, SOFT).with(Hardware { vcpus: 2, ..USUAL }).on(PC),
    Scenario::role("four-vcpus", guest(Role::Clean), ASK, SOFT).with(Hardware { vcpus: 4, ..USUAL }),
    Scenario::role("cpu-loaded", guest(Role::Clean).under(Load::Cpu), ASK, SOFT).on(PC),
    Scenario::role("disk-loaded", guest(Role::Clean).under(Load::Disk), ASK, SOFT).on(PC),
    Scenario::role("slow-but-steady", guest(Role::Clean).taking(milliseconds(4000, 5500)), ASK, SOFT)
        .on(BOTH),
    Scenario::role(
        "by-agent",
        guest(Role::Clean).with_agent(Agent::Real),
        &[Act::AwaitAgent, Act::ShutdownByAgent, Act::AwaitOff],
        SOFT,
    ),
    Scenario::role(
        "by-acpi-beside-an-agent",
        guest(Role::Clean).with_agent(Agent::Real),
        &[Act::AwaitAgent, Act::ShutdownByAcpi, Act::AwaitOff],
        SOFT,
    ),
    Scenario::role("two-at-once", guest(Role::Clean), ASK, SOFT).with(Hardware { count: 2, ..USUAL }),
    Scenario::role(
        "asked-twice",
        guest(Role::Clean).taking(milliseconds(1500, 3000)),
        &[Act::Shutdown, Act::Wait(milliseconds(200, 1000)), Act::ShutdownAgain, Act::AwaitOff],
        SOFT,
    ),
    Scenario::role(
        "snapshot-before",
        guest(Role::Clean).under(Load::Disk),
        &[Act::Snapshot, Act::Shutdown, Act::AwaitOff],
        SOFT,
    ),
];
