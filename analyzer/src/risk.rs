//! Risk: what a hard stop may have cost the guest.

use crate::clue::{Case, Clue, Kind};
use crate::episode::{Outcome, Risk, RiskLevel};
use crate::limits;
use crate::phases::seconds;

/// What was unflushed, in flight and being written when a guest was cut off or crashed; none where it
/// was not.
pub fn risk(case: &Case<'_>, clues: &[Clue]) -> Option<Risk> {
    if !matches!(case.end.outcome, Outcome::Hard | Outcome::Crashed) && !case.was_cut_in_flush() {
        return None;
    }
    let told = case.marks.told.filter(|_| !case.was_cut_in_flush());
    let stopped = told.or(case.marks.gone).unwrap_or(case.until);
    let opened = case.run.activity.opened_for(case.marks.request, stopped).map(|(opened, _)| opened);
    let whole = case.totals(case.marks.request, stopped);
    let last = case.totals(stopped.saturating_sub(limits::LAST).max(case.marks.request), stopped);
    let (Some(opened), Some(whole), Some(last)) = (opened, whole, last) else {
        return Some(or_by_its_screen(unmeasured(), clues));
    };
    if !whole.disks || !case.sight.intact {
        return Some(or_by_its_screen(unmeasured(), clues));
    }
    let written_last = last.write_bytes;
    let updating = clues.iter().any(|clue| clue.kind == Kind::SustainedWrites);
    let crashed = case.end.outcome == Outcome::Crashed;
    let level = match (updating || written_last > 0 || whole.inflight > 0, whole.unflushed_bytes) {
        (true, _) if updating || whole.unflushed_bytes > 0 || whole.inflight > 0 => RiskLevel::High,
        (true, _) | (false, 1..) => RiskLevel::Medium,
        (false, 0) if crashed => RiskLevel::Medium,
        (false, 0) => RiskLevel::Low,
    };
    let measured = Risk {
        level,
        unflushed_bytes: Some(whole.unflushed_bytes),
        inflight_requests: Some(whole.inflight),
        writes_after_request: Some(whole.writes),
        text: text(level, updating, seconds(opened.saturating_sub(case.marks.request))),
    };
    Some(or_by_its_screen(measured, clues))
}

/// A guest whose screen spoke of updates is at high risk, whatever was measured: half an update may lie
/// flushed on its disk. Where it did nothing for long, the screen may have lied; that is not certain either.
fn or_by_its_screen(measured: Risk, clues: &[Clue]) -> Risk {
    let spoke = |clue: &Clue| {
        matches!(
            clue.kind,
            Kind::ScreenUpdating
                | Kind::ScreenUpdatingCutOff
                | Kind::ScreenRollingBack
                | Kind::ScreenModulesInstaller
        )
    };
    let contradicted = clues.iter().any(|clue| clue.kind == Kind::ScreenContradicted);
    let level = if contradicted { RiskLevel::Medium } else { RiskLevel::High };
    if measured.level == RiskLevel::High || !clues.iter().any(spoke) {
        return measured;
    }
    let text = format!(
        "Its screen said that updates were being worked on: an update may be half done, and the guest may not start. Check its \
         update state before it is used again. {}",
        measured.text
    );
    Risk { level, text, ..measured }
}

fn text(level: RiskLevel, updating: bool, blind: f64) -> String {
    let what = match level {
        RiskLevel::High if updating => {
            "The guest was writing all the time, as an update does: what it was changing may be half done. Check the \
             guest's file system and its update state before it is used again."
        }
        RiskLevel::High => {
            "The guest had not made all its writes durable when it was cut off. Its file system may be dirty: \
             check it after the next start."
        }
        RiskLevel::Medium => {
            "The guest had written shortly before, had not flushed all of it, or crashed. Its file system may be dirty."
        }
        RiskLevel::Low | RiskLevel::Unknown => {
            "Since the request nothing that the guest wrote through QEMU was left unflushed or in flight. What it had written \
             before was not measured; what its applications and its page cache held in memory is lost."
        }
    };
    if blind < 0.5 { what.to_owned() } else { format!("{what} The first {blind:.1} s were not measured.") }
}

/// The risk of a hard stop where the guest's disk activity was not measured.
pub fn unmeasured() -> Risk {
    Risk {
        level: RiskLevel::Unknown,
        unflushed_bytes: None,
        inflight_requests: None,
        writes_after_request: None,
        text: "The guest's disk activity before the stop was not measured. What it had not flushed is lost; a Windows \
               guest may find NTFS dirty or an update half done: check it after the next start."
            .to_owned(),
    }
}
