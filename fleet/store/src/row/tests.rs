use proptest::prelude::*;
use softoff_analyzer::Cause;
use softoff_analyzer::episode::{CauseFinding, Completeness, Domain, Phase, Request, SCHEMA, Tier, Verdict};
use uuid::Uuid;

use super::*;

pub fn episode(outcome: Outcome, path: Path, duration: Option<f64>) -> Episode {
    Episode {
        schema: SCHEMA.to_owned(),
        id: "0123456789ab".to_owned(),
        host: "host-a".to_owned(),
        boot_id: Uuid::from_u128(7),
        domain: Domain { name: Some("web-1".to_owned()), uuid: None, os: None, os_source: None },
        qemu: None,
        request: Request {
            at: Some("2026-11-25T09:00:00Z".parse().expect("a time")),
            path,
            presses: 1,
            by: None,
        },
        outcome,
        verdict: Verdict::Clean,
        escalated: false,
        duration_seconds: duration,
        ended_at: None,
        phases: vec![
            Phase { name: PhaseName::Deliver, start_seconds: 0.0, seconds: 0.5 },
            Phase { name: PhaseName::Guest, start_seconds: 0.5, seconds: 11.5 },
        ],
        guest_log: None,
        cause: CauseFinding { code: Cause::GuestUpdate, confidence: 0.9, scenario: Some(1) },
        candidates: Vec::new(),
        evidence: Vec::new(),
        advice: Vec::new(),
        risk: None,
        completeness: Completeness {
            tier: Tier::Probe,
            lost_events: 3,
            bad_lines: 0,
            clock_uncertainty_ns: 1_500_000,
            missing: Vec::new(),
        },
    }
}

fn seen(outcome: Outcome, path: Path, duration: Option<f64>) -> (Option<f64>, bool) {
    let episode = episode(outcome, path, duration);
    let row = Row::of(&episode, None);
    (row.observed_seconds, row.censored)
}

#[test]
fn a_guest_that_powered_off_was_seen_to_its_end() {
    assert_eq!(seen(Outcome::Soft, Path::Acpi, Some(12.0)), (Some(12.0), false));
}

#[test]
fn a_guest_that_was_cut_off_would_have_taken_longer() {
    for outcome in [Outcome::Hard, Outcome::Crashed, Outcome::Rebooted, Outcome::Slept, Outcome::Unknown] {
        assert_eq!(seen(outcome, Path::Acpi, Some(30.0)), (Some(30.0), true), "{outcome:?}");
    }
}

#[test]
fn an_ignored_request_lasted_at_least_as_long_as_it_takes_to_count_as_ignored() {
    assert_eq!(seen(Outcome::Ignored, Path::Acpi, None), (Some(3600.0), true));
}

#[test]
fn a_pending_request_has_lasted_at_least_until_what_was_seen_last() {
    assert_eq!(seen(Outcome::Pending, Path::Agent, None), (Some(12.0), true));
}

#[test]
fn a_stop_that_nobody_asked_for_softly_tells_nothing_of_the_guest() {
    for path in [Path::Destroy, Path::Signal, Path::None] {
        assert_eq!(seen(Outcome::Hard, path, Some(0.2)), (None, false), "{path:?}");
    }
    assert_eq!(seen(Outcome::Saved, Path::Acpi, Some(1.0)), (None, false));
}

#[test]
fn a_row_holds_what_the_episode_says_in_the_words_of_its_contract() {
    let episode = episode(Outcome::Hard, Path::Acpi, Some(30.0));
    let row = Row::of(&episode, Some("6.18"));
    assert_eq!((&*row.outcome, &*row.request_path, &*row.tier), ("hard", "acpi", "probe"));
    assert_eq!((&*row.cause, row.scenario, row.kernel.as_deref()), ("guest.update", Some(1), Some("6.18")));
    assert_eq!(row.phase_seconds, [Some(0.5), None, Some(11.5), None, None, None]);
    assert_eq!((row.lost_events, row.synthetic), (3, false));
    assert!((row.clock_uncertainty_seconds - 0.0015).abs() < 1e-12);
}

proptest! {
    #[test]
    fn only_a_soft_end_is_an_end(duration in 0.0_f64..1e6, which in 0_usize..10) {
        let outcomes = [
            Outcome::Soft, Outcome::Hard, Outcome::Slept, Outcome::Rebooted, Outcome::Crashed, Outcome::Ignored,
            Outcome::Pending, Outcome::Saved, Outcome::Migrated, Outcome::Unknown,
        ];
        let (observed, censored) = seen(outcomes[which], Path::Acpi, Some(duration));
        prop_assert_eq!(observed.is_some() && !censored, outcomes[which] == Outcome::Soft);
    }
}

/// A row of its own, for the tests of what is done with rows.
pub fn row(id: &str, seconds: f64) -> Row<'static> {
    // Leaked on purpose: a test's few rows.
    let episode: &'static Episode = Box::leak(Box::new(episode(Outcome::Soft, Path::Acpi, Some(seconds))));
    Row { id: id.to_owned().into(), ..Row::of(episode, None) }
}
