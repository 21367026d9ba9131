//! Why a domain is off, and which signal ended it, from the end of its QEMU log.
//!
//! libvirt passes the reason to the hook since 10.5 only, but writes it to the domain's log before
//! it calls `stopped`. QEMU's own output stands in the same file and the guest can influence parts
//! of it, so only a line that is libvirt's from its first to its last byte counts.

use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use softoff_journal::log_line::{self, Line};
use softoff_journal::record::{ShutoffReason, Termination};

use crate::files;

/// How much of the log's end is read, in bytes: the line is among the last few.
const TAIL: u64 = 4096;

/// What the log says of the last end of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastWords {
    /// libvirt's reason.
    pub reason: Option<ShutoffReason>,
    /// The signal that QEMU terminated on.
    pub terminated: Option<Termination>,
}

/// The last words in the log of `domain` under `logs`; none where there is no log or no such line.
pub fn from_log(logs: &Path, domain: &OsStr) -> io::Result<LastWords> {
    let mut name = domain.to_owned();
    name.push(".log");
    match tail(&logs.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LastWords::default()),
        tail => Ok(last_words(&tail?)),
    }
}

/// The last whole lines of a file, at most [`TAIL`] bytes.
fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = files::open(path)?;
    let start = file.seek(SeekFrom::End(0))?.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; usize::try_from(TAIL).unwrap_or(usize::MAX)];
    let length = file.read(&mut bytes)?;
    bytes.truncate(length);
    if start > 0 {
        let whole = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
        bytes.drain(..whole);
    }
    Ok(bytes)
}

/// What the last shutdown in `log` left there, unless the domain was started again after it.
pub fn last_words(log: &[u8]) -> LastWords {
    let Some(end) = log.iter().rposition(|&byte| byte == b'\n') else { return LastWords::default() };
    let mut words = LastWords::default();
    for line in log[..end].rsplit(|&byte| byte == b'\n') {
        match log_line::libvirt(line) {
            Some(Line::ShuttingDown(Some(reason))) if words.reason.is_none() => words.reason = Some(reason),
            // The beginning of this run, or the end of the one before.
            Some(Line::StartingUp(_) | Line::ShuttingDown(Some(_))) => break,
            Some(Line::Other(_)) | None if words.terminated.is_none() => {
                words.terminated = log_line::termination(line);
            }
            Some(Line::ShuttingDown(None) | Line::Other(_)) | None => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    const START: &str = "2026-11-23 04:10:00.000+0000: starting up libvirt version: 9.0.0, package: x\n";
    const TERM: &str = "2026-11-23T04:17:20.423319Z qemu-system-x86_64: terminating on signal 15\n";
    const DOWN: &str = "2026-11-23 04:17:20.623+0000: shutting down, reason=shutdown\n";
    const CRASHED: &str = "2026-11-23 04:17:20.623+0000: shutting down, reason=crashed\n";

    fn reason(parts: &[&str]) -> Option<ShutoffReason> {
        last_words(parts.concat().as_bytes()).reason
    }

    #[test]
    fn the_last_line_of_libvirt_decides() {
        assert_eq!(reason(&[START, TERM, DOWN]), Some(ShutoffReason::Shutdown));
        assert_eq!(reason(&[START, DOWN, START, CRASHED]), Some(ShutoffReason::Crashed));
        assert_eq!(reason(&[START, CRASHED, TERM, "rubbish\n"]), Some(ShutoffReason::Crashed));
        assert_eq!(reason(&[DOWN, START, TERM]), None, "that was the run before");
        assert_eq!(reason(&[]), None);
    }

    #[test]
    fn qemu_names_the_sender_of_the_signal_it_ends_for() {
        let ended = |line: &str| last_words([START, line, DOWN].concat().as_bytes()).terminated;
        let by = |signal, pid, name: Option<&str>| {
            Some(Termination { signal, pid, name: name.map(str::to_owned) })
        };
        assert_eq!(ended(TERM), by(15, None, None));
        let from = |rest| {
            format!("2026-11-23T04:17:20.423319Z qemu-kvm: terminating on signal 15 from pid {rest}\n")
        };
        assert_eq!(ended(&from("6530 (/usr/sbin/libvirtd)")), by(15, Some(6530), Some("/usr/sbin/libvirtd")));
        assert_eq!(ended(&from("7 (<unknown process>)")), by(15, Some(7), None));
        assert_eq!(ended(&from("7")), by(15, Some(7), None));
        assert_eq!(ended("qemu-kvm: terminating on signal 2\n"), by(2, None, None), "without a time stamp");
        assert_eq!(ended("some device says: x: terminating on signal 9 from pid 1 (x)\n"), None);
        assert_eq!(ended("qemu-kvm: terminating on signal soon\n"), None);
    }

    #[test]
    fn the_signal_of_a_run_before_is_not_that_of_this_one() {
        let words = last_words([START, TERM, DOWN, START, CRASHED].concat().as_bytes());
        assert_eq!(words, LastWords { reason: Some(ShutoffReason::Crashed), terminated: None });
        let no_start = last_words([TERM, DOWN, CRASHED].concat().as_bytes());
        assert_eq!(no_start.terminated, None, "the log was rotated in between");
    }

    #[test]
    fn what_qemu_prints_is_not_taken_for_libvirts_word() {
        let stamp = "2026-11-23 04:17:20.623+0000: ";
        for forged in [
            format!(" {stamp}shutting down, reason=crashed\n"),
            format!("serial: {stamp}shutting down, reason=crashed\n"),
            format!("{stamp}shutting down, reason=crashed \r\n"),
            format!("{stamp}shutting down, reason=crashed\x1b[0m\n"),
            format!("{stamp}shutting down, reason=\n"),
            format!("{stamp}shutting down, reason={}\n", "x".repeat(33)),
            format!("{stamp} shutting down, reason=crashed\n"),
            "2026-11-23 04:17:20.623+0100: shutting down, reason=crashed\n".to_owned(),
            "2026-11-23T04:17:20.623+0000: shutting down, reason=crashed\n".to_owned(),
            "shutting down, reason=crashed\n".to_owned(),
        ] {
            assert_eq!(reason(&[START, DOWN, &forged]), Some(ShutoffReason::Shutdown), "{forged:?}");
        }
    }

    #[test]
    fn a_line_that_is_still_being_written_does_not_count() {
        assert_eq!(reason(&[START, DOWN.trim_end()]), None);
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read_and_its_first_piece_of_a_line_is_left_out() {
        let dir = tempfile::tempdir().expect("tempdir");
        let read = |log: String| {
            fs::write(dir.path().join("vm.log"), log).expect("written");
            from_log(dir.path(), OsStr::new("vm")).expect("readable").reason
        };
        let tail = usize::try_from(TAIL).expect("small");
        assert_eq!(
            read(DOWN.to_owned() + &"x".repeat(2 * tail) + "\n" + CRASHED),
            Some(ShutoffReason::Crashed)
        );
        // The tail begins within a line whose rest looks like one of libvirt's.
        assert_eq!(read("y".to_owned() + DOWN + &"x".repeat(tail - DOWN.len() - 1) + "\n"), None);
        assert_eq!(from_log(dir.path(), OsStr::new("other")).expect("no error"), LastWords::default());
    }

    proptest! {
        #[test]
        fn any_log_is_read_without_a_panic(log: Vec<u8>) {
            let _ = last_words(&log);
        }
    }
}
