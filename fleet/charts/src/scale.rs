//! Axes of numbers: seconds on a logarithmic scale, and counts and shares from zero on.

use plotters::coord::combinators::{IntoLogRange, LogCoord};
use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;
use softoff_reports::plot::{Canvas, Colour, Face, Side};

use crate::ChartError;
use crate::frame::Area;
use crate::pen;

/// Times from shortest to longest that an axis has ticks at.
const COARSE: [f64; 11] = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 864_000.0];
const MEDIUM: [f64; 15] =
    [0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 21_600.0, 86_400.0];
const FINE: [f64; 28] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0,
    300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 21_600.0, 43_200.0, 86_400.0, 259_200.0, 864_000.0,
];
/// What no time is drawn beyond: half a year.
const LONGEST: f64 = 15_552_000.0;
const SHORTEST: f64 = 0.001;

/// Seconds on a logarithmic axis.
pub(crate) struct Seconds {
    coord: LogCoord<f64>,
    from: f64,
    to: f64,
    pixels: (i32, i32),
}

impl Seconds {
    /// An axis that holds all of `values`, from one pixel to another.
    pub fn holding(values: impl IntoIterator<Item = f64>, pixels: (i32, i32)) -> Self {
        let fit = |value: f64| value.clamp(SHORTEST, LONGEST);
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|value| value.is_finite()).map(fit) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (1.0, 60.0);
        }
        let from = low / 1.25;
        let to = (high * 1.25).max(from * 8.0);
        Self { coord: (from..to).log_scale().into(), from, to, pixels }
    }

    /// The pixel of a time; those outside are moved to the ends.
    pub fn at(&self, seconds: f64) -> i32 {
        self.coord.map(&seconds.clamp(self.from, self.to), self.pixels)
    }

    /// Times and labels of the ticks: as many as a picture has room for.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        const AT_MOST: usize = 12;
        // Upwards, labels need their height; to the right, their width.
        let room = if self.pixels.0 > self.pixels.1 { 16 } else { 44 };
        let apart = |pair: &[f64]| (self.at(pair[1]) - self.at(pair[0])).abs() >= room;
        let lists = [self.within(&FINE), self.within(&MEDIUM)];
        let fitting = lists.into_iter().find(|ticks| ticks.len() <= AT_MOST && ticks.windows(2).all(apart));
        labelled(fitting.unwrap_or_else(|| self.within(&COARSE)))
    }

    /// Few ticks, for what needs room.
    pub fn coarse_ticks(&self) -> Vec<(f64, String)> {
        let coarse = self.within(&COARSE);
        labelled(if coarse.len() >= 3 { coarse } else { self.within(&FINE) })
    }

    fn within(&self, list: &[f64]) -> Vec<f64> {
        list.iter().copied().filter(|tick| (self.from..=self.to).contains(tick)).collect()
    }
}

fn labelled(ticks: Vec<f64>) -> Vec<(f64, String)> {
    ticks.into_iter().map(|tick| (tick, tick_label(tick))).collect()
}

/// `5 ms`, `0.5 s`, `10 min`, `1 h`.
fn tick_label(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{:.0} ms", s * 1e3),
        s if s < 60.0 => format!("{s} s"),
        s if s < 3600.0 => format!("{:.0} min", s / 60.0),
        s if s < 86_400.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// Numbers from zero on.
pub(crate) struct Amount {
    coord: RangedCoordf64,
    pixels: (i32, i32),
    most: f64,
    ticks: Vec<f64>,
}

impl Amount {
    /// An axis up to `most`, rounded up to a tick, from one pixel to another, with about so many ticks.
    pub fn up_to(most: f64, pixels: (i32, i32), ticks: usize) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let found = RangedCoordf64::from(0.0..most).key_points(BoldPoints(ticks.max(2)));
        let step = found.get(1).zip(found.first()).map_or(most, |(b, a)| b - a);
        let steps = (most / step - 1e-9).ceil().clamp(1.0, 100.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 100")]
        let ticks = (0..=steps as u32).map(|tick| f64::from(tick) * step).collect();
        let most = steps * step;
        Self { coord: (0.0..most).into(), pixels, most, ticks }
    }

    /// The pixel of a number; those outside are moved to the ends.
    pub fn at(&self, value: f64) -> i32 {
        self.coord.map(&value.clamp(0.0, self.most), self.pixels)
    }

    /// The number at the far end.
    pub fn most(&self) -> f64 {
        self.most
    }

    /// The numbers that have a tick.
    pub fn ticks(&self) -> &[f64] {
        &self.ticks
    }
}

/// `0.5`, `20`, `1 500`: as many decimals as the steps need.
pub(crate) fn number(value: f64, step: f64) -> String {
    if step >= 1.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        return crate::thousands(value.round().max(0.0) as u64);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 6")]
    let decimals = (-step.log10()).ceil().clamp(1.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

/// Horizontal lines with their labels left of the area.
pub(crate) fn rungs(
    canvas: &Canvas<'_>,
    area: Area,
    ticks: impl IntoIterator<Item = (i32, String)>,
) -> Result<(), ChartError> {
    let mut last = i32::MAX;
    for (y, label) in ticks {
        canvas.line((area.left, y), (area.right, y), Colour::Grid)?;
        if (last - y).abs() >= 14 {
            pen::note(canvas, &label, (area.left - 8, y), Side::Left)?;
            last = y;
        }
    }
    Ok(())
}

/// Vertical lines with their labels below the area.
pub(crate) fn posts(
    canvas: &Canvas<'_>,
    area: Area,
    ticks: impl IntoIterator<Item = (i32, String)> + Clone,
) -> Result<(), ChartError> {
    for (x, _) in ticks.clone() {
        canvas.line((x, area.top), (x, area.bottom), Colour::Grid)?;
    }
    feet(canvas, area, ticks)
}

/// A line below the area and labels below it; a label without room is left out.
pub(crate) fn feet(
    canvas: &Canvas<'_>,
    area: Area,
    ticks: impl IntoIterator<Item = (i32, String)>,
) -> Result<(), ChartError> {
    let mut free = i32::MIN;
    for (x, label) in ticks {
        canvas.line((x, area.bottom), (x, area.bottom + 4), Colour::Muted)?;
        let half = Face::SMALL.width(&label) / 2 + 1;
        if x - half > free {
            pen::note(canvas, &label, (x, area.bottom + 14), Side::Middle)?;
            free = x + half + 4;
        }
    }
    Ok(canvas.line((area.left, area.bottom), (area.right, area.bottom), Colour::Muted)?)
}

/// What an axis shows and in which unit, above its area.
pub(crate) fn heading(canvas: &Canvas<'_>, area: Area, text: &str) -> Result<(), ChartError> {
    pen::note(canvas, text, (area.left, area.top - 12), Side::Right)
}

/// What the horizontal axis shows, below its labels.
pub(crate) fn footing(canvas: &Canvas<'_>, area: Area, text: &str) -> Result<(), ChartError> {
    pen::note(canvas, text, (i32::midpoint(area.left, area.right), area.bottom + 31), Side::Middle)
}
