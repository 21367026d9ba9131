//! The lab's hold on its keeper, the process that owns the namespaces: started first, ended last.
//!
//! ```text
//! lab                                keeper (see `init`)
//!  │ ── starts: softoff-lab keep DIR ─▶ enters new namespaces, starts virtlogd and libvirtd
//!  │ ◀────────────── "ready" ───────── │
//!  │ … programs join by nsenter …      reads its standard input
//!  │ ── closes the pipe, or dies ────▶ end of file: kills all that is in the namespace,
//!  ▼                                   removes DIR, ends
//! ```
//!
//! The pipe makes one path of all endings: a test that passes, panics, is interrupted or killed.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context;

use crate::layout::Layout;

/// What the keeper prints when programs may join.
pub(crate) const READY: &str = "ready";

/// A running keeper.
#[derive(Debug)]
pub struct Keeper {
    process: Child,
    /// Closing it tells the keeper to end everything.
    pipe: Option<ChildStdin>,
}

impl Keeper {
    /// Starts `program` as keeper of a lab's directory and waits until it is ready.
    pub fn start(program: &Path, layout: &Layout) -> anyhow::Result<Self> {
        let mut process = Command::new(program)
            .arg("keep")
            .arg(layout.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt at the terminal ends the lab; the keeper must outlive it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let pipe = process.stdin.take();
        let output = process.stdout.take().context("the keeper has no standard output")?;
        let keeper = Self { process, pipe };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("cannot read from the keeper")?;
        anyhow::ensure!(line.trim_end() == READY, "the keeper of the lab's namespace did not start");
        Ok(keeper)
    }

    /// A command that runs inside the lab's namespaces.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let keeper = PathBuf::from(format!("/proc/{}", self.process.id()));
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount={}", keeper.join("ns/mnt").display()))
            .arg(format!("--net={}", keeper.join("ns/net").display()))
            // In a chroot the root is not that of the namespace.
            .arg(format!("--root={}", keeper.join("root").display()))
            .arg("--")
            .arg(program.as_ref());
        command
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if let Err(error) = self.process.wait() {
            eprintln!("softoff-lab: cannot wait for the keeper: {error}");
        }
    }
}
