//! `softoff trace`: the recorder, in the foreground until it is told to stop.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args as ClapArgs;
use clap::builder::FalseyValueParser;
use signal_hook::consts::{SIGINT, SIGTERM};
use softoff_tracer::{LookPlan, Notice, Summary, Tracer};

use crate::cli::length;

/// How guests are looked at while it records.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// How long after the request a guest is looked at that has not shut down
    #[arg(long, value_name = "TIME", env = "SOFTOFF_LOOK_AFTER", default_value = "20s", value_parser = length)]
    look_after: Duration,
    /// How long after a look it is looked at again, at most ten times in all
    #[arg(long, value_name = "TIME", env = "SOFTOFF_LOOK_EVERY", default_value = "60s", value_parser = length)]
    look_every: Duration,
    /// Never look at a guest's screen, and ask its agent nothing
    #[arg(long, env = "SOFTOFF_NEVER_LOOK", value_parser = FalseyValueParser::new())]
    never_look: bool,
    /// Ask Windows guests for their shutdown settings, by running reg query and powercfg /q in them
    #[arg(long, env = "SOFTOFF_ASK_SETTINGS", value_parser = FalseyValueParser::new())]
    ask_settings: bool,
}

impl Args {
    /// Records into `journal` until SIGINT or SIGTERM.
    pub fn run(&self, journal: &Path) -> anyhow::Result<ExitCode> {
        let stop = stop_signals().context("cannot watch for SIGINT and SIGTERM")?;
        let mut notify = |notice: Notice| eprintln!("softoff: {notice}");
        let mut tracer = Tracer::start(journal, env!("CARGO_PKG_VERSION"), &mut notify)?;
        if let Some(plan) = self.looks() {
            tracer.look_at_guests(plan, journal);
        }
        let summary = tracer.run(stop.as_fd())?;
        // All is written. What follows is the kernel's: it detaches the sentinels one by one.
        eprintln!("softoff: stopped: {}", Told(summary));
        Ok(ExitCode::SUCCESS)
    }

    fn looks(&self) -> Option<LookPlan> {
        let Self { look_after: after, look_every: every, never_look, ask_settings: settings } = *self;
        (!never_look).then_some(LookPlan { after, every, settings })
    }
}

/// A stream that becomes readable when the process is asked to end.
fn stop_signals() -> std::io::Result<UnixStream> {
    let (stop, write) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGINT, write.try_clone()?)?;
    signal_hook::low_level::pipe::register(SIGTERM, write)?;
    Ok(stop)
}

/// A summary in words.
struct Told(Summary);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Summary { written, unwritten, losses } = self.0;
        write!(f, "{written} records written")?;
        let lost = unwritten + losses.ring_buffer + losses.rate_limit;
        if lost == 0 {
            return write!(f, ", nothing lost");
        }
        write!(
            f,
            ", {lost} lost ({} because the journal could not be written, {} because events came faster than \
             they were read, {} because one VM sent too many)",
            unwritten, losses.ring_buffer, losses.rate_limit
        )
    }
}
