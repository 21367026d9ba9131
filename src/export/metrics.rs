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
    use softoff_journal::{Reader, Record};

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
    fn at(journal: &[(&str, Vec<&str>)], last: &Record, wait: TimeDelta) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, lines) in journal {
            fs::write(dir.path().join(name), lines.concat()).expect("written");
        }
        let waited = u64::try_from(wait.num_nanoseconds().expect("a short time")).expect("not negative");
        let entries = Reader::open(dir.path()).expect("a journal");
        let boot_id = Reader::origins(dir.path()).expect("origins")[0].provenance.boot_id;
        let as_of = AsOf { boot_id, boot_ns: last.boot_ns + waited };
        let analysis = analyze(entries, Some(as_of), limits::SLOW);
        let present = Present { at: last.wall + wait, boot_id: Some(boot_id) };
        metrics(&recorded(&analysis), present, &Buckets::default(), Syntax::Prometheus).expect("metrics")
    }

    #[test]
    fn no_counter_goes_down_while_the_journal_grows() {
        let record = |line: &&str| serde_json::from_str::<Record>(line).expect("a record");
        let lines = |text: &'static str| text.split_inclusive('\n').collect::<Vec<_>>();
        let mut records: Vec<_> = RECORDING.iter().flat_map(|(_, text)| lines(text)).collect();
        records.sort_by_key(|line| record(line).boot_ns);
        let moments = records.iter().map(|line| (record(line), TimeDelta::zero()));
        let last = record(records.last().expect("records"));
        let afterwards = [30, 90, 700, 7200].map(|seconds| (last.clone(), TimeDelta::seconds(seconds)));
        let mut before = String::new();
        for (now, wait) in moments.chain(afterwards) {
            let written =
                |text| lines(text).into_iter().filter(|line| record(line).boot_ns <= now.boot_ns).collect();
            let journal = RECORDING.map(|(name, text)| (name, written(text)));
            let text = at(&journal, &now, wait);
            let told = growing(&text);
            for (series, value) in growing(&before) {
                assert!(told[series] >= value, "{series} went from {value} to {} at {now:?}", told[series]);
            }
            before = text;
        }
        assert!(
            before.contains("softoff_shutdowns_total{outcome=\"hard\",verdict=\"failed\"} 2\n"),
            "{before}"
        );
    }
}
