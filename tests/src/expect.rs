//! What an episode must say, and how a failed expectation is told.

use std::time::Duration;

use anyhow::{Context, ensure};
use softoff_analyzer::Episode;
use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Outcome, Path, Phase, PhaseName};

use crate::guest::Guest;
use crate::lab::Lab;
use crate::wait;

/// How much the phases and the duration may differ, in seconds.
const TOLERANCE_SECONDS: f64 = 0.001;

/// Time for the recorder to write what it has seen, on a busy machine.
const JOURNAL_LIMIT: Duration = Duration::from_secs(30);

/// What is expected of one episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The way the request took.
    pub path: Path,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether a soft request was followed by a hard stop.
    pub escalated: bool,
    /// Why it was slow or failed.
    pub cause: Cause,
    /// All six phases are there.
    pub all_phases: bool,
}

/// A soft shutdown that went well, seen from end to end.
pub const SOFT: Expected = Expected {
    path: Path::Acpi,
    outcome: Outcome::Soft,
    escalated: false,
    cause: Cause::None,
    all_phases: true,
};

/// A power cut after a soft shutdown that came to nothing.
pub const CUT_OFF: Expected = Expected {
    outcome: Outcome::Hard,
    escalated: true,
    cause: Cause::GuestIgnored,
    all_phases: false,
    ..SOFT
};

impl Expected {
    /// Fails with the difference and the episode.
    pub fn check(&self, episode: &Episode) -> anyhow::Result<()> {
        let found = Self {
            path: episode.request.path,
            outcome: episode.outcome,
            escalated: episode.escalated,
            cause: episode.cause.code,
            all_phases: has_all_phases(episode),
        };
        let told = || serde_json::to_string_pretty(episode).unwrap_or_default();
        ensure!(found == *self, "expected {self:?}\nfound    {found:?}\nin {}", told());
        if self.all_phases {
            phases_add_up(episode).with_context(told)?;
        }
        Ok(())
    }
}

/// The guest's episodes, once the recorder has written enough for all that is expected.
pub fn recorded(lab: &Lab, guest: &Guest, expected: &[Expected]) -> anyhow::Result<Vec<Episode>> {
    let mut last = Err(anyhow::anyhow!("nobody has looked"));
    let what = format!("the expected episodes of {:?}", guest.spec().name);
    let met = wait::until(&what, JOURNAL_LIMIT, || {
        last = lab.episodes_of(guest).and_then(|episodes| check_all(expected, &episodes).map(|()| episodes));
        Ok(last.is_ok())
    });
    // What did not fit at last tells more than that it took too long.
    last.and_then(|episodes| met.map(|()| episodes)).with_context(|| {
        match lab.save_journal(guest.spec().uuid) {
            Ok(place) => format!("the journal is kept in {}", place.display()),
            Err(error) => format!("the journal cannot be kept: {error:#}"),
        }
    })
}

fn check_all(expected: &[Expected], episodes: &[Episode]) -> anyhow::Result<()> {
    let told = || serde_json::to_string_pretty(episodes).unwrap_or_default();
    ensure!(
        episodes.len() == expected.len(),
        "{} episodes, not {}: {}",
        episodes.len(),
        expected.len(),
        told()
    );
    expected.iter().zip(episodes).try_for_each(|(expected, episode)| expected.check(episode))
}

/// Whether the six phases of a shutdown are there, in their order.
fn has_all_phases(episode: &Episode) -> bool {
    episode.phases.iter().map(|phase| phase.name).eq(PhaseName::ALL)
}

/// Fails unless the phases follow each other without a gap and sum up to the duration.
pub fn phases_add_up(episode: &Episode) -> anyhow::Result<()> {
    let mut end = 0.0;
    for Phase { name, start_seconds, seconds } in &episode.phases {
        ensure!(*seconds >= 0.0, "phase {name:?} takes {seconds} s");
        ensure!(
            (start_seconds - end).abs() < TOLERANCE_SECONDS,
            "{name:?} starts at {start_seconds}, not at {end}"
        );
        end = start_seconds + seconds;
    }
    let sum: f64 = episode.phases.iter().map(|phase| phase.seconds).sum();
    let duration = episode.duration_seconds.context("the episode has no duration")?;
    ensure!((sum - duration).abs() < TOLERANCE_SECONDS, "the phases sum up to {sum} s of {duration} s");
    Ok(())
}
