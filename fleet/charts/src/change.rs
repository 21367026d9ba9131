//! Before and after: did it get worse? Two survival curves, and their percentiles with limits.

use softoff_reports::plot::{Canvas, Colour, Face, Side};
use softoff_reports::units;

use crate::curves::{self, Curve};
use crate::frame::{Area, Frame, rows, shown};
use crate::palette::{self, Look, Shape};
use crate::scale::{self, Seconds};
use crate::{Chart, ChartError, Context, ENOUGH, Quantile, Table, pen};

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The time before.
    pub before: Period,
    /// The time after.
    pub after: Period,
    /// The difference, where both have an end to compare.
    pub difference: Option<Difference>,
}

/// One of the two times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Period {
    /// Its curve; the name says which time.
    pub curve: Curve,
    /// Percentiles with their limits.
    pub percentiles: Vec<Percentile>,
}

/// A percentile with its 95 % limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentile {
    /// `p50`.
    pub name: &'static str,
    /// The estimate.
    pub value: Quantile,
    /// Its lower limit.
    pub low: Quantile,
    /// Its upper limit.
    pub high: Quantile,
}

/// The difference of the restricted mean times, in seconds: after less before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference.
    pub seconds: f64,
    /// Its lower 95 % limit.
    pub low: f64,
    /// Its upper 95 % limit.
    pub high: f64,
    /// The mean before.
    pub before: f64,
    /// The mean after.
    pub after: f64,
    /// Longer times count as this.
    pub horizon: f64,
    /// The probability of a difference like this by chance (log-rank).
    pub p_value: f64,
}

impl Difference {
    /// `worse`, `better`, or that it cannot be told.
    pub fn word(&self) -> &'static str {
        match (self.low > 0.0, self.high < 0.0) {
            (true, _) => "worse",
            (_, true) => "better",
            _ => "no difference that can be told from chance",
        }
    }
}

const PLOT: i32 = 300;
const ROW: i32 = 40;
const LEFT: i32 = 64;
const RIGHT: i32 = 255;

impl Change {
    /// Draws it.
    pub fn chart(&self, context: &Context) -> Result<Chart, ChartError> {
        let frame = self.frame();
        if !self.is_enough() {
            let why = format!("There are not {ENOUGH} timed shutdowns on both sides.");
            return frame.empty(context, &why);
        }
        let percentiles = self.before.percentiles.len().min(self.after.percentiles.len());
        let height = PLOT + 60 + ROW * rows(percentiles) + 44;
        frame.draw(context, height, |canvas, body| self.draw(canvas, body))
    }

    fn is_enough(&self) -> bool {
        self.before.curve.count.is_enough() && self.after.curve.count.is_enough()
    }

    /// What came out, in a sentence.
    pub fn sentence(&self) -> String {
        let name = |side: &Period| shown(&side.curve.name, Face::TEXT, 300);
        let pair = format!("{} → {}", name(&self.before), name(&self.after));
        match self.difference.filter(|_| self.is_enough()) {
            None => format!("{pair}: too few shutdowns to compare."),
            Some(found) => format!(
                "{pair}: {}. Mean time {} → {}: {:+.2} s (95 %: {:+.2} to {:+.2} s), {:+.0} %.",
                found.word(),
                units::duration(found.before),
                units::duration(found.after),
                found.seconds,
                found.low,
                found.high,
                100.0 * found.seconds / found.before.max(f64::MIN_POSITIVE),
            ),
        }
    }

    fn title(&self) -> String {
        match self.difference.filter(|_| self.is_enough()) {
            Some(found) => format!("Before and after: {}", found.word()),
            None => "Before and after".to_owned(),
        }
    }

    fn frame(&self) -> Frame {
        let mut notes = Vec::new();
        if let Some(found) = self.difference {
            let p = if found.p_value < 0.0001 {
                "< 0.0001".to_owned()
            } else {
                format!("= {:.4}", found.p_value)
            };
            notes.push(format!(
                "Mean time: restricted mean, the area under the curve up to {}; longer times count as that. Log-rank p {p}.",
                units::duration(found.horizon)
            ));
        }
        notes.push(
            "Bands and whiskers: 95 % limits. An arrow: the limit lies beyond what was seen. Other things may have changed \
             at the same time."
                .to_owned(),
        );
        Frame { name: "change", title: self.title(), says: self.sentence(), notes, table: self.table() }
    }

    fn table(&self) -> Table {
        let row = |side: &Period| {
            let count = side.curve.count;
            let mut row =
                vec![side.curve.name.clone(), crate::thousands(count.timed), crate::thousands(count.cut_off)];
            for percentile in &side.percentiles {
                row.push(percentile.value.told());
                row.push(format!("{} to {}", percentile.low.told(), percentile.high.told()));
            }
            row
        };
        let names = self.before.percentiles.iter().flat_map(|percentile| [percentile.name, "95 % limits"]);
        let headings: Vec<_> = ["time", "timed", "cut off"].into_iter().chain(names).collect();
        Table::new(1, &headings, vec![row(&self.before), row(&self.after)])
    }

    fn draw(&self, canvas: &Canvas<'_>, body: Area) -> Result<(), ChartError> {
        let looks = looks();
        let curves = [(&self.before.curve, looks[0]), (&self.after.curve, looks[1])];
        let (left, right) = (body.left + LEFT, body.right - RIGHT);
        let area = Area { left, right, top: body.top + 22, bottom: body.top + PLOT };
        let seconds = curves::seconds(curves.iter().map(|(curve, _)| *curve), area);
        let shares = curves::shares(canvas, area)?;
        let dots = Area { left, right, top: area.bottom + 52, bottom: body.bottom - 44 };
        let both = Area { bottom: dots.bottom, ..area };
        curves::grid(canvas, &seconds, both)?;
        canvas.line((left, area.bottom), (right, area.bottom), Colour::Muted)?;
        scale::footing(canvas, both, "time since the request (logarithmic)")?;
        let axes = (&seconds, &shares);
        curves::draw(canvas, axes, &curves, area)?;
        curves::markers(canvas, axes, &curves)?;
        curves::labels(canvas, axes, &curves, area, body.right)?;
        scale::heading(canvas, Area { top: dots.top - 8, ..dots }, "percentiles with 95 % limits")?;
        self.percentiles(canvas, &seconds, (body, dots), looks)
    }

    fn percentiles(
        &self,
        canvas: &Canvas<'_>,
        seconds: &Seconds,
        (body, area): (Area, Area),
        looks: [Look; 2],
    ) -> Result<(), ChartError> {
        for (row, (before, after)) in (0..).zip(self.before.percentiles.iter().zip(&self.after.percentiles)) {
            let y = area.top + row * ROW + ROW / 2;
            canvas.text(before.name, (area.left - 8, y), Side::Left, Face::STRONG, Colour::Ink)?;
            whisker(canvas, seconds, (before, y - 7), (area, looks[0]))?;
            whisker(canvas, seconds, (after, y + 7), (area, looks[1]))?;
            let told = format!("{} → {}", before.value.told(), after.value.told());
            let told = Face::TEXT.fit(&told, body.right - area.right - 12);
            canvas.text(&told, (area.right + 12, y), Side::Right, Face::TEXT, Colour::Ink)?;
        }
        Ok(())
    }
}

fn looks() -> [Look; 2] {
    [Look { shape: Shape::Disc, ..palette::others() }, palette::of(1)].map(|look| Look { dash: None, ..look })
}

/// A percentile as a marker between its limits; open where only a lower limit is known.
fn whisker(
    canvas: &Canvas<'_>,
    seconds: &Seconds,
    (percentile, y): (&Percentile, i32),
    (area, look): (Area, Look),
) -> Result<(), ChartError> {
    let low = percentile.low.seconds().map_or(area.left, |low| seconds.at(low));
    let (high, open) = match percentile.high {
        Quantile::At(high) => (seconds.at(high), false),
        _ => (area.right, true),
    };
    pen::line(canvas, &[(low, y), (high, y)], look)?;
    for (x, is_end) in [(low, true), (high, !open)] {
        if is_end {
            pen::line(canvas, &[(x, y - 4), (x, y + 4)], look)?;
        }
    }
    if open {
        pen::line(canvas, &[(high - 6, y - 4), (high, y), (high - 6, y + 4)], look)?;
    }
    match percentile.value {
        Quantile::At(value) => pen::marker(canvas, (seconds.at(value), y), look, false),
        Quantile::Beyond(value) => pen::marker(canvas, (seconds.at(value), y), look, true),
        Quantile::Unknown => Ok(()),
    }
}
