//! What an install made: kept in the hooks directory, so that uninstall unmakes exactly that.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::InstallError;

/// How the hook is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// As one of the hooks in `qemu.d` (libvirt 6.5 and later).
    DropIn,
    /// As `qemu`, running the hook of that name that was there before.
    Chain,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DropIn => "a drop-in of qemu.d",
            Self::Chain => "the hook `qemu`",
        })
    }
}

/// The version of the manifest's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Schema {
    /// This one.
    #[serde(rename = "softoff.install/1")]
    V1,
}

/// What an install made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The form of this file.
    pub schema: Schema,
    /// softoff's version.
    pub version: String,
    /// How the hook is installed.
    pub way: Way,
    /// The journal's directory.
    pub journal: PathBuf,
    /// The unit file, where one was written.
    pub unit: Option<PathBuf>,
    /// Directories that did not exist before, outer ones first.
    pub created_dirs: Vec<PathBuf>,
}

impl Manifest {
    /// Reads the manifest; `None` where nothing was installed.
    pub fn read(path: &Path) -> Result<Option<Self>, InstallError> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(InstallError::io("read", path))?,
        };
        let parsed = serde_json::from_slice(&text);
        parsed.map(Some).map_err(|source| InstallError::Manifest { path: path.to_owned(), source })
    }

    /// Writes the manifest in one step: a torn one would strand what is installed.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}
