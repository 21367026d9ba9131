//! The confusion matrix: how often which cause was found where which was expected.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write;

use softoff_analyzer::cause::Cause;

use crate::results::Row;

/// What softoff answers where it does not know.
const UNKNOWN: &str = "unknown";

/// Expected causes as rows, found ones as columns; only those that occur.
#[derive(Debug, Default)]
pub struct Matrix {
    counts: BTreeMap<(Cause, Option<Cause>), usize>,
}

impl Matrix {
    /// The matrix of these rows.
    pub fn of(rows: &[&Row]) -> Self {
        let mut matrix = Self::default();
        for row in rows {
            // Where another code is as right, finding that is no confusion.
            let as_right = row.named.is_some() && row.named == row.expected.or;
            let named = if as_right { Some(row.expected.cause) } else { row.named };
            *matrix.counts.entry((row.expected.cause, named)).or_default() += 1;
        }
        matrix
    }

    fn rows(&self) -> Vec<Cause> {
        let mut rows: Vec<_> = self.counts.keys().map(|(expected, _)| *expected).collect();
        rows.dedup();
        rows
    }

    /// Found causes in the order of the vocabulary, and at the end that none was found.
    fn columns(&self) -> Vec<Option<Cause>> {
        let mut columns: Vec<_> = self.counts.keys().map(|(_, found)| *found).collect();
        columns.sort_unstable_by_key(|found| (found.is_none(), *found));
        columns.dedup();
        columns
    }

    fn count(&self, row: Cause, column: Option<Cause>) -> usize {
        self.counts.get(&(row, column)).copied().unwrap_or_default()
    }

    /// A table of Markdown.
    pub fn markdown(&self) -> String {
        let columns = self.columns();
        let mut text = String::from("| expected \\ found |");
        for column in &columns {
            let _ = write!(text, " {} |", column_name(*column));
        }
        let _ = writeln!(text, "\n| --- |{}", " --: |".repeat(columns.len()));
        for row in self.rows() {
            let _ = write!(text, "| `{row}` |");
            for column in &columns {
                let _ = write!(text, " {} |", cell(self.count(row, *column), ""));
            }
            text.push('\n');
        }
        text
    }
}

/// A table of plain text, whose columns are numbered as the legend below it says.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        write!(f, "  {:24}", "expected \\ found")?;
        (1..=columns.len()).try_for_each(|number| write!(f, "{:>5}", format!("[{number}]")))?;
        writeln!(f)?;
        for row in self.rows() {
            write!(f, "  {row:24}")?;
            columns.iter().try_for_each(|column| write!(f, "{:>5}", cell(self.count(row, *column), ".")))?;
            writeln!(f)?;
        }
        for (number, column) in columns.iter().enumerate() {
            writeln!(f, "  [{}] {}", number + 1, column_name(*column))?;
        }
        Ok(())
    }
}

fn column_name(column: Option<Cause>) -> &'static str {
    column.map_or(UNKNOWN, Cause::code)
}

fn cell(count: usize, nothing: &str) -> String {
    if count == 0 { nothing.to_owned() } else { count.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Matrix {
        let mut matrix = Matrix::default();
        matrix.counts.insert((Cause::None, Some(Cause::None)), 12);
        matrix.counts.insert((Cause::GuestSleep, Some(Cause::GuestSleep)), 3);
        matrix.counts.insert((Cause::GuestSleep, None), 1);
        matrix
    }

    #[test]
    fn only_what_occurs_has_a_row_or_a_column() {
        assert_eq!(
            matrix().to_string(),
            "  expected \\ found          [1]  [2]  [3]\n\
             \x20 none                       12    .    .\n\
             \x20 guest.sleep                 .    3    1\n\
             \x20 [1] none\n\
             \x20 [2] guest.sleep\n\
             \x20 [3] unknown\n"
        );
    }

    #[test]
    fn markdown_has_the_same_counts() {
        assert_eq!(
            matrix().markdown(),
            "| expected \\ found | none | guest.sleep | unknown |\n\
             | --- | --: | --: | --: |\n\
             | `none` | 12 |  |  |\n\
             | `guest.sleep` |  | 3 | 1 |\n"
        );
    }
}
