//! The verbs and their options: parsed here, carried out in the module of the same name.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Explains how libvirt/KVM virtual machines shut down: where the time went, and why one failed.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// The journal's directory.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "SOFTOFF_JOURNAL",
        default_value = softoff_journal::DEFAULT_DIR
    )]
    journal: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Prints the JSON Schema of the journal's records and of the episode.
    Schema,
    /// Records what QEMU, KVM and the kernel do during shutdowns, until SIGINT or SIGTERM.
    Trace,
}

impl Cli {
    /// Carries out what was asked.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Trace => crate::trace::run(&self.journal),
            Verb::Schema => todo!("{:?}", self.journal),
        }
    }
}
