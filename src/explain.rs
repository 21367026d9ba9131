//! `softoff explain`

use std::process::ExitCode;

use clap::ValueEnum;
use softoff_reports::explain;

use crate::episodes::Recorded;
use crate::{choose, episodes, output};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shutdown's id (or its beginning), a domain's name or UUID for its last shutdown, or
    /// `last`; by default the last one that was slow or failed, or else the last of all
    #[arg(value_name = "ID|DOMAIN|last")]
    shutdown: Option<String>,
    /// Text for a terminal, Markdown for a ticket, or the episode itself (`softoff schema episode`)
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
}

impl Args {
    pub fn run(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        let episodes = episodes::load(recorded)?;
        let episode = match &self.shutdown {
            Some(wanted) => choose::named(&episodes, wanted)?,
            None => match choose::most_telling(&episodes) {
                Some(episode) => episode,
                None => return Ok(episodes::say_empty(recorded.dir)),
            },
        };
        let text = match self.format {
            Format::Text => explain::text(episode, output::screen()),
            Format::Json => softoff_reports::to_json(episode)?,
            Format::Markdown => explain::markdown(episode),
        };
        output::print(&text)?;
        Ok(episodes::exit_code([episode]))
    }
}
