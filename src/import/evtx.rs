//! `softoff import evtx`: Windows event logs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use softoff_import::evtx::{self, Summary, Target};
use softoff_reports::visible;

/// Shown after the help.
pub const EXAMPLES: &str = "\
Examples:
  softoff import evtx System.evtx                     of the guest whose computer name is a domain's
  softoff import evtx --domain web-01 *.evtx          of domain web-01, whatever its computer is called
The logs lie in C:\\Windows\\System32\\winevt\\Logs of the guest. System.evtx tells most; Setup.evtx adds
what updates were waiting, Microsoft-Windows-Diagnostics-Performance%4Operational.evtx who was slow.
Importing the same log again changes nothing.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Event logs in the EVTX format
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The domain (name or UUID) that the logs are of; without it, the one that is called like the computer
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
}

impl Args {
    /// Imports each file; one that is of no use is said, and the others go on.
    pub fn run(&self, journal: &Path, host: &str) -> ExitCode {
        let version = env!("CARGO_PKG_VERSION");
        let target = Target { journal, version, host, domain: self.domain.as_deref() };
        let mut failed = false;
        for file in &self.files {
            match evtx::import(file, &target) {
                Ok(summary) => tell(file, &summary),
                Err(error) => {
                    failed = true;
                    eprintln!("softoff: {}", visible(&error.to_string()));
                }
            }
        }
        ExitCode::from(if failed { 2 } else { 0 })
    }
}

fn tell(file: &Path, summary: &Summary) {
    let path = file.display().to_string();
    let (name, found) = (visible(&path), &summary.found);
    let machines: Vec<String> =
        summary.machines.iter().map(|(name, kept)| format!("{kept} of {}", visible(name))).collect();
    let kept = if machines.is_empty() { "none".to_owned() } else { machines.join(", ") };
    eprintln!("softoff: {name}: {} records, about shutdowns: {kept}", found.records);
    for trouble in &found.troubles {
        let text = visible(&trouble.text);
        eprintln!("softoff: warning: {name}: in the chunk at byte {}: {text}", trouble.chunk_offset);
    }
    let named = found.troubles.len() as u64;
    if found.damaged > 0 {
        let more = if found.damaged > named {
            format!(", {} not named here", found.damaged - named)
        } else {
            String::new()
        };
        eprintln!(
            "softoff: warning: {name}: {} damaged chunks or records were left out{more}; what is absent there \
             proves nothing",
            found.damaged
        );
    }
    if found.dropped > 0 {
        eprintln!(
            "softoff: warning: {name}: more than {} events about shutdowns; the {} oldest were left out",
            evtx::MOST_EVENTS,
            found.dropped
        );
    }
}
