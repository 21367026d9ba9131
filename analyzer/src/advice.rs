//! Advice: what to do now, and what to change so that it does not come back.
//!
//! What is said here of Windows follows Microsoft's documentation of the settings named; what is
//! said of QEMU and libvirt follows their sources.

use crate::cause::Cause;
use crate::classify::Finding;
use crate::episode::{Outcome, Path};
use crate::outcome::End;

/// Advice that fits the finding, most urgent first.
pub fn advice(finding: &Finding, end: &End, path: Path) -> Vec<String> {
    let code = finding.cause.code;
    let going_on =
        matches!(end.outcome, Outcome::Pending | Outcome::Ignored | Outcome::Slept | Outcome::Rebooted);
    let advice: Vec<&str> = match code {
        Cause::None if finding.cause.confidence == 0.0 => unknown(path).to_vec(),
        code => of_cause(code).to_vec(),
    };
    advice.into_iter().map(|text| in_time(text, going_on)).collect()
}

/// What can be done while the guest still runs is for the next time once it does not.
fn in_time(text: &str, going_on: bool) -> String {
    match text.strip_prefix("While it runs: ") {
        Some(rest) if going_on => format!("Now: {rest}"),
        Some(rest) => format!("Next time, before the power is cut: {rest}"),
        None => text.to_owned(),
    }
}

fn unknown(path: Path) -> &'static [&'static str] {
    match path {
        Path::None => &[
            "What ended this VM was not recorded. Run softoff trace as a service so that the next stop is seen from request to exit.",
            "Look into /var/log/libvirt/qemu/DOMAIN.log and the kernel log of the host for the time around it.",
        ],
        _ => &[
            "What is recorded does not tell the cause. Evidence from inside would: a screenshot during the stall, the guest's event log afterwards.",
        ],
    }
}

fn of_cause(code: Cause) -> &'static [&'static str] {
    match code {
        Cause::None => &[],
        Cause::GuestNotListening => &[
            "While it runs: nothing in the guest listens to the power button, so asking again helps only once its system has started. Look at its console; if it is in firmware or a boot loader, wait for the system and ask again.",
            "For good: let the guest enable ACPI (<features><acpi/></features>, no acpi=off, a driver for the power button such as Linux's button module), and ask only after the guest has finished booting.",
        ],
        Cause::GuestIgnored => &[
            "While it runs: press once more (virsh shutdown DOMAIN --mode acpi): a guest whose display slept acts on the second press. If an agent is connected, virsh shutdown DOMAIN --mode agent asks in a way that policies cannot drop.",
            "While it runs: take a screenshot (virsh screenshot DOMAIN). It would decide what this is: a log-on screen points to the shutdown-without-logon policy or the power-button action, a dialog to the Shutdown Event Tracker or an application, a dark screen to a sleeping display.",
            "For good, on Windows: set the power-button action to shut down (powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3, then powercfg /setactive scheme_current), ShutdownWithoutLogon=1, and the Shutdown Event Tracker off. On Linux: let logind or acpid handle the power key.",
        ],
        Cause::GuestSleep => &[
            "While it runs: the guest sleeps, it is not off. After S3, virsh dompmwakeup DOMAIN wakes it; then ask again.",
            "For good: keep the guest from sleeping: <pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm> in the domain, and in Windows powercfg /h off and the power-button action \"shut down\".",
        ],
        Cause::GuestRebooted => &[
            "Now: the guest runs again. Ask once more when it has started; after updates it may restart more than once.",
            "For good: install updates and restart in a window before the planned stop; look in the guest for what turned the power-off into a restart.",
        ],
        Cause::GuestCrashed => &[
            "Now: the guest reported a panic. Keep its memory dump, if one was taken, before it is started again.",
            "For good: look up the stop code or the panic text; set <on_crash>coredump-restart</on_crash> so that the next one can be analysed.",
        ],
        Cause::OperatorDestroy => &[
            "The VM was stopped without being asked. If that was not meant: virsh shutdown asks softly; virsh destroy cuts the power.",
            "If a manager did it, look at its grace period: some skip the soft request for paused or unresponsive VMs. A request through the guest agent leaves no press to see.",
        ],
        Cause::HostKilled => &[
            "Now: find out who sent the signal; the evidence names process and pid. The kernel log tells of the OOM killer.",
            "For good: let VMs be ended through libvirt only. Against the OOM killer: less overcommitment, or swap.",
        ],
        Cause::HostQemuCrash => &[
            "Now: look above the end of /var/log/libvirt/qemu/DOMAIN.log for an assertion, and for a core dump of QEMU.",
            "For good: report it with the log, the core and QEMU's version, and check whether a newer QEMU fixes it.",
        ],
        Cause::GuestUpdate => &[
            "While it runs: wait. Cutting power in the middle of an update can leave Windows unable to start.",
            "For good: install updates in a window and restart before the planned stop; allow an hour on patch nights.",
        ],
        Cause::GuestShutdownTracker => {
            &["For good: set the policy \"Display Shutdown Event Tracker\" to Disabled."]
        }
        Cause::GuestLogonRequired => &[
            "While it runs: ask through the agent (virsh shutdown DOMAIN --mode agent), which the policy does not drop.",
            "For good: set ShutdownWithoutLogon=1.",
        ],
        Cause::GuestAppBlocked => &[
            "While it runs: log off idle sessions, or end the application that the screen names.",
            "For good: AutoEndTasks=1 with a short HungAppTimeout (unsaved work is lost), or fix the application.",
        ],
        Cause::GuestButtonDisabled => &[
            "While it runs: ask through the agent (virsh shutdown DOMAIN --mode agent).",
            "For good: powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3, then powercfg /setactive scheme_current.",
        ],
        Cause::GuestFirstBoot => {
            &["While it runs: wait until the guest has finished its first boot, then ask again."]
        }
        Cause::GuestDamaged => &["Check the guest's disk offline, its system files and for malware."],
        Cause::GuestDisplayAsleep => {
            &["While it runs: press once more.", "For good: set the display timeout of the guest to never."]
        }
        Cause::GuestHung => {
            &["While it runs: inject an NMI (virsh inject-nmi DOMAIN) for a dump, then stop it hard."]
        }
        Cause::GuestAgentStuck => &[
            "While it runs: virsh shutdown DOMAIN --mode acpi. For good: restart and update the guest agent.",
        ],
        Cause::GuestSlowServices => &["Allow a longer limit, or find the service in the guest's event log."],
        Cause::HostStorage => {
            &["Now: look at the storage behind the domain's disks; the guest's writes do not complete."]
        }
        Cause::HostCpu => &["Raise the CPU quota or take load off the host."],
        Cause::HostPaused => &[
            "While it runs: virsh resume DOMAIN, after looking why it is paused (virsh domstate DOMAIN --reason).",
        ],
        Cause::HostLibvirt => &["While it runs: look at virsh domjobinfo DOMAIN, and at the daemon itself."],
        Cause::HostTeardown => {
            &["Look at what QEMU cleans up: large memory, passed-through devices, slow image storage."]
        }
        Cause::HostJob => &["Let the backup, mirror or migration job end, or cancel it, before the stop."],
        Cause::OperatorImpatient => {
            &["Allow a longer limit: the guest was still working when it was cut off."]
        }
    }
}
