//! The page: all charts in one file, no script and nothing fetched from elsewhere, so that it can be mailed,
//! archived and printed. The pictures stand beside it as files too.

use askama::Template;
use softoff_reports::plot::Colour;

use crate::frame::cut;
use crate::{Chart, ChartError, Context};

/// A figure that stands above all charts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headline {
    /// What it counts.
    pub label: String,
    /// The figure.
    pub value: String,
    /// What to know about it.
    pub note: String,
}

impl Headline {
    /// A figure with what it counts and what to know about it.
    pub fn new(value: impl Into<String>, label: &str, note: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into(), note: note.into() }
    }
}

/// The charts as a page.
pub fn page(context: &Context, headlines: &[Headline], charts: &[Chart]) -> Result<String, ChartError> {
    let page = Page {
        scope: cut(&context.scope),
        synthetic: context.synthetic,
        headlines,
        charts,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(page.render()? + "\n")
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct Page<'a> {
    scope: String,
    synthetic: bool,
    headlines: &'a [Headline],
    charts: &'a [Chart],
    version: &'static str,
}
