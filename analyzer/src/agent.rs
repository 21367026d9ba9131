//! The guest agent's channel, as QEMU sees it: whether the guest has its port open, and when that
//! changed. An agent that is stopped, or has crashed, has closed it.

use softoff_journal::record::{AgentChannel, Coverage, Sign};

use crate::run::{Fact, Run};
use crate::sight::{is_from_start, lacks};

/// QEMU's id of a port travels in so many bytes.
const ID_LEN: usize = 16;

/// The agent's port over a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// The boot clock from which on the state is known, and the state; in order.
    changes: Vec<(u64, bool)>,
}

impl Port {
    /// Of a run: none where the domain has no such channel, or where nothing would tell of a change. At
    /// the start of a process no guest has opened anything yet.
    pub fn of(run: &Run) -> Option<Self> {
        let (found_at, process) = run.watched.as_ref()?;
        let channel = process.agent.as_ref()?;
        if process.coverage < Coverage::Symbols || lacks(process, "qapi_event_send_vserport_change") {
            return None;
        }
        let at_first = is_from_start(run, *found_at).then_some((*found_at, false));
        let seen = run.sightings.iter().filter_map(|sighting| Some((sighting.at, sighting.agent_open?)));
        let later = run.in_order().into_iter().filter_map(|fact| change(fact, channel));
        let mut changes: Vec<(u64, bool)> = at_first.into_iter().chain(seen).chain(later).collect();
        changes.sort_by_key(|(at, _)| *at);
        Some(Self { changes })
    }

    /// Whether it was open at this moment of the boot clock; none where that is not known.
    pub fn is_open(&self, at: u64) -> Option<bool> {
        self.changes.iter().rfind(|(since, _)| *since <= at).map(|(_, open)| *open)
    }

    /// Whether it is known never to have been open up to this moment.
    pub fn was_never_open(&self, until: u64) -> bool {
        let mut before = self.changes.iter().filter(|(since, _)| *since <= until).peekable();
        before.peek().is_some() && before.all(|(_, open)| !open)
    }

    /// When it was closed for the last time between these moments and stayed so.
    pub fn closed_between(&self, from: u64, to: u64) -> Option<u64> {
        let (at, open) = self.changes.iter().rfind(|(since, _)| *since <= to)?;
        (!open && *at > from && self.is_open(from) == Some(true)).then_some(*at)
    }
}

fn change(fact: &Fact, channel: &AgentChannel) -> Option<(u64, bool)> {
    match fact.sign()? {
        Sign::VserportChange { id, open } if is_same(id, &channel.port) => Some((fact.boot_ns, *open)),
        _ => None,
    }
}

fn is_same(seen: &str, port: &str) -> bool {
    seen == port || (seen.len() == ID_LEN && port.starts_with(seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(changes: &[(u64, bool)]) -> Port {
        Port { changes: changes.to_vec() }
    }

    #[test]
    fn a_port_is_as_it_last_became() {
        let port = port(&[(10, false), (20, true), (30, false)]);
        let at = |at| port.is_open(at);
        assert_eq!((at(5), at(15), at(25), at(35)), (None, Some(false), Some(true), Some(false)));
        assert!(port.was_never_open(15) && !port.was_never_open(25) && !port.was_never_open(5));
    }

    #[test]
    fn closed_is_what_was_open_before() {
        let port = port(&[(10, false), (20, true), (30, false)]);
        assert_eq!(port.closed_between(25, 40), Some(30));
        assert_eq!(port.closed_between(25, 29), None);
        assert_eq!(port.closed_between(15, 40), None, "it was not open when that began");
    }

    #[test]
    fn a_long_id_is_known_by_its_beginning() {
        assert!(is_same("channel0", "channel0") && !is_same("channel1", "channel0"));
        assert!(is_same("ua-0123456789abc", "ua-0123456789abcdef"));
        assert!(!is_same("channel", "channel0"), "a short one is whole");
    }
}
