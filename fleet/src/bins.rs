//! Bins of durations: fine enough that a percentile is right to 1 %, few enough that any number of
//! shutdowns fits into memory.
//!
//! Bin *k* holds the durations in (γ^(k−1), γ^k] seconds, γ = (1+α)/(1−α), α = 0.01, and stands for
//! 2γ^k/(γ+1), which is off by at most α from all of them (the mapping of DDSketch: Masson, Rim and Lee,
//! PVLDB 12(12), 2019). What is shorter than a millisecond counts as a millisecond. An engine computes the
//! bin with functions that every SQL has, so any engine gives the same counts, and counts add up.

/// The largest relative error of a bin's representative.
pub const ACCURACY: f64 = 0.01;
/// The shortest duration that is told apart, in seconds.
pub const SHORTEST: f64 = 0.001;

/// γ
const RATIO: f64 = (1.0 + ACCURACY) / (1.0 - ACCURACY);

/// The SQL expression of the bin of a column of seconds; null where the column is.
pub fn sql(column: &str) -> String {
    // Not greatest(), which takes a null for the other value.
    let seconds = format!("CASE WHEN {column} < {SHORTEST:?} THEN {SHORTEST:?} ELSE {column} END");
    format!("CAST(ceil(ln({seconds}) * {:?}) AS SMALLINT)", 1.0 / RATIO.ln())
}

/// The bin of a duration in seconds, as [`sql`] has it.
#[cfg(test)]
pub fn of(seconds: f64) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates far beyond any duration")]
    {
        (seconds.max(SHORTEST).ln() * (1.0 / RATIO.ln())).ceil() as i16
    }
}

/// The duration a bin stands for, in seconds.
pub fn seconds(bin: i16) -> f64 {
    2.0 * RATIO.powi(bin.into()) / (RATIO + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bin_is_right_to_one_percent(seconds in 0.001_f64..1e7) {
            let told = super::seconds(of(seconds));
            prop_assert!((told / seconds - 1.0).abs() <= ACCURACY * (1.0 + 1e-9), "{seconds} -> {told}");
        }

        #[test]
        fn longer_durations_have_no_lower_bins(a in 0.0_f64..1e6, b in 0.0_f64..1e6) {
            prop_assert_eq!(of(a.min(b)) <= of(a.max(b)), true);
        }
    }
}
