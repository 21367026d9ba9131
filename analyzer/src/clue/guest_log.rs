//! Clues from the guest's own event log, where one was joined.
//!
//! Absence of a request in the log means something only where the log covers all of the attempt, by a
//! clock whose offset is known.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, Clue, Kind};
use crate::episode::{GuestPhaseName, Outcome, Source, Verdict};
use crate::guest_log::{Cycle, Joined, Machine, Offset};
use crate::{limits, phases};

/// What the guest's log offers to an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Inside<'a> {
    /// Whose log it is.
    pub machine: &'a Machine,
    /// What was found for this attempt.
    pub joined: Joined,
}

/// Somebody who answers a dialog takes longer than Windows without one, in seconds.
const ANSWERED: f64 = 20.0;

impl<'a> Inside<'a> {
    /// The cycle that is this attempt.
    pub fn cycle(&self) -> Option<&'a Cycle> {
        self.machine.cycles.get(self.joined.cycle?)
    }

    /// How far the guest's clock is ahead.
    pub const fn offset(&self) -> Option<Offset> {
        self.joined.offset
    }
}

/// The guest's clock beside the boot's.
struct Clock {
    request: DateTime<Utc>,
    request_ns: u64,
    offset: f64,
    uncertainty: f64,
}

impl Clock {
    fn of(case: &Case<'_>) -> Option<Self> {
        let offset = case.inside.and_then(|inside| inside.offset())?;
        let request = case.attempt.facts.first()?;
        Some(Self {
            request: request.wall,
            request_ns: request.boot_ns,
            offset: offset.seconds,
            uncertainty: offset.uncertainty,
        })
    }

    /// A moment of the guest's clock on the boot clock.
    fn boot_ns(&self, at: DateTime<Utc>) -> u64 {
        let since = at - delta(self.offset) - self.request;
        let nanos = since.num_nanoseconds().unwrap_or(0);
        self.request_ns.saturating_add_signed(nanos)
    }

    /// A moment of the boot clock on the guest's.
    fn guest(&self, boot_ns: u64) -> DateTime<Utc> {
        let since = i128::from(boot_ns) - i128::from(self.request_ns);
        self.request + delta(self.offset) + TimeDelta::nanoseconds(i64::try_from(since).unwrap_or(0))
    }
}

fn delta(seconds: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, reason = "an offset is within a day")]
    TimeDelta::microseconds((seconds * 1e6) as i64)
}

pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    let Some(inside) = case.inside else { return Vec::new() };
    let Some(clock) = Clock::of(case) else { return ambiguous(case, &inside) };
    let mut clues = Vec::from_iter(silence(case, &inside, &clock));
    if let Some(cycle) = inside.cycle() {
        clues.extend(told(cycle, &clock));
        clues.extend(ended(cycle, &clock));
        clues.extend(acted(case, cycle, &clock));
        clues.extend(slow(case, cycle, &clock));
    }
    clues
}

fn clue(kind: Kind, at: u64, text: String) -> Clue {
    Clue::new(kind, at, Source::Evtx, text)
}

/// What fits more than one way was not joined; that is said, and weighs nothing.
fn ambiguous(case: &Case<'_>, inside: &Inside<'_>) -> Vec<Clue> {
    let text = "the guest's event log was not joined: shutdowns in it fit by more than one offset of its clock, \
                or by a large one that nothing confirms";
    let at = case.marks.request;
    inside.joined.ambiguous.then(|| clue(Kind::LogAmbiguous, at, text.to_owned())).into_iter().collect()
}

/// What the log says, moment by moment: context, as the clues tell what it means.
fn told(cycle: &Cycle, clock: &Clock) -> Vec<Clue> {
    let line = |(at, text)| clue(Kind::LogTold, clock.boot_ns(at), text);
    cycle.told().into_iter().map(line).collect()
}

/// The log covers the attempt and holds no request: Windows never acted.
fn silence(case: &Case<'_>, inside: &Inside<'_>, clock: &Clock) -> Option<Clue> {
    let heard = case.heard()?;
    let margin = delta(clock.uncertainty + 1.0);
    let (from, to) = (clock.guest(case.marks.request) - margin, clock.guest(case.guests_end()) + margin);
    let refused = inside.machine.refusals.iter().find(|at| (from..=to).contains(at));
    if let Some(at) = refused {
        let text = "Windows refused a shutdown to the user who asked for it (1073)".to_owned();
        return Some(clue(Kind::LogRefused, clock.boot_ns(*at), text));
    }
    let asked = |cycle: &Cycle| {
        let (first, last) = cycle.span();
        !cycle.is_bare() && first <= to && last >= from
    };
    let silent = inside.machine.covers(from, to) && !inside.machine.cycles.iter().any(asked);
    let lasted = case.guests_end().saturating_sub(heard) >= limits::IDLE;
    let text =
        "Windows' event log covers this time and holds no request to shut down (1074): it never acted on it";
    (silent && lasted && case.marks.s5.is_none())
        .then(|| clue(Kind::LogSilent, case.guests_end(), text.to_owned()))
}

/// How the guest itself says that it ended.
fn ended(cycle: &Cycle, clock: &Clock) -> Vec<Clue> {
    let mut clues = Vec::new();
    if let Some(code) = &cycle.bugcheck {
        let at = clock.boot_ns(cycle.last_seen().unwrap_or(cycle.span().0));
        clues.push(clue(Kind::LogBugCheck, at, format!("Windows had stopped with bug check {code}")));
    }
    if let Some(sleep) = cycle.slept {
        let text = "Windows went to sleep instead of shutting down (42)".to_owned();
        clues.push(clue(Kind::LogSlept, clock.boot_ns(sleep.at), text));
    }
    clues
}

/// Windows did act; and whether somebody had to answer first.
fn acted(case: &Case<'_>, cycle: &Cycle, clock: &Clock) -> Vec<Clue> {
    let Some(first) = cycle.requests.first() else { return Vec::new() };
    let at = clock.boot_ns(first.at);
    let waited = phases::seconds(at.saturating_sub(case.marks.request));
    let mut clues = vec![clue(Kind::LogActed, at, "Windows acted on a request to shut down".to_owned())];
    let gap = cycle.tracker();
    if let Some(gap) = gap.filter(|gap| waited - clock.uncertainty >= ANSWERED || *gap >= ANSWERED) {
        let text = format!(
            "a reason was picked in the Shutdown Event Tracker {waited:.0} s after the request, and Windows ended \
             the session {gap:.0} s after that"
        );
        clues.push(clue(Kind::LogTracker, at, text));
    }
    clues
}

/// Where the guest's time went, where it is most of a shutdown that was slow or cut off.
fn slow(case: &Case<'_>, cycle: &Cycle, clock: &Clock) -> Option<Clue> {
    if case.verdict == Verdict::Clean {
        return None;
    }
    let (name, length) = longest(case, cycle, clock)?;
    let whole = phases::seconds(case.guests_end().saturating_sub(case.marks.request));
    if length < phases::seconds(limits::LONG) || length < 0.5 * whole {
        return None;
    }
    let at = clock.boot_ns(cycle.span().1);
    let who = cycle.holders();
    Some(match name {
        GuestPhaseName::Sessions => {
            let text = format!("Windows spent {length:.1} s on applications and log-off{who}");
            clue(Kind::LogSessionsLong, at, text)
        }
        GuestPhaseName::Preshutdown if cycle.updates => {
            let text =
                format!("Windows spent {length:.1} s in pre-shutdown services, with updates to install{who}");
            clue(Kind::LogUpdated, at, text)
        }
        GuestPhaseName::Preshutdown => {
            let text = format!("Windows spent {length:.1} s in pre-shutdown services{who}");
            clue(Kind::LogPreshutdownLong, at, text)
        }
        GuestPhaseName::Services => {
            clue(Kind::LogServicesLong, at, format!("Windows spent {length:.1} s on stopping services{who}"))
        }
        GuestPhaseName::Kernel => clue(
            Kind::LogKernelLong,
            at,
            format!("Windows spent {length:.1} s in its kernel and drivers{who}"),
        ),
    })
}

/// The longest phase; of a guest that was cut off, the one that it did not come to the end of may be.
fn longest(case: &Case<'_>, cycle: &Cycle, clock: &Clock) -> Option<(GuestPhaseName, f64)> {
    let ended = cycle.longest();
    let cut =
        matches!(case.end.outcome, Outcome::Hard | Outcome::Pending | Outcome::Ignored | Outcome::Crashed);
    let open = cycle.unfinished().filter(|_| cut).map(|(name, since)| {
        let until = case.guests_end();
        (name, phases::seconds(until.saturating_sub(clock.boot_ns(since))))
    });
    ended.into_iter().chain(open).max_by(|a, b| a.1.total_cmp(&b.1))
}
