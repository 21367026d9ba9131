//! Tables for people, and JSON for programs.

use softoff_reports::units;
use softoff_reports::visible;
use unicode_width::UnicodeWidthStr;

use crate::survival::Quantile;

/// Blanks between two columns.
const GAP: usize = 2;

/// Which side of a column its cells stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Names.
    Left,
    /// Figures.
    Right,
}

/// Lays rows out below their headings. What stands in a cell is made harmless.
pub fn table(headings: &[(&str, Side)], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| visible(cell).into_owned()).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.chain([headings[column].0.width()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let headings_row: Vec<String> = headings.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let mut text = String::new();
    for row in [&headings_row].into_iter().chain(&rows) {
        let mut line = String::new();
        for ((cell, (_, side)), width) in row.iter().zip(headings).zip(&widths) {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let parts =
                if *side == Side::Left { [cell.as_str(), &padding] } else { [&padding, cell.as_str()] };
            line.extend(parts);
            line.push_str(&" ".repeat(GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A percentile for people: `> 5min` where too many were cut off to say.
pub fn quantile(quantile: Quantile) -> String {
    match quantile {
        Quantile::At(seconds) => units::duration(seconds),
        Quantile::Beyond(seconds) => format!("> {}", units::duration(seconds)),
        Quantile::Unknown => "-".to_owned(),
    }
}

/// A percentile for programs: seconds, or null with the time it lies beyond.
pub fn quantile_json(quantile: Quantile) -> serde_json::Value {
    match quantile {
        Quantile::At(seconds) => serde_json::json!({ "seconds": seconds }),
        Quantile::Beyond(seconds) => serde_json::json!({ "seconds": null, "beyond_seconds": seconds }),
        Quantile::Unknown => serde_json::json!({ "seconds": null }),
    }
}

/// A number with its thousands apart.
pub fn count(count: u64) -> String {
    units::thousands(count, ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1 000"), (100_000_000, "100 000 000")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn columns_stand_below_each_other_and_cannot_act_on_the_terminal() {
        let rows = [vec!["a\u{1b}[2J".to_owned(), "1".to_owned()], vec!["한국".to_owned(), "100".to_owned()]];
        let text = table(&[("NAME", Side::Left), ("N", Side::Right)], &rows);
        assert_eq!(
            text,
            "NAME            N\na\\u{1b}[2J    1\n한국        100\n"
                .replace("NAME            N", "NAME          N")
        );
    }

    #[test]
    fn a_percentile_that_was_not_reached_says_so() {
        assert_eq!(quantile(Quantile::Beyond(300.0)), format!("> {}", units::duration(300.0)));
        assert_eq!(quantile_json(Quantile::Beyond(300.0))["seconds"], serde_json::Value::Null);
    }
}
