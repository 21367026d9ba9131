//! Storage behind a network block device, which the lab can stop as a failing SAN or NFS server would.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::lab::Lab;
use crate::wait;

/// Time for qemu-nbd to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A qemu-nbd that serves one image. Dropped, it is killed.
#[derive(Debug)]
pub struct Storage {
    server: Child,
}

impl Storage {
    /// Serves `image` on the unix socket `socket`, inside the lab's namespaces.
    pub fn serve(lab: &Lab, image: &Path, socket: &Path) -> anyhow::Result<Self> {
        let server = lab
            .command("qemu-nbd")
            .args(["--persistent", "--format=raw", "--socket"])
            .arg(socket)
            .arg(image)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot run qemu-nbd; run ./x setup")?;
        let mut storage = Self { server };
        wait::until("qemu-nbd listening", PATIENCE, || {
            let ended = storage.server.try_wait().context("cannot wait for qemu-nbd")?;
            anyhow::ensure!(ended.is_none(), "qemu-nbd ended at once");
            Ok(socket.exists())
        })?;
        Ok(storage)
    }

    /// It answers no more.
    pub fn stall(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// It answers again, also what was asked meanwhile.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.server), signal).context("cannot signal qemu-nbd")
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        // Both fail when it has ended, which is all that is wanted.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The file in which a disk that is slow to close finds how slow, in milliseconds, once it is to be.
pub fn slow_close_file(image: &Path) -> PathBuf {
    image.with_extension("slow")
}
