//! What every chart has around it: title, scope, footnotes, and the mark of what is made up.

use askama::filters::{Html, escape};
use plotters::element::Rectangle;
use plotters::style::Color;
use softoff_reports::plot::{Canvas, Colour, Face, Side};
use softoff_reports::visible;

use crate::{Chart, ChartError, Context, Table};

/// Width of a picture in pixels.
pub(crate) const WIDTH: i32 = 1000;
/// The space between the edge and everything.
pub(crate) const PADDING: i32 = 24;
const TITLE: i32 = 26;
const LINE: i32 = 17;
const GAP: i32 = 14;
const MARK: &str = "SYNTHETIC: holds made-up shutdowns";
/// Longer names than this are cut before they are measured.
const CHARS_AT_MOST: usize = 120;

/// A rectangle of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Area {
    pub fn width(&self) -> i32 {
        self.right - self.left
    }

    pub fn height(&self) -> i32 {
        self.bottom - self.top
    }
}

/// The words around a chart.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub name: &'static str,
    pub title: String,
    /// What it says: the sentence below the title, and the text for those who do not see it.
    pub says: String,
    /// How it was made and what to beware of, a footnote each.
    pub notes: Vec<String>,
    pub table: Table,
}

impl Frame {
    /// Draws the frame and, between title and footnotes, a body of `height` pixels.
    pub fn draw(
        self,
        context: &Context,
        height: i32,
        body: impl FnOnce(&Canvas<'_>, Area) -> Result<(), ChartError>,
    ) -> Result<Chart, ChartError> {
        let inner = WIDTH - 2 * PADDING;
        let title = wrap(&self.title, Face::TITLE, inner);
        let scope = wrap(&cut(&context.scope), Face::TEXT, inner);
        let says = wrap(&self.says, Face::TEXT, inner);
        let notes: Vec<_> = self.notes.iter().flat_map(|note| wrap(note, Face::SMALL, inner)).collect();
        let mark = if context.synthetic { LINE + 10 } else { 0 };
        let top = PADDING + mark + TITLE * rows(title.len()) + LINE * rows(says.len() + scope.len()) + GAP;
        let area = Area { left: PADDING, top, right: WIDTH - PADDING, bottom: top + height };
        let total = area.bottom + GAP + LINE * rows(notes.len()) + PADDING / 2;
        let mut svg = String::new();
        let canvas = Canvas::new(&mut svg, WIDTH, total)?;
        if context.synthetic {
            synthetic(&canvas)?;
        }
        let mut y = PADDING + mark + TITLE / 2 - 4;
        lines(&canvas, &title, (Face::TITLE, Colour::Ink), TITLE, &mut y)?;
        lines(&canvas, &says, (Face::TEXT, Colour::Ink), LINE, &mut y)?;
        lines(&canvas, &scope, (Face::TEXT, Colour::Muted), LINE, &mut y)?;
        body(&canvas, area)?;
        y = area.bottom + GAP + LINE / 2;
        lines(&canvas, &notes, (Face::SMALL, Colour::Muted), LINE, &mut y)?;
        canvas.finish()?;
        let alt = format!("{}. {}", self.title, self.says);
        Ok(Chart {
            name: self.name,
            svg: described(&svg, &self.title, &self.says)?,
            title: self.title,
            alt,
            table: self.table,
        })
    }

    /// A chart of nothing says so.
    pub fn empty(self, context: &Context, why: &str) -> Result<Chart, ChartError> {
        self.draw(context, 120, |canvas, area| {
            let edge = Rectangle::new(
                [(area.left, area.top), (area.right, area.bottom)],
                Colour::Grid.rgb().stroke_width(1),
            );
            canvas.draw(&edge)?;
            let at = (i32::midpoint(area.left, area.right), i32::midpoint(area.top, area.bottom));
            Ok(canvas.text(why, at, Side::Middle, Face::TEXT, Colour::Muted)?)
        })
    }
}

fn lines(
    canvas: &Canvas<'_>,
    texts: &[String],
    (face, colour): (Face, Colour),
    height: i32,
    y: &mut i32,
) -> Result<(), ChartError> {
    for text in texts {
        canvas.text(text, (PADDING, *y), Side::Right, face, colour)?;
        *y += height;
    }
    Ok(())
}

/// The mark stands in a box of its own, above all else.
fn synthetic(canvas: &Canvas<'_>) -> Result<(), ChartError> {
    let (top, width) = (PADDING - 8, Face::STRONG.width(MARK));
    let box_ = [(PADDING, top), (PADDING + width + 20, top + LINE + 6)];
    canvas.draw(&Rectangle::new(box_, Colour::Supports.rgb().stroke_width(1)))?;
    let at = (PADDING + 10, top + LINE / 2 + 3);
    Ok(canvas.text(MARK, at, Side::Right, Face::STRONG, Colour::Supports)?)
}

/// The document with its title and description, which viewers and screen readers tell.
fn described(svg: &str, title: &str, says: &str) -> Result<String, ChartError> {
    let failed = |error: std::fmt::Error| ChartError::Draw(error.to_string());
    let escaped = |text: &str| {
        let mut out = String::new();
        let Ok(text) = escape(visible(text), Html);
        std::fmt::Write::write_fmt(&mut out, format_args!("{text}")).map_err(failed)?;
        Ok::<_, ChartError>(out)
    };
    let Some((head, rest)) = svg.split_once('>') else { return Ok(svg.to_owned()) };
    let (title, says) = (escaped(title)?, escaped(says)?);
    Ok(format!("{head} role=\"img\"><title>{title}</title><desc>{says}</desc>{rest}"))
}

/// A hostile text, visible and not endless.
pub(crate) fn cut(text: &str) -> String {
    let shown = visible(text);
    match shown.char_indices().nth(CHARS_AT_MOST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown.into_owned(),
    }
}

/// A hostile text in the pixels it may have.
pub(crate) fn shown(text: &str, face: Face, width: i32) -> String {
    face.fit(&cut(text), width)
}

/// The lines of a text, none wider than `width`.
pub(crate) fn wrap(text: &str, face: Face, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|longer| face.width(longer) <= width) {
            Some(longer) => {
                lines.pop();
                lines.push(longer);
            }
            None => lines.push(face.fit(word, width)),
        }
    }
    lines
}

pub(crate) fn rows(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
