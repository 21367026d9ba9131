//! `softoff schema`

use std::process::ExitCode;

use clap::ValueEnum;
use schemars::{Schema, schema_for};
use serde_json::json;
use softoff_analyzer::Episode;
use softoff_journal::Record;

use crate::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this schema; by default both, as the members `journal` and `episode` of one object
    #[arg(value_enum)]
    of: Option<Contract>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Contract {
    /// One line of the journal
    Journal,
    /// What `explain --format json` prints, and an element of what `list --format json` prints
    Episode,
}

impl Contract {
    fn schema(self) -> Schema {
        match self {
            Self::Journal => schema_for!(Record),
            Self::Episode => schema_for!(Episode),
        }
    }
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let schema = match self.of {
            Some(contract) => contract.schema().into(),
            None => json!({"journal": Contract::Journal.schema(), "episode": Contract::Episode.schema()}),
        };
        output::print(&softoff_reports::to_json(&schema)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
