//! Files that are attached to, QEMU's executables and libvirt's libraries: once each, for all processes
//! that run them now or later.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::time::Instant;

use softoff_journal::record::MissingSentinel;

use crate::binary::{FileId, Image};
use crate::block::Accounting;
use crate::programs::Programs;
use crate::sentinel::{LIBVIRT_SENTINELS, Need, SENTINELS, Sentinel, WITHOUT_LIBVIRT};

/// How many files that nobody runs stay attached. The next VM will most likely run one of
/// them; but where each VM brings a file of its own (containers), they must not pile up.
const IDLE_KEPT: usize = 8;

/// All files that are attached to.
#[derive(Debug, Default)]
pub struct Attachments {
    files: HashMap<FileId, Attachment>,
    last_number: u16,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An executable of QEMU.
    Qemu,
    /// A `libvirt.so`.
    Libvirt,
}

/// What one file lets be seen.
#[derive(Debug, Clone, Default)]
pub struct Attachment {
    /// GNU build id in hex.
    pub build_id: Option<String>,
    /// Every required sentinel is attached.
    pub tells_the_story: bool,
    /// What is not attached, and what that costs.
    pub missing: Vec<MissingSentinel>,
    /// What its attach points are known by: see [`softoff_abi::Cookie::binary`].
    pub number: u16,
    /// The accounting of its block requests.
    accounting: Accounting,
}

impl Attachments {
    /// Attaches to a file unless that is done; true where it was done now.
    pub fn attach(
        &mut self,
        programs: &mut Programs,
        target: Target,
        id: FileId,
        file: &File,
    ) -> (Attachment, bool) {
        if let Some(known) = self.files.get(&id) {
            return (known.clone(), false);
        }
        self.last_number = self.free_number();
        let number = self.last_number;
        let attached = match target {
            Target::Qemu => attach(programs, file, number),
            Target::Libvirt => attach_library(programs, file, number),
        };
        let attachment = Attachment { number, ..attached };
        self.files.insert(id, attachment.clone());
        (attachment, true)
    }

    /// Numbers are used again after 65535 others.
    fn free_number(&self) -> u16 {
        let used: HashSet<u16> = self.files.values().map(|attachment| attachment.number).collect();
        let mut number = self.last_number;
        loop {
            number = number.wrapping_add(1);
            if number != 0 && !used.contains(&number) {
                return number;
            }
        }
    }

    /// Detaches from files that are in nobody's use, but for the few most recent ones.
    pub fn let_go(&mut self, programs: &mut Programs, in_use: &HashSet<FileId>) {
        for (number, id) in self.surplus(in_use) {
            self.files.remove(&id);
            programs.detach(number);
        }
    }

    /// Attaches to an executable's accounting of block requests. Gives the number of the executable, and
    /// what cannot be told. `file` must be that very executable.
    pub fn count_blocks(
        &mut self,
        programs: &mut Programs,
        id: FileId,
        file: &File,
    ) -> Option<(u16, Option<MissingSentinel>)> {
        let Attachment { number, accounting, .. } = self.files.get_mut(&id)?;
        Some((*number, accounting.attach(|places| programs.attach_accounting(file, places, *number))))
    }

    /// Detaches from the accounting of block requests where no window has needed it for long.
    pub fn let_accounting_go(&mut self, programs: &mut Programs, in_use: &HashSet<FileId>) {
        let now = Instant::now();
        for (id, attachment) in &mut self.files {
            if attachment.accounting.let_go(in_use.contains(id), now) {
                programs.detach_accounting(attachment.number);
            }
        }
    }

    fn surplus(&self, in_use: &HashSet<FileId>) -> Vec<(u16, FileId)> {
        let idle = self.files.iter().filter(|(id, _)| !in_use.contains(id));
        let mut idle: Vec<_> = idle.map(|(id, attachment)| (attachment.number, *id)).collect();
        idle.sort_unstable_by_key(|(number, _)| self.last_number.wrapping_sub(*number));
        idle.split_off(idle.len().min(IDLE_KEPT))
    }
}

fn attach(programs: &mut Programs, file: &File, number: u16) -> Attachment {
    let image = match Image::read(file, &SENTINELS) {
        Ok(image) => image,
        Err(error) => return unreadable(&format!("its symbols cannot be read ({error})")),
    };
    if image.sites.is_empty() {
        let why = "it exports none of QEMU's functions (stripped, or built without modules)";
        return Attachment { build_id: image.build_id, ..unreadable(why) };
    }
    let lacking = attach_sites(programs, file, &image, &SENTINELS, number);
    let mut missing: Vec<_> = lacking.iter().map(|(sentinel, why)| lacks(sentinel, why)).collect();
    let never_called = image.never_called(file).unwrap_or_default();
    missing.extend(doubtful(&image, &never_called));
    let uncalled = image.accounting.iter().flatten().any(|place| never_called.contains(&place.address));
    Attachment {
        build_id: image.build_id,
        accounting: Accounting::new(image.accounting, uncalled),
        tells_the_story: lacking.iter().all(|(sentinel, _)| sentinel.need == Need::Optional),
        missing,
        number,
    }
}

/// Attaches to a library, whose functions are called from other files.
fn attach_library(programs: &mut Programs, file: &File, number: u16) -> Attachment {
    let missing = match Image::read(file, &LIBVIRT_SENTINELS) {
        Ok(image) => {
            let lacking = attach_sites(programs, file, &image, &LIBVIRT_SENTINELS, number);
            match lacking.first() {
                Some((_, why)) if lacking.len() == LIBVIRT_SENTINELS.len() => {
                    vec![no_library(&format!("none of its functions can be watched ({why})"))]
                }
                _ => lacking.iter().map(|(sentinel, why)| lacks(sentinel, why)).collect(),
            }
        }
        Err(error) => vec![no_library(&format!("its symbols cannot be read ({error})"))],
    };
    Attachment { missing, ..Attachment::default() }
}

/// Attaches to what the file has of a table; gives the rest with the reasons.
fn attach_sites(
    programs: &mut Programs,
    file: &File,
    image: &Image,
    sentinels: &'static [Sentinel],
    number: u16,
) -> Vec<(&'static Sentinel, String)> {
    let absent = sentinels.iter().filter(|sentinel| !image.has(sentinel));
    let mut lacking: Vec<_> =
        absent.map(|sentinel| (sentinel, "it is not in this file".to_owned())).collect();
    lacking.extend(programs.attach(file, image, number));
    lacking
}

/// That no library of libvirt is watched.
pub fn no_library(why: &str) -> MissingSentinel {
    MissingSentinel { name: "libvirt.so".to_owned(), consequence: format!("{why}: {WITHOUT_LIBVIRT}") }
}

/// What is attached but may not tell what it should.
fn doubtful(image: &Image, never_called: &HashSet<u64>) -> Vec<MissingSentinel> {
    let inlined = "nothing in this QEMU calls it (inlined?), it may never fire";
    let uncalled = image.sites.iter().filter(|site| never_called.contains(&site.address));
    let mut doubtful: Vec<_> = uncalled.map(|site| lacks(site.sentinel, inlined)).collect();
    let has_pm1 = image.sites.iter().any(|site| site.sentinel.symbol == "acpi_pm1_evt_power_down");
    if has_pm1 && image.pm1.is_none() {
        doubtful.push(MissingSentinel {
            name: "PM1 registers".to_owned(),
            consequence: "their place is not found in the code of acpi_pm1_evt_power_down: whether the \
                guest had its power button enabled cannot be told"
                .to_owned(),
        });
    }
    doubtful
}

fn lacks(sentinel: &Sentinel, why: &str) -> MissingSentinel {
    MissingSentinel { name: sentinel.symbol.to_owned(), consequence: format!("{why}: {}", sentinel.without) }
}

fn unreadable(why: &str) -> Attachment {
    let missing = MissingSentinel {
        name: "symbols".to_owned(),
        consequence: format!(
            "{why}: the request, its delivery and QEMU's own events cannot be seen, only what KVM, signals \
             and the exit tell"
        ),
    };
    Attachment { missing: vec![missing], ..Attachment::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many executables, attached to one after the other, the last with this number.
    fn attachments(count: u16, last_number: u16) -> (Attachments, Vec<FileId>) {
        let mut attachments = Attachments { last_number, ..Attachments::default() };
        let mut ids = Vec::new();
        for age in (0..count).rev() {
            let file = tempfile::tempfile().expect("a file");
            file.set_len(u64::from(age)).expect("its size tells it apart");
            let id = FileId::of(&file).expect("an identity");
            let number = last_number.wrapping_sub(age);
            attachments.files.insert(id, Attachment { number, ..Attachment::default() });
            ids.push(id);
        }
        (attachments, ids)
    }

    #[test]
    fn the_oldest_executables_that_nobody_runs_are_let_go() {
        for last_number in [12, 4] {
            let (attachments, ids) = attachments(12, last_number);
            let in_use = HashSet::from([ids[0]]);
            let surplus: Vec<FileId> = attachments.surplus(&in_use).into_iter().map(|(_, id)| id).collect();
            assert_eq!(HashSet::from_iter(surplus), HashSet::from([ids[1], ids[2], ids[3]]));
        }
    }

    #[test]
    fn a_few_are_kept() {
        let (attachments, _) = attachments(8, 8);
        assert!(attachments.surplus(&HashSet::new()).is_empty());
    }

    #[test]
    fn a_number_in_use_is_not_given_again_and_zero_never_is() {
        let (mut attachments, _) = attachments(3, u16::MAX);
        assert_eq!(attachments.free_number(), 1);
        attachments.last_number = u16::MAX - 3;
        assert_eq!(attachments.free_number(), 1, "three are in use, then comes zero");
    }
}
