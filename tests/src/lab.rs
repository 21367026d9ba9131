//! A lab: one private libvirt and the guests in it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use rustix::process::{Signal, kill_process};
use softoff_analyzer::Episode;
use softoff_guest::Agent;
use virt::connect::Connect;

use crate::daemons;
use crate::guest::Guest;
use crate::image;
use crate::keeper::Keeper;
use crate::layout::Layout;
use crate::programs::Programs;
use crate::spec::DomainSpec;

/// A running lab. It ends, with everything in it, when it is dropped or its process ends.
#[derive(Debug)]
pub struct Lab {
    keeper: Keeper,
    layout: Layout,
    programs: Programs,
}

impl Lab {
    /// Starts a private libvirt.
    pub fn start() -> anyhow::Result<Self> {
        anyhow::ensure!(
            rustix::process::geteuid().is_root(),
            "the lab needs root: it mounts and runs libvirtd"
        );
        let programs = Programs::find()?;
        let layout = Layout::create()?;
        daemons::configure(&layout)?;
        let keeper = Keeper::start(&programs.lab, &layout)?;
        for agent in Agent::ALL {
            image::write_initramfs(&programs, agent, &[], &layout.initramfs(agent))?;
        }
        // libvirt would print each error; here they are returned.
        virt::error::clear_error_callback();
        daemons::await_start(&layout)?;
        Ok(Self { keeper, layout, programs })
    }

    /// The lab's files.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The programs of the build.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// A connection to the lab's libvirtd.
    pub fn connect(&self) -> anyhow::Result<Connect> {
        daemons::connect(&self.layout)
    }

    /// A command that runs inside, where `/run/libvirt` and `/etc/libvirt` are the lab's.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        self.keeper.command(program)
    }

    /// `softoff` outside of the namespaces, on the lab's journal.
    pub fn softoff(&self) -> Command {
        let mut softoff = Command::new(&self.programs.softoff);
        softoff.arg("--journal").arg(self.layout.journal());
        softoff
    }

    /// `softoff` inside, where libvirt's places are the lab's.
    pub fn softoff_inside(&self) -> Command {
        let mut softoff = self.command(&self.programs.softoff);
        softoff.arg("--journal").arg(self.layout.journal());
        softoff
    }

    /// Installs the hook with `softoff install` and has libvirtd take notice of it.
    pub fn install_hook(&self) -> anyhow::Result<()> {
        let mut install = self.softoff_inside();
        install.args(["install", "--hooks-dir", "/etc/libvirt/hooks", "--hook"]).arg(&self.programs.hook);
        output_of(install)?;
        // A reload would do, but nothing tells when it is done.
        self.restart_libvirtd()
    }

    /// The episodes of the lab's journal, as `softoff list --format json` prints them.
    pub fn episodes(&self) -> anyhow::Result<Vec<Episode>> {
        let mut list = self.softoff();
        list.args(["list", "--format", "json"]);
        serde_json::from_slice(&output_of(list)?).context("softoff list printed no episodes")
    }

    /// The episodes of one guest.
    pub fn episodes_of(&self, guest: &Guest) -> anyhow::Result<Vec<Episode>> {
        let mut episodes = self.episodes()?;
        episodes.retain(|episode| episode.domain.uuid == Some(guest.spec().uuid));
        Ok(episodes)
    }

    /// Copies the journal as it is now into an existing directory.
    pub fn copy_journal(&self, to: &Path) -> anyhow::Result<()> {
        let from = self.layout.journal();
        let entries = fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))?;
        for entry in entries {
            let file = entry.with_context(|| format!("cannot list {}", from.display()))?;
            // The pictures of screens are no records.
            if file.path().is_dir() {
                continue;
            }
            fs::copy(file.path(), to.join(file.file_name()))
                .with_context(|| format!("cannot copy {} to {}", file.path().display(), to.display()))?;
        }
        Ok(())
    }

    /// Keeps the journal beyond the lab's end, beside the unpacked kernel, and says where.
    pub fn save_journal(&self, name: impl fmt::Display) -> anyhow::Result<PathBuf> {
        let place = self.programs.kernel.with_file_name(format!("journal-{name}"));
        fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
        self.copy_journal(&place)?;
        Ok(place)
    }

    /// Defines a domain and starts it. The guest then boots for some seconds.
    pub fn boot(&self, spec: &DomainSpec) -> anyhow::Result<Guest> {
        let console = self.layout.consoles().join(spec.uuid.to_string());
        let initramfs = self.initramfs(spec)?;
        let xml = spec.xml(&self.programs.kernel_image()?, &initramfs, &console);
        let connection = self.connect()?;
        let domain = connection
            .define_domain_xml(&xml)
            .with_context(|| format!("libvirt does not accept the domain {:?}", spec.name))?;
        domain.create().with_context(|| format!("libvirt does not start the domain {:?}", spec.name))?;
        Ok(Guest::new(spec.clone(), domain, console, self.layout.pid_file(&spec.name)))
    }

    /// The initramfs of the domain: one that it shares, unless it has slides.
    fn initramfs(&self, spec: &DomainSpec) -> anyhow::Result<PathBuf> {
        let agent = spec.plan().map_or(Agent::Absent, |plan| plan.agent);
        if spec.slides.is_empty() {
            return Ok(self.layout.initramfs(agent));
        }
        let own = self.layout.disks().join(format!("{}.cpio", spec.uuid));
        image::write_initramfs(&self.programs, agent, &spec.slides, &own)?;
        Ok(own)
    }

    /// Sends libvirtd a signal.
    pub fn signal_libvirtd(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(daemons::libvirtd_pid(&self.layout)?, signal).context("cannot signal libvirtd")
    }

    /// Restarts libvirtd; connections and [`Guest`]s from before are cut off from it.
    pub fn restart_libvirtd(&self) -> anyhow::Result<()> {
        daemons::restart_libvirtd(&self.layout)
    }
}

/// Runs a command and returns what it prints; softoff's status 1 means findings, not failure.
pub(crate) fn output_of(mut command: Command) -> anyhow::Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    anyhow::ensure!(
        matches!(output.status.code(), Some(0 | 1)),
        "{command:?} failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(output.stdout)
}
