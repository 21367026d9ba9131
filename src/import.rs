//! `softoff import`: evidence from elsewhere joins the journal.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

mod evtx;

const EVTX_EXAMPLES: &str = "\
Examples:
  softoff import evtx System.evtx                     of the guest whose computer name is a domain's
  softoff import evtx --domain web-01 *.evtx          of domain web-01, whatever its computer is called
The logs lie in C:\\Windows\\System32\\winevt\\Logs of the guest. System.evtx tells most; Setup.evtx adds
what updates were waiting, Microsoft-Windows-Diagnostics-Performance%4Operational.evtx who was slow.
Importing the same log again changes nothing.";

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Windows event logs of a guest: who asked it, where its time went, who held it up
    #[command(after_long_help = EVTX_EXAMPLES)]
    Evtx(evtx::Args),
}

impl Args {
    pub fn run(&self, journal: &Path) -> ExitCode {
        match &self.what {
            What::Evtx(args) => args.run(journal),
        }
    }
}
