//! What a person at the terminal, or in the unit's log, should know.

use std::fmt;
use std::path::PathBuf;

use softoff_journal::record::{Coverage, MissingSentinel, QemuProcess};

/// Something worth a line. Names of domains and files are escaped: they may contain anything.
#[derive(Debug)]
pub enum Notice {
    /// Everything that could be attached is.
    Ready {
        /// How many QEMU processes are watched, by coverage: symbols, KVM, process.
        watched: [usize; 3],
        /// The journal's directory.
        journal: PathBuf,
    },
    /// A QEMU process was found.
    Found(Box<QemuProcess>),
    /// A sentinel of a QEMU executable, or of libvirt's library, is not attached.
    NotInBinary {
        /// The file.
        executable: String,
        /// What, and what that costs.
        missing: MissingSentinel,
    },
    /// A sentinel of the kernel is not attached.
    NotInKernel(MissingSentinel),
    /// Nothing of libvirt is attached.
    NotInLibvirt(MissingSentinel),
    /// A process could not be looked at.
    Unreadable {
        /// Its number.
        pid: u32,
        /// Why.
        why: String,
    },
    /// Guests cannot be looked at; said once.
    NoWitness {
        /// Why.
        why: String,
    },
    /// The journal cannot be written; said once, until it can again.
    JournalFails {
        /// Why.
        why: String,
    },
    /// The journal can be written again.
    JournalWorks {
        /// Records that did not fit into memory meanwhile.
        lost: u64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { watched, journal } => {
                write!(f, "ready: watching {}, journal {}", Watched(*watched), journal.display())
            }
            Self::Found(qemu) => found(f, qemu),
            Self::NotInBinary { executable, missing } => {
                write!(f, "{}: {}: {}", executable.escape_debug(), missing.name, missing.consequence)
            }
            Self::NotInKernel(missing) | Self::NotInLibvirt(missing) => {
                write!(f, "{}: {}", missing.name, missing.consequence)
            }
            Self::Unreadable { pid, why } => {
                write!(f, "process {pid} may be a QEMU, but {why}; it is not watched")
            }
            Self::NoWitness { why } => write!(
                f,
                "guests' screens are not looked at, nor their agents asked: {why}; all else is recorded"
            ),
            Self::JournalFails { why } => {
                write!(f, "{why}; records are kept in memory until it can be written again")
            }
            Self::JournalWorks { lost: 0 } => {
                write!(f, "the journal can be written again; nothing was lost")
            }
            Self::JournalWorks { lost } => {
                write!(f, "the journal can be written again; {lost} records were lost")
            }
        }
    }
}

fn found(f: &mut fmt::Formatter<'_>, qemu: &QemuProcess) -> fmt::Result {
    let how = match qemu.coverage {
        Coverage::Symbols => "through symbols",
        Coverage::Kvm => "through KVM and signals only",
        Coverage::Process => "through signals and its exit only",
    };
    write!(f, "watching QEMU process {}", qemu.process.pid)?;
    if let Some(domain) = &qemu.domain {
        write!(f, ", domain \"{}\"", domain.escape_debug())?;
    }
    write!(f, ", {how}")
}

/// `3 QEMU processes (2 through symbols, 1 through KVM)`.
struct Watched([usize; 3]);

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = ["through symbols", "through KVM", "through signals and exit"];
        let parts: Vec<String> = self
            .0
            .iter()
            .zip(ways)
            .filter(|(count, _)| **count > 0)
            .map(|(count, way)| format!("{count} {way}"))
            .collect();
        match self.0.iter().sum::<usize>() {
            0 => write!(f, "for QEMU processes, none so far"),
            1 => write!(f, "1 QEMU process ({})", parts.join(", ")),
            all => write!(f, "{all} QEMU processes ({})", parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(watched: [usize; 3]) -> String {
        Notice::Ready { watched, journal: "/j".into() }.to_string()
    }

    #[test]
    fn ready_says_how_many_and_through_what() {
        assert_eq!(
            ready([2, 1, 0]),
            "ready: watching 3 QEMU processes (2 through symbols, 1 through KVM), journal /j"
        );
        assert_eq!(
            ready([0, 0, 1]),
            "ready: watching 1 QEMU process (1 through signals and exit), journal /j"
        );
        assert_eq!(ready([0, 0, 0]), "ready: watching for QEMU processes, none so far, journal /j");
    }

    #[test]
    fn a_hostile_name_cannot_write_to_the_terminal() {
        let missing = MissingSentinel { name: "x".to_owned(), consequence: "y".to_owned() };
        let notice = Notice::NotInBinary { executable: "/a\n\u{1b}[2J".to_owned(), missing };
        assert_eq!(notice.to_string(), "/a\\n\\u{1b}[2J: x: y");
    }
}
