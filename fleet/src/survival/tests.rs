#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small counts, and times that are the same bin's"
)]

use proptest::prelude::*;

use super::*;

/// Durations, each with whether it was cut off.
type Seen = Vec<(f64, bool)>;

fn seen() -> impl Strategy<Value = Seen> {
    prop::collection::vec((0.002_f64..1000.0, prop::bool::weighted(0.3)), 1..200)
}

fn histogram(seen: &Seen) -> Histogram {
    let mut histogram = Histogram::default();
    for (seconds, censored) in seen {
        histogram.add(bins::of(*seconds), u64::from(!censored), u64::from(*censored));
    }
    histogram
}

/// As bins hold it.
fn rounded(seen: &Seen) -> Seen {
    seen.iter().map(|(seconds, censored)| (bins::seconds(bins::of(*seconds)), *censored)).collect()
}

/// Kaplan and Meier by the definition: at each time of an end, one factor.
fn naive_survival(seen: &Seen, at: f64) -> f64 {
    let mut times: Vec<f64> =
        seen.iter().filter(|(time, censored)| !censored && *time <= at).map(|(time, _)| *time).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let factor = |time: &f64| {
        let at_risk = seen.iter().filter(|(other, _)| other >= time).count() as f64;
        let ends = seen.iter().filter(|(other, censored)| !censored && other == time).count() as f64;
        1.0 - ends / at_risk
    };
    times.iter().map(factor).product()
}

fn naive_area(seen: &Seen, horizon: f64) -> f64 {
    let mut times: Vec<f64> = seen.iter().map(|(time, _)| *time).filter(|time| *time < horizon).collect();
    times.sort_by(f64::total_cmp);
    let mut area = 0.0;
    let mut from = 0.0;
    for to in times.into_iter().chain([horizon]) {
        area += (to - from) * if from == 0.0 { 1.0 } else { naive_survival(seen, from) };
        from = to;
    }
    area
}

proptest! {
    #[test]
    fn the_curve_is_that_of_the_definition(seen in seen()) {
        let rounded = rounded(&seen);
        for step in histogram(&seen).curve().steps {
            prop_assert!((step.survival - naive_survival(&rounded, step.seconds)).abs() < 1e-9);
        }
    }

    #[test]
    fn without_cut_offs_a_percentile_is_that_of_the_sorted_list_to_one_percent(
        mut times in prop::collection::vec(0.002_f64..1000.0, 1..200), p in 0.01_f64..0.99,
    ) {
        let curve = histogram(&times.iter().map(|time| (*time, false)).collect()).curve();
        times.sort_by(f64::total_cmp);
        let rank = (p * times.len() as f64 - 1e-9).ceil() as usize;
        let expected = times[rank.max(1) - 1];
        let Quantile::At(found) = curve.quantile(p) else { return Err(TestCaseError::fail("unknown")) };
        prop_assert!((found / expected - 1.0).abs() <= bins::ACCURACY * 1.0001, "{found} for {expected}");
    }

    #[test]
    fn merging_is_the_same_as_counting_together(one in seen(), other in seen()) {
        let mut merged = histogram(&one);
        merged.merge(&histogram(&other));
        prop_assert_eq!(merged, histogram(&[one, other].concat()));
    }

    #[test]
    fn cutting_off_never_makes_a_percentile_shorter(seen in seen(), which in any::<prop::sample::Index>()) {
        let mut cut = seen.clone();
        let which = which.index(cut.len());
        cut[which].1 = true;
        let curve = |seen| histogram(seen).curve();
        for p in [0.5, 0.9, 0.99] {
            let at_least = |quantile| match quantile { Quantile::At(time) | Quantile::Beyond(time) => time, Quantile::Unknown => 0.0 };
            let (before, after) = (curve(&seen).quantile(p), curve(&cut).quantile(p));
            prop_assert!(matches!(after, Quantile::Beyond(_)) || at_least(after) >= at_least(before) || matches!(before, Quantile::Beyond(_)));
        }
    }

    #[test]
    fn the_restricted_mean_is_the_area_under_the_curve(seen in seen(), horizon in 1.0_f64..900.0) {
        let expected = naive_area(&rounded(&seen), horizon);
        let (mean, variance) = histogram(&seen).curve().restricted_mean(horizon);
        prop_assert!((mean - expected).abs() < 1e-6 * horizon, "{mean} for {expected}");
        prop_assert!(variance >= 0.0);
    }

    #[test]
    fn the_limits_of_a_percentile_hold_it(seen in seen(), p in 0.05_f64..0.95) {
        let curve = histogram(&seen).curve();
        let (low, high) = curve.quantile_limits(p, 1.96);
        if let (Quantile::At(found), Quantile::At(low)) = (curve.quantile(p), low) {
            prop_assert!(low <= found);
            prop_assert!(!matches!(high, Quantile::At(high) if high < found));
        }
    }

    #[test]
    fn a_comparison_turned_round_is_its_negative(one in seen(), other in seen()) {
        let (one, other) = (histogram(&one), histogram(&other));
        let (Some(a), Some(b)) = (compare(&one, &other, f64::INFINITY, 1.96), compare(&other, &one, f64::INFINITY, 1.96)) else {
            return Ok(());
        };
        prop_assert!((a.seconds + b.seconds).abs() < 1e-9 && (a.low + b.high).abs() < 1e-9);
        prop_assert!((a.p_value - b.p_value).abs() < 1e-9 && (0.0..=1.0).contains(&a.p_value));
    }
}

#[test]
fn too_many_cut_off_to_say_is_said() {
    let curve = histogram(&vec![(1.0, false), (10.0, true), (10.0, true)]).curve();
    assert!(matches!(curve.quantile(0.3), Quantile::At(_)));
    assert!(matches!(curve.quantile(0.5), Quantile::Beyond(seconds) if (seconds / 10.0 - 1.0).abs() < 0.01));
    assert_eq!(Histogram::default().curve().quantile(0.5), Quantile::Unknown);
}

/// The acute myelogenous leukemia data that R's survival package comes with (maintained group).
#[test]
fn a_published_curve_is_found_again() {
    let times = [
        (9.0, false),
        (13.0, false),
        (13.0, true),
        (18.0, false),
        (23.0, false),
        (28.0, true),
        (31.0, false),
        (34.0, false),
        (45.0, true),
        (48.0, false),
        (161.0, true),
    ];
    let curve = histogram(&times.to_vec()).curve();
    let shares: Vec<_> = curve.steps.iter().map(|step| (step.survival * 1000.0).round() / 1000.0).collect();
    assert_eq!(shares, [0.909, 0.818, 0.716, 0.614, 0.491, 0.368, 0.184]);
    assert!(matches!(curve.quantile(0.5), Quantile::At(median) if (median / 31.0 - 1.0).abs() < 0.01));
}

#[test]
fn the_interval_covers_the_truth_about_as_often_as_it_says() {
    let mut random = fastrand::Rng::with_seed(7);
    // Exponential times of mean 10, cut off at exponential times of mean 30, up to 20 seconds.
    let truth = 10.0 * (1.0 - (-2.0_f64).exp());
    let mut covered = 0;
    for _ in 0..400 {
        let mut draw = |mean: f64| -mean * (1.0 - random.f64()).ln();
        let seen: Seen = (0..300)
            .map(|_| {
                let (end, cut) = (draw(10.0), draw(30.0));
                (end.min(cut), cut < end)
            })
            .collect();
        let (mean, variance) = histogram(&seen).curve().restricted_mean(20.0);
        covered += u32::from((mean - truth).abs() <= 1.96 * variance.sqrt());
    }
    assert!((368..=394).contains(&covered), "{covered} of 400");
}

#[test]
fn a_small_shift_among_many_is_found_and_none_is_not_made_up() {
    let mut random = fastrand::Rng::with_seed(8);
    let mut group =
        |mean: f64| histogram(&(0..20_000).map(|_| (-mean * (1.0 - random.f64()).ln(), false)).collect());
    let (before, after, same) = (group(10.0), group(10.8), group(10.0));
    let found = compare(&before, &after, f64::INFINITY, 1.96).expect("a difference");
    assert!(found.low > 0.0 && found.low < 0.8 && found.high > 0.8 && found.p_value < 1e-6, "{found:?}");
    let none = compare(&before, &same, f64::INFINITY, 3.3).expect("a difference");
    assert!(none.low < 0.0 && none.high > 0.0 && none.p_value > 0.001, "{none:?}");
}

#[test]
fn standard_errors_are_those_of_the_normal_distribution() {
    for (confidence, expected) in [(0.95, 1.959_964), (0.99, 2.575_829), (0.6827, 1.0)] {
        assert!((standard_errors(confidence) - expected).abs() < 1e-4, "{confidence}");
    }
}
