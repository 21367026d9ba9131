//! Counts shutdowns. Every series is there from the start with 0: a counter that appears with its first
//! shutdown would hide that one from `increase`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use prometheus_client::metrics::histogram::Histogram;
use softoff_analyzer::Cause;
use softoff_analyzer::episode::{Episode, Outcome, Path, PhaseName, RiskLevel, Tier, Verdict};

use super::encode::{Filled, Series, Words};
use super::family::{self, Family};
use super::standing::Standing;
use super::{Buckets, Observed, Present, Recorded, Shutdown, os};

const NO_AND_YES: &[&str] = &["false", "true"];

/// All that is counted.
#[derive(Debug)]
pub(super) struct Tally {
    shutdowns: BTreeMap<Words, u64>,
    causes: BTreeMap<Words, u64>,
    systems: BTreeMap<Words, u64>,
    paths: BTreeMap<Words, u64>,
    tiers: BTreeMap<Words, u64>,
    hard_stops: BTreeMap<Words, u64>,
    durations: BTreeMap<Words, Histogram>,
    phases: BTreeMap<Words, Histogram>,
    unfinished: BTreeMap<Words, u64>,
    lost_events: u64,
    pending: u64,
    settling: u64,
    last: Option<DateTime<Utc>>,
    bad_lines: u64,
    bad_files: u64,
}

impl Tally {
    pub fn of(recorded: &Recorded<'_>, present: Present, buckets: &Buckets) -> Self {
        let mut tally = Self::empty(buckets);
        for shutdown in &recorded.shutdowns {
            tally.take(shutdown, present);
        }
        Self { bad_lines: recorded.bad_lines, bad_files: recorded.bad_files, ..tally }
    }

    fn empty(buckets: &Buckets) -> Self {
        let causes: Vec<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        let phases = PhaseName::ALL.map(PhaseName::as_str);
        let outcomes = words(Outcome::ALL, Outcome::as_str);
        let verdicts = words(Verdict::ALL, Verdict::as_str);
        let paths = words(Path::ALL, Path::as_str);
        let tiers = words(Tier::ALL, Tier::as_str);
        let risks = words(RiskLevel::ALL, RiskLevel::as_str);
        Self {
            shutdowns: zeros(&[&outcomes, &verdicts]),
            causes: zeros(&[&causes]),
            systems: zeros(&[os::WORDS, &verdicts]),
            paths: zeros(&[&paths, &verdicts]),
            tiers: zeros(&[&tiers]),
            hard_stops: zeros(&[NO_AND_YES, &risks]),
            durations: histograms(&[NO_AND_YES], buckets),
            phases: histograms(&[&phases], buckets),
            unfinished: zeros(&[&phases]),
            lost_events: 0,
            pending: 0,
            settling: 0,
            last: None,
            bad_lines: 0,
            bad_files: 0,
        }
    }

    fn take(&mut self, shutdown: &Shutdown<'_>, present: Present) {
        self.last = self.last.max(shutdown.episode.at());
        match Standing::of(shutdown.episode, present) {
            Standing::Pending => self.pending += 1,
            Standing::Settling => self.settling += 1,
            Standing::Over => self.count(shutdown.episode, shutdown.observed),
        }
    }

    fn count(&mut self, episode: &Episode, observed: Option<Observed>) {
        let verdict = episode.verdict.as_str();
        one(&mut self.shutdowns, &[episode.outcome.as_str(), verdict]);
        one(&mut self.causes, &[episode.cause.code.code()]);
        one(&mut self.systems, &[os::word(episode.domain.os.as_deref()), verdict]);
        one(&mut self.paths, &[episode.request.path.as_str(), verdict]);
        one(&mut self.tiers, &[episode.completeness.tier.as_str()]);
        if episode.outcome == Outcome::Hard || episode.escalated {
            let level = episode.risk.as_ref().map_or(RiskLevel::Unknown, |risk| risk.level);
            one(&mut self.hard_stops, &[yes(episode.escalated), level.as_str()]);
        }
        self.lost_events = self.lost_events.saturating_add(episode.completeness.lost_events);
        if let Some(observed) = observed {
            observe(&self.durations, yes(observed.censored), observed.seconds);
        }
        self.count_phases(episode, observed.is_some_and(|observed| observed.censored));
    }

    /// Where a guest was cut off or given up, the phase that it was in did not come to its end; what QEMU
    /// and libvirt did afterwards did.
    fn count_phases(&mut self, episode: &Episode, censored: bool) {
        let of_guest =
            episode.phases.iter().map(|phase| phase.name).filter(|name| *name < PhaseName::Teardown);
        let unfinished = of_guest.max().filter(|_| censored);
        for phase in &episode.phases {
            if Some(phase.name) == unfinished {
                one(&mut self.unfinished, &[phase.name.as_str()]);
            } else {
                observe(&self.phases, phase.name.as_str(), phase.seconds);
            }
        }
    }

    /// The families in the order of [`family::ALL`].
    pub fn into_families(self, present: Present) -> Vec<Filled> {
        let counts = |family: &'static Family, counts| Filled { family, series: Series::Counts(counts) };
        let histograms = |family, histograms| Filled { family, series: Series::Histograms(histograms) };
        let gauge = |family: &'static Family, value: Option<f64>| {
            let series = value.map(|value| (Words::new(), value)).into_iter().collect();
            Filled { family, series: Series::Gauges(series) }
        };
        let version = BTreeMap::from([(vec![env!("CARGO_PKG_VERSION")], 1.0)]);
        vec![
            counts(&family::SHUTDOWNS, self.shutdowns),
            counts(&family::BY_CAUSE, self.causes),
            counts(&family::BY_OS, self.systems),
            counts(&family::BY_PATH, self.paths),
            counts(&family::BY_TIER, self.tiers),
            counts(&family::HARD_STOPS, self.hard_stops),
            histograms(&family::DURATION, self.durations),
            histograms(&family::PHASE, self.phases),
            counts(&family::UNFINISHED, self.unfinished),
            counts(&family::LOST_EVENTS, BTreeMap::from([(Words::new(), self.lost_events)])),
            gauge(&family::PENDING, Some(number(self.pending))),
            gauge(&family::SETTLING, Some(number(self.settling))),
            gauge(&family::BAD_LINES, Some(number(self.bad_lines))),
            gauge(&family::BAD_FILES, Some(number(self.bad_files))),
            gauge(&family::LAST_SHUTDOWN, self.last.map(unix)),
            gauge(&family::LAST_EXPORT, Some(unix(present.at))),
            Filled { family: &family::BUILD, series: Series::Gauges(version) },
        ]
    }
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(word).collect()
}

/// All combinations of the vocabularies, with 0.
fn zeros(vocabularies: &[&[&'static str]]) -> BTreeMap<Words, u64> {
    combinations(vocabularies).into_iter().map(|words| (words, 0)).collect()
}

fn histograms(vocabularies: &[&[&'static str]], buckets: &Buckets) -> BTreeMap<Words, Histogram> {
    let empty = || Histogram::new(buckets.limits().iter().copied());
    combinations(vocabularies).into_iter().map(|words| (words, empty())).collect()
}

fn combinations(vocabularies: &[&[&'static str]]) -> Vec<Words> {
    vocabularies.iter().fold(vec![Words::new()], |begun, vocabulary| {
        let with = |words: Words| vocabulary.iter().map(move |word| [&*words, &[*word]].concat());
        begun.into_iter().flat_map(with).collect()
    })
}

fn one(counts: &mut BTreeMap<Words, u64>, words: &[&'static str]) {
    *counts.entry(words.to_vec()).or_insert(0) += 1;
}

/// A time that is none (an episode may come from anywhere) must not spoil the sum for ever.
fn observe(histograms: &BTreeMap<Words, Histogram>, word: &'static str, seconds: f64) {
    if let Some(histogram) = histograms.get(&[word][..]).filter(|_| seconds.is_finite()) {
        histogram.observe(seconds.max(0.0));
    }
}

const fn yes(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to nine million billions")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact for 285,000 years")]
fn unix(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1e3
}
