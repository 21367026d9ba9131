//! Where the hook's journal is.
//!
//! libvirt passes neither arguments of ours nor our environment, and a configuration file would
//! have to be parsed on every call. So `softoff install` leaves a symbolic link beside the hook, and
//! the hook reads where it points.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the link in libvirt's hooks directory.
pub const LINK: &str = "softoff-journal";

/// The environment variable that names the journal's directory.
pub const VARIABLE: &str = "SOFTOFF_JOURNAL";

/// Name of the directory of drop-in hooks within libvirt's hooks directory (libvirt 6.5).
pub const DROP_IN_DIR: &str = "qemu.d";

/// The journal's directory: `from_environment` ([`VARIABLE`]), else where the link beside
/// `program` points, else the default.
pub fn locate(program: &Path, from_environment: Option<OsString>) -> PathBuf {
    from_environment
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| linked(program))
        .unwrap_or_else(|| softoff_journal::DEFAULT_DIR.into())
}

fn linked(program: &Path) -> Option<PathBuf> {
    let hooks = hooks_dir(program)?;
    let target = fs::read_link(hooks.join(LINK)).ok()?;
    Some(hooks.join(target))
}

/// libvirt's hooks directory, by the path libvirt called the hook by; `None` for a bare name.
fn hooks_dir(program: &Path) -> Option<&Path> {
    let dir = program.parent().filter(|dir| !dir.as_os_str().is_empty())?;
    if dir.file_name().is_some_and(|name| name == DROP_IN_DIR) { dir.parent() } else { Some(dir) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_link_is_found_from_both_places_a_hook_can_have() {
        let hooks = tempfile::tempdir().expect("tempdir");
        symlink("/srv/journal", hooks.path().join(LINK)).expect("linked");
        for program in ["qemu", "qemu.d/50-softoff"] {
            assert_eq!(locate(&hooks.path().join(program), None), Path::new("/srv/journal"), "{program}");
        }
    }

    #[test]
    fn the_environment_comes_first_and_the_default_last() {
        let program = Path::new("/nonexistent/hooks/qemu");
        assert_eq!(locate(program, Some("/tmp/j".into())), Path::new("/tmp/j"));
        assert_eq!(locate(program, Some(OsString::new())), Path::new(softoff_journal::DEFAULT_DIR));
        assert_eq!(locate(Path::new("softoff-hook"), None), Path::new(softoff_journal::DEFAULT_DIR));
    }
}
