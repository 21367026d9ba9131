//! What a guest's own event log says of an episode, in the words that every format for people shares.

use softoff_analyzer::episode::{Culprit, CulpritKind, GuestLog, GuestLogEnd, GuestLogType, GuestPhaseName};

use crate::story::{Fact, shown};
use crate::units::{duration, moment};

/// The guest's side, told. All text has been through [`shown`].
#[derive(Debug)]
pub(crate) struct GuestSide {
    pub facts: Vec<Fact>,
    pub phases: Vec<GuestStretch>,
}

/// A stretch of the guest's shutdown.
#[derive(Debug)]
pub(crate) struct GuestStretch {
    pub name: &'static str,
    pub duration: String,
    pub meaning: &'static str,
}

impl GuestSide {
    pub fn of(log: &GuestLog) -> Self {
        let fact = |label, text| Fact { label, text };
        let mut facts = vec![fact("Asked", asked(log))];
        facts.extend(log.started_at.map(|at| fact("Began", format!("{}, by the guest's clock", moment(at)))));
        facts.push(fact("Ended", ended(log.ended).to_owned()));
        facts.extend(clock(log).map(|text| fact("Clock", text)));
        facts.extend((!log.culprits.is_empty()).then(|| fact("Held by", held_by(&log.culprits))));
        let stretch = |(name, seconds): (GuestPhaseName, f64)| GuestStretch {
            name: phase_name(name),
            duration: duration(seconds),
            meaning: phase_meaning(name),
        };
        Self { facts, phases: log.phases.iter().map(|phase| stretch((phase.name, phase.seconds))).collect() }
    }
}

fn asked(log: &GuestLog) -> String {
    let what = match log.r#type {
        Some(GuestLogType::Shutdown) => "to shut down",
        Some(GuestLogType::Restart) => "to restart",
        Some(GuestLogType::PowerOff) => "to power off",
        Some(GuestLogType::Sleep) => "to sleep",
        None => "for what is not known",
    };
    let reason = log.reason_code.as_ref().map(|code| format!(", reason {}", shown(code))).unwrap_or_default();
    match &log.process {
        Some(process) => format!("{what}, by {}{reason}", shown(process)),
        None => format!("{what}; by whom is not in the log{reason}"),
    }
}

const fn ended(ended: GuestLogEnd) -> &'static str {
    match ended {
        GuestLogEnd::Clean => "as it should",
        GuestLogEnd::Unexpected => "unexpectedly, as Windows said at its next start",
        GuestLogEnd::Unknown => "the log does not say how",
    }
}

/// `3.00 s ahead of the host's, give or take 5.00 s`.
fn clock(log: &GuestLog) -> Option<String> {
    let (offset, about) = (log.clock_offset_seconds?, log.clock_uncertainty_seconds?);
    let side = if offset < 0.0 { "behind" } else { "ahead of" };
    Some(format!("{} {side} the host's, give or take {}", duration(offset.abs()), duration(about)))
}

fn held_by(culprits: &[Culprit]) -> String {
    let one = |culprit: &Culprit| {
        let kind = match culprit.kind {
            CulpritKind::Application => "application",
            CulpritKind::Service => "service",
            CulpritKind::Driver => "driver or device",
        };
        let took = culprit.seconds.map(|took| format!(" ({})", duration(took))).unwrap_or_default();
        format!("{kind} {}{took}", shown(&culprit.name))
    };
    culprits.iter().map(one).collect::<Vec<_>>().join(", ")
}

const fn phase_name(name: GuestPhaseName) -> &'static str {
    match name {
        GuestPhaseName::Sessions => "sessions",
        GuestPhaseName::Preshutdown => "preshutdown",
        GuestPhaseName::Services => "services",
        GuestPhaseName::Kernel => "kernel",
    }
}

const fn phase_meaning(name: GuestPhaseName) -> &'static str {
    match name {
        GuestPhaseName::Sessions => "applications end, users are logged off",
        GuestPhaseName::Preshutdown => "services with notice beforehand, updates among them",
        GuestPhaseName::Services => "all other services stop",
        GuestPhaseName::Kernel => "drivers and the kernel stop",
    }
}
