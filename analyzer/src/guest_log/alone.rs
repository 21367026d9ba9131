//! Alone: a cycle that no host recorded becomes an episode of its own, of which only the guest's side is
//! known.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::phases::seconds;
use super::{Cycle, Machine};
use crate::advice;
use crate::cause::Cause;
use crate::episode::{
    Candidate, CauseFinding, Completeness, Domain, Episode, Evidence, GuestLogEnd, GuestLogType,
    GuestPhaseName, Outcome, Path, Request, SCHEMA, Source, Tier, Verdict,
};

/// The episode of a cycle, and when it began by the guest's clock. `slow` is in nanoseconds.
pub fn episode(machine: &Machine, cycle: &Cycle, slow: u64) -> (DateTime<Utc>, Episode) {
    let log = cycle.log();
    let duration = duration(cycle);
    let outcome = outcome(cycle);
    let verdict = verdict(cycle, outcome, duration, slow);
    let cause = cause(cycle, verdict);
    let began = began(cycle);
    let episode = Episode {
        schema: SCHEMA.to_owned(),
        id: id(machine, cycle),
        host: machine.boot.host.clone(),
        boot_id: machine.boot.id,
        domain: Domain { name: Some(machine.name().to_owned()), uuid: None, os: None, os_source: None },
        qemu: None,
        request: Request {
            at: Some(began),
            path: if cycle.is_bare() { Path::None } else { Path::Guest },
            presses: 0,
            by: log.process.clone(),
        },
        outcome,
        verdict,
        escalated: false,
        duration_seconds: duration,
        ended_at: None,
        phases: Vec::new(),
        guest_log: Some(log),
        candidates: candidates(cause),
        cause,
        evidence: told(cycle, began),
        advice: to_do(verdict, cause.code),
        risk: None,
        completeness: Completeness {
            tier: Tier::Guest,
            lost_events: 0,
            bad_lines: 0,
            clock_uncertainty_ns: 0,
            missing: missing(machine),
        },
    };
    (began, episode)
}

fn missing(machine: &Machine) -> Vec<String> {
    let mut missing = vec![
        "only the guest's own event log tells of it: all times are its clock's, and what the host did is not known"
            .to_owned(),
    ];
    if machine.damaged {
        missing.push(
            "part of the guest's event log could not be read: what is absent may have happened".to_owned(),
        );
    }
    missing
}

/// When it began, or else what is known that is nearest to that.
fn began(cycle: &Cycle) -> DateTime<Utc> {
    let first = cycle.marks.asked.or(cycle.slept.map(|sleep| sleep.at));
    first.or(cycle.last_alive.filter(|_| cycle.is_bare())).unwrap_or(cycle.span().0)
}

/// From the request to the kernel's end; none where one of them is not known.
fn duration(cycle: &Cycle) -> Option<f64> {
    Some(seconds(cycle.marks.asked?, cycle.marks.stopped?)).filter(|seconds| *seconds >= 0.0)
}

fn outcome(cycle: &Cycle) -> Outcome {
    match (cycle.ended, cycle.kind) {
        (GuestLogEnd::Unexpected, _) if cycle.bugcheck.is_some() => Outcome::Crashed,
        (GuestLogEnd::Clean, _) if cycle.slept.is_some() => Outcome::Slept,
        (GuestLogEnd::Clean, Some(GuestLogType::Restart)) => Outcome::Rebooted,
        (GuestLogEnd::Clean, Some(GuestLogType::Shutdown | GuestLogType::PowerOff)) => Outcome::Soft,
        // Off or started again: a kernel that stopped did one of them.
        _ => Outcome::Unknown,
    }
}

/// A sleep or a restart that the guest itself asked for is as it should be.
fn verdict(cycle: &Cycle, outcome: Outcome, duration: Option<f64>, slow: u64) -> Verdict {
    let is_slow = duration.is_some_and(|duration| duration >= crate::phases::seconds(slow));
    match outcome {
        Outcome::Crashed => Verdict::Failed,
        _ if cycle.ended == GuestLogEnd::Unexpected => Verdict::Failed,
        Outcome::Slept => Verdict::Clean,
        Outcome::Soft | Outcome::Rebooted if is_slow => Verdict::Slow,
        Outcome::Soft | Outcome::Rebooted if duration.is_some() => Verdict::Clean,
        _ => Verdict::Unknown,
    }
}

/// Only what the log proves: where most of the time went, and bug checks.
fn cause(cycle: &Cycle, verdict: Verdict) -> CauseFinding {
    let found = |code: Cause, confidence| CauseFinding { code, confidence, scenario: code.scenario() };
    if verdict == Verdict::Clean {
        return found(Cause::None, 0.95);
    }
    if cycle.bugcheck.is_some() {
        return found(Cause::GuestCrashed, 0.95);
    }
    let longest = cycle.longest().filter(|_| verdict == Verdict::Slow);
    match longest {
        Some((GuestPhaseName::Sessions, _)) => found(Cause::GuestAppBlocked, 0.9),
        Some((GuestPhaseName::Preshutdown, _)) if cycle.updates => found(Cause::GuestUpdate, 0.95),
        Some((GuestPhaseName::Preshutdown | GuestPhaseName::Services, _)) => {
            found(Cause::GuestSlowServices, 0.8)
        }
        _ => found(Cause::None, 0.0),
    }
}

fn candidates(cause: CauseFinding) -> Vec<Candidate> {
    let known = cause.confidence > 0.0;
    known.then_some(Candidate { code: cause.code, confidence: cause.confidence }).into_iter().collect()
}

fn told(cycle: &Cycle, began: DateTime<Utc>) -> Vec<Evidence> {
    let line = |(at, text): (DateTime<Utc>, String)| Evidence {
        source: Source::Evtx,
        at_seconds: seconds(began, at),
        text,
        weight: 0.0,
        picture: None,
    };
    cycle.told().into_iter().map(line).collect()
}

fn to_do(verdict: Verdict, cause: Cause) -> Vec<String> {
    match (verdict, cause) {
        (Verdict::Slow | Verdict::Failed, Cause::None) => vec![
            "Import the logs of the host too, or record the next stop with softoff trace: what asked for this \
             one, and what cut it off, is not in the guest's log."
                .to_owned(),
        ],
        (_, Cause::None) => Vec::new(),
        (_, cause) => advice::afterwards(cause),
    }
}

/// Twelve hex digits of a name-based UUID: the same events give the same id.
fn id(machine: &Machine, cycle: &Cycle) -> String {
    let (first, last) = cycle.span();
    let name = format!("{} {first:?} {last:?}", machine.name());
    Uuid::new_v5(&machine.boot.id, name.as_bytes()).simple().to_string()[..12].to_owned()
}
