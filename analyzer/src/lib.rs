//! Journal records in, episodes out: pure functions over values, no I/O.
//!
//! ```text
//! Entry ─▶ gather ─▶ Run ─▶ attempt ─▶ marks ─▶ phases ─────────────────────────┐
//!          by boot,  one     a request  request, SCI,                            ├─▶ assemble ─▶ Episode
//!          UUID and  life    and what   ack, S5, …, ─▶ outcome ─▶ clues ─▶ classify ─▶ advice
//!          process   of one  came of it release                     └─▶ evidence, risk ─┘
//!                    QEMU
//! ```
//!
//! * [`gather`] links records of hook and probe into runs, in any order, in bounded memory.
//! * [`run`] is one life of one QEMU process; its facts are all that is known of it.
//! * [`attempt`] finds the attempts to end it: the state machine of a shutdown.
//! * [`marks`] are the moments that divide an attempt, [`phases`] the stretches between them.
//! * [`outcome`] says how it ended, [`classify`] why, [`advice`] what to do, [`risk`] what it may have cost.
//! * [`activity`] is what the guest did to disks and CPUs, [`agent`] the port of its agent.
//! * [`last_words`] are what a domain's log says of deaths, [`join_log`] tells each end once.
//! * [`clue`] finds what bears on the cause, [`weights`] is the table of what each clue is worth.
//! * [`sight`] is what could have been seen: only then does absence mean anything.
//! * [`screen`] knows what Windows shows while it shuts down.
//! * [`guest_log`] is what guests' own event logs say, joined to all this.
//! * [`evidence`] tells what was seen, in sentences.
//! * [`episode`] is what comes out, the contract `softoff.episode/1`; [`cause`] its vocabulary.

pub mod activity;
pub mod advice;
pub mod agent;
mod assemble;
pub mod attempt;
pub mod cause;
pub mod classify;
pub mod clue;
pub mod episode;
pub mod evidence;
pub mod gather;
pub mod guest_log;
pub mod join_log;
pub mod last_words;
pub mod limits;
pub mod marks;
pub mod outcome;
pub mod phases;
pub mod risk;
pub mod run;
pub mod screen;
pub mod sight;
pub mod weights;

pub use cause::Cause;
pub use episode::Episode;
pub use gather::{Analysis, Analyzer, AsOf, analyze, analyze_with};
pub use guest_log::GuestLogs;
