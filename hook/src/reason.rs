//! Why a domain is off, from the end of its QEMU log.
//!
//! libvirt passes the reason to the hook since 10.5 only, but writes it to the domain's log before
//! it calls `stopped`. QEMU's own output stands in the same file and the guest can influence parts
//! of it, so only a line that is libvirt's from its first to its last byte counts.

use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use softoff_journal::record::ShutoffReason;

use crate::files;

/// How much of the log's end is read, in bytes: the line is among the last few.
const TAIL: u64 = 4096;

/// The reason in the log of `domain` under `logs`; `None` where there is no log or no such line.
pub fn from_log(logs: &Path, domain: &OsStr) -> io::Result<Option<ShutoffReason>> {
    let mut name = domain.to_owned();
    name.push(".log");
    match tail(&logs.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        tail => Ok(last_reason(&tail?)),
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

/// The reason of the last shutdown in `log`, unless the domain was started again after it.
pub fn last_reason(log: &[u8]) -> Option<ShutoffReason> {
    let whole = &log[..=log.iter().rposition(|&byte| byte == b'\n')?];
    let last = whole.rsplit(|&byte| byte == b'\n').find_map(libvirt_line)?;
    match last {
        Line::ShuttingDown(reason) => Some(reason),
        Line::StartingUp => None,
    }
}

/// The lines of libvirt that matter here.
enum Line {
    StartingUp,
    ShuttingDown(ShutoffReason),
}

fn libvirt_line(line: &[u8]) -> Option<Line> {
    let text = message(line)?;
    if text.starts_with("starting up libvirt version: ") {
        return Some(Line::StartingUp);
    }
    let reason = text.strip_prefix("shutting down, reason=")?;
    is_reason(reason).then(|| Line::ShuttingDown(ShutoffReason::from_libvirt(reason)))
}

/// What follows libvirt's time stamp (`2026-11-23 04:17:20.423+0000: `, always UTC).
fn message(line: &[u8]) -> Option<&str> {
    const FORM: &[u8] = b"0000-00-00 00:00:00.000+0000: ";
    let (stamp, message) = line.split_at_checked(FORM.len())?;
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    let zone = &stamp[FORM.len() - 7..];
    (stamp.iter().zip(FORM).all(fits) && zone == b"+0000: ").then(|| std::str::from_utf8(message).ok())?
}

/// libvirt's reasons are lower-case words (one is `from snapshot`); newer ones are taken as they are.
fn is_reason(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ')
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
        last_reason(parts.concat().as_bytes())
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
            from_log(dir.path(), OsStr::new("vm")).expect("readable")
        };
        let tail = usize::try_from(TAIL).expect("small");
        assert_eq!(
            read(DOWN.to_owned() + &"x".repeat(2 * tail) + "\n" + CRASHED),
            Some(ShutoffReason::Crashed)
        );
        // The tail begins within a line whose rest looks like one of libvirt's.
        assert_eq!(read("y".to_owned() + DOWN + &"x".repeat(tail - DOWN.len() - 1) + "\n"), None);
        assert_eq!(from_log(dir.path(), OsStr::new("other")).expect("no error"), None);
    }

    proptest! {
        #[test]
        fn any_log_is_read_without_a_panic(log: Vec<u8>) {
            let _ = last_reason(&log);
        }
    }
}
