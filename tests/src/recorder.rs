//! `softoff trace`, run by the lab.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// Time for the recorder to load its programs on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the recorder says when it watches.
const READY: &str = "ready:";

/// A recorder that runs. Dropped, it is killed; [`Recorder::stop`] is the orderly way.
#[derive(Debug)]
pub struct Recorder {
    process: Child,
    said: Said,
    /// Reads what it says, so that it never waits for the lab.
    reader: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts `softoff trace` with the command that has all words before the verb, and waits until
    /// it says that it is ready.
    pub fn start(softoff: Command) -> anyhow::Result<Self> {
        let mut recorder = Self::spawn(softoff)?;
        wait::until("softoff trace becoming ready", PATIENCE, || {
            let ended = recorder.process.try_wait().context("cannot wait for softoff trace")?;
            anyhow::ensure!(
                ended.is_none(),
                "softoff trace ended at once: {}",
                recorder.said.all().join("; ")
            );
            Ok(recorder.ready_line().is_some())
        })?;
        Ok(recorder)
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
        let said = Said::default();
        let reader = thread::spawn({
            let said = said.clone();
            move || said.follow(output)
        });
        Ok(Self { process, said, reader: Some(reader) })
    }

    /// The line that says what is watched, once it has been said.
    pub fn ready_line(&self) -> Option<String> {
        self.said.all().into_iter().find(|line| line.contains(READY))
    }

    /// Ends it as a service manager does, and returns everything it has said.
    pub fn stop(mut self) -> anyhow::Result<Vec<String>> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).context("cannot stop softoff trace")?;
        let status = self.process.wait().context("cannot wait for softoff trace")?;
        // It cannot panic, and without it the last lines would be missing, no more.
        let _ = self.reader.take().map(JoinHandle::join);
        let said = self.said.all();
        anyhow::ensure!(status.success(), "softoff trace ended with {status}: {}", said.join("; "));
        Ok(said)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Both fail when it has ended, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines a recorder has printed so far.
#[derive(Debug, Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn follow(&self, output: ChildStderr) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
