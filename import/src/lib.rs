//! Evidence from elsewhere, made journal records: what operators have already.
//!
//! ```text
//! /var/log/libvirt/qemu/NAME.log ─▶ qemu_log ─┐
//!                                             ├─▶ file ─▶ imported.<kind>.<key>.jsonl, beside the journal
//! System.evtx, Setup.evtx, …     ─▶ evtx ─────┘           complete or not there at all
//! ```
//!
//! * [`evtx`] reads Windows event logs.
//! * [`file`] is a journal file that is written in one go; the same source gives the same file, so that
//!   importing twice changes nothing.
//! * [`qemu_log`] reads domains' logs, written by libvirt and QEMU.

pub mod evtx;
pub mod file;
pub mod qemu_log;

pub use file::{ImportError, ImportFile};
