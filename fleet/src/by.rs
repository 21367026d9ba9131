//! What shutdowns can be divided by, and which of them are meant.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use softoff_store::schema::PHASES;

use crate::bins;
use crate::engine::{Engine, TABLE};
use crate::groups::{self, Group};
use crate::range::Range;

/// What to divide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Why it was slow or failed
    Cause,
    /// The guest's system
    Os,
    /// The host
    Host,
    /// The virtual machine
    Domain,
    /// The stretch of the shutdown
    Phase,
    /// The version of QEMU
    #[value(name = "qemu.version")]
    QemuVersion,
    /// The host's kernel
    Kernel,
    /// The way the request took
    Path,
    /// How it ended
    Outcome,
    /// The best source that covered it
    Tier,
    /// The day (UTC)
    Date,
}

impl By {
    /// The heading of its column.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Cause => "CAUSE",
            Self::Os => "OS",
            Self::Host => "HOST",
            Self::Domain => "DOMAIN",
            Self::Phase => "PHASE",
            Self::QemuVersion => "QEMU",
            Self::Kernel => "KERNEL",
            Self::Path => "PATH",
            Self::Outcome => "OUTCOME",
            Self::Tier => "TIER",
            Self::Date => "DATE",
        }
    }

    /// The SQL of the column; none for phases, which are several.
    pub const fn sql(self) -> Option<&'static str> {
        Some(match self {
            Self::Cause => "cause",
            Self::Os => "os",
            Self::Host => "host_name",
            Self::Domain => "domain_name",
            Self::Phase => return None,
            Self::QemuVersion => "qemu_version",
            Self::Kernel => "kernel",
            Self::Path => "request_path",
            Self::Outcome => "outcome",
            Self::Tier => "tier",
            Self::Date => "CAST(CAST(requested_at AS DATE) AS VARCHAR)",
        })
    }
}

/// Which shutdowns are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Only requests from this time on: 2026-11-23, "2026-11-23 09:12" (UTC), or so long ago: 2h, 3days
    #[arg(long, value_name = "TIME", value_parser = crate::range::moment)]
    pub since: Option<String>,
    /// Only requests before this time
    #[arg(long, value_name = "TIME", value_parser = crate::range::moment)]
    pub until: Option<String>,
    /// Only what this SQL condition holds for, e.g. "os LIKE '%win%'"
    #[arg(long = "where", value_name = "SQL")]
    pub condition: Option<String>,
}

impl Filter {
    /// The condition in SQL.
    pub fn sql(&self) -> String {
        let since = self.since.as_ref().map(|time| format!("requested_at >= TIMESTAMP '{time}'"));
        let until = self.until.as_ref().map(|time| format!("requested_at < TIMESTAMP '{time}'"));
        let condition = self.condition.as_ref().map(|condition| format!("({condition})"));
        let all: Vec<_> = [since, until, condition].into_iter().flatten().collect();
        if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") }
    }
}

/// The shutdowns that a condition in SQL holds for, divided.
pub async fn ask(engine: &Engine, by: By, filter: &str) -> anyhow::Result<BTreeMap<String, Group>> {
    groups::groups(&engine.ask(&statement(by, filter)).await?)
}

/// Those of them within a stretch of time, as one group.
pub async fn within(engine: &Engine, range: &Range, filter: &str) -> anyhow::Result<Group> {
    let filter = format!("{} AND {filter}", range.sql());
    Ok(groups::all(ask(engine, By::Cause, &filter).await?.values()))
}

/// The statement that counts shutdowns into bins: for each group, outcome and bin how many there are,
/// with the longest and the sum in seconds. Any engine can carry it out, and its answers add up.
pub fn statement(by: By, filter: &str) -> String {
    match by.sql() {
        Some(group) => counted(group, "outcome", "observed_seconds", "censored", filter),
        None => phases(filter),
    }
}

/// The statement that gives the values of a column in the order in which they came up.
pub fn first_seen(column: &str, filter: &str) -> String {
    format!(
        "SELECT {column} AS grp, min(requested_at) AS first FROM {TABLE} WHERE {filter} GROUP BY 1 ORDER BY 2, 1"
    )
}

fn counted(group: &str, outcome: &str, seconds: &str, censored: &str, filter: &str) -> String {
    format!(
        "SELECT {group} AS grp, {outcome} AS outcome, {censored} AS censored, {bin} AS bin, count(*) AS n, \
         max({seconds}) AS longest, sum({seconds}) AS total FROM {TABLE} WHERE {filter} GROUP BY 1, 2, 3, 4",
        bin = bins::sql(seconds),
    )
}

/// The first of the phases that a hard stop goes through as well: QEMU's end, and libvirt's release.
const TEARDOWN: usize = 4;

fn phases(filter: &str) -> String {
    let phase = |(index, (name, column)): (usize, &(&str, &str))| {
        let filter = format!("{column} IS NOT NULL AND {filter}");
        counted(&format!("'{name}'"), "outcome", column, &format!("({})", cut_off(index)), &filter)
    };
    PHASES.iter().enumerate().map(phase).collect::<Vec<_>>().join(" UNION ALL ")
}

/// Whether the end of a phase was not seen: the phase that a guest was in when its shutdown was cut off, as no
/// later one of its own was reached. What comes after that ends whatever became of the guest.
fn cut_off(phase: usize) -> String {
    if phase >= TEARDOWN {
        return "outcome = 'pending'".to_owned();
    }
    let later = PHASES[phase + 1..TEARDOWN].iter().map(|(_, later)| format!("{later} IS NULL"));
    ["censored".to_owned()].into_iter().chain(later).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_joined_and_a_condition_of_ones_own_stays_one() {
        let filter = Filter {
            since: Some("2026-11-01T00:00:00Z".to_owned()),
            until: None,
            condition: Some("a OR b".to_owned()),
        };
        assert_eq!(filter.sql(), "requested_at >= TIMESTAMP '2026-11-01T00:00:00Z' AND (a OR b)");
        assert_eq!(Filter::default().sql(), "TRUE");
    }

    #[test]
    fn a_phase_is_cut_off_where_the_guest_reached_no_later_one_although_qemu_did() {
        assert_eq!(statement(By::Phase, "TRUE").matches("UNION ALL").count(), 5);
        assert_eq!(cut_off(2), "censored AND poweroff_seconds IS NULL");
        assert_eq!(cut_off(3), "censored", "nothing of the guest's own comes after it");
        assert_eq!(cut_off(5), "outcome = 'pending'", "libvirt releases a destroyed domain too");
    }
}
