//! `softoff fleet charts`: pictures of a fleet and a page that holds them.
//!
//! * [`sql`] writes the statements, whose answers stay small however many shutdowns there are; [`answer`]
//!   reads the answers.
//! * [`overview`] is what all charts share: the calendar, the hosts, the counts of each day.
//! * [`counts`] makes survival curves of counts in bins, [`costs`] and [`hosts`] the other values to draw.
//!
//! softoff-charts draws them.

mod answer;
mod costs;
mod counts;
mod hosts;
mod overview;
mod sql;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use softoff_charts::{Chart, page};

use crate::by::{By, Filter};
use crate::engine::Engine;
use crate::out::Store;
use crate::range::{self, Range};
use overview::Overview;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory for the pictures and index.html; it is made where there is none
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    store: Store,
    /// What the survival curves are divided by
    #[arg(long, value_enum, default_value_t = Groups::Cause)]
    by: Groups,
    /// The time before a change, e.g. 2026-11-01..2026-11-14 (the last day counts); the default is the first half
    #[arg(long, value_name = "RANGE", value_parser = range::range, requires = "after")]
    before: Option<Range>,
    /// The time after it, e.g. 2026-11-15..
    #[arg(long, value_name = "RANGE", value_parser = range::range, requires = "before")]
    after: Option<Range>,
    #[command(flatten)]
    filter: Filter,
}

/// What survival curves can be divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Groups {
    /// Why it was slow or failed
    Cause,
    /// The guest's system
    Os,
}

impl Groups {
    /// What people call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Os => "system",
        }
    }
}

impl From<Groups> for By {
    fn from(groups: Groups) -> Self {
        match groups {
            Groups::Cause => Self::Cause,
            Groups::Os => Self::Os,
        }
    }
}

impl Args {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = self.store.open().await?;
        let filter = self.filter.sql();
        let overview = Overview::ask(&engine, &filter).await?;
        let charts = self.charts(&engine, &filter, &overview).await?;
        self.write(&overview, engine.synthetic, &charts)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn charts(&self, engine: &Engine, filter: &str, overview: &Overview) -> anyhow::Result<Vec<Chart>> {
        let context = self.context(overview, engine.synthetic);
        let times = overview.times;
        let periods = self.before.clone().zip(self.after.clone()).or_else(|| overview.halves());
        Ok(vec![
            overview.percentiles().chart(&context)?,
            counts::change(engine, filter, periods).await?.chart(&context)?,
            costs::lost(engine, filter, times).await?.chart(&context)?,
            counts::survival(engine, filter, self.by).await?.chart(&context)?,
            costs::phases(engine, filter).await?.chart(&context)?,
            hosts::hosts(engine, filter, times, overview.hosts).await?.chart(&context)?,
        ])
    }

    fn context(&self, overview: &Overview, synthetic: bool) -> softoff_charts::Context {
        let mut scope = overview.scope();
        if let Some(condition) = &self.filter.condition {
            scope.push_str(", where ");
            scope.push_str(condition);
        }
        softoff_charts::Context { scope, synthetic }
    }

    fn write(&self, overview: &Overview, synthetic: bool, charts: &[Chart]) -> anyhow::Result<()> {
        let dir = &self.output;
        fs::create_dir_all(dir)
            .with_context(|| format!("cannot make {}; name another directory with -o", dir.display()))?;
        for chart in charts {
            write(dir, &format!("{}.svg", chart.name), chart.svg.as_bytes())?;
            write(dir, &format!("{}.png", chart.name), &chart.png()?)?;
        }
        let page = page::page(&self.context(overview, synthetic), &overview.headlines(), charts)?;
        write(dir, INDEX, page.as_bytes())?;
        eprintln!(
            "softoff-fleet: drew {} charts as SVG and PNG; all of them are in {}",
            charts.len(),
            softoff_reports::visible(&dir.join(INDEX).display().to_string())
        );
        Ok(())
    }
}

const INDEX: &str = "index.html";

/// Writes a file that appears whole or not at all.
fn write(dir: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}; is the disk full?", dir.join(name).display());
    // As any other new file, less what the umask takes away: web servers are to read it.
    let mode = fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(dir).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.persist(dir.join(name)).with_context(failed)?;
    Ok(())
}
