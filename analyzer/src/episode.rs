//! The episode: one attempt to end one run of one virtual machine. This is the contract
//! `softoff.episode/1`, printed by `softoff explain --format json`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Cause;

/// Name and version of the episode's schema.
pub const SCHEMA: &str = "softoff.episode/1";

/// One attempt to end one run of one VM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Episode {
    /// [`SCHEMA`].
    pub schema: String,
    /// Stable short identifier: the same records give the same id.
    pub id: String,
    /// Host name.
    pub host: String,
    /// The host's boot.
    pub boot_id: Uuid,
    /// The virtual machine.
    pub domain: Domain,
    /// The QEMU process; absent where nothing told of it.
    pub qemu: Option<Qemu>,
    /// Who asked for the end, how and when.
    pub request: Request,
    /// How it ended.
    pub outcome: Outcome,
    /// How that is to be judged.
    pub verdict: Verdict,
    /// A soft request was followed by a hard stop.
    pub escalated: bool,
    /// From the first sign of the request to the end, in seconds; absent where one is not known.
    pub duration_seconds: Option<f64>,
    /// Wall time of the end, where request and duration do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Where the time went: contiguous, in order, from the request on.
    pub phases: Vec<Phase>,
    /// What the guest's own event log says of it, where one was joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_log: Option<GuestLog>,
    /// Why it was slow or failed.
    pub cause: CauseFinding,
    /// All causes considered, best first; the cause is the first.
    pub candidates: Vec<Candidate>,
    /// What was seen, in order of time.
    pub evidence: Vec<Evidence>,
    /// What to do now, and what to change so that it does not come back.
    pub advice: Vec<String>,
    /// For a hard stop: what may be lost.
    pub risk: Option<Risk>,
    /// How much of the whole was seen.
    pub completeness: Completeness,
}

impl Episode {
    /// Wall time of the request, or of the end where no record shows the request.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        self.request.at.or(self.ended_at)
    }

    /// Whether nothing but a domain's log tells of it.
    pub fn is_of_log_alone(&self) -> bool {
        let all = self.evidence.iter().all(|evidence| evidence.source == Source::QemuLog);
        self.completeness.tier == Tier::Log && all && !self.evidence.is_empty()
    }
}

/// The virtual machine of an episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Domain {
    /// libvirt's name; whatever the operator chose, any characters.
    pub name: Option<String>,
    /// libvirt's UUID.
    pub uuid: Option<Uuid>,
    /// Guest system, e.g. a libosinfo id.
    pub os: Option<String>,
    /// Where `os` comes from, e.g. `libosinfo`.
    pub os_source: Option<String>,
}

/// The QEMU process of an episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Qemu {
    /// Process id.
    pub pid: u32,
    /// When the process started (wall time).
    pub started_at: Option<DateTime<Utc>>,
    /// QEMU's version.
    pub version: Option<String>,
    /// GNU build id of the executable.
    pub build_id: Option<String>,
}

/// The request that began the episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// Wall time of the first sign; absent where no record shows the request.
    pub at: Option<DateTime<Utc>>,
    /// The way it took.
    pub path: Path,
    /// How often the power button was pressed.
    pub presses: u32,
    /// Who asked, as far as it was seen.
    pub by: Option<String>,
}

/// The way a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// The ACPI power button.
    Acpi,
    /// The guest agent.
    Agent,
    /// From inside the guest.
    Guest,
    /// A signal to QEMU that libvirt did not send.
    Signal,
    /// `virsh destroy` or its like.
    Destroy,
    /// No request was seen.
    None,
}

/// How an episode ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The guest powered itself off.
    Soft,
    /// QEMU was ended without the guest's consent.
    Hard,
    /// The guest went to sleep (S3 or S4).
    Slept,
    /// The guest started again.
    Rebooted,
    /// QEMU or the guest crashed.
    Crashed,
    /// The guest was asked and lived on.
    Ignored,
    /// Not ended yet.
    Pending,
    /// Saved to disk.
    Saved,
    /// Moved to another host.
    Migrated,
    /// It ended, and nothing recorded tells how: a hook alone, under a libvirt that gives it no reason.
    Unknown,
}

/// How an episode is to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Clean,
    /// It worked but took long.
    Slow,
    /// It did not do what was asked, or cost the guest its state.
    Failed,
    /// What was recorded does not tell: not how it ended, or not how long it took.
    Unknown,
}

/// A stretch of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// Which stretch.
    pub name: PhaseName,
    /// Seconds from the request to its beginning.
    pub start_seconds: f64,
    /// Its length in seconds.
    pub seconds: f64,
}

/// The stretches of a shutdown, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// The request reaches QEMU's PM1 block and the SCI is raised.
    Deliver,
    /// Until the guest acknowledges the power button.
    Notice,
    /// The guest ends its applications and services, until it writes S5.
    Guest,
    /// QEMU pauses the vCPUs, drains and flushes, until it is told to end.
    Poweroff,
    /// QEMU cleans up, until its process is gone.
    Teardown,
    /// libvirt releases what it held for the domain, until its last hook.
    Release,
}

impl PhaseName {
    /// All phases in order.
    pub const ALL: [Self; 6] =
        [Self::Deliver, Self::Notice, Self::Guest, Self::Poweroff, Self::Teardown, Self::Release];

    /// The name in JSON and on the screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Notice => "notice",
            Self::Guest => "guest",
            Self::Poweroff => "poweroff",
            Self::Teardown => "teardown",
            Self::Release => "release",
        }
    }

    /// What happens in it, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Deliver => "request reaches the guest's interrupt line",
            Self::Notice => "guest acknowledges the power button",
            Self::Guest => "guest ends applications and services",
            Self::Poweroff => "QEMU stops vCPUs, drains and flushes",
            Self::Teardown => "QEMU cleans up and exits",
            Self::Release => "libvirt releases the domain",
        }
    }
}

/// A shutdown cycle of a Windows event log. All times are the guest's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuestLog {
    /// When the guest began to shut down; absent where the log does not say.
    pub started_at: Option<DateTime<Utc>>,
    /// The program that asked for it, e.g. `C:\Windows\\Explorer.EXE`.
    pub process: Option<String>,
    /// The reason's code, e.g. `0x80020010`.
    pub reason_code: Option<String>,
    /// What was asked for; absent where the log does not say.
    pub r#type: Option<GuestLogType>,
    /// Where the guest's time went, in order.
    pub phases: Vec<GuestLogPhase>,
    /// How it ended.
    pub ended: GuestLogEnd,
    /// What the guest itself holds responsible.
    pub culprits: Vec<Culprit>,
    /// The guest's clock minus the host's, in seconds; absent where it was not joined to a host's episode.
    pub clock_offset_seconds: Option<f64>,
    /// How far that may be off.
    pub clock_uncertainty_seconds: Option<f64>,
}

/// What a guest was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuestLogType {
    /// Shut down.
    Shutdown,
    /// Restart.
    Restart,
    /// Power off.
    PowerOff,
    /// Sleep or hibernate.
    Sleep,
}

/// A stretch of a guest's shutdown, by its own log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuestLogPhase {
    /// Which stretch.
    pub name: GuestPhaseName,
    /// Its length in seconds.
    pub seconds: f64,
}

/// The stretches of a Windows shutdown, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuestPhaseName {
    /// Applications end and users are logged off.
    Sessions,
    /// Services that asked for notice before all others, Windows Update among them.
    Preshutdown,
    /// All other services.
    Services,
    /// Drivers and the kernel.
    Kernel,
}

/// How a cycle ended, by the guest's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuestLogEnd {
    /// The kernel stopped as it should.
    Clean,
    /// The guest came back without having stopped.
    Unexpected,
    /// The log does not say.
    Unknown,
}

/// What a guest holds responsible for a slow shutdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Culprit {
    /// What it is.
    pub kind: CulpritKind,
    /// Its name, as the log has it.
    pub name: String,
    /// How long it took; absent where the log does not say.
    pub seconds: Option<f64>,
}

/// What can hold a guest up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CulpritKind {
    /// An application.
    Application,
    /// A service.
    Service,
    /// A driver or device.
    Driver,
}

/// The named cause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CauseFinding {
    /// The cause.
    pub code: Cause,
    /// 0 to 1.
    pub confidence: f64,
    /// The number of the scenario (1 to 8), where the cause is one of the eight well-known ones.
    pub scenario: Option<u8>,
}

/// A cause that was considered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The cause.
    pub code: Cause,
    /// 0 to 1.
    pub confidence: f64,
}

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Who saw it.
    pub source: Source,
    /// Seconds from the request; negative for what came before.
    pub at_seconds: f64,
    /// What was seen, in a sentence.
    pub text: String,
    /// How much it decides: 0 is context, above 0 supports the cause, below 0 speaks against it.
    pub weight: f64,
    /// The picture that shows it: a PNG, relative to the journal's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Who saw a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// libvirt's qemu hook.
    Hook,
    /// A uprobe in QEMU or a tracepoint on its process.
    Probe,
    /// KVM's tracepoints.
    Kvm,
    /// `/proc`.
    Proc,
    /// The domain's QEMU log.
    QemuLog,
    /// The guest agent.
    Agent,
    /// A screenshot.
    Screen,
    /// A Windows event log.
    Evtx,
}

/// What a hard stop may have cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Risk {
    /// How bad.
    pub level: RiskLevel,
    /// Bytes written by the guest and not flushed; absent where it was not measured.
    pub unflushed_bytes: Option<u64>,
    /// Requests in flight at the end; absent where it was not measured.
    pub inflight_requests: Option<u64>,
    /// Writes after the request; absent where it was not measured.
    pub writes_after_request: Option<u64>,
    /// In a sentence.
    pub text: String,
}

/// How bad a hard stop may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RiskLevel {
    /// Not measured.
    Unknown,
    /// Nothing was being written.
    Low,
    /// Something may be lost.
    Medium,
    /// Something was being written.
    High,
}

/// How much of an episode was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completeness {
    /// The best source that covered it.
    pub tier: Tier,
    /// Events lost on the way, at all stages.
    pub lost_events: u64,
    /// Lines of this boot's journal that could not be read.
    pub bad_lines: u64,
    /// Uncertainty of times across sources, in nanoseconds.
    pub clock_uncertainty_ns: u64,
    /// What is missing and what that costs, in sentences.
    pub missing: Vec<String>,
}

/// What covered an episode, each better than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// libvirt's hook only.
    Hook,
    /// And the domain's QEMU log.
    Log,
    /// And QEMU's process: signals and exit.
    Process,
    /// And KVM's tracepoints.
    Kvm,
    /// And QEMU's exported symbols.
    Probe,
    /// And evidence from inside the guest.
    Guest,
}

/// The words of a vocabulary, those of the JSON contract.
macro_rules! words {
    ($vocabulary:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $vocabulary {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }
    };
}

words!(Path {
    Acpi => "acpi",
    Agent => "agent",
    Guest => "guest",
    Signal => "signal",
    Destroy => "destroy",
    None => "none",
});

words!(Outcome {
    Soft => "soft",
    Hard => "hard",
    Slept => "slept",
    Rebooted => "rebooted",
    Crashed => "crashed",
    Ignored => "ignored",
    Pending => "pending",
    Saved => "saved",
    Migrated => "migrated",
    Unknown => "unknown",
});

words!(Verdict { Clean => "clean", Slow => "slow", Failed => "failed", Unknown => "unknown" });

words!(RiskLevel { Unknown => "unknown", Low => "low", Medium => "medium", High => "high" });

words!(Tier {
    Hook => "hook",
    Log => "log",
    Process => "process",
    Kvm => "kvm",
    Probe => "probe",
    Guest => "guest",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_words<T: Serialize>(all: &[T], word: impl Fn(&T) -> &'static str) {
        for value in all {
            assert_eq!(serde_json::to_value(value).expect("JSON"), word(value));
        }
    }

    #[test]
    fn each_vocabulary_has_the_words_of_its_json() {
        assert_words(Path::ALL, |path| path.as_str());
        assert_words(Outcome::ALL, |outcome| outcome.as_str());
        assert_words(Verdict::ALL, |verdict| verdict.as_str());
        assert_words(RiskLevel::ALL, |level| level.as_str());
        assert_words(Tier::ALL, |tier| tier.as_str());
        assert_words(&PhaseName::ALL, |phase| phase.as_str());
    }
}
