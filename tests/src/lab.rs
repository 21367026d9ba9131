//! A lab: one private libvirt and the guests in it.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
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
        image::write_initramfs(&programs, &layout.initramfs())?;
        daemons::await_start(&layout)?;
        // libvirt would print each error; here they are returned.
        virt::error::clear_error_callback();
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
        let uri = self.uri();
        Connect::open(Some(&uri)).with_context(|| format!("cannot connect to {uri}"))
    }

    /// The address of the lab's libvirtd.
    pub fn uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.layout.libvirt_socket().display())
    }

    /// A command that runs inside, where `/run/libvirt` and `/etc/libvirt` are the lab's.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        self.keeper.command(program)
    }

    /// Defines a domain and starts it. The guest then boots for some seconds.
    pub fn boot(&self, spec: &DomainSpec) -> anyhow::Result<Guest> {
        let console = self.layout.consoles().join(spec.uuid.to_string());
        let xml = spec.xml(&self.programs.kernel_image()?, &self.layout.initramfs(), &console);
        let connection = self.connect()?;
        let domain = connection
            .define_domain_xml(&xml)
            .with_context(|| format!("libvirt does not accept the domain {:?}", spec.name))?;
        domain.create().with_context(|| format!("libvirt does not start the domain {:?}", spec.name))?;
        Ok(Guest::new(spec.clone(), domain, console, self.layout.pid_file(&spec.name)))
    }

    /// Restarts libvirtd; connections and [`Guest`]s from before are cut off from it.
    pub fn restart_libvirtd(&self) -> anyhow::Result<()> {
        daemons::restart_libvirtd(&self.layout)
    }
}
