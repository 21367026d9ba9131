//! The lab's own view of the machine: inside it, libvirt's directories are the lab's, and nothing
//! that the machine's libvirt, systemd or network has can be reached.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::Context;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_move, unmount,
};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::layout::{BOUND, Layout};

/// What QEMU and libvirtd need of /dev. Not kvm: where libvirtd sees a /dev/kvm that does not
/// work, it examines QEMU anew at each definition of a domain, which takes a minute.
const DEVICES: [&str; 7] = ["null", "zero", "full", "random", "urandom", "tty", "ptmx"];
const DEVICE_DIRECTORIES: [&str; 2] = ["pts", "shm"];

/// The account that Debian's libvirt knows QEMU by, as `libvirt-daemon-system` makes it: libvirtd
/// does not start without one, even where QEMU is to run as root.
const ACCOUNT: &str = "libvirt-qemu";
const ACCOUNT_FILES: [(&str, &str); 2] = [
    ("passwd", "libvirt-qemu:x:64055:64055:Libvirt Qemu:/nonexistent:/usr/sbin/nologin\n"),
    ("group", "libvirt-qemu:x:64055:\n"),
];

/// Moves this process into namespaces of its own and arranges them for a private libvirt.
pub fn enter(layout: &Layout) -> anyhow::Result<()> {
    // SAFETY: only UnshareFlags::FILES could break anything, and it is not asked for.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWNET) }
        .context("cannot create a mount and a network namespace (this needs root)")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).context("cannot make the mounts of the namespace private")?;
    for (name, place) in BOUND {
        fs::create_dir_all(place).with_context(|| format!("cannot create {place} to mount on"))?;
        bind(&layout.root().join(name), Path::new(place))?;
    }
    provide_account(layout)?;
    hide_systemd_and_cgroups()?;
    replace_dev(&layout.dev())
}

/// Adds libvirt's account where the machine has none.
fn provide_account(layout: &Layout) -> anyhow::Result<()> {
    for (name, line) in ACCOUNT_FILES {
        let system = Path::new("/etc").join(name);
        let mut text =
            fs::read_to_string(&system).with_context(|| format!("cannot read {}", system.display()))?;
        if text.lines().any(|line| line.split(':').next() == Some(ACCOUNT)) {
            continue;
        }
        text.push_str(line);
        let own = layout.root().join(name);
        fs::write(&own, text).with_context(|| format!("cannot write {}", own.display()))?;
        bind(&own, &system)?;
    }
    Ok(())
}

/// Without the system bus libvirt does not register the guests with the machine's systemd, without
/// systemd nothing is installed for it, and without cgroups the guests are not put next to the
/// machine's own.
fn hide_systemd_and_cgroups() -> anyhow::Result<()> {
    for place in ["/run/dbus", "/run/systemd"] {
        if fs::exists(place).unwrap_or(false) {
            mount("tmpfs", place, "tmpfs", MountFlags::empty(), None)
                .with_context(|| format!("cannot hide {place}"))?;
        }
    }
    match unmount("/sys/fs/cgroup", UnmountFlags::DETACH) {
        // Not mounted here.
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(error) => Err(error).context("cannot hide /sys/fs/cgroup"),
    }
}

/// Puts a /dev in place that has only what is listed.
fn replace_dev(dev: &Path) -> anyhow::Result<()> {
    mount("tmpfs", dev, "tmpfs", MountFlags::NOSUID, Some(c"mode=0755"))
        .context("cannot mount a new /dev")?;
    let system = Path::new("/dev");
    for name in DEVICES {
        create_file(&dev.join(name)).with_context(|| format!("cannot create {name} in the new /dev"))?;
        bind(&system.join(name), &dev.join(name))?;
    }
    for name in DEVICE_DIRECTORIES {
        fs::create_dir(dev.join(name)).with_context(|| format!("cannot create {name} in the new /dev"))?;
        bind(&system.join(name), &dev.join(name))?;
    }
    mount_move(dev, system).context("cannot move the new /dev into place")
}

fn create_file(path: &Path) -> io::Result<()> {
    File::create(path).map(drop)
}

fn bind(source: &Path, target: &Path) -> anyhow::Result<()> {
    mount_bind(source, target)
        .with_context(|| format!("cannot bind {} over {}", source.display(), target.display()))
}
