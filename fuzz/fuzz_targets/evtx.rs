//! A Windows event log, imported into a journal of its own.
#![no_main]

use std::fs;

use softoff_import::evtx::Target;

libfuzzer_sys::fuzz_target!(|log: &[u8]| {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("System.evtx");
    fs::write(&file, log).expect("the log is written");
    let target = Target { journal: directory.path(), version: "0", host: "host", domain: None };
    let _ = softoff_import::evtx::import(&file, &target);
    // What was written is a journal like any other.
    let journal = softoff_journal::Reader::open(directory.path()).expect("a journal");
    assert!(journal.into_iter().all(|item| item.is_ok()));
});
