//! Clues of the host's side: disks that do not complete, CPUs that are not given, a VM that is paused.

use softoff_journal::record::Sign;

use super::{Case, Clue, Kind};
use crate::activity::Totals;
use crate::episode::{Source, Verdict};
use crate::limits;
use crate::phases::seconds;

/// A mean time per request from which on storage is slow, in seconds: ten times that of a busy disk.
const SLOW_REQUEST: f64 = 0.25;
/// The share of time in which a guest must have waited for the host for that to explain anything.
const SHARE: f64 = 0.3;
/// The share of wanted CPU time that was not given, and that of time in which a quota was used up. A
/// host with a few VMs for each CPU comes near neither.
const STARVED: f64 = 0.75;
const THROTTLED: f64 = 0.5;

/// CPU seconds in which any guest acknowledges that can.
const ENOUGH_TO_ACKNOWLEDGE: f64 = 0.5;

pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    let mut clues = Vec::new();
    let end = case.guests_end();
    let totals = case.totals(case.marks.request, end);
    if let Some(totals) = totals.filter(|_| case.guest_had_time()) {
        clues.extend(storage(&totals, end));
        clues.extend(cpu(case, &totals, end));
    }
    clues.extend(last_flush(case));
    clues.extend(state(case));
    clues
}

fn storage(totals: &Totals, at: u64) -> Option<Clue> {
    if !totals.disks {
        return None;
    }
    let stalled =
        totals.longest_stall >= seconds(limits::LONG) && totals.stalled_seconds >= SHARE * totals.seconds;
    if stalled {
        let text =
            format!("a disk had requests in flight and completed none for {:.1} s", totals.longest_stall);
        return Some(Clue::new(Kind::StorageStalled, at, Source::Probe, text));
    }
    let latency = totals.latency().filter(|latency| *latency >= SLOW_REQUEST)?;
    let text = format!("a request took {latency:.1} s on average, of {} requests", totals.requests);
    let waited = totals.inflight_seconds >= 2.0 * SHARE * totals.seconds && totals.requests >= 3;
    waited.then(|| Clue::new(Kind::StorageSlow, at, Source::Probe, text))
}

/// A guest acknowledges within milliseconds of CPU time: one that had more and did not, was not starved.
fn cpu(case: &Case<'_>, totals: &Totals, at: u64) -> Option<Clue> {
    if !totals.cpus || (case.heard().is_none() && totals.run >= ENOUGH_TO_ACKNOWLEDGE) {
        return None;
    }
    let wanted = totals.run + totals.wait;
    let starved = totals.wait >= SHARE * totals.seconds && totals.wait >= STARVED * wanted;
    let throttled = totals.throttled >= THROTTLED * totals.seconds;
    if !starved && !throttled {
        return None;
    }
    let text = if throttled {
        format!("QEMU's CPU quota was used up in {:.1} of {:.1} s", totals.throttled, totals.seconds)
    } else {
        format!("the vCPUs waited {:.1} s for a CPU and ran {:.1} s", totals.wait, totals.run)
    };
    Some(Clue::new(Kind::Starved, at, Source::Proc, text))
}

/// What the disks did after S5, while QEMU drained and flushed them.
fn last_flush(case: &Case<'_>) -> Option<Clue> {
    let (s5, end) = (case.marks.s5?, case.marks.told.or(case.marks.gone)?.max(case.marks.s5?));
    let end = if case.never_flushed() { case.marks.gone.unwrap_or(end) } else { end };
    let totals =
        case.totals(s5, end).filter(|_| case.verdict == Verdict::Slow && end - s5 >= limits::LONG)?;
    storage(&totals, end)
}

/// The state of the VM while it was waited for.
fn state(case: &Case<'_>) -> Option<Clue> {
    let (from, to) = (case.marks.request, case.guests_end());
    let states = States::of(case);
    if states.at(from) == Some("suspended") {
        let text = "the guest was asleep (S3) when it was asked".to_owned();
        return Some(Clue::new(Kind::Asleep, from, Source::Probe, text));
    }
    let paused = states.seconds_in(&["paused", "io-error", "watchdog", "internal-error"], from, to);
    let for_an_error = states.seconds_in(&["io-error"], from, to);
    let whole = seconds(to.saturating_sub(from));
    let was = states.at(from).is_some_and(|state| state == "paused" || state == "io-error");
    let mostly = paused >= 0.5 * whole && (was || whole >= 1.0);
    if !mostly {
        return stopped(case, from, to);
    }
    let (kind, why) =
        if for_an_error > 0.0 { (Kind::IoError, " for an I/O error") } else { (Kind::PausedMost, "") };
    let text = format!("the VM was paused{why} for {paused:.1} of {whole:.1} s");
    Some(Clue::new(kind, from, Source::Probe, text))
}

/// Not the VM but QEMU itself: SIGSTOP, a debugger or a freezer.
fn stopped(case: &Case<'_>, from: u64, to: u64) -> Option<Clue> {
    let totals = case.totals(from, to)?;
    let text = format!("the QEMU process was stopped for {:.1} of {:.1} s", totals.stopped, totals.seconds);
    let mostly = totals.stopped >= SHARE * totals.seconds && totals.stopped >= 1.0;
    mostly.then(|| Clue::new(Kind::QemuStopped, to, Source::Proc, text))
}

/// QEMU's run states over time.
struct States<'a>(Vec<(u64, &'a str)>);

impl<'a> States<'a> {
    fn of(case: &Case<'a>) -> Self {
        let found = case.run.sightings.iter();
        let found =
            found.filter_map(|sighting| Some((sighting.at, in_qemus_words(sighting.state.as_deref()?))));
        let facts = case.attempt.before().iter().chain(&case.attempt.facts);
        let changes = facts.filter_map(|fact| match fact.sign()? {
            Sign::RunState { state } => Some((fact.boot_ns, state.as_str())),
            // Without a probe on the run state.
            Sign::Resume => Some((fact.boot_ns, "running")),
            _ => None,
        });
        let mut states: Vec<(u64, &str)> = found.chain(changes).collect();
        states.sort_by_key(|(at, _)| *at);
        Self(states)
    }

    fn at(&self, at: u64) -> Option<&'a str> {
        self.0.iter().rfind(|(since, _)| *since <= at).map(|(_, state)| *state)
    }

    fn seconds_in(&self, wanted: &[&str], from: u64, to: u64) -> f64 {
        let ends = self.0.iter().skip(1).map(|(at, _)| *at).chain([u64::MAX]);
        let spans = self.0.iter().zip(ends).filter(|((_, state), _)| wanted.contains(state));
        spans.map(|((begin, _), end)| seconds(end.min(to).saturating_sub((*begin).max(from)))).sum()
    }
}

/// libvirt's word for a domain's state in QEMU's words.
fn in_qemus_words(state: &str) -> &str {
    if state == "pmsuspended" { "suspended" } else { state }
}
