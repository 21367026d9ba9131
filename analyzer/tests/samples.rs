//! Real event logs: the shutdown cycles in each, with their phases. They are other people's data and stand
//! beside the repository, or where SOFTOFF_EVTX_SAMPLES says; without them these tests say so and pass.

use std::path::{Path, PathBuf};

use softoff_analyzer::episode::{GuestLogEnd, GuestLogType, GuestPhaseName, Outcome};
use softoff_analyzer::guest_log::{Cycle, GuestLogs, Machine};
use softoff_analyzer::{Episode, analyze_with, limits};
use softoff_import::evtx::{Target, import};
use softoff_journal::{Entry, Reader};

use GuestLogEnd::{Clean, Unexpected, Unknown};
use GuestLogType::{PowerOff, Restart, Shutdown, Sleep};
use Outcome::{Crashed, Rebooted};

/// The directory of the samples; where it is missing, that is said.
fn samples() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("SOFTOFF_EVTX_SAMPLES").map(PathBuf::from);
    // A worktree stands one level deeper than a clone.
    let beside = ["../../shared/evtx", "../../../shared/evtx"].map(|dir| root.join(dir));
    let found = named.into_iter().chain(beside).find(|dir| dir.is_dir());
    if found.is_none() {
        eprintln!(
            "skipped: no sample event logs in ../shared/evtx; SOFTOFF_EVTX_SAMPLES names another place"
        );
    }
    found
}

fn entries(sample: &Path) -> Vec<Entry> {
    let journal = tempfile::tempdir().expect("a directory");
    let target = Target { journal: journal.path(), version: "1", host: "host", domain: None };
    import(sample, &target).expect("imported");
    Reader::open(journal.path()).expect("a journal").map(|item| item.expect("a record")).collect()
}

fn machine(sample: &Path) -> Machine {
    let mut logs = GuestLogs::default();
    for entry in &entries(sample) {
        logs.push(entry);
    }
    let mut machines = logs.machines();
    assert_eq!(machines.len(), 1);
    machines.remove(0)
}

/// `sessions 1.2, …`
fn phases(cycle: &Cycle) -> String {
    let name = |name| match name {
        GuestPhaseName::Sessions => "sessions",
        GuestPhaseName::Preshutdown => "preshutdown",
        GuestPhaseName::Services => "services",
        GuestPhaseName::Kernel => "kernel",
    };
    let told =
        cycle.log().phases.into_iter().map(|phase| format!("{} {:.1}", name(phase.name), phase.seconds));
    told.collect::<Vec<_>>().join(", ")
}

/// Each cycle by what was asked for, how it ended and its phases.
fn summary(cycles: &[Cycle]) -> Vec<(Option<GuestLogType>, GuestLogEnd, String)> {
    cycles.iter().map(|cycle| (cycle.kind, cycle.ended, phases(cycle))).collect()
}

fn check(name: &str, expected: &[(Option<GuestLogType>, GuestLogEnd, &str)]) {
    let Some(dir) = samples() else { return };
    let found = summary(&machine(&dir.join(name)).cycles);
    let ended = |end| found.iter().filter(|(_, ended, _)| *ended == end).count();
    println!(
        "{name}: {} cycles, {} clean, {} unexpected, {} unknown",
        found.len(),
        ended(Clean),
        ended(Unexpected),
        ended(Unknown)
    );
    let expected: Vec<_> =
        expected.iter().map(|(kind, ended, phases)| (*kind, *ended, (*phases).to_owned())).collect();
    assert_eq!(found, expected, "{name}");
}

#[test]
fn windows_10_at_15063_restarts_twice_and_sleeps_twice() {
    check(
        "omerbenamram-evtx__system.evtx",
        &[
            (Some(Restart), Clean, "preshutdown 0.5, services 0.3, kernel 0.5"),
            (Some(Restart), Clean, "sessions 4.5, preshutdown 2.1, services 1.9, kernel 0.4"),
            (Some(Sleep), Clean, ""),
            (Some(Sleep), Clean, ""),
        ],
    );
}

#[test]
fn windows_10_at_17134_restarts_twice_once_for_updates() {
    check(
        "omerbenamram-evtx__2-vss_7-System.evtx",
        &[
            (Some(Restart), Clean, "preshutdown 2.4, services 0.8, kernel 1.6"),
            (Some(Restart), Clean, "sessions 2.8, preshutdown 35.1, services 4.7, kernel 1.3"),
        ],
    );
}

#[test]
fn windows_10_at_10240_goes_seven_times_though_a_record_is_damaged() {
    check(
        "omerbenamram-evtx__sample-with-zero-data-size-event.evtx",
        &[
            (Some(Shutdown), Clean, "kernel 0.2"),
            (Some(Restart), Clean, "preshutdown 33.0, services 1.5, kernel 0.6"),
            (Some(Restart), Clean, "sessions 15.2, preshutdown 1.0, services 1.9, kernel 0.5"),
            (Some(PowerOff), Clean, "sessions 10.3, preshutdown 0.0, services 5.3, kernel 0.4"),
            (Some(Restart), Clean, "sessions 5.5, preshutdown 0.6, services 5.6, kernel 0.7"),
            (Some(PowerOff), Clean, "sessions 5.4, preshutdown 0.0, services 5.3, kernel 0.5"),
            (Some(PowerOff), Clean, "sessions 5.4, preshutdown 3.5, services 5.3, kernel 0.6"),
        ],
    );
}

#[test]
fn server_2008_r2_goes_nine_times_twice_unexpectedly_with_its_clock_hours_off() {
    check(
        "plaso__System.evtx",
        &[
            (Some(Restart), Clean, "kernel 3.0"),
            (Some(Restart), Clean, "preshutdown 3.0, services 0.7, kernel 2.3"),
            (Some(Restart), Clean, "sessions 0.6, preshutdown 0.4, services 1.9, kernel 2.0"),
            (Some(Restart), Clean, "sessions 5.4, preshutdown 2.6, services 4.3, kernel 2.7"),
            (Some(Restart), Clean, "sessions 6.1, preshutdown 2.9, services 2.8, kernel 2.2"),
            (None, Unexpected, ""),
            (Some(PowerOff), Unknown, "sessions 14.2, services 8.1"),
            (None, Unexpected, ""),
            (Some(PowerOff), Unknown, "sessions 21.0, services 10.0"),
        ],
    );
}

#[test]
fn windows_7_goes_five_times_once_with_a_bug_check() {
    check(
        "python-evtx__system.evtx",
        &[
            (Some(Restart), Clean, "preshutdown 21.0, services 5.2, kernel 11.7"),
            (Some(Restart), Clean, "sessions 35.7, preshutdown 1.3, services 5.2, kernel 5.9"),
            (Some(Restart), Clean, "sessions 0.1, preshutdown 1.9, services 4.7, kernel 4.4"),
            (None, Unexpected, ""),
            (None, Unexpected, ""),
        ],
    );
    let Some(dir) = samples() else { return };
    let cycles = machine(&dir.join("python-evtx__system.evtx")).cycles;
    assert_eq!(cycles[3].bugcheck.as_deref(), Some("0x00010001"));
    assert_eq!(cycles[4].bugcheck, None);
    let alive = cycles[4].last_alive.expect("a heartbeat").to_rfc3339();
    assert!(alive.starts_with("2012-04-06T19:09:23"), "UTC, not the guest's own zone: {alive}");
}

#[test]
fn an_update_and_the_tracker_are_known_by_who_asked_and_why() {
    let Some(dir) = samples() else { return };
    let cycles = machine(&dir.join("omerbenamram-evtx__2-vss_7-System.evtx")).cycles;
    assert_eq!((cycles[0].updates, cycles[1].updates), (false, true));
    let cycles = machine(&dir.join("plaso__System.evtx")).cycles;
    assert_eq!(cycles[6].tracker(), Some(14.0));
    assert_eq!(cycles[6].log().process.as_deref(), Some("Explorer.EXE"));
    let cycles = machine(&dir.join("omerbenamram-evtx__sample-with-zero-data-size-event.evtx")).cycles;
    assert_eq!(cycles[1].culprits[0].name, "Diagnostics Tracking Service (DiagTrack)");
}

#[test]
fn every_cycle_that_no_host_recorded_is_an_episode() {
    let Some(dir) = samples() else { return };
    let entries = entries(&dir.join("python-evtx__system.evtx"));
    let mut logs = GuestLogs::default();
    for entry in &entries {
        logs.push(entry);
    }
    let episodes = analyze_with(logs, entries.into_iter().map(Ok), None, limits::SLOW).episodes;
    let outcomes: Vec<Outcome> = episodes.iter().map(|episode: &Episode| episode.outcome).collect();
    assert_eq!(outcomes, [Rebooted, Rebooted, Rebooted, Crashed, Outcome::Unknown]);
    assert!(episodes.iter().all(|episode| episode.guest_log.is_some()));
}
