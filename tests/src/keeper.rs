//! The keeper: a process that holds a lab's namespaces and ends everything in them with the lab.
//!
//! ```text
//! lab                                keeper
//!  │ ── starts: softoff-lab keep DIR ─▶ enters new namespaces
//!  │ ◀────────────── "ready" ───────── │
//!  │ … programs join by nsenter …      reads its standard input
//!  │ ── closes the pipe, or dies ────▶ end of file: kills all that is in the namespace,
//!  ▼                                   removes DIR, ends
//! ```
//!
//! The pipe makes one path of all endings: a test that passes, panics, is interrupted or killed.
//! Members are told by their mount namespace, so nothing else can be hit.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::layout::Layout;
use crate::{namespace, wait};

/// What the keeper prints when programs may join.
const READY: &str = "ready";

/// Set to keep a lab's directory for a look at its logs.
const KEEP_DIRECTORY: &str = "SOFTOFF_LAB_KEEP";

/// A running keeper, seen from the lab.
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
        let keeper_output = process.stdout.take().context("the keeper has no standard output")?;
        let keeper = Self { process, pipe };
        let mut line = String::new();
        BufReader::new(keeper_output).read_line(&mut line).context("cannot read from the keeper")?;
        anyhow::ensure!(line.trim_end() == READY, "the keeper of the lab's namespace did not start");
        Ok(keeper)
    }

    /// A command that runs inside the lab's namespaces.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let namespaces = PathBuf::from(format!("/proc/{}/ns", self.process.id()));
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount={}", namespaces.join("mnt").display()))
            .arg(format!("--net={}", namespaces.join("net").display()))
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

/// The keeper's own life, from its start to the end of the lab.
pub fn keep(root: &Path) -> anyhow::Result<()> {
    namespace::enter(&Layout::at(root))?;
    println!("{READY}");
    // Only the end of the pipe matters, not what may come through it.
    io::stdin().read_to_end(&mut Vec::new()).context("cannot read standard input")?;
    end_members()?;
    if std::env::var_os(KEEP_DIRECTORY).is_some() {
        eprintln!("softoff-lab: kept {}", root.display());
        return Ok(());
    }
    fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))
}

/// Kills all other processes of this mount namespace and waits until they are gone.
fn end_members() -> anyhow::Result<()> {
    let own = fs::read_link("/proc/self/ns/mnt").context("cannot read the own mount namespace")?;
    wait::until("the end of the lab's processes", Duration::from_secs(30), || {
        let mut left = false;
        for pid in other_processes()? {
            left |= kill_member(pid, &own);
        }
        Ok(!left)
    })
}

fn other_processes() -> anyhow::Result<Vec<Pid>> {
    let own = rustix::process::getpid();
    let entries = fs::read_dir("/proc").context("cannot list /proc")?;
    let pids = entries.filter_map(|entry| Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?));
    Ok(pids.filter(|pid| *pid != own).collect())
}

/// Kills the process if it is in `namespace`, and tells whether it was.
fn kill_member(pid: Pid, namespace: &Path) -> bool {
    // The descriptor is opened before the namespace is read: the number may be another's by then,
    // the descriptor cannot.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    let link = format!("/proc/{}/ns/mnt", pid.as_raw_nonzero());
    let member = fs::read_link(link).is_ok_and(|its| its == namespace);
    if member {
        // It may be gone already, which is what is wanted.
        let _ = pidfd_send_signal(process, Signal::KILL);
    }
    member
}
