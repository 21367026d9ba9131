//! What an operator does. Reboot, reset, save and migration are no shutdowns, and nothing is wrong.

use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Outcome, RiskLevel};
use softoff_guest::{Agent, Load, Role};

use super::{ASK_WAIT_DESTROY, Act, BOTH, Expected, PC, Place, Scenario, guest};
use crate::span::seconds;

/// The scenarios.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::role(
        "destroyed-unasked",
        guest(Role::Clean),
        &[Act::Destroy, Act::AwaitOff],
        Expected::new(Outcome::Hard, Cause::OperatorDestroy),
    )
    .on(BOTH),
    Scenario::role(
        "destroyed-after-a-fair-wait",
        guest(Role::Ignore).under(Load::Cpu),
        ASK_WAIT_DESTROY,
        Expected::ignored(&[]),
    )
    .on(PC),
    Scenario::role(
        "destroyed-at-work",
        guest(Role::Clean).taking(seconds(40, 60)).under(Load::Disk).with_agent(Agent::Silent),
        &[Act::AwaitAgent, Act::ShutdownByAcpi, Act::Wait(seconds(4, 7)), Act::Destroy, Act::AwaitOff],
        Expected { risk: Some(RiskLevel::High), ..Expected::new(Outcome::Hard, Cause::OperatorImpatient) },
    ),
    Scenario::role(
        "reboot",
        guest(Role::Clean),
        &[Act::Reboot, Act::AwaitBoot(2)],
        Expected::clean(Outcome::Rebooted),
    )
    .on(BOTH),
    Scenario::role(
        "reset",
        guest(Role::Clean),
        &[Act::Reset, Act::AwaitBoot(2)],
        Expected { outcome: None, ..Expected::clean(Outcome::Rebooted) },
    ),
    Scenario::role(
        "managed-save",
        guest(Role::Clean),
        &[Act::Save, Act::AwaitOff],
        Expected::clean(Outcome::Saved),
    )
    .on(PC),
    Scenario::role(
        "migration",
        guest(Role::Clean),
        &[Act::Migrate, Act::AwaitOff],
        Expected::clean(Outcome::Migrated),
    )
    .at(Place::Two),
];
