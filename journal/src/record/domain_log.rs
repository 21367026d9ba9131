//! What the log of a domain says (`/var/log/libvirt/qemu/NAME.log`), written by libvirt and by QEMU.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ShutoffReason, Termination};

/// One thing that a domain's log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct DomainLog {
    /// The domain, by the name of the file.
    pub domain: String,
    /// The line of the file, from 1.
    pub line: u64,
    /// What it says.
    pub entry: LogEntry,
}

/// What a log can say that bears on how a domain ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LogEntry {
    /// libvirt started QEMU.
    Starting {
        /// libvirt's version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        libvirt: Option<String>,
        /// QEMU's version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        qemu: Option<String>,
        /// The host's name, as libvirt had it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// The domain's UUID, from QEMU's command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uuid: Option<Uuid>,
    },
    /// QEMU ends on a signal: `terminating on signal 15 from pid 6530 (/usr/sbin/libvirtd)`.
    Terminating(Termination),
    /// libvirt took the domain for ended: `shutting down, reason=…`.
    ShuttingDown {
        /// Why; absent before libvirt 4.1, which wrote none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<ShutoffReason>,
    },
    /// QEMU or the guest died, in QEMU's own words.
    Died {
        /// How.
        how: Death,
        /// The line, cut to 512 bytes.
        text: String,
        /// Whether the line itself carries a time. Otherwise the record has that of the next line which
        /// does, or else of the last one.
        stamped: bool,
    },
}

/// How QEMU or a guest died, as a log shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Death {
    /// The guest panicked (`libvirt: … panic` or pvpanic's line).
    GuestPanic,
    /// QEMU found itself in a state that cannot be (`Assertion … failed`, `qemu: fatal`, `hw_error`).
    Assertion,
    /// KVM could not go on with a vCPU (`KVM internal error`, `kvm run failed`).
    KvmError,
    /// QEMU had no memory (`cannot allocate memory`, `failed to allocate`).
    OutOfMemory,
}
