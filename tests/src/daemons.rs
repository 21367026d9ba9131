//! The private libvirt: libvirtd and virtlogd, configured to touch nothing but the lab, and run as
//! plain children of its init.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;
use virt::connect::Connect;

use crate::layout::Layout;
use crate::wait;

/// Time for a daemon to come up or go down on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// QEMU as root, without confinement, cgroups or a mount namespace of its own: it stays in the
/// lab's, by which the lab's init knows it.
const QEMU_CONF: &str = "\
user = \"root\"
group = \"root\"
dynamic_ownership = 0
remember_owner = 0
security_driver = \"none\"
cgroup_controllers = []
namespaces = []
";

const VIRTLOGD_CONF: &str = "log_outputs = \"2:file:/var/log/libvirt/virtlogd.log\"\n";

/// A daemon of the lab.
#[derive(Debug, Clone, Copy)]
pub enum Daemon {
    /// Writes the logs of the domains.
    Virtlogd,
    /// Manages the domains.
    Libvirtd,
}

impl Daemon {
    const fn name(self) -> &'static str {
        match self {
            Self::Virtlogd => "virtlogd",
            Self::Libvirtd => "libvirtd",
        }
    }

    /// Starts it; to be called inside the lab's namespaces.
    pub fn spawn(self, layout: &Layout) -> anyhow::Result<Pid> {
        let name = self.name();
        let output_path = layout.log().join(format!("{name}.output"));
        let output =
            File::create(&output_path).with_context(|| format!("cannot create {}", output_path.display()))?;
        let process = Command::new(Path::new("/usr/sbin").join(name))
            .arg("--pid-file")
            .arg(self.pid_file(layout))
            // In the C locale libvirt cuts a long name in the middle of a character, and then
            // cannot start the domain.
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("cannot duplicate a file")?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {name}"))?;
        Ok(Pid::from_child(&process))
    }

    fn pid_file(self, layout: &Layout) -> PathBuf {
        layout.root().join(format!("{}.pid", self.name()))
    }
}

/// Writes the configuration of both daemons.
pub fn configure(layout: &Layout) -> anyhow::Result<()> {
    let libvirtd_conf = format!(
        "log_outputs = \"2:file:/var/log/libvirt/libvirtd.log\"\n\
         auth_unix_rw = \"none\"\n\
         unix_sock_rw_perms = \"0700\"\n\
         host_uuid = \"{}\"\n",
        // Migration is refused between daemons that call themselves the same host.
        Uuid::new_v4()
    );
    for (name, text) in [
        ("libvirtd.conf", libvirtd_conf.as_str()),
        ("virtlogd.conf", VIRTLOGD_CONF),
        ("qemu.conf", QEMU_CONF),
    ] {
        let path = layout.etc().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Connects to libvirtd, which answers when its drivers are up.
pub fn connect(layout: &Layout) -> anyhow::Result<Connect> {
    let uri = layout.libvirt_uri();
    Connect::open(Some(&uri)).with_context(|| format!("cannot connect to {uri}"))
}

/// Waits until libvirtd answers. virtlogd is needed only when a domain starts, and up long before.
pub fn await_start(layout: &Layout) -> anyhow::Result<()> {
    wait::until("an answer of libvirtd", PATIENCE, || Ok(connect(layout).is_ok())).with_context(|| {
        let log = fs::read_to_string(layout.log().join("libvirtd.log")).unwrap_or_default();
        format!("libvirtd does not start: {}", log.lines().last().unwrap_or("it has logged nothing"))
    })
}

/// Ends libvirtd as a package upgrade does, with the guests running on, and waits for the next one.
pub fn restart_libvirtd(layout: &Layout) -> anyhow::Result<()> {
    let old = libvirtd_pid(layout)?;
    kill_process(old, Signal::TERM).context("cannot end libvirtd")?;
    wait::until("a new libvirtd", PATIENCE, || Ok(libvirtd_pid(layout).is_ok_and(|new| new != old)))?;
    await_start(layout)
}

/// The process that libvirtd is.
pub fn libvirtd_pid(layout: &Layout) -> anyhow::Result<Pid> {
    read_pid(&Daemon::Libvirtd.pid_file(layout))
}

/// Reads a pid file.
pub fn read_pid(path: &Path) -> anyhow::Result<Pid> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw);
    pid.with_context(|| format!("{} holds no process id", path.display()))
}
