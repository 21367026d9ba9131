//! Where slow shutdowns spend their time: a bar for each cause, a stretch for each phase.

use softoff_reports::plot::{Canvas, Colour, Face, Side};
use softoff_reports::units;

use crate::frame::{Area, Frame, rows, shown};
use crate::palette::{Look, Shape};
use crate::scale::{self, Amount};
use crate::{Chart, ChartError, Context, ENOUGH, Table, pen};

/// The phases in order.
pub const PHASES: [&str; 6] = ["deliver", "notice", "guest", "poweroff", "teardown", "release"];

/// What is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Phases {
    /// The causes of slow shutdowns.
    pub causes: Vec<Cause>,
}

/// The slow shutdowns of a cause.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cause {
    /// Its code.
    pub name: String,
    /// How many ended by themselves, if slowly.
    pub count: u64,
    /// Mean seconds of each phase over those where it was seen; none where it never was.
    pub means: [Option<f64>; 6],
}

impl Cause {
    fn total(&self) -> f64 {
        self.seconds().sum()
    }

    fn seconds(&self) -> impl Iterator<Item = f64> + '_ {
        let fit = |mean: &Option<f64>| mean.filter(|mean| mean.is_finite() && *mean > 0.0).unwrap_or(0.0);
        self.means.iter().map(fit)
    }
}

const ROW: i32 = 34;
const CAUSES: usize = 12;
const LEFT: i32 = 210;
const RIGHT: i32 = 120;

/// The colours of the timeline, which shows one episode.
fn look(phase: usize) -> Look {
    let colour = Colour::Phase(phase).rgb();
    Look { colour, dash: None, shape: Shape::Square, striped: !phase.is_multiple_of(2) }
}

impl Phases {
    /// Draws it.
    pub fn chart(&self, context: &Context) -> Result<Chart, ChartError> {
        let mut causes: Vec<_> =
            self.causes.iter().filter(|cause| cause.count > 0 && cause.total() > 0.0).collect();
        causes.sort_by(|a, b| b.total().total_cmp(&a.total()).then_with(|| a.name.cmp(&b.name)));
        let more = causes.len().saturating_sub(CAUSES);
        let frame = self.frame(&causes, more);
        causes.truncate(CAUSES);
        if causes.is_empty() {
            return frame.empty(context, "No slow shutdown that ended by itself.");
        }
        frame.draw(context, ROW * rows(causes.len()) + 94, |canvas, body| {
            let area = Area {
                left: body.left + LEFT,
                right: body.right - RIGHT,
                top: body.top + 34,
                bottom: body.bottom - 40,
            };
            legend(canvas, body)?;
            let most = causes.first().map_or(0.0, |cause| cause.total());
            let minutes = most > 300.0;
            let unit = if minutes { 60.0 } else { 1.0 };
            let amount = Amount::up_to(most / unit, (area.left, area.right), 10);
            let ticks = amount.ticks();
            let step = ticks.get(1).copied().unwrap_or(1.0);
            let ticks = ticks.iter().map(|tick| (amount.at(*tick), scale::number(*tick, step)));
            scale::posts(canvas, area, ticks)?;
            let name = if minutes { "minutes" } else { "seconds" };
            scale::footing(canvas, area, &format!("mean {name} in each phase"))?;
            for (row, cause) in (0..).zip(&causes) {
                let y = area.top + row * ROW + ROW / 2;
                bar(canvas, (body, y), cause, &amount, unit)?;
            }
            Ok(())
        })
    }

    fn frame(&self, causes: &[&Cause], more: usize) -> Frame {
        let count: u64 = self.causes.iter().map(|cause| cause.count).sum();
        let mut by_phase: Vec<(usize, f64)> = (0..PHASES.len()).map(|phase| (phase, 0.0)).collect();
        for cause in causes {
            let weighed = cause.seconds().map(|seconds| seconds * crate::real(cause.count));
            by_phase.iter_mut().zip(weighed).for_each(|((_, sum), seconds)| *sum += seconds);
        }
        let all: f64 = by_phase.iter().map(|(_, seconds)| seconds).sum();
        let longest = by_phase.iter().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| all > 0.0);
        let longest = longest.map_or_else(String::new, |(phase, seconds)| {
            format!(" Most of the time, {}, is in phase {}.", units::percent(seconds / all), PHASES[*phase])
        });
        let mut notes = vec![format!(
            "Mean over the shutdowns in which a phase was seen. Pale bars: fewer than {ENOUGH} shutdowns. \
                 Shutdowns that were cut off are not in here: their phases were not seen to the end."
        )];
        if more > 0 {
            notes.push(format!("{more} more causes are in the table only."));
        }
        Frame {
            name: "phases",
            title: "Where slow shutdowns spend their time".to_owned(),
            says: format!(
                "{} slow shutdown{} that ended by {}.{longest}",
                crate::thousands(count),
                if count == 1 { "" } else { "s" },
                if count == 1 { "itself" } else { "themselves" },
            ),
            notes,
            table: table(causes),
        }
    }
}

fn table(causes: &[&Cause]) -> Table {
    let row = |cause: &&Cause| {
        let cell = |mean: &Option<f64>| mean.map_or_else(|| "-".to_owned(), units::duration);
        let head = [cause.name.clone(), crate::thousands(cause.count)];
        let means = cause.means.iter().map(cell).chain([units::duration(cause.total())]);
        head.into_iter().chain(means).collect()
    };
    let headings: Vec<_> = ["cause", "slow"].into_iter().chain(PHASES).chain(["sum"]).collect();
    Table::new(1, &headings, causes.iter().map(row).collect())
}

fn bar(
    canvas: &Canvas<'_>,
    (body, y): (Area, i32),
    cause: &Cause,
    amount: &Amount,
    unit: f64,
) -> Result<(), ChartError> {
    let name = shown(&cause.name, Face::STRONG, LEFT - 16);
    canvas.text(&name, (body.left, y - 7), Side::Right, Face::STRONG, Colour::Ink)?;
    pen::note(canvas, &format!("n {}", crate::thousands(cause.count)), (body.left, y + 8), Side::Right)?;
    let mut from = 0.0;
    for (phase, seconds) in cause.seconds().enumerate() {
        let to = from + seconds / unit;
        let area = Area { left: amount.at(from), right: amount.at(to), top: y - 10, bottom: y + 10 };
        from = to;
        if area.width() > 0 {
            pen::swatch(canvas, area, look(phase))?;
            if cause.count < ENOUGH {
                pale(canvas, area)?;
            }
        }
    }
    let total = units::duration(cause.total());
    Ok(canvas.text(&total, (amount.at(from) + 8, y), Side::Right, Face::TEXT, Colour::Ink)?)
}

/// Few stand behind it.
fn pale(canvas: &Canvas<'_>, area: Area) -> Result<(), ChartError> {
    use plotters::style::Color;
    pen::fill(canvas, area, Colour::Paper.rgb().mix(0.6).filled())
}

fn legend(canvas: &Canvas<'_>, body: Area) -> Result<(), ChartError> {
    let mut x = body.left + LEFT;
    for (phase, name) in PHASES.into_iter().enumerate() {
        let swatch = Area { left: x, right: x + 16, top: body.top + 2, bottom: body.top + 18 };
        pen::swatch(canvas, swatch, look(phase))?;
        canvas.text(name, (x + 22, body.top + 10), Side::Right, Face::TEXT, Colour::Ink)?;
        x += 22 + Face::TEXT.width(name) + 22;
    }
    Ok(())
}
