//! Machines: whose events a log holds. A computer that is renamed goes on under its new name; a log of
//! forwarded events holds those of several, one among the other.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use softoff_journal::record::WindowsEvent;

type Timed = (DateTime<Utc>, WindowsEvent);

/// The machines and their events, in the order of time. All are one machine where the operator named it.
pub fn machines(events: Vec<Timed>, domain: Option<&str>) -> Vec<(String, Vec<Timed>)> {
    if events.is_empty() {
        return Vec::new();
    }
    if let Some(domain) = domain {
        return vec![(domain.to_owned(), events)];
    }
    if is_one(&events) {
        let name = newest(&events);
        return vec![(name, events)];
    }
    let mut machines: Vec<(String, Vec<Timed>)> = Vec::new();
    for (at, event) in events {
        match machines.iter_mut().find(|(name, _)| *name == event.computer) {
            Some((_, events)) => events.push((at, event)),
            None => machines.push((event.computer.clone(), vec![(at, event)])),
        }
    }
    machines
}

/// By record id, the order of writing: a name that was given up never comes back.
fn is_one(events: &[Timed]) -> bool {
    let mut written: Vec<&WindowsEvent> = events.iter().map(|(_, event)| event).collect();
    written.sort_by(|a, b| (&a.channel, a.record_id).cmp(&(&b.channel, b.record_id)));
    let channels: HashSet<&str> = written.iter().map(|event| event.channel.as_str()).collect();
    channels.into_iter().all(|channel| {
        let mut left = HashSet::new();
        let mut now: Option<&str> = None;
        written.iter().filter(|event| event.channel == channel).all(|event| {
            if now != Some(event.computer.as_str()) {
                left.extend(now.replace(&event.computer));
            }
            !left.contains(event.computer.as_str())
        })
    })
}

/// The name of the event that was written last.
fn newest(events: &[Timed]) -> String {
    let last = events.iter().max_by_key(|(at, event)| (event.record_id, *at));
    last.map_or_else(String::new, |(_, event)| event.computer.clone())
}

#[cfg(test)]
mod tests {
    use softoff_journal::record::WindowsEntry;

    use super::*;

    fn event(record_id: u64, computer: &str) -> Timed {
        let event = WindowsEvent {
            computer: computer.to_owned(),
            domain: None,
            channel: "System".to_owned(),
            record_id,
            entry: WindowsEntry::LogStarted,
        };
        (DateTime::UNIX_EPOCH + chrono::Duration::seconds(i64::try_from(record_id).unwrap()), event)
    }

    fn names(events: Vec<Timed>, domain: Option<&str>) -> Vec<(String, usize)> {
        machines(events, domain).into_iter().map(|(name, events)| (name, events.len())).collect()
    }

    #[test]
    fn a_computer_that_was_renamed_is_one_machine_by_its_last_name() {
        let events = vec![event(1, "MINWINPC"), event(2, "MINWINPC"), event(3, "WEB-1")];
        assert_eq!(names(events, None), [("WEB-1".to_owned(), 3)]);
    }

    #[test]
    fn computers_whose_events_alternate_are_several_machines() {
        let events = vec![event(1, "A"), event(2, "B"), event(3, "A")];
        assert_eq!(names(events, None), [("A".to_owned(), 2), ("B".to_owned(), 1)]);
    }

    #[test]
    fn what_the_operator_names_is_one_machine() {
        let events = vec![event(1, "A"), event(2, "B"), event(3, "A")];
        assert_eq!(names(events, Some("web")), [("web".to_owned(), 3)]);
    }
}
