//! `softoff report`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::choose::{self, Filter};
use crate::episodes;
use crate::episodes::Recorded;
use crate::output::Output;
use crate::pictures;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shutdowns: ids (or their beginnings), domains (their last shutdown) or `last`; by default all
    #[arg(value_name = "ID|DOMAIN|last", conflicts_with_all = ["domain", "since", "failed"])]
    shutdowns: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// Where to write the page; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "softoff-report.html")]
    output: PathBuf,
}

impl Args {
    pub fn run(self, recorded: &Recorded<'_>) -> anyhow::Result<ExitCode> {
        let output = Output::open(&self.output)?;
        let mut episodes = episodes::load(recorded)?;
        if episodes.is_empty() && self.shutdowns.is_empty() {
            episodes::say_empty(recorded.dir);
        }
        self.filter.apply(&mut episodes);
        let mut wanted: Vec<_> = if self.shutdowns.is_empty() {
            episodes.iter().collect()
        } else {
            self.shutdowns.iter().map(|wanted| choose::named(&episodes, wanted)).collect::<Result<_, _>>()?
        };
        // On a page the newest comes first; a terminal shows the end of a list first.
        wanted.reverse();
        let pictures = pictures::read(recorded.dir, &wanted);
        output.write(softoff_reports::page_with(&wanted, &pictures)?.as_bytes())?;
        Ok(episodes::exit_code(wanted))
    }
}
