//! The vocabulary of causes: small, stable, and documented in the one table below, from which the
//! README's table is generated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! causes {
    ($($variant:ident $code:literal $scenario:expr, $meaning:literal;)*) => {
        /// Why a shutdown was slow or failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum Cause {
            $(#[doc = $meaning] #[serde(rename = $code)] $variant,)*
        }

        impl Cause {
            /// All causes in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable code, e.g. `guest.update`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// The number of the well-known Windows scenario (1 to 8) it stands for.
            pub const fn scenario(self) -> Option<u8> {
                match self { $(Self::$variant => $scenario),* }
            }
        }
    };
}

causes! {
    None "none" None, "Nothing to explain: the shutdown went as it should.";
    GuestUpdate "guest.update" Some(1), "Windows Update works during shutdown.";
    GuestShutdownTracker "guest.shutdown-tracker" Some(2), "The Shutdown Event Tracker waits for somebody to fill in a dialog.";
    GuestLogonRequired "guest.logon-required" Some(3), "Policy forbids shutdown while nobody is logged on: the request is dropped.";
    GuestAppBlocked "guest.app-blocked" Some(4), "An application or service does not answer the end-session message.";
    GuestButtonDisabled "guest.button-disabled" Some(5), "The power-button action is \"do nothing\".";
    GuestSleep "guest.sleep" Some(6), "The guest goes to sleep (S3 or S4) or is asleep.";
    GuestFirstBoot "guest.first-boot" Some(7), "First boot: requests before initialisation ends are ignored.";
    GuestDamaged "guest.damaged" Some(8), "Malware or a damaged system: hung, crashed or blocked.";
    GuestNotListening "guest.not-listening" None, "The power button is not enabled (PWRBTN_EN clear): firmware, boot loader, or no ACPI system.";
    GuestIgnored "guest.ignored" None, "The guest acknowledged the power button, then nothing followed, and nothing tells why.";
    GuestDisplayAsleep "guest.display-asleep" None, "The first press only woke the display; a second one works.";
    GuestHung "guest.hung" Some(8), "The guest no longer serves interrupts.";
    GuestCrashed "guest.crashed" Some(8), "The guest system crashed.";
    GuestAgentStuck "guest.agent-stuck" None, "The guest agent is connected and does not answer.";
    GuestSlowServices "guest.slow-services" None, "Services of the guest take long to end.";
    GuestRebooted "guest.rebooted" None, "The guest started again instead of powering off.";
    HostStorage "host.storage" None, "Storage does not complete writes or flushes.";
    HostCpu "host.cpu" None, "The vCPUs do not get enough CPU time.";
    HostPaused "host.paused" None, "The VM is paused.";
    HostLibvirt "host.libvirt" None, "libvirt is stuck or busy with another job on the domain.";
    HostTeardown "host.teardown" None, "QEMU or libvirt is slow to clean up after the guest powered off.";
    HostJob "host.job" None, "A backup, mirror or migration job holds QEMU.";
    HostKilled "host.killed" None, "Something other than libvirt ended QEMU with a signal.";
    HostQemuCrash "host.qemu-crash" None, "QEMU itself crashed.";
    OperatorDestroy "operator.destroy" None, "The VM was stopped hard without being asked first.";
    OperatorImpatient "operator.impatient" None, "The VM was cut off while the guest was visibly making progress.";
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}
