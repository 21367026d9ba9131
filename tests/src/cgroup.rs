//! A control group of the lab, to take CPU time or memory away from one QEMU: the hierarchy of version
//! 1 or 2, whichever the machine has the controller on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use rustix::process::Pid;
use uuid::Uuid;

use crate::wait;

/// The period that CPU quotas refer to: the kernel's usual one.
const PERIOD: Duration = Duration::from_millis(100);

/// Time for the last process of a group to be gone for good.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a group controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// CPU time.
    Cpu,
    /// Memory.
    Memory,
}

impl Controller {
    const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

/// The version of a hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A control group. Dropped, it is removed, once it is empty.
#[derive(Debug)]
pub struct Group {
    directory: PathBuf,
    version: Version,
}

impl Group {
    /// Makes a group directly below the root of the controller's hierarchy.
    pub fn create(controller: Controller) -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
        let (root, version) = hierarchy(&mounts, controller)
            .with_context(|| format!("this machine has no cgroup controller {:?}", controller.name()))?;
        if version == Version::Two {
            write(&root.join("cgroup.subtree_control"), &format!("+{}", controller.name()))?;
        }
        let directory = root.join(format!("softoff-lab-{}", Uuid::new_v4()));
        fs::create_dir(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self { directory, version })
    }

    /// Moves a process in.
    pub fn add(&self, pid: Pid) -> anyhow::Result<()> {
        self.set("cgroup.procs", &pid.as_raw_nonzero().to_string())
    }

    /// Grants so much CPU time in each tenth of a second.
    pub fn limit_cpu(&self, quota: Duration) -> anyhow::Result<()> {
        match self.version {
            Version::One => self.set("cpu.cfs_quota_us", &quota.as_micros().to_string()),
            Version::Two => self.set("cpu.max", &format!("{} {}", quota.as_micros(), PERIOD.as_micros())),
        }
    }

    /// Grants all CPU time there is.
    pub fn unlimit_cpu(&self) -> anyhow::Result<()> {
        match self.version {
            Version::One => self.set("cpu.cfs_quota_us", "-1"),
            Version::Two => self.set("cpu.max", "max"),
        }
    }

    /// Grants so much memory, in bytes, to what is charged from now on.
    pub fn limit_memory(&self, bytes: u64) -> anyhow::Result<()> {
        let (limit, swap) = match self.version {
            Version::One => ("memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", bytes)),
            Version::Two => ("memory.max", ("memory.swap.max", 0)),
        };
        self.set(limit, &bytes.to_string())?;
        // Kernels without accounting of swap do not have the file, and those with swap would use it.
        if self.directory.join(swap.0).exists() {
            self.set(swap.0, &swap.1.to_string())?;
        }
        Ok(())
    }

    fn set(&self, file: &str, value: &str) -> anyhow::Result<()> {
        write(&self.directory.join(file), value)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let emptied = wait::until("the end of the group's processes", PATIENCE, || {
            Ok(fs::remove_dir(&self.directory).is_ok())
        });
        if let Err(error) = emptied {
            eprintln!("softoff-lab: cannot remove {}: {error:#}", self.directory.display());
        }
    }
}

fn write(path: &Path, value: &str) -> anyhow::Result<()> {
    fs::write(path, value).with_context(|| format!("cannot write {value:?} to {}", path.display()))
}

/// Where the controller's hierarchy is mounted, by `/proc/PID/mountinfo`.
fn hierarchy(mounts: &str, controller: Controller) -> Option<(PathBuf, Version)> {
    let mut two = None;
    for line in mounts.lines() {
        let (own, filesystem) = line.split_once(" - ")?;
        let place = PathBuf::from(own.split(' ').nth(4)?);
        let mut filesystem = filesystem.split(' ');
        match (filesystem.next()?, filesystem.nth(1)) {
            ("cgroup", Some(options)) if options.split(',').any(|one| one == controller.name()) => {
                return Some((place, Version::One));
            }
            ("cgroup2", _) => two = Some((place, Version::Two)),
            _ => {}
        }
    }
    two
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
25 20 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw
27 25 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
28 25 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";

    const UNIFIED: &str = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";

    #[test]
    fn a_controller_of_version_1_is_found_where_it_is_mounted() {
        let found = hierarchy(HYBRID, Controller::Cpu);
        assert_eq!(found, Some(("/sys/fs/cgroup/cpu,cpuacct".into(), Version::One)));
        let found = hierarchy(HYBRID, Controller::Memory);
        assert_eq!(found, Some(("/sys/fs/cgroup/memory".into(), Version::One)));
    }

    #[test]
    fn without_one_it_is_version_2() {
        let found = hierarchy(UNIFIED, Controller::Cpu);
        assert_eq!(found, Some(("/sys/fs/cgroup".into(), Version::Two)));
    }

    #[test]
    fn without_any_there_is_none() {
        assert_eq!(hierarchy("", Controller::Cpu), None);
    }
}
