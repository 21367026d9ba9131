//! Advice: what to do now, and what to change so that it does not come back.
//!
//! [`inside`] adds what fits what was seen of the guest itself.
//!
//! What is said here of Windows follows Microsoft's documentation of the settings named; what is
//! said of QEMU and libvirt follows their sources.

pub mod inside;

use crate::cause::Cause;
use crate::classify::Finding;
use crate::episode::{Outcome, Path};
use crate::outcome::{End, Ender};

/// Advice that fits the finding, most urgent first.
/// `gone`: QEMU is. `domain`: how to name the domain in a command.
pub fn advice(finding: &Finding, end: &End, path: Path, gone: bool, domain: &str) -> Vec<String> {
    let code = finding.cause.code;
    let advice: Vec<&str> = match code {
        Cause::None if finding.cause.confidence == 0.0 => unknown(path).to_vec(),
        code => special(code, end, gone).unwrap_or_else(|| of_cause(code)).to_vec(),
    };
    advice.into_iter().map(|text| in_time(text, end.outcome).replace("DOMAIN", domain)).collect()
}

/// Where the end itself tells more than the cause.
fn special(code: Cause, end: &End, gone: bool) -> Option<&'static [&'static str]> {
    match (code, &end.by) {
        (Cause::HostKilled, Ender::OomKiller) => Some(&[
            "Now: look in the kernel log (dmesg) for what took the memory, and whether the host was out of it or the VM's own limit was reached.",
            "For good: less overcommitment of memory, swap, or a higher limit for the VM (<memtune><hard_limit>): QEMU needs more than the guest's memory.",
        ]),
        (Cause::HostKilled, Ender::Stranger(..)) => Some(&[
            "Now: the evidence names the process that sent the signal, with its pid; find out who runs it and why.",
            "For good: let VMs be ended through libvirt only: virsh shutdown, or virsh destroy where it must be.",
        ]),
        (Cause::GuestSleep, _) if end.outcome == Outcome::Slept && gone => Some(&[
            "Now: the guest hibernated (S4): it is off, and goes on from where it was when it is started (virsh start DOMAIN). Until then its disk holds a hibernation image: do not mount or change it elsewhere.",
            "For good: keep the guest from hibernating: <pm><suspend-to-disk enabled='no'/></pm> in the domain, and in Windows powercfg /h off and the power-button action \"shut down\".",
        ]),
        _ => None,
    }
}

/// What can be done while the guest still runs is for the next time once it does not.
pub(crate) fn in_time(text: &str, outcome: Outcome) -> String {
    let Some(rest) = text.strip_prefix("While it runs: ") else { return text.to_owned() };
    match outcome {
        Outcome::Pending | Outcome::Ignored | Outcome::Slept | Outcome::Rebooted => format!("Now: {rest}"),
        Outcome::Hard => format!("Next time, before the power is cut: {rest}"),
        _ => format!("Next time, while it lasts: {rest}"),
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

/// What to do for each cause: first while it lasts or at once, then for good.
const ADVICE: &[(Cause, &[&str])] = &[
    (
        Cause::GuestNotListening,
        &[
            "While it runs: nothing in the guest listens to the power button, so asking again helps only once its system has started. Look at its console; if it is in firmware or a boot loader, wait for the system and ask again.",
            "For good: let the guest enable ACPI (<features><acpi/></features> in the domain, without which no PM1 block takes a press; no acpi=off, a driver for the power button such as Linux's button module), and ask only after the guest has finished booting.",
        ],
    ),
    (
        Cause::GuestIgnored,
        &[
            "While it runs: press once more (virsh shutdown DOMAIN --mode acpi): a guest whose display slept acts on the second press. If an agent is connected, virsh shutdown DOMAIN --mode agent asks in a way that policies cannot drop.",
            "While it runs: take a screenshot (virsh screenshot DOMAIN). It would decide what this is: a log-on screen points to the shutdown-without-logon policy or the power-button action, a dialog to the Shutdown Event Tracker or an application, a dark screen to a sleeping display.",
            "For good, on Windows: set the power-button action to shut down (powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3, then powercfg /setactive scheme_current), ShutdownWithoutLogon=1, and the Shutdown Event Tracker off. On Linux: let logind or acpid handle the power key.",
        ],
    ),
    (
        Cause::GuestSleep,
        &[
            "While it runs: a guest in S3 is not off: virsh dompmwakeup DOMAIN wakes it; then ask again.",
            "For good: keep the guest from sleeping: <pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm> in the domain, and in Windows powercfg /h off and the power-button action \"shut down\".",
        ],
    ),
    (
        Cause::GuestRebooted,
        &[
            "While it runs: the guest has started again. Ask once more when it is up; after updates it may restart more than once.",
            "For good: install updates and restart in a window before the planned stop; look in the guest for what turned the power-off into a restart.",
        ],
    ),
    (
        Cause::GuestCrashed,
        &[
            "Now: the guest reported a panic. Keep its memory dump, if one was taken, before it is started again.",
            "For good: look up the stop code or the panic text; set <on_crash>coredump-restart</on_crash> so that the next one can be analysed.",
        ],
    ),
    (
        Cause::OperatorDestroy,
        &[
            "The VM was stopped without being asked. If that was not meant: virsh shutdown asks softly; virsh destroy cuts the power.",
            "If a manager did it, look at its grace period: some skip the soft request for paused or unresponsive VMs. A request through the guest agent leaves no press to see.",
        ],
    ),
    (
        Cause::HostKilled,
        &[
            "Now: find out who it was; the evidence names the process of a signal, where it was one. The kernel log tells more of the OOM killer.",
            "For good: let VMs be ended through libvirt only. Against the OOM killer: less overcommitment, or swap.",
        ],
    ),
    (
        Cause::HostQemuCrash,
        &[
            "Now: look above the end of /var/log/libvirt/qemu/DOMAIN.log for an assertion, and for a core dump of QEMU. After SIGBUS look at what backs the guest's memory (a full tmpfs, hugepages, bad RAM: dmesg).",
            "For good: report it with the log, the core and QEMU's version, and check whether a newer QEMU fixes it.",
        ],
    ),
    (
        Cause::GuestUpdate,
        &[
            "While it runs: leave it on as long as it writes to its disk. Windows itself gives an update up after 15 minutes without progress and rolls it back; cutting the power in between can leave a system that does not start.",
            "For good: install updates and restart in a window before the planned stop, and allow an hour for stops on patch nights (KubeVirt's Windows templates allow 3600 s).",
        ],
    ),
    (
        Cause::GuestShutdownTracker,
        &[
            "While it runs: a dialog waits for somebody to give a reason: answer it at the console, or ask through the agent, which gives one itself (virsh shutdown DOMAIN --mode agent).",
            "For good: switch the Shutdown Event Tracker off: policy \"Display Shutdown Event Tracker\" disabled, or ShutdownReasonOn=0 and ShutdownReasonUI=0 under HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Reliability.",
        ],
    ),
    (
        Cause::GuestLogonRequired,
        &[
            "While it runs: ask through the agent, which no policy drops: virsh shutdown DOMAIN --mode agent. Or log on at the console and shut down there.",
            "For good: allow shutdown without log-on: ShutdownWithoutLogon=1 under HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System.",
        ],
    ),
    (
        Cause::GuestAppBlocked,
        &[
            "While it runs: an application or a service holds the shutdown up. Look at the console (virsh screenshot DOMAIN): it lists the applications; close them there, or ask through the agent, which forces them (virsh shutdown DOMAIN --mode agent; unsaved work is lost).",
            "For good: log idle sessions off before the stop; AutoEndTasks=1 and a shorter HungAppTimeout force applications (unsaved work is lost); for a service, look for events 7043 and 7011 in the guest's System log.",
        ],
    ),
    (
        Cause::GuestButtonDisabled,
        &[
            "While it runs: ask through the agent: virsh shutdown DOMAIN --mode agent.",
            "For good, on Windows: powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3, then powercfg /setactive scheme_current. On Linux: HandlePowerKey=poweroff in logind.conf.",
        ],
    ),
    (
        Cause::GuestFirstBoot,
        &[
            "While it runs: let it finish what it sets up, then ask again. A first boot that is cut off may have to begin anew, or leave an image that does not start.",
            "For good: ask only after the guest has come up (its agent has connected, or cloud-init and sysprep are done), and allow a longer limit for new VMs.",
        ],
    ),
    (
        Cause::GuestDamaged,
        &[
            "While it runs: the system in the guest does not come up. Look at its console; nothing in it can act on a request.",
            "For good: check its disk offline (fsck, or chkdsk and DISM /RestoreHealth from rescue media, and a scan for malware), or go back to the last good backup.",
        ],
    ),
    (
        Cause::GuestDisplayAsleep,
        &[
            "While it runs: press once more (virsh shutdown DOMAIN --mode acpi): the first press only woke the display.",
            "For good: set the display timeout in the guest to never, or let the tool that stops it press again after some seconds.",
        ],
    ),
    (
        Cause::GuestHung,
        &[
            "While it runs: the guest no longer serves interrupts, so asking again is of no use. For a dump, inject an NMI (virsh inject-nmi DOMAIN) or take the memory (virsh dump DOMAIN FILE --memory-only), then stop it hard.",
            "For good: look into the dump, and at the guest's log before the time it stopped answering; add a watchdog device (<watchdog model='itco' action='reset'/>), so that nobody has to find out by a stop.",
        ],
    ),
    (
        Cause::GuestAgentStuck,
        &[
            "While it runs: go around the agent: virsh shutdown DOMAIN --mode acpi.",
            "For good: restart the agent in the guest and update it; it had its port open and did not answer. Tools that stop through the agent alone should fall back to the button.",
        ],
    ),
    (
        Cause::GuestSlowServices,
        &[
            "While it runs: wait; services of the guest are being stopped one by one.",
            "For good: find the service: event 7043 in the Windows System log, systemd-analyze and journalctl -b -1 on Linux. Lower its stop limit or fix it, or allow a longer limit for the stop.",
        ],
    ),
    (
        Cause::HostStorage,
        &[
            "While it runs: look at the storage behind the domain's disks (virsh domblklist DOMAIN, the kernel log, the NFS, iSCSI or Ceph server): requests do not complete. Do not cut the power to help: what the guest has in flight would be lost.",
            "For good: find out why storage stalled at that time, and whether an I/O limit was set that is too low for a shutdown (virsh blkdeviotune DOMAIN DISK).",
        ],
    ),
    (
        Cause::HostCpu,
        &[
            "While it runs: give it CPU: raise the quota (virsh schedinfo DOMAIN --set vcpu_quota=-1 --live) or take load off the host.",
            "For good: spread stops over time, or lift CPU quotas while VMs are being stopped: a shutdown is work.",
        ],
    ),
    (
        Cause::HostPaused,
        &[
            "While it runs: a paused guest can do nothing. Find out why (virsh domstate DOMAIN --reason), then resume it (virsh resume DOMAIN) and ask again.",
            "For good: have tools look at the state before they ask; a VM that is paused for an I/O error needs its storage back first.",
        ],
    ),
    (
        Cause::HostLibvirt,
        &[
            "While it runs: see which job holds the domain (virsh domjobinfo DOMAIN) and wait for it or abort it (virsh domjobabort DOMAIN); then ask again.",
            "For good: do not plan stops into backups, dumps, saves and migrations; libvirt gives a request up after 30 s behind a job.",
        ],
    ),
    (
        Cause::HostTeardown,
        &[
            "Now: the guest itself was off long before. Where the time went by in teardown, QEMU was slow to end: large or pinned memory, passed-through devices, storage that closes slowly. Where it went by in release, libvirt was: other scripts under /etc/libvirt/hooks, the labels of many files, networks.",
            "For good: make hook scripts return at once; libvirt runs them one after the other for all VMs of the host.",
        ],
    ),
    (
        Cause::HostJob,
        &[
            "While it runs: let the backup, mirror or migration end, or cancel it (virsh blockjob DOMAIN DISK --abort).",
            "For good: plan stops outside of backup windows.",
        ],
    ),
    (
        Cause::OperatorImpatient,
        &[
            "Now: the guest was still working when it was cut off. Start it and look whether it comes up whole: file system check, state of updates, databases.",
            "For good: allow a longer limit, and cut the power only once the guest has come to rest: softoff tells whether it still works.",
        ],
    ),
];

/// What to do about a cause of something that is over, whatever else is known.
pub fn afterwards(code: Cause) -> Vec<String> {
    of_cause(code).iter().map(|text| in_time(text, Outcome::Soft)).collect()
}

fn of_cause(code: Cause) -> &'static [&'static str] {
    ADVICE.iter().find(|(cause, _)| *cause == code).map_or(&[], |(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_advice_for_now_and_for_good() {
        for cause in Cause::ALL.iter().filter(|cause| **cause != Cause::None) {
            assert!(of_cause(*cause).len() >= 2, "{cause}");
        }
    }
}
