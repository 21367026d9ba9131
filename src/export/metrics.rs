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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use chrono::TimeDelta;
    use softoff_analyzer::{AsOf, analyze, limits};
    use softoff_journal::{Event, Reader, Record};
    use uuid::Uuid;

    use super::*;
    use crate::demo::RECORDING;

    /// What only grows: counters, and the buckets, counts and sums of histograms.
    fn growing(text: &str) -> BTreeMap<&str, f64> {
        let endings = ["_total", "_bucket", "_count", "_sum"];
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        let growing = samples.filter(|(series, _)| {
            series.split('{').next().is_some_and(|name| endings.iter().any(|ending| name.ends_with(ending)))
        });
        growing.map(|(series, value)| (series, value.parse().expect("a number"))).collect()
    }

    /// The metrics when the journal held `lines` of each file, at the moment of `last` and `wait` later.
    fn at(journal: &[(&str, String)], last: &Record, wait: TimeDelta) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, lines) in journal {
            fs::write(dir.path().join(name), lines).expect("written");
        }
        let waited = u64::try_from(wait.num_nanoseconds().expect("a short time")).expect("not negative");
        let entries = Reader::open(dir.path()).expect("a journal");
        let boot_id = boot_id();
        let as_of = AsOf { boot_id, boot_ns: last.boot_ns + waited };
        let analysis = analyze(entries, Some(as_of), limits::SLOW);
        let present = Present { at: last.wall + wait, boot_id: Some(boot_id) };
        metrics(&recorded(&analysis), present, &Buckets::default(), Syntax::Prometheus).expect("metrics")
    }

    fn boot_id() -> Uuid {
        match record(RECORDING[0].1.lines().next().expect("a line")).event {
            Event::Provenance(provenance) => provenance.boot_id,
            other => panic!("no provenance: {other:?}"),
        }
    }

    fn record(line: &str) -> Record {
        serde_json::from_str(line).expect("a record")
    }

    /// What was in the journal at a moment (boot clock) where one of its writers is late.
    fn written(now: u64, late: &str) -> [(&'static str, String); 2] {
        RECORDING.map(|(name, text)| {
            let lag = if name == late { LATE } else { 0 };
            let lines = text.split_inclusive('\n').filter(|line| record(line).boot_ns + lag <= now);
            (name, lines.collect())
        })
    }

    /// So late may a writer be, in nanoseconds: the hook waits for a lock, the tracer drains a buffer.
    const LATE: u64 = 2_000_000_000;

    /// The metrics after each record, and some time after the last, where one of the writers is late.
    fn history(late: &str) -> Vec<String> {
        let mut records: Vec<_> = RECORDING.iter().flat_map(|(_, text)| text.lines().map(record)).collect();
        records.sort_by_key(|record| record.boot_ns);
        let last = records.last().expect("records").clone();
        let afterwards = [1, 30, 90, 700, 7200].map(|seconds| (last.clone(), TimeDelta::seconds(seconds)));
        let moments = records.into_iter().map(|record| (record, TimeDelta::zero())).chain(afterwards);
        let told = |(now, wait): (Record, TimeDelta)| {
            let waited = u64::try_from(wait.num_nanoseconds().expect("a short time")).expect("not negative");
            at(&written(now.boot_ns + waited, late), &now, wait)
        };
        moments.map(told).collect()
    }

    #[test]
    fn no_counter_goes_down_while_the_journal_grows() {
        for late in ["nobody", "hook.jsonl", "tracer.jsonl"] {
            let history = history(late);
            for pair in history.windows(2) {
                let now = growing(&pair[1]);
                for (series, value) in growing(&pair[0]) {
                    assert!(
                        now[series] >= value,
                        "{late} late: {series} went from {value} to {}",
                        now[series]
                    );
                }
            }
            let last = history.last().expect("metrics");
            assert!(
                last.contains("softoff_shutdowns_total{outcome=\"hard\",verdict=\"failed\"} 2\n"),
                "{last}"
            );
        }
    }
}
