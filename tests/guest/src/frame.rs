//! Pictures on QEMU's standard VGA, through the registers that it has from Bochs: they and the picture's
//! memory are two BARs of the PCI device (QEMU `docs/specs/standard-vga.rst`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use softoff_guest::SLIDE_SIZE;

/// PCI's class of a VGA-compatible controller.
const VGA: &str = "0x030000";

/// Where the Bochs registers, of 16 bits each, begin in the BAR of registers.
const REGISTERS: usize = 0x500;

/// Length of the BAR of registers in bytes.
const REGISTERS_LENGTH: usize = 4096;

/// The registers by their number, and what turns the picture on: enabled, with linear memory.
mod register {
    pub const WIDTH: usize = 1;
    pub const HEIGHT: usize = 2;
    pub const BITS: usize = 3;
    pub const ENABLE: usize = 4;
    pub const ON: u16 = 0x41;
}

/// Bytes of a pixel.
const PIXEL: usize = 4;

/// Shows the picture in this file and leaves text mode.
pub fn show(picture: &Path) -> anyhow::Result<()> {
    let pixels = fs::read(picture).with_context(|| format!("cannot read {}", picture.display()))?;
    let (width, height) = SLIDE_SIZE;
    let length = width as usize * height as usize * PIXEL;
    anyhow::ensure!(pixels.len() == length, "{} is not {width} by {height} pixels", picture.display());
    let vga = find().context("there is no VGA on the PCI bus")?;
    let registers: *mut u16 = map(&vga.join("resource2"), REGISTERS_LENGTH)?.cast();
    let memory = map(&vga.join("resource0"), length)?;
    let set = |number: usize, value: u16| {
        // SAFETY: the register lies within the mapped BAR, at an even address; nothing else uses it.
        unsafe { registers.add(REGISTERS / 2 + number).write_volatile(value) };
    };
    set(register::ENABLE, 0);
    set(register::WIDTH, u16::try_from(width)?);
    set(register::HEIGHT, u16::try_from(height)?);
    set(register::BITS, 32);
    set(register::ENABLE, register::ON);
    // SAFETY: so many bytes are mapped, and nobody else knows of them.
    unsafe { std::ptr::copy_nonoverlapping(pixels.as_ptr(), memory, length) };
    Ok(())
}

fn find() -> Option<PathBuf> {
    let devices = fs::read_dir("/sys/bus/pci/devices").ok()?;
    let is_vga =
        |device: &PathBuf| fs::read_to_string(device.join("class")).is_ok_and(|class| class.trim() == VGA);
    devices.filter_map(|entry| Some(entry.ok()?.path())).find(is_vga)
}

/// Maps the beginning of a BAR, for good.
fn map(bar: &Path, length: usize) -> anyhow::Result<*mut u8> {
    let file = File::options().read(true).write(true).open(bar);
    let file = file.with_context(|| format!("cannot open {}", bar.display()))?;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let mapped = unsafe {
        mmap(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0)
    };
    Ok(mapped.with_context(|| format!("cannot map {}", bar.display()))?.cast())
}
