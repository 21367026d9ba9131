//! The journal: what every part of softoff writes to and reads from, and nothing else.
//!
//! ```text
//! hook ────┐
//! tracer ──┼─▶ Writer ─▶ <day>.<boot>.<writer>.jsonl ─┬─▶ Reader ─▶ analyzer
//! witness ─┘             first line: provenance       │   counts what it cannot read
//! import ────────────▶ imported.<kind>.<key>.jsonl ───┘
//! ```
//!
//! * [`record`] is the schema: one [`Record`] per line, JSON, versioned.
//! * [`clock`] stamps records with `CLOCK_BOOTTIME` (for linking) and wall time (for people).
//! * [`log_line`] is how libvirt's and QEMU's own lines are told in a domain's log.
//! * [`process`] is how a process is told from a later one with its number.
//! * [`writer`] appends: one `write` per record on an `O_APPEND` file, so writers never interleave.
//! * [`reader`] streams records back, in bounded memory, and says what it had to leave out.

pub mod clock;
pub mod error;
pub mod log_line;
pub mod process;
pub mod reader;
pub mod record;
pub mod writer;

pub use clock::Stamp;
pub use error::JournalError;
pub use reader::{Defect, DefectKind, Entry, Origin, Reader};
pub use record::{Event, Record};
pub use writer::Writer;

/// Where the journal lives unless `--journal` or `SOFTOFF_JOURNAL` says otherwise.
pub const DEFAULT_DIR: &str = "/var/lib/softoff/journal";

/// Name and version of the record schema; a reader accepts this version and older ones.
pub const SCHEMA: &str = "softoff.journal/1";
