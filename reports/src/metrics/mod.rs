//! Metrics: how many shutdowns there were, how they went and how long they took, for Prometheus.
//!
//! ```text
//! Recorded ─▶ standing ─▶ tally ─▶ encode      Prometheus' text format, OpenMetrics
//!             over, or    counts per
//!             not yet     family
//! ```
//!
//! * [`family`] is the table of what is exported, the contract of dashboards and alerts.
//! * [`standing`] says when a shutdown counts: only once nothing recorded can change it any more, so that
//!   counters never go down while the journal grows.
//! * [`tally`] counts; every series it knows is there from the start, with 0.
//! * [`buckets`] are the limits of the histograms, which the administrator chooses.
//! * [`dashboard`] and [`rules`] are what Grafana and Prometheus make of it.
//!
//! Labels only hold words of closed vocabularies, all of them `&'static str`: no name of a domain, no
//! text of a guest can become one.

pub mod buckets;
pub mod dashboard;
mod encode;
pub mod family;
mod os;
pub mod rules;
mod standing;
mod tally;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use softoff_analyzer::Episode;
use uuid::Uuid;

pub use buckets::Buckets;

/// What a journal tells.
#[derive(Debug, Clone, Default)]
pub struct Recorded<'a> {
    /// Its shutdowns, in any order.
    pub shutdowns: Vec<Shutdown<'a>>,
    /// Lines of it that could not be read.
    pub bad_lines: u64,
    /// Files of it that could not be read at all.
    pub bad_files: u64,
}

/// A shutdown, and what it tells of how long the guest needs.
#[derive(Debug, Clone, Copy)]
pub struct Shutdown<'a> {
    /// The shutdown.
    pub episode: &'a Episode,
    /// Absent where nobody asked the guest softly, or no time is known.
    pub observed: Option<Observed>,
}

/// How long a guest was seen to need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// Seconds from the request on.
    pub seconds: f64,
    /// It was cut off, or never ended: it would have taken longer.
    pub censored: bool,
}

/// The moment for which it is told.
#[derive(Debug, Clone, Copy)]
pub struct Present {
    /// Wall time.
    pub at: DateTime<Utc>,
    /// The boot that lasts: what is pending in another one never ends.
    pub boot_id: Option<Uuid>,
}

/// In which syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Prometheus' text format 0.0.4, which node_exporter's textfile collector reads.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// The metrics of what was recorded, without timestamps. The same arguments give the same bytes.
pub fn metrics(
    recorded: &Recorded<'_>,
    present: Present,
    buckets: &Buckets,
    syntax: Syntax,
) -> Result<String, crate::ReportError> {
    let families = tally::Tally::of(recorded, present, buckets).into_families(present);
    Ok(encode::encode(families, syntax)?)
}
