//! Clues of the guest's own activity: idle, at work, spinning; and of its agent's port.

use softoff_journal::record::Sign;

use super::{Case, Clue, Kind};
use crate::activity::{Totals, count};
use crate::episode::{Outcome, Source};
use crate::limits;
use crate::outcome::Ender;
use crate::phases::seconds;

/// Writing at this rate for most of the time is sustained, in bytes per second.
const SUSTAINED: f64 = 131_072.0;
/// Reading and writing at this rate is more than a system does that only waits.
const HEAVY: f64 = 524_288.0;
/// So long a guest has to go on in the same way for that to be its usual way, in nanoseconds.
const LONG_AT_IT: u64 = 180_000_000_000;
/// What work is worth then.
const USUAL: f64 = 0.4;
/// A guest that uses so many CPUs all the time computes.
const COMPUTES: f64 = 0.3;
/// A guest that moves so much to and from its disks gets on with something, in bytes per second.
const PROGRESS: f64 = 65_536.0;
/// A guest that worked for so many seconds has begun to do something.
const BEGAN_TO_WORK: f64 = 0.8;
/// Above this share of one CPU a guest that answers nothing spins; below the other it is halted.
const SPINNING: f64 = 0.9;
const HALTED: f64 = 0.05;
/// A guest that wants a CPU all the time must have had this much of it to have run at all.
const RAN_AT_LEAST: f64 = 0.05;

pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    let mut clues = Vec::new();
    if !case.guest_had_time() {
        return clues;
    }
    match case.heard() {
        Some(heard) if case.end.outcome != Outcome::Slept => {
            clues.extend(after(case, heard));
            clues.extend(port(case, heard));
        }
        Some(_) => {}
        None => clues.extend(unheard(case)),
    }
    clues.extend(initialising(case));
    clues
}

fn clue(kind: Kind, at: u64, text: String) -> Clue {
    Clue::new(kind, at, Source::Probe, text)
}

/// What the guest did after it took the request.
fn after(case: &Case<'_>, heard: u64) -> Vec<Clue> {
    let end = case.guests_end();
    let Some(totals) = case.totals(heard, end) else { return Vec::new() };
    let strength = if is_usual(case, heard, end) { USUAL } else { 1.0 };
    let at_work = still_working(case, end).into_iter().chain(sustained_writes(&totals, end));
    let mut clues: Vec<Clue> = at_work.map(|clue| Clue { strength, ..clue }).collect();
    clues.extend(idle(case, &totals, heard, end));
    clues.extend(computing(case, &totals, end));
    clues
}

/// A busy CPU and a disk at rest: an application that computes, or one that spins.
fn computing(case: &Case<'_>, totals: &Totals, end: u64) -> Option<Clue> {
    let measured = totals.disks && totals.cpus && totals.seconds >= seconds(limits::IDLE);
    let computes =
        totals.cpus_used() >= COMPUTES && totals.bytes_a_second() < PROGRESS && totals.inflight == 0;
    let text = format!(
        "the guest used {:.1} CPUs for {:.0} s and hardly touched its disks",
        totals.cpus_used(),
        totals.seconds
    );
    (measured && computes && case.marks.s5.is_none()).then(|| clue(Kind::Computing, end, text))
}

/// Work that goes on for long just as it was right after the request may be what this guest does all
/// the time: what it did before was not measured.
fn is_usual(case: &Case<'_>, heard: u64, end: u64) -> bool {
    let (Some(early), Some(late)) = (
        case.totals(heard, heard.saturating_add(limits::LAST)),
        case.totals(end.saturating_sub(limits::LAST), end),
    ) else {
        return false;
    };
    let (early, late) = (early.bytes_a_second(), late.bytes_a_second());
    end.saturating_sub(heard) >= LONG_AT_IT && early < 1.5 * late && late < 1.5 * early
}

fn sustained_writes(totals: &Totals, end: u64) -> Option<Clue> {
    let rate = count(totals.write_bytes) / totals.seconds;
    if !totals.disks
        || totals.seconds < seconds(limits::LONG)
        || totals.busy_seconds < 0.5 * totals.seconds
        || rate < SUSTAINED
    {
        return None;
    }
    let text = format!(
        "the guest wrote {} in {:.0} s and used {:.1} CPUs",
        mebibytes(totals.write_bytes),
        totals.seconds,
        totals.cpus_used()
    );
    Some(clue(Kind::SustainedWrites, end, text))
}

/// Cut off by libvirt in the middle of work. A busy CPU alone is no progress: it may be what the guest
/// always does.
fn still_working(case: &Case<'_>, end: u64) -> Option<Clue> {
    if case.end.outcome != Outcome::Hard || case.end.by != Ender::Libvirt || case.marks.s5.is_some() {
        return None;
    }
    let from = end.saturating_sub(limits::LAST).max(case.marks.request);
    let totals = case.totals(from, end)?;
    let text = format!(
        "in its last {:.0} s the guest wrote {} and used {:.1} CPUs",
        seconds(end - from),
        mebibytes(totals.write_bytes),
        totals.cpus_used()
    );
    let at_work =
        totals.disks && totals.busy_seconds >= 0.5 * totals.seconds && totals.bytes_a_second() >= PROGRESS;
    at_work.then(|| clue(Kind::StillWorking, end, text))
}

fn idle(case: &Case<'_>, totals: &Totals, heard: u64, end: u64) -> Option<Clue> {
    let since = case.run.activity.idle_tail(heard, end)?;
    let measured = totals.disks && totals.cpus && case.sight.intact;
    if !measured || end - since < limits::IDLE || totals.inflight > 0 {
        return None;
    }
    let length = seconds(end - since);
    // What counts as idle may reach back into the work before it by a small share of its length.
    let begun = case.totals(heard, since + (end - since) / 5).map_or(0.0, |early| early.busy_seconds);
    if begun >= BEGAN_TO_WORK {
        let text = format!("the guest worked for {begun:.1} s; from here on it was idle, for {length:.0} s");
        return Some(clue(Kind::WorkedThenIdle, since, text));
    }
    // A guest that powered off was not idle for good.
    let powered_off = case.marks.s5.is_some();
    let text = format!(
        "the guest was idle for {length:.0} s: no disk writes to speak of, {:.2} CPUs",
        totals.cpus_used()
    );
    (!powered_off).then(|| clue(Kind::IdleAtOnce, since, text))
}

/// What the guest did that never took the request.
fn unheard(case: &Case<'_>) -> Option<Clue> {
    let end = case.guests_end();
    if let Some(sci) = case.marks.sci {
        return unresponsive(case, sci, end);
    }
    case.first(|sign| matches!(sign, Sign::PowerButton { enabled: Some(false) }))?;
    let totals = heavy(case, case.marks.request, end)?;
    let text = format!("meanwhile the guest moved {} to and from its disks", moved(&totals));
    Some(clue(Kind::HeavyUnarmed, end, text))
}

fn unresponsive(case: &Case<'_>, sci: u64, end: u64) -> Option<Clue> {
    let measured =
        |totals: &Totals| totals.seconds >= seconds(limits::UNACKNOWLEDGED) && totals.cpus && totals.disks;
    let totals = case.totals(sci, end).filter(|totals| measured(totals) && case.sight.acknowledgement)?;
    let ran = totals.run / totals.seconds;
    let wanted = (totals.run + totals.wait) / totals.seconds;
    let untouched = totals.requests == 0 && totals.inflight == 0;
    if wanted >= SPINNING && ran >= RAN_AT_LEAST && untouched {
        let text = format!(
            "its vCPUs were never halted: they ran {:.0} % of the time, waited for a CPU for the rest, and touched no disk",
            100.0 * ran / wanted
        );
        return Some(clue(Kind::Spinning, end, text));
    }
    let text = format!("its vCPUs were halted ({wanted:.2} CPUs)");
    (wanted < HALTED && untouched).then(|| clue(Kind::Halted, end, text))
}

/// A machine that was started lately, whose agent has not come up yet, and that is busy with its
/// disks: it is still being set up.
fn initialising(case: &Case<'_>) -> Option<Clue> {
    let end = case.guests_end();
    let age = end.saturating_sub(case.run.process_start()?);
    if age > limits::YOUNG || !case.sight.intact || !case.port?.was_never_open(end) {
        return None;
    }
    let totals = heavy(case, case.marks.request, end)?;
    let text = format!(
        "the VM was started {:.0} s before, its agent never came up, and it moved {} to and from its disks",
        seconds(age),
        moved(&totals)
    );
    Some(clue(Kind::Initialising, end, text))
}

fn heavy(case: &Case<'_>, from: u64, to: u64) -> Option<Totals> {
    let long = |totals: &Totals| totals.seconds >= seconds(limits::LONG);
    case.totals(from, to).filter(|totals| totals.disks && long(totals) && totals.bytes_a_second() >= HEAVY)
}

/// The agent is an ordinary service: while its port is open, those have not been stopped yet.
fn port(case: &Case<'_>, heard: u64) -> Option<Clue> {
    let end = case.guests_end();
    // Cut off before it took the request; or a change may have been lost.
    if end < heard || !case.sight.intact {
        return None;
    }
    let port = case.port.filter(|port| port.is_open(heard) == Some(true))?;
    let closed = port.closed_between(heard, end).unwrap_or(end);
    let (open, gone) = (closed - heard, end - closed);
    if gone >= limits::LONG && gone > open {
        let text = format!("the agent's port was closed {:.1} s before the end", seconds(gone));
        return Some(clue(Kind::AgentClosed, closed, text));
    }
    let text = format!("the agent's port stayed open for {:.1} s after the request", seconds(open));
    (open >= limits::LONG).then(|| clue(Kind::AgentOpen, closed, text))
}

fn moved(totals: &Totals) -> String {
    format!("{} in {:.0} s", mebibytes(totals.bytes()), totals.seconds)
}

fn mebibytes(number: u64) -> String {
    format!("{:.1} MiB", count(number) / 1_048_576.0)
}
