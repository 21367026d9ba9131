//! CPU quotas that a process runs under: cgroups whose `cpu.stat` says how long they were throttled.
//!
//! ```text
//! /proc/PID/task/TID/cgroup   which cgroup a thread is in          (libvirt gives each vCPU its own)
//! /proc/self/mountinfo        where the cpu controller is mounted  (v2: all controllers together)
//! <mount>/<cgroup>, up to the mount: the nearest directory with a quota
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The quotas over some threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    version: Version,
    /// cgroups with a quota; none: nothing can be throttled.
    directories: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Where the cpu controller is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// The cgroup that is seen there as the root.
    root: String,
    point: PathBuf,
}

impl Quotas {
    /// Finds those of some threads of a process; `None` where the kernel does not tell.
    pub fn find(pid: u32, tids: impl Iterator<Item = u32>) -> Option<Self> {
        let mounts = mounts(&fs::read_to_string("/proc/self/mountinfo").ok()?);
        let mut version = None;
        let mut directories = BTreeSet::new();
        for tid in tids {
            let cgroups = fs::read_to_string(format!("/proc/{pid}/task/{tid}/cgroup")).ok()?;
            let (mount, directory) =
                mounts.iter().find_map(|mount| Some((mount, mount.directory(&cgroups)?)))?;
            version = Some(mount.version);
            let above = directory.ancestors().take_while(|above| above.starts_with(&mount.point));
            directories
                .extend(above.filter(|above| mount.version.has_quota(above)).take(1).map(Path::to_owned));
        }
        Some(Self { version: version?, directories: directories.into_iter().collect() })
    }

    /// For how long they were throttled so far, in microseconds, all together.
    pub fn throttled_us(&self) -> Option<u64> {
        self.directories.iter().map(|directory| self.version.throttled_us(directory)).sum()
    }
}

impl Version {
    fn has_quota(self, directory: &Path) -> bool {
        let read = |name| fs::read_to_string(directory.join(name)).unwrap_or_default();
        match self {
            Self::V1 => read("cpu.cfs_quota_us").trim().parse::<u64>().is_ok(),
            Self::V2 => read("cpu.max").split(' ').next().is_some_and(|max| max.parse::<u64>().is_ok()),
        }
    }

    fn throttled_us(self, directory: &Path) -> Option<u64> {
        let stat = fs::read_to_string(directory.join("cpu.stat")).ok()?;
        match self {
            Self::V1 => field(&stat, "throttled_time").map(|nanos| nanos / 1000),
            Self::V2 => field(&stat, "throttled_usec"),
        }
    }
}

impl Mount {
    /// The directory of the cgroup that `/proc/PID/cgroup` names, where this mount shows it.
    fn directory(&self, cgroups: &str) -> Option<PathBuf> {
        let path = cgroups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let own = match self.version {
                Version::V1 => controllers.split(',').any(|controller| controller == "cpu"),
                Version::V2 => controllers.is_empty(),
            };
            own.then_some(path)
        })?;
        let below = Path::new(path).strip_prefix(&self.root).ok()?;
        // A path out of this process's cgroup namespace.
        let outside = below.components().any(|part| part.as_os_str() == "..");
        (!outside).then(|| self.point.join(below))
    }
}

/// Mounts with the cpu controller (`proc_pid_mountinfo(5)`: fields up to a dash, then type, source and
/// options of the file system).
fn mounts(mountinfo: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = mountinfo
        .lines()
        .filter_map(|line| {
            let (mount, file_system) = line.split_once(" - ")?;
            let mut mount = mount.split(' ').skip(3);
            let mut file_system = file_system.split(' ');
            let version = match file_system.next()? {
                "cgroup2" => Version::V2,
                "cgroup" if file_system.nth(1)?.split(',').any(|option| option == "cpu") => Version::V1,
                _ => return None,
            };
            Some(Mount { version, root: mount.next()?.to_owned(), point: mount.next()?.into() })
        })
        .collect();
    // Where both versions are mounted, the first has the controller: else it could not be mounted so.
    if mounts.iter().any(|mount| mount.version == Version::V1) {
        mounts.retain(|mount| mount.version == Version::V1);
    }
    mounts
}

fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "25 30 0:23 / /sys rw - sysfs sysfs rw\n\
        35 25 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "32 31 0:29 / /cg/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        33 31 0:30 / /cg/cpuset rw,relatime - cgroup cgroup rw,cpuset\n\
        41 31 0:38 / /cg/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_directory_is_where_the_cpu_controller_is_mounted() {
        let directory = |mountinfo: &str, cgroups: &str| mounts(mountinfo)[0].directory(cgroups);
        let machine = "/machine.slice/machine-qemu.scope/libvirt/vcpu0";
        let expected = format!("/sys/fs/cgroup{machine}");
        assert_eq!(directory(V2, &format!("0::{machine}\n")), Some(expected.into()));
        let cgroups = "9:name=systemd:/\n3:cpuset:/a\n2:cpu,cpuacct:/b:c\n0::/d\n";
        assert_eq!(directory(V1, cgroups), Some("/cg/cpu/b:c".into()), "v1 has the controller");
    }

    #[test]
    fn a_mount_may_show_only_a_part_and_a_namespace_may_hide_one() {
        let mountinfo = "1 2 0:3 /docker/x /cg rw - cgroup2 cgroup2 rw\n";
        let directory = |cgroups| mounts(mountinfo)[0].directory(cgroups);
        assert_eq!(directory("0::/docker/x/vm\n"), Some("/cg/vm".into()));
        assert_eq!(directory("0::/docker/y\n"), None);
        let whole = mounts(V2);
        assert_eq!(whole[0].directory("0::/../other\n"), None);
        assert_eq!(whole[0].directory("1:memory:/\n"), None);
    }

    fn cgroup(directory: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(directory).expect("a directory");
        for (name, text) in files {
            fs::write(directory.join(name), text).expect("a file");
        }
    }

    #[test]
    fn quotas_of_both_versions_are_told_from_none() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = |name: &str| root.path().join(name);
        cgroup(
            &dir("v2"),
            &[("cpu.max", "50000 100000\n"), ("cpu.stat", "nr_periods 1\nthrottled_usec 7\n")],
        );
        cgroup(&dir("free2"), &[("cpu.max", "max 100000\n")]);
        cgroup(&dir("v1"), &[("cpu.cfs_quota_us", "50000\n"), ("cpu.stat", "throttled_time 9000\n")]);
        cgroup(&dir("free1"), &[("cpu.cfs_quota_us", "-1\n")]);
        assert!(Version::V2.has_quota(&dir("v2")) && Version::V1.has_quota(&dir("v1")));
        assert!(!Version::V2.has_quota(&dir("free2")) && !Version::V1.has_quota(&dir("free1")));
        assert!(!Version::V2.has_quota(&dir("absent")) && !Version::V1.has_quota(&dir("absent")));
        assert_eq!(Version::V2.throttled_us(&dir("v2")), Some(7));
        assert_eq!(Version::V1.throttled_us(&dir("v1")), Some(9));
    }

    #[test]
    fn no_quota_is_no_throttling_and_one_that_cannot_be_read_is_not() {
        let none = Quotas { version: Version::V2, directories: Vec::new() };
        assert_eq!(none.throttled_us(), Some(0));
        let gone = Quotas { version: Version::V2, directories: vec!["/nowhere".into()] };
        assert_eq!(gone.throttled_us(), None);
    }

    #[test]
    fn a_process_that_is_not_there_has_none_to_tell_of() {
        assert_eq!(Quotas::find(u32::MAX, [u32::MAX].into_iter()), None);
    }
}
