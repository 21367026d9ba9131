//! The command line of softoff. It only wires: journal to analyzer to reports, and the tracer to
//! the journal.

mod choose;
mod cli;
mod completions;
mod demo;
mod episodes;
mod explain;
mod export;
mod fleet;
mod import;
mod install;
mod list;
mod man;
mod output;
mod pictures;
mod plot;
mod report;
mod schema;
mod trace;

use std::process::ExitCode;

use clap::Parser;
use softoff_reports::{failure, is_broken_pipe};

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("softoff: {}", failure(error.as_ref()));
            ExitCode::from(2)
        }
    }
}
