//! Where a lab keeps its things: one temporary directory, most of it bound over libvirt's own
//! places inside the lab's mount namespace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use softoff_guest::Agent;

/// What lies over what inside the namespace: name in the lab's directory, place of libvirt.
pub const BOUND: [(&str, &str); 5] = [
    ("etc", "/etc/libvirt"),
    ("run", "/run/libvirt"),
    ("lib", "/var/lib/libvirt"),
    ("log", "/var/log/libvirt"),
    ("cache", "/var/cache/libvirt"),
];

/// The lab's directory. Paths are the same inside and outside the namespace.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Creates a directory with everything a lab needs in it.
    pub fn create() -> anyhow::Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("softoff-lab.")
            .tempdir()
            .context("cannot create a temporary directory for the lab")?
            .keep();
        let layout = Self { root };
        let own = [layout.consoles(), layout.disks(), layout.journal(), layout.dev()];
        let bound = BOUND.iter().map(|(name, _)| layout.root.join(name));
        for directory in bound.chain(own) {
            fs::create_dir(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        Ok(layout)
    }

    /// The layout of a lab that is there already.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The lab's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is `/etc/libvirt` inside.
    pub fn etc(&self) -> PathBuf {
        self.root.join("etc")
    }

    /// What is `/var/log/libvirt` inside.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// What is `/dev` inside.
    pub fn dev(&self) -> PathBuf {
        self.root.join("dev")
    }

    /// The serial consoles of the guests.
    pub fn consoles(&self) -> PathBuf {
        self.root.join("console")
    }

    /// The guests' disks and their sockets.
    pub fn disks(&self) -> PathBuf {
        self.root.join("disk")
    }

    /// softoff's journal.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The initramfs of guests with such an agent.
    pub fn initramfs(&self, agent: Agent) -> PathBuf {
        self.root.join(format!("initramfs-{}.cpio", agent.name()))
    }

    /// libvirtd's socket.
    pub fn libvirt_socket(&self) -> PathBuf {
        self.root.join("run/libvirt-sock")
    }

    /// libvirtd's address.
    pub fn libvirt_uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.libvirt_socket().display())
    }

    /// libvirt's pid file of a domain.
    pub fn pid_file(&self, domain: &str) -> PathBuf {
        self.root.join("run/qemu").join(format!("{domain}.pid"))
    }
}
