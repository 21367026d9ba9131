//! Journals for the tests, in the words of the analyzer's own tests.

use std::fs;

use softoff_journal::record::{Clocks, Provenance};
use softoff_journal::{Event, Record, SCHEMA};
use tempfile::TempDir;
use uuid::Uuid;

#[path = "../../analyzer/tests/story/mod.rs"]
mod story;

pub use story::Story;

/// The name of the file that [`recorded`] writes.
pub const FILE: &str = "2026-11-23.b007.test.jsonl";

/// A directory with a journal of these stories.
pub fn recorded(stories: &[Story]) -> TempDir {
    let dir = empty();
    let mut records: Vec<_> = stories.iter().flat_map(|story| story.records.clone()).collect();
    records.push(provenance());
    records.sort_by_key(|record| record.boot_ns);
    let lines = records.iter().map(|record| serde_json::to_string(record).expect("JSON") + "\n");
    fs::write(dir.path().join(FILE), lines.collect::<String>()).expect("written");
    dir
}

/// A directory with nothing in it.
pub fn empty() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// `web-1` shuts down in three seconds.
pub fn clean() -> Story {
    Story::watched().heard(0.0).s5(3.0).torn_down(3.0)
}

/// `db-1` ignores the button for thirty seconds and is cut off, an hour after [`clean`].
pub fn ignoring() -> Story {
    let started = other("db-1", 2).started(3500.0).found(3500.0, softoff_journal::record::Coverage::Symbols);
    started.heard(3600.0).terminated(3630.0, "libvirtd").exit(3630.1).released(3630.2, None)
}

/// A domain with this name shuts down cleanly.
pub fn named(name: &str) -> Story {
    let started = other(name, 3).started(-100.0).found(-100.0, softoff_journal::record::Coverage::Symbols);
    started.heard(10.0).s5(13.0).torn_down(13.0)
}

fn other(name: &str, number: u32) -> Story {
    let mut story = Story::default();
    story.process.pid += number;
    story.uuid = Uuid::from_u128(number.into());
    name.clone_into(&mut story.domain);
    story
}

fn provenance() -> Record {
    let event = Event::Provenance(Provenance {
        schema: SCHEMA.to_owned(),
        writer: "test".to_owned(),
        version: "0".to_owned(),
        host: "host-a".to_owned(),
        boot_id: story::BOOT,
        kernel: "6.18".to_owned(),
        clocks: Clocks { boot_ns: String::new(), wall: String::new() },
    });
    Record { boot_ns: 0, wall: clean().records[0].wall, event }
}
