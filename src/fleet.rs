//! `softoff fleet …`: runs `softoff-fleet`, as git and cargo run theirs. A host carries no query engine.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::anyhow;

/// The program.
const PROGRAM: &str = "softoff-fleet";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What `softoff fleet --help` lists
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    arguments: Vec<OsString>,
}

impl Args {
    /// Becomes `softoff-fleet`; comes back only where that fails.
    pub fn run(self, journal: &Path, slow_after: Duration) -> anyhow::Result<ExitCode> {
        let error = Command::new(program())
            .args(self.arguments)
            .env("SOFTOFF_JOURNAL", journal)
            .env("SOFTOFF_SLOW_AFTER", humantime::format_duration(slow_after).to_string())
            .exec();
        Err(match error.kind() {
            io::ErrorKind::NotFound => anyhow!(
                "{PROGRAM} is not installed: it is a program of its own, so that hosts carry no query engine. \
                 Put it beside softoff or into the PATH (in the repository: ./x build fleet)"
            ),
            _ => anyhow!(error).context(format!("cannot run {PROGRAM}")),
        })
    }
}

/// The one that came with this softoff, or else the one in the PATH.
fn program() -> PathBuf {
    let own = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    own.filter(|beside| beside.is_file()).unwrap_or_else(|| PathBuf::from(PROGRAM))
}
