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

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("softoff: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `softoff list | head` is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
