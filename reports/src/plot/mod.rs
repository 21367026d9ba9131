//! The timeline as a picture: phases as bars, each on a row of its own, and below them what was
//! seen, each sighting a marker with its text beside it. Rows never share a line, so nothing can
//! overlap, however short the episode or long the text.
//!
//! ```text
//! title: what happened
//! when, cause, id
//! deliver  ▏ 0.4 ms
//! notice   ▇▇ 31 ms
//! guest      ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ 2.90 s
//! hook     ● +0.000 s  shutdown requested
//! probe       ● +0.031 s  guest acknowledged the power button
//!          └────┴────┴────┴────┴────┘ seconds
//! ```

mod axis;
mod canvas;
mod font;
mod panel;
mod raster;

use softoff_analyzer::Episode;

use crate::ReportError;
use crate::story::Story;
use panel::Panel;

pub use canvas::{Canvas, Colour, Side};
pub use font::Face;
pub use raster::png;

/// Width of a picture in pixels; its height follows from what it shows.
pub(crate) const WIDE: i32 = 1000;
/// The same for a telephone.
pub(crate) const NARROW: i32 = 440;

/// The episodes' timelines as one SVG document, one below the other.
pub fn svg(episodes: &[&Episode]) -> Result<String, ReportError> {
    let stories: Vec<_> = episodes.iter().map(|episode| Story::of(episode)).collect();
    let panels: Vec<_> = stories.iter().map(|story| Panel::new(story, WIDE, true)).collect();
    stacked(&panels, WIDE)
}

/// One timeline, for a place that says what it shows.
pub(crate) fn untitled(story: &Story, width: i32) -> Result<String, ReportError> {
    stacked(&[Panel::new(story, width, false)], width)
}

fn stacked(panels: &[Panel<'_>], width: i32) -> Result<String, ReportError> {
    let height = panels.iter().map(Panel::height).sum();
    let mut svg = String::new();
    let canvas = Canvas::new(&mut svg, width, height)?;
    let mut top = 0;
    for panel in panels {
        panel.draw(&canvas, top)?;
        top += panel.height();
    }
    canvas.finish()?;
    Ok(svg)
}
