//! Survival curves by cause or system: who is slow, and who never ends?

use crate::curves::{self, Curve};
use crate::frame::{Area, Frame, rows, shown};
use crate::palette::{self, Look};
use crate::{Chart, ChartError, Context, Count, ENOUGH, Table, scale};
use softoff_reports::plot::Face;
use softoff_reports::units;

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Survival {
    /// What the groups have in common: `cause`, `os`.
    pub by: String,
    /// The groups, most shutdowns first.
    pub groups: Vec<Curve>,
    /// All other groups together, and how many they are.
    pub others: Option<(usize, Curve)>,
}

const PLOT: i32 = 360;
const LEFT: i32 = 150;
const RIGHT: i32 = 215;
/// Times that the table tells the share for, in seconds.
const TOLD: [f64; 5] = [10.0, 60.0, 120.0, 300.0, 600.0];

impl Survival {
    /// Draws it.
    pub fn chart(&self, context: &Context) -> Result<Chart, ChartError> {
        let drawn = self.drawn();
        let frame = self.frame(&drawn);
        if drawn.is_empty() {
            return frame.empty(context, &format!("No group has {ENOUGH} timed shutdowns."));
        }
        let height = PLOT + 66 + curves::AT_RISK_ROW * rows(drawn.len());
        frame.draw(context, height, |canvas, body| {
            let area = Area {
                left: body.left + LEFT,
                right: body.right - RIGHT,
                top: body.top + 22,
                bottom: body.top + PLOT,
            };
            let seconds = curves::seconds(drawn.iter().map(|(curve, _)| *curve), area);
            let shares = curves::shares(canvas, area)?;
            let axes = (&seconds, &shares);
            curves::grid(canvas, &seconds, area)?;
            scale::footing(canvas, area, "time since the request (logarithmic)")?;
            curves::draw(canvas, axes, &drawn, area)?;
            curves::markers(canvas, axes, &drawn)?;
            curves::labels(canvas, axes, &drawn, area, body.right)?;
            let numbers = Area { top: area.bottom + 54, bottom: body.bottom, ..area };
            curves::at_risk(canvas, &seconds, &drawn, (numbers, body.left))
        })
    }

    fn all(&self) -> impl Iterator<Item = &Curve> {
        self.groups.iter().chain(self.others.as_ref().map(|(_, curve)| curve))
    }

    /// Curves that rest on enough, with their looks.
    fn drawn(&self) -> Vec<(&Curve, Look)> {
        let groups = self.groups.iter().enumerate().map(|(index, curve)| (curve, palette::of(index)));
        let others = self.others.iter().map(|(_, curve)| (curve, palette::others()));
        groups.chain(others).filter(|(curve, _)| curve.count.is_enough()).collect()
    }

    fn frame(&self, drawn: &[(&Curve, Look)]) -> Frame {
        let few: Vec<_> = self
            .all()
            .filter(|curve| !curve.count.is_enough())
            .map(|curve| format!("{} ({})", shown(curve.label(), Face::SMALL, 200), curve.count.timed))
            .collect();
        let mut notes = vec![
            "The lower a curve, the sooner these shutdowns are over; where it stays level, they do not end. \
             Small ticks, drawn where these are few: some were cut off there."
                .to_owned(),
        ];
        if let Some((more, _)) = self.others.as_ref().filter(|(more, _)| *more > 0) {
            notes.push(format!("others: {more} more of them together."));
        }
        if !few.is_empty() {
            notes.push(format!("Too few to draw (under {ENOUGH} timed): {}.", few.join(", ")));
        }
        Frame {
            name: "survival",
            title: format!("How many are still running, by {}", self.by),
            says: self.says(drawn),
            notes,
            table: self.table(),
        }
    }

    fn says(&self, drawn: &[(&Curve, Look)]) -> String {
        let at = |curve: &Curve| curve.share(TOLD[3]);
        let worst = drawn
            .iter()
            .filter(|(curve, look)| *look != palette::others() && curve.last() >= TOLD[3])
            .max_by(|a, b| at(a.0).total_cmp(&at(b.0)));
        let sum = |of: fn(&Count) -> u64| self.all().map(|curve| of(&curve.count)).sum();
        let count = Count { timed: sum(|count| count.timed), cut_off: sum(|count| count.cut_off) };
        let worst = worst.map_or_else(String::new, |(curve, _)| {
            let name = shown(curve.label(), Face::TEXT, 240);
            format!("After 5 minutes, {} of {name} still run. ", units::percent(at(curve)))
        });
        format!("{worst}{}.", count.told())
    }

    fn table(&self) -> Table {
        let row = |curve: &Curve| {
            let head = [
                curve.name.clone(),
                crate::thousands(curve.count.timed),
                crate::thousands(curve.count.cut_off),
            ];
            let shares = TOLD.map(|time| told(curve, time));
            head.into_iter().chain(shares).collect()
        };
        let headings = [self.by.as_str(), "timed", "cut off", "10 s", "1 min", "2 min", "5 min", "10 min"];
        Table::new(1, &headings, self.all().map(row).collect())
    }
}

/// The share after so many seconds, where the record goes so far.
fn told(curve: &Curve, seconds: f64) -> String {
    let gone = curve.steps.last().is_some_and(|(_, share)| *share <= 0.0);
    if seconds <= curve.last() || gone {
        format!("{:.1} %", curve.share(seconds) * 100.0)
    } else {
        "-".to_owned()
    }
}
