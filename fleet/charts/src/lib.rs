//! What the fleet engine counted, as pictures and one page. Pure functions: values in, SVG, PNG and HTML
//! out; no store, no query engine, no clock.
//!
//! ```text
//!          ┌─▶ percentiles   how long shutdowns take, over time
//!          ├─▶ survival      the share still running, by group
//! values ──┼─▶ lost          hours lost by cause, over time      ──▶ Chart ─▶ SVG, PNG, table
//!          ├─▶ hosts         hosts by time                            └────▶ page
//!          ├─▶ phases        where slow shutdowns spend their time
//!          └─▶ change        before and after
//! ```
//!
//! * [`frame`] is what all have in common: title, scope, footnotes. [`pen`] draws what plotters has no element
//!   for, [`palette`] has colours that the colour-blind can tell apart, each with a mark of its own.
//! * [`scale`] and [`times`] are the axes, [`curves`] are survival curves.
//!
//! Names come from guests and are hostile: they pass through [`frame::shown`], which makes them visible and
//! cuts them to the pixels they have.

pub mod change;
mod chart;
pub mod curves;
mod frame;
pub mod hosts;
pub mod lost;
pub mod page;
mod palette;
mod pen;
pub mod percentiles;
pub mod phases;
mod scale;
pub mod survival;
pub mod times;

use softoff_reports::ReportError;
use softoff_reports::units;

pub use chart::{Chart, Context, Table};

/// Fewer timed shutdowns than this say little: they are drawn hollow or hatched, or only counted.
pub const ENOUGH: u64 = 20;

/// How many shutdowns stand behind something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Those whose time was seen, to the end or not.
    pub timed: u64,
    /// Those of them whose end was not seen.
    pub cut_off: u64,
}

impl Count {
    /// `1 234 timed, 56 cut off`.
    pub fn told(self) -> String {
        format!("{} timed, {} cut off", thousands(self.timed), thousands(self.cut_off))
    }

    /// Whether they say enough.
    pub fn is_enough(self) -> bool {
        self.timed >= ENOUGH
    }
}

/// A percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantile {
    /// So many seconds.
    At(f64),
    /// More than so many seconds: too many were cut off to say.
    Beyond(f64),
    /// Nothing was seen.
    Unknown,
}

impl Quantile {
    /// For people: `2.90 s`, `> 5 min 0 s`, `-`.
    pub fn told(self) -> String {
        match self {
            Self::At(seconds) => units::duration(seconds),
            Self::Beyond(seconds) => format!("> {}", units::duration(seconds)),
            Self::Unknown => "-".to_owned(),
        }
    }

    /// The seconds that are known of it.
    pub(crate) fn seconds(self) -> Option<f64> {
        match self {
            Self::At(seconds) | Self::Beyond(seconds) => Some(seconds).filter(|seconds| seconds.is_finite()),
            Self::Unknown => None,
        }
    }
}

/// A number with its thousands apart, which no line may break.
pub fn thousands(count: u64) -> String {
    units::thousands(count, '\u{a0}')
}

/// Counts stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// Why something could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The drawing failed.
    #[error("cannot draw the chart: {0}")]
    Draw(String),
    /// The drawing could not be turned into a PNG.
    #[error("cannot turn the chart into a PNG: {0}; its SVG shows the same")]
    Raster(String),
    /// The page's template failed.
    #[error("cannot write the page of charts")]
    Page(#[from] askama::Error),
}

impl From<ReportError> for ChartError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Raster(why) => Self::Raster(why),
            ReportError::Draw(why) => Self::Draw(why),
            other => Self::Draw(other.to_string()),
        }
    }
}
