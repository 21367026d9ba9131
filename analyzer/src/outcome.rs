//! Outcome: how an attempt ended and which way the request took. Only what follows from the path.

use softoff_journal::record::{Death, LibvirtCall, LogEntry, Sender, ShutoffReason, Sign};

use crate::agent::Port;
use crate::attempt::{self, Attempt, Close};
use crate::episode::{Outcome, Path, Verdict};
use crate::last_words;
use crate::marks::Marks;
use crate::run::What;
use crate::sight::Sight;

/// The way out of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How it ended.
    pub outcome: Outcome,
    /// What ended it, where it was not the guest's S5.
    pub by: Ender,
}

/// What ended QEMU or the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ender {
    /// The guest.
    Guest,
    /// libvirt, on somebody's behalf.
    Libvirt,
    /// A signal of another process.
    Stranger(Sender, i32),
    /// The kernel's OOM killer.
    OomKiller,
    /// `quit` over QMP, which libvirt never sends, or a closed display window.
    Console,
    /// QEMU itself.
    Qemu,
    /// Nothing tells.
    Unknown,
}

/// How the attempt ended, as far as `sight` reached.
pub fn end(attempt: &Attempt<'_>, marks: &Marks, sight: &Sight) -> End {
    let new = |outcome, by| End { outcome, by };
    match attempt.close {
        Close::Open => new(Outcome::Pending, Ender::Unknown),
        Close::GivenUp => new(Outcome::Ignored, Ender::Guest),
        Close::Suspended => new(Outcome::Slept, Ender::Guest),
        Close::Reset if panicked(attempt) => new(Outcome::Crashed, Ender::Guest),
        Close::Reset if by_host(attempt) => new(Outcome::Rebooted, Ender::Libvirt),
        Close::Reset => new(Outcome::Rebooted, Ender::Guest),
        Close::Gone => gone(attempt, marks, sight),
    }
}

fn gone(attempt: &Attempt<'_>, marks: &Marks, sight: &Sight) -> End {
    let new = |outcome, by| End { outcome, by };
    if marks.s5.is_some() {
        let hibernated = attempt.any(|sign| matches!(sign, Sign::SuspendDisk));
        return new(if hibernated { Outcome::Slept } else { Outcome::Soft }, Ender::Guest);
    }
    if panicked(attempt) || last_words::decisive(attempt).is_some_and(|(_, how)| how == Death::GuestPanic) {
        return new(Outcome::Crashed, Ender::Guest);
    }
    let killer = killer(attempt).or_else(|| told_by_log(attempt));
    if let Some(ender @ (Ender::Stranger(..) | Ender::OomKiller | Ender::Console)) = killer {
        return new(Outcome::Hard, ender);
    }
    match attempt.facts.iter().rev().find_map(|fact| fact.reason()) {
        Some(ShutoffReason::Shutdown) => new(Outcome::Soft, Ender::Unknown),
        Some(ShutoffReason::Saved) => new(Outcome::Saved, Ender::Libvirt),
        Some(ShutoffReason::Migrated) => new(Outcome::Migrated, Ender::Libvirt),
        Some(ShutoffReason::Destroyed | ShutoffReason::FromSnapshot | ShutoffReason::Daemon) => {
            new(Outcome::Hard, Ender::Libvirt)
        }
        reason => without_reason(attempt, reason, killer.as_ref(), sight),
    }
}

/// libvirt's word is missing or says little: what the signs alone tell.
fn without_reason(
    attempt: &Attempt<'_>,
    reason: Option<&ShutoffReason>,
    killer: Option<&Ender>,
    sight: &Sight,
) -> End {
    let new = |outcome, by| End { outcome, by };
    match killer {
        Some(_) if left_by_migration(attempt) => new(Outcome::Migrated, Ender::Libvirt),
        // libvirt sends SIGTERM after every S5 too: only who would have seen S5 can tell.
        Some(_) if sight.s5 => new(Outcome::Hard, Ender::Libvirt),
        None if attempt.any(is_crash) || last_words::decisive(attempt).is_some() => {
            new(Outcome::Crashed, Ender::Qemu)
        }
        None if attempt.any(is_killed) => new(Outcome::Crashed, Ender::Unknown),
        None if reason == Some(&ShutoffReason::Crashed) => new(Outcome::Crashed, Ender::Unknown),
        _ => new(Outcome::Unknown, Ender::Unknown),
    }
}

/// Who ended QEMU while the guest ran, by the first sign of it.
fn killer(attempt: &Attempt<'_>) -> Option<Ender> {
    // The kernel sends its signal in the name of whoever needed the memory, and says so afterwards.
    if attempt.any(|sign| matches!(sign, Sign::OomKill)) {
        return Some(Ender::OomKiller);
    }
    attempt.signs().find_map(|(_, sign)| match sign {
        Sign::Signal { signal, sender } if is_deadly_from_outside(*signal) => {
            Some(sender_of(sender, *signal))
        }
        Sign::ShutdownRequest { cause } | Sign::Shutdown { cause, .. }
            if matches!(cause.as_str(), "host-qmp-quit" | "host-ui") =>
        {
            Some(Ender::Console)
        }
        _ => None,
    })
}

/// Who QEMU itself says it was ended by, where no probe saw it. libvirt's signal follows every S5.
fn told_by_log(attempt: &Attempt<'_>) -> Option<Ender> {
    let calls = attempt.facts.iter().rev().filter_map(|fact| match &fact.what {
        What::Hook(call) => call.terminated.as_ref(),
        What::Log(log) => match &log.entry {
            LogEntry::Terminating(terminated) => Some(terminated),
            _ => None,
        },
        _ => None,
    });
    let terminated = calls.into_iter().next()?;
    let name = terminated.name.as_deref()?.rsplit('/').next()?;
    let sender = Sender { pid: terminated.pid?, comm: name.to_owned() };
    (!is_libvirt(&sender)).then_some(Ender::Stranger(sender, terminated.signal))
}

fn sender_of(sender: &Sender, signal: i32) -> Ender {
    if is_libvirt(sender) { Ender::Libvirt } else { Ender::Stranger(sender.clone(), signal) }
}

/// Whether the sender is libvirt's QEMU daemon, monolithic or modular.
pub fn is_libvirt(sender: &Sender) -> bool {
    matches!(sender.comm.as_str(), "libvirtd" | "virtqemud")
}

/// SIGHUP, SIGINT, SIGQUIT, SIGKILL and SIGTERM come from others; faults and aborts from within.
fn is_deadly_from_outside(signal: i32) -> bool {
    matches!(signal, 1 | 2 | 3 | 9 | 15)
}

fn is_crash(sign: &Sign) -> bool {
    match sign {
        // What only others send was sent, even where that was not seen.
        Sign::Exit { status, signal } => {
            signal.is_some_and(|signal| !is_deadly_from_outside(signal))
                || status.is_some_and(|status| status != 0)
        }
        _ => false,
    }
}

/// QEMU was ended by a signal that it does not send itself.
fn is_killed(sign: &Sign) -> bool {
    matches!(sign, Sign::Exit { signal: Some(signal), .. } if is_deadly_from_outside(*signal))
}

fn panicked(attempt: &Attempt<'_>) -> bool {
    attempt.any(|sign| match sign {
        Sign::GuestPanicked => true,
        Sign::ShutdownRequest { cause } | Sign::Shutdown { cause, .. } => cause == "guest-panic",
        _ => false,
    })
}

/// QEMU's state before it was ended: libvirt saves and migrates the same way, by migration.
fn left_by_migration(attempt: &Attempt<'_>) -> bool {
    let states = attempt.before().iter().chain(&attempt.facts).filter_map(|fact| match fact.sign()? {
        Sign::RunState { state } => Some(state.as_str()),
        _ => None,
    });
    let mut last = None;
    for state in states.filter(|state| *state != "shutdown") {
        last = Some(state);
    }
    matches!(last, Some("postmigrate" | "finish-migrate"))
}

fn by_host(attempt: &Attempt<'_>) -> bool {
    let reset = attempt.signs().find_map(|(_, sign)| match sign {
        Sign::Reset { cause, .. } | Sign::ResetRequest { cause } => Some(cause.as_str()),
        _ => None,
    });
    reset.is_some_and(|cause| cause.starts_with("host-"))
}

/// Which way the request took and who asked, as far as it was seen.
pub fn request(
    attempt: &Attempt<'_>,
    marks: &Marks,
    end: &End,
    port: Option<&Port>,
) -> (Path, Option<String>) {
    if attempt.any(attempt::is_press) {
        return (Path::Acpi, Some(presser(attempt)));
    }
    if let Some((at, flags)) = asked_libvirt(attempt) {
        return (way_of(at, flags, port), Some(presser(attempt)));
    }
    match &end.by {
        _ if matches!(end.outcome, Outcome::Saved | Outcome::Migrated) => (Path::None, None),
        Ender::Guest => (Path::Guest, Some("the guest, or its agent on somebody's behalf".to_owned())),
        Ender::Stranger(sender, signal) => {
            (Path::Signal, Some(format!("{} with {}", who(sender), signal_name(*signal))))
        }
        Ender::OomKiller => (Path::Signal, Some("the kernel's OOM killer".to_owned())),
        Ender::Console => (Path::Destroy, Some("a QMP client (quit) or a closed display window".to_owned())),
        Ender::Libvirt => (Path::Destroy, Some("libvirt".to_owned())),
        Ender::Qemu | Ender::Unknown if marks.s5.is_some() => (Path::Guest, None),
        Ender::Qemu | Ender::Unknown => (Path::None, None),
    }
}

/// The first soft request that libvirt was asked for: when, and with which flags.
fn asked_libvirt(attempt: &Attempt<'_>) -> Option<(u64, u32)> {
    attempt.signs().find_map(|(fact, sign)| match sign {
        Sign::LibvirtCall { call: LibvirtCall::Shutdown | LibvirtCall::Reboot, flags } => {
            Some((fact.boot_ns, *flags))
        }
        _ => None,
    })
}

/// Unless it is told the way, libvirt asks the agent where one is connected, else the button.
fn way_of(at: u64, flags: u32, port: Option<&Port>) -> Path {
    let open = port.and_then(|port| port.is_open(at)).unwrap_or(false);
    match flags {
        0 if open => Path::Agent,
        flags if flags & SHUTDOWN_GUEST_AGENT != 0 => Path::Agent,
        _ => Path::Acpi,
    }
}

/// `VIR_DOMAIN_SHUTDOWN_GUEST_AGENT` and `VIR_DOMAIN_REBOOT_GUEST_AGENT` (libvirt's public API).
pub const SHUTDOWN_GUEST_AGENT: u32 = 2;

/// Whether libvirt was asked for a restart, not an end.
pub fn restart_was_asked(attempt: &Attempt<'_>) -> bool {
    attempt.any(|sign| matches!(sign, Sign::LibvirtCall { call: LibvirtCall::Reboot, .. }))
}

fn presser(attempt: &Attempt<'_>) -> String {
    if restart_was_asked(attempt) {
        "libvirt, asked to reboot".to_owned()
    } else if asked_libvirt(attempt).is_some() {
        "libvirt, asked to shut down".to_owned()
    } else if attempt.any(|sign| matches!(sign, Sign::QmpSystemPowerdown)) {
        "system_powerdown over QMP".to_owned()
    } else {
        "inside QEMU (a watchdog, VNC or IPMI), or over QMP unseen".to_owned()
    }
}

/// How often the button was pressed: each press shows on several stretches of its way, so the
/// stretch that shows the most presses counts.
pub fn presses(attempt: &Attempt<'_>) -> u32 {
    let count = |test: fn(&Sign) -> bool| attempt.signs().filter(|(_, sign)| test(sign)).count();
    let counts = [
        count(|sign| matches!(sign, Sign::QmpSystemPowerdown)),
        count(|sign| matches!(sign, Sign::PowerdownRequest)),
        count(|sign| matches!(sign, Sign::Powerdown)),
        count(|sign| matches!(sign, Sign::PowerButton { .. })),
    ];
    counts.into_iter().max().and_then(|most| u32::try_from(most).ok()).unwrap_or(0)
}

/// Whether a soft request was followed by a hard stop.
pub fn escalated(path: Path, end: &End, marks: &Marks) -> bool {
    matches!(path, Path::Acpi | Path::Agent) && (end.outcome == Outcome::Hard || was_reset(end, marks))
}

/// Reset from outside before the guest was off, as opposed to `virsh reboot`, which waits for S5.
fn was_reset(end: &End, marks: &Marks) -> bool {
    end.outcome == Outcome::Rebooted && end.by == Ender::Libvirt && marks.s5.is_none()
}

/// The verdict, from the outcome, who ended it and whether it took long.
pub fn verdict(attempt: &Attempt<'_>, end: &End, path: Path, marks: &Marks, slow: bool) -> Verdict {
    match end.outcome {
        // How long it took is part of the verdict.
        Outcome::Soft if end.by == Ender::Unknown => Verdict::Unknown,
        Outcome::Unknown => Verdict::Unknown,
        Outcome::Rebooted if restart_was_asked(attempt) => Verdict::Clean,
        Outcome::Rebooted if was_reset(end, marks) => Verdict::Failed,
        Outcome::Soft | Outcome::Pending if slow => Verdict::Slow,
        Outcome::Soft | Outcome::Pending | Outcome::Saved | Outcome::Migrated => Verdict::Clean,
        Outcome::Rebooted if end.by == Ender::Libvirt => Verdict::Clean,
        // Nobody outside asked: the guest slept or restarted of its own accord.
        Outcome::Slept | Outcome::Rebooted if path == Path::Guest => Verdict::Clean,
        Outcome::Slept | Outcome::Rebooted | Outcome::Hard | Outcome::Crashed | Outcome::Ignored => {
            Verdict::Failed
        }
    }
}

/// A process, for people.
pub fn who(sender: &Sender) -> String {
    format!("{} (pid {})", sender.comm, sender.pid)
}

/// The name of a signal (Linux numbers, x86-64 and arm64).
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
