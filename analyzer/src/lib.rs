//! Journal records in, episodes out: pure functions over values, no I/O.
//!
//! ```text
//! Entry ─▶ run (one life of one QEMU) ─▶ link ─▶ phases ─▶ classify ─▶ Episode
//! ```
//!
//! * [`episode`] is what comes out: the contract `softoff.episode/1`.
//! * [`cause`] is the vocabulary of causes.

pub mod cause;
pub mod episode;

pub use cause::Cause;
pub use episode::Episode;
