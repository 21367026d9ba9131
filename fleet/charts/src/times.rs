//! The axis of the calendar: days, or longer steps where there are many.

use chrono::{Datelike, Days, Months, NaiveDate};
use softoff_reports::plot::{Canvas, Face};

use crate::ChartError;
use crate::frame::Area;
use crate::scale;

/// How long a step of the axis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl Step {
    /// Its name, as SQL's `date_trunc` has it too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The start of the step that a day is in.
    fn start(self, day: NaiveDate) -> NaiveDate {
        let start = match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
            Self::Month => day.with_day(1),
            Self::Year => day.with_ordinal(1),
        };
        start.unwrap_or(day)
    }

    /// How many steps lie between the starts of two.
    fn between(self, first: NaiveDate, last: NaiveDate) -> i64 {
        let days = last.signed_duration_since(first).num_days();
        let years = i64::from(last.year()) - i64::from(first.year());
        match self {
            Self::Day => days,
            Self::Week => days.div_euclid(7),
            Self::Month => years * 12 + i64::from(last.month()) - i64::from(first.month()),
            Self::Year => years,
        }
    }
}

/// So many steps from a first one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The first day of the first step.
    pub first: NaiveDate,
    /// How long a step is.
    pub step: Step,
    /// How many there are, at least one.
    pub count: usize,
}

/// More steps than this become longer ones.
const AT_MOST: i64 = 93;
/// Years beyond this are no dates of shutdowns.
const YEARS: i64 = 400;

impl Times {
    /// The shortest steps of which not too many lie between two days.
    pub fn spanning(first: NaiveDate, last: NaiveDate) -> Self {
        let (first, last) = (first.min(last), first.max(last));
        let with = |step: Step| (step, step.start(first), step.between(step.start(first), step.start(last)));
        let (step, first, more) = [Step::Day, Step::Week, Step::Month]
            .map(with)
            .into_iter()
            .find(|(.., more)| *more < AT_MOST)
            .unwrap_or(with(Step::Year));
        let count = usize::try_from(more.clamp(0, YEARS) + 1).unwrap_or(1);
        Self { first, step, count }
    }

    /// The number of the step that a day is in.
    pub fn index(&self, day: NaiveDate) -> Option<usize> {
        let index = self.step.between(self.first, self.step.start(day));
        usize::try_from(index).ok().filter(|index| *index < self.count)
    }

    /// The first day of a step.
    pub fn start(&self, index: usize) -> NaiveDate {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let start = match self.step {
            Step::Day => self.first.checked_add_days(Days::new(number.into())),
            Step::Week => self.first.checked_add_days(Days::new(u64::from(number) * 7)),
            Step::Month => self.first.checked_add_months(Months::new(number)),
            Step::Year => self.first.checked_add_months(Months::new(number.saturating_mul(12))),
        };
        start.unwrap_or(self.first)
    }

    /// `per day`, `per week`.
    pub(crate) fn per(&self) -> String {
        format!("per {}", self.step.name())
    }

    /// The pixels from which to which a step goes.
    pub(crate) fn span(&self, area: Area, index: usize) -> (i32, i32) {
        let x = |index: usize| {
            let share = crate::real(index as u64) / crate::real(self.count.max(1) as u64);
            #[expect(clippy::cast_possible_truncation, reason = "within the area")]
            let pixels = (share * f64::from(area.width())).round() as i32;
            area.left + pixels
        };
        (x(index), x(index + 1))
    }

    /// The pixel in the middle of a step.
    pub(crate) fn middle(&self, area: Area, index: usize) -> i32 {
        let (left, right) = self.span(area, index);
        i32::midpoint(left, right)
    }

    fn label(&self, index: usize) -> String {
        let format = match self.step {
            Step::Day | Step::Week => "%-d %b",
            Step::Month => "%b %Y",
            Step::Year => "%Y",
        };
        self.start(index).format(format).to_string()
    }

    /// Draws the axis below an area. No lines stand in the area: it is for bars and cells.
    pub(crate) fn axis(&self, canvas: &Canvas<'_>, area: Area) -> Result<(), ChartError> {
        let width = (0..self.count.min(40)).map(|index| Face::SMALL.width(&self.label(index))).max();
        let room = usize::try_from(area.width() / (width.unwrap_or(0) + 24)).unwrap_or(1).max(1);
        let every = self.every(room);
        let ticks = (0..self.count).step_by(every);
        let ticks = ticks.map(|index| (self.middle(area, index), self.label(index)));
        scale::feet(canvas, area, ticks)?;
        let last = self.start(self.count - 1);
        let text = match self.step {
            Step::Day => format!("day (UTC), {} to {last}", self.first),
            Step::Week => format!("week from Monday (UTC), {} to the week of {last}", self.first),
            Step::Month | Step::Year => format!("{} (UTC)", self.step.name()),
        };
        scale::footing(canvas, area, &text)
    }

    /// Every which step has a label where so many have room.
    fn every(&self, room: usize) -> usize {
        let least = self.count.div_ceil(room).max(1);
        [1, 2, 3, 7, 14, 28, 56].into_iter().find(|every| *every >= least).unwrap_or(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn long_times_have_longer_steps() {
        for (last, step, count) in [
            ("2026-01-01", Step::Day, 1),
            ("2026-03-31", Step::Day, 90),
            ("2026-12-31", Step::Week, 53),
            ("2031-12-31", Step::Month, 72),
            ("2126-01-01", Step::Year, 101),
        ] {
            let times = Times::spanning(day("2026-01-01"), day(last));
            assert_eq!((times.step, times.count), (step, count), "{last}");
        }
    }

    #[test]
    fn every_day_is_in_the_step_that_starts_before_it() {
        let times = Times::spanning(day("2026-01-01"), day("2026-12-31"));
        assert_eq!(times.index(day("2026-01-01")), Some(0));
        assert_eq!(times.index(day("2026-12-31")), Some(52));
        assert_eq!(times.start(52), day("2026-12-28"));
        assert_eq!(times.index(day("2027-06-01")), None);
        assert_eq!(times.index(day("2025-06-01")), None);
    }
}
