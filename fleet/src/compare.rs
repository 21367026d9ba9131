//! `softoff fleet compare`: did it get worse? An effect with its interval, not two numbers.

use std::process::ExitCode;

use anyhow::bail;
use serde_json::{Value, json};
use softoff_reports::units;

use crate::by::{self, By, Filter};
use crate::engine::Engine;
use crate::groups::{self, Group, UNKNOWN};
use crate::out::{self, Format, Store};
use crate::range::{self, Range};
use crate::survival::{self, Difference};
use crate::table::{self, Side};

/// How sure an interval is to hold the truth, all of a run together.
pub const CONFIDENCE: f64 = 0.95;
/// libvirt-guests' `SHUTDOWN_TIMEOUT` unless it is configured, in seconds. Without a horizon, the few that never
/// end would drown what happened to all others.
pub const HORIZON: f64 = 300.0;
/// Fewer timed shutdowns than this in a group give no interval that could be trusted.
const ENOUGH: u64 = 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    store: Store,
    /// The time before, e.g. 2026-11-01..2026-11-14 (the last day counts)
    #[arg(long, value_name = "RANGE", value_parser = range::range, requires = "after")]
    before: Option<Range>,
    /// The time after, e.g. 2026-11-15..
    #[arg(long, value_name = "RANGE", value_parser = range::range, requires = "before")]
    after: Option<Range>,
    /// Instead of times: each value of this with the one that came up before it
    #[arg(long, value_enum, conflicts_with = "before", required_unless_present = "before")]
    by: Option<By>,
    #[command(flatten)]
    filter: Filter,
    /// Count longer times as so many seconds; the default is how long libvirt-guests waits for a guest
    #[arg(long, value_name = "SECONDS", default_value_t = HORIZON)]
    horizon: f64,
    /// A table for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A group and what it is called.
type Named = (String, Group);

impl Args {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = self.store.open().await?;
        let (groups, left_out) = self.groups(&engine).await?;
        let comparisons = u32::try_from(groups.len().saturating_sub(1)).unwrap_or(u32::MAX).max(1);
        // Bonferroni: of many intervals, all hold the truth together as surely as one would.
        let z = survival::standard_errors(1.0 - (1.0 - CONFIDENCE) / f64::from(comparisons));
        let differences: Vec<_> = groups
            .windows(2)
            .map(|pair| survival::compare(&pair[0].1.times, &pair[1].1.times, self.horizon, z))
            .collect();
        match self.format {
            Format::Text => {
                let mut text = text(&groups, &differences, &left_out, z);
                out::synthetic_note(&engine, &mut text);
                out::print(&text)?;
            }
            Format::Json => {
                let json = json(&engine, &groups, &differences, &left_out, z);
                out::print(&softoff_reports::to_json(&json)?)?;
            }
        }
        Ok(ExitCode::from(u8::from(differences.iter().flatten().any(|found| found.low > 0.0))))
    }

    /// The groups to compare, in order, and those that are too small.
    async fn groups(&self, engine: &Engine) -> anyhow::Result<(Vec<Named>, Vec<Named>)> {
        let groups = match (&self.before, &self.after, self.by) {
            (Some(before), Some(after), _) => {
                vec![self.period(engine, before).await?, self.period(engine, after).await?]
            }
            (_, _, Some(by)) => self.values(engine, by).await?,
            _ => bail!("name two times (--before and --after) or what to compare by (--by qemu.version)"),
        };
        let enough = |(_, group): &Named| group.times.count() >= ENOUGH;
        let (groups, left_out): (Vec<_>, Vec<_>) = groups.into_iter().partition(enough);
        if groups.len() < 2 {
            bail!(
                "there are not two groups of {ENOUGH} timed shutdowns to compare ({}); look at `softoff fleet summary`",
                counts(groups.iter().chain(&left_out))
            );
        }
        Ok((groups, left_out))
    }

    async fn period(&self, engine: &Engine, range: &Range) -> anyhow::Result<Named> {
        Ok((range.name.clone(), by::within(engine, range, &self.filter.sql()).await?))
    }

    /// The groups in the order in which they came up.
    async fn values(&self, engine: &Engine, by: By) -> anyhow::Result<Vec<Named>> {
        let Some(column) = by.sql() else {
            bail!("phases follow each other, there is no before and after; name times or another --by")
        };
        let filter = self.filter.sql();
        let mut found = by::ask(engine, by, &filter).await?;
        // What has no value came from anywhere at any time.
        found.remove(UNKNOWN);
        let first = engine.ask(&by::first_seen(column, &filter)).await?;
        let order = groups::names(&first)?;
        Ok(order.into_iter().filter_map(|name| found.remove_entry(&name)).collect())
    }
}

fn counts<'a>(groups: impl Iterator<Item = &'a Named>) -> String {
    let told: Vec<_> = groups.map(|(name, group)| format!("{name}: {}", group.times.count())).collect();
    if told.is_empty() { "none at all".to_owned() } else { told.join(", ") }
}

/// The verdict on one difference, in a word.
fn word(found: &Difference) -> &'static str {
    match (found.low > 0.0, found.high < 0.0) {
        (true, _) => "worse",
        (_, true) => "better",
        _ if found.p_value < 1.0 - CONFIDENCE => "the mean is not told apart, the curves are",
        _ => "no difference that can be told from chance",
    }
}

fn text(groups: &[Named], differences: &[Option<Difference>], left_out: &[Named], z: f64) -> String {
    let headings = [
        ("GROUP", Side::Left),
        ("TIMED", Side::Right),
        ("CUT OFF", Side::Right),
        ("P50", Side::Right),
        ("LIMITS", Side::Left),
        ("P90", Side::Right),
        ("LIMITS", Side::Left),
    ];
    let rows: Vec<_> = groups.iter().map(|named| row(named, z)).collect();
    let mut text = table::table(&headings, &rows);
    text.push('\n');
    for (pair, found) in groups.windows(2).zip(differences) {
        text.push_str(&sentence(&pair[0].0, &pair[1].0, found.as_ref()));
    }
    if !left_out.is_empty() {
        let names = counts(left_out.iter());
        text.extend(["Left out, too few timed shutdowns: ", &names, "\n"]);
    }
    text.push_str(NOTE);
    text
}

const NOTE: &str = "\
Restricted mean: the area under the survival curve up to the horizon; longer times count as the horizon. 95 % limits
(Bonferroni where there are several); p: log-rank test. Other things may have changed at the same time.
";

fn row((name, group): &Named, z: f64) -> Vec<String> {
    let mut row = vec![name.clone(), table::count(group.times.count()), table::count(group.times.censored())];
    for share in [0.5, 0.9] {
        let (low, high) = group.quantile_limits(share, z);
        row.push(table::quantile(group.quantile(share)));
        row.push(format!("{} to {}", table::quantile(low), table::quantile(high)));
    }
    row
}

fn sentence(first: &str, second: &str, found: Option<&Difference>) -> String {
    let Some(found) = found else { return format!("{first} -> {second}: nothing to compare\n") };
    format!(
        "{} -> {}: {}. Restricted mean {} -> {}: {:+.2} s ({:+.2} to {:+.2} s), {:+.0} %; horizon {}; p {}\n",
        softoff_reports::visible(first),
        softoff_reports::visible(second),
        word(found),
        units::duration(found.first),
        units::duration(found.second),
        found.seconds,
        found.low,
        found.high,
        100.0 * found.seconds / found.first,
        units::duration(found.horizon),
        p_value(found.p_value),
    )
}

fn p_value(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("= {p:.4}") }
}

fn json(
    engine: &Engine,
    groups: &[Named],
    differences: &[Option<Difference>],
    left_out: &[Named],
    z: f64,
) -> Value {
    let group = |(name, group): &Named| {
        let percentile = |share| {
            let (low, high) = group.quantile_limits(share, z);
            let mut value = table::quantile_json(group.quantile(share));
            value["low"] = table::quantile_json(low);
            value["high"] = table::quantile_json(high);
            value
        };
        json!({ "name": name, "timed": group.times.count(), "censored": group.times.censored(),
            "p50": percentile(0.5), "p90": percentile(0.9) })
    };
    let difference = |(pair, found): (&[Named], &Option<Difference>)| {
        let names = json!({ "first": pair[0].0, "second": pair[1].0 });
        let Some(found) = found else { return json!({ "groups": names, "verdict": "unknown" }) };
        json!({
            "groups": names,
            "verdict": if found.low > 0.0 { "worse" } else if found.high < 0.0 { "better" } else { "same" },
            "seconds": found.seconds, "low_seconds": found.low, "high_seconds": found.high,
            "first_mean_seconds": found.first, "second_mean_seconds": found.second,
            "horizon_seconds": found.horizon, "p_value": found.p_value,
        })
    };
    json!({
        "schema": "softoff.fleet.compare/1",
        "synthetic": engine.synthetic,
        "confidence": CONFIDENCE,
        "groups": groups.iter().map(group).collect::<Vec<_>>(),
        "left_out": left_out.iter().map(group).collect::<Vec<_>>(),
        "differences": groups.windows(2).zip(differences).map(difference).collect::<Vec<_>>(),
    })
}
