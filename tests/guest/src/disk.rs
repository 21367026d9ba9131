//! The guest's disk, accessed past the page cache: each access is a request that QEMU accounts.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::Context;
use rustix::fs::{Mode, OFlags};

/// The first virtio disk.
const PATH: &str = "/dev/vda";

/// What the kernel wants direct access aligned to, in memory and on the disk, at most.
const ALIGNMENT: usize = 4096;

/// The largest access at once.
pub const MAX_ACCESS: usize = 1 << 20;

/// An open disk and the place of the next access.
pub struct Disk {
    file: File,
    /// Large enough to hold an aligned access.
    memory: Vec<u8>,
    place: Place,
}

impl Disk {
    /// Opens the disk, where the domain has one.
    pub fn open() -> anyhow::Result<Option<Self>> {
        // The size is in units of 512 bytes, whatever the disk's own blocks are.
        let Ok(sectors) = fs::read_to_string("/sys/class/block/vda/size") else { return Ok(None) };
        let sectors: u64 = sectors.trim().parse().with_context(|| format!("{PATH} has no size"))?;
        let file = rustix::fs::open(PATH, OFlags::RDWR | OFlags::DIRECT | OFlags::CLOEXEC, Mode::empty())
            .with_context(|| format!("cannot open {PATH}"))?;
        let memory = vec![0xa5; MAX_ACCESS + ALIGNMENT];
        Ok(Some(Self { file: file.into(), memory, place: Place { next: 0, end: sectors * 512 } }))
    }

    /// Writes so many bytes, a multiple of 4096 of at most [`MAX_ACCESS`], after the last access.
    pub fn write(&mut self, bytes: usize) -> anyhow::Result<()> {
        let start = self.memory.as_ptr().align_offset(ALIGNMENT);
        let data = &self.memory[start..start + bytes];
        let offset = self.place.advance(bytes);
        self.file.write_all_at(data, offset).with_context(|| format!("cannot write to {PATH}"))
    }

    /// Reads so many bytes, as [`Self::write`] writes them.
    pub fn read(&mut self, bytes: usize) -> anyhow::Result<()> {
        let start = self.memory.as_ptr().align_offset(ALIGNMENT);
        let data = &mut self.memory[start..start + bytes];
        let offset = self.place.advance(bytes);
        self.file.read_exact_at(data, offset).with_context(|| format!("cannot read {PATH}"))
    }

    /// Has the disk put what was written on stable storage.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.file.sync_data().with_context(|| format!("cannot flush {PATH}"))
    }
}

/// Goes over a disk from start to end, again and again.
struct Place {
    next: u64,
    end: u64,
}

impl Place {
    /// The place of an access of that size.
    fn advance(&mut self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        let offset = if self.next + bytes > self.end { 0 } else { self.next };
        self.next = offset + bytes;
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_follow_each_other_and_begin_anew_at_the_end() {
        let mut place = Place { next: 0, end: 3 * 4096 };
        let offsets = [4096, 8192, 4096, 8192].map(|bytes| place.advance(bytes));
        assert_eq!(offsets, [0, 4096, 0, 4096]);
    }
}
