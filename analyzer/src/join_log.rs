//! Joining what logs tell with what was recorded: the same end is told once.
//!
//! ```text
//! recorded   ├───── episode ─────┤             stays, and takes over the log's words on a death
//! log                           ▪ end          goes, if it lies within the other, or close to it
//! ```

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::episode::{Episode, Evidence};
use crate::evidence::LOG_QUOTES;

/// The hook's clock and libvirt's stamp in the log are read at different moments of the same end.
const APART: TimeDelta = TimeDelta::seconds(5);

/// Who ended: the host's short name, and the domain's name or UUID.
type Whom = (String, String);

/// All episodes, each end once. Where logs tell of any, all are in the order of time.
pub fn join(episodes: Vec<Episode>) -> Vec<Episode> {
    let (logged, mut told): (Vec<_>, Vec<_>) = episodes.into_iter().partition(Episode::is_of_log_alone);
    if logged.is_empty() {
        return told;
    }
    let spans = spans(&told);
    for episode in logged {
        match recorded(&spans, &episode) {
            Some(at) => take_over(&mut told[at], &episode),
            None => told.push(episode),
        }
    }
    told.sort_by_cached_key(|episode| {
        begin_and_end(episode).map_or(DateTime::<Utc>::MAX_UTC, |(begin, _)| begin)
    });
    told
}

type Spans = HashMap<Whom, Vec<(DateTime<Utc>, DateTime<Utc>, usize)>>;

/// When the recorded episodes of each domain ended and began, by their ends.
fn spans(told: &[Episode]) -> Spans {
    let mut spans = Spans::new();
    for (at, episode) in told.iter().enumerate() {
        let Some((begin, end)) = begin_and_end(episode) else { continue };
        for whom in names(episode) {
            spans.entry(whom).or_default().push((end, begin, at));
        }
    }
    for spans in spans.values_mut() {
        spans.sort_unstable();
    }
    spans
}

/// The recorded episode that tells the same end: the first that ends no earlier.
fn recorded(spans: &Spans, episode: &Episode) -> Option<usize> {
    let (_, end) = begin_and_end(episode)?;
    names(episode).into_iter().find_map(|whom| {
        let spans = spans.get(&whom)?;
        let first = spans.partition_point(|(ended, _, _)| *ended + APART < end);
        let (_, begin, at) = spans.get(first)?;
        (*begin - APART <= end).then_some(*at)
    })
}

fn names(episode: &Episode) -> Vec<Whom> {
    let host = episode.host.split('.').next().unwrap_or_default().to_owned();
    let uuid = episode.domain.uuid.map(|uuid| uuid.to_string());
    uuid.into_iter().chain(episode.domain.name.clone()).map(|whom| (host.clone(), whom)).collect()
}

/// Wall times of the first sign and of the end.
fn begin_and_end(episode: &Episode) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to some thirty years")]
    let length = |seconds: f64| TimeDelta::milliseconds((seconds.clamp(0.0, 1e9) * 1e3) as i64);
    let phases = || length(episode.phases.iter().map(|phase| phase.seconds).sum());
    match (episode.request.at, episode.duration_seconds, episode.ended_at) {
        (Some(begin), Some(seconds), _) => Some((begin, begin + length(seconds))),
        (_, _, Some(end)) => Some((end - phases(), end)),
        _ => None,
    }
}

/// The log's words on a death, in the other's own time.
fn take_over(told: &mut Episode, logged: &Episode) {
    let (Some((begin, _)), Some((log_begin, _))) = (begin_and_end(told), begin_and_end(logged)) else {
        return;
    };
    let shift = (log_begin - begin).as_seconds_f64();
    let quoted = logged.evidence.iter().filter(|evidence| evidence.text.starts_with(LOG_QUOTES));
    for evidence in quoted {
        if told.evidence.iter().all(|known| known.text != evidence.text) {
            let at_seconds = evidence.at_seconds + shift;
            told.evidence.push(Evidence { at_seconds, weight: 0.0, ..evidence.clone() });
        }
    }
    told.evidence.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
}
