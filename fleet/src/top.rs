//! `softoff fleet top`: what costs the most hours.

use std::process::ExitCode;

use serde_json::json;
use softoff_reports::units;

use crate::by::{self, By, Filter};
use crate::groups::Group;
use crate::out::{self, Format, Store};
use crate::survival::real;
use crate::table::{self, Side};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    store: Store,
    /// What to divide by
    #[arg(long, value_enum, default_value_t = By::Cause)]
    by: By,
    #[command(flatten)]
    filter: Filter,
    /// So many groups
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// A table for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Args {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = self.store.open().await?;
        let groups = by::ask(&engine, self.by, &self.filter.sql()).await?;
        let all: f64 = groups.values().map(|group| group.total).sum();
        let mut sorted: Vec<_> = groups.iter().collect();
        sorted.sort_by(|a, b| b.1.total.total_cmp(&a.1.total));
        sorted.truncate(self.limit);
        match self.format {
            Format::Text => {
                let mut text = self.text(&sorted, all);
                out::synthetic_note(&engine, &mut text);
                out::print(&text)?;
            }
            Format::Json => {
                let groups: Vec<_> = sorted.iter().map(|(name, group)| cost(name, group, all)).collect();
                let json = json!({ "schema": "softoff.fleet.top/1", "synthetic": engine.synthetic,
                    "total_hours": all / 3600.0, "groups": groups });
                out::print(&softoff_reports::to_json(&json)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn text(&self, sorted: &[(&String, &Group)], all: f64) -> String {
        let headings = [
            (self.by.heading(), Side::Left),
            ("HOURS", Side::Right),
            ("SHARE", Side::Right),
            ("TIMED", Side::Right),
            ("CUT OFF", Side::Right),
            ("MEAN", Side::Right),
        ];
        let row = |(name, group): &(&String, &Group)| {
            vec![
                (*name).clone(),
                format!("{:.1}", group.total / 3600.0),
                units::percent(share(group.total, all)),
                table::count(group.times.count()),
                table::count(group.times.censored()),
                mean(group).map_or_else(|| "-".to_owned(), units::duration),
            ]
        };
        let mut text = table::table(&headings, &sorted.iter().map(row).collect::<Vec<_>>());
        text.push_str("HOURS: spent waiting for guests that were asked softly, those that were cut off in the end too.\n");
        text
    }
}

fn share(part: f64, all: f64) -> f64 {
    if all > 0.0 { part / all } else { 0.0 }
}

/// Mean time spent waiting.
fn mean(group: &Group) -> Option<f64> {
    let count = group.times.count();
    (count > 0).then(|| group.total / real(count))
}

fn cost(name: &str, group: &Group, all: f64) -> serde_json::Value {
    json!({
        "name": name,
        "hours": group.total / 3600.0,
        "share": share(group.total, all),
        "timed": group.times.count(),
        "censored": group.times.censored(),
        "mean_waited_seconds": mean(group),
    })
}
