//! `softoff import`: evidence that is there already joins the journal.

mod evtx;
mod qemu_log;

use std::path::Path;
use std::process::ExitCode;

/// What can be imported.
#[derive(Debug, clap::Subcommand)]
pub enum Import {
    /// Logs of domains, as libvirt keeps them: /var/log/libvirt/qemu/NAME.log and its rotated pieces
    #[command(after_long_help = qemu_log::EXAMPLES)]
    QemuLog(qemu_log::Args),
    /// Windows event logs of a guest: who asked it, where its time went, who held it up
    #[command(after_long_help = evtx::EXAMPLES)]
    Evtx(evtx::Args),
}

impl Import {
    /// Imports into the journal's directory.
    pub fn run(self, journal: &Path) -> anyhow::Result<ExitCode> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        match self {
            Self::QemuLog(args) => args.run(journal, &host),
            Self::Evtx(args) => Ok(args.run(journal, &host)),
        }
    }
}
