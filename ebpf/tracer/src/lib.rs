//! The tracer: finds QEMU processes and libvirt's daemon, attaches the eBPF programs to them and to the
//! kernel, and writes what they see to the journal. It only reads; no VM ever waits for it.
//!
//! ```text
//! /proc, exec, libvirt's pid files ─▶ discovery ─▶ attachment (once per binary) ─▶ Qemu record
//!                                                        │
//! kernel ─▶ ring buffer ─▶ decode ─────────────────▶ Tracer::run ─▶ sink ─▶ journal
//! ```
//!
//! * [`sentinel`] is the table of what is attached to QEMU and libvirt, and what each one is for.
//! * `binary` reads an executable or a library: where the sentinels are, and QEMU's PM1 registers.
//! * `kernel`, `tracefs`: what this kernel offers, and where its structures have their fields.
//! * `programs` loads and attaches.
//! * `attachment` keeps what was attached to; `discovery`, `proc`, `cmdline`, `libvirt`: which
//!   processes are virtual machines, and whose.
//! * `daemon` finds libvirt's daemons and their library, and follows what they are asked for.
//! * `decode` turns an event into a sign; `sink` writes records and survives a full disk.
//! * `forensics` is the second stage, while a shutdown lasts: `window` says for how long, `block` and
//!   `disks` count requests, `vcpu`, `quota` and `pressure` read `/proc`, `activity` makes bins of it.
//! * `looks` says when a guest is looked at while its shutdown lasts, and `witness` runs what looks.
//! * [`tracer`] is the loop that ties them together.

mod activity;
mod attachment;
mod binary;
mod block;
mod cmdline;
mod daemon;
mod decode;
mod discovery;
mod disks;
mod error;
mod forensics;
mod kernel;
mod libvirt;
mod looks;
mod notice;
mod pm1;
mod pressure;
mod proc;
mod programs;
mod quota;
pub mod sentinel;
mod sink;
mod tracefs;
pub mod tracer;
mod vcpu;
mod window;
mod witness;

pub use error::TracerError;
pub use looks::LookPlan;
pub use notice::Notice;
pub use tracer::{Losses, Summary, Tracer};
