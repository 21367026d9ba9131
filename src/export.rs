//! `softoff export`: the episodes for other programs, as lines of JSON or as Parquet for a fleet.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use softoff_journal::Reader;
use softoff_reports::visible;
use softoff_store::export::{self, Before, Written};
use softoff_store::{Place, Row};
use uuid::Uuid;

use crate::choose::Filter;
use crate::episodes::{self, Recorded};
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Lines of JSON (one episode each), or Parquet for `softoff fleet`, DuckDB and Spark
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Where to: a file for jsonl (`-`, standard output, by default), a directory for parquet
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Parquet,
}

impl Args {
    pub fn run(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        match self.format {
            Format::Jsonl => self.lines(recorded),
            Format::Parquet => self.store(recorded),
        }
    }

    fn lines(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        let output = Output::open(&self.output.unwrap_or_else(|| PathBuf::from("-")))?;
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
