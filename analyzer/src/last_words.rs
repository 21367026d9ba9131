//! Last words: what a domain's log says of how a guest or QEMU died, and which of it counts.
//!
//! A guest's panic may be followed by a restart, and a guest whose words reach QEMU's output can forge a
//! death there. So a death counts only close to an end that libvirt itself does not call a clean one.

use softoff_journal::record::{Death, LogEntry, ShutoffReason};

use crate::attempt::{self, Attempt};
use crate::limits;
use crate::run::Fact;

/// The deaths that the log tells of in the hour before the end, in order.
pub fn deaths<'a>(attempt: &Attempt<'a>) -> Vec<&'a Fact> {
    let Some(end) = attempt.facts.iter().rev().find(|fact| attempt::is_shutting_down(fact)) else {
        return Vec::new();
    };
    let near =
        |fact: &&&Fact| death(fact).is_some() && end.boot_ns.abs_diff(fact.boot_ns) <= limits::PATIENCE;
    attempt.before().iter().chain(&attempt.facts).filter(near).copied().collect()
}

/// The death that the attempt ended by, as far as libvirt's own word allows.
pub fn decisive<'a>(attempt: &Attempt<'a>) -> Option<(&'a Fact, Death)> {
    let end = attempt.facts.iter().rev().find(|fact| attempt::is_shutting_down(fact))?;
    let counts = |fact: &&Fact| match (death(fact), end.reason()) {
        // A guest that is kept after its panic is destroyed by somebody in the end.
        (Some(Death::GuestPanic), Some(ShutoffReason::Crashed | ShutoffReason::Destroyed)) => true,
        (Some(Death::GuestPanic) | None, _) => false,
        (Some(_), None | Some(ShutoffReason::Crashed | ShutoffReason::Unknown)) => {
            end.boot_ns.saturating_sub(fact.boot_ns) <= limits::SETTLE_AFTER_EXIT
        }
        (Some(_), _) => false,
    };
    let fact = deaths(attempt).into_iter().rev().find(counts)?;
    Some((fact, death(fact)?))
}

/// How somebody died, if that is what the fact is about.
fn death(fact: &Fact) -> Option<Death> {
    match fact.log()? {
        LogEntry::Died { how, .. } => Some(*how),
        _ => None,
    }
}
