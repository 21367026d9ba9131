//! What the guest's agent was asked while a shutdown lasted, and what it said. The answers are the
//! guest's: they may be false.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProcessId;

/// One question to a guest's agent and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct AgentExchange {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// What was to be known.
    pub question: AgentQuestion,
    /// What was sent or run in the guest for it, e.g. `guest-ping` or `reg query HKLM\… /v …`.
    pub command: String,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// What came back.
    pub answer: AgentAnswer,
}

/// What a guest's agent can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AgentQuestion {
    /// Is it alive (`guest-ping`)?
    Ping,
    /// Which system is it (`guest-get-osinfo`)?
    Os,
    /// Windows policy `ShutdownReasonOn`: 1 lets the Shutdown Event Tracker ask.
    ShutdownReasonOn,
    /// Windows policy `ShutdownReasonUI`: 1 lets the Shutdown Event Tracker show its dialog.
    ShutdownReasonUi,
    /// Windows policy `ShutdownWithoutLogon`: 0 forbids a shutdown while nobody is logged on.
    ShutdownWithoutLogon,
    /// What Windows does when the power button is pressed (`PBUTTONACTION` of the active plan).
    PowerButtonAction,
    /// Whether a restart is due to finish updates (`RebootPending`, `RebootRequired`).
    RestartPending,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AgentAnswer {
    /// It answered the ping.
    Alive,
    /// Its system.
    Os(GuestOs),
    /// A setting's value; absent where it is not set.
    Value(Option<u32>),
    /// What the power button does on mains and on battery: 0 nothing, 1 sleep, 2 hibernate, 3 shut down, 4
    /// display off.
    PowerButton {
        /// On mains, which a virtual machine without a battery is on.
        ac: u32,
        /// On battery.
        dc: u32,
    },
    /// Yes or no.
    Is(bool),
    /// Nothing came in time.
    Silent,
    /// It refused, or answered what makes no sense: why, in a sentence.
    Failed(String),
}

/// A guest's system, as its agent tells it. Each text is cut to 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct GuestOs {
    /// `mswindows`, or the `ID` of `/etc/os-release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people, e.g. `Windows Server 2022 Standard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretty_name: Option<String>,
    /// Version, e.g. `Microsoft Windows Server 2022` or `12 (bookworm)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Kernel or build, e.g. `20348`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_release: Option<String>,
}
