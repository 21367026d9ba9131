//! `softoff export`: the episodes for other programs, as lines of JSON, as Parquet for a fleet, or counted
//! as metrics.

mod metrics;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use softoff_journal::Reader;
use softoff_reports::metrics::{Buckets, Syntax, dashboard, rules};
use softoff_reports::visible;
use softoff_store::export::{self, Before, Written};
use softoff_store::{Place, Row};
use uuid::Uuid;

use crate::choose::Filter;
use crate::episodes::{self, Recorded};
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Where to: a file (`-`, standard output, by default), or a directory for parquet
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// Upper limits of the metrics' histograms, in seconds [default: 1,2,5,10,20,30,60,120,240,300,600,1800]
    #[arg(long, value_name = "SECONDS,…")]
    buckets: Option<Buckets>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines of JSON, one episode each
    Jsonl,
    /// The store of `softoff fleet`, DuckDB and Spark
    Parquet,
    /// Metrics in Prometheus' text format, for node_exporter's textfile collector
    Prometheus,
    /// The same metrics for whatever speaks OpenMetrics
    Openmetrics,
    /// Alert rules for Prometheus
    PrometheusRules,
    /// A dashboard for Grafana
    GrafanaDashboard,
}

impl Args {
    pub fn run(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        if self.buckets.is_some() && !matches!(self.format, Format::Prometheus | Format::Openmetrics) {
            bail!("only metrics have --buckets: --format prometheus or openmetrics");
        }
        match self.format {
            Format::Jsonl => self.lines(recorded),
            Format::Parquet => self.store(recorded),
            Format::Prometheus => self.metrics(recorded, Syntax::Prometheus),
            Format::Openmetrics => self.metrics(recorded, Syntax::OpenMetrics),
            Format::PrometheusRules => self.file(&rules::yaml()?),
            Format::GrafanaDashboard => self.file(&dashboard::json()?),
        }
    }

    fn metrics(self, recorded: &Recorded<'_>, syntax: Syntax) -> anyhow::Result<ExitCode> {
        if !self.filter.is_empty() {
            bail!(
                "metrics count all shutdowns, or counters would go down when the filter moves on: leave --domain, \
                 --since and --failed out, and select when asking (PromQL: increase(softoff_shutdowns_total[1d]))"
            );
        }
        let output = self.opened()?;
        let analysis = episodes::analysis(recorded)?;
        let text = metrics::text(&analysis, &self.buckets.unwrap_or_default(), syntax)?;
        // From cron it runs every minute: what all can read, and no word as long as all is well.
        output.readable_by_all()?.write_quietly(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }

    /// What no journal is needed for.
    fn file(self, text: &str) -> anyhow::Result<ExitCode> {
        if !self.filter.is_empty() {
            bail!("there are no shutdowns in it to select: leave --domain, --since and --failed out");
        }
        self.opened()?.write(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }

    fn opened(&self) -> anyhow::Result<Output> {
        Output::open(self.output.as_deref().unwrap_or(Path::new("-")))
    }

    fn lines(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        let output = self.opened()?;
        let mut episodes = episodes::load(recorded)?;
        self.filter.apply(&mut episodes);
        let mut lines = String::new();
        for episode in &episodes {
            lines.push_str(&softoff_reports::to_json_line(episode)?);
        }
        output.write(lines.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }

    fn store(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        if !self.filter.is_empty() {
            bail!(
                "a store holds all episodes of a day, or its counts would be wrong: leave --domain, --since and \
                 --failed out, and select when asking (softoff fleet summary --where …)"
            );
        }
        let Some(output) = self.output else {
            bail!("name the directory of the store: softoff export --format parquet -o DIR")
        };
        let place = Place::create(&output.display().to_string())?;
        let episodes = episodes::load(recorded)?;
        let kernels = kernels(recorded)?;
        let row = |episode| Row::of(episode, kernels.get(&episode.boot_id).map(String::as_str));
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().context("cannot start writing")?;
        let mut written = Vec::new();
        for (partition, rows) in export::partitions(episodes.iter().map(row)) {
            written.push(runtime.block_on(export::export(&place, &partition, rows))?);
        }
        say(&written, &output.display().to_string());
        Ok(ExitCode::SUCCESS)
    }
}

/// The kernel of each boot, which the first record of its files names.
fn kernels(recorded: &Recorded<'_>) -> anyhow::Result<HashMap<Uuid, String>> {
    let origins = Reader::origins(recorded.dir)?;
    Ok(origins
        .into_iter()
        .map(|origin| (origin.provenance.boot_id, origin.provenance.kernel.clone()))
        .collect())
}

fn say(written: &[Written], place: &str) {
    for file in written {
        if let Some(fewer) = file.fewer() {
            eprintln!(
                "softoff: warning: {} had {fewer} more episodes; the journal no longer holds them",
                visible(&file.name)
            );
        }
    }
    let new = written.iter().filter(|file| file.before != Before::Same).count();
    let episodes: u64 = written.iter().map(|file| file.rows).sum();
    eprintln!(
        "softoff: {episodes} episodes in {} files of {}, {new} of them new or changed",
        written.len(),
        visible(place)
    );
}
