//! The ACPI power button, as the kernel's evdev driver hands it to user space.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::Context;

/// Size of `struct input_event` on x86-64: two 8-byte times, type, code, value.
const EVENT_SIZE: usize = 24;
/// `EV_KEY` of linux/input-event-codes.h.
const EV_KEY: u16 = 1;
/// `KEY_POWER` of linux/input-event-codes.h.
const KEY_POWER: u16 = 116;

/// An open power button.
pub struct PowerButton {
    events: File,
}

impl PowerButton {
    /// Finds the button by the name that `drivers/acpi/button.c` gives it, and opens it.
    pub fn open() -> anyhow::Result<Self> {
        for entry in fs::read_dir("/sys/class/input").context("cannot list /sys/class/input")? {
            let entry = entry.context("cannot list /sys/class/input")?;
            let name = fs::read_to_string(entry.path().join("device/name")).unwrap_or_default();
            let node = entry.file_name();
            if name.trim() == "Power Button" && node.to_string_lossy().starts_with("event") {
                let path = Path::new("/dev/input").join(node);
                let events = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
                return Ok(Self { events });
            }
        }
        anyhow::bail!("the kernel shows no power button under /sys/class/input")
    }

    /// Returns at the next press.
    pub fn wait_for_press(&mut self) -> anyhow::Result<()> {
        let mut event = [0; EVENT_SIZE];
        loop {
            self.events.read_exact(&mut event).context("cannot read the power button")?;
            if is_press(&event) {
                return Ok(());
            }
        }
    }
}

/// Tells a press from a release, a synchronisation mark or another key.
fn is_press(event: &[u8; EVENT_SIZE]) -> bool {
    let [.., t0, t1, c0, c1, v0, v1, v2, v3] = *event;
    u16::from_ne_bytes([t0, t1]) == EV_KEY
        && u16::from_ne_bytes([c0, c1]) == KEY_POWER
        && i32::from_ne_bytes([v0, v1, v2, v3]) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u16, code: u16, value: i32) -> [u8; EVENT_SIZE] {
        let mut bytes = [0xff; EVENT_SIZE];
        bytes[16..18].copy_from_slice(&kind.to_ne_bytes());
        bytes[18..20].copy_from_slice(&code.to_ne_bytes());
        bytes[20..24].copy_from_slice(&value.to_ne_bytes());
        bytes
    }

    #[test]
    fn only_the_press_of_the_power_key_counts() {
        assert!(is_press(&event(EV_KEY, KEY_POWER, 1)));
        assert!(!is_press(&event(EV_KEY, KEY_POWER, 0)), "a release");
        assert!(!is_press(&event(EV_KEY, 30, 1)), "another key");
        assert!(!is_press(&event(0, 0, 0)), "a synchronisation mark");
    }
}
