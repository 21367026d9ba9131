//! The names of files, as Hive names partitions: `date=2026-11-25/host=web-1/<boot id>.parquet`.
//!
//! A host has one file for each day and boot. So the same episodes have the same name, and two
//! hosts of one name do not replace each other's files.

use std::fmt::Write;

use chrono::NaiveDate;
use object_store::path::Path;

use crate::row::Row;

/// The name Hive gives the partition of rows without a value.
const NONE: &str = "__HIVE_DEFAULT_PARTITION__";

/// What all rows of a file share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The day of the requests (UTC); absent where it is not known.
    pub date: Option<NaiveDate>,
    /// The host's name.
    pub host: String,
    /// The host's boot.
    pub boot_id: String,
}

impl Partition {
    /// The partition a row belongs to.
    pub fn of(row: &Row<'_>) -> Self {
        Self {
            date: row.date(),
            host: row.host_name.clone().into_owned(),
            boot_id: row.boot_id.clone().into_owned(),
        }
    }

    /// Where its file is, from the store's root.
    pub fn path(&self) -> Path {
        let date = self.date.map_or_else(|| NONE.to_owned(), |date| date.to_string());
        let host = if self.host.is_empty() { NONE.to_owned() } else { escape(&self.host) };
        let file = format!("{}.parquet", escape(&self.boot_id));
        let path = format!("date={date}/host={host}/{file}");
        // Taken as it is: escaping once more would change the names. Nothing escaped can be refused.
        Path::parse(&path).unwrap_or_else(|_| Path::from(path))
    }
}

/// The day in a path's `date=…`; the outer `None` where it has none that can be read.
pub fn date_of(path: &Path) -> Option<Option<NaiveDate>> {
    let value = path.parts().find_map(|part| part.as_ref().strip_prefix("date=").map(str::to_owned))?;
    if value == NONE { Some(None) } else { value.parse().ok().map(Some) }
}

/// Longest name of a directory that file systems take, less `host=`.
const LONGEST: usize = 250;

/// Escapes what Hive escapes (`FileUtils.escapePathName`): controls and `"#%'*/:=?\{[]^` and DEL as `%XX`;
/// beyond that, what is not plain ASCII, and a leading dot, which hides directories.
pub fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_@+, ".contains(&byte) || (byte == b'.' && index > 0);
        if plain {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    if escaped.len() > LONGEST {
        escaped.truncate(LONGEST);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(host: &str) -> String {
        let date = NaiveDate::from_ymd_opt(2026, 11, 25);
        Partition { date, host: host.to_owned(), boot_id: "b007".to_owned() }.path().to_string()
    }

    #[test]
    fn a_file_is_named_after_day_host_and_boot() {
        assert_eq!(at("web-1.example.org"), "date=2026-11-25/host=web-1.example.org/b007.parquet");
    }

    #[test]
    fn rows_without_a_day_have_hives_default_partition() {
        let none = Partition { date: None, host: "h".to_owned(), boot_id: "b".to_owned() };
        assert_eq!(none.path().to_string(), "date=__HIVE_DEFAULT_PARTITION__/host=h/b.parquet");
        assert_eq!(date_of(&none.path()), Some(None));
    }

    #[test]
    fn a_day_is_read_back_from_the_path() {
        let path = Path::from(at("h"));
        assert_eq!(date_of(&path), Some(NaiveDate::from_ymd_opt(2026, 11, 25)));
        assert_eq!(date_of(&Path::from("date=soon/x.parquet")), None);
    }

    proptest! {
        #[test]
        fn no_host_can_name_a_file_elsewhere(host in ".{0,80}") {
            let path = at(&host);
            prop_assert_eq!(path.split('/').count(), 3, "{}", path);
            prop_assert!(path.starts_with("date=2026-11-25/host="));
            prop_assert!(path.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(path.split('/').all(|part| part.len() <= 255));
        }

        #[test]
        fn different_hosts_have_different_names(one in ".{1,20}", other in ".{1,20}") {
            prop_assert_eq!(one == other, escape(&one) == escape(&other));
        }
    }
}
