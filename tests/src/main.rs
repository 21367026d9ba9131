//! `softoff-lab`: the lab's program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use softoff_lab::command::RunArgs;

/// The lab: real libvirt, real QEMU, and guests that misbehave on cue.
#[derive(Debug, Parser)]
enum Verb {
    /// Plays scenarios and judges what softoff says of each.
    Run(RunArgs),
    /// Shuts three guests down under a private libvirt and has softoff explain them.
    Demo {
        /// Where to leave the results; those of an earlier demo are overwritten.
        output: PathBuf,
    },
    /// Holds the namespaces of a lab until its standard input ends (started by the lab itself).
    #[command(hide = true)]
    Keep {
        /// The lab's directory.
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Verb::parse() {
        Verb::Run(run) => run.run(),
        Verb::Demo { output } => softoff_lab::demo::run(&output).map(|()| ExitCode::SUCCESS),
        Verb::Keep { directory } => softoff_lab::init::keep(&directory).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("softoff-lab: {error:#}");
        ExitCode::from(2)
    })
}
