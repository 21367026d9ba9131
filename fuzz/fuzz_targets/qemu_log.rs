//! A domain's log, imported into a journal of its own.
#![no_main]

use std::fs;

use softoff_import::qemu_log::Target;

libfuzzer_sys::fuzz_target!(|log: &[u8]| {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("web.log");
    fs::write(&file, log).expect("the log is written");
    let target = Target { journal: directory.path(), version: "0", host: "host" };
    let _ = softoff_import::qemu_log::import(&file, &target, &mut |_, _| {});
    // What was written is a journal like any other.
    let journal = softoff_journal::Reader::open(directory.path()).expect("a journal");
    assert!(journal.into_iter().all(|item| item.is_ok()));
});
