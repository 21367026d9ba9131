//! libvirt's daemons: which processes they are, what library they run, and about which domains they
//! are being called.
//!
//! ```text
//!  start, or exec of a daemon ──▶ look for a while ──▶ /proc/PID/maps ──▶ attach (once per library)
//!
//!  call (thread T, UUID) ──▶ the QEMU of that UUID ──▶ LibvirtCall
//!        └── T ──▶ remembered ──▶ return (thread T) ──▶ LibvirtReturn
//! ```
//!
//! A daemon maps its library only after its exec, and may then fork into the background: it is
//! looked for more than once.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use softoff_abi::{Event, Kind, names_daemon};
use softoff_journal::record::ProcessId;

use crate::proc;

/// What the library's file is called.
const LIBRARY: &str = "libvirt.so";

/// How many times a daemon is looked for after its exec, once a second.
const LOOKS: u8 = 5;

/// What is known of the daemons.
#[derive(Debug, Default)]
pub struct Daemons {
    looks_left: u8,
    /// The libraries could not be watched, which has been said.
    pub complained: bool,
    /// The QEMU processes that are being called about, by the daemon's process and thread.
    calls: HashMap<(u32, u32), ProcessId>,
}

impl Daemons {
    /// A daemon has begun, or there may be one.
    pub fn expect(&mut self) {
        self.looks_left = LOOKS;
    }

    /// Whether to look for daemons now, and whether for the last time.
    pub fn look(&mut self) -> Option<bool> {
        self.looks_left = self.looks_left.checked_sub(1)?;
        Some(self.looks_left == 0)
    }

    /// The QEMU process that a call or a return is about. `called` is that of the event's UUID; after
    /// a return the process may have ended, and what the call was about is known still.
    pub fn about(&mut self, hit: &Event, kind: Kind, called: Option<ProcessId>) -> Option<ProcessId> {
        let thread = (hit.pid, hit.tid);
        if kind == Kind::LibvirtReturn {
            return self.calls.remove(&thread).or(called);
        }
        match called {
            Some(process) => self.calls.insert(thread, process),
            None => self.calls.remove(&thread),
        };
        called
    }

    /// A daemon has ended, perhaps within a call.
    pub fn forget(&mut self, pid: u32) {
        self.calls.retain(|(of, _), _| *of != pid);
    }
}

/// Whether an event is that of a daemon which begins or serves a call.
pub fn is_its(hit: &Event, kind: Kind) -> bool {
    match kind {
        Kind::LibvirtCall | Kind::LibvirtReturn => true,
        Kind::Exec => names_daemon(&hit.comm),
        _ => false,
    }
}

/// The processes that are daemons.
pub fn pids() -> impl Iterator<Item = u32> {
    let is_daemon = |pid: &u32| proc::comm(*pid).is_ok_and(|comm| names_daemon(&comm));
    proc::pids().into_iter().filter(is_daemon)
}

/// The library that a daemon runs, open, and its name; `None` where it has mapped none so far.
pub fn library(pid: u32) -> io::Result<Option<(File, String)>> {
    proc::mapped(pid, LIBRARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QEMU: ProcessId = ProcessId { pid: 100, start_ticks: 1 };

    fn hit(pid: u32, tid: u32, kind: Kind, comm: &[u8]) -> Event {
        let mut hit = Event::from_bytes(&[0; 64]).expect("an event");
        (hit.pid, hit.tid, hit.kind) = (pid, tid, kind as u8);
        hit.comm[..comm.len()].copy_from_slice(comm);
        hit
    }

    fn about(daemons: &mut Daemons, tid: u32, kind: Kind, called: Option<ProcessId>) -> Option<ProcessId> {
        daemons.about(&hit(7, tid, kind, b"libvirtd"), kind, called)
    }

    #[test]
    fn a_destroy_returns_after_its_qemu_has_ended() {
        let daemons = &mut Daemons::default();
        assert_eq!(about(daemons, 8, Kind::LibvirtCall, Some(QEMU)), Some(QEMU));
        assert_eq!(about(daemons, 9, Kind::LibvirtReturn, None), None, "another thread's");
        assert_eq!(about(daemons, 8, Kind::LibvirtReturn, None), Some(QEMU));
        assert_eq!(about(daemons, 8, Kind::LibvirtReturn, None), None, "only once");
    }

    #[test]
    fn a_call_whose_return_was_not_seen_is_not_taken_for_the_next_one() {
        let daemons = &mut Daemons::default();
        about(daemons, 8, Kind::LibvirtCall, Some(QEMU));
        assert_eq!(about(daemons, 8, Kind::LibvirtCall, None), None, "a domain that is not watched");
        assert_eq!(about(daemons, 8, Kind::LibvirtReturn, None), None);
    }

    #[test]
    fn calls_end_with_their_daemon() {
        let daemons = &mut Daemons::default();
        about(daemons, 8, Kind::LibvirtCall, Some(QEMU));
        daemons.forget(7);
        assert!(daemons.calls.is_empty());
    }

    #[test]
    fn a_daemon_is_looked_for_a_few_times() {
        let mut daemons = Daemons::default();
        assert_eq!(daemons.look(), None);
        daemons.expect();
        let looks: Vec<bool> = std::iter::from_fn(|| daemons.look()).collect();
        assert_eq!(looks, [false, false, false, false, true]);
    }

    #[test]
    fn a_signal_that_a_daemon_sends_is_not_its_own() {
        assert!(is_its(&hit(7, 7, Kind::Exec, b"virtqemud"), Kind::Exec));
        assert!(!is_its(&hit(7, 7, Kind::Exec, b"qemu-system-x86"), Kind::Exec));
        assert!(!is_its(&hit(7, 7, Kind::Signal, b"libvirtd"), Kind::Signal));
    }

    #[test]
    fn this_test_is_no_daemon_and_runs_no_library_of_libvirt() {
        assert!(pids().all(|pid| pid != std::process::id()));
        assert!(library(std::process::id()).expect("readable").is_none());
    }
}
