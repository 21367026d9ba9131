//! One episode as one flat row, and the rule by which a duration is right-censored.
//!
//! What is asked of a fleet is how long guests take to power themselves off. That was seen to its end
//! only where the outcome is `soft`. Where a soft request ended otherwise (the power was cut, the
//! guest crashed, slept, restarted, or lived on), it is known only that the guest would have taken
//! *longer* than what was seen: the duration is right-censored. Leaving such episodes out would make
//! the worst guests vanish from the percentiles; taking them as ends would make patience look like
//! speed. A stop without a soft request says nothing about guests: it has no observed time.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use softoff_analyzer::Episode;
use softoff_analyzer::episode::{Outcome, Path, PhaseName};
use softoff_analyzer::limits;

/// One row; [`crate::schema::COLUMNS`] says what each field means.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the table of columns documents them")]
pub struct Row<'a> {
    pub id: Cow<'a, str>,
    pub host_name: Cow<'a, str>,
    pub boot_id: Cow<'a, str>,
    pub domain_name: Option<Cow<'a, str>>,
    pub domain_uuid: Option<Cow<'a, str>>,
    pub os: Option<Cow<'a, str>>,
    pub qemu_version: Option<Cow<'a, str>>,
    pub qemu_build_id: Option<Cow<'a, str>>,
    pub kernel: Option<Cow<'a, str>>,
    pub requested_at: Option<DateTime<Utc>>,
    pub request_path: Cow<'a, str>,
    pub presses: i32,
    pub requested_by: Option<Cow<'a, str>>,
    pub outcome: Cow<'a, str>,
    pub verdict: Cow<'a, str>,
    pub escalated: bool,
    pub duration_seconds: Option<f64>,
    pub observed_seconds: Option<f64>,
    pub censored: bool,
    /// In the order of [`PhaseName::ALL`].
    pub phase_seconds: [Option<f64>; 6],
    pub cause: Cow<'a, str>,
    pub confidence: f64,
    pub scenario: Option<i32>,
    pub risk: Option<Cow<'a, str>>,
    pub tier: Cow<'a, str>,
    pub lost_events: i64,
    pub bad_lines: i64,
    pub clock_uncertainty_seconds: f64,
    pub synthetic: bool,
    pub softoff_version: Cow<'a, str>,
}

impl<'a> Row<'a> {
    /// The row of a recorded episode; `kernel` is that of its boot, where it is known.
    pub fn of(episode: &'a Episode, kernel: Option<&'a str>) -> Self {
        let (observed, censored) = observed(episode);
        let completeness = &episode.completeness;
        let qemu = episode.qemu.as_ref();
        Self {
            id: Cow::from(&episode.id),
            host_name: Cow::from(&episode.host),
            boot_id: episode.boot_id.to_string().into(),
            domain_name: text(episode.domain.name.as_ref()),
            domain_uuid: episode.domain.uuid.map(|uuid| uuid.to_string().into()),
            os: text(episode.domain.os.as_ref()),
            qemu_version: text(qemu.and_then(|qemu| qemu.version.as_ref())),
            qemu_build_id: text(qemu.and_then(|qemu| qemu.build_id.as_ref())),
            kernel: kernel.map(Cow::from),
            requested_at: episode.request.at,
            request_path: Cow::from(episode.request.path.as_str()),
            presses: i32::try_from(episode.request.presses).unwrap_or(i32::MAX),
            requested_by: text(episode.request.by.as_ref()),
            outcome: Cow::from(episode.outcome.as_str()),
            verdict: Cow::from(episode.verdict.as_str()),
            escalated: episode.escalated,
            duration_seconds: episode.duration_seconds,
            observed_seconds: observed,
            censored,
            phase_seconds: PhaseName::ALL.map(|name| {
                episode.phases.iter().find(|phase| phase.name == name).map(|phase| phase.seconds)
            }),
            cause: Cow::from(episode.cause.code.code()),
            confidence: episode.cause.confidence,
            scenario: episode.cause.scenario.map(i32::from),
            risk: episode.risk.as_ref().map(|risk| Cow::from(risk.level.as_str())),
            tier: Cow::from(completeness.tier.as_str()),
            lost_events: i64::try_from(completeness.lost_events).unwrap_or(i64::MAX),
            bad_lines: i64::try_from(completeness.bad_lines).unwrap_or(i64::MAX),
            clock_uncertainty_seconds: Duration::from_nanos(completeness.clock_uncertainty_ns).as_secs_f64(),
            synthetic: false,
            softoff_version: Cow::from(env!("CARGO_PKG_VERSION")),
        }
    }

    /// The day of the request (UTC); absent where no record shows the request.
    pub fn date(&self) -> Option<NaiveDate> {
        self.requested_at.map(|at| at.date_naive())
    }
}

/// How long the guest was seen to need, or to need at least: the time, and whether it is censored.
fn observed(episode: &Episode) -> (Option<f64>, bool) {
    let seen = episode.duration_seconds.or_else(|| at_least(episode));
    match (episode.outcome, episode.request.path) {
        (Outcome::Soft, _) => (episode.duration_seconds, false),
        // What left the host, and what libvirt or a signal ended at once, says nothing of the guest.
        (Outcome::Saved | Outcome::Migrated, _) | (_, Path::Destroy | Path::Signal | Path::None) => {
            (None, false)
        }
        (_, Path::Acpi | Path::Agent | Path::Guest) => (seen, true),
    }
}

/// The least that an episode without an end has lasted.
fn at_least(episode: &Episode) -> Option<f64> {
    let phases = episode.phases.iter().map(|phase| phase.start_seconds + phase.seconds);
    let evidence = episode.evidence.iter().map(|evidence| evidence.at_seconds);
    let seen = phases.chain(evidence).fold(0.0, f64::max);
    // A request counts as ignored only after that time.
    let patience = Duration::from_nanos(limits::PATIENCE).as_secs_f64();
    let least = if episode.outcome == Outcome::Ignored { patience } else { 0.0 };
    episode.request.at.map(|_| seen.max(least)).filter(|seconds| *seconds > 0.0)
}

fn text(value: Option<&String>) -> Option<Cow<'_, str>> {
    value.map(Cow::from)
}

#[cfg(test)]
pub(crate) mod tests;
