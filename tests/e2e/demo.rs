//! The demo, as `./x demo` runs it.

use std::fs;

use serde_json::Value;

use crate::stage;

#[test]
fn the_demo_writes_its_results_and_softoff_is_right_about_all_three_guests() {
    if !stage::is_possible() {
        return;
    }
    let output = tempfile::tempdir().unwrap();
    softoff_lab::demo::run(output.path()).unwrap_or_else(|error| panic!("{error:#}"));

    let json = fs::read_to_string(output.path().join("episodes.json")).unwrap();
    let episodes: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(episodes.as_array().map(Vec::len), Some(3));
    let page = fs::read_to_string(output.path().join("report.html")).unwrap();
    assert!(page.contains("not-listening"), "the page tells of the guests");
    let picture = fs::read_to_string(output.path().join("timeline.svg")).unwrap();
    assert!(picture.contains("<svg"), "the timeline is a drawing");
    let picture = fs::read(output.path().join("timeline.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "the timeline is a picture");
}
