//! Strokes that plotters has no element for, and its elements with a [`Look`].

use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle};
use plotters::style::{Color, RGBColor, ShapeStyle};
use softoff_reports::plot::{Canvas, Colour, Face, Side};

use crate::ChartError;
use crate::frame::Area;
use crate::palette::{Look, Shape};

/// A pixel.
pub(crate) type Point = (i32, i32);

/// A line through all points.
pub(crate) fn line(canvas: &Canvas<'_>, points: &[Point], look: Look) -> Result<(), ChartError> {
    let style = look.colour.stroke_width(2);
    match look.dash {
        Some((size, gap)) => {
            Ok(canvas.draw(&DashedPathElement::new(points.iter().copied(), size, gap, style))?)
        }
        None => Ok(canvas.draw(&PathElement::new(points, style))?),
    }
}

/// A thin line without gaps.
pub(crate) fn thin(canvas: &Canvas<'_>, points: &[Point], colour: RGBColor) -> Result<(), ChartError> {
    Ok(canvas.draw(&PathElement::new(points, colour.stroke_width(1)))?)
}

/// An area, pale.
pub(crate) fn band(canvas: &Canvas<'_>, edge: Vec<Point>, colour: RGBColor) -> Result<(), ChartError> {
    Ok(canvas.draw(&Polygon::new(edge, colour.mix(0.16)))?)
}

/// A marker; a hollow one says that few stand behind it.
pub(crate) fn marker(canvas: &Canvas<'_>, (x, y): Point, look: Look, hollow: bool) -> Result<(), ChartError> {
    let size = 4;
    let corners: &[Point] = match look.shape {
        Shape::Disc => {
            return if hollow {
                canvas.draw(&Circle::new((x, y), size, Colour::Paper.rgb().filled()))?;
                Ok(canvas.draw(&Circle::new((x, y), size, look.colour.stroke_width(1)))?)
            } else {
                Ok(canvas.draw(&Circle::new((x, y), size, look.colour.filled()))?)
            };
        }
        Shape::Cross | Shape::Plus => return strokes(canvas, (x, y), look),
        Shape::Square => &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
        Shape::Triangle => &[(0, -5), (5, 4), (-5, 4)],
        Shape::Diamond => &[(0, -6), (5, 0), (0, 6), (-5, 0)],
    };
    let corners: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    polygon(canvas, corners, look.colour, hollow)
}

fn strokes(canvas: &Canvas<'_>, (x, y): Point, look: Look) -> Result<(), ChartError> {
    let ends: [[Point; 2]; 2] = match look.shape {
        Shape::Plus => [[(-5, 0), (5, 0)], [(0, -5), (0, 5)]],
        _ => [[(-4, -4), (4, 4)], [(-4, 4), (4, -4)]],
    };
    for end in ends {
        let points = end.map(|(dx, dy)| (x + dx, y + dy));
        canvas.draw(&PathElement::new(points, look.colour.stroke_width(2)))?;
    }
    Ok(())
}

/// An open triangle that points up: the value lies above.
pub(crate) fn beyond(canvas: &Canvas<'_>, (x, y): Point, colour: RGBColor) -> Result<(), ChartError> {
    polygon(canvas, vec![(x, y - 7), (x + 5, y + 2), (x - 5, y + 2)], colour, true)
}

fn polygon(
    canvas: &Canvas<'_>,
    mut corners: Vec<Point>,
    colour: RGBColor,
    hollow: bool,
) -> Result<(), ChartError> {
    let fill = if hollow { Colour::Paper.rgb() } else { colour };
    canvas.draw(&Polygon::new(corners.clone(), fill.filled()))?;
    corners.extend(corners.first().copied());
    Ok(canvas.draw(&PathElement::new(corners, colour.stroke_width(1)))?)
}

/// A filled rectangle.
pub(crate) fn fill(canvas: &Canvas<'_>, area: Area, style: ShapeStyle) -> Result<(), ChartError> {
    Ok(canvas.draw(&Rectangle::new([(area.left, area.top), (area.right, area.bottom)], style))?)
}

/// A rectangle with a look; stripes where it has them and there is room.
pub(crate) fn swatch(canvas: &Canvas<'_>, area: Area, look: Look) -> Result<(), ChartError> {
    fill(canvas, area, look.colour.filled())?;
    if look.striped { stripes(canvas, area, 6) } else { Ok(()) }
}

/// Stripes of the paper's colour from the lower left to the upper right.
pub(crate) fn stripes(canvas: &Canvas<'_>, area: Area, gap: i32) -> Result<(), ChartError> {
    let (width, height) = (area.width(), area.height());
    if width < 3 || height < 3 {
        return Ok(());
    }
    let mut offset = gap / 2;
    while offset < width + height {
        // x + y = offset, from the left or bottom edge to the top or right edge.
        let from = (area.left + (offset - height).max(0), area.top + offset.min(height));
        let to = (area.left + offset.min(width), area.top + (offset - width).max(0));
        thin(canvas, &[from, to], Colour::Paper.rgb())?;
        offset += gap;
    }
    Ok(())
}

/// A small text of an axis.
pub(crate) fn note(canvas: &Canvas<'_>, text: &str, at: Point, side: Side) -> Result<(), ChartError> {
    Ok(canvas.text(text, at, side, Face::SMALL, Colour::Muted)?)
}

/// Moves heights apart until none is nearer to the next than `gap`; they stay in order and within the limits
/// where there is room for all.
pub(crate) fn apart(heights: &[i32], gap: i32, (top, bottom): (i32, i32)) -> Vec<i32> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by_key(|&index| heights[index]);
    let mut placed = heights.to_vec();
    let mut least = top;
    for &index in &order {
        placed[index] = placed[index].max(least);
        least = placed[index] + gap;
    }
    let mut most = bottom;
    for &index in order.iter().rev() {
        placed[index] = placed[index].min(most);
        most = placed[index] - gap;
    }
    placed
}
