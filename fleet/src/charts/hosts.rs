//! Hosts by time. Where hosts are many, the engine chooses the worst and counts the others.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use softoff_charts::hosts::{Host, Hosts, Share, Spread};
use softoff_charts::times::Times;

use super::{answer, sql};
use crate::engine::Engine;

/// Up to so many hosts, each has a row.
const EACH: usize = 60;
/// Of more hosts, so many of the worst have a row.
const WORST: usize = 40;

/// Slow or failed shutdowns, by host and step of the calendar.
pub async fn hosts(engine: &Engine, filter: &str, times: Times, all: u64) -> anyhow::Result<Hosts> {
    let few = all <= EACH as u64;
    let limit = if few { EACH } else { WORST };
    let worst = engine.ask(&sql::worst_hosts(filter, limit)).await?;
    let names: Vec<String> = answer::texts(&worst, "grp")?.into_iter().flatten().collect();
    let mut cells = cells(engine, &sql::of_hosts(&names, times.step, filter)).await?;
    let host = |name: String| Host { cells: cells.remove(&name).unwrap_or_default(), name };
    let hosts = names.into_iter().map(host).collect();
    let spread = if few { vec![] } else { spread(engine, &sql::spread(times.step, filter)).await? };
    Ok(Hosts { times, all, hosts, spread })
}

async fn cells(
    engine: &Engine,
    statement: &str,
) -> anyhow::Result<BTreeMap<String, Vec<(NaiveDate, Share)>>> {
    let found = engine.ask(statement).await?;
    let (names, days) = (answer::texts(&found, "grp")?, answer::days(&found, "day")?);
    let (timed, bad) = (answer::counts(&found, "n")?, answer::counts(&found, "bad")?);
    let mut hosts: BTreeMap<String, Vec<(NaiveDate, Share)>> = BTreeMap::new();
    for ((name, day), (timed, bad)) in names.into_iter().zip(days).zip(timed.into_iter().zip(bad)) {
        if let Some((name, day)) = name.zip(day) {
            hosts.entry(name).or_default().push((day, Share { timed, bad }));
        }
    }
    Ok(hosts)
}

async fn spread(engine: &Engine, statement: &str) -> anyhow::Result<Vec<Spread>> {
    let found = engine.ask(statement).await?;
    let (days, percents) = (answer::days(&found, "day")?, answer::counts(&found, "percent")?);
    let (hosts, timed) = (answer::counts(&found, "hosts")?, answer::counts(&found, "n")?);
    let mut spread: BTreeMap<NaiveDate, Spread> = BTreeMap::new();
    for ((day, percent), (hosts, timed)) in days.into_iter().zip(percents).zip(hosts.into_iter().zip(timed)) {
        let Some(day) = day else { continue };
        let found = spread.entry(day).or_insert_with(|| Spread { day, ..Spread::default() });
        found.hosts.push((u8::try_from(percent).unwrap_or(100), hosts));
        found.timed += timed;
    }
    Ok(spread.into_values().collect())
}
