//! Evidence: what was seen, told in sentences and in the order of time.

pub mod inside;

use softoff_journal::record::{
    HookCall, LibvirtCall, LogEntry, Operation, ReasonSource, Sender, Sign, Termination,
};

use crate::attempt::{self, Attempt};
use crate::cause::Cause;
use crate::classify::Finding;
use crate::clue::{Case, Clue};
use crate::episode::{Evidence, Source};
use crate::last_words;
use crate::marks::{self, Marks};
use crate::outcome::{is_libvirt, signal_name, who};
use crate::phases::seconds;
use crate::run::{Fact, What};
use crate::weights;

/// The most pieces of evidence an episode carries; what repeats beyond tells nothing new.
const MOST: usize = 100;

/// What was seen during an attempt: its facts, and the clues with what each is worth for the cause
/// that was found, or for the likeliest candidate where none was.
pub fn evidence(case: &Case<'_>, clues: &[Clue], finding: &Finding) -> Vec<Evidence> {
    let (attempt, marks) = (case.attempt, case.marks);
    let found = case.run.watched.as_ref().and_then(|(_, process)| process.agent.as_ref());
    let agent = found.map(|channel| channel.port.as_str());
    let mut told = deaths(attempt, marks);
    told.extend(facts(&Teller {
        attempt,
        marks,
        agent,
        pid: case.run.process.map(|process| process.pid),
        acknowledged: acknowledgements(case),
    }));
    let causes = judged_by(finding);
    for clue in clues {
        let weight =
            causes.iter().map(|cause| clue.strength * weights::weight(clue.kind, *cause)).fold(0.0, stronger);
        let at_seconds = since(marks.request, clue.at);
        if !clue.text.is_empty() {
            told.push(Evidence {
                source: clue.source,
                at_seconds,
                text: clue.text.clone(),
                weight,
                picture: None,
            });
        } else if let Some(fact) = told.iter_mut().find(|fact| fact.at_seconds.total_cmp(&at_seconds).is_eq())
        {
            fact.weight = stronger(fact.weight, weight);
        }
    }
    told.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
    told
}

/// The first acknowledgement after each press.
fn acknowledgements(case: &Case<'_>) -> Vec<u64> {
    let after = |press: &u64| {
        let facts = case.attempt.facts.iter().filter(|fact| fact.boot_ns >= *press);
        facts.filter(|fact| marks::is_acknowledgement(fact)).map(|fact| fact.boot_ns).next()
    };
    let of_presses: Vec<u64> = case.presses().iter().filter_map(after).collect();
    // Before the first acknowledgement that counts there is none.
    let first = case.marks.acknowledged.unwrap_or(u64::MAX);
    of_presses.into_iter().filter(|at| *at >= first).chain(case.marks.acknowledged).collect()
}

/// The causes that evidence is weighed by.
fn judged_by(finding: &Finding) -> Vec<Cause> {
    match finding.cause.code {
        Cause::GuestIgnored => weights::SILENT.to_vec(),
        Cause::None => finding.candidates.first().map(|candidate| candidate.code).into_iter().collect(),
        cause => vec![cause],
    }
}

fn stronger(a: f64, b: f64) -> f64 {
    if b.abs() > a.abs() { b } else { a }
}

/// Seconds after the request; negative before it.
fn since(request: u64, at: u64) -> f64 {
    if at >= request { seconds(at - request) } else { -seconds(request - at) }
}

fn facts(teller: &Teller<'_>) -> Vec<Evidence> {
    let mut told: Vec<Evidence> = Vec::new();
    for fact in &teller.attempt.facts {
        let Some(text) = teller.tell(fact) else { continue };
        if told.last().is_none_or(|last| last.text != text) {
            let (source, at_seconds) = (source(fact), since(teller.marks.request, fact.boot_ns));
            let picture = picture(fact);
            told.push(Evidence { source, at_seconds, text, weight: 0.0, picture });
        }
    }
    // How it began and how it ended tells most; what a guest repeats in between does not.
    if told.len() > MOST {
        told.drain(MOST / 2..told.len() - MOST / 2);
    }
    told
}

fn picture(fact: &Fact) -> Option<String> {
    match &fact.what {
        What::Screen(screen) => screen.picture.as_ref().map(|picture| picture.file.clone()),
        _ => None,
    }
}

fn source(fact: &Fact) -> Source {
    match &fact.what {
        What::Hook(_) => Source::Hook,
        What::Sign(Sign::PortIo { .. }) => Source::Kvm,
        What::Sign(_) => Source::Probe,
        What::Screen(_) => Source::Screen,
        What::Agent(_) => Source::Agent,
        What::Log(_) => Source::QemuLog,
    }
}

struct Teller<'a> {
    attempt: &'a Attempt<'a>,
    marks: &'a Marks,
    /// QEMU's id of the agent's port.
    agent: Option<&'a str>,
    /// QEMU's process id.
    pid: Option<u32>,
    /// When the guest acknowledged each press that it did.
    acknowledged: Vec<u64>,
}

impl Teller<'_> {
    fn tell(&self, fact: &Fact) -> Option<String> {
        match &fact.what {
            What::Hook(call) => hook(call),
            What::Sign(sign) => self.sign(fact, sign),
            What::Screen(screen) => inside::screen(screen),
            What::Agent(said) => Some(inside::agent(said)),
            What::Log(log) => logged(&log.entry),
        }
    }

    fn sign(&self, fact: &Fact, sign: &Sign) -> Option<String> {
        let sees = |test: fn(&Sign) -> bool| self.attempt.any(test);
        Some(match sign {
            Sign::QmpSystemPowerdown => "system_powerdown arrived over QMP".to_owned(),
            // Stretches of one press: tell the first that was seen.
            Sign::PowerdownRequest if sees(|sign| matches!(sign, Sign::QmpSystemPowerdown)) => return None,
            Sign::PowerdownRequest => "the power button was pressed".to_owned(),
            Sign::Powerdown
                if sees(|sign| matches!(sign, Sign::PowerdownRequest | Sign::QmpSystemPowerdown)) =>
            {
                return None;
            }
            Sign::Powerdown => "QEMU announced POWERDOWN".to_owned(),
            Sign::PowerButton { enabled: Some(true) } => {
                "the press reached PM1; the guest has the power button enabled".to_owned()
            }
            Sign::PowerButton { enabled: Some(false) } => {
                "the press was lost: PWRBTN_EN is clear, nothing in the guest listens to the power button"
                    .to_owned()
            }
            Sign::PowerButton { enabled: None } => "the press reached PM1".to_owned(),
            Sign::Sci { .. } | Sign::PortIo { .. } => self.register(fact, sign)?,
            Sign::SuspendRequest => "the guest went to sleep (S3)".to_owned(),
            Sign::SuspendDisk => "the guest hibernates (S4)".to_owned(),
            Sign::Wakeup => "the guest was woken from sleep".to_owned(),
            Sign::ShutdownRequest { cause } if cause == "guest-shutdown" => {
                let hibernated = sees(|sign| matches!(sign, Sign::SuspendDisk));
                if hibernated {
                    "the machine is off".to_owned()
                } else {
                    "the guest powered off (S5)".to_owned()
                }
            }
            Sign::ShutdownRequest { cause } => format!("shutdown was requested inside QEMU ({cause})"),
            Sign::Reset { .. } if sees(|sign| matches!(sign, Sign::ResetRequest { .. })) => return None,
            Sign::ResetRequest { cause } | Sign::Reset { cause, .. } => reset(cause),
            Sign::Shutdown { cause, .. } => format!("QEMU announced SHUTDOWN ({cause})"),
            Sign::Stop => "the vCPUs stopped".to_owned(),
            Sign::Resume => "the vCPUs run again".to_owned(),
            Sign::RunState { state } => return state_of_note(state),
            Sign::VmStop { duration_ns } => {
                format!("vCPUs paused, storage drained and flushed in {}", span(*duration_ns))
            }
            Sign::Killed { .. } if sees(|sign| matches!(sign, Sign::Signal { .. })) => return None,
            Sign::Killed { signal, sender } => {
                format!("QEMU took {} from pid {sender}", signal_name(*signal))
            }
            Sign::GuestPanicked => "the guest reported a panic".to_owned(),
            Sign::Signal { signal, sender } => self.signal(fact, *signal, sender)?,
            Sign::Exit { status, signal } => exit(*status, *signal),
            Sign::VserportChange { id, open } => self.port(id, *open)?,
            Sign::LibvirtCall { call, flags } => asked(*call, *flags),
            Sign::LibvirtReturn { failed: false, .. } | Sign::Other(_) => return None,
            Sign::LibvirtReturn { call, failed: true } => format!("libvirt refused to {}", verb(*call)),
            Sign::OomKill => "the kernel was out of memory and chose to kill QEMU".to_owned(),
        })
    }

    /// Of all register accesses only the first raise and the acknowledgement matter.
    fn register(&self, fact: &Fact, sign: &Sign) -> Option<String> {
        if self.acknowledged.contains(&fact.boot_ns) && !marks::is_sci_raised(sign) {
            return Some("the guest acknowledged the power button (PWRBTN_STS cleared)".to_owned());
        }
        if attempt::is_s5(sign) {
            return Some("the guest wrote S5 to PM1_CNT".to_owned());
        }
        let raised = matches!(sign, Sign::Sci { vcpu: false, .. }) && marks::is_sci_raised(sign);
        raised.then(|| "the SCI was raised in the guest".to_owned())
    }

    /// The agent's port; what other channels do tells nothing here.
    fn port(&self, id: &str, open: bool) -> Option<String> {
        let is_agents = self.agent.is_some_and(|port| port == id || port.starts_with(id));
        let what =
            if open { "opened its port: it runs" } else { "closed its port: it was stopped, or ended" };
        is_agents.then(|| format!("the guest agent {what}"))
    }

    fn signal(&self, fact: &Fact, signal: i32, sender: &Sender) -> Option<String> {
        if Some(sender.pid) == self.pid {
            // The kernel kills in the name of whoever needed the memory.
            return Some(match signal {
                9 => "the kernel sent SIGKILL to QEMU".to_owned(),
                signal => format!("QEMU raised {} itself", signal_name(signal)),
            });
        }
        let told = format!("{} sent {} to QEMU", who(sender), signal_name(signal));
        if !self.is_usual_end(fact.boot_ns, signal, sender) {
            return Some(told);
        }
        // libvirt asks again while QEMU ends, which tells nothing new.
        let again = self.attempt.signs().any(|(earlier, sign)| match sign {
            Sign::Signal { signal, sender } => {
                earlier.boot_ns < fact.boot_ns && self.is_usual_end(earlier.boot_ns, *signal, sender)
            }
            _ => false,
        });
        (!again).then(|| format!("{told}, as after every power-off"))
    }

    fn is_usual_end(&self, at: u64, signal: i32, sender: &Sender) -> bool {
        is_libvirt(sender) && signal == 15 && self.marks.s5.is_some_and(|s5| s5 <= at)
    }
}

fn asked(call: LibvirtCall, flags: u32) -> String {
    let way = match (call, flags) {
        (LibvirtCall::Shutdown | LibvirtCall::Reboot, 1) => " by its power button",
        (LibvirtCall::Shutdown | LibvirtCall::Reboot, 2) => " by its agent",
        _ => "",
    };
    format!("libvirt was asked to {}{way}", verb(call))
}

fn verb(call: LibvirtCall) -> &'static str {
    match call {
        LibvirtCall::Shutdown => "shut the domain down",
        LibvirtCall::Destroy => "destroy the domain",
        LibvirtCall::Reboot => "reboot the domain",
        LibvirtCall::Reset => "reset the domain",
    }
}

fn hook(call: &HookCall) -> Option<String> {
    let reason = call.reason.as_ref().map_or_else(String::new, |reason| {
        let read_in = if call.reason_source == Some(ReasonSource::Log) { ", by its log" } else { "" };
        format!(" (reason: {}{read_in})", reason.as_libvirt())
    });
    Some(match &call.operation {
        Operation::Stopped => format!("libvirt says the domain stopped{reason}"),
        Operation::Release => format!("libvirt released the domain{reason}"),
        Operation::Reconnect => "libvirt was restarted and found the domain running".to_owned(),
        _ => return None,
    })
}

/// What begins a sentence on a death that the log tells of.
pub const LOG_QUOTES: &str = "the domain's log says: ";

/// What the log says of deaths, which may stand before the first sign of the end.
fn deaths(attempt: &Attempt<'_>, marks: &Marks) -> Vec<Evidence> {
    let told = last_words::deaths(attempt).into_iter().filter_map(|fact| {
        let LogEntry::Died { text, .. } = fact.log()? else { return None };
        let at_seconds = since(marks.request, fact.boot_ns);
        let text = format!("{LOG_QUOTES}{text}");
        Some(Evidence { source: Source::QemuLog, at_seconds, text, weight: 0.0, picture: None })
    });
    told.collect()
}

fn logged(entry: &LogEntry) -> Option<String> {
    Some(match entry {
        LogEntry::Terminating(told) => terminating(told),
        LogEntry::ShuttingDown { reason: Some(reason) } => {
            format!("libvirt says the domain is off (reason: {})", reason.as_libvirt())
        }
        LogEntry::ShuttingDown { reason: None } => {
            "libvirt says the domain is off; before its version 4.1 it gives no reason".to_owned()
        }
        LogEntry::Starting { .. } | LogEntry::Died { .. } => return None,
    })
}

fn terminating(told: &Termination) -> String {
    let signal = signal_name(told.signal);
    match (told.pid, &told.name) {
        (Some(pid), Some(name)) => format!("QEMU ended on {signal} from {name} (pid {pid})"),
        (Some(pid), None) => format!("QEMU ended on {signal} from pid {pid}, which was gone by then"),
        (None, _) => format!("QEMU ended on {signal}"),
    }
}

fn reset(cause: &str) -> String {
    match cause {
        "guest-reset" => "the guest restarted".to_owned(),
        "host-qmp-system-reset" => "system_reset arrived over QMP".to_owned(),
        cause => format!("the machine was reset ({cause})"),
    }
}

/// States that STOP, RESUME and the rest do not already tell.
fn state_of_note(state: &str) -> Option<String> {
    matches!(state, "io-error" | "watchdog" | "guest-panicked" | "postmigrate" | "internal-error")
        .then(|| format!("QEMU's run state became {state}"))
}

fn exit(status: Option<i32>, signal: Option<i32>) -> String {
    match (status, signal) {
        (_, Some(signal)) => format!("the QEMU process was ended by {}", signal_name(signal)),
        (Some(status), None) => format!("the QEMU process exited with status {status}"),
        (None, None) => "the QEMU process ended".to_owned(),
    }
}

/// A span of nanoseconds, for people.
fn span(nanos: u64) -> String {
    match nanos {
        0..1_000_000 => format!("{} µs", nanos / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => format!("{:.1} s", seconds(nanos)),
    }
}
