//! Marks: the moments that divide an attempt.
//!
//! ```text
//! request ─▶ SCI raised ─▶ acknowledged ─▶ S5 ─▶ told to end ─▶ process gone ─▶ released
//!         deliver       notice          guest  poweroff      teardown       release
//! ```
//!
//! Each mark is the first fitting fact at or after the mark before it, so marks never run
//! backwards, whatever was lost or came twice.

use softoff_journal::record::{Operation, Sign};

use crate::attempt::{self, Attempt, pm1};
use crate::episode::PhaseName;
use crate::run::Fact;

/// The boot clock of each mark that was seen, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The first sign.
    pub request: u64,
    /// The SCI was raised for the power button.
    pub sci: Option<u64>,
    /// The guest acknowledged it.
    pub acknowledged: Option<u64>,
    /// The guest wrote S5.
    pub s5: Option<u64>,
    /// QEMU was told to end, by a signal or `quit`.
    pub told: Option<u64>,
    /// The process was gone.
    pub gone: Option<u64>,
    /// libvirt released the domain: its last hook.
    pub released: Option<u64>,
}

impl Marks {
    /// Finds the marks of an attempt.
    pub fn of(attempt: &Attempt<'_>) -> Self {
        let request = attempt.began();
        let mut search = Search { attempt, from: request };
        let sci = search.next(|fact| fact.sign().is_some_and(is_sci_raised));
        let acknowledged = if sci.is_some() { search.acknowledged() } else { None };
        let s5 = search.next(|fact| fact.sign().is_some_and(attempt::is_s5));
        let told = search.told(s5);
        let gone = search
            .next(|fact| matches!(fact.sign(), Some(Sign::Exit { .. })))
            .or_else(|| search.next(|fact| fact.operation() == Some(&Operation::Stopped)))
            .or_else(|| search.next(attempt::is_shutting_down));
        let released = search.next(|fact| fact.operation() == Some(&Operation::Release));
        Self { request, sci, acknowledged, s5, told, gone, released: released.or(gone_late(attempt, gone)) }
    }

    /// The marks after the request with the phase each one ends, in order.
    pub fn ends(&self) -> [(PhaseName, Option<u64>); 6] {
        [
            (PhaseName::Deliver, self.sci),
            (PhaseName::Notice, self.acknowledged),
            (PhaseName::Guest, self.s5),
            (PhaseName::Poweroff, self.told),
            (PhaseName::Teardown, self.gone),
            (PhaseName::Release, self.released),
        ]
    }

    /// The last mark that was seen.
    pub fn last(&self) -> u64 {
        self.ends().into_iter().filter_map(|(_, at)| at).max().unwrap_or(self.request)
    }
}

/// libvirt 5.10 to 9.0 can release a domain whose QEMU is not gone yet: then both are one moment.
fn gone_late(attempt: &Attempt<'_>, gone: Option<u64>) -> Option<u64> {
    let release = attempt.facts.iter().find(|fact| fact.operation() == Some(&Operation::Release))?;
    gone.filter(|gone| release.boot_ns < *gone)
}

struct Search<'a, 'b> {
    attempt: &'b Attempt<'a>,
    from: u64,
}

impl Search<'_, '_> {
    /// A reset clears the same bit as an acknowledgement: what comes after it is none, until the SCI
    /// is raised again.
    fn acknowledged(&mut self) -> Option<u64> {
        let mut raised = true;
        for fact in self.attempt.facts.iter().filter(|fact| fact.boot_ns >= self.from) {
            if raised && is_acknowledgement(fact) {
                self.from = fact.boot_ns;
                return Some(fact.boot_ns);
            }
            raised |= fact.sign().is_some_and(is_sci_raised);
            raised &= !fact.sign().is_some_and(attempt::is_reset);
        }
        None
    }

    /// libvirt sends its signal as soon as it hears of S5; QEMU takes it once the vCPUs are stopped and
    /// the disks flushed. The later of both ends the phase.
    fn told(&mut self, s5: Option<u64>) -> Option<u64> {
        let told = self.next(|fact| fact.sign().is_some_and(is_told) || attempt::is_terminating(fact))?;
        if s5.is_some() {
            let stopped = |fact: &Fact| matches!(fact.sign(), Some(Sign::VmStop { .. }));
            return self.next(stopped).or(Some(told));
        }
        Some(told)
    }

    fn next(&mut self, test: impl Fn(&Fact) -> bool) -> Option<u64> {
        let fact = self.attempt.facts.iter().find(|fact| fact.boot_ns >= self.from && test(fact))?;
        self.from = fact.boot_ns;
        Some(fact.boot_ns)
    }
}

/// The press got through: the device raised the SCI, or at least the button was enabled; or KVM
/// shows the guest reading the pressed status.
pub fn is_sci_raised(sign: &Sign) -> bool {
    match sign {
        Sign::Sci { vcpu: false, status, enable } => has_button(*status, true) && has_button(*enable, true),
        Sign::PowerButton { enabled } => *enabled == Some(true),
        Sign::PortIo { port, write: false, value } => is_button_status(*port, *value),
        _ => false,
    }
}

/// The guest cleared PWRBTN_STS (write one to clear), from one of its vCPUs.
pub fn is_acknowledgement(fact: &Fact) -> bool {
    match fact.sign() {
        Some(Sign::Sci { vcpu: true, status, .. }) => has_button(*status, false),
        Some(Sign::PortIo { port, write: true, value }) => is_button_status(*port, *value),
        _ => false,
    }
}

/// Whether any press reached the guest's PM1 block at all.
pub fn reached_guest(attempt: &Attempt<'_>) -> bool {
    attempt.any(|sign| is_sci_raised(sign) || matches!(sign, Sign::PowerButton { .. }))
}

fn is_button_status(port: u16, value: u32) -> bool {
    attempt::is_pm1(port, pm1::STS) && value & pm1::PWRBTN != 0
}

/// Whether the button's bit is as `wanted`; a register that could not be read is no objection.
fn has_button(register: Option<u16>, wanted: bool) -> bool {
    register.is_none_or(|register| (u32::from(register) & pm1::PWRBTN != 0) == wanted)
}

fn is_told(sign: &Sign) -> bool {
    match sign {
        Sign::Signal { .. } | Sign::Killed { .. } => true,
        Sign::ShutdownRequest { cause } | Sign::Shutdown { cause, .. } => {
            matches!(cause.as_str(), "host-signal" | "host-qmp-quit" | "host-ui" | "host-error")
        }
        _ => false,
    }
}
