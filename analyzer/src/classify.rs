//! Classification: why an attempt was slow or failed, as far as its path alone tells.
//!
//! A cause is named only where a fact decides it. Where none does, the answer is `none` with
//! confidence 0 ("unknown"), and the candidates say what it may be.

use softoff_journal::record::Sign;

use crate::attempt::Attempt;
use crate::cause::Cause;
use crate::episode::{Candidate, CauseFinding, Outcome, Path, Verdict};
use crate::marks::Marks;
use crate::outcome::{End, Ender};
use crate::phases::seconds;
use crate::sight::Sight;

/// All that classification looks at.
#[derive(Debug)]
pub struct Case<'a> {
    /// The attempt.
    pub attempt: &'a Attempt<'a>,
    /// Its marks.
    pub marks: &'a Marks,
    /// How it ended.
    pub end: &'a End,
    /// Which way the request took.
    pub path: Path,
    /// How it is judged.
    pub verdict: Verdict,
    /// What could have been seen.
    pub sight: &'a Sight,
    /// Guest system, where known.
    pub os: Option<&'a str>,
    /// Boot clock up to which the attempt is known.
    pub until: u64,
}

/// The cause and all candidates, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The cause.
    pub cause: CauseFinding,
    /// What else it may be, the cause first where there is one.
    pub candidates: Vec<Candidate>,
}

/// Names the cause.
pub fn classify(case: &Case<'_>) -> Finding {
    match case.end.outcome {
        Outcome::Saved | Outcome::Migrated => nothing_to_explain(0.95),
        Outcome::Soft => soft(case),
        Outcome::Pending => pending(case),
        Outcome::Ignored => asked(case),
        Outcome::Slept if case.path == Path::Acpi => certain(Cause::GuestSleep, 0.97),
        Outcome::Slept => nothing_to_explain(0.9),
        Outcome::Rebooted => rebooted(case),
        Outcome::Crashed => crashed(case),
        Outcome::Hard => hard(case),
    }
}

fn soft(case: &Case<'_>) -> Finding {
    match (case.verdict, &case.end.by) {
        (Verdict::Slow, _) => unknown(&[]),
        (_, Ender::Guest) => nothing_to_explain(0.99),
        // Only libvirt's word, which is the same after a kill from outside.
        _ => nothing_to_explain(0.6),
    }
}

fn pending(case: &Case<'_>) -> Finding {
    if case.path == Path::Acpi { asked(case) } else { unknown(&[]) }
}

fn rebooted(case: &Case<'_>) -> Finding {
    match case.verdict {
        Verdict::Clean | Verdict::Slow => nothing_to_explain(0.95),
        Verdict::Failed if case.end.by == Ender::Guest => certain(Cause::GuestRebooted, 0.95),
        Verdict::Failed => asked(case),
    }
}

fn crashed(case: &Case<'_>) -> Finding {
    match case.end.by {
        Ender::Guest => certain(Cause::GuestCrashed, 0.95),
        Ender::Qemu => certain(Cause::HostQemuCrash, 0.95),
        _ => unknown(&[(Cause::HostQemuCrash, 0.45), (Cause::HostKilled, 0.45)]),
    }
}

fn hard(case: &Case<'_>) -> Finding {
    match &case.end.by {
        Ender::Stranger(..) => certain(Cause::HostKilled, 0.97),
        Ender::Console => certain(Cause::HostKilled, 0.9),
        Ender::Libvirt if case.path == Path::Acpi => asked(case),
        Ender::Libvirt if case.sight.earlier_presses => certain(Cause::OperatorDestroy, 0.9),
        Ender::Libvirt => unknown(&[
            (Cause::OperatorDestroy, 0.4),
            (Cause::GuestIgnored, 0.2),
            (Cause::GuestNotListening, 0.1),
        ]),
        _ => unknown(&[(Cause::HostKilled, 0.4), (Cause::OperatorDestroy, 0.3), (Cause::HostQemuCrash, 0.1)]),
    }
}

/// The button was pressed and the guest did not power off: how far did the press get?
fn asked(case: &Case<'_>) -> Finding {
    if !case.sight.s5 {
        return unknown(&[
            (Cause::GuestIgnored, 0.4),
            (Cause::GuestNotListening, 0.2),
            (Cause::GuestHung, 0.1),
        ]);
    }
    if case.marks.acknowledged.is_some() {
        return ignored(case);
    }
    if press_was_lost(case.attempt) {
        return certain(Cause::GuestNotListening, 0.97);
    }
    unknown(&[(Cause::GuestHung, 0.4), (Cause::HostPaused, 0.2), (Cause::HostCpu, 0.2)])
}

/// Every press found PWRBTN_EN clear, so QEMU dropped it.
fn press_was_lost(attempt: &Attempt<'_>) -> bool {
    let mut presses = attempt.signs().filter_map(|(_, sign)| match sign {
        Sign::PowerButton { enabled } => Some(*enabled),
        _ => None,
    });
    let first = presses.next();
    first == Some(Some(false)) && presses.all(|enabled| enabled == Some(false))
}

/// Acknowledged, then nothing. How sure that is depends on how long was waited; what it is, the
/// path does not tell.
fn ignored(case: &Case<'_>) -> Finding {
    let acknowledged = case.marks.acknowledged.unwrap_or(case.until);
    let stopped = case.marks.told.unwrap_or(case.until);
    let confidence = healthy_would_be_off(seconds(stopped.saturating_sub(acknowledged)));
    let mut candidates = vec![Candidate { code: Cause::GuestIgnored, confidence }];
    candidates.extend(
        behind_ignored(case).into_iter().map(|code| Candidate { code, confidence: confidence / 8.0 }),
    );
    Finding { cause: finding(Cause::GuestIgnored, confidence), candidates }
}

/// What looks like this from outside. Another press that is acknowledged too rules out a display
/// that only had to wake; a guest that is no Windows has none of the Windows policies.
fn behind_ignored(case: &Case<'_>) -> Vec<Cause> {
    let windows = case.os.is_none_or(|os| os.contains("microsoft.com"));
    let pressed_again = crate::outcome::presses(case.attempt) > 1;
    let mut causes = vec![Cause::GuestButtonDisabled, Cause::GuestAppBlocked];
    if windows {
        causes.extend([Cause::GuestLogonRequired, Cause::GuestShutdownTracker]);
    }
    if windows && !pressed_again {
        causes.push(Cause::GuestDisplayAsleep);
    }
    causes
}

/// The share of healthy shutdowns that are over after `waited` seconds, from 51 complete cycles in
/// public Windows event logs (shortest 0.6 s, median 4.9 s, p90 21.1 s, p95 48.0 s, longest 49.2 s).
pub fn healthy_would_be_off(waited: f64) -> f64 {
    const CURVE: [(f64, f64); 5] = [(0.6, 0.05), (4.9, 0.5), (21.1, 0.9), (48.0, 0.95), (49.2, 0.97)];
    let mut before = (0.0, 0.05);
    for point in CURVE {
        if waited < point.0 {
            let part = ((waited - before.0) / (point.0 - before.0)).clamp(0.0, 1.0);
            return before.1 + part * (point.1 - before.1);
        }
        before = point;
    }
    before.1
}

fn certain(code: Cause, confidence: f64) -> Finding {
    Finding { cause: finding(code, confidence), candidates: vec![Candidate { code, confidence }] }
}

fn nothing_to_explain(confidence: f64) -> Finding {
    certain(Cause::None, confidence)
}

fn unknown(candidates: &[(Cause, f64)]) -> Finding {
    let candidates = candidates.iter().map(|&(code, confidence)| Candidate { code, confidence }).collect();
    Finding { cause: finding(Cause::None, 0.0), candidates }
}

fn finding(code: Cause, confidence: f64) -> CauseFinding {
    CauseFinding { code, confidence, scenario: code.scenario() }
}
