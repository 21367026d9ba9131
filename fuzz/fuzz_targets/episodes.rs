//! Journal records, whatever they say: each becomes part of an episode or of none.
#![no_main]

use std::path::PathBuf;
use std::sync::Arc;

use softoff_analyzer::{analyze, limits};
use softoff_journal::record::{Clocks, Provenance};
use softoff_journal::{Entry, Origin, Record, SCHEMA};

libfuzzer_sys::fuzz_target!(|lines: &[u8]| {
    let records = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Record>(line).ok());
    let origin = Arc::new(origin());
    let entries = records.map(|record| Ok(Entry { origin: Arc::clone(&origin), record }));
    let analysis = analyze(entries, None, limits::SLOW);
    // What is printed must be readable again.
    for episode in analysis.episodes {
        let text = serde_json::to_string(&episode).expect("an episode can be printed");
        serde_json::from_str::<softoff_analyzer::Episode>(&text).expect("and read again");
    }
});

fn origin() -> Origin {
    let clock = String::new();
    let provenance = Provenance {
        schema: SCHEMA.to_owned(),
        writer: "tracer".to_owned(),
        version: "0".to_owned(),
        host: "host".to_owned(),
        boot_id: "00000000-0000-0000-0000-000000000001".parse().expect("a UUID"),
        kernel: "0".to_owned(),
        clocks: Clocks { boot_ns: clock.clone(), wall: clock },
    };
    Origin { path: PathBuf::new(), provenance }
}
