//! `softoff man`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;

use crate::{cli, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write one page for softoff and one for each verb into this directory instead
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let command = cli::Cli::command();
        if let Some(dir) = self.to {
            clap_mangen::generate_to(command, &dir).with_context(|| {
                format!("cannot write the manual pages into {}; does it exist?", dir.display())
            })?;
        } else {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            output::print(&String::from_utf8(page)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
