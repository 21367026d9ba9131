//! Why the tracer cannot start or go on, and what to do about it.

use std::io;

use softoff_journal::JournalError;

/// An error that stops the tracer. What stops only one VM or one sentinel is a
/// [`crate::Notice`] and a record.
#[derive(Debug, thiserror::Error)]
pub enum TracerError {
    /// Not enough rights.
    #[error(
        "tracing needs CAP_BPF and CAP_PERFMON (and CAP_SYS_PTRACE to look at other users' QEMU), this process lacks {missing}; run as root, or grant them, e.g. with AmbientCapabilities= in a systemd unit"
    )]
    NotPermitted {
        /// The capabilities that are missing.
        missing: String,
    },
    /// The kernel is locked down.
    #[error(
        "the kernel is locked down (confidentiality), which forbids eBPF programs to read memory; boot with lockdown=integrity or less. The hook records without the probe"
    )]
    LockedDown,
    /// The tracing file system is not there.
    #[error(
        "the kernel's tracing file system is not mounted; run `mount -t tracefs nodev /sys/kernel/tracing` and start again"
    )]
    NoTracefs,
    /// The programs were refused.
    #[error(
        "the kernel refused {what}; Linux 5.15 or newer with CONFIG_BPF_SYSCALL and CONFIG_UPROBE_EVENTS is needed"
    )]
    Refused {
        /// The program or map.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Waiting for events failed.
    #[error("cannot wait for events; this is unexpected, please report it with the cause")]
    Wait(#[source] io::Error),
}
