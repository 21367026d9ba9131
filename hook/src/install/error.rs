//! What can go wrong with an install, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::Way;

/// An error of `install` or `uninstall`. Its text says what was tried and what to do next; the
/// cause is its `source`.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The operating system refused.
    #[error("cannot {attempt} {}; {}", path.display(), hint(source))]
    Io {
        /// What was tried, as a verb with its object's kind.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// There is something of that name that softoff did not make.
    #[error(
        "{} is there already and was not made by `softoff install`, so it is not overwritten; move it away, or name \
         another directory",
        path.display()
    )]
    Foreign {
        /// What is in the way.
        path: PathBuf,
    },
    /// The hook program was not found.
    #[error("there is no hook program at {}; name it with --hook", path.display())]
    NoHook {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The program is something else.
    #[error("{} is not softoff's hook program; name that with --hook", path.display())]
    NotTheHook {
        /// The program.
        path: PathBuf,
    },
    /// The hook program was tried and does not work.
    #[error(
        "the hook program does not run from {} ({why}); libvirt could start no VM with it, so it was not installed. Is \
         it built for this machine, and is that file system mounted without noexec?",
        path.display()
    )]
    DoesNotRun {
        /// The directory it was tried in.
        path: PathBuf,
        /// What happened.
        why: String,
    },
    /// It is installed another way already.
    #[error(
        "softoff is installed as {installed} already; run `softoff uninstall` first to install it as {wanted}"
    )]
    OtherWay {
        /// The way it is installed.
        installed: Way,
        /// The way that was asked for.
        wanted: Way,
    },
    /// The manifest of an install cannot be understood.
    #[error(
        "{} does not say what softoff installed (was it edited, or written by a newer softoff?); use the softoff that \
         wrote it",
        path.display()
    )]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl InstallError {
    /// Wraps a refusal of the operating system.
    pub(super) fn io(attempt: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { attempt, path, source }
    }
}

/// The next step, by the kind of failure.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "run it as root, or name another directory with --hooks-dir",
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: remount it, or name another directory with --hooks-dir"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space on that disk and run it again"
        }
        io::ErrorKind::NotADirectory => {
            "a part of that path is no directory: name another with --hooks-dir or --journal"
        }
        _ => "nothing else was changed; mend the cause and run it again",
    }
}
