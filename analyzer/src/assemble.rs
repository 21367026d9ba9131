//! Assembly: one attempt of one run becomes one episode.

use chrono::{DateTime, Utc};
use softoff_journal::record::QemuProcess;
use uuid::Uuid;

use crate::advice;
use crate::attempt::{self, Attempt, Close};
use crate::classify::{self, Case};
use crate::episode::{Completeness, Domain, Episode, Outcome, Path, Qemu, Request, SCHEMA};
use crate::evidence;
use crate::gather::Watch;
use crate::marks::Marks;
use crate::outcome::{self, End};
use crate::phases::{phases, seconds};
use crate::run::{Fact, Run};
use crate::sight::Sight;

/// What an episode takes from beyond its run.
#[derive(Debug)]
pub struct Context<'a> {
    /// When the tracer watched.
    pub watch: &'a Watch,
    /// Losses that name no process: boot clock and count.
    pub losses: &'a [(u64, u64)],
    /// Boot clock of the present, or of the last record.
    pub now: u64,
}

/// The episodes of a run, each with the boot clock of its beginning.
pub fn episodes(run: &Run, context: &Context<'_>) -> Vec<(u64, Episode)> {
    let attempts = attempt::attempts(run, context.now);
    attempts.iter().map(|attempt| (attempt.began(), episode(run, attempt, context))).collect()
}

fn episode(run: &Run, attempt: &Attempt<'_>, context: &Context<'_>) -> Episode {
    let marks = Marks::of(attempt);
    let sight = Sight::of(run, attempt, context.watch);
    let end = outcome::end(attempt, &marks, &sight);
    let (path, by) = outcome::request(attempt, &marks, &end);
    let until = ended_at(attempt, &marks).unwrap_or(context.now.max(marks.last()));
    let verdict = outcome::verdict(&end, path, &marks, until - marks.request);
    let os = run.os.as_deref();
    let case = Case { attempt, marks: &marks, end: &end, path, verdict, sight: &sight, os, until };
    let finding = classify::classify(&case);
    let (phases, gaps) = phases(attempt, &marks);
    let asked = request_seen(attempt, path);
    Episode {
        schema: SCHEMA.to_owned(),
        id: id(run, attempt),
        host: run.boot.host.clone(),
        boot_id: run.boot.id,
        domain: domain(run),
        qemu: qemu(run, attempt),
        request: Request { at: asked.map(|fact| fact.wall), path, presses: outcome::presses(attempt), by },
        outcome: end.outcome,
        verdict,
        escalated: outcome::escalated(path, &end, &marks),
        duration_seconds: asked.and(ended_at(attempt, &marks)).map(|end| seconds(end - marks.request)),
        phases,
        evidence: evidence::evidence(attempt, &marks, finding.cause.code),
        advice: advice::advice(&finding, &end, path),
        risk: risk(&end),
        completeness: completeness(run, attempt, context, sight, gaps),
        cause: finding.cause,
        candidates: finding.candidates,
    }
}

fn risk(end: &End) -> Option<crate::episode::Risk> {
    matches!(end.outcome, Outcome::Hard | Outcome::Crashed).then(advice::unmeasured_risk)
}

/// The boot clock of the end; none for what has not ended, or was given up.
fn ended_at(attempt: &Attempt<'_>, marks: &Marks) -> Option<u64> {
    match attempt.close {
        Close::Gone => Some(marks.last()),
        Close::Reset | Close::Suspended => attempt.facts.last().map(|fact| fact.boot_ns.max(marks.last())),
        Close::GivenUp | Close::Open => None,
    }
}

/// The fact that shows the request. Without a probe the first fact is already its end.
fn request_seen<'a>(attempt: &Attempt<'a>, path: Path) -> Option<&'a Fact> {
    let first = attempt.facts.first().filter(|fact| fact.sign().is_some());
    first.copied().filter(|_| path != Path::None)
}

fn domain(run: &Run) -> Domain {
    Domain {
        name: run.name.clone(),
        uuid: run.uuid,
        os: run.os.clone(),
        os_source: run.os.as_ref().map(|_| "libosinfo".to_owned()),
    }
}

fn qemu(run: &Run, attempt: &Attempt<'_>) -> Option<Qemu> {
    let process = run.process?;
    let found = run.watched.as_ref().map(|(_, found)| found);
    Some(Qemu {
        pid: process.pid,
        started_at: started_at(process.start_ticks, attempt),
        version: found.and_then(|found: &QemuProcess| found.version.clone()),
        build_id: found.and_then(|found| found.build_id.clone()),
    })
}

/// The process's start on the wall clock, by the offset between the clocks at the request.
fn started_at(start_ticks: u64, attempt: &Attempt<'_>) -> Option<DateTime<Utc>> {
    let fact = attempt.facts.first()?;
    let before = fact.boot_ns.checked_sub(start_ticks.checked_mul(10_000_000)?)?;
    Some(fact.wall - chrono::Duration::nanoseconds(i64::try_from(before).ok()?))
}

fn completeness(
    run: &Run,
    attempt: &Attempt<'_>,
    context: &Context<'_>,
    sight: Sight,
    gaps: Vec<String>,
) -> Completeness {
    let (first, last) = (attempt.began(), attempt.facts.last().map_or(0, |fact| fact.boot_ns));
    // A loss is recorded up to a second after it happened.
    let during = |at: u64| (first..=last.saturating_add(2_000_000_000)).contains(&at);
    let elsewhere: u64 = context.losses.iter().filter(|(at, _)| during(*at)).map(|(_, count)| count).sum();
    Completeness {
        tier: sight.tier,
        lost_events: run.lost + elsewhere,
        bad_lines: 0,
        clock_uncertainty_ns: 0,
        missing: sight.missing.into_iter().chain(gaps).collect(),
    }
}

/// Twelve hex digits of a name-based UUID: stable for the same request, whatever else was lost.
fn id(run: &Run, attempt: &Attempt<'_>) -> String {
    let whom = run.uuid.map(|uuid| uuid.to_string()).or_else(|| run.name.clone());
    let pid = run.process.map_or(0, |process| process.pid);
    let name = format!("{} {} {}", whom.unwrap_or_else(|| pid.to_string()), attempt.began(), run.boot.host);
    let digest = Uuid::new_v5(&run.boot.id, name.as_bytes()).simple().to_string();
    digest[..12].to_owned()
}
