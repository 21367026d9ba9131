//! The guests' initramfs: the static init and the kernel modules it may load, as a newc archive.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use cpio::newc;
use softoff_guest::{MODULES, MODULES_DIR};

use crate::programs::Programs;

/// A regular file that may be executed, and a directory (`st_mode`).
const FILE: u32 = 0o100_755;
const DIRECTORY: u32 = 0o040_755;

/// Where Debian's kernel keeps the modules of [`MODULES`], in the same order.
const MODULE_SOURCES: [&str; MODULES.len()] = ["drivers/acpi/button.ko", "drivers/input/evdev.ko"];

/// Writes the initramfs to `path`.
pub fn write_initramfs(programs: &Programs, path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut archive = Archive { out: BufWriter::new(file), inode: 0 };
    archive.add("init", FILE, &read(&programs.guest)?)?;
    archive.add_directories(MODULES_DIR)?;
    let sources = programs.kernel_modules()?;
    for (module, source) in MODULES.iter().zip(MODULE_SOURCES) {
        archive.add(&format!("{MODULES_DIR}/{module}.ko"), FILE, &read(&sources.join(source))?)?;
    }
    let mut out = newc::trailer(archive.out).context("cannot end the initramfs")?;
    out.flush().with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// An archive being written.
struct Archive<W: Write> {
    out: W,
    /// Each entry needs its own: the kernel takes equal numbers for hard links.
    inode: u32,
}

impl<W: Write> Archive<W> {
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) -> anyhow::Result<()> {
        self.inode += 1;
        let size = u32::try_from(content.len()).with_context(|| format!("{name} is too large"))?;
        let mut entry = newc::Builder::new(name).ino(self.inode).mode(mode).write(&mut self.out, size);
        entry
            .write_all(content)
            .and_then(|()| entry.finish().map(drop))
            .with_context(|| format!("cannot add {name} to the initramfs"))
    }

    /// Adds a directory after those it lies in.
    fn add_directories(&mut self, path: &str) -> anyhow::Result<()> {
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            self.add(&path[..end], DIRECTORY, &[])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_a_directory_before_what_lies_in_it() {
        let mut archive = Archive { out: Vec::new(), inode: 0 };
        archive.add_directories("lib/modules").unwrap();
        archive.add("lib/modules/x.ko", FILE, b"module").unwrap();
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
        let expected = [("lib", 1), ("lib/modules", 2), ("lib/modules/x.ko", 3)];
        assert_eq!(names, expected.map(|(name, inode)| (name.to_owned(), inode)));
    }
}
