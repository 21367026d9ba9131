//! What can go wrong with a journal, and what to do about it.

use std::io;
use std::path::PathBuf;

/// An error of the journal. Its text names the file; the cause is its `source`.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory could not be made.
    #[error("cannot create the journal directory {}; {}", path.display(), hint(source))]
    CreateDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be opened or created.
    #[error("cannot open the journal file {}; {}", path.display(), hint(source))]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A record could not be appended.
    #[error("cannot append to the journal file {}; {}", path.display(), hint(source))]
    Append {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory could not be listed.
    #[error("cannot read the journal directory {}; {}", path.display(), hint(source))]
    ReadDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The boot id of this machine could not be read.
    #[error("cannot read this machine's boot id from {}; is /proc mounted?", path.display())]
    BootId {
        /// The file of the kernel.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The next step, by the kind of failure.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "run as root, or as a user who may use that directory, or name another with --journal"
        }
        io::ErrorKind::NotFound => {
            "nothing was recorded there yet (`softoff install` and `softoff trace` record), or name \
             another directory with --journal"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space; later records are appended again by themselves"
        }
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: name another with --journal",
        io::ErrorKind::NotADirectory => "it is not a directory: name another with --journal",
        _ => "see the cause below",
    }
}
