//! `softoff import`: evidence that is there already joins the journal.

mod qemu_log;

use std::path::Path;
use std::process::ExitCode;

/// What can be imported.
#[derive(Debug, clap::Subcommand)]
pub enum Import {
    /// Logs of domains, as libvirt keeps them: /var/log/libvirt/qemu/NAME.log and its rotated pieces
    #[command(after_long_help = qemu_log::EXAMPLES)]
    QemuLog(qemu_log::Args),
}

impl Import {
    /// Imports into the journal's directory.
    pub fn run(self, journal: &Path) -> anyhow::Result<ExitCode> {
        match self {
            Self::QemuLog(args) => args.run(journal),
        }
    }
}
