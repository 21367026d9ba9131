//! `softoff install` and `softoff uninstall`: the hook, the link to the journal, the unit.

use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use softoff_hook::install::{self, HOOKS_DIR, Host, Request, UNIT_DIR, UnitRequest, Way};

use crate::output;

/// Name of the hook program, which stands beside this one.
const HOOK: &str = "softoff-hook";

/// Where and how to install.
#[derive(Debug, Args)]
pub struct Install {
    /// libvirt's hooks directory.
    #[arg(long, value_name = "DIR", default_value = HOOKS_DIR)]
    hooks_dir: PathBuf,
    /// The hook program to copy there [default: softoff-hook beside this program].
    #[arg(long, value_name = "PATH")]
    hook: Option<PathBuf>,
    /// Install as `qemu` and run the hook of that name afterwards, as libvirt before 6.5 needs it.
    #[arg(long)]
    chain: bool,
    /// Where to put the recorder's systemd unit [default: /etc/systemd/system, where systemd runs and
    /// the hooks directory is libvirt's own].
    #[arg(long, value_name = "DIR")]
    unit_dir: Option<PathBuf>,
}

/// Where to uninstall.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// libvirt's hooks directory.
    #[arg(long, value_name = "DIR", default_value = HOOKS_DIR)]
    hooks_dir: PathBuf,
}

impl Install {
    /// Puts everything in place and says what to do next.
    pub fn run(self, journal: &Path) -> anyhow::Result<ExitCode> {
        let report = install::install(&self.request(journal)?, &Host::default())?;
        output::print(&format!(
            "{report}To see inside the shutdowns as well, run the recorder: {}\n",
            trace(journal)
        ))?;
        Ok(ExitCode::SUCCESS)
    }

    fn request(self, journal: &Path) -> anyhow::Result<Request> {
        let program =
            std::env::current_exe().context("cannot find out where this program is; is /proc mounted?")?;
        let unit_dir = self.unit_dir.or_else(|| default_unit_dir(&self.hooks_dir));
        let hook = self.hook.unwrap_or_else(|| program.with_file_name(HOOK));
        let unit = match unit_dir {
            Some(dir) => Some(UnitRequest { dir: absolute(dir)?, program }),
            None => None,
        };
        Ok(Request {
            hooks_dir: absolute(self.hooks_dir)?,
            hook,
            journal: absolute(journal)?,
            way: self.chain.then_some(Way::Chain),
            unit,
        })
    }
}

impl Uninstall {
    /// Takes everything away that an install made, and says what is left.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let report = install::uninstall(&absolute(self.hooks_dir)?, &Host::default())?;
        output::print(&report.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The command that records to the journal of the hook.
fn trace(journal: &Path) -> String {
    if journal == Path::new(softoff_journal::DEFAULT_DIR) {
        "softoff trace".to_owned()
    } else {
        format!("softoff --journal {} trace", journal.display())
    }
}

/// A unit belongs to the machine: an install elsewhere leaves it alone.
fn default_unit_dir(hooks_dir: &Path) -> Option<PathBuf> {
    (hooks_dir == Path::new(HOOKS_DIR) && install::is_run_by_systemd()).then(|| UNIT_DIR.into())
}
