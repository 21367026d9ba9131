//! `softoff-lab run`: its options, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::docs;
use crate::programs::Programs;
use crate::results::Results;
use crate::runner::{self, Order};
use crate::view::View;

/// What to play, and how.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Plays only scenarios with one of these words in their name.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    filter: Vec<String>,
    /// The durations of waits, sizes and delays come from this.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What softoff is shown; each run is judged at the lower tiers as well.
    #[arg(long, value_enum, default_value_t = TierArg::Guest)]
    tier: TierArg,
    /// How many runs at a time.
    #[arg(long, value_name = "N", default_value_t = 3)]
    jobs: usize,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Where to leave results.json, and failed/ with the evidence of what is wrong
    /// [default: target/lab].
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Leaves the evidence of what is right too, in kept/.
    #[arg(long)]
    keep: bool,
    /// Writes what was played and what came of it to this Markdown file.
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
}

/// The tiers of softoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TierArg {
    /// The hook alone.
    Hook,
    /// And the domain's log.
    Log,
    /// And signals to QEMU and its exit.
    Process,
    /// And KVM's tracepoints, which see nothing of guests without KVM.
    Kvm,
    /// And QEMU's functions.
    Probe,
    /// And evidence from inside the guest: its screen and its agent.
    Guest,
}

impl From<TierArg> for View {
    fn from(tier: TierArg) -> Self {
        match tier {
            TierArg::Hook => Self::Hook,
            TierArg::Log => Self::Log,
            TierArg::Process => Self::Process,
            TierArg::Kvm => Self::Kvm,
            TierArg::Probe => Self::Probe,
            TierArg::Guest => Self::Guest,
        }
    }
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// What is wrong, and the confusion matrices.
    Text,
    /// All rows.
    Json,
}

impl RunArgs {
    /// Plays, prints and writes the results. The exit code says whether softoff was right.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let kernel = Programs::find()?.kernel;
        let order = Order {
            filters: self.filter,
            seed: self.seed,
            tier: self.tier.into(),
            jobs: self.jobs,
            keep: self.keep,
            output: self.output.unwrap_or_else(|| kernel.parent().unwrap_or(&kernel).to_owned()),
        };
        let results = runner::play_all(&order)?;
        let json =
            serde_json::to_string_pretty(results.rows()).context("cannot write the results as JSON")?;
        write(&order.output.join("results.json"), &json)?;
        if let Some(path) = &self.docs {
            write(path, &docs::markdown(&results))?;
        }
        match self.format {
            Format::Text => print!("{}", results.text()),
            Format::Json => println!("{json}"),
        }
        Ok(exit_code(&results))
    }
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn exit_code(results: &Results) -> ExitCode {
    ExitCode::from(u8::from(!results.all_right()))
}
