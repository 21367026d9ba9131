//! The libvirt qemu hook of softoff: what it records, and how it is put in place.
//!
//! ```text
//! libvirt ── argv ──▶ arguments ─┐
//!         ── XML ───▶ domain_xml ┼─▶ call ─▶ journal (journal_dir says which)
//! /run, /proc ──────▶ process ───┤     │
//! domain log ───────▶ reason ────┘     └───▶ chain ─▶ the hook that was there before
//! ```
//!
//! libvirt waits for the hook while it holds the domain's lock, and a hook that fails can keep a VM
//! from starting. So the program reads little, in bounded time ([`standard_input`]), writes one
//! record, and ends with 0 whatever happens. Everything it cannot find out is said in the record.
//!
//! [`install`] is for `softoff install` and `softoff uninstall`; the hook program does not use it.

pub mod arguments;
pub mod call;
pub mod chain;
pub mod domain_xml;
mod files;
pub mod install;
pub mod journal_dir;
pub mod mark;
pub mod process;
pub mod reason;
pub mod standard_input;
