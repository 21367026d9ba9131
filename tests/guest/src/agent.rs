//! The guest agent: a process that holds the agent's port open for as long as it lives.
//!
//! ```text
//! init ── starts ──▶ qemu-ga, or the init itself under another name ── open ──▶ /dev/vport1p1
//!   └──── ends ────▶                                                 └─ closed
//! ```

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use softoff_guest::{Agent, GUEST_AGENT, MARK};

/// The name of the agent's channel.
const CHANNEL: &str = "org.qemu.guest_agent.0";

/// The init's name when it plays an agent that answers nothing.
pub const SILENT: &str = "silent-agent";

/// Time for the port to appear, and then for the agent to open it. Both take a fraction of a second
/// in a guest that has nothing else to do.
const LIMIT: Duration = Duration::from_secs(30);

/// A running agent, or none.
#[derive(Debug, Default)]
pub struct GuestAgent(Option<Child>);

impl GuestAgent {
    /// Starts the agent and waits until it has the port open. A domain without a channel gets none.
    pub fn start(kind: Agent) -> anyhow::Result<Self> {
        if kind == Agent::Absent || !Path::new("/sys/class/virtio-ports").exists() {
            return Ok(Self(None));
        }
        let port = await_some(find_port).with_context(|| format!("there is no port {CHANNEL}"))?;
        let agent = match kind {
            Agent::Real => qemu_ga(&port).spawn().context("cannot run qemu-ga"),
            _ => Command::new("/init").arg0(SILENT).arg(&port).spawn().context("cannot run the silent agent"),
        }?;
        await_some(|| has_open(&agent, &port).then_some(()))
            .with_context(|| format!("the agent does not open {}", port.display()))?;
        println!("{MARK}agent has its port open");
        Ok(Self(Some(agent)))
    }

    /// Ends the agent, which closes its port.
    pub fn end(&mut self) -> anyhow::Result<()> {
        let Some(mut agent) = self.0.take() else { return Ok(()) };
        agent.kill().and_then(|()| agent.wait()).context("cannot end the agent")?;
        println!("{MARK}agent has ended");
        Ok(())
    }
}

fn qemu_ga(port: &Path) -> Command {
    let mut command = Command::new(Path::new("/").join(GUEST_AGENT));
    command.args(["--method", "virtio-serial", "--statedir", "/", "--path"]).arg(port);
    // Where the programs are that it runs for the host.
    command.env("PATH", "/sbin");
    command
}

fn find_port() -> Option<PathBuf> {
    let ports = fs::read_dir("/sys/class/virtio-ports").ok()?;
    let ports = ports.filter_map(|entry| Some(entry.ok()?.path()));
    let named =
        |port: &PathBuf| fs::read_to_string(port.join("name")).is_ok_and(|name| name.trim() == CHANNEL);
    Some(Path::new("/dev").join(ports.into_iter().find(named)?.file_name()?))
}

fn has_open(agent: &Child, port: &Path) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", agent.id())) else { return false };
    descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).any(|file| file == port)
}

/// Asks until there is an answer, or the time is over.
fn await_some<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

/// The life of an agent that answers nothing: takes what comes through the port.
pub fn stay_silent(port: &Path) -> anyhow::Result<()> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .open(port)
        .with_context(|| format!("cannot open {}", port.display()))?;
    let mut buffer = [0; 4096];
    loop {
        let count = file.read(&mut buffer).with_context(|| format!("cannot read {}", port.display()))?;
        if count == 0 {
            // Nobody is connected on the host's side.
            thread::sleep(Duration::from_millis(100));
        }
    }
}
