//! Percentiles over time: is it getting slower? Beneath them, how many shutdowns stand behind each.

use chrono::NaiveDate;
use plotters::style::Color;
use softoff_reports::plot::{Canvas, Colour, Face, Side};

use crate::frame::{Area, Frame};
use crate::palette::{self, Look, Shape};
use crate::scale::{self, Amount, Seconds};
use crate::times::Times;
use crate::{Chart, ChartError, Context, Count, ENOUGH, Quantile, Table, pen, real};

/// The percentiles that are drawn.
pub const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentiles {
    /// The calendar.
    pub times: Times,
    /// In order of time; steps without shutdowns may be left out.
    pub points: Vec<Point>,
}

/// One step of the calendar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// A day in it.
    pub day: NaiveDate,
    /// How many shutdowns.
    pub count: Count,
    /// The percentiles of [`SHARES`].
    pub values: [Quantile; 3],
}

const HEIGHT: i32 = 470;
/// Room for labels left and right of the area.
const LEFT: i32 = 64;
const RIGHT: i32 = 60;
const COUNTS: i32 = 66;

impl Percentiles {
    /// Draws it.
    pub fn chart(&self, context: &Context) -> Result<Chart, ChartError> {
        let frame = self.frame();
        if self.points.iter().all(|point| point.count.timed == 0) {
            return frame.empty(context, "No shutdown whose time is known.");
        }
        frame.draw(context, HEIGHT, |canvas, body| self.draw(canvas, body))
    }

    fn frame(&self) -> Frame {
        let all = |of: fn(&Count) -> u64| self.points.iter().map(|point| of(&point.count)).sum();
        let count = Count { timed: all(|count| count.timed), cut_off: all(|count| count.cut_off) };
        let step = self.times.step.name();
        Frame {
            name: "percentiles",
            title: "How long shutdowns take".to_owned(),
            says: format!(
                "Half of the shutdowns of a {step} are over by p50, 90 % by p90, 99 % by p99. {}.",
                count.told()
            ),
            notes: vec![
                "Kaplan-Meier percentiles: a shutdown that was cut off counts as longer than it was seen. \
                 Open triangle: so many were cut off that only a lower limit is known."
                    .to_owned(),
                format!(
                    "Hollow markers, not joined: fewer than {ENOUGH} timed shutdowns, for p99 fewer than 100. A {step} without \
                     shutdowns is left empty."
                ),
            ],
            table: self.table(),
        }
    }

    fn table(&self) -> Table {
        let row = |point: &Point| {
            let head = [
                point.day.to_string(),
                crate::thousands(point.count.timed),
                crate::thousands(point.count.cut_off),
            ];
            head.into_iter().chain(point.values.map(Quantile::told)).collect()
        };
        let step = self.times.step.name();
        Table::new(1, &[step, "timed", "cut off", "p50", "p90", "p99"], self.points.iter().map(row).collect())
    }

    fn draw(&self, canvas: &Canvas<'_>, body: Area) -> Result<(), ChartError> {
        let (left, right) = (body.left + LEFT, body.right - RIGHT);
        let counts = Area { left, right, top: body.bottom - 40 - COUNTS, bottom: body.bottom - 40 };
        let area = Area { left, right, top: body.top + 22, bottom: counts.top - 34 };
        let values = self.points.iter().flat_map(|point| point.values).filter_map(Quantile::seconds);
        let seconds = Seconds::holding(values, (area.bottom, area.top));
        scale::heading(canvas, area, "time until it is off (logarithmic)")?;
        scale::rungs(
            canvas,
            area,
            seconds.ticks().into_iter().map(|(tick, label)| (seconds.at(tick), label)),
        )?;
        canvas.line((area.left, area.bottom), (area.right, area.bottom), Colour::Muted)?;
        for index in 0..SHARES.len() {
            self.series(canvas, area, &seconds, index)?;
        }
        self.labels(canvas, area, &seconds)?;
        self.counts(canvas, counts)?;
        self.times.axis(canvas, counts)
    }

    /// The points of a percentile, with the number of their steps.
    fn values(&self, index: usize) -> impl Iterator<Item = (usize, Point, Quantile)> + '_ {
        self.points
            .iter()
            .filter_map(move |point| Some((self.times.index(point.day)?, *point, *point.values.get(index)?)))
    }

    fn series(
        &self,
        canvas: &Canvas<'_>,
        area: Area,
        seconds: &Seconds,
        index: usize,
    ) -> Result<(), ChartError> {
        let look = look(index);
        for joined in self.joined(index) {
            let points: Vec<_> = joined
                .iter()
                .map(|(step, value)| (self.times.middle(area, *step), seconds.at(*value)))
                .collect();
            pen::line(canvas, &points, look)?;
        }
        for (step, point, value) in self.values(index) {
            let x = self.times.middle(area, step);
            match value {
                Quantile::At(value) => {
                    pen::marker(canvas, (x, seconds.at(value)), look, !is_enough(point.count, index))?;
                }
                Quantile::Beyond(value) => pen::beyond(canvas, (x, seconds.at(value)), look.colour)?,
                Quantile::Unknown => {}
            }
        }
        Ok(())
    }

    /// Runs of steps that follow each other, whose value is known and rests on enough.
    fn joined(&self, index: usize) -> Vec<Vec<(usize, f64)>> {
        let mut runs: Vec<Vec<(usize, f64)>> = Vec::new();
        for (step, point, value) in self.values(index) {
            let (Quantile::At(value), true) = (value, is_enough(point.count, index)) else { continue };
            match runs.last_mut() {
                Some(run) if run.last().is_some_and(|(last, _)| last + 1 == step) => run.push((step, value)),
                _ => runs.push(vec![(step, value)]),
            }
        }
        runs
    }

    /// The name of each line beside its last point.
    fn labels(&self, canvas: &Canvas<'_>, area: Area, seconds: &Seconds) -> Result<(), ChartError> {
        let ends: Vec<(usize, i32)> = (0..SHARES.len())
            .filter_map(|index| {
                let last = self.values(index).filter_map(|(.., value)| value.seconds()).last()?;
                Some((index, seconds.at(last)))
            })
            .collect();
        let heights: Vec<_> = ends.iter().map(|(_, y)| *y).collect();
        let placed = pen::apart(&heights, 18, (area.top, area.bottom));
        for ((index, _), y) in ends.into_iter().zip(placed) {
            let look = look(index);
            pen::marker(canvas, (area.right + 14, y), look, false)?;
            let at = (area.right + 24, y);
            canvas.text(SHARES[index].0, at, Side::Right, Face::STRONG, Colour::Ink)?;
        }
        Ok(())
    }

    fn counts(&self, canvas: &Canvas<'_>, area: Area) -> Result<(), ChartError> {
        let most = self.points.iter().map(|point| point.count.timed).max().unwrap_or(0);
        let amount = Amount::up_to(real(most), (area.bottom, area.top), 2);
        scale::heading(
            canvas,
            area,
            &format!("timed shutdowns {} (pale), of these cut off (full)", self.times.per()),
        )?;
        let ends = [0.0, amount.most()].map(|tick| (amount.at(tick), scale::number(tick, 1.0)));
        scale::rungs(canvas, area, ends)?;
        for point in &self.points {
            let Some(step) = self.times.index(point.day) else { continue };
            let (left, right) = slim(self.times.span(area, step));
            let bar = |count: u64| Area { left, right, top: amount.at(real(count)), bottom: area.bottom };
            let look: Look = palette::others();
            pen::fill(canvas, bar(point.count.timed), look.colour.mix(0.35).filled())?;
            pen::fill(canvas, bar(point.count.cut_off.min(point.count.timed)), look.colour.filled())?;
        }
        Ok(())
    }
}

/// A triangle is kept for what lies beyond.
fn look(index: usize) -> Look {
    let look = palette::of(index);
    if look.shape == Shape::Triangle { Look { shape: Shape::Diamond, ..look } } else { look }
}

/// Whether so many say enough of a percentile: at least one must lie beyond it.
fn is_enough(count: Count, index: usize) -> bool {
    let beyond = SHARES.get(index).map_or(0.0, |(_, share)| 1.0 - share) * real(count.timed);
    count.is_enough() && beyond > 1.0 - 1e-9
}

/// A bar with a little air on both sides, and not too wide.
pub(crate) fn slim((left, right): (i32, i32)) -> (i32, i32) {
    let middle = i32::midpoint(left, right);
    let half = ((right - left) * 2 / 5).clamp(1, 40);
    (middle - half, middle + half)
}
