//! `softoff completions`

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{cli, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // Not straight to standard output: the generator panics where that is closed.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli::Cli::command(), "softoff", &mut script);
        output::print(&String::from_utf8(script)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
