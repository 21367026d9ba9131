//! Survival curves: which share of shutdowns is still running after so long.

use softoff_reports::plot::{Canvas, Colour, Face, Side};

use crate::frame::{Area, shown};
use crate::palette::Look;
use crate::scale::{self, Amount, Seconds};
use crate::{ChartError, Count, pen};

/// A group of shutdowns and how they ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// What they have in common; may be hostile.
    pub name: String,
    /// How many.
    pub count: Count,
    /// The share still running after so many seconds, in order of time: Kaplan and Meier's estimate.
    pub steps: Vec<(f64, f64)>,
    /// Its lower limit, as steps of its own.
    pub low: Vec<(f64, f64)>,
    /// Its upper limit.
    pub high: Vec<(f64, f64)>,
    /// How many ended and how many were cut off after so many seconds, in order of time.
    pub ends: Vec<(f64, Count)>,
}

impl Curve {
    /// The longest time seen.
    pub fn last(&self) -> f64 {
        self.ends.last().map_or(0.0, |(seconds, _)| *seconds)
    }

    /// How many had not ended and were still watched after so many seconds.
    fn at_risk(&self, seconds: f64) -> u64 {
        let gone = self.ends.iter().take_while(|(end, _)| *end < seconds);
        self.count.timed.saturating_sub(gone.map(|(_, count)| count.timed).sum())
    }

    /// The share after so many seconds.
    pub(crate) fn share(&self, seconds: f64) -> f64 {
        share(&self.steps, seconds)
    }

    /// Its name without what has no room: of a libosinfo id, `http://debian.org/debian/12`, the part after its vendor.
    pub(crate) fn label(&self) -> &str {
        let id = self.name.strip_prefix("http://").or_else(|| self.name.strip_prefix("https://"));
        let path = id.and_then(|id| id.split_once('/')).map(|(_, path)| path);
        path.filter(|path| !path.is_empty()).unwrap_or(&self.name)
    }

    /// The time after which half are over, or the longest seen.
    fn half(&self) -> f64 {
        let half = self.steps.iter().find(|(_, share)| *share <= 0.5);
        half.map_or(self.last().max(f64::from(u32::MAX)), |(seconds, _)| *seconds)
    }

    fn times(&self) -> impl Iterator<Item = f64> + '_ {
        // What almost none has ended by would only stretch the axis.
        let first = self.steps.iter().find(|(_, share)| *share < 0.995).map(|(seconds, _)| *seconds);
        first.into_iter().chain([self.last()]).filter(|seconds| *seconds > 0.0)
    }
}

fn share(steps: &[(f64, f64)], seconds: f64) -> f64 {
    steps.iter().take_while(|(time, _)| *time <= seconds).last().map_or(1.0, |(_, share)| *share)
}

/// An axis of time that holds all curves.
pub(crate) fn seconds<'a>(curves: impl IntoIterator<Item = &'a Curve>, area: Area) -> Seconds {
    let times: Vec<f64> = curves.into_iter().flat_map(Curve::times).collect();
    Seconds::holding(times, (area.left, area.right))
}

/// The axis of shares, from all to none.
pub(crate) fn shares(canvas: &Canvas<'_>, area: Area) -> Result<Amount, ChartError> {
    let amount = Amount::up_to(100.0, (area.bottom, area.top), 6);
    scale::heading(canvas, area, "shutdowns still running, % (Kaplan-Meier, 95 % band)")?;
    let ticks = amount.ticks().iter().map(|tick| (amount.at(*tick), format!("{tick:.0} %")));
    scale::rungs(canvas, area, ticks)?;
    Ok(amount)
}

/// Draws curves, bands first, so that no band hides a curve.
pub(crate) fn draw(
    canvas: &Canvas<'_>,
    (seconds, shares): (&Seconds, &Amount),
    curves: &[(&Curve, Look)],
    area: Area,
) -> Result<(), ChartError> {
    let path = |curve: &Curve, steps: &[(f64, f64)]| staircase((seconds, shares), steps, curve.last(), area);
    for (curve, look) in curves {
        let mut edge = path(curve, &curve.high);
        edge.extend(path(curve, &curve.low).into_iter().rev());
        pen::band(canvas, edge, look.colour)?;
    }
    for (curve, look) in curves {
        pen::line(canvas, &path(curve, &curve.steps), *look)?;
        cut_offs(canvas, (seconds, shares), curve, *look)?;
    }
    Ok(())
}

/// The corners of a staircase down to the end of the record.
fn staircase(
    (seconds, shares): (&Seconds, &Amount),
    steps: &[(f64, f64)],
    last: f64,
    area: Area,
) -> Vec<pen::Point> {
    let mut corners = vec![(area.left, shares.at(100.0))];
    for (time, share) in steps {
        let (x, y) = (seconds.at(*time), shares.at(share * 100.0));
        let before = corners.last().map_or(y, |(_, y)| *y);
        // Several steps within a pixel are one.
        if corners.last().is_some_and(|(at, _)| *at == x) {
            corners.push((x, y));
        } else {
            corners.extend([(x, before), (x, y)]);
        }
    }
    let y = corners.last().map_or(area.top, |(_, y)| *y);
    corners.push((seconds.at(last).max(corners.last().map_or(area.left, |(x, _)| *x)), y));
    corners.dedup();
    corners
}

/// More cut-offs than this would only make a saw of the curve.
const CUT_OFFS: usize = 30;

/// Ticks where shutdowns were cut off, where these are few.
fn cut_offs(
    canvas: &Canvas<'_>,
    (seconds, shares): (&Seconds, &Amount),
    curve: &Curve,
    look: Look,
) -> Result<(), ChartError> {
    let times: Vec<_> = curve.ends.iter().filter(|(_, count)| count.cut_off > 0).collect();
    for (time, _) in times.iter().filter(|_| times.len() <= CUT_OFFS) {
        let (x, y) = (seconds.at(*time), shares.at(curve.share(*time) * 100.0));
        pen::thin(canvas, &[(x, y - 4), (x, y + 4)], look.colour)?;
    }
    Ok(())
}

/// The name, marker and count of each curve beside its end.
pub(crate) fn labels(
    canvas: &Canvas<'_>,
    (seconds, shares): (&Seconds, &Amount),
    curves: &[(&Curve, Look)],
    area: Area,
    right: i32,
) -> Result<(), ChartError> {
    const ROW: i32 = 34;
    const NEAR: i32 = 40;
    let end = |curve: &Curve| {
        let last = curve.last();
        (seconds.at(last), shares.at(curve.share(last) * 100.0))
    };
    let mut curves = curves.to_vec();
    // Those that end at one height stand in the order in which they fall, the last one uppermost.
    curves.sort_by(|a, b| b.0.half().total_cmp(&a.0.half()));
    let heights: Vec<_> = curves.iter().map(|(curve, _)| end(curve).1).collect();
    let placed = pen::apart(&heights, ROW, (area.top + 8, area.bottom - 16));
    for ((curve, look), y) in curves.iter().zip(placed) {
        let left = area.right + 12;
        // From afar, a line would only cross the others.
        if left - end(curve).0 < NEAR {
            pen::thin(canvas, &[end(curve), (left, y)], Colour::Grid.rgb())?;
        }
        pen::line(canvas, &[(left, y), (left + 26, y)], *look)?;
        pen::marker(canvas, (left + 13, y), *look, false)?;
        let (x, width) = (left + 34, right - left - 34);
        let name = shown(curve.label(), Face::STRONG, width);
        canvas.text(&name, (x, y), Side::Right, Face::STRONG, Colour::Ink)?;
        let count = Face::SMALL.fit(&curve.count.told(), width);
        pen::note(canvas, &count, (x, y + 15), Side::Right)?;
    }
    Ok(())
}

/// Markers on the curves, so that they can be told apart without colour.
pub(crate) fn markers(
    canvas: &Canvas<'_>,
    (seconds, shares): (&Seconds, &Amount),
    curves: &[(&Curve, Look)],
) -> Result<(), ChartError> {
    let ticks = seconds.coarse_ticks();
    for (index, (curve, look)) in curves.iter().enumerate() {
        // One after the other takes its turn at the ticks: markers of two curves seldom meet.
        let times = ticks.iter().skip(index % 2).step_by(2).map(|(tick, _)| *tick);
        for time in times.filter(|time| *time < curve.last()) {
            let at = (seconds.at(time), shares.at(curve.share(time) * 100.0));
            pen::marker(canvas, at, *look, false)?;
        }
    }
    Ok(())
}

/// The vertical grid with its labels.
pub(crate) fn grid(canvas: &Canvas<'_>, seconds: &Seconds, area: Area) -> Result<(), ChartError> {
    let ticks = seconds.ticks().into_iter().map(|(tick, label)| (seconds.at(tick), label));
    scale::posts(canvas, area, ticks)
}

/// How many were still running and watched, at the ticks, a row for each curve.
pub(crate) fn at_risk(
    canvas: &Canvas<'_>,
    seconds: &Seconds,
    curves: &[(&Curve, Look)],
    (area, left): (Area, i32),
) -> Result<(), ChartError> {
    let heading = (left, area.top + 6);
    pen::note(canvas, "still running and watched", heading, Side::Right)?;
    for (row, (curve, look)) in (1..).zip(curves) {
        let y = area.top + 6 + row * AT_RISK_ROW;
        pen::marker(canvas, (left + 5, y), *look, false)?;
        let name = shown(curve.label(), Face::SMALL, area.left - left - 50);
        pen::note(canvas, &name, (left + 16, y), Side::Right)?;
        let mut free = area.left - 26;
        for (tick, _) in seconds.coarse_ticks() {
            let text = crate::thousands(curve.at_risk(tick));
            let (x, half) = (seconds.at(tick), Face::SMALL.width(&text) / 2 + 1);
            if x - half > free && x + half <= area.right + 30 {
                pen::note(canvas, &text, (x, y), Side::Middle)?;
                free = x + half + 6;
            }
        }
    }
    Ok(())
}

/// Height of a row of numbers.
pub(crate) const AT_RISK_ROW: i32 = 17;
