//! Sight: what could have been seen of an attempt. What was out of sight proves nothing by its
//! absence.

use softoff_journal::record::{Coverage, QemuProcess, ReasonSource, Sign};

use crate::attempt::Attempt;
use crate::episode::Tier;
use crate::gather::Watch;
use crate::limits;
use crate::run::{Run, What};

/// A process that the tracer found this soon after its start was watched from the beginning:
/// firmware takes longer than that to let anything run that could shut down.
const FOUND_AT_START: u64 = 3_000_000_000;

/// What could have been seen of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each could be seen or not, whatever the others")]
pub struct Sight {
    /// The best source that covered it from its first sign to its last.
    pub tier: Tier,
    /// Nothing of that time was lost or torn.
    pub intact: bool,
    /// An S5 of the guest would have been seen.
    pub s5: bool,
    /// The guest's acknowledgement of the button would have been seen.
    pub acknowledgement: bool,
    /// A press of the power button would have been seen, as long before the attempt as anybody
    /// waits for one.
    pub earlier_presses: bool,
    /// What is missing, and what that costs.
    pub missing: Vec<String>,
}

impl Sight {
    /// What could be seen of `attempt`; not `intact` where something of that time was lost.
    /// `until` is up to when the attempt is told.
    pub fn of(run: &Run, attempt: &Attempt<'_>, watch: &Watch, until: u64, intact: bool) -> Self {
        let first = attempt.began();
        let last = attempt.last_from_outside().max(until);
        let coverage = run.watched.as_ref().and_then(|(since, process)| {
            let seen = *since <= first && watch.covers(first, last) && !fell_silent(run, first, last);
            seen.then_some((*since, process.coverage))
        });
        Self {
            tier: if attempt.facts.iter().any(|fact| fact.is_from_inside()) {
                Tier::Guest
            } else {
                tier(run, coverage.map(|(_, coverage)| coverage))
            },
            intact,
            acknowledgement: intact && coverage.is_some() && sees_acknowledgement(run, watch),
            s5: intact && coverage.is_some_and(|(_, coverage)| coverage >= Coverage::Kvm),
            earlier_presses: intact
                && coverage.is_some_and(|(since, coverage)| {
                    coverage == Coverage::Symbols
                        && reaches_back(run, attempt, watch, since)
                        && sees_requests(run, watch)
                }),
            missing: missing(run, coverage.map(|(_, coverage)| coverage), watch, intact),
        }
    }
}

/// Watched for as long before the attempt as a request can wait, or from the process's start.
fn reaches_back(run: &Run, attempt: &Attempt<'_>, watch: &Watch, since: u64) -> bool {
    let began = attempt.began();
    let back = began.saturating_sub(limits::PATIENCE);
    (is_from_start(run, since) || since <= back) && watch.covers(since.max(back), began)
}

/// A window is open and nothing has been recorded in it for long: the tracer is gone, whatever the
/// journal says of its end.
fn fell_silent(run: &Run, from: u64, until: u64) -> bool {
    run.activity.open_until(from).is_some_and(|recorded| until.saturating_sub(recorded) > limits::SILENCE)
}

/// A request through the agent is seen only in libvirt.
fn sees_requests(run: &Run, watch: &Watch) -> bool {
    let has_agent = run.watched.as_ref().is_some_and(|(_, process)| process.agent.is_some());
    !has_agent || !watch.lacks("libvirt.so")
}

/// QEMU's function shows the guest's accesses to the registers, or KVM does.
fn sees_acknowledgement(run: &Run, watch: &Watch) -> bool {
    run.watched.as_ref().is_some_and(|(_, process)| match process.coverage {
        Coverage::Process => false,
        Coverage::Kvm => true,
        Coverage::Symbols => !lacks(process, "acpi_update_sci") || !watch.lacks("kvm:kvm_pio"),
    })
}

/// Whether a sentinel is missing in the process, or may never fire there.
pub fn lacks(process: &QemuProcess, sentinel: &str) -> bool {
    process.missing.iter().any(|missing| missing.name == sentinel)
}

/// Whether the process was watched from its start.
pub fn is_from_start(run: &Run, since: u64) -> bool {
    run.process_start().is_some_and(|start| since <= start.saturating_add(FOUND_AT_START))
}

fn tier(run: &Run, coverage: Option<Coverage>) -> Tier {
    match coverage {
        Some(Coverage::Symbols) => Tier::Probe,
        Some(Coverage::Kvm) => Tier::Kvm,
        Some(Coverage::Process) => Tier::Process,
        None if reads_log(run) => Tier::Log,
        None => Tier::Hook,
    }
}

fn reads_log(run: &Run) -> bool {
    run.facts.iter().any(|fact| match &fact.what {
        What::Hook(call) => call.reason_source == Some(ReasonSource::Log),
        What::Log(_) => true,
        _ => false,
    })
}

fn missing(run: &Run, coverage: Option<Coverage>, watch: &Watch, intact: bool) -> Vec<String> {
    let mut missing = Vec::new();
    if !intact {
        missing.push(
            "something was lost in this time: what is absent may have happened all the same".to_owned(),
        );
    }
    if run.is_from_log() {
        missing.push(
            "only the domain's log tells of it: the request, the guest's answer and when libvirt released the \
             domain are not in it; `softoff install` and `softoff trace` record the next one"
                .to_owned(),
        );
        return missing;
    }
    match &run.watched {
        Some((_, process)) => {
            missing.extend(process.missing.iter().map(|part| format!("{}: {}", part.name, part.consequence)));
            if coverage.is_none() {
                missing.push(
                    "the probe did not watch from the first sign to the last: what is absent may \
                              have happened unseen"
                        .to_owned(),
                );
            }
        }
        None if watch.is_empty() => missing.push(
            "no probe ran: the request, the guest's answer and the senders of signals are not recorded; run \
             `softoff trace`"
                .to_owned(),
        ),
        None => missing.push("the probe did not find this QEMU process".to_owned()),
    }
    if !run.has_hook() {
        missing.push(
            "no hook call was recorded: when libvirt released the domain, and why it says it is off, \
                      are not known; run `softoff install`"
                .to_owned(),
        );
    } else if coverage < Some(Coverage::Kvm) && !run.has_reason() && ended(run) {
        missing.push("libvirt's reason for the domain being off was not readable".to_owned());
    }
    missing
}

fn ended(run: &Run) -> bool {
    run.facts.iter().any(|fact| matches!(fact.sign(), Some(Sign::Exit { .. })))
}
