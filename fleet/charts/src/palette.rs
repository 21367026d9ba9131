//! Colours that the colour-blind can tell apart, and with each a dash and a marker, so that colour is never
//! the only sign.

use plotters::style::RGBColor;
use plotters::style::colors::colormaps::{ColorMap, DerivedColorMap};
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

/// Brewer's YlOrRd (ColorBrewer 2.0), from little to much: its lightness falls evenly, so it can be read without
/// telling red from green. It begins with a yellow that is not the paper, and ends before black.
const YELLOW_TO_RED: [RGBColor; 7] = [
    RGBColor(0xFF, 0xED, 0xA0),
    RGBColor(0xFE, 0xD9, 0x76),
    RGBColor(0xFE, 0xB2, 0x4C),
    RGBColor(0xFD, 0x8D, 0x3C),
    RGBColor(0xFC, 0x4E, 0x2A),
    RGBColor(0xE3, 0x1A, 0x1C),
    RGBColor(0xA0, 0x00, 0x26),
];

/// A colour for a share of a scale from 0 to 1.
pub(crate) fn sequential(share: f64) -> RGBColor {
    DerivedColorMap::new(&YELLOW_TO_RED).get_color(share.clamp(0.0, 1.0))
}
