//! The table of what is exported: names, labels, meanings. Dashboards and alerts are built on it: a name
//! never changes its meaning.

use std::fmt::Write;

use prometheus_client::metrics::MetricType;

/// What is told of one family of series.
#[derive(Debug)]
pub struct Family {
    /// Its name, without the endings that its kind adds (`_total`, `_bucket`, …).
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Its labels, without `le`.
    pub labels: &'static [&'static str],
    /// What it tells, in a sentence without its full stop, which the encoder adds.
    pub help: &'static str,
}

/// What kind of family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    /// The same, for the encoder.
    pub(super) const fn metric_type(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
        }
    }

    /// What series of this kind add to the family's name.
    const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["_total"],
            Self::Gauge => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Family {
    /// The names of its series, as queries have them.
    pub fn series(&self) -> impl Iterator<Item = String> {
        self.kind.endings().iter().map(|ending| format!("{}{ending}", self.name))
    }

    /// The unit that ends its name.
    pub(super) fn unit(&self) -> Option<&'static str> {
        self.name.strip_suffix("_seconds").map(|_| "seconds")
    }
}

// BUILD is no info of OpenMetrics: node_exporter refuses a file that has such a type in it.
macro_rules! families {
    ($($constant:ident $kind:ident $name:literal [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Family =
                Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// All families, in the order of the export.
        pub const ALL: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    SHUTDOWNS Counter "softoff_shutdowns" ["outcome", "verdict"],
        "Shutdowns that are over, by how they ended and how that is to be judged";
    BY_CAUSE Counter "softoff_shutdowns_by_cause" ["cause"],
        "The same shutdowns by why they were slow or failed; none where there is nothing to explain";
    BY_OS Counter "softoff_shutdowns_by_os" ["os", "verdict"],
        "The same shutdowns by the guest's system, in a small vocabulary";
    BY_PATH Counter "softoff_shutdowns_by_path" ["path", "verdict"],
        "The same shutdowns by the way the request took";
    BY_TIER Counter "softoff_shutdowns_by_tier" ["tier"],
        "The same shutdowns by the best source that covered them";
    HARD_STOPS Counter "softoff_hard_stops" ["escalated", "risk"],
        "Those that were hard stops, by what they may have cost and by whether a soft request came before";
    DURATION Histogram "softoff_shutdown_duration_seconds" ["censored"],
        "How long guests that were asked softly took to power themselves off, or (censored) how long they at least would have taken when they were cut off, crashed, slept, restarted or ignored it";
    PHASE Histogram "softoff_shutdown_phase_seconds" ["phase"],
        "How long phases of shutdowns took that came to their end";
    UNFINISHED Counter "softoff_unfinished_phases" ["phase"],
        "Shutdowns that were cut off or given up, by the phase that did not come to its end";
    LOST_EVENTS Counter "softoff_lost_events" [],
        "Events that were lost on their way to the journal, summed over the shutdowns they are missing from";
    PENDING Gauge "softoff_pending_shutdowns" [],
        "Shutdowns that were asked for and have not ended, not counted yet";
    SETTLING Gauge "softoff_settling_shutdowns" [],
        "Shutdowns that ended so recently that records of them may still come, not counted yet";
    BAD_LINES Gauge "softoff_journal_bad_lines" [],
        "Lines of the journal that cannot be read";
    BAD_FILES Gauge "softoff_journal_bad_files" [],
        "Files of the journal that cannot be read at all";
    LAST_SHUTDOWN Gauge "softoff_last_shutdown_timestamp_seconds" [],
        "When the last shutdown began, in seconds since 1970; absent where there was none";
    LAST_EXPORT Gauge "softoff_last_export_timestamp_seconds" [],
        "When this was exported, in seconds since 1970";
    BUILD Gauge "softoff_build_info" ["version"],
        "The softoff that exported this; always 1";
}

/// The families as a Markdown table.
pub fn markdown_table() -> String {
    let mut table = String::from("| Metric | Kind | Labels | Meaning |\n| --- | --- | --- | --- |\n");
    for family in ALL {
        let name = match family.kind {
            Kind::Histogram => family.name.to_owned(),
            kind => format!("{}{}", family.name, kind.endings()[0]),
        };
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{name}` | {} | {} | {}. |",
            family.kind.word(),
            labels.join(", "),
            family.help
        );
    }
    table
}
