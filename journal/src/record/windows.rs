//! What a Windows event log says about a guest's shutdowns. Times are the guest's own clock.

use chrono::{DateTime, Utc};
#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One event of a Windows event log that bears on a shutdown. The record's `wall` is its time, by the
/// guest's clock. Texts are cut to 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct WindowsEvent {
    /// The machine's name, as Windows has it.
    pub computer: String,
    /// The domain it is, by name or UUID, where the importing operator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The log, e.g. `System`.
    pub channel: String,
    /// Its number in that log: an identity, no order.
    pub record_id: u64,
    /// What it says.
    pub entry: WindowsEntry,
}

/// What an event log can say about a shutdown. The number of the event and its provider stand with each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WindowsEntry {
    /// Somebody asked for a shutdown (User32 1074).
    Asked {
        /// The program that asked, e.g. `C:\Windows\Explorer.EXE`.
        process: String,
        /// The reason's code, e.g. `0x80020010`.
        reason_code: String,
        /// What was asked for, in the guest's language, e.g. `power off`.
        kind: String,
        /// The user in whose name.
        user: String,
    },
    /// Somebody was refused a shutdown (User32 1073).
    Refused,
    /// A shutdown was called off (User32 1075).
    CalledOff,
    /// A reason was given later for a stop that was not expected (User32 1076).
    Explained,
    /// Event logging began (EventLog 6005).
    LogStarted,
    /// Event logging ended: services are being stopped (EventLog 6006).
    LogStopped,
    /// The last shutdown was unexpected (EventLog 6008).
    Unexpected {
        /// When the guest had last been alive (UTC), to a minute; absent where it cannot be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_alive: Option<DateTime<Utc>>,
    },
    /// The system came back without having shut down (Kernel-Power 41).
    PowerLost {
        /// The bug check's code; 0 where there was none.
        bugcheck: u64,
    },
    /// The system goes to sleep (Kernel-Power 42).
    Sleep {
        /// `SYSTEM_POWER_STATE`: 4 S3, 5 hibernate, 6 shutdown.
        target: u32,
        /// The state it really takes; 5 with a target of 6 is a Fast Startup.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effective: Option<u32>,
        /// 0 button or lid, 4 application, 5 kernel, 7 idle, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<u32>,
    },
    /// The system resumed (Kernel-Power 107).
    Resumed,
    /// A program asked for sleep (Kernel-Power 187).
    SleepAsked {
        /// The program.
        process: String,
    },
    /// The kernel begins to shut down (Kernel-Power 109).
    KernelShutdown {
        /// `POWER_ACTION`: 4 shutdown, 5 reset, 6 off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<u32>,
    },
    /// The kernel started (Kernel-General 12).
    KernelStarted,
    /// The kernel stops (Kernel-General 13): the last event of a clean shutdown.
    KernelStopped,
    /// A user logged on (Winlogon 7001).
    LoggedOn,
    /// A user logged off (Winlogon 7002).
    LoggedOff,
    /// A service is in trouble (Service Control Manager).
    Service {
        /// 7043 did not shut down properly after a preshutdown control; 7023 ended with an error; 7031 and 7034
        /// ended unexpectedly.
        event: u32,
        /// The service.
        name: String,
    },
    /// An application, service or driver kept the system from a change of power (Kernel-Power 9, 10, 40).
    Vetoed {
        /// The event's number.
        event: u32,
        /// Who.
        name: String,
    },
    /// Servicing needs a restart (Servicing 4): updates work during the next shutdown.
    ServicingPending,
    /// Windows Update did something (WindowsUpdateClient 19, 20, 21, 22, 43, 44).
    Update {
        /// The event's number.
        event: u32,
    },
    /// A bug check, written after the restart (WER-SystemErrorReporting 1001).
    BugCheck {
        /// Its code, e.g. `0x0000009f`.
        code: String,
    },
    /// How long the last shutdown took, written at the next boot (Diagnostics-Performance 200).
    ShutdownTimes {
        /// Each stretch by Windows' own name, e.g. `ShutdownServicesTime`, in milliseconds.
        milliseconds: Vec<(String, u64)>,
    },
    /// What made the last shutdown slow (Diagnostics-Performance 201 application, 202 and 203 service).
    Slowed {
        /// The event's number.
        event: u32,
        /// Its name.
        name: String,
        /// How long it took, in milliseconds.
        milliseconds: u64,
    },
}
