//! The QEMU process of a domain: its pid from libvirt's pid file, its start time from the kernel.
//!
//! libvirt keeps `NAME.pid` from before `started` until between `stopped` and `release`
//! (qemuProcessRemoveDomainStatus). Daemons of `qemu:///session` keep it in a place the hook is not
//! told, so a missing file is no fault.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::files;

/// The pid in libvirt's pid file of `domain` under `run`; `None` where there is no such file.
pub fn pid(run: &Path, domain: &OsStr) -> io::Result<Option<u32>> {
    let mut name = domain.to_owned();
    name.push(".pid");
    let mut buffer = [0; 32];
    let Some(text) = files::head(&run.join(name), &mut buffer)? else { return Ok(None) };
    let pid = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
    pid.filter(|&pid| pid != 0).map(Some).ok_or_else(|| invalid("it holds no process id"))
}

/// What softoff reads of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Command name (field 2), at most 15 bytes, chosen by the process itself.
    pub comm: Vec<u8>,
    /// Start time in clock ticks since boot (field 22).
    pub start_ticks: u64,
}

impl Stat {
    /// Reads the process's `stat` under `proc`; `None` where there is no such process.
    pub fn read(proc: &Path, pid: u32) -> io::Result<Option<Self>> {
        let mut buffer = [0; 1024];
        match files::head(&proc.join(pid.to_string()).join("stat"), &mut buffer) {
            // The process ended between open and read.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(None),
            Err(error) => Err(error),
            Ok(None) => Ok(None),
            Ok(Some(text)) => Self::parse(text).map(Some).ok_or_else(|| invalid("it has an unknown form")),
        }
    }

    /// Parses the line. The command name may hold spaces and parentheses: it ends at the last one.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')')?;
        let comm = line.get(open + 1..close)?.to_vec();
        // The first word after the name is field 3.
        let ticks = std::str::from_utf8(&line[close + 1..]).ok()?.split_ascii_whitespace().nth(22 - 3)?;
        Some(Self { comm, start_ticks: ticks.parse().ok()? })
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS: &str = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";

    #[test]
    fn a_command_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        for comm in ["qemu-system-x86", "a) S 1 (b", ")", "(((", " "] {
            let stat = Stat::parse(format!("77 ({comm}) {FIELDS}").as_bytes()).expect("a stat line");
            assert_eq!(stat, Stat { comm: comm.into(), start_ticks: 4711 });
        }
    }

    #[test]
    fn this_process_has_the_start_time_the_kernel_says() {
        let stat = Stat::read(Path::new("/proc"), std::process::id()).expect("readable").expect("alive");
        assert!(stat.start_ticks > 0);
    }

    #[test]
    fn a_process_that_is_gone_is_no_error() {
        // The kernel's pid limit is 2^22.
        assert_eq!(Stat::read(Path::new("/proc"), 1 << 22).expect("no error"), None);
    }

    #[test]
    fn a_pid_file_needs_a_number_and_only_a_number() {
        let dir = tempfile::tempdir().expect("tempdir");
        let read = |text: &str| {
            std::fs::write(dir.path().join("vm.pid"), text).expect("written");
            pid(dir.path(), OsStr::new("vm")).map_err(|error| error.kind())
        };
        assert_eq!(read("4711"), Ok(Some(4711)));
        assert_eq!(read("4711\n"), Ok(Some(4711)));
        for text in ["", "0", "-1", "4711 4712", "99999999999999999999999999999999999999"] {
            assert_eq!(read(text), Err(io::ErrorKind::InvalidData), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_refused(line: Vec<u8>) {
            let _ = Stat::parse(&line);
        }
    }
}
