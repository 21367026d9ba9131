//! Views: how much of a run softoff is shown. One play is judged in all of them, from records that are
//! left out as if they had never been made.

use serde::Serialize;

/// What softoff is shown, each with what stands before it, but for [`View::Screen`] and [`View::Agent`]: these
/// are [`View::Probe`] and one kind of evidence from inside the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// libvirt's hook.
    Hook,
    /// And the domain's log.
    Log,
    /// And signals to QEMU and its exit.
    Process,
    /// And KVM's tracepoints.
    Kvm,
    /// And QEMU's functions.
    Probe,
    /// The probe and the guest's agent.
    Agent,
    /// The probe and the guest's screen.
    Screen,
    /// The probe and all evidence from inside the guest.
    Guest,
}

impl View {
    /// Those that one play tells of: KVM sees nothing of guests that run without it.
    pub const OF_A_PLAY: [Self; 7] =
        [Self::Guest, Self::Screen, Self::Agent, Self::Probe, Self::Process, Self::Log, Self::Hook];

    /// Its name on the command line and in the results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Log => "log",
            Self::Process => "process",
            Self::Kvm => "kvm",
            Self::Probe => "probe",
            Self::Agent => "agent",
            Self::Screen => "screen",
            Self::Guest => "guest",
        }
    }

    /// Whether softoff sees enough to tell what every scenario expects of it.
    pub fn is_full(self) -> bool {
        self >= Self::Probe
    }

    /// Whether it is shown the guest's screen.
    pub const fn has_screen(self) -> bool {
        matches!(self, Self::Screen | Self::Guest)
    }

    /// Whether it is shown what the guest's agent says.
    pub const fn has_agent(self) -> bool {
        matches!(self, Self::Agent | Self::Guest)
    }
}
