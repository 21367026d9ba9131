//! A hooks directory with the hook program in it, and calls of it as libvirt makes them.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use softoff_journal::record::HookCall;
use softoff_journal::{Event, Reader};
use tempfile::TempDir;

/// The hook program under test.
pub const HOOK: &str = env!("CARGO_BIN_EXE_softoff-hook");

/// UUID of the domain in [`XML`].
pub const UUID: &str = "c7a5fdbd-edaf-4466-926d-8a4c3d8d9c7a";

/// A domain's XML as libvirt passes it.
pub const XML: &str = include_str!("../../benches/domain.xml");

/// A hooks directory of its own, with a journal beside it.
pub struct Hooks {
    root: TempDir,
    program: PathBuf,
}

impl Hooks {
    /// With the hook at `place` in the hooks directory, and a link to the journal.
    pub fn with_hook_at(place: &str) -> Self {
        let root = tempfile::tempdir().expect("tempdir");
        let program = root.path().join("hooks").join(place);
        fs::create_dir_all(program.parent().expect("a parent")).expect("created");
        symlink(HOOK, &program).expect("linked");
        let hooks = Self { root, program };
        symlink(hooks.journal(), hooks.dir().join("softoff-journal")).expect("linked");
        hooks
    }

    pub fn dir(&self) -> PathBuf {
        self.root.path().join("hooks")
    }

    pub fn journal(&self) -> PathBuf {
        self.root.path().join("journal")
    }

    /// A call with `args` after the program's name and an environment like the one libvirt gives.
    pub fn command(&self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg0(&self.program).args(args);
        command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
        command
    }

    /// Calls the hook and writes `stdin` to it.
    pub fn call(&self, args: impl IntoIterator<Item: AsRef<OsStr>>, stdin: &[u8]) -> Output {
        feed(&mut self.command(args), stdin)
    }

    /// The calls in the journal.
    pub fn records(&self) -> Vec<HookCall> {
        records(&self.journal())
    }
}

/// Runs a command with `stdin`, which it need not read, and takes what it prints. Returns only when
/// nobody holds its output any more.
pub fn feed(command: &mut Command, stdin: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("started");
    let mut pipe = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || pipe.write_all(stdin));
        child.wait_with_output().expect("ended")
    })
}

/// The hook calls in a journal, which must be sound.
pub fn records(journal: &Path) -> Vec<HookCall> {
    let entries = Reader::open(journal).expect("a journal").map(|entry| entry.expect("a sound record"));
    let calls = entries.filter_map(|entry| match entry.record.event {
        Event::Hook(call) => Some(call),
        _ => None,
    });
    calls.collect()
}

/// What libvirt wants to see: no word and exit code 0.
#[track_caller]
pub fn assert_silent(output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}
