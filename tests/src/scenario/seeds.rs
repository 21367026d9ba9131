//! The eight ways in which a Windows guest is known to drag out or fail a shutdown.

use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Outcome, RiskLevel};
use softoff_guest::{Agent, Ending, Role, Settings};

use super::{
    ASK, ASK_BESIDE_AGENT, ASK_BESIDE_AGENT_WAIT_DESTROY, ASK_WAIT_DESTROY, Act, BOTH, Cast, Expected,
    Hardware, PC, SLOW, Scenario, USUAL, guest,
};
use crate::boot_sector::BootSector;
use crate::span::seconds;
use crate::view::View;

const CUT_OFF_AT_WORK: Expected =
    Expected { risk: Some(RiskLevel::High), ..Expected::new(Outcome::Hard, Cause::OperatorImpatient) };

const FIRST_BOOT: Expected = Expected::new(Outcome::Hard, Cause::GuestFirstBoot);

const HUNG: Expected = Expected::new(Outcome::Hard, Cause::GuestHung);

/// The scenarios, by their number in the table of causes.
pub(super) const SCENARIOS: &[Scenario] = &[
    // 1: updates.
    Scenario::role(
        "update-cut-off",
        guest(Role::Update).taking(seconds(60, 90)).with_agent(Agent::Silent),
        &[Act::AwaitAgent, Act::ShutdownByAcpi, Act::Wait(seconds(5, 8)), Act::Destroy, Act::AwaitOff],
        CUT_OFF_AT_WORK,
    )
    .on(BOTH),
    Scenario::role(
        "update-then-off",
        guest(Role::Update).taking(SLOW).with_agent(Agent::Silent),
        ASK_BESIDE_AGENT,
        Expected::new(Outcome::Soft, Cause::GuestUpdate),
    )
    .on(PC),
    Scenario::role(
        "update-then-reset",
        guest(Role::Update).taking(SLOW).ending(Ending::Reset).with_agent(Agent::Silent),
        &[Act::AwaitAgent, Act::ShutdownByAcpi, Act::AwaitBoot(2)],
        Expected::new(Outcome::Rebooted, Cause::GuestUpdate),
    ),
    // 2, 3, 4, 5: acknowledged, and then nothing that could be seen from outside.
    Scenario::role(
        "shutdown-tracker",
        guest(Role::ShutdownTracker).as_windows(Settings { tracker: 1, ..Settings::GOOD }),
        ASK_BESIDE_AGENT_WAIT_DESTROY,
        Expected::ignored(&[Cause::GuestShutdownTracker])
            .told(Cause::GuestShutdownTracker, &[View::Guest, View::Screen, View::Agent]),
    ),
    Scenario::role(
        "logon-required",
        guest(Role::LogonRequired).as_windows(Settings { without_logon: 0, ..Settings::GOOD }),
        ASK_BESIDE_AGENT_WAIT_DESTROY,
        Expected::ignored(&[Cause::GuestLogonRequired])
            .told(Cause::GuestLogonRequired, &[View::Guest, View::Agent]),
    ),
    Scenario::role(
        "app-blocked",
        guest(Role::AppBlocked).as_windows(Settings::GOOD),
        ASK_BESIDE_AGENT_WAIT_DESTROY,
        Expected::ignored(&[Cause::GuestAppBlocked])
            .told(Cause::GuestAppBlocked, &[View::Guest, View::Screen]),
    ),
    Scenario::role(
        "service-holds-preshutdown",
        guest(Role::ServiceHold).taking(SLOW).with_agent(Agent::Silent),
        ASK_BESIDE_AGENT,
        Expected {
            or: Some(Cause::GuestAppBlocked),
            ..Expected::new(Outcome::Soft, Cause::GuestSlowServices)
                .told(Cause::GuestSlowServices, &[View::Guest, View::Screen])
        },
    ),
    Scenario::role(
        "button-disabled",
        guest(Role::Ignore).as_windows(Settings { button: 0, ..Settings::GOOD }),
        ASK_BESIDE_AGENT_WAIT_DESTROY,
        Expected::ignored(&[Cause::GuestButtonDisabled])
            .told(Cause::GuestButtonDisabled, &[View::Guest, View::Agent]),
    )
    .on(BOTH),
    // 6: sleep.
    Scenario::role(
        "sleep",
        guest(Role::Sleep),
        &[Act::Shutdown, Act::AwaitAsleep],
        Expected::new(Outcome::Slept, Cause::GuestSleep),
    )
    .on(BOTH),
    Scenario::role(
        "hibernate",
        guest(Role::Hibernate),
        ASK,
        Expected::new(Outcome::Slept, Cause::GuestSleep),
    )
    .on(BOTH),
    Scenario::role(
        "asleep-already",
        guest(Role::Asleep),
        &[Act::AwaitAsleep, Act::ShutdownInVain, Act::Wait(seconds(1, 4)), Act::Destroy, Act::AwaitOff],
        Expected::new(Outcome::Hard, Cause::GuestSleep),
    ),
    // 7: first boot.
    Scenario::role(
        "first-boot-late-button",
        guest(Role::LateButton).taking(seconds(14, 17)),
        &[
            Act::Shutdown,
            Act::Wait(seconds(3, 6)),
            Act::Shutdown,
            Act::AwaitLine("armed"),
            Act::Shutdown,
            Act::AwaitOff,
        ],
        Expected::new(Outcome::Soft, Cause::GuestFirstBoot),
    )
    .on(PC),
    Scenario::role("first-boot-busy", guest(Role::FirstBoot), ASK_WAIT_DESTROY, FIRST_BOOT),
    Scenario::role(
        "first-boot-resets",
        // Cut off before it restarts once more: a request ends with the restart that it is answered by.
        guest(Role::Resets).taking(seconds(8, 9)),
        &[
            Act::AwaitBoot(2),
            Act::Shutdown,
            Act::AwaitBoot(3),
            Act::Shutdown,
            Act::Wait(seconds(5, 6)),
            Act::Destroy,
            Act::AwaitOff,
        ],
        FIRST_BOOT,
    ),
    // 8: a damaged system.
    Scenario::new("hung-busy", Cast::Sector(BootSector::Spin), ASK_WAIT_DESTROY, HUNG).on(BOTH),
    Scenario::new("hung-halted", Cast::Sector(BootSector::Halt), ASK_WAIT_DESTROY, HUNG).on(BOTH),
    Scenario::new(
        "triple-faults",
        Cast::Sector(BootSector::TripleFault),
        ASK_WAIT_DESTROY,
        Expected::new(Outcome::Hard, Cause::GuestDamaged),
    ),
    Scenario::role("panic", guest(Role::Panic), ASK, Expected::new(Outcome::Crashed, Cause::GuestCrashed))
        .with(Hardware { panic_notifier: true, ..USUAL })
        .on(BOTH),
];
