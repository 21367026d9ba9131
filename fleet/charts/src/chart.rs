//! A drawn chart: the picture, what it says in words, and its numbers as a table.

use crate::ChartError;

/// What all charts of one run have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Whose shutdowns, when: `50 hosts, 2026-01-01 to 2026-01-30`.
    pub scope: String,
    /// Some of them are made up.
    pub synthetic: bool,
}

/// A chart, drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Its file's name without the ending.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// What it says, for those who do not see it.
    pub alt: String,
    /// The picture.
    pub svg: String,
    /// Its numbers.
    pub table: Table,
}

impl Chart {
    /// The picture as the bytes of a PNG file, two pixels for one.
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        Ok(softoff_reports::plot::png(&self.svg)?)
    }
}

/// The numbers of a chart. The first columns are names, all others figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// How many columns hold names.
    pub names: usize,
    /// The columns.
    pub headings: Vec<String>,
    /// The cells, row by row.
    pub rows: Vec<Vec<String>>,
    /// Rows that were left out.
    pub more: usize,
}

impl Table {
    /// More rows than this only make the page slow.
    const AT_MOST: usize = 1500;

    /// A table whose first `names` columns are names; hostile characters are made visible.
    pub fn new(names: usize, headings: &[&str], mut rows: Vec<Vec<String>>) -> Self {
        let more = rows.len().saturating_sub(Self::AT_MOST);
        rows.truncate(Self::AT_MOST);
        let seen = |cell: &mut String| *cell = crate::frame::cut(cell);
        rows.iter_mut().flatten().for_each(seen);
        Self {
            names,
            headings: headings.iter().map(|heading| crate::frame::cut(heading)).collect(),
            rows,
            more,
        }
    }
}
