//! Hosts by time: which host, since when? One row a host where they are few; where they are many, how all
//! of them are spread, and the worst of them.

use chrono::NaiveDate;
use plotters::style::Color;
use softoff_reports::plot::{Canvas, Colour, Face, Side};
use softoff_reports::units;

use crate::frame::{Area, Frame, rows, shown};
use crate::scale::Amount;
use crate::times::Times;
use crate::{Chart, ChartError, Context, Table, palette, pen, real};

/// What is drawn: the share of shutdowns that were slow or failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Hosts {
    /// The calendar.
    pub times: Times,
    /// How many hosts there are.
    pub all: u64,
    /// The hosts that have a row, worst first.
    pub hosts: Vec<Host>,
    /// Where not all hosts have a row: how all of them are spread.
    pub spread: Vec<Spread>,
}

/// A host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Host {
    /// Its name; may be hostile.
    pub name: String,
    /// Its cells.
    pub cells: Vec<(NaiveDate, Share)>,
}

/// Shutdowns of a host in a step of the calendar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that were asked softly and whose time is known.
    pub timed: u64,
    /// Those of them that were slow or failed.
    pub bad: u64,
}

/// How all hosts are spread in a step of the calendar.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// A day in it.
    pub day: NaiveDate,
    /// How many hosts have such a share, in per cent.
    pub hosts: Vec<(u8, u64)>,
    /// How many shutdowns these are.
    pub timed: u64,
}

/// The quantiles of hosts that have a row, worst first.
const QUANTILES: [(&str, f64); 6] = [
    ("worst host", 1.0),
    ("90 % of hosts below", 0.9),
    ("75 % of hosts below", 0.75),
    ("half of hosts below", 0.5),
    ("25 % of hosts below", 0.25),
    ("best host", 0.0),
];
/// Fewer timed shutdowns than this in a cell are hatched.
const FEW: u64 = 5;
const LEFT: i32 = 170;
const RIGHT: i32 = 120;
const HEAD: i32 = 60;

impl Share {
    fn add(&mut self, other: Self) {
        self.timed += other.timed;
        self.bad += other.bad;
    }

    fn of(self) -> Option<f64> {
        (self.timed > 0).then(|| (real(self.bad) / real(self.timed)).min(1.0))
    }
}

impl Host {
    /// All its shutdowns.
    pub fn total(&self) -> Share {
        self.cells.iter().fold(Share::default(), |mut sum, (_, share)| {
            sum.add(*share);
            sum
        })
    }
}

impl Spread {
    /// The share that so many of the hosts do not exceed.
    fn quantile(&self, part: f64) -> Option<f64> {
        let mut hosts = self.hosts.clone();
        hosts.sort_unstable();
        let all: u64 = hosts.iter().map(|(_, count)| count).sum();
        let mut seen = 0;
        let found = hosts.into_iter().find(|(_, count)| {
            seen += count;
            real(seen) >= part * real(all) && seen > 0
        });
        found.map(|(percent, _)| f64::from(percent.min(100)) / 100.0)
    }

    fn count(&self) -> u64 {
        self.hosts.iter().map(|(_, count)| count).sum()
    }
}

/// A row of cells: a share each, and whether few stand behind it.
struct Row {
    name: String,
    cells: Vec<Option<(f64, bool)>>,
    /// What stands at its end.
    told: String,
}

impl Hosts {
    /// Draws it.
    pub fn chart(&self, context: &Context) -> Result<Chart, ChartError> {
        let (spread, hosts) = (self.spread_rows(), self.host_rows());
        let frame = self.frame();
        if hosts.iter().all(|row| row.cells.iter().all(Option::is_none)) {
            return frame.empty(context, "No host with a shutdown whose time is known.");
        }
        let height = Self::row_height(hosts.len());
        let above = if spread.is_empty() { 0 } else { 22 * rows(spread.len()) + 50 };
        let body_height = HEAD + above + height * rows(hosts.len()) + 44;
        frame.draw(context, body_height, |canvas, body| {
            let (left, right) = (body.left + LEFT, body.right - RIGHT);
            let most = scale_end(&spread.iter().chain(&hosts));
            bar(canvas, Area { left, right, top: body.top, bottom: body.top + 12 }, most)?;
            let mut top = body.top + HEAD;
            if !spread.is_empty() {
                let bottom = top + 22 * rows(spread.len());
                self.panel(canvas, (body, Area { left, top, right, bottom }), &spread, most, "all hosts")?;
                top = bottom + 50;
            }
            let area = Area { left, right, top, bottom: top + height * rows(hosts.len()) };
            let heading = if spread.is_empty() { "hosts, worst first" } else { "the worst hosts" };
            self.panel(canvas, (body, area), &hosts, most, heading)?;
            self.times.axis(canvas, area)
        })
    }

    fn row_height(count: usize) -> i32 {
        (900 / rows(count).max(1)).clamp(16, 28)
    }

    fn frame(&self) -> Frame {
        let step = self.times.step.name();
        let worst = self.hosts.first().and_then(|host| {
            let (name, total) = (shown(&host.name, Face::TEXT, 260), host.total());
            let timed = crate::thousands(total.timed);
            total.of().map(|share| format!("Worst: {name}, {} of {timed}. ", units::percent(share)))
        });
        let mut notes = vec![
            format!(
                "Share of the shutdowns asked for softly that were slow or failed (cut off, crashed, ignored). \
                 Hatched: fewer than {FEW} shutdowns. Empty: none."
            ),
            "Order: by the lower end of the 95 % interval of a host's share (Wilson), which is the lower the fewer its \
             shutdowns are."
                .to_owned(),
        ];
        if !self.spread.is_empty() {
            notes.push(format!(
                "All hosts: on each {step}, hosts are sorted by their share, whatever their names; hatched: under {FEW} \
                 shutdowns a host on average. The table has the worst hosts."
            ));
        }
        let all = crate::thousands(self.all);
        let shown = if self.spread.is_empty() {
            format!("{all} host{}.", if self.all == 1 { "" } else { "s" })
        } else {
            format!("{all} hosts, the {} worst of them by name.", self.hosts.len())
        };
        Frame {
            name: "hosts",
            title: format!("Slow or failed shutdowns by host and {step}"),
            says: format!("{}{shown}", worst.unwrap_or_default()),
            notes,
            table: self.table(),
        }
    }

    fn table(&self) -> Table {
        let row = |host: &Host| {
            let total = host.total();
            let worst = host.cells.iter().filter(|(_, share)| share.timed >= FEW);
            let worst = worst.max_by(|a, b| a.1.of().unwrap_or(0.0).total_cmp(&b.1.of().unwrap_or(0.0)));
            let percent =
                |share: Share| share.of().map_or_else(|| "-".to_owned(), |s| format!("{:.1} %", s * 100.0));
            vec![
                host.name.clone(),
                crate::thousands(total.timed),
                crate::thousands(total.bad),
                percent(total),
                worst.map_or_else(|| "-".to_owned(), |(day, share)| format!("{day}: {}", percent(*share))),
            ]
        };
        let worst = format!("worst {}", self.times.step.name());
        let headings = ["host", "timed", "slow or failed", "share", &worst];
        Table::new(1, &headings, self.hosts.iter().map(row).collect())
    }

    fn host_rows(&self) -> Vec<Row> {
        let row = |host: &Host| {
            let mut cells = vec![Share::default(); self.times.count];
            for (day, share) in &host.cells {
                if let Some(step) = self.times.index(*day) {
                    cells[step].add(*share);
                }
            }
            let cells = cells.into_iter().map(|share| Some((share.of()?, share.timed < FEW))).collect();
            let total = host.total();
            let share = total.of().map_or_else(|| "-".to_owned(), units::percent);
            Row {
                name: host.name.clone(),
                cells,
                told: format!("{share} of {}", crate::thousands(total.timed)),
            }
        };
        self.hosts.iter().map(row).collect()
    }

    fn spread_rows(&self) -> Vec<Row> {
        if self.spread.is_empty() {
            return Vec::new();
        }
        let row = |(name, part): (&str, f64)| {
            let mut cells = vec![None; self.times.count];
            for spread in &self.spread {
                if let Some(step) = self.times.index(spread.day) {
                    let few = spread.timed < FEW * spread.count();
                    cells[step] = spread.quantile(part).map(|share| (share, few));
                }
            }
            Row { name: name.to_owned(), cells, told: String::new() }
        };
        QUANTILES.into_iter().map(row).collect()
    }

    fn panel(
        &self,
        canvas: &Canvas<'_>,
        (body, area): (Area, Area),
        rows_: &[Row],
        most: f64,
        heading: &str,
    ) -> Result<(), ChartError> {
        canvas.text(heading, (body.left, area.top - 12), Side::Right, Face::STRONG, Colour::Ink)?;
        let height = area.height() / rows(rows_.len()).max(1);
        for (index, row) in (0..).zip(rows_) {
            let top = area.top + index * height;
            let y = top + height / 2;
            let name = shown(&row.name, Face::SMALL, LEFT - 12);
            canvas.text(&name, (area.left - 8, y), Side::Left, Face::SMALL, Colour::Ink)?;
            let told = Face::SMALL.fit(&row.told, RIGHT - 10);
            pen::note(canvas, &told, (area.right + 8, y), Side::Right)?;
            for (step, cell) in row.cells.iter().enumerate() {
                let (left, right) = self.times.span(area, step);
                let gap = i32::from(right - left > 4);
                let cell_area = Area { left, right: right - gap, top, bottom: top + height - 1 };
                if let Some((share, few)) = cell {
                    pen::fill(canvas, cell_area, palette::sequential(share / most).filled())?;
                    if *few {
                        pen::stripes(canvas, cell_area, 5)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The share at the upper end of the colours: of cells with enough behind them, where there are any.
fn scale_end<'a>(all: &(impl Iterator<Item = &'a Row> + Clone)) -> f64 {
    let most = |fit: fn(bool) -> bool| {
        let cells = all.clone().flat_map(|row| &row.cells).flatten();
        cells.filter(|(_, few)| fit(*few)).map(|(share, _)| *share).fold(0.0, f64::max)
    };
    let most = [most(|few| !few), most(|_| true)].into_iter().find(|most| *most > 0.0).unwrap_or(1.0);
    (Amount::up_to(most * 100.0, (0, 100), 5).most() / 100.0).clamp(0.05, 1.0)
}

/// The bar of colours with its numbers.
fn bar(canvas: &Canvas<'_>, area: Area, most: f64) -> Result<(), ChartError> {
    const STEPS: i32 = 60;
    let width = 300;
    let left = area.left;
    for step in 0..STEPS {
        let x = |step: i32| left + step * width / STEPS;
        let share = f64::from(step) / f64::from(STEPS - 1);
        let piece = Area { left: x(step), right: x(step + 1), ..area };
        pen::fill(canvas, piece, palette::sequential(share).filled())?;
    }
    for part in [0.0, 0.5, 1.0] {
        #[expect(clippy::cast_possible_truncation, reason = "0 to 300")]
        let x = left + (part * f64::from(width)) as i32;
        let value = most * part * 100.0;
        let label =
            if value.fract().abs() < 1e-6 { format!("{value:.0} %") } else { format!("{value:.1} %") };
        pen::note(canvas, &label, (x, area.bottom + 12), Side::Middle)?;
    }
    let text = "share slow or failed (darkest: this or more)";
    pen::note(canvas, text, (left + width + 24, i32::midpoint(area.top, area.bottom)), Side::Right)
}
