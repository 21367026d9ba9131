//! Stops: what a run's attempt offers to be joined to a guest's cycle by.

use chrono::{DateTime, TimeDelta, Utc};
use softoff_journal::record::{ShutoffReason, Sign};

use crate::attempt::{self, Attempt, Close};
use crate::marks::Marks;

/// An attempt by the host's wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Somebody asked the guest, from outside.
    pub asked: Option<DateTime<Utc>>,
    /// The moment by which the guest was off, restarted, asleep or cut off.
    pub end: DateTime<Utc>,
    /// Which of those.
    pub kind: Kind,
    /// How long before `end` the guest may have written its last event.
    pub slack: TimeDelta,
}

/// How an attempt ended for the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It powered itself off.
    Off,
    /// It started again.
    Reset,
    /// It went to sleep.
    Slept,
    /// Its power was cut, or it crashed.
    Cut,
}

/// S5 follows the kernel's last event at once; without a probe only QEMU's end is known, for which
/// libvirt waits 40 s and more.
const TO_S5: TimeDelta = TimeDelta::seconds(10);
const TO_EXIT: TimeDelta = TimeDelta::seconds(60);
/// Hibernation writes the memory out first.
const TO_SLEEP: TimeDelta = TimeDelta::seconds(120);

impl Stop {
    /// What an attempt offers; none where it has not ended.
    pub fn of(attempt: &Attempt<'_>) -> Option<Self> {
        let marks = Marks::of(attempt);
        let asked = attempt.any(attempt::is_soft_request).then(|| wall(attempt, marks.request)).flatten();
        let (kind, end, slack) = match attempt.close {
            Close::Gone => gone(attempt, &marks)?,
            Close::Reset => (Kind::Reset, attempt.facts.last()?.boot_ns, TO_S5),
            Close::Suspended => (Kind::Slept, attempt.facts.last()?.boot_ns, TO_SLEEP),
            Close::GivenUp | Close::Open => return None,
        };
        Some(Self { asked, end: wall(attempt, end)?, kind, slack })
    }
}

fn gone(attempt: &Attempt<'_>, marks: &Marks) -> Option<(Kind, u64, TimeDelta)> {
    if let Some(s5) = marks.s5 {
        let hibernated = attempt.any(|sign| matches!(sign, Sign::SuspendDisk));
        return Some(if hibernated { (Kind::Slept, s5, TO_SLEEP) } else { (Kind::Off, s5, TO_S5) });
    }
    let reason = attempt.facts.iter().rev().find_map(|fact| fact.reason());
    match reason {
        Some(ShutoffReason::Shutdown) => Some((Kind::Off, marks.gone?, TO_EXIT)),
        Some(ShutoffReason::Saved | ShutoffReason::Migrated) => None,
        // Nothing tells how it ended: it offers nothing.
        None if marks.told.is_none() => None,
        _ => Some((Kind::Cut, marks.told.or(marks.gone)?, TO_S5)),
    }
}

/// The wall clock at a moment of the boot clock at which something was recorded.
pub fn wall(attempt: &Attempt<'_>, boot_ns: u64) -> Option<DateTime<Utc>> {
    attempt.facts.iter().find(|fact| fact.boot_ns == boot_ns).map(|fact| fact.wall)
}
