//! Colours that the colour-blind can tell apart, and with each a dash and a marker, so that colour is never
//! the only sign.

use plotters::style::RGBColor;
use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};
use softoff_reports::plot::Colour;

/// The shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Disc,
    Square,
    Triangle,
    Diamond,
    Cross,
    Plus,
}

/// How one of several is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    pub colour: RGBColor,
    /// Pixels drawn and left out; none for a line without gaps.
    pub dash: Option<(i32, i32)>,
    pub shape: Shape,
    /// Areas have stripes.
    pub striped: bool,
}

const fn look(colour: RGBColor, dash: Option<(i32, i32)>, shape: Shape, striped: bool) -> Look {
    Look { colour, dash, shape, striped }
}

/// Okabe and Ito's palette (Color Universal Design, 2008), without its yellow, which is lost on white.
const LOOKS: [Look; 7] = [
    look(RGBColor(0x00, 0x72, 0xB2), None, Shape::Disc, false),
    look(RGBColor(0xD5, 0x5E, 0x00), Some((9, 4)), Shape::Square, true),
    look(RGBColor(0x00, 0x9E, 0x73), None, Shape::Triangle, false),
    look(RGBColor(0xCC, 0x79, 0xA7), Some((4, 3)), Shape::Diamond, true),
    look(RGBColor(0xE6, 0x9F, 0x00), None, Shape::Cross, false),
    look(RGBColor(0x56, 0xB4, 0xE9), Some((12, 3)), Shape::Plus, true),
    look(RGBColor(0x7A, 0x5C, 0x2E), None, Shape::Square, false),
];

/// The look of the one with this number.
pub(crate) fn of(index: usize) -> Look {
    LOOKS[index % LOOKS.len()]
}

/// What stands back: all others, and what is as it should be.
pub(crate) fn others() -> Look {
    look(Colour::Muted.rgb(), Some((2, 3)), Shape::Disc, false)
}

/// A colour for a share of a scale from 0 to 1: light means little on a dark page and on a light one alike,
/// because the bar beside it tells which end is which.
pub(crate) fn sequential(share: f64) -> RGBColor {
    // From dark (little) to bright (much) as viridis has it, turned round: much is dark on paper.
    ViridisRGB.get_color(1.0 - share.clamp(0.0, 1.0))
}
