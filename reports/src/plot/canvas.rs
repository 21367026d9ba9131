//! A drawing area with the few things that a timeline is made of, and its colours.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle};

use super::font::{FAMILIES, Face};
use crate::ReportError;

/// A colour by its part, so that the page can give it another one in the dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The background.
    Paper,
    /// Text, and what matters most.
    Ink,
    /// Text that steps back, and axes.
    Muted,
    /// Lines behind everything.
    Grid,
    /// What speaks for a cause.
    Supports,
    /// A phase, by its number.
    Phase(usize),
}

/// Okabe and Ito's palette, which stays distinct for the colour-blind; one for each phase.
const PHASES: [RGBColor; 6] = [
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0xCC, 0x79, 0xA7),
];

impl Colour {
    /// As plotters has it.
    pub fn rgb(self) -> RGBColor {
        match self {
            Self::Paper => RGBColor(0xFF, 0xFF, 0xFF),
            Self::Ink => RGBColor(0x1A, 0x1F, 0x26),
            Self::Muted => RGBColor(0x5B, 0x65, 0x70),
            Self::Grid => RGBColor(0xE2, 0xE6, 0xEA),
            Self::Supports => RGBColor(0xC4, 0x32, 0x00),
            Self::Phase(index) => PHASES[index % PHASES.len()],
        }
    }

    /// As the SVG spells it.
    pub fn hex(self) -> String {
        let RGBColor(red, green, blue) = self.rgb();
        format!("#{red:02X}{green:02X}{blue:02X}")
    }

    fn fill(self) -> ShapeStyle {
        self.rgb().filled()
    }
}

/// Which side of its point a text stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right of it.
    Right,
    /// To the left of it.
    Left,
    /// Around it.
    Middle,
}

type Point = (i32, i32);

/// The picture. Coordinates are pixels from the top left.
pub struct Canvas<'a>(DrawingArea<SVGBackend<'a>, Shift>);

impl<'a> Canvas<'a> {
    /// A picture of so many pixels, which [`finish`](Self::finish) has written into `svg`.
    pub fn new(svg: &'a mut String, width: i32, height: i32) -> Result<Self, ReportError> {
        let size = (width.unsigned_abs(), height.unsigned_abs());
        let area = SVGBackend::with_string(svg, size).into_drawing_area();
        area.fill(&Colour::Paper.rgb()).map_err(failed)?;
        Ok(Self(area))
    }

    /// Ends the document.
    pub fn finish(self) -> Result<(), ReportError> {
        self.0.present().map_err(failed)
    }

    /// A filled rectangle.
    pub fn bar(&self, from: Point, to: Point, colour: Colour) -> Result<(), ReportError> {
        self.draw(&Rectangle::new([from, to], colour.fill()))
    }

    /// A line, one pixel wide.
    pub fn line(&self, from: Point, to: Point, colour: Colour) -> Result<(), ReportError> {
        self.draw(&PathElement::new([from, to], colour.rgb().stroke_width(1)))
    }

    /// A filled circle.
    pub fn disc(&self, centre: Point, radius: i32, colour: Colour) -> Result<(), ReportError> {
        self.draw(&Circle::new(centre, radius, colour.fill()))
    }

    /// A circle that hides what is behind it.
    pub fn ring(&self, centre: Point, radius: i32, colour: Colour) -> Result<(), ReportError> {
        self.disc(centre, radius, Colour::Paper)?;
        self.draw(&Circle::new(centre, radius, colour.rgb().stroke_width(2)))
    }

    /// A triangle beside `centre` that points left or right.
    pub fn arrow(&self, centre: Point, side: Side, colour: Colour) -> Result<(), ReportError> {
        let (x, y) = centre;
        let tip = if side == Side::Left { x - 6 } else { x + 6 };
        self.draw(&Polygon::new([(tip, y), (x, y - 5), (x, y + 5)], colour.fill()))
    }

    /// `text` beside `at`, centred on it vertically.
    pub fn text(
        &self,
        text: &str,
        at: Point,
        side: Side,
        face: Face,
        colour: Colour,
    ) -> Result<(), ReportError> {
        let anchor = match side {
            Side::Right => HPos::Left,
            Side::Left => HPos::Right,
            Side::Middle => HPos::Center,
        };
        // The SVG backend divides sizes by 1.24 to turn a font's height into its em.
        let font = (FAMILIES, f64::from(face.size) * 1.24).into_font();
        let font = if face.bold { font.style(FontStyle::Bold) } else { font };
        let style = font.color(&colour.rgb()).pos(Pos::new(anchor, VPos::Center));
        self.draw(&Text::new(text.to_owned(), at, style))
    }

    /// Any element of plotters.
    pub fn draw<E>(&self, element: &E) -> Result<(), ReportError>
    where
        for<'e> &'e E: PointCollection<'e, Point>,
        E: Drawable<SVGBackend<'a>>,
    {
        self.0.draw(element).map_err(failed)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: DrawingAreaErrorKind<std::io::Error>) -> ReportError {
    ReportError::Draw(error.to_string())
}
