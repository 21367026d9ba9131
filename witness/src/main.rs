//! `softoff-witness`: looks at a guest's screen and asks its agent, through libvirt, while its shutdown
//! lasts. A program of its own, because a call of libvirt can hang: the recorder ends it then.
//!
//! ```text
//! softoff trace ─ starts ─▶ softoff-witness ─┬─ domain ── is it this process, running, in no job?
//!        ▲                                   ├─ screenshot ─▶ picture ─▶ store ─▶ text (tesseract)
//!        │                                   ├─ agent ─ ping, os, settings ─▶ reg, powercfg
//!        └── exit status                     └─ report ─▶ journal, at the deadline with what there is
//! ```
//!
//! * [`domain`] and [`screenshot`] are all that calls libvirt for the screen; [`agent`] asks the agent.
//! * [`picture`] judges, [`store`] keeps pictures, [`text`] has one read.
//! * [`answer`], [`reg`] and [`powercfg`] read what the guest says; [`settings`] says what is run in it.
//! * [`report`] writes what came of it, and [`deadline`] sees to it that this happens in time.

mod agent;
mod answer;
mod deadline;
mod domain;
mod look;
mod picture;
mod powercfg;
mod reg;
mod report;
mod screenshot;
mod settings;
mod store;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use softoff_journal::record::ProcessId;
use uuid::Uuid;

/// Looks at the screen of a guest that libvirt runs and asks its agent, and writes what it saw to
/// softoff's journal. `softoff trace` runs it while a shutdown lasts.
///
/// Exit status: 0 it was looked at, 1 it could not be, which is recorded with the reason, 2 an error
#[derive(Debug, Clone, Parser)]
#[command(version, max_term_width = 100)]
pub struct Order {
    /// The directory of the journal
    #[arg(long, value_name = "DIR", env = "SOFTOFF_JOURNAL", default_value = softoff_journal::DEFAULT_DIR)]
    journal: PathBuf,
    /// The libvirt to ask
    #[arg(long, value_name = "URI", env = "LIBVIRT_DEFAULT_URI", default_value = "qemu:///system")]
    connect: String,
    /// The domain
    #[arg(long)]
    uuid: Uuid,
    /// The number of the QEMU process that must be running it
    #[arg(long, value_name = "N")]
    pid: u32,
    /// When that process was started, in clock ticks since boot: field 22 of /proc/PID/stat
    #[arg(long, value_name = "N")]
    start_ticks: u64,
    /// Take no picture of the screen
    #[arg(long)]
    no_screen: bool,
    /// Ask the guest's agent nothing
    #[arg(long)]
    no_agent: bool,
    /// Ask a Windows guest for its shutdown settings too: runs reg query and powercfg /q in it
    #[arg(long)]
    settings: bool,
}

impl Order {
    fn process(&self) -> ProcessId {
        ProcessId { pid: self.pid, start_ticks: self.start_ticks }
    }
}

fn main() -> ExitCode {
    let order = Order::parse();
    // The host has better things to do, and what is started from here inherits it.
    let _ = rustix::process::nice(19);
    match look::run(&order) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("softoff-witness: {error:#}");
            ExitCode::from(2)
        }
    }
}
