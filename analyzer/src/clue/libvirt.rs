//! Clues of libvirt's side: what it made of the request before it reached QEMU.

use softoff_journal::record::{LibvirtCall, Sign};

use super::{Case, Clue, Kind};
use crate::attempt;
use crate::episode::Source;
use crate::limits;
use crate::outcome::SHUTDOWN_GUEST_AGENT;
use crate::phases::seconds;

/// libvirt gives an agent 5 s to answer its guest-sync, and asks twice at most.
const AGENT_ANSWERS_WITHIN: u64 = 4_000_000_000;
/// After this long libvirt has waited for the guest, not for the agent: its limit for guest-shutdown
/// is 60 s (`VIR_DOMAIN_QEMU_AGENT_COMMAND_SHUTDOWN`).
const AGENT_WAS_ASKED: u64 = 50_000_000_000;

/// One request of a client, and what came of it.
struct Call {
    at: u64,
    flags: u32,
    /// When libvirt refused it.
    refused: Option<u64>,
    /// When it reached QEMU as a press.
    pressed: Option<u64>,
}

pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    calls(case).iter().filter_map(|call| clue(case, call)).collect()
}

fn calls(case: &Case<'_>) -> Vec<Call> {
    let signs: Vec<_> = case.attempt.signs().collect();
    let is_call = |sign: &Sign| matches!(sign, Sign::LibvirtCall { call: LibvirtCall::Shutdown, .. });
    let mut calls = Vec::new();
    for (at, (fact, sign)) in signs.iter().enumerate() {
        let Sign::LibvirtCall { call: LibvirtCall::Shutdown, flags } = sign else { continue };
        let mut after = signs[at + 1..].iter().take_while(|(_, sign)| !is_call(sign));
        let answer = after.find(|(_, sign)| {
            attempt::is_press(sign)
                || matches!(sign, Sign::LibvirtReturn { call: LibvirtCall::Shutdown, failed: true })
        });
        let time =
            |press| answer.filter(|(_, sign)| attempt::is_press(sign) == press).map(|(fact, _)| fact.boot_ns);
        calls.push(Call { at: fact.boot_ns, flags: *flags, refused: time(false), pressed: time(true) });
    }
    calls
}

fn clue(case: &Case<'_>, call: &Call) -> Option<Clue> {
    let agent_open = case.port.and_then(|port| port.is_open(call.at)) == Some(true);
    // An agent that may be connected may be what took the time.
    let unclear = case.port.is_some_and(|port| port.is_open(call.at).is_none()) || has_unseen_agent(case);
    let by_agent = agent_open && (call.flags == 0 || call.flags & SHUTDOWN_GUEST_AGENT != 0);
    let until = call.refused.or(call.pressed)?;
    let waited = until - call.at;
    if by_agent {
        return (AGENT_ANSWERS_WITHIN..AGENT_WAS_ASKED).contains(&waited).then(|| silent(case, call, until));
    }
    let text = |what: &str| format!("libvirt {what} after {:.1} s", seconds(waited));
    match call.refused {
        _ if unclear && waited < AGENT_WAS_ASKED => None,
        Some(at) if waited < limits::LONG => Some(Clue::fact(Kind::LibvirtRefused, at)),
        Some(at) => Some(Clue::new(Kind::LibvirtWaited, at, Source::Probe, text("gave the request up"))),
        None if waited >= limits::LONG => {
            Some(Clue::new(Kind::LibvirtWaited, until, Source::Probe, text("passed the request on only")))
        }
        None => None,
    }
}

/// The domain has a channel for an agent, and nothing tells whether it is open.
fn has_unseen_agent(case: &Case<'_>) -> bool {
    case.port.is_none() && case.run.watched.as_ref().is_some_and(|(_, process)| process.agent.is_some())
}

/// The agent had its port open and libvirt got no answer. Where the button that it pressed then was
/// taken, the agent is not what kept the guest on.
fn silent(case: &Case<'_>, call: &Call, until: u64) -> Clue {
    let text = format!(
        "the agent had its port open and gave libvirt no answer for {:.1} s",
        seconds(until - call.at)
    );
    let strength = if case.marks.acknowledged.is_some() && case.marks.s5.is_none() { 0.5 } else { 1.0 };
    Clue { strength, ..Clue::new(Kind::AgentSilent, until, Source::Probe, text) }
}
