//! `softoff import`: what it says of what it reads, and what can be told of it afterwards.

use std::path::{Path, PathBuf};

use crate::{journal, softoff};

/// The directory of sample event logs; where it is missing, that is said.
fn samples() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("SOFTOFF_EVTX_SAMPLES").map(PathBuf::from);
    // A worktree stands one level deeper than a clone.
    let beside = ["../shared/evtx", "../../shared/evtx"].map(|dir| root.join(dir));
    let found = named.into_iter().chain(beside).find(|dir| dir.is_dir());
    if found.is_none() {
        eprintln!(
            "skipped: no sample event logs in ../shared/evtx; SOFTOFF_EVTX_SAMPLES names another place"
        );
    }
    found
}

#[test]
fn what_is_no_event_log_is_an_error_and_the_others_are_imported() {
    let Some(samples) = samples() else { return };
    let dir = journal::empty();
    std::fs::write(dir.path().join("notes.evtx"), "mine").expect("written");
    let sample = samples.join("python-evtx__system.evtx");
    let sample = sample.to_str().expect("UTF-8");
    let ended = softoff(dir.path(), &["import", "evtx", "--domain", "web-1", "notes.evtx", sample]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("notes.evtx is no Windows event log"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1601 records"), "{}", ended.stderr);
    let listed = softoff(dir.path(), &["list", "--domain", "web-1", "--format", "json"]);
    let episodes: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(episodes.len(), 5, "{}", listed.stdout);
    let explained = softoff(dir.path(), &["explain", "last"]);
    assert!(explained.stdout.contains("What the guest's own log says"), "{}", explained.stdout);
}

#[test]
fn an_event_log_that_is_not_there_is_named() {
    let dir = journal::empty();
    let ended = softoff(dir.path(), &["import", "evtx", "missing.evtx"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("cannot read missing.evtx"), "{}", ended.stderr);
}
