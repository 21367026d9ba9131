//! `softoff list`

use std::process::ExitCode;

use clap::ValueEnum;

use crate::choose::Filter;
use crate::episodes::Recorded;
use crate::{episodes, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    filter: Filter,
    /// A table for people, or an array of episodes (`softoff schema episode`)
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    pub fn run(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        let mut episodes = episodes::load(recorded)?;
        if episodes.is_empty() {
            episodes::say_empty(recorded.dir);
        }
        let recorded = episodes.len();
        self.filter.apply(&mut episodes);
        match self.format {
            Format::Json => output::print(&softoff_reports::to_json(&episodes)?)?,
            Format::Text if !episodes.is_empty() => {
                output::print(&softoff_reports::list(&episodes, output::screen()))?;
            }
            Format::Text if recorded > 0 => eprintln!("softoff: none of {recorded} shutdowns is like that"),
            Format::Text => {}
        }
        Ok(episodes::exit_code(&episodes))
    }
}
