//! What the guest asks of its kernel: filesystems, modules, power states.

use std::ffi::CString;
use std::fs::{self, File};
use std::path::Path;

use anyhow::Context;
use rustix::mount::{MountFlags, mount};
use rustix::system::RebootCommand;
use softoff_guest::MODULES_DIR;

/// Mounts /proc, /sys and /dev. An initramfs comes without them.
pub fn mount_kernel_filesystems() -> anyhow::Result<()> {
    for (kind, target) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        fs::create_dir_all(target).with_context(|| format!("cannot create {target}"))?;
        mount(kind, target, kind, MountFlags::empty(), None)
            .with_context(|| format!("cannot mount {kind} on {target}"))?;
    }
    Ok(())
}

/// Loads modules of the initramfs, in the order given.
pub fn load_modules(names: &[&str]) -> anyhow::Result<()> {
    for name in names {
        let path = Path::new("/").join(MODULES_DIR).join(format!("{name}.ko"));
        let module = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        rustix::system::finit_module(module, &CString::default(), 0)
            .with_context(|| format!("cannot load {}", path.display()))?;
    }
    Ok(())
}

/// ACPI S5.
pub fn power_off() -> anyhow::Result<()> {
    rustix::system::reboot(RebootCommand::PowerOff).context("cannot power off")
}

/// A restart of the machine.
pub fn reboot() -> anyhow::Result<()> {
    rustix::system::reboot(RebootCommand::Restart).context("cannot reboot")
}

/// ACPI S3; returns when the machine is awake again.
pub fn suspend_to_ram() -> anyhow::Result<()> {
    fs::write("/sys/power/state", "mem").context("cannot suspend to RAM")
}

/// A kernel panic, which the kernel tells pvpanic where it has the driver.
pub fn panic() -> anyhow::Result<()> {
    fs::write("/proc/sysrq-trigger", "c").context("cannot crash the kernel")
}
