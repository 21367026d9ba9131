//! The places softoff uses in libvirt's hooks directory, and what is its own there.

use std::fs;
use std::path::{Path, PathBuf};

use super::Way;
use crate::chain::{BEFORE, ONLY_HOOK};
use crate::journal_dir::{DROP_IN_DIR, LINK};
use crate::mark::MARK;

/// Name of the hook among the drop-ins; they run in the order of their names.
const DROP_IN: &str = "50-softoff";

/// Name of the file that says what was installed.
const MANIFEST: &str = "softoff-install.json";

/// The paths of an install.
#[derive(Debug)]
pub(super) struct Places {
    /// libvirt's hooks directory.
    pub hooks_dir: PathBuf,
    /// What was installed.
    pub manifest: PathBuf,
    /// The link to the journal.
    pub link: PathBuf,
    /// The directory of drop-ins.
    pub drop_in_dir: PathBuf,
    /// The only hook of a libvirt without drop-ins.
    pub only_hook: PathBuf,
    /// The hook that was there before.
    pub before: PathBuf,
}

impl Places {
    pub fn new(hooks_dir: &Path) -> Self {
        Self {
            hooks_dir: hooks_dir.to_owned(),
            manifest: hooks_dir.join(MANIFEST),
            link: hooks_dir.join(LINK),
            drop_in_dir: hooks_dir.join(DROP_IN_DIR),
            only_hook: hooks_dir.join(ONLY_HOOK),
            before: hooks_dir.join(BEFORE),
        }
    }

    /// Where the hook goes.
    pub fn hook(&self, way: Way) -> PathBuf {
        match way {
            Way::DropIn => self.drop_in_dir.join(DROP_IN),
            Way::Chain => self.only_hook.clone(),
        }
    }

    /// The hook's place and, with a chain, that of the one before.
    pub fn hook_and_before(&self, way: Way) -> Vec<PathBuf> {
        let before = (way == Way::Chain).then(|| self.before.clone());
        std::iter::once(self.hook(way)).chain(before).collect()
    }
}

/// Whether a file is softoff's hook, of whatever version: a program that carries our mark.
pub(super) fn is_the_hook(path: &Path) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file && fs::read(path).is_ok_and(|bytes| is_hook_program(&bytes))
}

/// Whether these are the bytes of softoff's hook.
pub(super) fn is_hook_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") && bytes.windows(MARK.len()).any(|window| window == MARK)
}

/// Whether anything is there, be it a link that leads nowhere.
pub(super) fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether two names are one file.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path| fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}
