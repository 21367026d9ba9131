//! The private libvirt: libvirtd and virtlogd, configured to touch nothing but the lab, and run as
//! plain children inside its namespaces.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

use crate::keeper::Keeper;
use crate::layout::Layout;
use crate::wait;

/// Time for a daemon to come up or go down on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// QEMU as root, without confinement, cgroups or a mount namespace of its own: it stays in the
/// lab's, by which the keeper knows it.
const QEMU_CONF: &str = "\
user = \"root\"
group = \"root\"
dynamic_ownership = 0
remember_owner = 0
security_driver = \"none\"
cgroup_controllers = []
namespaces = []
";

/// The two daemons of a lab.
#[derive(Debug)]
pub struct Daemons {
    virtlogd: Child,
    libvirtd: Child,
}

impl Daemons {
    /// Writes the configuration and starts both.
    pub fn start(keeper: &Keeper, layout: &Layout) -> anyhow::Result<Self> {
        configure(layout)?;
        let virtlogd = spawn(keeper, layout, "virtlogd")?;
        await_socket(&layout.virtlogd_socket())?;
        let libvirtd = spawn_libvirtd(keeper, layout)?;
        Ok(Self { virtlogd, libvirtd })
    }

    /// Ends libvirtd as a package upgrade does, with the guests running on, and starts it again.
    pub fn restart_libvirtd(&mut self, keeper: &Keeper, layout: &Layout) -> anyhow::Result<()> {
        end(&mut self.libvirtd, "libvirtd")?;
        self.libvirtd = spawn_libvirtd(keeper, layout)?;
        Ok(())
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        for (daemon, name) in [(&mut self.libvirtd, "libvirtd"), (&mut self.virtlogd, "virtlogd")] {
            if let Err(error) = end(daemon, name) {
                // The keeper kills what is left.
                eprintln!("softoff-lab: {error:#}");
            }
        }
    }
}

fn configure(layout: &Layout) -> anyhow::Result<()> {
    let libvirtd_conf = format!(
        "log_outputs = \"2:file:/var/log/libvirt/libvirtd.log\"\n\
         auth_unix_rw = \"none\"\n\
         unix_sock_rw_perms = \"0700\"\n\
         host_uuid = \"{}\"\n",
        // Migration is refused between daemons that call themselves the same host.
        Uuid::new_v4()
    );
    let virtlogd_conf = "log_outputs = \"2:file:/var/log/libvirt/virtlogd.log\"\n";
    for (name, text) in [
        ("libvirtd.conf", libvirtd_conf.as_str()),
        ("virtlogd.conf", virtlogd_conf),
        ("qemu.conf", QEMU_CONF),
    ] {
        let path = layout.etc().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn spawn_libvirtd(keeper: &Keeper, layout: &Layout) -> anyhow::Result<Child> {
    // A socket that is left over from the last daemon would look like a new one.
    let _ = fs::remove_file(layout.libvirt_socket());
    let libvirtd = spawn(keeper, layout, "libvirtd")?;
    await_socket(&layout.libvirt_socket())?;
    Ok(libvirtd)
}

fn spawn(keeper: &Keeper, layout: &Layout, name: &str) -> anyhow::Result<Child> {
    let output_path = layout.log().join(format!("{name}.output"));
    let output =
        File::create(&output_path).with_context(|| format!("cannot create {}", output_path.display()))?;
    let mut command: Command = keeper.command(Path::new("/usr/sbin").join(name));
    command
        .arg("--pid-file")
        .arg(layout.root().join(format!("{name}.pid")))
        .stdout(output.try_clone().context("cannot duplicate a file")?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot run {name}"))
}

fn await_socket(socket: &Path) -> anyhow::Result<()> {
    let what = format!("an answer at {}", socket.display());
    wait::until(&what, PATIENCE, || Ok(UnixStream::connect(socket).is_ok()))
}

/// Asks a daemon to end and waits until it has.
fn end(daemon: &mut Child, name: &str) -> anyhow::Result<()> {
    let pid = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw);
    if daemon.try_wait().with_context(|| format!("cannot wait for {name}"))?.is_none() {
        let pid = pid.with_context(|| format!("{name} has no process id"))?;
        kill_process(pid, Signal::TERM).with_context(|| format!("cannot end {name}"))?;
    }
    wait::until(&format!("the end of {name}"), PATIENCE, || {
        Ok(daemon.try_wait().with_context(|| format!("cannot wait for {name}"))?.is_some())
    })
}
