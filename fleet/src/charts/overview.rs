//! What all charts share: the calendar, the hosts, and the counts of each day.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use softoff_charts::page::Headline;
use softoff_charts::percentiles::{Percentiles, Point, SHARES};
use softoff_charts::times::Times;
use softoff_charts::{Count, thousands};
use softoff_reports::units;

use super::answer;
use super::counts::quantile;
use super::sql;
use crate::by::{self, By};
use crate::engine::Engine;
use crate::groups::{self, Group};
use crate::range::{self, Range};

/// The fleet at a glance.
pub struct Overview {
    /// The calendar.
    pub times: Times,
    /// How many hosts there are.
    pub hosts: u64,
    days: BTreeMap<NaiveDate, Group>,
    all: Group,
}

impl Overview {
    /// Asks for it.
    pub async fn ask(engine: &Engine, filter: &str) -> anyhow::Result<Self> {
        let hosts = answer::counts(&engine.ask(&sql::host_count(filter)).await?, "n")?;
        let found = by::ask(engine, By::Date, filter).await?;
        let all = groups::all(found.values());
        // What has no date stays in the sum only.
        let dated = |(name, group): (String, Group)| Some((name.parse().ok()?, group));
        let days: BTreeMap<NaiveDate, Group> = found.into_iter().filter_map(dated).collect();
        let ends = days.keys().next().zip(days.keys().next_back());
        let (first, last) = ends.map_or_else(Default::default, |(first, last)| (*first, *last));
        let times = Times::spanning(first, last);
        Ok(Self { times, hosts: hosts.into_iter().sum(), days, all })
    }

    fn ends(&self) -> Option<(NaiveDate, NaiveDate)> {
        self.days.keys().next().copied().zip(self.days.keys().next_back().copied())
    }

    /// `50 hosts, 2026-01-01 to 2026-01-30`.
    pub fn scope(&self) -> String {
        let hosts = format!("{} host{}", thousands(self.hosts), if self.hosts == 1 { "" } else { "s" });
        match self.ends() {
            Some((first, last)) if first == last => format!("{hosts}, {first}"),
            Some((first, last)) => format!("{hosts}, {first} to {last}"),
            None => hosts,
        }
    }

    /// The first and the second half of the time; none where it is one day.
    pub fn halves(&self) -> Option<(Range, Range)> {
        let (first, last) = self.ends()?;
        let days = u64::try_from(last.signed_duration_since(first).num_days() + 1).ok()?;
        let middle = first.checked_add_days(Days::new(days / 2))?;
        let before = middle.pred_opt().filter(|before| *before >= first)?;
        let range = |from: NaiveDate, until: NaiveDate| {
            let name = if from == until { from.to_string() } else { format!("{from}..{until}") };
            range::range(&name).ok()
        };
        range(first, before).zip(range(middle, last))
    }

    /// Percentiles by step of the calendar.
    pub fn percentiles(&self) -> Percentiles {
        let mut steps: BTreeMap<usize, Group> = BTreeMap::new();
        for (day, group) in &self.days {
            if let Some(step) = self.times.index(*day) {
                steps.entry(step).or_default().merge(group);
            }
        }
        let point = |(step, group): (usize, Group)| Point {
            day: self.times.start(step),
            count: count(&group),
            values: SHARES.map(|(_, share)| quantile(group.quantile(share))),
        };
        Percentiles { times: self.times, points: steps.into_iter().map(point).collect() }
    }

    /// The figures above all charts.
    pub fn headlines(&self) -> Vec<Headline> {
        let all = &self.all;
        let told = |share: f64| quantile(all.quantile(share)).told();
        let soft = all.outcomes.get("soft").copied().unwrap_or(0);
        let share = if all.count > 0 {
            units::percent(crate::survival::real(soft) / crate::survival::real(all.count))
        } else {
            "-".to_owned()
        };
        vec![
            Headline::new(thousands(self.hosts), if self.hosts == 1 { "host" } else { "hosts" }, ""),
            Headline::new(thousands(all.count), "shutdowns", count(all).told()),
            Headline::new(share, "soft", format!("{} powered themselves off", thousands(soft))),
            Headline::new(told(0.5), "p50", "half are over by then"),
            Headline::new(told(0.9), "p90", "nine in ten are over by then"),
            Headline::new(format!("{:.1} h", all.total / 3600.0), "waited", "until off or cut off"),
        ]
    }
}

fn count(group: &Group) -> Count {
    Count { timed: group.times.count(), cut_off: group.times.censored() }
}
