//! The words that the lab and its guests share: what a guest is told on its kernel command line,
//! and what it answers on its serial console.
//!
//! ```text
//! lab ── kernel command line: softoff.role=clean softoff.delay_ms=300 … ──▶ guest
//! lab ◀── serial console: "softoff-guest: ready role=clean" ─────────────── guest
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Every line of the guest's init on the serial console begins with this.
pub const MARK: &str = "softoff-guest: ";

/// Where a module of the kernel lies in the initramfs, without its name.
pub const MODULES_DIR: &str = "lib/modules";

/// The kernel modules a guest may load, each after those it needs.
pub const MODULES: [&str; 11] = [
    "evdev",
    "button",
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "pvpanic",
    "pvpanic-mmio",
];

/// Where the initramfs has the real qemu-ga.
pub const GUEST_AGENT: &str = "sbin/qemu-ga";

/// What qemu-ga runs when it is asked to shut the guest down: another name of the init.
pub const SHUTDOWN: &str = "sbin/shutdown";

/// What qemu-ga runs in a guest that plays Windows to read its settings: other names of the init.
pub const WINDOWS_PROGRAMS: [&str; 2] = ["sbin/reg", "sbin/powercfg"];

/// Where the initramfs has the pictures of [`Role::Slides`], named by their number from 1.
pub const SLIDES: &str = "slides";

/// Width and height of such a picture in pixels, which are four bytes each: blue, green, red, nothing.
pub const SLIDE_SIZE: (u32, u32) = (800, 600);

/// How a guest behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Winds down and powers off when the button is pressed.
    Clean,
    /// The ACPI driver acknowledges the button, and nothing follows.
    Ignore,
    /// No driver enables the button: what a guest looks like in its firmware, its boot loader, or
    /// with a system that has no power-button driver. ACPI itself is on.
    NotListening,
    /// Starts again when the button is pressed.
    Reboot,
    /// Goes to sleep (ACPI S3) when the button is pressed.
    Sleep,
    /// Powers off by itself, unasked.
    PowerOff,
    /// Hibernates (ACPI S4) when the button is pressed.
    Hibernate,
    /// Goes to sleep (S3) by itself, before anybody presses.
    Asleep,
    /// Installs updates when the button is pressed: update text on the screen, sustained disk writes
    /// and a busy CPU with the agent's port open, then ends as [`Plan::end`] says.
    Update,
    /// Shows the shutdown event tracker's dialog when the button is pressed, and waits for somebody.
    ShutdownTracker,
    /// Shows the log-on screen and drops the request.
    LogonRequired,
    /// Begins to shut down, then shows the list of applications that prevent it and waits.
    AppBlocked,
    /// Begins to shut down; a service then holds the pre-shutdown phase, idle with the agent's port
    /// open, for the delay; then the rest goes quickly.
    ServiceHold,
    /// Closes the agent's port, then its services take the delay, with little activity.
    SlowServices,
    /// The first press only lights the display; the second is a clean shutdown.
    DisplayAsleep,
    /// First boot: busy with disk and CPU from the start; arms the button only after the delay, and
    /// then shuts down cleanly.
    LateButton,
    /// First boot: the button is armed, but the guest is busy initialising and ignores it.
    FirstBoot,
    /// First boot: initialises for the delay, busy with the disk, and restarts; again and again.
    Resets,
    /// Panics when the button is pressed, and tells pvpanic so.
    Panic,
    /// Shows the next of its pictures when the button is pressed, and drops the request.
    Slides,
    /// Its display stays dark, and it drops the request.
    Dark,
    /// Shows that it works on updates, which is a lie: it winds down and powers off as any other.
    Liar,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 22] = [
        Self::Clean,
        Self::Ignore,
        Self::NotListening,
        Self::Reboot,
        Self::Sleep,
        Self::PowerOff,
        Self::Hibernate,
        Self::Asleep,
        Self::Update,
        Self::ShutdownTracker,
        Self::LogonRequired,
        Self::AppBlocked,
        Self::ServiceHold,
        Self::SlowServices,
        Self::DisplayAsleep,
        Self::LateButton,
        Self::FirstBoot,
        Self::Resets,
        Self::Panic,
        Self::Slides,
        Self::Dark,
        Self::Liar,
    ];

    /// The role's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Ignore => "ignore",
            Self::NotListening => "not-listening",
            Self::Reboot => "reboot",
            Self::Sleep => "sleep",
            Self::PowerOff => "power-off",
            Self::Hibernate => "hibernate",
            Self::Asleep => "asleep",
            Self::Update => "update",
            Self::ShutdownTracker => "shutdown-tracker",
            Self::LogonRequired => "logon-required",
            Self::AppBlocked => "app-blocked",
            Self::ServiceHold => "service-hold",
            Self::SlowServices => "slow-services",
            Self::DisplayAsleep => "display-asleep",
            Self::LateButton => "late-button",
            Self::FirstBoot => "first-boot",
            Self::Resets => "resets",
            Self::Panic => "panic",
            Self::Slides => "slides",
            Self::Dark => "dark",
            Self::Liar => "liar",
        }
    }
}

/// What a guest does all the time besides its role, until its power is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Nothing.
    Idle,
    /// Keeps a CPU busy.
    Cpu,
    /// Writes to the disk and flushes, a little at a time.
    Disk,
    /// Nothing, but for a write after the last flush of a shutdown and a moment until the power is off.
    Unflushed,
}

impl Load {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Cpu, Self::Disk, Self::Unflushed];

    /// The load's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Cpu => "cpu",
            Self::Disk => "disk",
            Self::Unflushed => "unflushed",
        }
    }
}

/// What the guest makes of its agent channel, where its domain has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// Never opens it.
    Absent,
    /// Opens it and answers nothing.
    Silent,
    /// Runs the real qemu-ga.
    Real,
}

impl Agent {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Absent, Self::Silent, Self::Real];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Silent => "silent",
            Self::Real => "real",
        }
    }
}

/// How a guest ends that takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// S5.
    PowerOff,
    /// A restart.
    Reset,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::PowerOff, Self::Reset];

    /// The ending's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PowerOff => "power-off",
            Self::Reset => "reset",
        }
    }
}

/// What a guest with the real agent that plays Windows answers to `reg` and `powercfg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `PBUTTONACTION`: 0 nothing, 1 sleep, 2 hibernate, 3 shut down, 4 display off.
    pub button: u32,
    /// `ShutdownWithoutLogon`.
    pub without_logon: u32,
    /// `ShutdownReasonOn` and `ShutdownReasonUI`.
    pub tracker: u32,
}

impl Settings {
    /// With nothing in the way of a shutdown.
    pub const GOOD: Self = Self { button: 3, without_logon: 1, tracker: 0 };
}

/// Writes them as three numbers.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.button, self.without_logon, self.tracker)
    }
}

impl FromStr for Settings {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let numbers: Vec<u32> = text.split(',').filter_map(|number| number.parse().ok()).collect();
        let [button, without_logon, tracker] = numbers[..] else {
            return Err(PlanError::BadSettings(text.to_owned()));
        };
        Ok(Self { button, without_logon, tracker })
    }
}

/// A role with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How the guest behaves.
    pub role: Role,
    /// How long it winds down before it acts.
    pub delay: Duration,
    /// What it does besides.
    pub load: Load,
    /// What it makes of its agent channel.
    pub agent: Agent,
    /// How it ends, where the role leaves that open.
    pub end: Ending,
    /// What its agent tells of it as Windows; none where it does not play that.
    pub settings: Option<Settings>,
}

impl Plan {
    /// A role with the usual wind-down.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            delay: Duration::from_millis(300),
            load: Load::Idle,
            agent: Agent::Absent,
            end: Ending::PowerOff,
            settings: None,
        }
    }

    /// The same with another wind-down.
    #[must_use]
    pub const fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// Writes the plan as kernel command-line parameters.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "softoff.role={} softoff.delay_ms={}", self.role.name(), self.delay.as_millis())?;
        write!(f, " softoff.load={} softoff.agent={}", self.load.name(), self.agent.name())?;
        write!(f, " softoff.end={}", self.end.name())?;
        self.settings.map_or(Ok(()), |settings| write!(f, " softoff.settings={settings}"))
    }
}

/// A command line that tells no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// `softoff.role=` is missing.
    #[error("the kernel command line has no softoff.role=")]
    NoRole,
    /// The role does not exist.
    #[error("softoff.role={0} is no role of this guest")]
    UnknownRole(String),
    /// The delay is no number.
    #[error("softoff.delay_ms={0} is no number of milliseconds")]
    BadDelay(String),
    /// The load does not exist.
    #[error("softoff.load={0} is no load of this guest")]
    UnknownLoad(String),
    /// The guest cannot do that with its agent channel.
    #[error("softoff.agent={0} is nothing this guest makes of its agent channel")]
    UnknownAgent(String),
    /// The guest cannot end so.
    #[error("softoff.end={0} is no way for this guest to end")]
    UnknownEnding(String),
    /// The settings are no three numbers.
    #[error("softoff.settings={0} is not three numbers with commas between them")]
    BadSettings(String),
}

/// Reads the plan from a whole kernel command line; other parameters are skipped, and what is missing
/// besides the role is as in [`Plan::new`].
impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(command_line: &str) -> Result<Self, PlanError> {
        let value = |key: &str| command_line.split_whitespace().find_map(|word| word.strip_prefix(key));
        let role = value("softoff.role=").ok_or(PlanError::NoRole)?;
        let mut plan = Self::new(named(&Role::ALL, Role::name, role).map_err(PlanError::UnknownRole)?);
        if let Some(text) = value("softoff.delay_ms=") {
            let milliseconds = text.parse().map_err(|_| PlanError::BadDelay(text.to_owned()))?;
            plan.delay = Duration::from_millis(milliseconds);
        }
        if let Some(name) = value("softoff.load=") {
            plan.load = named(&Load::ALL, Load::name, name).map_err(PlanError::UnknownLoad)?;
        }
        if let Some(name) = value("softoff.agent=") {
            plan.agent = named(&Agent::ALL, Agent::name, name).map_err(PlanError::UnknownAgent)?;
        }
        if let Some(name) = value("softoff.end=") {
            plan.end = named(&Ending::ALL, Ending::name, name).map_err(PlanError::UnknownEnding)?;
        }
        plan.settings = value("softoff.settings=").map(str::parse).transpose()?;
        Ok(plan)
    }
}

/// The one of `all` that has the name, or the name back where none has it.
fn named<T: Copy>(all: &[T], name_of: fn(T) -> &'static str, name: &str) -> Result<T, String> {
    all.iter().copied().find(|one| name_of(*one) == name).ok_or_else(|| name.to_owned())
}

/// The line a guest prints when it is up: from here on a press of the button has its effect.
pub fn ready_line(role: Role) -> String {
    format!("{MARK}ready role={}", role.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_the_command_line() {
        for role in Role::ALL {
            for (load, agent) in Load::ALL.into_iter().zip(Agent::ALL.into_iter().cycle()) {
                for end in Ending::ALL {
                    let delay = Duration::from_millis(1234);
                    for settings in [None, Some(Settings::GOOD)] {
                        let plan = Plan { role, delay, load, agent, end, settings };
                        let command_line = format!("console=ttyS0 quiet {plan} panic=0\n");
                        assert_eq!(command_line.parse(), Ok(plan));
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_command_line_leaves_out_is_as_usual() {
        assert_eq!("softoff.role=update".parse(), Ok(Plan::new(Role::Update)));
    }

    #[test]
    fn a_command_line_without_a_plan_says_what_is_missing() {
        assert_eq!("quiet".parse::<Plan>(), Err(PlanError::NoRole));
        assert_eq!("softoff.role=dance".parse::<Plan>(), Err(PlanError::UnknownRole("dance".into())));
    }

    #[test]
    fn a_word_the_guest_does_not_know_is_said_back() {
        let refused = |words: &str| format!("softoff.role=clean {words}").parse::<Plan>().unwrap_err();
        assert_eq!(refused("softoff.delay_ms=soon"), PlanError::BadDelay("soon".into()));
        assert_eq!(refused("softoff.load=net"), PlanError::UnknownLoad("net".into()));
        assert_eq!(refused("softoff.agent=secret"), PlanError::UnknownAgent("secret".into()));
        assert_eq!(refused("softoff.end=happy"), PlanError::UnknownEnding("happy".into()));
        assert_eq!(refused("softoff.settings=3,x,0"), PlanError::BadSettings("3,x,0".into()));
    }
}
