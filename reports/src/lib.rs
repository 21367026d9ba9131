//! Episodes in, something to look at out. Pure functions over values: no journal, no clock, no
//! terminal; those belong to the command line.
//!
//! ```text
//!              ┌─▶ list      a table
//! Episode ─▶ story ─▶ explain   text and Markdown
//!    │         ├─▶ plot      a timeline as SVG or PNG
//!    │         └─▶ page      a self-contained HTML page, with pictures of guests' screens
//!    ├─▶ json                the contract, as it is
//!    └─▶ metrics             counts for Prometheus, without any text of an episode
//! ```
//!
//! Names and texts in an episode come from operators and guests and are hostile: [`story`] passes
//! every one of them through [`visible`], and each format then escapes for its own syntax. A
//! format never looks at an episode's strings past the story.
//!
//! All times are UTC, like those in the logs of QEMU and libvirt.

pub mod causes;
pub mod explain;
mod failure;
mod guest;
mod json;
mod list;
pub mod metrics;
pub mod moment;
mod page;
mod pictures;
pub mod plot;
mod screen;
mod story;
pub mod units;
mod visible;

pub use failure::{failure, is_broken_pipe};
pub use json::{to_json, to_json_line};
pub use list::list;
pub use page::{page, page_with};
pub use pictures::Pictures;
pub use screen::Screen;
pub use visible::visible;

/// Why something could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// An episode could not be written as JSON.
    #[error("cannot write the episodes as JSON")]
    Json(#[from] serde_json::Error),
    /// The timeline could not be drawn.
    #[error("cannot draw the timeline: {0}; `softoff explain` tells the same in words")]
    Draw(String),
    /// The drawing could not be turned into a PNG.
    #[error("cannot turn the timeline into a PNG: {0}; an SVG needs no such step (-o FILE.svg)")]
    Raster(String),
    /// The page's template failed.
    #[error("cannot write the HTML page")]
    Page(#[from] askama::Error),
    /// The metrics could not be written.
    #[error("cannot write the metrics")]
    Metrics(#[from] std::fmt::Error),
    /// The alert rules could not be written as YAML.
    #[error("cannot write the alert rules as YAML")]
    Rules(#[from] serde_saphyr::SerializeError),
}
