//! Executables that are attached to: once each, for all processes that run them now or later.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::time::Instant;

use softoff_journal::record::MissingSentinel;

use crate::binary::{FileId, Image};
use crate::block::Accounting;
use crate::programs::Programs;
use crate::sentinel::{Need, SENTINELS, Sentinel};

/// How many executables that nobody runs stay attached. The next VM will most likely run one of
/// them; but where each VM brings a file of its own (containers), they must not pile up.
const IDLE_KEPT: usize = 8;

/// All executables that are attached to.
#[derive(Debug, Default)]
pub struct Attachments {
    files: HashMap<FileId, Attachment>,
    last_number: u16,
}

/// What one executable lets be seen.
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
    /// Attaches to an executable unless that is done; true where it was done now.
    pub fn attach(&mut self, programs: &mut Programs, id: FileId, file: &File) -> (Attachment, bool) {
        if let Some(known) = self.files.get(&id) {
            return (known.clone(), false);
        }
        self.last_number = self.free_number();
        let attachment = Attachment { number: self.last_number, ..attach(programs, file, self.last_number) };
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

    /// Detaches from executables that are in nobody's use, but for the few most recent ones.
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
    let image = match Image::read(file) {
        Ok(image) => image,
        Err(error) => return unreadable(&format!("its symbols cannot be read ({error})")),
    };
    if image.sites.is_empty() {
        let why = "it exports none of QEMU's functions (stripped, or built without modules)";
        return Attachment { build_id: image.build_id, ..unreadable(why) };
    }
    let failed = programs.attach(file, &image, number);
    let absent = SENTINELS.iter().filter(|sentinel| !image.has(sentinel));
    let lacking: Vec<&Sentinel> =
        absent.clone().chain(failed.iter().map(|(sentinel, _)| *sentinel)).collect();
    let mut missing: Vec<_> = absent.map(|sentinel| lacks(sentinel, "this QEMU does not have it")).collect();
    missing.extend(failed.iter().map(|(sentinel, why)| lacks(sentinel, why)));
    let never_called = image.never_called(file).unwrap_or_default();
    missing.extend(doubtful(&image, &never_called));
    let uncalled = image.accounting.iter().flatten().any(|place| never_called.contains(&place.address));
    Attachment {
        build_id: image.build_id,
        accounting: Accounting::new(image.accounting, uncalled),
        tells_the_story: lacking.iter().all(|sentinel| sentinel.need == Need::Optional),
        missing,
        number,
    }
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
