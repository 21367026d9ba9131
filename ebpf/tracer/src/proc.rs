//! Processes, as `/proc` has them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};

use softoff_abi::COMM_LEN;
use softoff_journal::process::Stat;
use softoff_journal::record::ProcessId;

/// The longest command line that is read, in bytes.
const MAX_COMMAND_LINE: u64 = 1 << 20;

/// How much of a process's memory map is read, in bytes: some 200 000 mappings.
const MAX_MAPS: u64 = 16 << 20;

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

/// The command name.
pub fn comm(pid: u32) -> io::Result<[u8; COMM_LEN]> {
    let mut name = fs::read(format!("/proc/{pid}/comm"))?;
    name.pop_if(|last| *last == b'\n');
    name.resize(COMM_LEN, 0);
    name.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// The first file that is mapped and whose name begins with `prefix`: open, and its name for people.
pub fn mapped(pid: u32, prefix: &str) -> io::Result<Option<(File, String)>> {
    let maps = BufReader::new(File::open(format!("/proc/{pid}/maps"))?.take(MAX_MAPS));
    for line in maps.split(b'\n') {
        let line = line?;
        let Some((range, path)) = mapping(&line) else { continue };
        if path.rsplit('/').next().is_some_and(|name| name.starts_with(prefix)) {
            return open_mapped(pid, range, path).map(|file| Some((file, path.to_owned())));
        }
    }
    Ok(None)
}

/// Address range and file of a line: `7f00-7f10 r-xp 00000000 fe:01 4711    /usr/lib/libvirt.so.0`.
fn mapping(line: &[u8]) -> Option<(&str, &str)> {
    let line = std::str::from_utf8(line).ok()?;
    let (range, rest) = line.split_once(' ')?;
    Some((range, &rest[rest.find('/')?..]))
}

/// By address, which works for deleted files too, or by name, which needs fewer rights.
fn open_mapped(pid: u32, range: &str, path: &str) -> io::Result<File> {
    File::open(format!("/proc/{pid}/map_files/{range}"))
        .or_else(|_| File::open(format!("/proc/{pid}/root{path}")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

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

    #[test]
    fn the_c_library_of_this_process_is_the_file_that_is_mapped() {
        let pid = std::process::id();
        let (file, name) = mapped(pid, "libc.so").expect("readable").expect("mapped");
        let named = fs::metadata(&name).expect("a file of that name");
        assert_eq!(file.metadata().expect("metadata").ino(), named.ino());
        assert!(mapped(pid, "libvirt.so").expect("readable").is_none());
        assert!(mapped(u32::MAX, "libc.so").is_err());
    }

    #[test]
    fn a_mapping_without_a_file_is_passed_over() {
        assert_eq!(mapping(b"7f00-7f10 rw-p 00000000 00:00 0 "), None);
        assert_eq!(mapping(b"7f00-7f10 rw-p 00000000 00:00 0   [heap]"), None);
        let library = b"7f00-7f10 r-xp 00001000 fe:01 4711     /a b/libvirt.so.0 (deleted)";
        assert_eq!(mapping(library), Some(("7f00-7f10", "/a b/libvirt.so.0 (deleted)")));
    }

    #[test]
    fn a_command_name_is_padded_with_zeros() {
        let name = comm(std::process::id()).expect("a name");
        assert_eq!(name[COMM_LEN - 1], 0);
        assert_ne!(name[0], 0);
        assert!(!name.contains(&b'\n'));
        assert!(comm(u32::MAX).is_err());
    }
}
