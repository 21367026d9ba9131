//! `softoff trace`, run by the lab.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// Time for the recorder to load its programs, or to write what it still has, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A recorder that runs. Dropped, it is killed; [`Recorder::stop`] is the orderly way.
#[derive(Debug)]
pub struct Recorder {
    process: Child,
    /// What it prints, line by line.
    lines: Receiver<String>,
    /// What it has printed until it was ready.
    preface: Vec<String>,
}

impl Recorder {
    /// Starts `softoff trace` with the command that has all words before the verb, and waits until
    /// it says that it is ready.
    pub fn start(softoff: Command) -> anyhow::Result<Self> {
        let mut recorder = Self::spawn(softoff)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = recorder.lines.recv_timeout(left).with_context(|| {
                format!("softoff trace does not become ready; it says: {}", recorder.preface.join("; "))
            })?;
            let ready = line.contains("ready:");
            recorder.preface.push(line);
            if ready {
                return Ok(recorder);
            }
        }
    }

    /// Starts it without waiting.
    pub fn spawn(mut softoff: Command) -> anyhow::Result<Self> {
        let mut process = softoff
            .arg("trace")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {softoff:?}"))?;
        let output = process.stderr.take().context("softoff trace has no standard error")?;
        Ok(Self { process, lines: follow(output), preface: Vec::new() })
    }

    /// The line that says what is watched.
    pub fn ready_line(&self) -> &str {
        self.preface.last().map_or("", String::as_str)
    }

    /// Ends it as a service manager does, and returns everything it has said.
    pub fn stop(mut self) -> anyhow::Result<Vec<String>> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).context("cannot stop softoff trace")?;
        let status = self.process.wait().context("cannot wait for softoff trace")?;
        let mut lines = std::mem::take(&mut self.preface);
        lines.extend(self.lines.iter());
        anyhow::ensure!(status.success(), "softoff trace ended with {status}: {}", lines.join("; "));
        Ok(lines)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Both fail when it has ended, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads lines as they come, so that the recorder never waits for the lab.
fn follow(output: ChildStderr) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
