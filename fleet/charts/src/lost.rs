//! Hours lost by cause, over time: what is worth fixing first?

use chrono::NaiveDate;
use plotters::style::Color;
use softoff_reports::plot::{Canvas, Colour, Face, Side};
use softoff_reports::units;

use crate::frame::{Area, Frame, shown};
use crate::palette::{self, Look};
use crate::percentiles::slim;
use crate::scale::{self, Amount};
use crate::times::Times;
use crate::{Chart, ChartError, Context, Table, pen};

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// The calendar.
    pub times: Times,
    /// The hours of each cause.
    pub causes: Vec<Cause>,
    /// How many shutdowns these are.
    pub shutdowns: u64,
}

/// A cause and its hours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cause {
    /// Its code.
    pub name: String,
    /// A day of a step and the hours in it.
    pub hours: Vec<(NaiveDate, f64)>,
}

impl Cause {
    /// All its hours.
    pub fn total(&self) -> f64 {
        self.hours.iter().map(|(_, hours)| hours).filter(|hours| hours.is_finite()).sum()
    }
}

/// What stands for shutdowns that went as they should.
const NONE: &str = "none";
/// So many causes have a colour of their own.
const CAUSES: usize = 7;
const HEIGHT: i32 = 430;
const LEFT: i32 = 64;
const RIGHT: i32 = 250;

/// A layer of the stack: its name, look, hours by step, and all its hours.
struct Layer {
    name: String,
    look: Look,
    hours: Vec<f64>,
    total: f64,
}

impl Lost {
    /// Draws it.
    pub fn chart(&self, context: &Context) -> Result<Chart, ChartError> {
        let layers = self.layers();
        let all: f64 = layers.iter().map(|layer| layer.total).sum();
        let frame = self.frame(&layers, all);
        if all <= 0.0 {
            return frame.empty(context, "No time was spent waiting for guests that were asked softly.");
        }
        frame.draw(context, HEIGHT, |canvas, body| {
            let area = Area {
                left: body.left + LEFT,
                right: body.right - RIGHT,
                top: body.top + 22,
                bottom: body.bottom - 40,
            };
            self.stack(canvas, area, &layers)?;
            self.times.axis(canvas, area)?;
            legend(canvas, Area { left: area.right + 24, ..body }, &layers, all)
        })
    }

    /// From the bottom up: what went as it should, the costliest causes, all others.
    fn layers(&self) -> Vec<Layer> {
        let (fine, mut causes): (Vec<_>, Vec<_>) = self.causes.iter().partition(|cause| cause.name == NONE);
        causes.sort_by(|a, b| b.total().total_cmp(&a.total()).then_with(|| a.name.cmp(&b.name)));
        let rest = causes.split_off(causes.len().min(CAUSES));
        let mut layers = vec![self.layer("none: went as it should".to_owned(), &fine, palette::others())];
        for (index, cause) in causes.into_iter().enumerate() {
            layers.push(self.layer(cause.name.clone(), &[cause], palette::of(index)));
        }
        let others = Look { colour: Colour::Ink.rgb(), striped: true, ..palette::others() };
        layers.push(self.layer(format!("{} others", rest.len()), &rest, others));
        layers.retain(|layer| layer.total > 0.0);
        layers
    }

    fn layer(&self, name: String, causes: &[&Cause], look: Look) -> Layer {
        let mut hours = vec![0.0; self.times.count];
        for (day, more) in causes.iter().flat_map(|cause| &cause.hours) {
            if let Some(step) = self.times.index(*day).filter(|_| more.is_finite()) {
                hours[step] += more.max(0.0);
            }
        }
        Layer { name, look, total: hours.iter().sum(), hours }
    }

    fn frame(&self, layers: &[Layer], all: f64) -> Frame {
        let costliest = layers.iter().filter(|layer| layer.look != palette::others());
        let costliest = costliest.max_by(|a, b| a.total.total_cmp(&b.total));
        let costliest = costliest.map_or_else(String::new, |layer| {
            let name = shown(&layer.name, Face::TEXT, 300);
            format!(" {name} costs the most: {} ({}).", hours(layer.total), units::percent(layer.total / all))
        });
        let shutdowns = crate::thousands(self.shutdowns);
        Frame {
            name: "lost",
            title: "Hours spent waiting, by cause".to_owned(),
            says: format!("{} were spent waiting for {shutdowns} timed shutdowns.{costliest}", hours(all)),
            notes: vec![
                "Time from a soft request until the guest was off, cut off or given up. A shutdown that was cut \
                 off counts as long as it was waited for, so what it would have taken is not in here."
                    .to_owned(),
            ],
            table: self.table(layers),
        }
    }

    fn table(&self, layers: &[Layer]) -> Table {
        let step = self.times.step.name();
        let names = layers.iter().map(|layer| layer.name.as_str());
        let headings: Vec<_> = [step].into_iter().chain(names).chain(["all (hours)"]).collect();
        let row = |index: usize| {
            let cells = layers.iter().map(|layer| layer.hours[index]);
            let all = cells.clone().sum();
            let cells = cells.chain([all]).map(|hours| format!("{hours:.2}"));
            [self.times.start(index).to_string()].into_iter().chain(cells).collect()
        };
        Table::new(1, &headings, (0..self.times.count).map(row).collect())
    }

    fn stack(&self, canvas: &Canvas<'_>, area: Area, layers: &[Layer]) -> Result<(), ChartError> {
        let sum = |step: usize| layers.iter().map(|layer| layer.hours[step]).sum::<f64>();
        let most = (0..self.times.count).map(sum).fold(0.0, f64::max);
        let amount = Amount::up_to(most, (area.bottom, area.top), 6);
        scale::heading(canvas, area, &format!("hours waited {}", self.times.per()))?;
        let ticks = amount.ticks();
        let step = ticks.get(1).copied().unwrap_or(amount.most());
        scale::rungs(canvas, area, ticks.iter().map(|tick| (amount.at(*tick), scale::number(*tick, step))))?;
        for index in 0..self.times.count {
            let (left, right) = slim(self.times.span(area, index));
            let mut below = 0.0;
            for layer in layers {
                let (bottom, top) = (amount.at(below), amount.at(below + layer.hours[index]));
                below += layer.hours[index];
                if top < bottom {
                    pen::swatch(canvas, Area { left, top, right, bottom }, layer.look)?;
                }
            }
        }
        Ok(())
    }
}

/// `12.3 h`, `1 234 h`.
pub(crate) fn hours(hours: f64) -> String {
    if hours < 100.0 { format!("{hours:.1} hours") } else { format!("{} hours", scale::number(hours, 1.0)) }
}

/// The layers in the order in which they lie, with their hours and shares.
fn legend(canvas: &Canvas<'_>, area: Area, layers: &[Layer], all: f64) -> Result<(), ChartError> {
    const ROW: i32 = 38;
    for (row, layer) in (0..).zip(layers.iter().rev()) {
        let y = area.top + 30 + row * ROW;
        let swatch = Area { left: area.left, right: area.left + 18, top: y - 8, bottom: y + 8 };
        pen::swatch(canvas, swatch, layer.look)?;
        let (x, width) = (area.left + 28, area.right - area.left - 28);
        let name = shown(&layer.name, Face::STRONG, width);
        canvas.text(&name, (x, y), Side::Right, Face::STRONG, Colour::Ink)?;
        let told = format!("{}, {}", hours(layer.total), units::percent(layer.total / all));
        pen::note(canvas, &Face::SMALL.fit(&told, width), (x, y + 15), Side::Right)?;
    }
    pen::fill(
        canvas,
        Area { left: area.left - 12, right: area.left - 11, top: area.top + 18, bottom: area.bottom - 40 },
        Colour::Grid.rgb().filled(),
    )
}
