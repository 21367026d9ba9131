//! Real event logs: what is in each. They are other people's data and stand beside the repository, or
//! where SOFTOFF_EVTX_SAMPLES says; without them these tests say so and pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use softoff_import::evtx::{EvtxImportError, Found, Target, import, read};
use softoff_journal::record::{WindowsEntry, WindowsEvent};
use softoff_journal::{Event, Reader};

const FILES: [&str; 5] = [
    "omerbenamram-evtx__system.evtx",
    "omerbenamram-evtx__2-vss_7-System.evtx",
    "omerbenamram-evtx__sample-with-zero-data-size-event.evtx",
    "plaso__System.evtx",
    "python-evtx__system.evtx",
];

/// The directory of the samples; where it is missing, that is said.
fn samples() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/evtx");
    let dir = std::env::var_os("SOFTOFF_EVTX_SAMPLES").map_or(beside, PathBuf::from);
    // A worktree stands one level deeper than a clone.
    let dir =
        if dir.is_dir() { dir } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evtx") };
    if !dir.is_dir() {
        eprintln!(
            "skipped: no sample event logs in ../shared/evtx; SOFTOFF_EVTX_SAMPLES names another place"
        );
        return None;
    }
    Some(dir)
}

/// The number of an event in Windows' own words.
fn number(event: &WindowsEvent) -> u32 {
    match &event.entry {
        WindowsEntry::Refused => 1073,
        WindowsEntry::Asked { .. } => 1074,
        WindowsEntry::CalledOff => 1075,
        WindowsEntry::Explained => 1076,
        WindowsEntry::LogStarted => 6005,
        WindowsEntry::LogStopped => 6006,
        WindowsEntry::Unexpected { .. } => 6008,
        WindowsEntry::PowerLost { .. } => 41,
        WindowsEntry::Sleep { .. } => 42,
        WindowsEntry::Resumed => 107,
        WindowsEntry::SleepAsked { .. } => 187,
        WindowsEntry::KernelShutdown { .. } => 109,
        WindowsEntry::KernelStarted => 12,
        WindowsEntry::KernelStopped => 13,
        WindowsEntry::LoggedOn => 7001,
        WindowsEntry::LoggedOff => 7002,
        WindowsEntry::Service { event, .. }
        | WindowsEntry::Vetoed { event, .. }
        | WindowsEntry::Update { event }
        | WindowsEntry::Slowed { event, .. } => *event,
        WindowsEntry::ServicingPending => 4,
        WindowsEntry::BugCheck { .. } => 1001,
        WindowsEntry::ShutdownTimes { .. } => 200,
    }
}

fn counts(found: &Found) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for (_, event) in &found.events {
        *counts.entry(number(event)).or_insert(0) += 1;
    }
    counts
}

/// Events of shutdowns, without what updates and users do all day.
fn of_shutdowns(found: &Found) -> Vec<(u32, usize)> {
    let noise = [19, 20, 43, 44, 6005, 12, 7001, 7002];
    counts(found).into_iter().filter(|(number, _)| !noise.contains(number)).collect()
}

#[test]
fn each_sample_gives_the_events_that_are_known_to_be_in_it() {
    let Some(dir) = samples() else { return };
    let found = |name| read(&dir.join(name)).expect("a sample");
    for name in FILES {
        let found = found(name);
        println!(
            "{name}: {} of {} records, {} damaged: {:?}",
            found.events.len(),
            found.records,
            found.damaged,
            counts(&found)
        );
    }
    let expected: [&[(u32, usize)]; 5] = [
        &[(13, 2), (42, 2), (107, 2), (109, 2), (1074, 2), (6006, 2), (7023, 12)],
        &[(13, 2), (109, 2), (1074, 2), (6006, 2), (7023, 2)],
        // One record of its first chunk is damaged; what comes after it is read all the same.
        &[(13, 7), (109, 10), (1074, 7), (6006, 6), (7023, 3), (7031, 3), (7043, 1)],
        &[(13, 5), (41, 2), (109, 7), (1074, 9), (1076, 1), (6006, 6), (6008, 1), (7023, 2)],
        &[(13, 3), (22, 1), (41, 2), (109, 3), (1001, 1), (1074, 3), (6006, 3), (6008, 2)],
    ];
    for (name, expected) in FILES.into_iter().zip(expected) {
        assert_eq!(of_shutdowns(&found(name)), expected, "{name}");
    }
}

#[test]
fn a_damaged_record_is_named_with_its_place_and_the_rest_is_read() {
    let Some(dir) = samples() else { return };
    let found = read(&dir.join(FILES[2])).expect("a sample");
    assert_eq!((found.records, found.damaged), (449, 1));
    assert_eq!(found.troubles[0].chunk_offset, 4096);
    assert!(found.troubles[0].text.contains("0x1820"), "{:?}", found.troubles);
}

#[test]
fn a_damaged_chunk_is_named_with_its_place_and_the_others_are_read() {
    let Some(dir) = samples() else { return };
    let whole = read(&dir.join(FILES[0])).expect("a sample");
    let mut bytes = std::fs::read(dir.join(FILES[0])).expect("a sample");
    bytes[4096 + 2 * 65536] ^= 0xff;
    let found = read_bytes(&bytes).expect("still an event log");
    assert_eq!((found.damaged, found.troubles[0].chunk_offset), (1, 4096 + 2 * 65536));
    assert!(found.records < whole.records && found.records > whole.records / 2);
}

fn read_bytes(bytes: &[u8]) -> Result<Found, EvtxImportError> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    read(file.path())
}

fn target<'a>(journal: &'a Path, domain: Option<&'a str>) -> Target<'a> {
    Target { journal, version: "1", host: "host", domain }
}

fn events(journal: &Path) -> Vec<WindowsEvent> {
    let records = Reader::open(journal).expect("a journal").map(|item| item.expect("a record").record);
    let event = |event| match event {
        Event::Windows(event) => Some(event),
        _ => None,
    };
    records.filter_map(|record| event(record.event)).collect()
}

#[test]
fn importing_twice_changes_nothing_and_the_domain_is_in_every_record() {
    let Some(dir) = samples() else { return };
    let journal = tempfile::tempdir().expect("a directory");
    let target = target(journal.path(), Some("web"));
    let first = import(&dir.join(FILES[3]), &target).expect("imported");
    let once = events(journal.path());
    import(&dir.join(FILES[3]), &target).expect("imported");
    assert_eq!(events(journal.path()), once);
    assert_eq!(first.machines, [("web".to_owned(), once.len() as u64)]);
    assert!(once.iter().all(|event| event.domain.as_deref() == Some("web")));
}

#[test]
fn a_computer_that_was_renamed_twice_is_one_machine() {
    let Some(dir) = samples() else { return };
    let journal = tempfile::tempdir().expect("a directory");
    let summary = import(&dir.join(FILES[3]), &target(journal.path(), None)).expect("imported");
    let names: Vec<&str> = summary.machines.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["DC1.internal.greendale.edu"]);
}

#[test]
fn what_is_no_event_log_is_an_error_with_what_to_do() {
    let error = read_bytes(b"not an event log, and long enough to be none: \0\0\0\0").expect_err("refused");
    assert!(error.to_string().contains("wevtutil epl System"), "{error}");
    let error = read(Path::new("/nonexistent/System.evtx")).expect_err("missing");
    assert!(error.to_string().contains("/nonexistent/System.evtx"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_behind_a_header_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..6000)) {
        let mut bytes = b"ElfFile\0".to_vec();
        bytes.extend(body);
        let _ = read_bytes(&bytes);
    }

    #[test]
    fn a_mutated_sample_does_no_harm(
        edits in prop::collection::vec((4096..139_264_usize, any::<u8>()), 1..200),
        cut in 4096..139_264_usize,
    ) {
        let Some(dir) = samples() else { return Ok(()) };
        let mut bytes = std::fs::read(dir.join(FILES[2])).expect("a sample");
        bytes.truncate(139_264);
        for (at, value) in edits {
            bytes[at] = value;
        }
        let found = read_bytes(&bytes).expect("its header is whole");
        prop_assert!(found.records <= 2_000);
        bytes.truncate(cut);
        read_bytes(&bytes).expect("its header is whole");
    }
}
