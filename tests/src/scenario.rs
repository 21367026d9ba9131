//! Scenarios: what a guest does, what is done to it, and what softoff must say about it.

use std::thread;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;
use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Outcome, Path};
use softoff_guest::{Plan, Role};

use crate::expect::{self, Expected};
use crate::guest::Guest;
use crate::lab::Lab;
use crate::spec::{DomainSpec, Machine};

/// How long an operator waits before he cuts the power.
const FAIR_WAIT: Duration = Duration::from_secs(3);

/// One scenario, to be played on any machine type.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name, which is also that of the domain.
    pub name: &'static str,
    /// What the guest does.
    pub plan: Plan,
    /// What is done, once the guest is ready.
    pub acts: &'static [Act],
    /// The episodes that come of it, in order.
    pub expected: &'static [Expected],
}

/// What an operator, or fate, does.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// `virsh shutdown`.
    Shutdown,
    /// `virsh reboot`.
    Reboot,
    /// `virsh destroy`.
    Destroy,
    /// `virsh dompmwakeup`, once the guest sleeps.
    Wake,
    /// A signal to QEMU from somebody else.
    Kill(Signal),
    /// Makes QEMU die of its own doing.
    Crash,
    /// Waits so long.
    Wait(Duration),
    /// Waits until the guest has booted once more.
    AwaitReboot,
    /// Waits until the domain is off.
    AwaitOff,
}

/// A soft shutdown that went well, seen from end to end.
pub const SOFT: Expected = Expected {
    path: Path::Acpi,
    outcome: Outcome::Soft,
    escalated: false,
    cause: Cause::None,
    all_phases: true,
};

/// A power cut after a soft shutdown that came to nothing.
pub const CUT_OFF: Expected = Expected {
    outcome: Outcome::Hard,
    escalated: true,
    cause: Cause::GuestIgnored,
    all_phases: false,
    ..SOFT
};

/// `virsh destroy` without a question before.
const DESTROYED: Expected = Expected {
    path: Path::Destroy,
    outcome: Outcome::Hard,
    cause: Cause::OperatorDestroy,
    all_phases: false,
    ..SOFT
};

const KILLED: Expected = Expected { path: Path::Signal, cause: Cause::HostKilled, ..DESTROYED };

const REBOOTED: Expected = Expected { outcome: Outcome::Rebooted, all_phases: false, ..SOFT };

/// All scenarios.
pub const SCENARIOS: [Scenario; 12] = [
    Scenario {
        name: "clean",
        plan: Plan::new(Role::Clean),
        acts: &[Act::Shutdown, Act::AwaitOff],
        expected: &[SOFT],
    },
    Scenario {
        name: "slow but steady",
        plan: Plan::new(Role::Clean).after(Duration::from_secs(5)),
        acts: &[Act::Shutdown, Act::AwaitOff],
        expected: &[SOFT],
    },
    Scenario {
        name: "ignored",
        plan: Plan::new(Role::Ignore),
        acts: &[Act::Shutdown, Act::Wait(FAIR_WAIT), Act::Destroy, Act::AwaitOff],
        expected: &[CUT_OFF],
    },
    Scenario {
        name: "not listening",
        plan: Plan::new(Role::NotListening),
        acts: &[Act::Shutdown, Act::Wait(FAIR_WAIT), Act::Destroy, Act::AwaitOff],
        expected: &[Expected { cause: Cause::GuestNotListening, ..CUT_OFF }],
    },
    Scenario {
        name: "reboot on request",
        plan: Plan::new(Role::Clean),
        acts: &[Act::Reboot, Act::AwaitReboot, Act::Shutdown, Act::AwaitOff],
        expected: &[REBOOTED, SOFT],
    },
    Scenario {
        name: "reboot instead of power-off",
        plan: Plan::new(Role::Reboot),
        acts: &[Act::Shutdown, Act::AwaitReboot, Act::Destroy, Act::AwaitOff],
        expected: &[Expected { cause: Cause::GuestRebooted, ..REBOOTED }, DESTROYED],
    },
    Scenario {
        name: "sleep",
        plan: Plan::new(Role::Sleep),
        acts: &[Act::Shutdown, Act::Wake, Act::Destroy, Act::AwaitOff],
        expected: &[
            Expected { outcome: Outcome::Slept, cause: Cause::GuestSleep, all_phases: false, ..SOFT },
            DESTROYED,
        ],
    },
    Scenario {
        name: "power-off from inside",
        plan: Plan::new(Role::PowerOff).after(Duration::from_secs(1)),
        acts: &[Act::AwaitOff],
        expected: &[Expected { path: Path::Guest, all_phases: false, ..SOFT }],
    },
    Scenario {
        name: "destroyed unasked",
        plan: Plan::new(Role::Clean),
        acts: &[Act::Destroy, Act::AwaitOff],
        expected: &[DESTROYED],
    },
    Scenario {
        name: "terminated from outside",
        plan: Plan::new(Role::Clean),
        acts: &[Act::Kill(Signal::TERM), Act::AwaitOff],
        expected: &[KILLED],
    },
    Scenario {
        name: "killed from outside",
        plan: Plan::new(Role::Clean),
        acts: &[Act::Kill(Signal::KILL), Act::AwaitOff],
        expected: &[KILLED],
    },
    Scenario {
        name: "qemu crash",
        plan: Plan::new(Role::Clean),
        acts: &[Act::Crash, Act::AwaitOff],
        expected: &[Expected {
            path: Path::None,
            outcome: Outcome::Crashed,
            cause: Cause::HostQemuCrash,
            ..DESTROYED
        }],
    },
];

impl Scenario {
    /// The scenario of that name.
    pub fn named(name: &str) -> anyhow::Result<&'static Self> {
        SCENARIOS
            .iter()
            .find(|scenario| scenario.name == name)
            .with_context(|| format!("no scenario {name:?}"))
    }

    /// Plays it and checks what softoff says.
    pub fn play(&self, lab: &Lab, machine: Machine) -> anyhow::Result<()> {
        let guest = lab.boot(&self.spec(machine))?;
        guest.wait_until_ready()?;
        for act in self.acts {
            act.carry_out(&guest)?;
        }
        expect::recorded(lab, &guest, self.expected).map(drop)
    }

    fn spec(&self, machine: Machine) -> DomainSpec {
        let memory_in_file = self.acts.iter().any(|act| matches!(act, Act::Crash));
        let name = format!("{} ({machine})", self.name);
        DomainSpec { memory_in_file, ..DomainSpec::new(name, machine, self.plan) }
    }
}

impl Act {
    fn carry_out(self, guest: &Guest) -> anyhow::Result<()> {
        match self {
            Self::Shutdown => guest.shutdown(),
            Self::Reboot => guest.reboot(),
            Self::Destroy => guest.destroy(),
            Self::Wake => guest.wait_until_asleep().and_then(|()| guest.wake()),
            Self::Kill(signal) => guest.kill(signal),
            Self::Crash => guest.crash_qemu(),
            Self::Wait(duration) => {
                thread::sleep(duration);
                Ok(())
            }
            Self::AwaitReboot => guest.wait_until_ready_again(2),
            Self::AwaitOff => guest.wait_until_off(),
        }
    }
}
