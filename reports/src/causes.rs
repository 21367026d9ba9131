//! The table of causes for the documentation, from the one list in the code.

use std::fmt::Write;

use softoff_analyzer::Cause;

/// The causes as a Markdown table.
pub fn markdown_table() -> String {
    let mut table = String::from("| Code | Meaning | Scenario |\n| --- | --- | --- |\n");
    for cause in Cause::ALL {
        let scenario = cause.scenario().map(|number| number.to_string()).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{cause}` | {} | {scenario} |", cause.meaning());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    const BEGIN: &str = "<!-- causes: begin -->\n";
    const END: &str = "<!-- causes: end -->";

    #[test]
    fn the_readme_holds_the_table_as_the_code_generates_it() {
        let Ok(readme) = std::fs::read_to_string(README) else { return };
        let table = readme.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
        let (table, _) = table.expect("README.md has the markers of the table of causes");
        assert_eq!(table.trim(), markdown_table().trim(), "put this table between the markers in README.md");
    }
}
