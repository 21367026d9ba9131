//! `softoff explain`

use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;
use softoff_analyzer::Episode;
use softoff_reports::explain;

use crate::episodes::Recorded;
use crate::{choose, episodes, output, pictures};

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
            Format::Text => explain::text(&placed(episode, recorded.dir), output::screen()),
            Format::Json => softoff_reports::to_json(episode)?,
            Format::Markdown => explain::markdown(episode),
        };
        output::print(&text)?;
        Ok(episodes::exit_code([episode]))
    }
}

/// With its pictures named so that they can be opened from here.
fn placed(episode: &Episode, journal: &Path) -> Episode {
    let mut episode = episode.clone();
    for picture in episode.evidence.iter_mut().filter_map(|evidence| evidence.picture.as_mut()) {
        if let Some(place) = pictures::place(journal, picture) {
            *picture = place.display().to_string();
        }
    }
    episode
}
