//! The programs and files of the build that a lab works with.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Programs of one build directory, as `./x build` leaves them.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The command line under test.
    pub softoff: PathBuf,
    /// What looks at guests, which the recorder finds beside the command line.
    pub witness: PathBuf,
    /// The hook, linked statically.
    pub hook: PathBuf,
    /// The lab's own program: the keeper of the namespace.
    pub lab: PathBuf,
    /// The guests' init, linked statically.
    pub guest: PathBuf,
    /// The library that makes a QEMU slow to close its disk.
    pub slow_close: PathBuf,
    /// A Debian kernel package, unpacked.
    pub kernel: PathBuf,
    /// Debian's qemu-ga, unpacked too.
    pub guest_agent: PathBuf,
}

impl Programs {
    /// Finds them relative to the running program, which is part of the same build.
    pub fn find() -> anyhow::Result<Self> {
        let own = env::current_exe().context("cannot tell the path of this program")?;
        let debug = own
            .ancestors()
            .find(|dir| dir.file_name().is_some_and(|name| name == "debug"))
            .with_context(|| format!("{} does not lie in a cargo target directory", own.display()))?;
        let target = debug.parent().unwrap_or(debug);
        let programs = Self {
            softoff: debug.join("softoff"),
            witness: debug.join("softoff-witness"),
            hook: target.join("hook/softoff-hook"),
            lab: debug.join("softoff-lab"),
            guest: target.join("hook/softoff-guest"),
            slow_close: debug.join("libsoftoff_slow_close.so"),
            kernel: target.join("lab/kernel"),
            guest_agent: target.join("lab/guest-agent/usr/sbin/qemu-ga"),
        };
        programs.check()?;
        Ok(programs)
    }

    fn check(&self) -> anyhow::Result<()> {
        let Self { softoff, witness, hook, lab, guest, slow_close, kernel, guest_agent } = self;
        for path in [softoff, witness, hook, lab, guest, slow_close, kernel, guest_agent] {
            let found = fs::exists(path).unwrap_or(false);
            anyhow::ensure!(found, "{} is missing; run ./x build", path.display());
        }
        Ok(())
    }

    /// The kernel image.
    pub fn kernel_image(&self) -> anyhow::Result<PathBuf> {
        only_entry(&self.kernel.join("boot"), "vmlinuz-")
    }

    /// The directory of the kernel's modules.
    pub fn kernel_modules(&self) -> anyhow::Result<PathBuf> {
        Ok(only_entry(&self.kernel.join("lib/modules"), "")?.join("kernel"))
    }
}

/// The entry of `directory` whose name begins with `prefix`.
fn only_entry(directory: &Path, prefix: &str) -> anyhow::Result<PathBuf> {
    fs::read_dir(directory)
        .with_context(|| format!("cannot list {}; run ./x setup", directory.display()))?
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .with_context(|| format!("{} has no {prefix}*; run ./x setup", directory.display()))
}
