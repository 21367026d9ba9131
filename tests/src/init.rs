//! The keeper's own life: the init of a lab.
//!
//! It starts the daemons, starts libvirtd again when that ends, and reaps every orphan at once, as
//! the init of a machine does: libvirt takes a QEMU for alive until somebody has reaped it. When
//! its standard input ends it kills all members of the lab, told by their mount namespace, so that
//! nothing else can be hit.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rustix::io::Errno;
use rustix::process::{
    self, Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, pidfd_open, pidfd_send_signal,
    set_child_subreaper,
};

use crate::daemons::Daemon;
use crate::keeper::READY;
use crate::layout::Layout;
use crate::{namespace, wait};

/// Set to keep a lab's directory for a look at its logs.
const KEEP_DIRECTORY: &str = "SOFTOFF_LAB_KEEP";

/// The lab is ending: whoever ends now is not started again.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Lives from the start of a lab to its end.
pub fn keep(root: &Path) -> anyhow::Result<()> {
    let layout = Layout::at(root);
    namespace::enter(&layout)?;
    set_child_subreaper(Some(getpid())).context("cannot become the parent of the lab's orphans")?;
    Daemon::Virtlogd.spawn(&layout)?;
    let libvirtd = Daemon::Libvirtd.spawn(&layout)?;
    println!("{READY}");
    thread::spawn({
        let layout = layout.clone();
        move || reap(&layout, libvirtd)
    });
    // Only the end of the pipe matters, not what may come through it.
    io::stdin().read_to_end(&mut Vec::new()).context("cannot read standard input")?;
    ENDING.store(true, Ordering::SeqCst);
    end(root)
}

/// Collects whoever ends, and keeps libvirtd running.
fn reap(layout: &Layout, mut libvirtd: Pid) {
    loop {
        match process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == libvirtd && !ENDING.load(Ordering::SeqCst) => {
                match revive(layout, status) {
                    Ok(pid) => libvirtd = pid,
                    Err(error) => return eprintln!("softoff-lab: {error:#}"),
                }
            }
            Ok(_) | Err(Errno::INTR) => {}
            // Nobody is left.
            Err(Errno::CHILD) => return,
            Err(error) => return eprintln!("softoff-lab: cannot wait for the lab's processes: {error}"),
        }
    }
}

/// Starts libvirtd again, unless it says that it cannot run.
fn revive(layout: &Layout, status: WaitStatus) -> anyhow::Result<Pid> {
    let code = status.exit_status().unwrap_or(0);
    anyhow::ensure!(code == 0, "libvirtd ended with {code}: see {}", layout.log().display());
    Daemon::Libvirtd.spawn(layout)
}

/// Kills all other members of the lab and removes its directory.
fn end(root: &Path) -> anyhow::Result<()> {
    let own = fs::read_link("/proc/self/ns/mnt").context("cannot read the own mount namespace")?;
    wait::until("the end of the lab's processes", Duration::from_secs(30), || {
        let mut left = false;
        for pid in other_processes()? {
            left |= kill_member(pid, &own);
        }
        Ok(!left)
    })?;
    if std::env::var_os(KEEP_DIRECTORY).is_some() {
        eprintln!("softoff-lab: kept {}", root.display());
        return Ok(());
    }
    fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))
}

fn other_processes() -> anyhow::Result<Vec<Pid>> {
    let entries = fs::read_dir("/proc").context("cannot list /proc")?;
    let pids = entries.filter_map(|entry| Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?));
    Ok(pids.filter(|pid| *pid != getpid()).collect())
}

/// Kills the process if it is in `namespace`, and tells whether it was.
fn kill_member(pid: Pid, namespace: &Path) -> bool {
    // The descriptor is opened before the namespace is read: the number may be another's by then,
    // the descriptor cannot.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    let link = format!("/proc/{}/ns/mnt", pid.as_raw_nonzero());
    let member = fs::read_link(link).is_ok_and(|its| its == namespace);
    if member {
        // It may be gone already, which is what is wanted.
        let _ = pidfd_send_signal(process, Signal::KILL);
    }
    member
}
