//! The lab: a private libvirt whose guests misbehave on cue, for the demo and the end-to-end tests.
//!
//! ```text
//!   test or demo                     keeper (own mount and network namespace)
//!   ────────────                     ────────────────────────────────────────
//!   Lab ──── starts ───────────────▶ binds a temporary directory over libvirt's own
//!    │                                │
//!    ├─ nsenter ───────────────────▶  ├─ virtlogd, libvirtd ──▶ QEMU, softoff-hook
//!    ├─ nsenter ───────────────────▶  ├─ softoff install, softoff trace
//!    └─ virt, over libvirtd's socket  └─ ends all of it when the lab ends, however it ends
//! ```
//!
//! Nothing here touches the machine's own libvirt, and any number of labs run side by side.

pub mod answer;
pub mod boot_sector;
pub mod cgroup;
pub mod command;
pub mod daemons;
pub mod demo;
pub mod docs;
pub mod excerpt;
pub mod expect;
pub mod guest;
pub mod image;
pub mod init;
pub mod keeper;
pub mod lab;
pub mod layout;
pub mod matrix;
pub mod namespace;
pub mod play;
pub mod programs;
pub mod recorder;
pub mod results;
pub mod runner;
pub mod scenario;
pub mod slide;
pub mod span;
pub mod spec;
pub mod stage;
pub mod storage;
pub mod view;
pub mod wait;

pub use boot_sector::BootSector;
pub use guest::Guest;
pub use lab::Lab;
pub use recorder::Recorder;
pub use spec::{DomainSpec, Machine};
pub use stage::Stage;
