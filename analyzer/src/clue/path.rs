//! Clues of the path: how far the request got, and how the attempt ended.

use softoff_journal::record::Sign;

use super::{Case, Clue, Kind};
use crate::classify::healthy_would_be_off;
use crate::episode::{Outcome, Path, PhaseName, Source, Verdict};
use crate::limits;
use crate::marks;
use crate::outcome::Ender;
use crate::phases::seconds;

/// An SCI that is not acknowledged for so long was not: a guest that runs takes milliseconds.
const UNACKNOWLEDGED: u64 = 2_000_000_000;

/// Guest resets within this time are a row of them.
const ROW_OF_RESETS: u64 = 600_000_000_000;

/// Resets that follow each other within this time are one restart.
const ONE_RESTART: u64 = 1_000_000_000;

pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    let mut clues = Vec::new();
    if case.path == Path::Acpi && case.sight.s5 {
        clues.extend(press(case));
        clues.extend(acknowledgement(case));
    }
    clues.extend(second_press(case));
    clues.extend(not_windows(case));
    clues.extend(sleep(case));
    clues.extend(resets(case));
    clues.extend(ender(case));
    clues.extend(long_phase(case));
    clues
}

/// Whether the press found its button.
fn press(case: &Case<'_>) -> Option<Clue> {
    let buttons: Vec<(u64, Option<bool>)> = case
        .attempt
        .signs()
        .filter_map(|(fact, sign)| match sign {
            Sign::PowerButton { enabled } => Some((fact.boot_ns, *enabled)),
            _ => None,
        })
        .collect();
    let Some((first, Some(false))) = buttons.first().copied() else {
        return if buttons.is_empty() { no_button(case) } else { None };
    };
    if buttons.iter().all(|(_, enabled)| *enabled == Some(false)) {
        return Some(Clue::fact(Kind::ButtonOff, first));
    }
    Some(Clue::fact(Kind::ButtonArmedLate, first))
}

/// QEMU announced the press, and no PM1 block took it.
fn no_button(case: &Case<'_>) -> Option<Clue> {
    let announced = case.first(|sign| matches!(sign, Sign::Powerdown))?;
    let found = &case.run.watched.as_ref()?.1;
    let blind = found.missing.iter().any(|missing| missing.name == "acpi_pm1_evt_power_down");
    let text = "no power button took the press: the machine has none, or its ACPI is off".to_owned();
    let seen = marks::reached_guest(case.attempt);
    (!blind && !seen).then(|| Clue::new(Kind::NoButton, announced, Source::Probe, text))
}

fn acknowledgement(case: &Case<'_>) -> Vec<Clue> {
    let end = case.guests_end();
    match (case.marks.sci, case.marks.acknowledged) {
        (Some(sci), None) if end.saturating_sub(sci) >= UNACKNOWLEDGED => {
            let text = format!("no acknowledgement for {:.1} s", seconds(end - sci));
            vec![Clue::new(Kind::Unacknowledged, end, Source::Probe, text)]
        }
        (_, Some(acknowledged)) if is_still_waited_for(case) => waited(case, acknowledged, end),
        _ => Vec::new(),
    }
}

/// The guest did not do what it was asked for.
fn is_still_waited_for(case: &Case<'_>) -> bool {
    matches!(case.end.outcome, Outcome::Hard | Outcome::Pending | Outcome::Ignored | Outcome::Rebooted)
        && case.marks.s5.is_none()
        && !matches!(case.end.by, Ender::Stranger(..) | Ender::OomKiller)
}

fn waited(case: &Case<'_>, acknowledged: u64, end: u64) -> Vec<Clue> {
    let mut clues = vec![Clue::fact(Kind::Acknowledged, acknowledged)];
    let waited = seconds(end.saturating_sub(acknowledged));
    let over = healthy_would_be_off(waited);
    let text = format!(
        "{waited:.0} s after the acknowledgement the guest was still on, when {:.0} % of healthy guests are off",
        over * 100.0
    );
    clues.push(Clue {
        strength: (over / (1.0 - over)).ln(),
        ..Clue::new(Kind::Waited, end, Source::Probe, text)
    });
    let presses = case.presses();
    let again = presses.iter().find(|press| press.saturating_sub(presses[0]) >= limits::IDLE);
    if let Some(again) = again.filter(|again| acknowledged_after(case, **again)) {
        let text = "another press was acknowledged, and nothing followed".to_owned();
        clues.push(Clue::new(Kind::PressedAgain, *again, Source::Probe, text));
    }
    clues
}

fn acknowledged_after(case: &Case<'_>, press: u64) -> bool {
    case.attempt.facts.iter().any(|fact| fact.boot_ns >= press && marks::is_acknowledgement(fact))
}

/// Nothing came of a press that was acknowledged; then a later one worked at once.
fn second_press(case: &Case<'_>) -> Option<Clue> {
    let (acknowledged, s5) = (case.marks.acknowledged?, case.marks.s5?);
    let last = case.presses().into_iter().rfind(|press| *press > acknowledged && *press < s5)?;
    let (waited, worked) = (last - acknowledged, s5 - last);
    let idle =
        case.totals(acknowledged, last).is_none_or(|totals| totals.busy_seconds < 0.2 * totals.seconds);
    let text = format!(
        "nothing came of the first press for {:.0} s; after another the guest was off in {:.1} s",
        seconds(waited),
        seconds(worked)
    );
    (waited >= limits::IDLE && worked < waited && idle)
        .then(|| Clue::new(Kind::SecondPressWorked, last, Source::Probe, text))
}

fn not_windows(case: &Case<'_>) -> Option<Clue> {
    let os = case.run.os.as_deref()?;
    let text = format!("the guest is no Windows ({os})");
    (!os.contains("microsoft.com"))
        .then(|| Clue::new(Kind::NotWindows, case.marks.request, Source::Hook, text))
}

fn sleep(case: &Case<'_>) -> Option<Clue> {
    let asleep = case.first(|sign| matches!(sign, Sign::SuspendRequest | Sign::SuspendDisk));
    asleep.filter(|_| case.end.outcome == Outcome::Slept).map(|at| Clue::fact(Kind::Slept, at))
}

/// Restarts: one in answer to the request, or a row of them that nobody asked for.
fn resets(case: &Case<'_>) -> Vec<Clue> {
    let mut clues = Vec::new();
    let answered = case.end.outcome == Outcome::Rebooted && case.verdict == Verdict::Failed;
    if let Some(at) = case.first(is_guest_reset).filter(|_| answered && case.end.by == Ender::Guest) {
        clues.push(Clue::fact(Kind::Restarted, at));
    }
    let row = restarts(case);
    if let (2.., Some(last)) = (row.len(), row.last()) {
        let text = format!("the guest restarted {} times in {:.0} s", row.len(), seconds(last - row[0]));
        clues.push(Clue::new(Kind::Resets, *last, Source::Probe, text));
        clues.extend(work_between_restarts(case, &row));
    }
    clues
}

/// The guest's restarts of late. Firmware may reset the machine some times more within one of them.
fn restarts(case: &Case<'_>) -> Vec<u64> {
    let resets = case.recent(ROW_OF_RESETS).filter(|fact| fact.sign().is_some_and(is_guest_reset));
    let mut row: Vec<u64> = Vec::new();
    for fact in resets {
        if row.last().is_none_or(|last| fact.boot_ns - last > ONE_RESTART) {
            row.push(fact.boot_ns);
        }
    }
    row
}

fn is_guest_reset(sign: &Sign) -> bool {
    matches!(sign, Sign::ResetRequest { cause } if cause == "guest-reset")
}

/// That nothing was done between restarts is known only where a whole life between two was measured.
fn work_between_restarts(case: &Case<'_>, row: &[u64]) -> Option<Clue> {
    let (from, at) = (case.marks.request, *row.last()?);
    let totals = case.totals(from, case.guests_end())?;
    let whole_lives = row.iter().filter(|restart| **restart > from).count();
    let bytes = totals.read_bytes + totals.write_bytes;
    let (kind, text) = match bytes {
        0 if whole_lives >= 2 => {
            (Kind::ResetsBare, "between its restarts the guest never touched its disks".to_owned())
        }
        1_048_576.. => {
            (Kind::ResetsWithWork, format!("between its restarts the guest moved {} MiB", bytes >> 20))
        }
        _ => return None,
    };
    Some(Clue::new(kind, at, Source::Probe, text))
}

fn ender(case: &Case<'_>) -> Option<Clue> {
    let at = case.marks.told.or(case.marks.gone).unwrap_or(case.until);
    let kind = match (case.end.outcome, &case.end.by) {
        (Outcome::Crashed, Ender::Guest) => return panicked(case),
        (Outcome::Crashed, Ender::Qemu) => Kind::QemuCrashed,
        (Outcome::Crashed, _) => Kind::Vanished,
        (_, Ender::Stranger(..)) => Kind::Signalled,
        (_, Ender::OomKiller) => Kind::OomKilled,
        (_, Ender::Console) => Kind::Console,
        (Outcome::Hard, Ender::Libvirt) if asked(case) => return None,
        (Outcome::Hard, Ender::Libvirt) if case.sight.earlier_presses => Kind::DestroyUnasked,
        (Outcome::Hard, Ender::Libvirt) => Kind::DestroyUnseen,
        _ => return None,
    };
    let at = if kind == Kind::QemuCrashed { case.marks.gone.unwrap_or(at) } else { at };
    Some(Clue::fact(kind, at))
}

fn asked(case: &Case<'_>) -> bool {
    matches!(case.path, Path::Acpi | Path::Agent)
}

fn panicked(case: &Case<'_>) -> Option<Clue> {
    let at = case.first(|sign| matches!(sign, Sign::GuestPanicked));
    Some(Clue::fact(Kind::Panicked, at.or(case.marks.told).unwrap_or(case.until)))
}

/// The phase that took most of the time, where it took long.
fn long_phase(case: &Case<'_>) -> Option<Clue> {
    if case.verdict != Verdict::Slow || case.end.outcome != Outcome::Soft {
        return None;
    }
    let mut from = case.marks.request;
    let whole = case.until.saturating_sub(from);
    for (name, at) in case.marks.ends() {
        let Some(at) = at else { continue };
        let length = at - std::mem::replace(&mut from, at);
        if length >= limits::LONG && length * 2 >= whole {
            let kind = match name {
                // Before the press there is libvirt, which has clues of its own.
                PhaseName::Deliver => return None,
                PhaseName::Notice => Kind::NoticeLong,
                PhaseName::Guest => Kind::GuestLong,
                PhaseName::Poweroff => Kind::PoweroffLong,
                PhaseName::Teardown => Kind::TeardownLong,
                PhaseName::Release => Kind::ReleaseLong,
            };
            let text =
                format!("{:.1} of {:.1} s went by in {}", seconds(length), seconds(whole), name.as_str());
            return Some(Clue::new(kind, at, Source::Probe, text));
        }
    }
    None
}
