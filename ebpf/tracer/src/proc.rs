//! Processes, as `/proc` has them.

use std::fs::{self, File};
use std::io::{self, Read};

use softoff_journal::record::ProcessId;

/// The longest command line that is read, in bytes.
const MAX_COMMAND_LINE: u64 = 1 << 20;

/// Nanoseconds in a tick of `/proc/PID/stat`: `USER_HZ` is 100 on every architecture with KVM.
pub const NANOS_PER_TICK: u64 = 10_000_000;

/// All process ids there are now.
pub fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The process that has this number now; an error where it has ended, even if nobody has waited
/// for it yet.
pub fn process(pid: u32) -> io::Result<ProcessId> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    if has_ended(&stat) {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    start_ticks(&stat)
        .map(|start_ticks| ProcessId { pid, start_ticks })
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no start time in stat"))
}

/// Field 3: a zombie, or dead.
fn has_ended(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with(['Z', 'X']))
}

/// Field 22. The second field is the command name, which may contain anything, so the count
/// begins behind its last closing parenthesis.
fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The command line, each argument ended by a zero byte; at most [`MAX_COMMAND_LINE`] bytes.
pub fn command_line(pid: u32) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/cmdline"))?.take(MAX_COMMAND_LINE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The executable: open, so that it stays what it is when the process ends, and its name for
/// people.
pub fn executable(pid: u32) -> io::Result<(File, String)> {
    let link = format!("/proc/{pid}/exe");
    let name = fs::read_link(&link)?.to_string_lossy().into_owned();
    Ok((File::open(&link)?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2 3";
        assert_eq!(start_ticks(stat), Some(4242));
        assert_eq!(start_ticks("7 (cut"), None);
        assert_eq!(start_ticks(""), None);
    }

    #[test]
    fn a_process_that_was_not_waited_for_has_ended() {
        assert!(has_ended("7 (qemu) Z 1 7 7"));
        assert!(!has_ended("7 (Z) S 1 7 7"));
        assert!(!has_ended(""));
    }

    #[test]
    fn this_process_is_found_with_executable_and_arguments() {
        let pid = std::process::id();
        assert_eq!(process(pid).expect("stat").pid, pid);
        assert!(pids().contains(&pid));
        assert!(!command_line(pid).expect("cmdline").is_empty());
        let (_, name) = executable(pid).expect("exe");
        assert_eq!(name, std::env::current_exe().expect("own path").to_string_lossy());
    }
}
