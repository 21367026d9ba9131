//! What a guest's domain looks like: a small description, and the XML libvirt gets of it.

use std::fmt;
use std::path::{Path, PathBuf};

use quick_xml::escape::escape;
use softoff_guest::Plan;
use uuid::Uuid;

/// Memory of a guest: Debian's kernel and the init fit with room to spare.
const MEMORY_MIB: u32 = 160;

const MEMORY_IN_FILE: &str = "<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>";

/// QEMU as Debian installs it.
const EMULATOR: &str = "/usr/bin/qemu-system-x86_64";

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
        f.write_str(match self {
            Self::Q35 => "q35",
            Self::Pc => "pc",
        })
    }
}

/// The description of a domain.
#[derive(Debug, Clone)]
pub struct DomainSpec {
    /// libvirt's name for it.
    pub name: String,
    /// libvirt's identity for it.
    pub uuid: Uuid,
    /// The machine type.
    pub machine: Machine,
    /// What the guest does.
    pub plan: Plan,
    /// The QEMU it runs under.
    pub emulator: PathBuf,
    /// Its memory is in a file, where it can be taken away.
    pub memory_in_file: bool,
}

impl DomainSpec {
    /// A domain under the system's QEMU.
    pub fn new(name: impl Into<String>, machine: Machine, plan: Plan) -> Self {
        Self {
            name: name.into(),
            uuid: Uuid::new_v4(),
            machine,
            plan,
            emulator: EMULATOR.into(),
            memory_in_file: false,
        }
    }

    /// The same domain under another QEMU.
    #[must_use]
    pub fn under(self, emulator: &Path) -> Self {
        Self { emulator: emulator.to_owned(), ..self }
    }

    /// The domain XML, with the guest's serial console in the file `console`.
    pub fn xml(&self, kernel: &Path, initramfs: &Path, console: &Path) -> String {
        format!(
            "<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{MEMORY_MIB}</memory>
  {memory_backing}
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initramfs}</initrd>
    <cmdline>console=ttyS0 quiet {plan}</cmdline>
  </os>
  <features><acpi/></features>
  <pm><suspend-to-mem enabled='yes'/></pm>
  <devices>
    <emulator>{emulator}</emulator>
    <serial type='file'><source path='{console}'/></serial>
    <controller type='usb' model='none'/>
    <video><model type='none'/></video>
    <memballoon model='none'/>
  </devices>
</domain>",
            name = escape(self.name.as_str()),
            uuid = self.uuid,
            machine = self.machine,
            memory_backing = if self.memory_in_file { MEMORY_IN_FILE } else { "" },
            kernel = escape(kernel.to_string_lossy()),
            initramfs = escape(initramfs.to_string_lossy()),
            plan = self.plan,
            emulator = escape(self.emulator.to_string_lossy()),
            console = escape(console.to_string_lossy()),
        )
    }
}
