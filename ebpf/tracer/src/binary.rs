//! A QEMU executable, or libvirt's library: where its sentinels are, and where QEMU's `ACPIREGS` has
//! the PM1 registers.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use object::read::ReadCache;
use object::{Architecture, Object, ObjectSection, ObjectSegment, ObjectSymbol, SectionKind, SymbolKind};

use crate::block::{FUNCTIONS, Place};
use crate::pm1::{self, Pm1Offsets};
use crate::sentinel::Sentinel;

/// A file, whatever it is called and in whichever mount namespace: uprobes hang on the inode. Its
/// number may belong to another file later, so the time of its last change and its size go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl FileId {
    /// Of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
        })
    }
}

/// What an executable says about itself.
#[derive(Debug, Default)]
pub struct Image {
    /// GNU build id in hex.
    pub build_id: Option<String>,
    /// The sentinels it has.
    pub sites: Vec<Site>,
    /// Where its PM1 registers are.
    pub pm1: Option<Pm1Offsets>,
    /// The accounting of block requests, where it has all of it.
    pub accounting: Option<[Place; 3]>,
}

/// A sentinel in an executable.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// Which one.
    pub sentinel: &'static Sentinel,
    /// Offset of its first instruction in the file, as the kernel wants it.
    pub offset: u64,
    /// Its address in the image.
    pub address: u64,
}

type Elf<'a> = object::File<'a, &'a ReadCache<&'a File>>;

impl Image {
    /// Looks for these sentinels in a file. An error means that it is no ELF file, or a damaged one.
    pub fn read(file: &File, sentinels: &'static [Sentinel]) -> Result<Self, object::Error> {
        let cache = ReadCache::new(file);
        let elf = Elf::parse(&cache)?;
        let sites = sites(&elf, sentinels);
        let (pm1, accounting) = (pm1_offsets(&elf, &sites), accounting(&elf));
        Ok(Self { build_id: elf.build_id()?.map(hex), sites, pm1, accounting })
    }

    /// Whether the sentinel is in the file.
    pub fn has(&self, sentinel: &Sentinel) -> bool {
        self.sites.iter().any(|site| site.sentinel.symbol == sentinel.symbol)
    }

    /// Addresses of sentinels, and of the accounting, that no instruction of the file calls or jumps to:
    /// link-time optimisation may have copied them into their callers, and then they never fire. Reads
    /// all the code.
    pub fn never_called(&self, file: &File) -> Result<HashSet<u64>, object::Error> {
        let cache = ReadCache::new(file);
        let elf = Elf::parse(&cache)?;
        if elf.architecture() != Architecture::X86_64 {
            return Ok(HashSet::new());
        }
        let accounting = self.accounting.iter().flatten().map(|place| place.address);
        let mut unseen: HashSet<u64> = self.sites.iter().map(|site| site.address).chain(accounting).collect();
        for section in elf.sections().filter(|section| section.kind() == SectionKind::Text) {
            strike_called(section.data()?, section.address(), &mut unseen);
        }
        Ok(unseen)
    }
}

/// Finds the sentinels among the exported symbols, or in the full symbol table of a QEMU that was
/// not stripped.
fn sites(elf: &Elf, sentinels: &'static [Sentinel]) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for symbol in elf.dynamic_symbols().chain(elf.symbols()) {
        let Ok(name) = symbol.name() else { continue };
        let Some(sentinel) = sentinels.iter().find(|sentinel| sentinel.symbol == name) else { continue };
        let is_function = symbol.kind() == SymbolKind::Text && symbol.is_definition();
        let known = sites.iter().any(|site| site.sentinel.symbol == sentinel.symbol);
        if let Some(offset) = file_offset(elf, symbol.address())
            && is_function
            && !known
        {
            sites.push(Site { sentinel, offset, address: symbol.address() });
        }
    }
    sites
}

fn accounting(elf: &Elf) -> Option<[Place; 3]> {
    let place = |function| {
        let symbol = elf
            .dynamic_symbols()
            .chain(elf.symbols())
            .find(|symbol| symbol.name() == Ok(function) && symbol.is_definition())?;
        Some(Place { offset: file_offset(elf, symbol.address())?, address: symbol.address() })
    };
    let [(done, _), (failed, _), (start, _)] = FUNCTIONS;
    Some([place(done)?, place(failed)?, place(start)?])
}

fn file_offset(elf: &Elf, address: u64) -> Option<u64> {
    elf.segments().find_map(|segment| {
        let (offset, size) = segment.file_range();
        let within = address.checked_sub(segment.address())?;
        (within < size).then(|| offset + within)
    })
}

fn pm1_offsets(elf: &Elf, sites: &[Site]) -> Option<Pm1Offsets> {
    let site = sites.iter().find(|site| site.sentinel.symbol == "acpi_pm1_evt_power_down")?;
    let code = elf
        .segments()
        .find_map(|segment| segment.data_range(site.address, pm1::CODE_LEN as u64).ok().flatten())?;
    Pm1Offsets::from_code(code)
}

/// Removes from `unseen` what the code calls (e8) or jumps to (e9), by a 32-bit relative target.
fn strike_called(code: &[u8], address: u64, unseen: &mut HashSet<u64>) {
    for (at, window) in code.windows(5).enumerate() {
        if let [0xe8 | 0xe9, relative @ ..] = window
            && let Ok(relative) = <[u8; 4]>::try_from(relative)
        {
            let next = address + at as u64 + 5;
            unseen.remove(&next.wrapping_add_signed(i64::from(i32::from_le_bytes(relative))));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentinel::SENTINELS;

    #[test]
    fn a_call_is_found_by_its_target() {
        let mut unseen = HashSet::from([0x1010, 0x2000]);
        // call 0x1010 at 0x1002: e8 <0x1010 - 0x1007>
        strike_called(&[0x90, 0x90, 0xe8, 0x09, 0, 0, 0, 0xc3], 0x1000, &mut unseen);
        assert_eq!(unseen, HashSet::from([0x2000]));
    }

    #[test]
    fn a_file_that_is_no_elf_is_an_error_and_no_panic() {
        let script = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(script.path(), "#!/bin/sh\nexec qemu-system-x86_64\n").expect("written");
        assert!(Image::read(&File::open(script.path()).expect("opened"), &SENTINELS).is_err());
    }

    #[test]
    fn a_program_that_is_no_qemu_has_no_sentinels_but_a_build_id() {
        let own = File::open("/proc/self/exe").expect("own executable");
        let image = Image::read(&own, &SENTINELS).expect("an ELF file");
        assert!(image.sites.is_empty());
        assert!(image.pm1.is_none());
    }
}
