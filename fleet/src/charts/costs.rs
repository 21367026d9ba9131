//! Where the time goes: hours by cause, and phases of slow shutdowns.

use std::collections::BTreeMap;

use softoff_charts::lost::{self, Lost};
use softoff_charts::phases::{self, PHASES, Phases};
use softoff_charts::times::Times;

use super::{answer, sql};
use crate::engine::Engine;
use crate::groups::UNKNOWN;

/// Hours waited, by cause and step of the calendar.
pub async fn lost(engine: &Engine, filter: &str, times: Times) -> anyhow::Result<Lost> {
    let found = engine.ask(&sql::waited(times.step, filter)).await?;
    let (names, days) = (answer::texts(&found, "grp")?, answer::days(&found, "day")?);
    let seconds = answer::numbers(&found, "total")?;
    let mut causes: BTreeMap<String, lost::Cause> = BTreeMap::new();
    for ((name, day), seconds) in names.into_iter().zip(days).zip(seconds) {
        let name = name.unwrap_or_else(|| UNKNOWN.to_owned());
        let cause = causes.entry(name.clone()).or_insert_with(|| lost::Cause { name, hours: vec![] });
        cause.hours.extend(day.zip(seconds.map(|seconds| seconds / 3600.0)));
    }
    let shutdowns = answer::counts(&found, "n")?.into_iter().sum();
    Ok(Lost { times, causes: causes.into_values().collect(), shutdowns })
}

/// Mean seconds in each phase of slow shutdowns, by cause.
pub async fn phases(engine: &Engine, filter: &str) -> anyhow::Result<Phases> {
    let found = engine.ask(&sql::phases(filter)).await?;
    let names = answer::texts(&found, "grp")?;
    let counts = answer::counts(&found, "n")?;
    let means =
        PHASES.iter().map(|phase| answer::numbers(&found, phase)).collect::<anyhow::Result<Vec<_>>>()?;
    let cause = |(row, (name, count)): (usize, (Option<String>, u64))| {
        let mut cause =
            phases::Cause { name: name.unwrap_or_else(|| UNKNOWN.to_owned()), count, means: [None; 6] };
        for (mean, column) in cause.means.iter_mut().zip(&means) {
            *mean = column.get(row).copied().flatten();
        }
        cause
    };
    Ok(Phases { causes: names.into_iter().zip(counts).enumerate().map(cause).collect() })
}
