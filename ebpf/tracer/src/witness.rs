//! Running `softoff-witness`, which looks at one guest and writes what it sees to the journal itself. A
//! program of its own, for calls of libvirt can hang and the recorder must not.
//!
//! ```text
//!         start                 ended by itself
//!  idle ────────▶ looking ────────────────────────▶ idle
//!    ▲               │ 30 s
//!    │               ▼
//!    └─ reaped ── killed, with what it has started
//! ```

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use softoff_journal::record::ProcessId;

use crate::looks::Look;

const PROGRAM: &str = "softoff-witness";

/// How long a look may last. The witness ends by itself before, with what it has.
const LIMIT: Duration = Duration::from_secs(30);

/// The status with which the dynamic loader ends a program whose libraries it does not find.
const NO_LIBRARY: i32 = 127;

/// What came of a look.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The guest was looked at, and that is recorded.
    Seen,
    /// It could not be looked at, and that is recorded.
    Unseen,
    /// It did not end, and recorded nothing.
    Killed,
    /// The witness does not work here: why, in words.
    Unusable(String),
}

/// The witness, at most one at a time.
#[derive(Debug)]
pub struct Witness {
    program: OsString,
    journal: PathBuf,
    settings: bool,
    limit: Duration,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    process: ProcessId,
    begun: Instant,
    killed: bool,
}

impl Witness {
    /// One that writes to this journal; the error says why it does not work here.
    pub fn find(journal: &Path, settings: bool) -> Result<Self, String> {
        Self { program: find(), journal: journal.to_owned(), settings, limit: LIMIT, running: None }.tried()
    }

    /// Has it say its version, which it does without libvirt's daemon, but not without its library.
    fn tried(self) -> Result<Self, String> {
        let mut command = Command::new(&self.program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match outcome(command.status().map_err(|error| not_run(&error))?) {
            Outcome::Seen => Ok(self),
            Outcome::Unusable(why) => Err(why),
            Outcome::Unseen | Outcome::Killed => Err(format!("{PROGRAM} cannot even say its version")),
        }
    }

    /// Whether a look lasts.
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a look; the error says why that is impossible here.
    pub fn start(&mut self, look: &Look) -> Result<(), String> {
        let child = self.command(look).spawn().map_err(|error| not_run(&error))?;
        self.running = Some(Running { child, process: look.process, begun: Instant::now(), killed: false });
        Ok(())
    }

    fn command(&self, look: &Look) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--journal").arg(&self.journal);
        command.args(["--uuid", &look.uuid.to_string(), "--pid", &look.process.pid.to_string()]);
        command.args(["--start-ticks", &look.process.start_ticks.to_string()]);
        command.args((!look.agent).then_some("--no-agent"));
        command.args((look.agent && self.settings).then_some("--settings"));
        // A group of its own: what it has started ends with it.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command
    }

    /// What has come of the look, once it is over. Never waits.
    pub fn poll(&mut self) -> Option<(ProcessId, Outcome)> {
        let running = self.running.as_mut()?;
        let outcome = match running.child.try_wait() {
            Ok(Some(_)) if running.killed => Outcome::Killed,
            Ok(Some(status)) => outcome(status),
            Ok(None) => {
                if running.begun.elapsed() >= self.limit {
                    running.kill();
                }
                return None;
            }
            Err(error) => Outcome::Unusable(format!("{PROGRAM} cannot be waited for ({error})")),
        };
        Some((self.running.take()?.process, outcome))
    }
}

impl Running {
    /// Kills it, without waiting for its end.
    fn kill(&mut self) {
        self.killed = true;
        // Fails where it has just ended, which is all that is wanted.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}

/// Beside this program, as packages and builds have it; otherwise wherever the PATH leads to.
fn find() -> OsString {
    let beside = env::current_exe().map(|own| own.with_file_name(PROGRAM)).ok();
    beside.filter(|path| path.exists()).map_or_else(|| PROGRAM.into(), PathBuf::into_os_string)
}

fn not_run(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{PROGRAM} is neither beside softoff nor in the PATH; install it there")
        }
        _ => format!("{PROGRAM} cannot be run ({error})"),
    }
}

fn outcome(status: ExitStatus) -> Outcome {
    match status.code() {
        Some(0) => Outcome::Seen,
        Some(1) => Outcome::Unseen,
        Some(NO_LIBRARY) => Outcome::Unusable(format!(
            "{PROGRAM} finds no libvirt.so (Debian: libvirt0; run it by hand to see)"
        )),
        Some(2) => {
            Outcome::Unusable(format!("{PROGRAM} cannot write to the journal, or is of another version"))
        }
        _ => Outcome::Killed,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use uuid::Uuid;

    use super::*;

    const LOOK: Look = Look { process: ProcessId { pid: 7, start_ticks: 9 }, uuid: Uuid::nil(), agent: true };

    /// A witness that is this shell script, in a directory that is its journal.
    fn witness(dir: &Path, script: &str, limit: Duration) -> Witness {
        let (aside, program) = (dir.join("aside"), dir.join(PROGRAM));
        fs::write(&aside, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o755)).expect("made executable");
        fs::rename(&aside, &program).expect("moved");
        Witness { program: program.into(), journal: dir.to_owned(), settings: true, limit, running: None }
    }

    fn outcome_of(script: &str, limit: Duration) -> Outcome {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut witness = witness(dir.path(), script, limit);
        // Another test that forks at this moment may still have the script open for writing.
        while let Err(why) = witness.start(&LOOK) {
            assert!(why.contains("busy"), "{why}");
        }
        loop {
            if let Some((process, outcome)) = witness.poll() {
                assert_eq!(process, LOOK.process);
                assert!(!witness.is_busy());
                return outcome;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_status_tells_what_came_of_a_look() {
        let minute = Duration::from_mins(1);
        assert_eq!(outcome_of("exit 0", minute), Outcome::Seen);
        assert_eq!(outcome_of("exit 1", minute), Outcome::Unseen);
        assert_eq!(outcome_of("kill -SEGV $$", minute), Outcome::Killed);
        assert!(matches!(outcome_of("exit 2", minute), Outcome::Unusable(_)));
        assert!(
            matches!(outcome_of("exit 127", minute), Outcome::Unusable(why) if why.contains("libvirt.so"))
        );
    }

    #[test]
    fn where_a_library_is_missing_that_is_known_from_the_start() {
        let dir = tempfile::tempdir().expect("tempdir");
        let tried = |script| loop {
            match witness(dir.path(), script, LIMIT).tried() {
                Err(why) if why.contains("busy") => {}
                tried => return tried.map(drop),
            }
        };
        assert_eq!(tried("[ \"$1\" = --version ]"), Ok(()));
        assert!(tried("exit 127").expect_err("no library").contains("libvirt.so"));
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_has_started() {
        assert_eq!(outcome_of("sleep 1000 & wait", Duration::ZERO), Outcome::Killed);
    }

    #[test]
    fn it_is_told_what_to_look_at() {
        let dir = tempfile::tempdir().expect("tempdir");
        let witness = witness(dir.path(), "", LIMIT);
        let words = |look: &Look| {
            let command = witness.command(look);
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert!(words(&LOOK).ends_with("--pid 7 --start-ticks 9 --settings"), "{}", words(&LOOK));
        let quiet = words(&Look { agent: false, ..LOOK });
        assert!(quiet.ends_with("--start-ticks 9 --no-agent"), "{quiet}");
    }

    #[test]
    fn where_it_is_not_installed_that_is_said() {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut witness = witness(dir.path(), "exit 0", LIMIT);
        witness.program = "/nonexistent/softoff-witness".into();
        let why = witness.start(&LOOK).expect_err("it is not there");
        assert!(why.contains("neither beside softoff nor in the PATH"), "{why}");
        assert_eq!(witness.tried().expect_err("it is not there"), why);
    }
}
