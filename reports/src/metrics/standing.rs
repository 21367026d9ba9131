//! When a shutdown counts. A counter must not go down, and a shutdown whose records still come in may
//! change its outcome, its cause and its phases: it counts once the analyzer itself would no longer wait.

use std::time::Duration;

use chrono::TimeDelta;
use softoff_analyzer::Episode;
use softoff_analyzer::episode::{Outcome, PhaseName};
use softoff_analyzer::limits;

use super::Present;

/// Whether a shutdown counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not ended.
    Pending,
    /// It ended so recently that more may be recorded of it.
    Settling,
    /// It counts, and stays as it is.
    Over,
}

impl Standing {
    /// How `episode` stands at `present`.
    pub fn of(episode: &Episode, present: Present) -> Self {
        // What is pending in a boot that is over never ends: it is over as it is.
        if episode.outcome == Outcome::Pending {
            let lasts = present.boot_id == Some(episode.boot_id);
            return if lasts { Self::Pending } else { Self::Over };
        }
        if since_end(episode, present).is_some_and(|since| since < settle_after(episode)) {
            Self::Settling
        } else {
            Self::Over
        }
    }
}

/// How long ago it ended. A clock may have been set since: an end in the future is one as far off.
fn since_end(episode: &Episode, present: Present) -> Option<TimeDelta> {
    let lasted = seconds(episode.duration_seconds.unwrap_or(0.0));
    let ended = episode.ended_at.or_else(|| episode.request.at?.checked_add_signed(lasted))?;
    Some((present.at - ended).abs())
}

/// libvirt's last hook ends all that is told of a run; without it the analyzer waits longer.
fn settle_after(episode: &Episode) -> TimeDelta {
    let released = episode.phases.iter().any(|phase| phase.name == PhaseName::Release);
    let wait = if released { limits::SETTLE_AFTER_RELEASE } else { limits::SETTLE_AFTER_EXIT };
    TimeDelta::from_std(Duration::from_nanos(wait)).unwrap_or(TimeDelta::MAX)
}

fn seconds(seconds: f64) -> TimeDelta {
    let length = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
}
