//! Clues: what bears on the cause of an attempt, found in its facts and in the guest's activity.
//!
//! ```text
//! facts ────▶ path: how far the press got, how it ended ──┐
//! calls ────▶ libvirt: waited, refused, agent silent ─────┼─▶ Vec<Clue> ─▶ weights ─▶ classify
//! activity ─▶ work: idle, at work; host: storage, CPU ────┤
//! screen, agent ─▶ inside: what the guest itself shows ───┤
//! event log ▶ guest_log: what Windows itself says ────────┘
//! ```
//!
//! Absence gives a clue only where its source watched and nothing of that time was lost.

mod case;
mod guest_log;
mod host;
mod inside;
mod libvirt;
mod path;
mod work;

pub use case::Case;
pub use guest_log::Inside;

use crate::episode::Source;

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        /// What a clue is. What each is worth is in [`crate::weights::TABLE`].
        #[allow(missing_docs, reason = "the table of weights says what each one means")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($kind),* }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),*];
        }
    };
}

kinds! {
    ButtonOff, ButtonArmedLate, NoButton, Unacknowledged, Acknowledged, Waited, PressedAgain, SecondPressWorked,
    NotWindows, IdleAtOnce, WorkedThenIdle, SustainedWrites, StillWorking, GuestLong, Spinning, Halted, HeavyUnarmed,
    Initialising, Computing, AgentOpen, AgentClosed, Slept, Asleep, Restarted, Resets, ResetsWithWork, ResetsBare, Panicked,
    QemuCrashed, Signalled, OomKilled, Console, Vanished, DestroyUnasked, DestroyUnseen, StorageStalled, StorageSlow,
    IoError, Starved, PausedMost, QemuStopped, NoticeLong, PoweroffLong, TeardownLong, ReleaseLong, LibvirtLate, LibvirtWaited,
    LibvirtRefused, AgentSilent, ScreenBlack, ScreenUpdating, ScreenUpdatingCutOff, ScreenGettingReady, ScreenModulesInstaller,
    ScreenService, ScreenShuttingDown, ScreenApps, ScreenTracker, ScreenFirstBoot, ScreenLogOn, ScreenBugCheck, AgentAnswers,
    LogonNeeded, LogonNotNeeded, TrackerOn, TrackerOff, UpdatesPending, ButtonDoesNothing, ButtonSleeps, ButtonShutsDown,
    ButtonDarkens, ScreenRollingBack, ScreenOthers, ScreenSafeToTurnOff, ScreenStill, ScreenChanged, ScreenContradicted,
    TrackerHasDialog, TrackerHasNoDialog, AgentMute,
    LogTold, LogAmbiguous, LogSilent, LogRefused, LogActed, LogTracker, LogSessionsLong, LogUpdated, LogPreshutdownLong,
    LogServicesLong, LogKernelLong, LogSlept, LogBugCheck,
}

impl Kind {
    /// Whether it comes from inside the guest: only such clues tell the silent causes apart.
    pub const fn is_from_inside(self) -> bool {
        matches!(
            self,
            Self::ScreenBlack
                | Self::ScreenUpdating
                | Self::ScreenUpdatingCutOff
                | Self::ScreenGettingReady
                | Self::ScreenModulesInstaller
                | Self::ScreenService
                | Self::ScreenShuttingDown
                | Self::ScreenApps
                | Self::ScreenTracker
                | Self::ScreenFirstBoot
                | Self::ScreenLogOn
                | Self::ScreenBugCheck
                | Self::AgentAnswers
                | Self::LogonNeeded
                | Self::LogonNotNeeded
                | Self::TrackerOn
                | Self::TrackerOff
                | Self::UpdatesPending
                | Self::ButtonDoesNothing
                | Self::ButtonSleeps
                | Self::ButtonShutsDown
                | Self::ButtonDarkens
                | Self::ScreenRollingBack
                | Self::ScreenOthers
                | Self::ScreenSafeToTurnOff
                | Self::ScreenStill
                | Self::ScreenChanged
                | Self::TrackerHasDialog
                | Self::TrackerHasNoDialog
                | Self::AgentMute
                | Self::LogSilent
                | Self::LogRefused
                | Self::LogActed
                | Self::LogTracker
                | Self::LogSessionsLong
                | Self::LogUpdated
                | Self::LogPreshutdownLong
                | Self::LogServicesLong
                | Self::LogSlept
                | Self::LogBugCheck
        )
    }
}

/// Something that bears on the cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Clue {
    /// What it is.
    pub kind: Kind,
    /// Boot clock in nanoseconds.
    pub at: u64,
    /// Who saw it.
    pub source: Source,
    /// In a sentence; empty where the fact at that moment tells it already.
    pub text: String,
    /// What its weights are multiplied by: 1 as a rule.
    pub strength: f64,
}

impl Clue {
    fn new(kind: Kind, at: u64, source: Source, text: String) -> Self {
        Self { kind, at, source, text, strength: 1.0 }
    }

    /// One that a fact of this moment tells.
    fn fact(kind: Kind, at: u64) -> Self {
        Self::new(kind, at, Source::Probe, String::new())
    }
}

/// All clues of a case, in no particular order.
pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    let mut clues = path::clues(case);
    clues.extend(libvirt::clues(case));
    clues.extend(work::clues(case));
    clues.extend(host::clues(case));
    clues.extend(inside::clues(case));
    clues.extend(guest_log::clues(case));
    clues
}
