//! A cgroup with little memory, in which the kernel's OOM killer chooses.

use std::fs;
use std::path::{Path, PathBuf};

/// The hierarchies in which memory can be limited: v1, then v2; and the files that do it.
const HIERARCHIES: [(&str, &str, &str); 2] = [
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    ("/sys/fs/cgroup", "memory.max", "memory.swap.max"),
];

/// A cgroup; removed when dropped, if its processes have ended.
pub struct Cgroup(PathBuf);

/// Why no memory can be limited here, if so.
pub fn is_possible() -> Result<(), String> {
    Cgroup::with_memory(1 << 30).map(drop)
}

impl Cgroup {
    /// Makes one with this much memory, in bytes, and no swap beyond it.
    pub fn with_memory(bytes: u64) -> Result<Self, String> {
        let why = |error| format!("this test needs to limit memory with cgroups ({error})");
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| why(error.to_string()))?;
        let (root, limit, swap) = HIERARCHIES
            .into_iter()
            .find(|(root, ..)| Path::new(root).join("cgroup.procs").exists())
            .ok_or_else(|| why("no hierarchy is mounted".to_owned()))?;
        // In v2 only the root may have both processes and cgroups.
        let own = own.lines().find_map(|line| line.split_once(":memory:")).map_or("", |(_, path)| path);
        let thread = std::thread::current().id();
        let name = format!("softoff-test-{}-{thread:?}", std::process::id());
        let group = Self(PathBuf::from(format!("{root}{own}/{name}")));
        fs::create_dir(&group.0).map_err(|error| why(error.to_string()))?;
        group.write(limit, bytes).map_err(|error| why(error.to_string()))?;
        // v1 limits memory and swap together. Where swap is not accounted there is nothing to limit.
        let _ = group.write(swap, if swap.contains("memsw") { bytes } else { 0 });
        Ok(group)
    }

    /// Moves a process in: what it takes from now on is counted here.
    pub fn add(&self, pid: u32) {
        self.write("cgroup.procs", pid.into()).expect("a process can be moved");
    }

    fn write(&self, file: &str, value: u64) -> std::io::Result<()> {
        fs::write(self.0.join(file), value.to_string())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
