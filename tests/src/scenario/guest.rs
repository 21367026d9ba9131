//! What else a guest can do with a request to shut down.

use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::Outcome;
use softoff_guest::{Agent, Ending, Role};

use super::{ASK_WAIT_DESTROY, Act, BOTH, Cast, Expected, Hardware, PC, SLOW, SOFT, Scenario, USUAL, guest};
use crate::boot_sector::BootSector;
use crate::span::{milliseconds, seconds};

const NOT_LISTENING: Expected = Expected::new(Outcome::Hard, Cause::GuestNotListening);

/// The scenarios.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::role(
        "display-asleep",
        guest(Role::DisplayAsleep),
        &[Act::Shutdown, Act::Wait(SLOW), Act::Shutdown, Act::AwaitOff],
        Expected::new(Outcome::Soft, Cause::GuestDisplayAsleep),
    ),
    Scenario::role(
        "agent-stuck",
        guest(Role::Ignore).with_agent(Agent::Silent),
        &[Act::AwaitAgent, Act::ShutdownByAgentInVain, Act::Wait(seconds(3, 6)), Act::Destroy, Act::AwaitOff],
        Expected::new(Outcome::Hard, Cause::GuestAgentStuck),
    ),
    Scenario::role(
        "slow-services",
        guest(Role::SlowServices).taking(SLOW).with_agent(Agent::Silent),
        &[Act::AwaitAgent, Act::ShutdownByAcpi, Act::AwaitOff],
        Expected::new(Outcome::Soft, Cause::GuestSlowServices),
    )
    .on(PC),
    Scenario::role(
        "reboot-instead",
        guest(Role::Reboot),
        &[Act::Shutdown, Act::AwaitBoot(2)],
        Expected::new(Outcome::Rebooted, Cause::GuestRebooted),
    )
    .on(BOTH),
    Scenario::role("no-button-driver", guest(Role::NotListening), ASK_WAIT_DESTROY, NOT_LISTENING).on(BOTH),
    Scenario::role("acpi-off", guest(Role::NotListening), ASK_WAIT_DESTROY, NOT_LISTENING)
        .with(Hardware { kernel_arguments: "acpi=off", ..USUAL })
        .on(BOTH),
    Scenario::role("no-acpi-hardware", guest(Role::NotListening), ASK_WAIT_DESTROY, NOT_LISTENING)
        .with(Hardware { acpi: false, ..USUAL })
        .on(PC),
    Scenario::new("boot-loader", Cast::Sector(BootSector::BootLoader), ASK_WAIT_DESTROY, NOT_LISTENING)
        .on(BOTH),
    Scenario::new("firmware", Cast::Firmware(seconds(2, 5)), ASK_WAIT_DESTROY, NOT_LISTENING).on(BOTH),
    Scenario::role(
        "power-off-from-inside",
        guest(Role::PowerOff).taking(milliseconds(500, 2000)).ending(Ending::PowerOff),
        &[Act::AwaitOff],
        SOFT,
    )
    .on(BOTH),
];
