//! Clues of the path: how far the request got, and how the attempt ended.

use softoff_journal::record::{LibvirtCall, Sign};

use super::{Case, Clue, Kind};
use crate::attempt;
use crate::classify::healthy_would_be_off;
use crate::episode::{Outcome, Path, PhaseName, Source, Verdict};
use crate::last_words;
use crate::limits;
use crate::marks;
use crate::outcome::Ender;
use crate::phases::seconds;
use crate::run::Fact;
use crate::sight::lacks;

/// Guest resets within this time are a row of them.
const ROW_OF_RESETS: u64 = 600_000_000_000;

/// The last restart of a row is at most this long before the request: a guest that has run since is up.
const LATELY: u64 = 30_000_000_000;

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
    // Other machines have their power button elsewhere.
    let is_x86 = ["x86_64", "i386", "qemu-kvm", "/kvm"].iter().any(|name| found.executable.contains(name));
    let blind = lacks(found, "acpi_pm1_evt_power_down") || !is_x86 || case.marks.s5.is_some();
    let text = "no PM1 block took the press: the machine has none, or its ACPI is off".to_owned();
    let seen = marks::reached_guest(case.attempt);
    (!blind && !seen).then(|| Clue::new(Kind::NoButton, announced, Source::Probe, text))
}

fn acknowledgement(case: &Case<'_>) -> Vec<Clue> {
    let end = case.guests_end();
    match (case.marks.sci, case.marks.acknowledged) {
        (Some(sci), None)
            if case.sight.acknowledgement && end.saturating_sub(sci) >= limits::UNACKNOWLEDGED =>
        {
            let text = format!("no acknowledgement for {:.1} s", seconds(end - sci));
            vec![Clue::new(Kind::Unacknowledged, end, Source::Probe, text)]
        }
        (_, Some(acknowledged)) if is_still_waited_for(case) => waited(case, acknowledged, end),
        _ => Vec::new(),
    }
}

/// The guest did not do what it was asked for.
fn is_still_waited_for(case: &Case<'_>) -> bool {
    matches!(case.end.outcome, Outcome::Hard | Outcome::Pending | Outcome::Ignored)
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

/// Nothing came of a press that was acknowledged; then the one after it worked at once. Where somebody
/// presses again and again, the last press is only the last.
fn second_press(case: &Case<'_>) -> Option<Clue> {
    let (acknowledged, s5) = (case.marks.acknowledged?, case.marks.s5?);
    let later: Vec<u64> = case
        .presses()
        .into_iter()
        .filter(|press| *press > acknowledged.saturating_add(limits::IDLE) && *press < s5)
        .collect();
    let [second] = later[..] else { return None };
    let (waited, worked) = (second - acknowledged, s5 - second);
    let totals = case.totals(acknowledged, second).filter(|totals| totals.cpus)?;
    let idle = totals.busy_seconds < 0.2 * totals.seconds;
    let text = format!(
        "nothing came of the first press for {:.0} s, in which the guest was idle; after the second it was off in {:.1} s",
        seconds(waited),
        seconds(worked)
    );
    (worked * 4 < waited && idle && case.sight.s5)
        .then(|| Clue::new(Kind::SecondPressWorked, second, Source::Probe, text))
}

fn not_windows(case: &Case<'_>) -> Option<Clue> {
    if let Some(clue) = says_it_is_not(case) {
        return Some(clue);
    }
    let os = case.run.os.as_deref()?;
    // A guest that nobody described may be anything.
    if os.starts_with("http://libosinfo.org/") {
        return None;
    }
    let text = format!("the guest is no Windows ({os})");
    (!os.contains("microsoft.com"))
        .then(|| Clue::new(Kind::NotWindows, case.marks.request, Source::Hook, text))
}

/// The agent of a Windows guest calls it `mswindows`; all others have an id of their own.
fn says_it_is_not(case: &Case<'_>) -> Option<Clue> {
    let is_other =
        |fact: &&&Fact| fact.guest_os().and_then(|os| os.id.as_deref()).is_some_and(|id| id != "mswindows");
    let fact = case.attempt.facts.iter().find(is_other)?;
    Some(Clue::new(Kind::NotWindows, fact.boot_ns, Source::Agent, String::new()))
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
    let asked_for = case.recent(ROW_OF_RESETS).filter_map(|fact| fact.sign()).any(is_reboot_request);
    let lately = |last: &&u64| last.saturating_add(LATELY) >= case.marks.request;
    if let (2.., Some(last), false) = (row.len(), row.last().filter(lately), asked_for) {
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

fn is_reboot_request(sign: &Sign) -> bool {
    matches!(sign, Sign::LibvirtCall { call: LibvirtCall::Reboot | LibvirtCall::Reset, .. })
}

/// What was done between restarts is known only of those that were measured, after the request.
fn work_between_restarts(case: &Case<'_>, row: &[u64]) -> Option<Clue> {
    let within: Vec<u64> = row.iter().copied().filter(|restart| *restart > case.marks.request).collect();
    let (first, last) = (*within.first()?, *within.last()?);
    let from = if first == last { case.marks.request } else { first };
    let totals = case.totals(from, last).filter(|totals| totals.disks)?;
    let bytes = totals.bytes();
    // Firmware reads the boot sector each time.
    let (kind, text) = match bytes {
        0..=65_536 if first != last => {
            (Kind::ResetsBare, "between its restarts the guest did nothing with its disks".to_owned())
        }
        1_048_576.. => {
            (Kind::ResetsWithWork, format!("between its restarts the guest moved {} MiB", bytes >> 20))
        }
        _ => return None,
    };
    Some(Clue::new(kind, last, Source::Probe, text))
}

fn ender(case: &Case<'_>) -> Option<Clue> {
    let at = case.marks.told.or(case.marks.gone).unwrap_or(case.until);
    let kind = match (case.end.outcome, &case.end.by) {
        (Outcome::Crashed, Ender::Guest) => Kind::Panicked,
        (Outcome::Crashed, Ender::Qemu) => Kind::QemuCrashed,
        (Outcome::Crashed, _) => Kind::Vanished,
        (_, Ender::Stranger(..)) => Kind::Signalled,
        (_, Ender::OomKiller) => Kind::OomKilled,
        (_, Ender::Console) => Kind::Console,
        (Outcome::Hard, Ender::Libvirt) if asked(case) || was_asked_before(case) => return None,
        (Outcome::Hard, Ender::Libvirt) if case.sight.earlier_presses => Kind::DestroyUnasked,
        (Outcome::Hard, Ender::Libvirt) => Kind::DestroyUnseen,
        _ => return None,
    };
    let logged = last_words::decisive(case.attempt).map(|(fact, _)| fact.boot_ns);
    let at = match kind {
        Kind::QemuCrashed | Kind::Panicked if logged.is_some() => logged.unwrap_or(at),
        Kind::QemuCrashed => case.marks.gone.unwrap_or(at),
        Kind::OomKilled => case.first(|sign| matches!(sign, Sign::OomKill)).unwrap_or(at),
        Kind::Panicked => case.first(|sign| matches!(sign, Sign::GuestPanicked)).unwrap_or(at),
        _ => at,
    };
    Some(Clue::fact(kind, at))
}

fn asked(case: &Case<'_>) -> bool {
    matches!(case.path, Path::Acpi | Path::Agent)
}

/// The guest was asked not long before, and that attempt came to another end.
fn was_asked_before(case: &Case<'_>) -> bool {
    case.recent(limits::PATIENCE).filter_map(|fact| fact.sign()).any(attempt::is_soft_request)
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
                PhaseName::Poweroff if libvirt_was_late(case, length) => Kind::LibvirtLate,
                PhaseName::Poweroff => Kind::PoweroffLong,
                // It was told to end in the middle of its flush.
                PhaseName::Teardown if case.never_flushed() => Kind::PoweroffLong,
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

/// QEMU had long flushed its disks, and nobody ended it.
fn libvirt_was_late(case: &Case<'_>, poweroff: u64) -> bool {
    let flushed = case
        .attempt
        .signs()
        .find(|(fact, sign)| matches!(sign, Sign::VmStop { .. }) && Some(fact.boot_ns) >= case.marks.s5);
    let told = case.marks.told.unwrap_or(case.until);
    flushed.is_some_and(|(fact, _)| told.saturating_sub(fact.boot_ns) * 2 >= poweroff)
}
