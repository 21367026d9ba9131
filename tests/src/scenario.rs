//! Scenarios: what a guest is and does, what is done to it and its host, and what softoff must say
//! about it. All of it is data; [`crate::play`] carries it out and [`crate::answer`] judges.
//!
//! ```text
//! scenario ── seed, machine ──▶ play ──▶ journal ──▶ softoff list ──▶ answer: right or wrong
//! ```

mod clean;
mod guest;
mod host;
mod inside;
mod operator;
mod seeds;

use std::time::Duration;

use rustix::process::Signal;
use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Outcome, RiskLevel};
use softoff_guest::{Agent, Ending, Load, Plan, Role, Settings};

use crate::boot_sector::BootSector;
use crate::slide::Slide;
use crate::span::{Dice, Span, milliseconds, seconds};
use crate::spec::Machine;
use crate::view::View;

/// One scenario, to be played on each of its machine types.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name, which is also that of the domain.
    pub name: &'static str,
    /// The machine types it is played on.
    pub machines: &'static [Machine],
    /// What the guest is.
    pub cast: Cast,
    /// What is special about its domain.
    pub hardware: Hardware,
    /// Where it is played.
    pub place: Place,
    /// What is done, in order, once the guest is up.
    pub acts: &'static [Act],
    /// What softoff must say.
    pub expected: Expected,
}

/// What a guest is.
#[derive(Debug, Clone, Copy)]
pub enum Cast {
    /// Linux with the lab's init; the acts begin when it is ready.
    Role(Script),
    /// A program of one sector; the acts begin when it is ready.
    Sector(BootSector),
    /// The firmware at its boot menu, for so long before the acts begin.
    Firmware(Span),
}

/// A plan whose duration differs from seed to seed.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    plan: Plan,
    delay: Span,
}

impl Script {
    /// The guest takes so long.
    #[must_use]
    pub const fn taking(self, delay: Span) -> Self {
        Self { delay, ..self }
    }

    /// What it does besides.
    #[must_use]
    pub const fn under(self, load: Load) -> Self {
        Self { plan: Plan { load, ..self.plan }, ..self }
    }

    /// What it makes of its agent channel.
    #[must_use]
    pub const fn with_agent(self, agent: Agent) -> Self {
        Self { plan: Plan { agent, ..self.plan }, ..self }
    }

    /// It plays Windows, with the real agent, which tells these settings.
    #[must_use]
    pub const fn as_windows(self, settings: Settings) -> Self {
        Self { plan: Plan { agent: Agent::Real, settings: Some(settings), ..self.plan }, ..self }
    }

    /// How it ends.
    #[must_use]
    pub const fn ending(self, end: Ending) -> Self {
        Self { plan: Plan { end, ..self.plan }, ..self }
    }

    /// The plan of one run.
    pub fn plan(&self, dice: &mut Dice) -> Plan {
        self.plan.after(dice.roll(self.delay))
    }
}

/// A guest of that role that winds down quickly.
const fn guest(role: Role) -> Script {
    Script { plan: Plan::new(role), delay: milliseconds(200, 1200) }
}

/// What can be special about a domain.
#[derive(Debug, Clone, Copy)]
pub struct Hardware {
    /// Number of virtual CPUs.
    pub vcpus: u32,
    /// The machine has ACPI.
    pub acpi: bool,
    /// Where its disk is.
    pub disk: DiskKind,
    /// It has a panic notifier.
    pub panic_notifier: bool,
    /// Its memory is in a file.
    pub memory_in_file: bool,
    /// Further parameters of its kernel.
    pub kernel_arguments: &'static str,
    /// The pictures it can show.
    pub slides: &'static [Slide],
    /// How many of it there are.
    pub count: u32,
}

/// The usual domain.
const USUAL: Hardware = Hardware {
    vcpus: 1,
    acpi: true,
    disk: DiskKind::File,
    panic_notifier: false,
    memory_in_file: false,
    kernel_arguments: "",
    slides: &[],
    count: 1,
};

/// Where a guest's disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskKind {
    /// A raw file.
    File,
    /// A raw file that QEMU can be made slow to close.
    SlowToClose,
    /// Behind a qemu-nbd that the lab can stop.
    Nbd,
}

/// Where a scenario is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the lab that all share.
    Shared,
    /// In a lab of its own, because it would disturb the others there.
    Own,
    /// In two labs of its own, between which it can migrate.
    Two,
}

/// What an operator, the host or fate does.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// `virsh shutdown`.
    Shutdown,
    /// `virsh shutdown --mode agent`.
    ShutdownByAgent,
    /// `virsh shutdown --mode acpi`.
    ShutdownByAcpi,
    /// `virsh shutdown`, which libvirt refuses.
    ShutdownInVain,
    /// `virsh shutdown --mode agent`, which fails.
    ShutdownByAgentInVain,
    /// `virsh shutdown`, which libvirt may refuse or not.
    ShutdownAgain,
    /// `virsh reboot`.
    Reboot,
    /// `virsh reset`.
    Reset,
    /// `virsh destroy`.
    Destroy,
    /// `virsh suspend`.
    Suspend,
    /// `virsh managedsave`.
    Save,
    /// `virsh snapshot-create-as --disk-only`.
    Snapshot,
    /// `virsh migrate --live` to the other lab.
    Migrate,
    /// A signal to QEMU from somebody else.
    Kill(Signal),
    /// Makes QEMU die of its own doing.
    Crash,
    /// Gives QEMU a memory limit and makes it need more.
    ExhaustMemory,
    /// Gives QEMU next to no CPU time.
    Starve,
    /// Gives QEMU CPU time again.
    Feed,
    /// The storage behind the disk answers no more.
    StallStorage,
    /// It answers again.
    ResumeStorage,
    /// `virsh blkdeviotune`: so few bytes a second, 0 for no limit.
    Throttle(u64),
    /// Begins a `virsh dump` that never comes to its end.
    HoldJob,
    /// libvirt's `stopped` hook takes so long from now on.
    SlowHook(Span),
    /// QEMU takes so long to close the disk, from now on.
    SlowClose(Span),
    /// Waits so long.
    Wait(Span),
    /// Waits until the guest has printed this line.
    AwaitLine(&'static str),
    /// Waits until softoff has looked at the guest, as often as it takes to see all there is to see: its
    /// screen read, its agent asked. Where nobody looks, it does not wait.
    AwaitLook,
    /// Waits until the guest has booted so many times.
    AwaitBoot(usize),
    /// Waits until libvirt sees the guest asleep.
    AwaitAsleep,
    /// Waits until libvirt sees the guest's agent.
    AwaitAgent,
    /// Waits until the domain is off.
    AwaitOff,
}

/// What softoff must say about a run.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// How it ended; absent where there must not even be an episode.
    pub outcome: Option<Outcome>,
    /// Why it was slow or failed.
    pub cause: Cause,
    /// Another code that is as right; both must be among the candidates then.
    pub or: Option<Cause>,
    /// What it really was, where that cannot be told from outside: each must be among the candidates.
    pub indistinguishable: &'static [Cause],
    /// What it really was, in views that tell it, and those views.
    pub told: Option<(Cause, &'static [View])>,
    /// How bad it must be said to be.
    pub risk: Option<RiskLevel>,
}

impl Expected {
    /// An outcome and its cause.
    pub const fn new(outcome: Outcome, cause: Cause) -> Self {
        Self { outcome: Some(outcome), cause, or: None, indistinguishable: &[], told: None, risk: None }
    }

    /// Nothing to explain.
    pub const fn clean(outcome: Outcome) -> Self {
        Self::new(outcome, Cause::None)
    }

    /// Acknowledged, then nothing: all that can be said of these causes from outside.
    pub const fn ignored(indistinguishable: &'static [Cause]) -> Self {
        Self { indistinguishable, ..Self::new(Outcome::Hard, Cause::GuestIgnored) }
    }

    /// The same, but for views with evidence that tells what it really was.
    const fn told(self, cause: Cause, views: &'static [View]) -> Self {
        Self { told: Some((cause, views)), ..self }
    }

    /// What softoff must say in a view.
    #[must_use]
    pub fn at(&self, view: View) -> Self {
        match self.told {
            Some((cause, views)) if views.contains(&view) => {
                Self { cause, or: None, indistinguishable: &[], told: None, ..*self }
            }
            _ => *self,
        }
    }

    /// The causes that must be among the candidates, besides the one that is named.
    pub fn candidates(&self) -> impl Iterator<Item = Cause> {
        let either = self.or.map(|or| [self.cause, or]);
        either.into_iter().flatten().chain(self.indistinguishable.iter().copied())
    }
}

/// It worked, and nothing is wrong.
const SOFT: Expected = Expected::clean(Outcome::Soft);

const Q35: &[Machine] = &[Machine::Q35];
const PC: &[Machine] = &[Machine::Pc];
const BOTH: &[Machine] = &[Machine::Q35, Machine::Pc];

/// How long an operator waits before he cuts the power.
const FAIR: Span = seconds(12, 18);

/// How long a slow shutdown takes at least: well above [`SLOW_AFTER`].
const SLOW: Span = seconds(13, 17);

/// From here on softoff is to call a shutdown slow.
pub const SLOW_AFTER: Duration = Duration::from_secs(10);

/// Asked, waited for, cut off.
const ASK_WAIT_DESTROY: &[Act] = &[Act::Shutdown, Act::Wait(FAIR), Act::Destroy, Act::AwaitOff];

/// The same by the button where an agent runs that libvirt would ask first.
const ASK_BESIDE_AGENT_WAIT_DESTROY: &[Act] =
    &[Act::AwaitAgent, Act::ShutdownByAcpi, Act::Wait(FAIR), Act::AwaitLook, Act::Destroy, Act::AwaitOff];

/// Asked, waited for until it was looked at, cut off.
const ASK_LOOK_DESTROY: &[Act] =
    &[Act::Shutdown, Act::Wait(FAIR), Act::AwaitLook, Act::Destroy, Act::AwaitOff];

/// Asked by the button where an agent runs that libvirt would ask first, and it works.
const ASK_BESIDE_AGENT: &[Act] = &[Act::AwaitAgent, Act::ShutdownByAcpi, Act::AwaitOff];

/// Asked, and it works.
const ASK: &[Act] = &[Act::Shutdown, Act::AwaitOff];

impl Scenario {
    /// A scenario of the usual kind.
    const fn new(name: &'static str, cast: Cast, acts: &'static [Act], expected: Expected) -> Self {
        Self { name, machines: Q35, cast, hardware: USUAL, place: Place::Shared, acts, expected }
    }

    /// A scenario with a guest that plays a role.
    const fn role(name: &'static str, script: Script, acts: &'static [Act], expected: Expected) -> Self {
        Self::new(name, Cast::Role(script), acts, expected)
    }

    const fn on(self, machines: &'static [Machine]) -> Self {
        Self { machines, ..self }
    }

    const fn with(self, hardware: Hardware) -> Self {
        Self { hardware, ..self }
    }

    const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Whether all is well in it, so that any cause is a false alarm.
    pub fn is_clean(&self) -> bool {
        self.expected.cause == Cause::None
    }
}

/// All scenarios, in the order they are played in.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        seeds::SCENARIOS,
        guest::SCENARIOS,
        inside::SCENARIOS,
        host::SCENARIOS,
        operator::SCENARIOS,
        clean::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_scenario_has_a_name_of_its_own_that_can_name_a_directory() {
        let mut names = HashSet::new();
        for Scenario { name, .. } in all() {
            assert!(names.insert(name), "{name} is there twice");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            );
        }
    }

    #[test]
    fn there_are_as_many_as_the_classifier_is_to_be_judged_by() {
        assert!(all().count() >= 35, "{}", all().count());
        let runs: usize = all().map(|scenario| scenario.machines.len()).sum();
        assert!(runs >= 45, "{runs}");
        assert!(all().filter(|scenario| scenario.is_clean()).count() >= 10);
    }

    #[test]
    fn what_is_slow_and_what_is_not_lies_clearly_apart() {
        assert!(SLOW.least >= SLOW_AFTER + Duration::from_secs(3));
    }
}
