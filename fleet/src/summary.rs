//! `softoff fleet summary`: how many, how they ended, and how long they took.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};
use softoff_reports::units;
use softoff_store::schema::PHASES;

use crate::by::{self, By, Filter};
use crate::engine::Engine;
use crate::groups::{self, Group};
use crate::out::{self, Format, Store};
use crate::table::{self, Side};

/// The percentiles that are shown.
const PERCENTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    store: Store,
    /// What to divide by
    #[arg(long, value_enum, default_value_t = By::Cause)]
    by: By,
    #[command(flatten)]
    filter: Filter,
    /// At most so many groups, those with the most shutdowns first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// A table for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print the SQL statement that counts, which any engine can carry out, and end
    #[arg(long)]
    sql: bool,
}

impl Args {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let filter = self.filter.sql();
        if self.sql {
            out::print(&format!("{}\n", by::statement(self.by, &filter)))?;
            return Ok(ExitCode::SUCCESS);
        }
        let engine = self.store.open().await?;
        let groups = by::ask(&engine, self.by, &filter).await?;
        let all = groups::all(groups.values());
        match self.format {
            Format::Text => out::print(&self.text(&engine, &groups, &all))?,
            Format::Json => out::print(&softoff_reports::to_json(&self.json(&engine, &groups, &all))?)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The groups with the most shutdowns, and how many more there are; phases and days stay in their order.
    fn shown<'a>(&self, groups: &'a BTreeMap<String, Group>) -> (Vec<(&'a String, &'a Group)>, usize) {
        let mut sorted: Vec<_> = groups.iter().collect();
        sorted.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        let more = sorted.len().saturating_sub(self.limit);
        sorted.truncate(self.limit);
        match self.by {
            By::Date => sorted.sort_by_key(|(name, _)| *name),
            By::Phase => sorted.sort_by_key(|(name, _)| PHASES.iter().position(|(phase, _)| phase == name)),
            _ => {}
        }
        (sorted, more)
    }

    fn text(&self, engine: &Engine, groups: &BTreeMap<String, Group>, all: &Group) -> String {
        let (shown, more) = self.shown(groups);
        let headings = [
            (self.by.heading(), Side::Left),
            ("SHUTDOWNS", Side::Right),
            ("SOFT", Side::Right),
            ("TIMED", Side::Right),
            ("CUT OFF", Side::Right),
            ("P50", Side::Right),
            ("P90", Side::Right),
            ("P99", Side::Right),
            ("LONGEST", Side::Right),
        ];
        let mut rows: Vec<_> = shown.iter().map(|(name, group)| row(name, group)).collect();
        // A shutdown has several phases: their sum would count it several times.
        if self.by != By::Phase {
            rows.push(row("all", all));
        }
        let mut text = table::table(&headings, &rows);
        if more > 0 {
            text.extend([
                table::count(more as u64).as_str(),
                " more, fewer shutdowns each; --limit shows them\n",
            ]);
        }
        text.push_str(NOTE);
        out::synthetic_note(engine, &mut text);
        text
    }

    fn json(&self, engine: &Engine, groups: &BTreeMap<String, Group>, all: &Group) -> Value {
        let (shown, more) = self.shown(groups);
        let shown: Vec<_> =
            shown.iter().map(|(name, group)| group_json(Some(name.as_str()), group)).collect();
        let by = clap::ValueEnum::to_possible_value(&self.by);
        let by = by.map(|by| by.get_name().to_owned());
        let mut json = json!({ "schema": "softoff.fleet.summary/1", "by": by, "synthetic": engine.synthetic,
            "groups": shown, "more_groups": more });
        if self.by != By::Phase {
            json["all"] = group_json(None, all);
        }
        json
    }
}

const NOTE: &str = "\
TIMED: asked softly, and the time is known. CUT OFF: of these, the guest's own power-off was not seen; it would have
taken longer. Percentiles are Kaplan-Meier's, right to 1 %; \"> T\": too many were cut off before that to say.
";

fn row(name: &str, group: &Group) -> Vec<String> {
    let soft = group.outcomes.get("soft").copied().unwrap_or(0);
    let mut row = vec![
        name.to_owned(),
        table::count(group.count),
        table::count(soft),
        table::count(group.times.count()),
        table::count(group.times.censored()),
    ];
    row.extend(PERCENTILES.iter().map(|(_, share)| table::quantile(group.quantile(*share))));
    row.push(group.longest.map_or_else(|| "-".to_owned(), units::duration));
    row
}

fn group_json(name: Option<&str>, group: &Group) -> Value {
    let percentiles: serde_json::Map<_, _> = PERCENTILES
        .iter()
        .map(|(name, share)| ((*name).to_owned(), table::quantile_json(group.quantile(*share))))
        .collect();
    json!({
        "name": name,
        "count": group.count,
        "outcomes": group.outcomes,
        "timed": group.times.count(),
        "censored": group.times.censored(),
        "percentiles": percentiles,
        "longest_seconds": group.longest,
        "total_hours": group.total / 3600.0,
    })
}
