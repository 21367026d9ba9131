//! The metrics of a journal, for Prometheus.

use softoff_analyzer::{Analysis, Episode};
use softoff_journal::{DefectKind, Stamp};
use softoff_reports::metrics::{Buckets, Observed, Present, Recorded, Shutdown, Syntax, metrics};
use softoff_store::Row;

/// The metrics as of now.
pub fn text(analysis: &Analysis, buckets: &Buckets, syntax: Syntax) -> anyhow::Result<String> {
    let present = Present { at: Stamp::now().wall, boot_id: softoff_journal::writer::boot_id().ok() };
    Ok(metrics(&recorded(analysis), present, buckets, syntax)?)
}

fn recorded(analysis: &Analysis) -> Recorded<'_> {
    let of_lines = |is_line: bool| {
        let defects = analysis.defects.iter().filter(|defect| (defect.line > 0) == is_line);
        u64::try_from(defects.filter(|defect| !matches!(defect.kind, DefectKind::Empty)).count())
            .unwrap_or(u64::MAX)
    };
    Recorded {
        shutdowns: analysis.episodes.iter().map(shutdown).collect(),
        bad_lines: of_lines(true),
        bad_files: of_lines(false),
    }
}

/// The rule on what is cut off is the store's.
fn shutdown(episode: &Episode) -> Shutdown<'_> {
    let row = Row::of(episode, None);
    let observed = |seconds| Observed { seconds, censored: row.censored };
    Shutdown { episode, observed: row.observed_seconds.map(observed) }
}
