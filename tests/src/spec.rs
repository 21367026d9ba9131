//! What a guest's domain looks like: a small description, and the XML libvirt gets of it.

use std::fmt;
use std::path::{Path, PathBuf};

use quick_xml::escape::escape;
use softoff_guest::Plan;
use uuid::Uuid;

use crate::slide::Slide;

/// Memory of a guest: Debian's kernel and the init fit with room to spare.
const MEMORY_MIB: u32 = 160;

const MEMORY_IN_FILE: &str = "<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>";

/// QEMU as Debian installs it.
const EMULATOR: &str = "/usr/bin/qemu-system-x86_64";

/// The agent's port, which guest and libvirt find each other by.
const AGENT_CHANNEL: &str =
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";

/// How long the firmware shows its boot menu, in milliseconds: as long as SeaBIOS can.
const MENU_TIMEOUT: u32 = 65_535;

/// QEMU's machine types for x86, which differ in their ACPI hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// ICH9.
    Q35,
    /// PIIX4.
    Pc,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Q35 => "q35",
            Self::Pc => "pc",
        })
    }
}

/// What the machine starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// Debian's kernel with the guest's init, which plays the plan.
    Linux(Plan),
    /// The first sector of this disk.
    Sector(PathBuf),
    /// Nothing: the firmware shows its boot menu and finds no medium after that.
    Firmware,
}

/// Where the guest's disk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disk {
    /// A raw file.
    File(PathBuf),
    /// A network block device behind this unix socket.
    Nbd(PathBuf),
}

/// The description of a domain.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "parts that a machine has or has not")]
pub struct DomainSpec {
    /// libvirt's name for it.
    pub name: String,
    /// libvirt's identity for it.
    pub uuid: Uuid,
    /// The machine type.
    pub machine: Machine,
    /// What it starts.
    pub boot: Boot,
    /// Further parameters of the kernel.
    pub kernel_arguments: &'static str,
    /// Number of virtual CPUs.
    pub vcpus: u32,
    /// The machine has ACPI.
    pub acpi: bool,
    /// Its disk, besides a boot sector's.
    pub disk: Option<Disk>,
    /// It has a channel for a guest agent.
    pub agent_channel: bool,
    /// It has a panic notifier (pvpanic).
    pub panic_notifier: bool,
    /// The QEMU it runs under.
    pub emulator: PathBuf,
    /// Environment of that QEMU: names and values.
    pub environment: Vec<(&'static str, String)>,
    /// Its memory is in a file, where it can be taken away.
    pub memory_in_file: bool,
    /// The pictures it can show.
    pub slides: Vec<Slide>,
}

impl DomainSpec {
    /// A domain under the system's QEMU whose guest plays the plan.
    pub fn new(name: impl Into<String>, machine: Machine, plan: Plan) -> Self {
        Self::starting(name, machine, Boot::Linux(plan))
    }

    /// A domain under the system's QEMU.
    pub fn starting(name: impl Into<String>, machine: Machine, boot: Boot) -> Self {
        Self {
            name: name.into(),
            uuid: Uuid::new_v4(),
            machine,
            boot,
            kernel_arguments: "",
            vcpus: 1,
            acpi: true,
            disk: None,
            agent_channel: false,
            panic_notifier: false,
            emulator: EMULATOR.into(),
            environment: Vec::new(),
            memory_in_file: false,
            slides: Vec::new(),
        }
    }

    /// The same domain under another QEMU.
    #[must_use]
    pub fn under(self, emulator: &Path) -> Self {
        Self { emulator: emulator.to_owned(), ..self }
    }

    /// What the guest does, where it is one that plays a role.
    pub fn plan(&self) -> Option<Plan> {
        match self.boot {
            Boot::Linux(plan) => Some(plan),
            Boot::Sector(_) | Boot::Firmware => None,
        }
    }

    /// The domain XML, with the guest's serial console in the file `console`.
    pub fn xml(&self, kernel: &Path, initramfs: &Path, console: &Path) -> String {
        format!(
            "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{MEMORY_MIB}</memory>
  {memory_backing}
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    {start}
  </os>
  <features>{acpi}</features>
  <pm><suspend-to-mem enabled='yes'/><suspend-to-disk enabled='yes'/></pm>
  <devices>
    <emulator>{emulator}</emulator>
    {sector}
    {disk}
    <serial type='file'><source path='{console}'/></serial>
    {agent_channel}
    <controller type='usb' model='none'/>
    <video><model type='vga'/></video>
    <memballoon model='none'/>
    {panic_notifier}
  </devices>
  {environment}
</domain>",
            name = escape(self.name.as_str()),
            uuid = self.uuid,
            machine = self.machine,
            memory_backing = if self.memory_in_file { MEMORY_IN_FILE } else { "" },
            vcpus = self.vcpus,
            start = self.start(kernel, initramfs),
            acpi = if self.acpi { "<acpi/>" } else { "" },
            emulator = text(&self.emulator),
            sector = self.sector(),
            disk = self.disk.as_ref().map(Disk::xml).unwrap_or_default(),
            console = text(console),
            agent_channel = if self.agent_channel { AGENT_CHANNEL } else { "" },
            panic_notifier = if self.panic_notifier { "<panic model='isa'/>" } else { "" },
            environment = self.environment_xml(),
        )
    }

    fn start(&self, kernel: &Path, initramfs: &Path) -> String {
        match self.boot {
            Boot::Linux(plan) => format!(
                "<kernel>{}</kernel>
    <initrd>{}</initrd>
    <cmdline>console=ttyS0 quiet {plan} {}</cmdline>",
                text(kernel),
                text(initramfs),
                self.kernel_arguments
            ),
            Boot::Sector(_) => "<boot dev='hd'/>".to_owned(),
            Boot::Firmware => format!("<bootmenu enable='yes' timeout='{MENU_TIMEOUT}'/>"),
        }
    }

    /// The disk that a boot sector is on: IDE on `pc`, SATA on `q35`, both of which the firmware knows.
    fn sector(&self) -> String {
        let Boot::Sector(image) = &self.boot else { return String::new() };
        let (target, bus) = match self.machine {
            Machine::Q35 => ("sda", "sata"),
            Machine::Pc => ("hda", "ide"),
        };
        format!(
            "<disk type='file' device='disk'><driver name='qemu' type='raw'/>\
             <source file='{}'/><target dev='{target}' bus='{bus}'/></disk>",
            text(image)
        )
    }

    fn environment_xml(&self) -> String {
        if self.environment.is_empty() {
            return String::new();
        }
        let variable =
            |(name, value): &(&str, String)| format!("<qemu:env name='{name}' value='{}'/>", escape(value));
        let variables: String = self.environment.iter().map(variable).collect();
        format!("<qemu:commandline>{variables}</qemu:commandline>")
    }
}

impl Disk {
    fn xml(&self) -> String {
        let (kind, source) = match self {
            Self::File(image) => ("file", format!("<source file='{}'/>", text(image))),
            Self::Nbd(socket) => (
                "network",
                format!("<source protocol='nbd'><host transport='unix' socket='{}'/></source>", text(socket)),
            ),
        };
        format!(
            "<disk type='{kind}' device='disk'><driver name='qemu' type='raw'/>\
             {source}<target dev='vda' bus='virtio'/></disk>"
        )
    }
}

/// A path as text of XML.
fn text(path: &Path) -> String {
    escape(path.to_string_lossy()).into_owned()
}
