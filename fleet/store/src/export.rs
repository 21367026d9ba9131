//! From the rows of a journal to the files of a store.

use std::collections::BTreeMap;

use crate::place::Place;
use crate::{Partition, Row, StoreError, file};

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name, for people.
    pub name: String,
    /// How many episodes it holds now.
    pub rows: u64,
    /// What it was before.
    pub before: Before,
}

/// What a file was before it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    Absent,
    /// The same, byte by byte: it was left alone.
    Same,
    /// Another one, with so many episodes; absent where it could not be read.
    Other(Option<u64>),
}

impl Written {
    /// How many episodes fewer there are than before.
    pub fn fewer(&self) -> Option<u64> {
        let Before::Other(Some(before)) = self.before else { return None };
        before.checked_sub(self.rows).filter(|fewer| *fewer > 0)
    }
}

/// The rows by the file they belong to.
pub fn partitions<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> BTreeMap<Partition, Vec<Row<'a>>> {
    let mut partitions: BTreeMap<Partition, Vec<Row<'a>>> = BTreeMap::new();
    for row in rows {
        partitions.entry(Partition::of(&row)).or_default().push(row);
    }
    partitions
}

/// Puts all rows of a partition into its file. The same rows leave the file as it is.
pub async fn export(place: &Place, partition: &Partition, rows: Vec<Row<'_>>) -> Result<Written, StoreError> {
    let count = rows.len() as u64;
    put(place, &partition.path(), file::encode(rows)?, count).await
}

/// Puts the bytes of a file where it belongs, unless they are there.
pub async fn put(
    place: &Place,
    path: &object_store::path::Path,
    bytes: Vec<u8>,
    rows: u64,
) -> Result<Written, StoreError> {
    let before = match place.get(path).await? {
        None => Before::Absent,
        Some(found) if found == bytes => Before::Same,
        Some(found) => {
            Before::Other(file::Footer::read(&found, found.len() as u64).ok().map(|footer| footer.rows))
        }
    };
    if before != Before::Same {
        place.put(path, bytes).await?;
    }
    Ok(Written { name: place.name(path), rows, before })
}

#[cfg(test)]
mod tests;
