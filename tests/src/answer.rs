//! Judging softoff's answer about a run: is it right, and at a lower tier at least not wrong?

use serde::Serialize;
use softoff_analyzer::Episode;
use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Candidate, Outcome, Verdict};

use crate::expect;
use crate::scenario::Expected;
use crate::view::View;

/// What softoff says of a run, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was slow or failed.
    pub cause: Cause,
}

/// An answer and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What softoff says; absent where it knows of no episode.
    pub found: Option<Found>,
    /// How sure it is of the cause.
    pub confidence: f64,
    /// What it has considered.
    pub candidates: Vec<Candidate>,
    /// What is wrong, in words.
    pub faults: Vec<String>,
}

impl Answer {
    /// Judges the episodes of a run. The last one is what the run is about; none before it may name
    /// a cause that would be wrong for that.
    pub fn judge(expected: &Expected, view: View, episodes: &[Episode]) -> Self {
        let expected = &expected.at(view);
        let last = episodes.last();
        let mut faults: Vec<_> = episodes
            .iter()
            .filter(|episode| !is_acceptable(expected, view, episode))
            .map(|episode| format!("cause {} ({:.2})", episode.cause.code, episode.cause.confidence))
            .collect();
        if view.is_full() {
            faults.extend(last_is_wrong(expected, last));
            let failed = |episode: &Episode| episode.verdict == Verdict::Failed;
            if expected.cause == Cause::None && episodes.iter().any(failed) {
                faults.push("verdict failed".to_owned());
            }
        } else if let Some(last) = last.filter(|last| !is_libvirts_word(expected, last.outcome)) {
            faults.push(format!("outcome {:?}", last.outcome));
        }
        Self {
            found: last.map(|last| Found { outcome: last.outcome, cause: last.cause.code }),
            confidence: last.map_or(0.0, |last| last.cause.confidence),
            candidates: last.map(|last| last.candidates.clone()).unwrap_or_default(),
            faults,
        }
    }

    /// Whether softoff is right.
    pub fn is_right(&self) -> bool {
        self.faults.is_empty()
    }

    /// The cause it names; absent where it says that it does not know.
    pub fn named(&self) -> Option<Cause> {
        let found = self.found.as_ref()?;
        (found.cause != Cause::None || self.confidence > 0.0).then_some(found.cause)
    }
}

/// Whether an episode may say what it says. Not to know is no mistake at a lower tier, nor in an
/// episode before the last: the last one must tell.
fn is_acceptable(expected: &Expected, view: View, episode: &Episode) -> bool {
    let code = episode.cause.code;
    let unknown = code == Cause::None && episode.cause.confidence == 0.0;
    let right = code == expected.cause || Some(code) == expected.or;
    // Before the last one a guest may well have been asked in peace.
    let peaceful = code == Cause::None && episode.verdict == Verdict::Clean && view.is_full();
    right || unknown || peaceful
}

/// Whether an outcome is right as far as libvirt tells without a probe: it says `shutdown` of a guest
/// that hibernated too, and `crashed` of a QEMU that was killed.
fn is_libvirts_word(expected: &Expected, found: Outcome) -> bool {
    match (expected.outcome, found) {
        (_, Outcome::Unknown)
        | (Some(Outcome::Slept), Outcome::Soft)
        | (Some(Outcome::Hard), Outcome::Crashed) => true,
        (expected, found) => expected == Some(found),
    }
}

/// What the last episode lacks at the full tier.
fn last_is_wrong(expected: &Expected, last: Option<&Episode>) -> Vec<String> {
    let Some(outcome) = expected.outcome else {
        return last.map(|last| format!("an episode ({:?})", last.outcome)).into_iter().collect();
    };
    let Some(last) = last else { return vec!["no episode".to_owned()] };
    let mut faults = Vec::new();
    let mut demand = |met: bool, fault: String| {
        if !met {
            faults.push(fault);
        }
    };
    demand(last.outcome == outcome, format!("outcome {:?}", last.outcome));
    let missing = last.cause.code == Cause::None && expected.cause != Cause::None;
    demand(!missing, "no cause".to_owned());
    for cause in expected.candidates() {
        let considered = last.candidates.iter().any(|candidate| candidate.code == cause);
        demand(considered, format!("no candidate {cause}"));
    }
    if outcome == Outcome::Soft && expected.cause != Cause::None {
        demand(last.verdict == Verdict::Slow, format!("verdict {:?}", last.verdict));
    }
    if let Some(level) = expected.risk {
        let found = last.risk.as_ref().map(|risk| risk.level);
        demand(found == Some(level), format!("risk {found:?}"));
    }
    if last.phases.len() == softoff_analyzer::episode::PhaseName::ALL.len() {
        let sum = expect::phases_add_up(last);
        demand(sum.is_ok(), format!("{:#}", sum.err().unwrap_or_else(|| anyhow::anyhow!("phases"))));
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An episode of that outcome and verdict, with these candidates, of which the first is the cause.
    fn episode(outcome: &str, verdict: &str, candidates: &[(Cause, f64)]) -> Episode {
        let listed = |(code, confidence): &(Cause, f64)| json!({"code": code, "confidence": confidence});
        let (code, confidence) = candidates.first().copied().unwrap_or((Cause::None, 0.0));
        serde_json::from_value(json!({
            "schema": "softoff.episode/1", "id": "1", "host": "host",
            "boot_id": "00000000-0000-0000-0000-000000000001",
            "domain": {"name": null, "uuid": null, "os": null, "os_source": null},
            "qemu": null,
            "request": {"at": null, "path": "acpi", "presses": 1, "by": null},
            "outcome": outcome, "verdict": verdict, "escalated": false,
            "duration_seconds": null, "phases": [],
            "cause": {"code": code, "confidence": confidence, "scenario": null},
            "candidates": candidates.iter().map(listed).collect::<Vec<_>>(),
            "evidence": [], "advice": [], "risk": null,
            "completeness": {"tier": "probe", "lost_events": 0, "bad_lines": 0, "clock_uncertainty_ns": 0,
                             "missing": []}
        }))
        .unwrap()
    }

    const STORAGE: Expected = Expected::new(Outcome::Soft, Cause::HostStorage);
    const CLEAN: Expected = Expected::clean(Outcome::Soft);

    fn is_right(expected: &Expected, view: View, episodes: &[Episode]) -> bool {
        Answer::judge(expected, view, episodes).is_right()
    }

    #[test]
    fn the_right_cause_is_right_at_every_tier() {
        let right = [episode("soft", "slow", &[(Cause::HostStorage, 0.9)])];
        assert!(is_right(&STORAGE, View::Probe, &right));
        assert!(is_right(&STORAGE, View::Hook, &right));
    }

    #[test]
    fn a_wrong_cause_is_wrong_at_every_tier() {
        let wrong = [episode("soft", "slow", &[(Cause::HostCpu, 0.2)])];
        assert!(!is_right(&STORAGE, View::Probe, &wrong));
        assert!(!is_right(&STORAGE, View::Hook, &wrong));
    }

    #[test]
    fn not_to_know_is_only_right_where_less_was_seen() {
        for episodes in [vec![], vec![episode("unknown", "unknown", &[])]] {
            assert!(!is_right(&STORAGE, View::Probe, &episodes), "{episodes:?}");
            assert!(is_right(&STORAGE, View::Process, &episodes), "{episodes:?}");
            assert_eq!(Answer::judge(&STORAGE, View::Log, &episodes).named(), None);
        }
    }

    #[test]
    fn to_call_what_is_slow_or_failed_clean_is_wrong_at_every_tier() {
        let clean = [episode("soft", "clean", &[(Cause::None, 0.6)])];
        assert!(!is_right(&STORAGE, View::Probe, &clean));
        assert!(!is_right(&STORAGE, View::Log, &clean));
    }

    #[test]
    fn the_outcome_must_be_right() {
        let wrong = [episode("hard", "slow", &[(Cause::HostStorage, 0.9)])];
        assert!(!is_right(&STORAGE, View::Probe, &wrong));
        assert!(!is_right(&STORAGE, View::Log, &wrong));
    }

    #[test]
    fn libvirts_own_words_are_taken_for_what_they_mean_where_only_they_are_seen() {
        let hibernated = Expected::new(Outcome::Slept, Cause::GuestSleep);
        let off = [episode("soft", "unknown", &[])];
        assert!(!is_right(&hibernated, View::Probe, &off));
        assert!(is_right(&hibernated, View::Log, &off));
        assert!(!is_right(&STORAGE, View::Log, &[episode("crashed", "failed", &[])]));
    }

    #[test]
    fn a_clean_run_with_a_cause_is_a_false_alarm_at_every_tier() {
        let alarm = [episode("soft", "slow", &[(Cause::HostCpu, 0.1)])];
        assert!(!is_right(&CLEAN, View::Probe, &alarm));
        assert!(!is_right(&CLEAN, View::Hook, &alarm));
        let clean = [episode("soft", "clean", &[(Cause::None, 0.99)])];
        assert!(is_right(&CLEAN, View::Probe, &clean));
    }

    #[test]
    fn an_earlier_episode_must_not_raise_a_false_alarm_either() {
        let alarm = episode("rebooted", "failed", &[(Cause::GuestRebooted, 0.9)]);
        let clean = episode("soft", "clean", &[(Cause::None, 0.99)]);
        assert!(!is_right(&CLEAN, View::Probe, &[alarm, clean.clone()]));
        assert!(is_right(&CLEAN, View::Probe, &[clean.clone(), clean]));
    }

    #[test]
    fn what_cannot_be_told_apart_must_be_among_the_candidates() {
        let expected = Expected::ignored(&[Cause::GuestLogonRequired]);
        let ignored = (Cause::GuestIgnored, 0.8);
        let considered = [episode("hard", "failed", &[ignored, (Cause::GuestLogonRequired, 0.1)])];
        assert!(is_right(&expected, View::Probe, &considered));
        assert!(!is_right(&expected, View::Probe, &[episode("hard", "failed", &[ignored])]));
        let guessed = [episode("hard", "failed", &[(Cause::GuestLogonRequired, 0.8), ignored])];
        assert!(!is_right(&expected, View::Probe, &guessed));
    }

    #[test]
    fn where_no_episode_is_expected_even_a_clean_one_is_too_many() {
        let expected = Expected { outcome: None, ..CLEAN };
        assert!(is_right(&expected, View::Probe, &[]));
        assert!(!is_right(&expected, View::Probe, &[episode("rebooted", "clean", &[(Cause::None, 0.9)])]));
    }
}
