//! The QEMU process of a domain: its pid from libvirt's pid file, its start time from the kernel.
//!
//! libvirt keeps `NAME.pid` from before `started` until between `stopped` and `release`
//! (qemuProcessRemoveDomainStatus). Daemons of `qemu:///session` keep it in a place the hook is not
//! told, so a missing file is no fault.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use softoff_journal::process::Stat;

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

/// The process's `stat` under `proc`; `None` where there is no such process.
pub fn stat(proc: &Path, pid: u32) -> io::Result<Option<Stat>> {
    let mut buffer = [0; 1024];
    match files::head(&proc.join(pid.to_string()).join("stat"), &mut buffer) {
        // The process ended between open and read.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
        Ok(None) => Ok(None),
        Ok(Some(text)) => Stat::parse(text).map(Some).ok_or_else(|| invalid("it has an unknown form")),
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_the_start_time_the_kernel_says() {
        let found = stat(Path::new("/proc"), std::process::id()).expect("readable").expect("alive");
        assert!(found.start_ticks > 0);
    }

    #[test]
    fn a_process_that_is_gone_is_no_error() {
        // The kernel's pid limit is 2^22.
        assert_eq!(stat(Path::new("/proc"), 1 << 22).expect("no error"), None);
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
}
