//! Metrics of any shutdowns: the same series whatever a guest is called or says, and counts that are those
//! of the shutdowns.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use softoff_analyzer::Episode;
use softoff_analyzer::episode::{Outcome, Path, PhaseName, Request, Verdict};
use softoff_reports::metrics::{Buckets, Observed, Present, Recorded, Shutdown, Syntax, metrics};
use uuid::Uuid;

use crate::episodes;
use crate::hostile::hostile_episode;

const BOOT: Uuid = Uuid::from_u128(1);

/// Long after all shutdowns.
fn later() -> Present {
    Present { at: "2030-01-01T00:00:00Z".parse().expect("a time"), boot_id: Some(BOOT) }
}

fn at(at: DateTime<Utc>) -> Present {
    Present { at, ..later() }
}

/// All are observed as long as they lasted; an end is only an outcome `soft`.
fn recorded(episodes: &[Episode]) -> Recorded<'_> {
    let observed = |episode: &Episode| {
        let censored = episode.outcome != Outcome::Soft;
        episode.duration_seconds.map(|seconds| Observed { seconds, censored })
    };
    let shutdown = |episode| Shutdown { episode, observed: observed(episode) };
    Recorded { shutdowns: episodes.iter().map(shutdown).collect(), ..Recorded::default() }
}

fn text(episodes: &[Episode], present: Present, syntax: Syntax) -> String {
    metrics(&recorded(episodes), present, &Buckets::default(), syntax).expect("metrics")
}

/// The value of each series, by its name and labels as they are written.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("a series and its value");
        (series.to_owned(), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

fn told(episodes: &[Episode], present: Present) -> BTreeMap<String, f64> {
    samples(&text(episodes, present, Syntax::Prometheus))
}

/// The sum over all series of a name.
fn sum(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    let of_name = |series: &str| series.split('{').next() == Some(name);
    samples.iter().filter(|(series, _)| of_name(series)).map(|(_, value)| value).sum()
}

fn any_episode() -> impl Strategy<Value = Episode> {
    let outcomes = prop::sample::select(vec![
        Outcome::Soft,
        Outcome::Hard,
        Outcome::Crashed,
        Outcome::Ignored,
        Outcome::Pending,
        Outcome::Migrated,
        Outcome::Unknown,
    ]);
    let verdicts = prop::sample::select(vec![Verdict::Clean, Verdict::Slow, Verdict::Failed]);
    let paths = prop::sample::select(vec![Path::Acpi, Path::Agent, Path::Destroy, Path::None]);
    let seconds = prop::option::of(prop_oneof![0.0..4000.0, any::<f64>()]);
    (hostile_episode(), outcomes, verdicts, paths, seconds, any::<bool>()).prop_map(
        |(episode, outcome, verdict, path, duration_seconds, here)| {
            let request = Request { path, ..episode.request.clone() };
            let boot_id = if here { BOOT } else { Uuid::nil() };
            Episode { outcome, verdict, request, duration_seconds, boot_id, ..episode }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_series_are_the_same_whatever_the_shutdowns_are(
        episodes in prop::collection::vec(any_episode(), 1..8),
    ) {
        for syntax in [Syntax::Prometheus, Syntax::OpenMetrics] {
            let series = |episodes: &[Episode]| {
                let mut series: Vec<_> = samples(&text(episodes, later(), syntax)).into_keys().collect();
                series.retain(|series| series != "softoff_last_shutdown_timestamp_seconds");
                series
            };
            prop_assert_eq!(series(&episodes), series(&[]));
        }
    }

    #[test]
    fn every_side_counts_the_same_shutdowns_and_none_is_left_out(
        episodes in prop::collection::vec(any_episode(), 0..8),
        minutes in 0_i64..30,
    ) {
        let start = episodes::clean().request.at.expect("a time");
        let told = told(&episodes, at(start + TimeDelta::minutes(minutes)));
        let over = sum(&told, "softoff_shutdowns_total");
        for side in ["cause", "os", "path", "tier"] {
            prop_assert_eq!(sum(&told, &format!("softoff_shutdowns_by_{side}_total")), over, "{}", side);
        }
        let open = told["softoff_pending_shutdowns"] + told["softoff_settling_shutdowns"];
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let all = episodes.len() as f64;
        prop_assert_eq!(over + open, all);
        prop_assert!(told.values().all(|value| value.is_finite()));
    }

    #[test]
    fn both_syntaxes_have_the_same_samples(episodes in prop::collection::vec(any_episode(), 0..4)) {
        // OpenMetrics writes 1.0 where the text format has 1, and `le` first.
        let words = |series: &str| {
            let mut words: Vec<_> = series.split(['{', ',', '}']).map(|word| word.replace(".0\"", "\"")).collect();
            words.sort();
            words
        };
        let written = |syntax| {
            let samples = samples(&text(&episodes, later(), syntax));
            samples.iter().map(|(series, value)| (words(series), *value)).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(written(Syntax::Prometheus), written(Syntax::OpenMetrics));
    }
}

#[test]
fn a_shutdown_counts_where_it_belongs() {
    let told = told(&[episodes::clean(), cut_off()], later());
    let one = [
        r#"softoff_shutdowns_total{outcome="soft",verdict="clean"}"#,
        r#"softoff_shutdowns_total{outcome="hard",verdict="failed"}"#,
        r#"softoff_shutdowns_by_cause_total{cause="guest.ignored"}"#,
        r#"softoff_hard_stops_total{escalated="true",risk="high"}"#,
        r#"softoff_shutdown_duration_seconds_bucket{censored="false",le="5"}"#,
        r#"softoff_shutdown_duration_seconds_count{censored="true"}"#,
        r#"softoff_shutdown_phase_seconds_count{phase="guest"}"#,
        r#"softoff_unfinished_phases_total{phase="guest"}"#,
    ];
    for series in one {
        assert_eq!(told.get(series), Some(&1.0), "{series}");
    }
    assert_eq!(told[r#"softoff_shutdown_duration_seconds_bucket{censored="false",le="2"}"#], 0.0);
    assert_eq!(told[r#"softoff_shutdown_phase_seconds_count{phase="release"}"#], 2.0);
    assert_eq!(sum(&told, "softoff_unfinished_phases_total"), 1.0);
}

/// The guest ignored the button and was cut off, as the analyzer tells it: its phase lasts until it is gone.
fn cut_off() -> Episode {
    let mut episode = episodes::ignored();
    episode.phases.retain(|phase| !matches!(phase.name, PhaseName::Poweroff | PhaseName::Teardown));
    episode
}

#[test]
fn a_shutdown_counts_once_nothing_can_change_it_any_more() {
    let shutdown = episodes::clean();
    let ended = shutdown.request.at.expect("a time") + TimeDelta::seconds(3);
    let over = |episode: &Episode, seconds| {
        let told = told(std::slice::from_ref(episode), at(ended + TimeDelta::seconds(seconds)));
        (told["softoff_settling_shutdowns"], sum(&told, "softoff_shutdowns_total"))
    };
    assert_eq!([over(&shutdown, 30), over(&shutdown, 90)], [(1.0, 0.0), (0.0, 1.0)]);
    // libvirt's last hook may still come.
    let mut unreleased = shutdown;
    unreleased.phases.pop();
    assert_eq!([over(&unreleased, 90), over(&unreleased, 700)], [(1.0, 0.0), (0.0, 1.0)]);
}

#[test]
fn what_was_pending_when_the_host_went_down_is_over() {
    let here = Episode { outcome: Outcome::Pending, boot_id: BOOT, ..episodes::clean() };
    let gone = Episode { boot_id: Uuid::nil(), ..here.clone() };
    let told = told(&[here, gone], later());
    assert_eq!(told["softoff_pending_shutdowns"], 1.0);
    assert_eq!(told[r#"softoff_shutdowns_total{outcome="pending",verdict="clean"}"#], 1.0);
}
