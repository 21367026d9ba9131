//! Durations that differ from seed to seed, so that nothing can be tuned to one run.

use std::time::Duration;

use fastrand::Rng;

use crate::spec::Machine;

/// A duration between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

/// A span of milliseconds.
pub const fn milliseconds(least: u64, most: u64) -> Span {
    Span { least: Duration::from_millis(least), most: Duration::from_millis(most) }
}

/// A span of whole seconds.
pub const fn seconds(least: u64, most: u64) -> Span {
    milliseconds(1000 * least, 1000 * most)
}

/// Resolves the spans of one run. The same seed, scenario and machine give the same durations,
/// whatever else is played.
#[derive(Debug)]
pub struct Dice(Rng);

impl Dice {
    /// The dice of a run.
    pub fn of(seed: u64, scenario: &str, machine: Machine) -> Self {
        Self(Rng::with_seed(fingerprint(&format!("{seed} {scenario} {machine}"))))
    }

    /// A duration in the span.
    pub fn roll(&mut self, span: Span) -> Duration {
        let least = u64::try_from(span.least.as_millis()).unwrap_or(u64::MAX);
        let most = u64::try_from(span.most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.0.u64(least..=most.max(least)))
    }
}

/// FNV-1a, which is the same on every machine and in every release of Rust.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = seconds(12, 18);

    fn rolls(seed: u64, scenario: &str, machine: Machine) -> Vec<Duration> {
        let mut dice = Dice::of(seed, scenario, machine);
        (0..5).map(|_| dice.roll(SPAN)).collect()
    }

    #[test]
    fn a_run_is_the_same_each_time() {
        assert_eq!(rolls(1, "sleep", Machine::Q35), rolls(1, "sleep", Machine::Q35));
    }

    #[test]
    fn another_seed_scenario_or_machine_gives_other_durations() {
        let first = rolls(1, "sleep", Machine::Q35);
        assert_ne!(first, rolls(2, "sleep", Machine::Q35));
        assert_ne!(first, rolls(1, "hibernate", Machine::Q35));
        assert_ne!(first, rolls(1, "sleep", Machine::Pc));
    }

    #[test]
    fn a_duration_lies_in_its_span() {
        for seed in 0..100 {
            let rolled = rolls(seed, "sleep", Machine::Pc);
            assert!(rolled.iter().all(|one| (SPAN.least..=SPAN.most).contains(one)), "{rolled:?}");
        }
    }
}
