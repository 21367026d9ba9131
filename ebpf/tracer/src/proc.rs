//! Processes, as `/proc` has them.

use std::fs::{self, File};
use std::io::{self, Read};

use softoff_journal::process::Stat;
use softoff_journal::record::ProcessId;

/// The longest command line that is read, in bytes.
const MAX_COMMAND_LINE: u64 = 1 << 20;

/// All process ids there are now.
pub fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The process that has this number now; an error where it has ended, even if nobody has waited
/// for it yet.
pub fn process(pid: u32) -> io::Result<ProcessId> {
    let stat = Stat::parse(&fs::read(format!("/proc/{pid}/stat"))?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no start time in stat"))?;
    if stat.has_ended() {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    Ok(ProcessId { pid, start_ticks: stat.start_ticks })
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
    fn this_process_is_found_with_executable_and_arguments() {
        let pid = std::process::id();
        assert_eq!(process(pid).expect("stat").pid, pid);
        assert!(pids().contains(&pid));
        assert!(!command_line(pid).expect("cmdline").is_empty());
        let (_, name) = executable(pid).expect("exe");
        assert_eq!(name, std::env::current_exe().expect("own path").to_string_lossy());
    }
}
