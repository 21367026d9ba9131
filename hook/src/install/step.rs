//! One change to the machine each: done in one step or not at all, and told in one sentence.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

use super::manifest::Manifest;
use super::{InstallError, unit};

/// A change to the machine.
#[derive(Debug)]
pub(super) enum Step {
    MakeDir {
        path: PathBuf,
        mode: u32,
    },
    /// Gives a hook a second name, so that there is no moment without it.
    KeepAside {
        hook: PathBuf,
        aside: PathBuf,
    },
    WriteManifest {
        path: PathBuf,
        manifest: Manifest,
    },
    PlaceLink {
        path: PathBuf,
        target: PathBuf,
    },
    PlaceUnit {
        path: PathBuf,
        text: String,
    },
    /// Tries the hook in the directory `aside`, then moves it to its place.
    PlaceHook {
        path: PathBuf,
        program: Vec<u8>,
        aside: PathBuf,
    },
    DisableUnit {
        unit: PathBuf,
    },
    Restore {
        aside: PathBuf,
        hook: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    RemoveEmptyDir {
        path: PathBuf,
    },
}

impl Step {
    /// Carries it out.
    pub fn run(&self) -> Result<(), InstallError> {
        match self {
            Self::MakeDir { path, mode } => {
                make_dir(path, *mode).map_err(InstallError::io("create the directory", path))
            }
            Self::KeepAside { hook, aside } => {
                fs::hard_link(hook, aside).map_err(InstallError::io("keep the hook that is there as", aside))
            }
            Self::WriteManifest { path, manifest } => {
                manifest.write(path).map_err(InstallError::io("write", path))
            }
            Self::PlaceLink { path, target } => {
                place_link(path, target).map_err(InstallError::io("create the link", path))
            }
            Self::PlaceUnit { path, text } => {
                place_unit(path, text).map_err(InstallError::io("write the unit", path))
            }
            Self::PlaceHook { path, program, aside } => place_hook(path, program, aside),
            Self::DisableUnit { unit } => {
                unit::disable(unit);
                Ok(())
            }
            Self::Restore { aside, hook } => {
                fs::rename(aside, hook).map_err(InstallError::io("put back the hook", hook))
            }
            Self::Remove { path } => {
                if_there(fs::remove_file(path)).map_err(InstallError::io("remove", path))
            }
            Self::RemoveEmptyDir { path } => {
                remove_empty_dir(path).map_err(InstallError::io("remove the directory", path))
            }
        }
    }

    /// Says that it was done; `None` where there is nothing worth a sentence.
    pub fn sentence(&self) -> Option<String> {
        match self {
            Self::PlaceHook { path, .. } => Some(format!("The hook is in place: {}.", path.display())),
            Self::PlaceLink { path, target } => {
                Some(format!("It records to {} ({} points there).", target.display(), path.display()))
            }
            Self::PlaceUnit { path, .. } => Some(format!(
                "The recorder's unit is {}; start it with `systemctl daemon-reload && systemctl enable --now {}`.",
                path.display(),
                unit::NAME
            )),
            Self::KeepAside { hook, aside } => Some(format!(
                "The hook that was {} is now {}: softoff's runs it after recording.",
                hook.display(),
                aside.display()
            )),
            Self::Restore { hook, .. } => {
                Some(format!("The hook that was there before is back: {}.", hook.display()))
            }
            Self::Remove { path } => Some(format!("Removed {}.", path.display())),
            Self::MakeDir { .. }
            | Self::WriteManifest { .. }
            | Self::DisableUnit { .. }
            | Self::RemoveEmptyDir { .. } => None,
        }
    }
}

fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        created => created,
    }
}

fn place_link(path: &Path, target: &Path) -> io::Result<()> {
    let link = tempfile::Builder::new().make_in(parent(path), |aside| symlink(target, aside))?;
    link.into_temp_path().persist(path).map_err(|error| error.error)
}

fn place_unit(path: &Path, text: &str) -> io::Result<()> {
    let file = aside(parent(path), text.as_bytes(), 0o644)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn place_hook(path: &Path, program: &[u8], dir: &Path) -> Result<(), InstallError> {
    let copied = aside(dir, program, 0o755).map_err(InstallError::io("copy the hook program to", dir))?;
    // A file that is open for writing cannot be executed.
    let copied = copied.into_temp_path();
    try_hook(&copied).map_err(|why| InstallError::DoesNotRun { path: dir.to_owned(), why })?;
    copied.persist(path).map_err(|error| InstallError::io("put the hook in place at", path)(error.error))
}

/// A complete file in `dir`, not yet under its name. libvirt runs whatever is executable in
/// `qemu.d`, so a hook is not prepared there.
fn aside(dir: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".softoff-").tempfile_in(dir)?;
    file.write_all(content)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Runs the hook without arguments, which records nothing.
fn try_hook(hook: &Path) -> Result<(), String> {
    let output = Command::new(hook).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    match output {
        output if !output.status.success() => Err(output.status.to_string()),
        output if !output.stdout.is_empty() || !output.stderr.is_empty() => Err("it prints something".into()),
        _ => Ok(()),
    }
}

fn remove_empty_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => if_there(removed),
    }
}

/// What is gone already need not be removed.
fn if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
