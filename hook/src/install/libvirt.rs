//! The libvirt of this machine: its version, and whether its daemon will notice the hook.
//!
//! libvirt looks for hooks when its daemon starts and when it is reloaded, and remembers only
//! whether there was one. If there was, every call looks afresh; if there was none, a new hook is
//! not noticed until the daemon is reloaded (libvirt `src/util/virhook.c`).

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Way;
use super::place::{Places, is_taken};
use crate::journal_dir::DROP_IN_DIR;
use crate::process;

/// Said where no libvirt was found.
pub(super) const NO_VERSION: &str = "No libvirt daemon was found to ask for its version, so a current one is assumed; \
    for libvirt before 6.5 run `softoff uninstall` and then `softoff install --chain`.";

/// The daemons that run the qemu hook: the monolithic one and the modular one.
const DAEMONS: [&str; 2] = ["libvirtd", "virtqemud"];

/// A version of libvirt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub release: u32,
}

impl Version {
    /// Reads what `libvirtd --version` prints: `libvirtd (libvirt) 9.0.0`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().last()?.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self { major: next()?, minor: next()?, release: next()? })
    }
}

/// Where to look for libvirt and its daemon.
#[derive(Debug, Clone)]
pub struct Host {
    /// Directories of the daemons' programs.
    pub sbin: Vec<PathBuf>,
    /// Where pid files are.
    pub run: PathBuf,
    /// The kernel's process table.
    pub proc: PathBuf,
    /// The kernel's settings of SELinux.
    pub selinux: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        let sbin = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
        Self {
            sbin: sbin.iter().map(PathBuf::from).collect(),
            run: "/run".into(),
            proc: "/proc".into(),
            selinux: "/sys/fs/selinux".into(),
        }
    }
}

/// A moment as file systems record it: seconds and nanoseconds since 1970.
type FileTime = (i64, i64);

/// A running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Daemon {
    name: &'static str,
    pid: u32,
    /// When it wrote its pid file.
    started: FileTime,
}

/// When a new hook is first called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// No daemon runs.
    AtStart,
    /// The daemon knows of hooks.
    NextCall,
    /// The daemon may believe that there are no hooks.
    AfterReload { command: String },
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtStart => {
                f.write_str("libvirt does not run now; it calls the hook from its next start on.")
            }
            Self::NextCall => f.write_str("libvirt calls it from the next start or stop of a VM on."),
            Self::AfterReload { command } => {
                write!(f, "libvirt has to be told once that there is a hook (this touches no VM): {command}")
            }
        }
    }
}

impl Host {
    /// The version of the installed libvirt; `None` where there is none.
    pub fn libvirt_version(&self) -> Option<Version> {
        let programs = self.sbin.iter().flat_map(|dir| DAEMONS.map(|name| dir.join(name)));
        programs.filter(|program| program.is_file()).find_map(|program| {
            let output = Command::new(program).arg("--version").output().ok()?;
            Version::parse(&String::from_utf8(output.stdout).ok()?)
        })
    }

    /// When a hook that is now put into `hooks_dir` is first called. To be asked before it is.
    pub(super) fn effect(&self, hooks_dir: &Path, way: Way) -> Effect {
        let hooks = executables(hooks_dir, way);
        let unaware = |daemon: &Daemon| !hooks.iter().any(|&since| since < daemon.started);
        match self.daemons() {
            daemons if daemons.is_empty() => Effect::AtStart,
            daemons => match daemons.into_iter().find(unaware) {
                Some(daemon) => Effect::AfterReload { command: daemon.reload() },
                None => Effect::NextCall,
            },
        }
    }

    /// What to say after the hook was removed. A libvirt without drop-ins goes on calling the hook
    /// it remembers, and a hook that is not there fails.
    pub(super) fn reload_after_removal(&self, places: &Places, way: Way) -> Option<String> {
        let daemon = self.daemons().into_iter().next()?;
        (way == Way::Chain && !is_taken(&places.only_hook)).then(|| {
            let command = daemon.reload();
            format!(
                "libvirt before 6.5 starts no VM until it is told that the hook is gone; run now: {command}"
            )
        })
    }

    /// What to say where SELinux may keep libvirt from executing hooks.
    pub(super) fn selinux_warning(&self, hooks_dir: &Path) -> Option<String> {
        let enforce = fs::read_to_string(self.selinux.join("enforce")).ok()?;
        (enforce.trim() == "1").then(|| {
            format!(
                "SELinux is enforcing: a confined virtqemud may read hooks but not execute them, and then no VM \
                 starts. Run `restorecon -R {}` and try it with a VM that may fail to start; if it does, run `softoff \
                 uninstall`.",
                hooks_dir.display()
            )
        })
    }

    fn daemons(&self) -> Vec<Daemon> {
        DAEMONS.into_iter().filter_map(|name| self.daemon(name)).collect()
    }

    fn daemon(&self, name: &'static str) -> Option<Daemon> {
        let file = format!("{name}.pid");
        let files = [self.run.join(&file), self.run.join("libvirt").join(&file)];
        files.into_iter().find_map(|path| {
            let pid = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
            let started = fs::metadata(&path).ok()?;
            let alive = process::stat(&self.proc, pid).ok()??.comm == name.as_bytes();
            alive.then(|| Daemon { name, pid, started: (started.mtime(), started.mtime_nsec()) })
        })
    }
}

impl Daemon {
    fn reload(&self) -> String {
        if is_run_by_systemd() {
            format!("systemctl reload {}", self.name)
        } else {
            format!("kill -HUP {}", self.pid)
        }
    }
}

/// Whether systemd manages this machine (`sd_booted(3)`).
pub fn is_run_by_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Since when there have been the hooks that libvirt would execute.
fn executables(hooks_dir: &Path, way: Way) -> Vec<FileTime> {
    let drop_ins = match way {
        Way::DropIn => fs::read_dir(hooks_dir.join(DROP_IN_DIR)).ok(),
        Way::Chain => None,
    };
    let drop_ins = drop_ins.into_iter().flatten().flatten().map(|entry| entry.path());
    drop_ins.chain([Places::new(hooks_dir).only_hook]).filter_map(|path| executable_since(&path)).collect()
}

/// The last change of what a file is, its mode among it; `None` where it is not executable.
fn executable_since(path: &Path) -> Option<FileTime> {
    let metadata = fs::metadata(path).ok()?;
    let executable = metadata.is_file() && metadata.mode() & 0o111 != 0;
    executable.then(|| (metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    /// A host whose libvirtd is this very process.
    struct Lab(TempDir);

    impl Lab {
        fn new() -> Self {
            let lab = Self(tempfile::tempdir().expect("tempdir"));
            fs::create_dir_all(lab.hooks().join(DROP_IN_DIR)).expect("created");
            fs::create_dir_all(lab.0.path().join("proc/77")).expect("created");
            let stat = format!("77 (libvirtd) S{} 99 0", " 1".repeat(18));
            fs::write(lab.0.path().join("proc/77/stat"), stat).expect("written");
            lab
        }

        fn hooks(&self) -> PathBuf {
            self.0.path().join("hooks")
        }

        fn start_daemon(&self) {
            // File times are as coarse as the kernel's tick.
            std::thread::sleep(std::time::Duration::from_millis(20));
            fs::write(self.0.path().join("libvirtd.pid"), "77\n").expect("written");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }

        fn add(&self, name: &str, mode: u32) {
            let path = self.hooks().join(name);
            fs::write(&path, "#!/bin/sh\n").expect("written");
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
        }

        fn effect(&self) -> Effect {
            let root = self.0.path();
            let host = Host { run: root.into(), proc: root.join("proc"), ..Host::default() };
            host.effect(&self.hooks(), Way::DropIn)
        }
    }

    #[test]
    fn a_daemon_that_found_no_hook_has_to_be_reloaded() {
        let lab = Lab::new();
        lab.add("qemu.d/README", 0o644);
        lab.start_daemon();
        lab.add("qemu.d/later", 0o755);
        let Effect::AfterReload { command } = lab.effect() else { panic!("no reload: {:?}", lab.effect()) };
        assert!(["kill -HUP 77", "systemctl reload libvirtd"].contains(&&*command), "{command}");
    }

    #[test]
    fn a_daemon_that_found_a_hook_looks_again_by_itself() {
        for name in ["qemu", "qemu.d/other"] {
            let lab = Lab::new();
            lab.add(name, 0o755);
            lab.start_daemon();
            assert_eq!(lab.effect(), Effect::NextCall, "{name}");
        }
    }

    #[test]
    fn without_a_daemon_there_is_nothing_to_reload() {
        assert_eq!(Lab::new().effect(), Effect::AtStart);
        let lab = Lab::new();
        lab.start_daemon();
        fs::remove_dir_all(lab.0.path().join("proc/77")).expect("removed");
        assert_eq!(lab.effect(), Effect::AtStart, "its pid file outlived it");
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        let version = |text| Version::parse(text).expect("a version");
        assert!(version("libvirtd (libvirt) 6.4.0\n") < version("virtqemud (libvirt) 6.10.0\n"));
        assert_eq!(Version::parse("libvirtd: command failed"), None);
        assert_eq!(Version::parse(""), None);
    }

    #[test]
    fn an_enforcing_selinux_is_warned_about() {
        let dir = tempfile::tempdir().expect("tempdir");
        let host = Host { selinux: dir.path().into(), ..Host::default() };
        assert_eq!(host.selinux_warning(Path::new("/h")), None);
        fs::write(dir.path().join("enforce"), "1").expect("written");
        assert!(host.selinux_warning(Path::new("/h")).is_some_and(|text| text.contains("restorecon -R /h")));
    }
}
