//! `softoff trace`: the recorder, in the foreground until it is told to stop.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use softoff_tracer::{Notice, Summary, Tracer};

/// Records into `journal` until SIGINT or SIGTERM.
pub fn run(journal: &Path) -> anyhow::Result<ExitCode> {
    let stop = stop_signals().context("cannot watch for SIGINT and SIGTERM")?;
    let mut notify = |notice: Notice| eprintln!("softoff: {notice}");
    let mut tracer = Tracer::start(journal, env!("CARGO_PKG_VERSION"), &mut notify)?;
    let summary = tracer.run(stop.as_fd())?;
    // All is written. What follows is the kernel's: it detaches the sentinels one by one.
    eprintln!("softoff: stopped: {}", Told(summary));
    Ok(ExitCode::SUCCESS)
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
