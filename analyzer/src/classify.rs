//! Classification: why an attempt was slow or failed.
//!
//! ```text
//! clues ─▶ weights summed per cause ─▶ probabilities ─▶ one cause is more likely than all else: named
//!                                        │   (a silent one only where evidence from inside is for it)
//!                                        ├─▶ the silent ones together: guest.ignored, ranked
//!                                        └─▶ neither: none with confidence 0, which is "unknown"
//! ```
//!
//! A shutdown that went as it should has nothing to explain, whatever clues there are.

use crate::cause::Cause;
use crate::clue::{Case, Clue};
use crate::episode::{Candidate, CauseFinding, Outcome, Path, Verdict};
use crate::outcome::Ender;
use crate::weights::{PRIOR, SILENT, weight};

/// A cause is named where it is more likely than everything else together.
const NAMED: f64 = 0.5;

/// So much more evidence from inside must be for one silent cause than for another, in nats.
const TOLD_APART: f64 = 1.0;

/// Candidates below this probability are not worth a thought.
const WORTH_MENTIONING: f64 = 0.02;

/// No answer is surer than this: the weights themselves are judgements.
const SUREST: f64 = 0.99;

/// The cause and all candidates, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The cause.
    pub cause: CauseFinding,
    /// What else it may be, the cause first where there is one.
    pub candidates: Vec<Candidate>,
}

/// Names the cause.
pub fn classify(case: &Case<'_>, clues: &[Clue]) -> Finding {
    if let Some(confidence) = nothing_to_explain(case) {
        return named(Cause::None, confidence, Vec::new());
    }
    let ranked = ranked(clues);
    let best = ranked.first().copied().filter(|best| best.confidence >= NAMED);
    let silent =
        ranked.iter().filter(|candidate| SILENT.contains(&candidate.code)).map(|one| one.confidence).sum();
    match best {
        Some(best) if !SILENT.contains(&best.code) || ended_softly(case) || told_apart(best.code, clues) => {
            named(best.code, best.confidence, ranked)
        }
        _ if ignored(case) && silent > best_other(&ranked) => ignored_by(silent, ranked),
        _ => unknown(ranked),
    }
}

/// Whether evidence from inside the guest speaks for this silent cause more than for each other one. What
/// is seen from outside never tells them apart, however the odds fall.
fn told_apart(cause: Cause, clues: &[Clue]) -> bool {
    let inside = |cause: Cause| -> f64 {
        let clues = clues.iter().filter(|clue| clue.kind.is_from_inside());
        clues.map(|clue| clue.strength * weight(clue.kind, cause)).sum()
    };
    SILENT.iter().filter(|other| **other != cause).all(|other| inside(cause) >= inside(*other) + TOLD_APART)
}

/// How likely the likeliest cause is that is not one of the silent ones.
fn best_other(ranked: &[Candidate]) -> f64 {
    let other = ranked.iter().find(|candidate| !SILENT.contains(&candidate.code));
    other.map_or(0.0, |candidate| candidate.confidence)
}

/// How sure it is that the shutdown went as it should; none where it did not, or nobody knows.
fn nothing_to_explain(case: &Case<'_>) -> Option<f64> {
    match (case.end.outcome, case.verdict) {
        (Outcome::Pending, _) => None,
        (Outcome::Soft, Verdict::Clean) if case.end.by == Ender::Guest => Some(SUREST),
        (_, Verdict::Clean) => Some(0.95),
        _ => None,
    }
}

/// All causes by probability, without those that are out of the question.
fn ranked(clues: &[Clue]) -> Vec<Candidate> {
    let odds: Vec<(Cause, f64)> = Cause::ALL.iter().map(|cause| (*cause, odds(*cause, clues))).collect();
    // "Something else" has odds of one.
    let all = 1.0 + odds.iter().map(|(_, odds)| odds).sum::<f64>();
    let mut ranked: Vec<Candidate> = odds
        .into_iter()
        .map(|(code, odds)| Candidate { code, confidence: rounded((odds / all).min(SUREST)) })
        .filter(|candidate| candidate.confidence >= WORTH_MENTIONING)
        .collect();
    ranked.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    ranked
}

/// A cause for which there is no clue has no odds at all.
fn odds(cause: Cause, clues: &[Clue]) -> f64 {
    let weights = clues.iter().map(|clue| clue.strength * weight(clue.kind, cause));
    let supported = clues.iter().any(|clue| weight(clue.kind, cause) > 0.0);
    if supported { (PRIOR + weights.sum::<f64>()).exp() } else { 0.0 }
}

/// The guest acknowledged the request and lived on.
fn ignored(case: &Case<'_>) -> bool {
    case.heard().is_some()
        && matches!(case.end.outcome, Outcome::Hard | Outcome::Pending | Outcome::Ignored)
        && matches!(case.path, Path::Acpi | Path::Agent)
}

fn ended_softly(case: &Case<'_>) -> bool {
    case.end.outcome == Outcome::Soft
}

fn ignored_by(silent: f64, ranked: Vec<Candidate>) -> Finding {
    let mut finding = named(Cause::GuestIgnored, rounded(silent.min(SUREST)), ranked);
    finding.candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    finding
}

fn named(code: Cause, confidence: f64, ranked: Vec<Candidate>) -> Finding {
    let mut candidates = vec![Candidate { code, confidence }];
    candidates.extend(ranked.into_iter().filter(|candidate| candidate.code != code));
    Finding { cause: finding(code, confidence), candidates }
}

fn unknown(ranked: Vec<Candidate>) -> Finding {
    Finding { cause: finding(Cause::None, 0.0), candidates: ranked }
}

fn finding(code: Cause, confidence: f64) -> CauseFinding {
    CauseFinding { code, confidence, scenario: code.scenario() }
}

/// Two digits: more would claim more than the weights hold.
fn rounded(probability: f64) -> f64 {
    (probability * 100.0).round() / 100.0
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
