//! The store: episodes of many hosts as Parquet, in a directory or an object store.
//!
//! ```text
//! Episode ─▶ row ─▶ file ─▶ place      date=2026-11-25/host=web-1/<boot id>.parquet
//!            flat   bytes   put whole or not at all
//! ```
//!
//! * [`schema`] is the table of columns, with unit and meaning: the contract `softoff.store/1`.
//! * [`row`] makes an episode one flat row, and says which durations are right-censored.
//! * [`file`](mod@file) turns rows into the bytes of one file, the same rows into the same bytes, and reads what
//!   a file says of itself.
//! * [`partition`] names the files, as Hive does.
//! * [`doubt`] finds what cannot be true: two hosts with one name, clocks years apart.
//! * [`place`] is where files are: a directory or an object store.
//! * [`export`] puts the episodes of a journal there.

pub mod doubt;
pub mod error;
pub mod export;
pub mod file;
pub mod partition;
pub mod place;
pub mod row;
pub mod schema;

pub use error::StoreError;
pub use file::Footer;
pub use partition::Partition;
pub use place::Place;
pub use row::Row;

/// Name and version of the columns, in the metadata of each file. A reader accepts this version and
/// older ones; columns may be added, and a column never changes its meaning.
pub const SCHEMA: &str = "softoff.store/1";
