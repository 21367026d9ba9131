//! The weights: what each clue says for and against each cause. One table, from which the
//! documentation is generated.
//!
//! A weight is in nats (natural logarithm of odds): +1 makes a cause 2.7 times as likely against
//! "something else", +5 about 150 times. A cause begins at [`PRIOR`], "something else" at 0; sums
//! become probabilities by their exponentials. The weights are judgements on what each clue is worth, from
//! QEMU's and libvirt's sources and Microsoft's documents, and the lab holds them against guests
//! whose cause is known: see docs/lab.md.

use crate::cause::Cause;
use crate::clue::Kind;

use Cause::{
    GuestAgentStuck as AgentStuck, GuestAppBlocked as AppBlocked, GuestButtonDisabled as ButtonDisabled,
    GuestCrashed as Crashed, GuestDamaged as Damaged, GuestDisplayAsleep as DisplayAsleep,
    GuestFirstBoot as FirstBoot, GuestHung as Hung, GuestLogonRequired as LogonRequired,
    GuestNotListening as NotListening, GuestRebooted as Rebooted, GuestShutdownTracker as Tracker,
    GuestSleep as Sleep, GuestSlowServices as SlowServices, GuestUpdate as Update, HostCpu as Cpu,
    HostJob as Job, HostKilled as Killed, HostLibvirt as Libvirt, HostPaused as Paused,
    HostQemuCrash as QemuCrash, HostStorage as Storage, HostTeardown as Teardown, OperatorDestroy as Destroy,
    OperatorImpatient as Impatient,
};

/// Where each cause begins: without a clue none of them is likely.
pub const PRIOR: f64 = -4.0;

/// What looks the same from outside: acknowledged, then nothing. Only evidence from inside the guest
/// tells these apart; together they are `guest.ignored`.
pub const SILENT: [Cause; 5] = [ButtonDisabled, LogonRequired, Tracker, AppBlocked, DisplayAsleep];

/// A clue and what it is worth.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The clue.
    pub kind: Kind,
    /// What it is, for people.
    pub meaning: &'static str,
    /// For (positive) and against (negative) causes.
    pub weights: &'static [(Cause, f64)],
}

macro_rules! weights {
    ($($kind:ident $meaning:literal: $($cause:ident $weight:literal),*;)*) => {
        /// All clues.
        pub const TABLE: &[Row] = &[$(Row { kind: Kind::$kind, meaning: $meaning, weights: &[$(($cause, $weight)),*] }),*];
    };
}

weights! {
    // How far the press got.
    ButtonOff "every press found PWRBTN_EN clear and was lost": NotListening 9.0, FirstBoot 4.0;
    ButtonArmedLate "a first press was lost, a later one found the button enabled": FirstBoot 6.0, NotListening 5.0;
    NoButton "no PM1 block took the press": NotListening 5.5;
    Unacknowledged "the SCI was raised and not acknowledged":
        Hung 3.3, Cpu 2.3, Paused 2.3, Damaged 2.0;
    Acknowledged "the guest acknowledged the button and did not power off":
        ButtonDisabled 2.7, LogonRequired 2.7, Tracker 2.7, AppBlocked 2.7, DisplayAsleep 2.7, SlowServices 1.6, Update 1.0;
    Waited "most healthy guests would have been off by then (scaled by how many)":
        ButtonDisabled 1.0, LogonRequired 1.0, Tracker 1.0, AppBlocked 1.0, DisplayAsleep 1.0;
    PressedAgain "another press was acknowledged too, and nothing followed": DisplayAsleep -3.0;
    SecondPressWorked "an earlier press was acknowledged and nothing followed; the next one worked": DisplayAsleep 6.0, FirstBoot -2.0;
    NotWindows "the guest is no Windows": LogonRequired -8.0, Tracker -8.0, Update -3.0, DisplayAsleep -2.0;

    // What the guest did then.
    IdleAtOnce "after the acknowledgement the guest was idle":
        ButtonDisabled 3.5, LogonRequired 3.5, Tracker 3.0, DisplayAsleep 3.0, AppBlocked 1.5,
        Update -4.0, SlowServices -3.0, FirstBoot -3.0, Impatient -6.0;
    WorkedThenIdle "the guest began to work, then it was idle":
        AppBlocked 3.6, Tracker 2.9, SlowServices 2.0, ButtonDisabled -1.0, LogonRequired -1.0, DisplayAsleep -1.0,
        Update -3.0, Impatient -4.0;
    SustainedWrites "the guest kept writing to its disks":
        Update 4.0, FirstBoot 1.5, SlowServices 0.5, Rebooted -1.0,
        ButtonDisabled -3.0, LogonRequired -3.0, Tracker -3.0, AppBlocked -3.0, DisplayAsleep -3.0;
    StillWorking "the guest was at work when its power was cut":
        Impatient 8.0, ButtonDisabled -2.0, LogonRequired -2.0, Tracker -2.0, AppBlocked -2.0, DisplayAsleep -2.0;
    GuestLong "most of the time went by in the guest": SlowServices 2.5, AppBlocked 1.5, Update 1.0, Tracker 0.5;
    Spinning "no acknowledgement, and the vCPUs spin without touching the disk": Hung 6.0, Cpu -3.0, Paused -3.0;
    Halted "no acknowledgement, and the vCPUs are halted": Hung 6.0, Cpu -2.0, Paused -1.0;
    HeavyUnarmed "the guest was busy with its disks and had no power button enabled": FirstBoot 6.0, NotListening -2.0;
    Initialising "a young guest, busy with its disks, whose agent never came up":
        FirstBoot 4.5, Update -1.5, Impatient -4.0, NotListening -1.0,
        ButtonDisabled -3.0, LogonRequired -3.0, Tracker -3.0, AppBlocked -3.0, DisplayAsleep -3.0;
    Computing "the guest kept a CPU busy and left its disks alone":
        AppBlocked 1.0, SlowServices 0.5, ButtonDisabled -0.5, LogonRequired -0.5, DisplayAsleep -0.5, Update -1.0;
    AgentOpen "the agent's port stayed open: ordinary services were not stopped yet":
        Update 2.0, ButtonDisabled 0.5, LogonRequired 0.5, Tracker 0.5, AppBlocked 0.5, DisplayAsleep 0.5, SlowServices -2.0;
    AgentClosed "the agent's port was closed: ordinary services were being stopped":
        SlowServices 6.0, Update -3.0, FirstBoot -3.0,
        ButtonDisabled -3.0, LogonRequired -3.0, Tracker -3.0, AppBlocked -3.0, DisplayAsleep -3.0;

    // How it ended.
    Slept "the guest went to sleep": Sleep 11.0;
    Asleep "the guest was asleep when it was asked": Sleep 11.0, Destroy -6.0;
    Restarted "the guest restarted instead of powering off": Rebooted 8.0, Update 4.0;
    Resets "the guest restarted again and again, unasked": FirstBoot 6.0, Damaged 6.0, NotListening -5.0, Rebooted -2.0, Hung -3.0, Cpu -6.0;
    ResetsWithWork "it worked on its disks between the restarts": FirstBoot 3.0, Damaged -2.0;
    ResetsBare "it never touched its disks between the restarts": Damaged 4.0, FirstBoot -3.0;
    Panicked "the guest reported a panic": Crashed 12.0;
    QemuCrashed "QEMU ended of its own doing, with nobody behind it": QemuCrash 12.0;
    Signalled "a process other than libvirt sent QEMU the signal that ended it": Killed 12.0;
    OomKilled "the kernel's OOM killer chose QEMU": Killed 12.0;
    Console "QEMU was told to quit by a QMP client or at its window": Killed 8.0;
    Vanished "QEMU was gone without a goodbye": QemuCrash 3.8, Killed 3.8;
    DestroyUnasked "libvirt ended QEMU, and nobody had asked the guest in the hour before": Destroy 9.0;
    DestroyUnseen "libvirt ended QEMU; whether the guest had been asked was not seen": Destroy 3.9;

    // What the host did.
    StorageStalled "a disk had requests in flight and completed none":
        Storage 10.0, Update -4.0, SlowServices -4.0, AppBlocked -5.0, ButtonDisabled -5.0, LogonRequired -5.0,
        Tracker -5.0, DisplayAsleep -5.0, Impatient -8.0, FirstBoot -2.0, Hung -2.0;
    StorageSlow "requests waited long for the disk":
        Storage 9.0, Update -4.0, SlowServices -3.0, AppBlocked -3.0, ButtonDisabled -3.0, LogonRequired -3.0,
        Tracker -3.0, DisplayAsleep -3.0, Impatient -4.0, FirstBoot -2.0;
    IoError "QEMU paused the guest for an I/O error": Storage 14.0;
    Starved "the vCPUs wanted to run and did not get a CPU":
        Cpu 10.0, Update -3.0, SlowServices -3.0, AppBlocked -3.0, ButtonDisabled -3.0, LogonRequired -3.0,
        Tracker -3.0, DisplayAsleep -3.0, Impatient -4.0, Hung -3.0;
    PausedMost "the VM was paused":
        Paused 11.0, Hung -4.0, Destroy -6.0, ButtonDisabled -3.0, LogonRequired -3.0, Tracker -3.0,
        AppBlocked -3.0, DisplayAsleep -3.0;
    QemuStopped "the QEMU process itself was stopped": Paused 9.0, Hung -4.0;
    NoticeLong "most of the time went by before the guest acknowledged": Cpu 3.0, Paused 2.0, Hung 2.0;
    PoweroffLong "most of the time went by while QEMU drained and flushed": Storage 8.0, Job 5.5;
    TeardownLong "most of the time went by while QEMU cleaned up": Teardown 8.0, Storage 4.0, Job 4.0;
    LibvirtLate "QEMU had flushed its disks, and libvirt did not end it": Libvirt 9.0;
    ReleaseLong "most of the time went by while libvirt released the domain": Teardown 8.0;
    LibvirtWaited "libvirt did not act on the request at once": Libvirt 9.0, Destroy -6.0;
    LibvirtRefused "libvirt refused the request at once": Libvirt 3.5, Destroy -6.0;
    AgentSilent "the agent was connected and did not answer libvirt": AgentStuck 9.0, Libvirt -6.0, Destroy -6.0;

    // What the guest itself showed and said.
    ScreenBlack "the guest's screen was black at every look":
        DisplayAsleep 2.0, ButtonDisabled -0.5, LogonRequired -0.5, Tracker -5.0, AppBlocked -4.0, Update -2.0;
    ScreenUpdating "the screen said that updates were being worked on":
        Update 6.0, SlowServices -2.0, FirstBoot -1.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -6.0, AppBlocked -6.0,
        DisplayAsleep -6.0, Hung -1.0;
    ScreenUpdatingCutOff "the screen said that updates were being worked on, and then the power was cut":
        Update 5.0, Impatient 6.5, SlowServices -2.0, FirstBoot -1.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -6.0,
        AppBlocked -6.0, DisplayAsleep -6.0;
    ScreenRollingBack "the screen said that a failed update was being taken back":
        Update 6.5, SlowServices -2.0, FirstBoot -2.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -6.0, AppBlocked -6.0,
        DisplayAsleep -6.0, Hung -1.0;
    ScreenContradicted "the screen spoke of updates, and the guest did nothing for a minute and longer":
        Update -2.0, Impatient -6.0;
    ScreenGettingReady "the screen said that Windows was getting ready":
        FirstBoot 4.0, Update 3.0, ButtonDisabled -5.0, LogonRequired -5.0, Tracker -5.0, AppBlocked -5.0, DisplayAsleep -5.0;
    ScreenModulesInstaller "the screen said that the Modules Installer was waited for":
        Update 5.0, SlowServices 1.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -6.0, AppBlocked -5.0, DisplayAsleep -6.0;
    ScreenService "the screen named a service that was waited for":
        SlowServices 6.0, Update -2.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -6.0, AppBlocked -4.0, DisplayAsleep -6.0;
    ScreenShuttingDown "the screen said that Windows was shutting down":
        SlowServices 3.0, Update 0.5, ButtonDisabled -5.0, LogonRequired -5.0, Tracker -4.0, AppBlocked -2.0, DisplayAsleep -5.0;
    ScreenApps "the screen listed applications that kept Windows from shutting down":
        AppBlocked 7.0, SlowServices -3.0, Update -3.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -5.0, DisplayAsleep -6.0;
    ScreenOthers "the screen asked for consent because others were logged on":
        AppBlocked 5.0, LogonRequired -2.0, SlowServices -3.0, Update -3.0, ButtonDisabled -6.0, Tracker -4.0, DisplayAsleep -6.0;
    ScreenTracker "the screen showed the Shutdown Event Tracker":
        Tracker 7.0, SlowServices -3.0, Update -3.0, ButtonDisabled -6.0, LogonRequired -6.0, AppBlocked -5.0, DisplayAsleep -6.0;
    ScreenFirstBoot "the screen showed a first boot":
        FirstBoot 5.0, Update -1.0, ButtonDisabled -4.0, LogonRequired -4.0, Tracker -4.0, AppBlocked -4.0, DisplayAsleep -4.0;
    ScreenLogOn "the screen waited for somebody to log on":
        LogonRequired 0.5, ButtonDisabled 0.5, DisplayAsleep 0.5, Tracker -4.0, AppBlocked -4.0, Update -4.0, SlowServices -4.0,
        FirstBoot -2.0;
    ScreenBugCheck "the screen showed a bug check":
        Crashed 8.0, Hung 1.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -6.0, AppBlocked -6.0, DisplayAsleep -6.0;
    ScreenSafeToTurnOff "the screen said that it was safe to turn the computer off":
        NotListening 3.0, Update -5.0, SlowServices -4.0, ButtonDisabled -6.0, LogonRequired -6.0, Tracker -6.0, AppBlocked -6.0,
        DisplayAsleep -6.0;
    ScreenStill "the screen stayed as it was from one look to the next":
        ButtonDisabled 0.3, LogonRequired 0.3, Tracker 0.3, AppBlocked 0.3, DisplayAsleep 0.3, Hung 0.3, Update -0.5, FirstBoot -0.5;
    ScreenChanged "the screen changed from one look to the next":
        Hung -4.0, Crashed -1.0, ButtonDisabled -0.5, LogonRequired -0.5, Tracker -0.5, AppBlocked -0.5;
    AgentMute "the request went through the agent, whose port was open, and it did not answer a ping": AgentStuck 5.0;
    AgentAnswers "the guest's agent answered during the stall": Hung -5.0, AgentStuck -4.0, Crashed -4.0, Paused -3.0;
    LogonNeeded "ShutdownWithoutLogon is 0: no shutdown while nobody is logged on": LogonRequired 3.0;
    LogonNotNeeded "ShutdownWithoutLogon is 1: a shutdown needs no log-on": LogonRequired -6.0;
    TrackerOn "ShutdownReasonOn is 1: the Shutdown Event Tracker may ask": Tracker 2.5;
    TrackerOff "ShutdownReasonOn is 0: the Shutdown Event Tracker asks nothing": Tracker -4.0;
    TrackerHasDialog "ShutdownReasonUI is 1: the Shutdown Event Tracker may show its dialog": Tracker 1.0;
    TrackerHasNoDialog "ShutdownReasonUI is 0: the Shutdown Event Tracker shows no dialog": Tracker -4.0;
    UpdatesPending "a restart is due to finish updates": Update 2.0;
    ButtonDoesNothing "the power-button action is \"do nothing\"":
        ButtonDisabled 4.5, DisplayAsleep -2.0, AppBlocked -3.0, Tracker -3.0, Sleep -2.0;
    ButtonSleeps "the power-button action is sleep or hibernate": Sleep 3.0, ButtonDisabled -5.0, LogonRequired -1.0;
    ButtonShutsDown "the power-button action is \"shut down\"": ButtonDisabled -7.0, Sleep -2.0;
    ButtonDarkens "the power-button action is \"turn off the display\"":
        DisplayAsleep 4.0, ButtonDisabled -3.0, LogonRequired -1.5, AppBlocked -3.0, Tracker -3.0;
    // What the guest's own event log says.
    LogTold "a line of the guest's event log, whose meaning other clues tell": ;
    LogAmbiguous "the guest's event log could not be joined": ;
    LogSilent "the guest's event log covers the time and holds no request: Windows never acted":
        LogonRequired 3.0, ButtonDisabled 3.0, DisplayAsleep 3.0, Tracker 1.0,
        Update -6.0, AppBlocked -6.0, SlowServices -6.0, Impatient -6.0;
    LogRefused "Windows refused a shutdown to the user who asked": LogonRequired 6.0, AppBlocked -2.0, ButtonDisabled -2.0, DisplayAsleep -2.0;
    LogActed "Windows acted on the request": LogonRequired -8.0, ButtonDisabled -8.0, DisplayAsleep -6.0, NotListening -8.0, Hung -3.0;
    LogTracker "a reason was picked in the Shutdown Event Tracker, long after the request": Tracker 8.0;
    LogSessionsLong "most of the time went by in applications and log-off, by the guest's own log":
        AppBlocked 9.0, Tracker -1.0, Update -5.0, SlowServices -5.0;
    LogUpdated "most of the time went by in pre-shutdown services, with updates waiting or as the reason":
        Update 10.0, SlowServices -2.0, AppBlocked -6.0, Tracker -6.0, Impatient -1.0;
    LogPreshutdownLong "most of the time went by in pre-shutdown services, by the guest's own log":
        SlowServices 7.0, Update 3.0, AppBlocked -6.0, Tracker -6.0;
    LogServicesLong "most of the time went by in stopping services, by the guest's own log":
        SlowServices 9.0, Update -3.0, AppBlocked -6.0, Tracker -6.0;
    LogKernelLong "most of the time went by in the guest's kernel and drivers, by its own log":
        Storage 2.0, Damaged 2.0, SlowServices -4.0, Update -4.0, AppBlocked -6.0, Tracker -6.0;
    LogSlept "Windows went to sleep, by its own log": Sleep 11.0;
    LogBugCheck "Windows ended with a bug check, by its own log": Crashed 12.0;
}

/// The row of a clue.
pub fn row(kind: Kind) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == kind)
}

/// What a clue is worth for a cause.
pub fn weight(kind: Kind, cause: Cause) -> f64 {
    let of_cause = |row: &Row| row.weights.iter().find(|(of, _)| *of == cause).map(|(_, weight)| *weight);
    row(kind).and_then(of_cause).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clue_has_one_row_and_no_cause_stands_twice_in_it() {
        for kind in Kind::ALL {
            assert_eq!(TABLE.iter().filter(|row| row.kind == *kind).count(), 1, "{kind:?}");
        }
        for row in TABLE {
            for (cause, weight) in row.weights {
                assert_eq!(row.weights.iter().filter(|(other, _)| other == cause).count(), 1, "{row:?}");
                assert!(weight.abs() <= 14.0 && *weight != 0.0, "{row:?}");
            }
        }
    }
}
