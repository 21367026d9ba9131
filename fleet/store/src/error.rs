//! What can go wrong with a store.

use std::path::PathBuf;

/// Why something in a store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Neither a directory nor a URL of a known kind.
    #[error(
        "{0} is no place for a store; name a directory, file:///… or, where it was built with S3, s3://BUCKET/PREFIX"
    )]
    NoPlace(String),
    /// The object store refused.
    #[error("cannot {what} {name}")]
    Place {
        /// What was tried.
        what: &'static str,
        /// The file or place.
        name: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// A directory could not be made.
    #[error("cannot make the directory {}; name another one", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Rows could not be encoded.
    #[error("cannot encode episodes as Parquet")]
    Encode(#[from] parquet::errors::ParquetError),
    /// Columns did not fit together.
    #[error("cannot lay out episodes as columns")]
    Layout(#[from] arrow_schema::ArrowError),
}

/// Why a file is left out.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// No Parquet, or not all of it.
    #[error("not a whole Parquet file ({0}); it was cut short or never was one: export it again")]
    Broken(String),
    /// Parquet of another kind.
    #[error("not softoff's: its metadata names no softoff.store schema")]
    Foreign,
    /// Written under a newer schema.
    #[error("written under schema {0}, this softoff reads up to {SCHEMA}: upgrade to read it", SCHEMA = crate::SCHEMA)]
    Newer(String),
    /// A column is missing or of another type.
    #[error("it says it is softoff's, but its column {0} is missing or of another type")]
    Column(String),
    /// Its end is whole, something before it is not.
    #[error("damaged inside ({0})")]
    Damaged(String),
    /// The place refused.
    #[error("cannot be read ({0})")]
    Unreadable(String),
}
