//! The guests' initramfs as a newc archive: the static init under its two names, the kernel modules it
//! may load, and, for guests that run it, qemu-ga with the libraries it needs.
//!
//! Those are most of such an archive, and TCG takes seconds to load it again after a reset.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use cpio::newc;
use softoff_guest::{Agent, GUEST_AGENT, MODULES, MODULES_DIR, SHUTDOWN, SLIDES, WINDOWS_PROGRAMS};

use crate::programs::Programs;
use crate::slide::Slide;

/// A regular file that may be executed, a symbolic link and a directory (`st_mode`).
const FILE: u32 = 0o100_755;
const LINK: u32 = 0o120_777;
const DIRECTORY: u32 = 0o040_755;

/// Where Debian's kernel keeps the modules of [`MODULES`], in the same order.
const MODULE_SOURCES: [&str; MODULES.len()] = [
    "drivers/input/evdev.ko",
    "drivers/acpi/button.ko",
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "drivers/block/virtio_blk.ko",
    "drivers/char/virtio_console.ko",
    "drivers/misc/pvpanic/pvpanic.ko",
    "drivers/misc/pvpanic/pvpanic-mmio.ko",
];

/// Writes the initramfs of guests with such an agent and these slides to `path`.
pub fn write_initramfs(
    programs: &Programs,
    agent: Agent,
    slides: &[Slide],
    path: &Path,
) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut archive = Archive::new(BufWriter::new(file));
    archive.add("init", FILE, &read(&programs.guest)?)?;
    archive.add(SHUTDOWN, LINK, b"/init")?;
    let sources = programs.kernel_modules()?;
    for (module, source) in MODULES.iter().zip(MODULE_SOURCES) {
        archive.add(&format!("{MODULES_DIR}/{module}.ko"), FILE, &read(&sources.join(source))?)?;
    }
    if agent == Agent::Real {
        archive.add_program(GUEST_AGENT, &programs.guest_agent)?;
        for name in WINDOWS_PROGRAMS {
            archive.add(name, LINK, b"/init")?;
        }
    }
    for (number, slide) in (1..).zip(slides) {
        archive.add(&format!("{SLIDES}/{number}"), FILE, &slide.pixels()?)?;
    }
    let mut out = newc::trailer(archive.out).context("cannot end the initramfs")?;
    out.flush().with_context(|| format!("cannot write {}", path.display()))
}

/// The shared libraries a program needs, the loader among them, by their path below the root.
fn libraries(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("cannot run ldd")?;
    let program = program.display();
    let error = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "ldd does not read {program}: {}", error.trim());
    let list = String::from_utf8_lossy(&output.stdout);
    let missing = list.lines().find(|line| line.ends_with("not found"));
    anyhow::ensure!(missing.is_none(), "{program} lacks a library: {}", missing.unwrap_or_default().trim());
    Ok(list.split_whitespace().filter_map(|word| word.strip_prefix('/')).map(PathBuf::from).collect())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// An archive being written.
struct Archive<W: Write> {
    out: W,
    /// Each entry needs its own: the kernel takes equal numbers for hard links.
    inode: u32,
    directories: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    fn new(out: W) -> Self {
        Self { out, inode: 0, directories: BTreeSet::new() }
    }

    /// Adds an entry after the directories it lies in.
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) -> anyhow::Result<()> {
        for (end, _) in name.match_indices('/') {
            if self.directories.insert(name[..end].to_owned()) {
                self.write(&name[..end], DIRECTORY, &[])?;
            }
        }
        self.write(name, mode, content)
    }

    /// Adds a program and the libraries it needs.
    fn add_program(&mut self, name: &str, program: &Path) -> anyhow::Result<()> {
        self.add(name, FILE, &read(program)?)?;
        for library in libraries(program)? {
            self.add(&library.to_string_lossy(), FILE, &read(&Path::new("/").join(&library))?)?;
        }
        Ok(())
    }

    fn write(&mut self, name: &str, mode: u32, content: &[u8]) -> anyhow::Result<()> {
        self.inode += 1;
        let size = u32::try_from(content.len()).with_context(|| format!("{name} is too large"))?;
        let mut entry = newc::Builder::new(name).ino(self.inode).mode(mode).write(&mut self.out, size);
        entry
            .write_all(content)
            .and_then(|()| entry.finish().map(drop))
            .with_context(|| format!("cannot add {name} to the initramfs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_a_directory_before_what_lies_in_it() {
        let mut archive = Archive::new(Vec::new());
        archive.add("lib/modules/x.ko", FILE, b"module").unwrap();
        archive.add("lib/y.so", FILE, b"library").unwrap();
        let bytes = newc::trailer(archive.out).unwrap();

        let mut rest = bytes.as_slice();
        let mut names = Vec::new();
        loop {
            let reader = newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push((reader.entry().name().to_owned(), reader.entry().ino()));
            rest = reader.finish().unwrap();
        }
        let expected = [("lib", 1), ("lib/modules", 2), ("lib/modules/x.ko", 3), ("lib/y.so", 4)];
        assert_eq!(names, expected.map(|(name, inode)| (name.to_owned(), inode)));
    }

    #[test]
    fn a_program_needs_its_loader_and_its_libraries() {
        let needed = libraries(&std::env::current_exe().unwrap()).unwrap();
        for name in ["libc.so.6", "ld-linux-x86-64.so.2"] {
            assert!(needed.iter().any(|library| library.ends_with(name)), "{name} in {needed:?}");
        }
    }
}
