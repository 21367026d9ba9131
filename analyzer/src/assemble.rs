//! Assembly: one attempt of one run becomes one episode.

use chrono::{DateTime, Duration, Utc};
use softoff_journal::record::{QemuProcess, ShutoffReason, Sign};
use uuid::Uuid;

use crate::advice;
use crate::agent::Port;
use crate::attempt::{self, Attempt, Close};
use crate::classify::{self, Finding};
use crate::clue::{self, Case, Clue, Inside};
use crate::episode::{Completeness, Domain, Episode, GuestLog, Outcome, Path, Qemu, Request, SCHEMA, Tier};
use crate::evidence::{self, inside};
use crate::gather::{Lost, Watch};
use crate::guest_log::{Joined, Machine};
use crate::marks::Marks;
use crate::outcome::{self, End};
use crate::phases::{phases, seconds};
use crate::risk;
use crate::run::{Fact, Run};
use crate::sight::Sight;

/// What an episode takes from beyond its run.
#[derive(Debug)]
pub struct Context<'a> {
    /// When the tracer watched.
    pub watch: &'a Watch,
    /// What was lost of nobody knows which process.
    pub losses: &'a [Lost],
    /// Boot clock of the present, or of the last record.
    pub now: u64,
    /// From how many nanoseconds on a shutdown is slow.
    pub slow: u64,
    /// The guest's own event log with what was found for each attempt, where one was imported.
    pub inside: Option<(&'a Machine, &'a [Joined])>,
}

/// The episodes of a run, each with the boot clock of its beginning.
pub fn episodes(run: &Run, context: &Context<'_>) -> Vec<(u64, Episode)> {
    let mut attempts = if run.is_a_vm() { attempt::attempts(run, context.now) } else { Vec::new() };
    if run.is_from_log() {
        attempts.retain(is_an_end);
    }
    // Sorting the facts once for all attempts: a hostile guest can cause many of both.
    let port = if attempts.is_empty() { None } else { Port::of(run) };
    let told = |(index, attempt): (usize, &Attempt<'_>)| {
        let inside = context
            .inside
            .and_then(|(machine, joined)| Some(Inside { machine, joined: *joined.get(index)? }));
        (attempt.began(), episode(run, attempt, port.as_ref(), inside, context))
    };
    attempts.iter().enumerate().map(told).collect()
}

/// A log tells of ends only: neither of a signal that ended nothing, nor of a start that failed.
fn is_an_end(attempt: &Attempt<'_>) -> bool {
    let last = attempt.facts.iter().rev().find_map(|fact| fact.reason());
    attempt.close == Close::Gone && last != Some(&ShutoffReason::Failed)
}

fn episode(
    run: &Run,
    attempt: &Attempt<'_>,
    port: Option<&Port>,
    inside: Option<Inside<'_>>,
    context: &Context<'_>,
) -> Episode {
    let marks = Marks::of(attempt);
    let losses = losses(attempt, context.losses);
    let intact = losses.is_empty() && run.lost == 0;
    let present = if attempt.close == Close::Open { context.now } else { 0 };
    let sight = Sight::of(run, attempt, context.watch, present, intact);
    let end = outcome::end(attempt, &marks, &sight);
    let (path, by) = outcome::request(attempt, &marks, &end, port);
    let ended = ended_at(attempt, &marks);
    let until = ended.unwrap_or(context.now.max(marks.last()));
    let slow = until - marks.request >= context.slow;
    let verdict = outcome::verdict(attempt, &end, path, &marks, slow);
    let (marks, end, sight) = (&marks, &end, &sight);
    let case = Case { run, attempt, marks, end, path, verdict, sight, port, inside, until };
    let clues = clue::clues(&case);
    let finding = classify::classify(&case, &clues);
    let (phases, gaps) = phases(attempt, marks, path == Path::Agent && case.heard().is_some());
    let asked = request_seen(attempt, path, end);
    let duration_seconds = asked.and(ended).map(|end| seconds(end - marks.request));
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
        escalated: outcome::escalated(path, end, marks),
        duration_seconds,
        ended_at: ended.filter(|_| duration_seconds.is_none()).and_then(|at| wall_of(attempt, at)),
        phases,
        guest_log: inside.and_then(guest_log),
        evidence: evidence::evidence(&case, &clues, &finding),
        advice: advised(&case, &clues, &finding),
        risk: risk::risk(&case, &clues),
        completeness: Completeness {
            tier: tier(&case),
            lost_events: run.lost + losses.iter().map(|lost| lost.count).sum::<u64>(),
            bad_lines: 0,
            clock_uncertainty_ns: uncertainty(&case),
            missing: sight
                .missing
                .iter()
                .cloned()
                .chain(gaps)
                .chain(unmeasured(&case))
                .chain(inside::missing(&case))
                .collect(),
        },
        cause: finding.cause,
        candidates: finding.candidates,
    }
}

/// What is most urgent, what fits the cause, what fits the settings that were read.
fn advised(case: &Case<'_>, clues: &[Clue], finding: &Finding) -> Vec<String> {
    let domain = in_commands(case.run);
    let gone = case.marks.gone.is_some();
    let of_cause = advice::advice(finding, case.end, case.path, gone, &domain);
    let [first, then] = [advice::inside::first(clues, case), advice::inside::then(clues, finding, case)];
    let named = |advice: String| advice.replace("DOMAIN", &domain);
    first.into_iter().map(named).chain(of_cause).chain(then).collect()
}

/// The guest's log of this attempt, with how far its clock is off.
fn guest_log(inside: Inside<'_>) -> Option<GuestLog> {
    let (cycle, offset) = (inside.cycle()?, inside.offset()?);
    let (seconds, uncertainty) = (Some(rounded(offset.seconds)), Some(rounded(offset.uncertainty)));
    Some(GuestLog { clock_offset_seconds: seconds, clock_uncertainty_seconds: uncertainty, ..cycle.log() })
}

/// How far times of the guest's log may be off beside the host's, in nanoseconds.
fn uncertainty(case: &Case<'_>) -> u64 {
    let joined =
        case.inside.filter(|inside| inside.joined.cycle.is_some()).and_then(|inside| inside.offset());
    let length = joined.map(|offset| std::time::Duration::try_from_secs_f64(offset.uncertainty));
    length.and_then(Result::ok).and_then(|length| u64::try_from(length.as_nanos()).ok()).unwrap_or(0)
}

/// Milliseconds: no clock is compared better than that.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The host's, unless the guest's own log tells of this attempt.
fn tier(case: &Case<'_>) -> Tier {
    let joined = case.inside.is_some_and(|inside| inside.joined.cycle.is_some());
    if joined { Tier::Guest } else { case.sight.tier }
}

/// What the window did not measure.
fn unmeasured(case: &Case<'_>) -> Vec<String> {
    let opened = case.run.activity.opened_for(case.marks.request, case.until);
    let missing = opened.map_or(&[][..], |(_, missing)| missing);
    missing.iter().map(|part| format!("{}: {}", part.name, part.consequence)).collect()
}

/// The boot clock of the end; none for what has not ended, or was given up.
fn ended_at(attempt: &Attempt<'_>, marks: &Marks) -> Option<u64> {
    match attempt.close {
        Close::Gone => Some(marks.last()),
        Close::Reset | Close::Suspended => attempt.facts.last().map(|fact| fact.boot_ns.max(marks.last())),
        Close::GivenUp | Close::Open => None,
    }
}

/// The wall time of the last fact up to this moment.
fn wall_of(attempt: &Attempt<'_>, at: u64) -> Option<DateTime<Utc>> {
    attempt.facts.iter().rev().find(|fact| fact.boot_ns <= at).map(|fact| fact.wall)
}

/// The fact that shows the request. Without a probe the first fact is already its end.
fn request_seen<'a>(attempt: &Attempt<'a>, path: Path, end: &End) -> Option<&'a Fact> {
    let first = attempt.facts.first().filter(|fact| fact.sign().is_some());
    first.copied().filter(|_| path != Path::None || is_left(end))
}

/// The domain as it can be pasted into a command: by its name where no shell could read more into it.
fn in_commands(run: &Run) -> String {
    let plain = |name: &&String| {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !name.is_empty() && !name.starts_with('-') && name.bytes().all(harmless)
    };
    let name = run.name.as_ref().filter(plain).cloned();
    name.or_else(|| run.uuid.map(|uuid| uuid.to_string())).unwrap_or_else(|| "DOMAIN".to_owned())
}

/// Saved or migrated: when that was, its end tells.
fn is_left(end: &End) -> bool {
    matches!(end.outcome, Outcome::Saved | Outcome::Migrated)
}

/// What the operator has written in the domain counts; a guest may call itself what it likes.
fn domain(run: &Run) -> Domain {
    let by_agent = || run.facts.iter().rev().find_map(Fact::guest_os).map(|os| (inside::name(os), "agent"));
    let os = run.os.clone().map(|os| (os, "libosinfo")).or_else(by_agent);
    let (os, os_source) = os.map(|(os, source)| (os, source.to_owned())).unzip();
    Domain { name: run.name.clone(), uuid: run.uuid, os, os_source }
}

fn qemu(run: &Run, attempt: &Attempt<'_>) -> Option<Qemu> {
    let process = run.process?;
    let found = run.watched.as_ref().map(|(_, found)| found);
    Some(Qemu {
        pid: process.pid,
        started_at: started_at(run, attempt),
        version: found.and_then(|found: &QemuProcess| found.version.clone()),
        build_id: found.and_then(|found| found.build_id.clone()),
    })
}

/// The process's start on the wall clock, by the offset between the clocks at the request.
fn started_at(run: &Run, attempt: &Attempt<'_>) -> Option<DateTime<Utc>> {
    let fact = attempt.facts.first()?;
    let before = fact.boot_ns.checked_sub(run.process_start()?)?;
    fact.wall.checked_sub_signed(Duration::nanoseconds(i64::try_from(before).ok()?))
}

/// The losses that may have been part of the attempt: after the process has ended there is nothing
/// left to lose.
fn losses<'a>(attempt: &Attempt<'_>, losses: &'a [Lost]) -> Vec<&'a Lost> {
    let first = attempt.began();
    let exit = attempt.signs().find(|(_, sign)| matches!(sign, Sign::Exit { .. }));
    let last = exit.map_or_else(|| attempt.last_from_outside(), |(fact, _)| fact.boot_ns);
    let concerns = |lost: &&Lost| *lost.between.start() < last && first <= *lost.between.end();
    losses.iter().filter(concerns).collect()
}

/// Twelve hex digits of a name-based UUID: stable for the same request, whatever else was lost.
fn id(run: &Run, attempt: &Attempt<'_>) -> String {
    let whom = run.uuid.map(|uuid| uuid.to_string()).or_else(|| run.name.clone());
    let pid = run.process.map_or(0, |process| process.pid);
    let name = format!("{} {} {}", whom.unwrap_or_else(|| pid.to_string()), attempt.began(), run.boot.host);
    let digest = Uuid::new_v5(&run.boot.id, name.as_bytes()).simple().to_string();
    digest[..12].to_owned()
}
