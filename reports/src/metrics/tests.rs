//! The committed files are what the code generates.

use std::path::Path;

use super::{dashboard, family, rules};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// Fails unless the file holds this; with `SOFTOFF_BLESS=1` it is written.
fn holds(file: &str, expected: &str) {
    let path = Path::new(DOCS).join(file);
    if std::env::var_os("SOFTOFF_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, expected).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/{file} is not what the code generates: run this test with SOFTOFF_BLESS=1 to write it anew"
    );
}

#[test]
fn the_committed_dashboard_is_the_generated_one() {
    holds("metrics/softoff-dashboard.json", &dashboard::json().expect("JSON"));
}

#[test]
fn the_committed_rules_are_the_generated_ones() {
    holds("metrics/softoff.rules.yml", &rules::yaml().expect("YAML"));
}

#[test]
fn the_documentation_holds_the_table_of_metrics_as_the_code_generates_it() {
    let text = std::fs::read_to_string(Path::new(DOCS).join("metrics.md")).expect("docs/metrics.md");
    let found = text
        .split_once("<!-- metrics: begin -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- metrics: end -->"));
    let (found, _) = found.expect("the markers of the table of metrics");
    let table = family::markdown_table();
    assert_eq!(found.trim(), table.trim(), "put this table between the markers in docs/metrics.md:\n{table}");
}

#[test]
fn every_family_has_the_prefix_and_a_name_of_its_own() {
    let mut names: Vec<_> = family::ALL.iter().flat_map(|family| family.series()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.iter().all(|name| name.starts_with("softoff_")));
}
