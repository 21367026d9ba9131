//! The devices a domain may have, and the modules that drive them.
//!
//! Loading a module takes a guest under TCG a noticeable time, so only what is there is driven.

use std::fs;
use std::path::Path;

use softoff_guest::{Agent, Plan, Role};

/// The power button's, which only the role itself decides on.
pub const BUTTON: [&str; 2] = ["evdev", "button"];

const VIRTIO: [&str; 5] =
    ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"];
const DISK: [&str; 1] = ["virtio_blk"];
const CHANNELS: [&str; 1] = ["virtio_console"];
const PVPANIC: [&str; 2] = ["pvpanic", "pvpanic-mmio"];

/// PCI's vendor and device identities, transitional and modern, of virtio's devices.
const PCI_DISK: [&str; 2] = ["0x1af4:0x1001", "0x1af4:0x1042"];
const PCI_CHANNELS: [&str; 2] = ["0x1af4:0x1003", "0x1af4:0x1043"];

/// pvpanic on the ISA bus, as ACPI tells of it.
const ACPI_PVPANIC: &str = "/sys/bus/acpi/devices/QEMU0001:00";

/// The devices of this domain that need a driver.
#[derive(Debug, Clone, Copy, Default)]
pub struct Devices {
    disk: bool,
    channels: bool,
    pvpanic: bool,
}

impl Devices {
    /// Looks which of the devices the plan has a use for are there.
    pub fn find(plan: &Plan) -> Self {
        let pci = pci_identities();
        let has = |wanted: &[&str]| pci.iter().any(|identity| wanted.contains(&identity.as_str()));
        Self {
            disk: has(&PCI_DISK),
            channels: plan.agent != Agent::Absent && has(&PCI_CHANNELS),
            pvpanic: plan.role == Role::Panic && Path::new(ACPI_PVPANIC).exists(),
        }
    }

    /// The modules they need, in the order to load them in.
    pub fn modules(self) -> Vec<&'static str> {
        let sets: [(bool, &[&str]); 4] = [
            (self.disk || self.channels, &VIRTIO),
            (self.disk, &DISK),
            (self.channels, &CHANNELS),
            (self.pvpanic, &PVPANIC),
        ];
        sets.into_iter().filter(|(needed, _)| *needed).flat_map(|(_, modules)| modules).copied().collect()
    }
}

/// Vendor and device of everything on the PCI bus. A machine without one has nothing there.
fn pci_identities() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/bus/pci/devices") else { return Vec::new() };
    let identity = |device: &Path| {
        let read = |name| fs::read_to_string(device.join(name)).unwrap_or_default();
        format!("{}:{}", read("vendor").trim(), read("device").trim())
    };
    entries.filter_map(|entry| Some(identity(&entry.ok()?.path()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use softoff_guest::MODULES;

    #[test]
    fn a_domain_without_devices_needs_no_module() {
        assert!(Devices::default().modules().is_empty());
    }

    #[test]
    fn virtio_comes_before_what_it_carries() {
        let disk = Devices { disk: true, ..Devices::default() }.modules();
        assert_eq!(disk, [VIRTIO.as_slice(), &DISK].concat());
        let channels = Devices { channels: true, ..Devices::default() }.modules();
        assert_eq!(channels, [VIRTIO.as_slice(), &CHANNELS].concat());
    }

    #[test]
    fn the_initramfs_has_every_module_a_guest_may_load() {
        let all = Devices { disk: true, channels: true, pvpanic: true }.modules();
        let mut all = [BUTTON.as_slice(), &all].concat();
        let mut packed = MODULES.to_vec();
        all.sort_unstable();
        packed.sort_unstable();
        assert_eq!(all, packed);
    }
}
