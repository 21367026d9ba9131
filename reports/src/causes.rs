//! The tables of causes and of clues for the documentation, from the lists in the code.

use std::fmt::Write;

use softoff_analyzer::{Cause, weights};

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

/// The clues and their weights as a Markdown table.
pub fn clues_table() -> String {
    let mut table = String::from("| Clue | For | Against |\n| --- | --- | --- |\n");
    // What only tells, and weighs nothing, has no place among weights.
    for row in weights::TABLE.iter().filter(|row| !row.weights.is_empty()) {
        let (wanted, unwanted) = row.weights.iter().partition::<Vec<_>, _>(|(_, weight)| *weight > 0.0);
        let _ = writeln!(table, "| {} | {} | {} |", row.meaning, weighed(&wanted), weighed(&unwanted));
    }
    table
}

fn weighed(weights: &[(Cause, f64)]) -> String {
    let told: Vec<_> = weights.iter().map(|(cause, weight)| format!("`{cause}` {weight:+}")).collect();
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    const CLUES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/clues.md");

    /// Fails unless the file holds the table between its markers.
    fn holds(file: &str, name: &str, table: &str) {
        let Ok(text) = std::fs::read_to_string(file) else { return };
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let found = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
        let (found, _) = found.unwrap_or_else(|| panic!("{file} has the markers of the table of {name}"));
        assert_eq!(found.trim(), table.trim(), "put this table between the markers in {file}:\n{table}");
    }

    #[test]
    fn the_readme_holds_the_table_of_causes_as_the_code_generates_it() {
        holds(README, "causes", &markdown_table());
    }

    #[test]
    fn the_documentation_holds_the_table_of_clues_as_the_code_generates_it() {
        holds(CLUES, "clues", &clues_table());
    }
}
