//! `softoff demo`: three shutdowns that were recorded on real machines, told again anywhere: no
//! root, no libvirt, no BPF.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use softoff_analyzer::{Episode, limits};
use softoff_journal::Reader;
use softoff_reports::explain;

use crate::output::{self, Output};

/// The journal of a run of the live demo (`./x demo` in the repository), as hook and tracer wrote it.
pub const RECORDING: [(&str, &str); 2] =
    [("hook.jsonl", include_str!("demo/hook.jsonl")), ("tracer.jsonl", include_str!("demo/tracer.jsonl"))];

const BEFORE: &str = "\
This is a recording: three shutdowns of real QEMU guests under a real libvirt, recorded by softoff's hook
and probe, told as if they had happened here. Nothing on this machine is touched.

";

const AFTER: &str = "\
To record your own: `softoff install` puts the hook in place, `softoff trace` attaches the probe (both as
root, on a libvirt host); then `softoff list` and `softoff explain`.
";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also write the page of the three into this file, and the timeline beside it as SVG
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let episodes = recorded()?;
        let screen = output::screen();
        output::print(BEFORE)?;
        output::print(&softoff_reports::list(&episodes, screen))?;
        for episode in &episodes {
            output::print("\n")?;
            output::print(&explain::text(episode, screen))?;
        }
        output::print("\n")?;
        output::print(AFTER)?;
        if let Some(page) = &self.output {
            write(page, &episodes)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The episodes of the recording.
fn recorded() -> anyhow::Result<Vec<Episode>> {
    let dir = tempfile::tempdir()
        .context("cannot unpack the recording; is there room in the temporary directory?")?;
    for (name, text) in RECORDING {
        fs::write(dir.path().join(name), text).context("cannot unpack the recording")?;
    }
    Ok(softoff_analyzer::analyze(Reader::open(dir.path())?, None, limits::SLOW).episodes)
}

fn write(page: &Path, episodes: &[Episode]) -> anyhow::Result<()> {
    let shown: Vec<_> = episodes.iter().collect();
    let (page, timeline) = (Output::open(page)?, Output::open(&page.with_extension("svg"))?);
    page.write(softoff_reports::page(&shown)?.as_bytes())?;
    timeline.write(softoff_reports::plot::svg(&shown)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use softoff_analyzer::Cause;
    use softoff_analyzer::episode::{Outcome, PhaseName, Tier};

    use super::*;

    #[test]
    fn the_recording_tells_the_story_of_three_shutdowns() {
        let episodes = recorded().expect("the recording is read");
        let story: Vec<_> = episodes.iter().map(|episode| (episode.outcome, episode.cause.code)).collect();
        let told = [
            (Outcome::Soft, Cause::None),
            (Outcome::Hard, Cause::GuestIgnored),
            (Outcome::Hard, Cause::GuestNotListening),
        ];
        assert_eq!(story, told);
        assert_eq!(episodes[0].phases.len(), PhaseName::ALL.len());
        assert!(episodes.iter().all(|episode| episode.completeness.tier == Tier::Probe));
    }
}
