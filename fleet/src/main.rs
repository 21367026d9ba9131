//! `softoff fleet`: how long shutdowns take over many hosts, what costs most, and whether it got worse.
//!
//! ```text
//! journals, exports ─▶ collect ─▶ store ─▶ engine ─▶ groups ─▶ survival ─▶ summary, compare ─▶ people
//!                      synth ───▶                    counts in                top
//!                                                    bins
//! ```
//!
//! * [`collect`] brings the records of many hosts together, [`synth`] makes fleets up whose truth is known.
//! * [`files`] are those of the store, [`engine`] is DataFusion over them, on this machine or a [`cluster`];
//!   [`by`] writes its statements, [`query`] takes yours.
//! * [`bins`] are the bins that shutdowns are counted into, [`groups`] the counts of each group.
//! * [`survival`] makes percentiles and differences of the counts, cut-off shutdowns taken into account.
//! * [`summary`], [`top`] and [`compare`] show them, as [`table`] or JSON; [`charts`] draws them.

mod bins;
mod by;
mod charts;
mod cli;
mod cluster;
mod collect;
mod compare;
mod engine;
mod files;
mod groups;
mod out;
mod progress;
mod query;
mod range;
mod summary;
mod survival;
mod synth;
mod table;
mod top;
mod warn;

use std::process::ExitCode;

use clap::Parser;
use softoff_reports::{failure, is_broken_pipe, visible};

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("softoff-fleet: {}", visible(&failure(error.as_ref())));
            ExitCode::from(2)
        }
    }
}
