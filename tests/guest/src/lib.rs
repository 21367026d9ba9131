//! The words that the lab and its guests share: what a guest is told on its kernel command line,
//! and what it answers on its serial console.
//!
//! ```text
//! lab ── kernel command line: softoff.role=clean softoff.delay_ms=300 ──▶ guest
//! lab ◀── serial console: "softoff-guest: ready role=clean" ───────────── guest
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Every line of the guest's init on the serial console begins with this.
pub const MARK: &str = "softoff-guest: ";

/// Where a module of the kernel lies in the initramfs, without its name.
pub const MODULES_DIR: &str = "lib/modules";

/// The kernel modules a guest may load.
pub const MODULES: [&str; 2] = ["button", "evdev"];

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
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Clean, Self::Ignore, Self::NotListening, Self::Reboot, Self::Sleep, Self::PowerOff];

    /// The role's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Ignore => "ignore",
            Self::NotListening => "not-listening",
            Self::Reboot => "reboot",
            Self::Sleep => "sleep",
            Self::PowerOff => "power-off",
        }
    }

    /// The modules this role loads, in order.
    pub fn modules(self) -> &'static [&'static str] {
        match self {
            // Without button.ko nobody sets PWRBTN_EN.
            Self::NotListening => &[],
            _ => &MODULES,
        }
    }
}

/// A role with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How the guest behaves.
    pub role: Role,
    /// How long it winds down before it acts.
    pub delay: Duration,
}

impl Plan {
    /// A role with the usual wind-down.
    pub const fn new(role: Role) -> Self {
        Self { role, delay: Duration::from_millis(300) }
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
        write!(f, "softoff.role={} softoff.delay_ms={}", self.role.name(), self.delay.as_millis())
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
}

/// Reads the plan from a whole kernel command line; other parameters are skipped.
impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(command_line: &str) -> Result<Self, PlanError> {
        let value = |key: &str| command_line.split_whitespace().find_map(|word| word.strip_prefix(key));
        let name = value("softoff.role=").ok_or(PlanError::NoRole)?;
        let role = Role::ALL.into_iter().find(|role| role.name() == name);
        let plan = Self::new(role.ok_or_else(|| PlanError::UnknownRole(name.to_owned()))?);
        match value("softoff.delay_ms=") {
            None => Ok(plan),
            Some(text) => match text.parse() {
                Ok(milliseconds) => Ok(plan.after(Duration::from_millis(milliseconds))),
                Err(_) => Err(PlanError::BadDelay(text.to_owned())),
            },
        }
    }
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
            let plan = Plan::new(role).after(Duration::from_millis(1234));
            let command_line = format!("console=ttyS0 quiet {plan} panic=0\n");
            assert_eq!(command_line.parse(), Ok(plan));
        }
    }

    #[test]
    fn a_command_line_without_a_plan_says_what_is_missing() {
        assert_eq!("quiet".parse::<Plan>(), Err(PlanError::NoRole));
        assert_eq!("softoff.role=dance".parse::<Plan>(), Err(PlanError::UnknownRole("dance".into())));
        assert_eq!(
            "softoff.role=clean softoff.delay_ms=soon".parse::<Plan>(),
            Err(PlanError::BadDelay("soon".into()))
        );
    }
}
