//! The verbs that show episodes, run as a user runs them: what they print, where, and how they end.

mod export;
mod importing;
mod imports;
mod journal;
mod looks;
mod metrics;
mod outputs;
mod selection;
mod trouble;

use std::path::Path;

use assert_cmd::Command;

/// How a run of softoff ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs softoff on the journal in `dir`.
fn softoff(dir: &Path, arguments: &[&str]) -> Ended {
    let output = command(dir).args(arguments).output().expect("softoff runs");
    Ended {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_softoff"));
    command.current_dir(dir).env("SOFTOFF_JOURNAL", dir).env_remove("CLICOLOR_FORCE");
    command
}
