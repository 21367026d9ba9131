//! The hook that was there before: where libvirt knows one hook only, softoff's takes its place and
//! then becomes it.
//!
//! Nothing of softoff stays: the process is replaced, so the other hook's output and exit code are
//! what libvirt sees. It gets the whole XML, although part of it was read here already.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, MemfdFlags, access, memfd_create};

/// Name of libvirt's only hook for QEMU before 6.5.
pub const ONLY_HOOK: &str = "qemu";

/// Name the hook that was there before gets.
pub const BEFORE: &str = "qemu.before-softoff";

/// The hook to go on with, and what it is to read.
#[derive(Debug)]
pub struct Chain {
    hook: PathBuf,
    /// What was read of standard input so far.
    read: File,
}

impl Chain {
    /// The hook that stands beside `program`, where softoff's took its place and it can be run.
    pub fn beside(program: &Path) -> Option<Self> {
        if program.file_name()? != ONLY_HOOK {
            return None;
        }
        let hook = program.with_file_name(BEFORE);
        access(&hook, Access::EXEC_OK).ok()?;
        let read = memfd_create("domain.xml", MemfdFlags::CLOEXEC).ok()?;
        Some(Self { hook, read: read.into() })
    }

    /// Where to copy what is read of standard input.
    pub fn copy(&self) -> &File {
        &self.read
    }

    /// Replaces this process by the other hook. Returns only where that failed.
    ///
    /// `args` follow the program's name, which is the other hook's own: were that a copy of this
    /// program by mistake, it would not look for a further hook and so never run in circles. The
    /// rest of `stdin` is read to its end, however long that takes: libvirt writes it, and the other
    /// hook would wait for it too.
    pub fn hand_over(mut self, args: impl Iterator<Item = OsString>, stdin: BorrowedFd<'_>) -> io::Error {
        let mut command = Command::new(&self.hook);
        match self.whole_input(stdin) {
            // Nothing was taken from it: it is passed on untouched.
            Ok(None) => {}
            Ok(Some(input)) => {
                command.stdin(input);
            }
            Err(error) => return error,
        }
        command.args(args).exec()
    }

    fn whole_input(&mut self, stdin: BorrowedFd<'_>) -> io::Result<Option<Stdio>> {
        if self.read.stream_position()? == 0 {
            return Ok(None);
        }
        let mut rest = File::from(stdin.try_clone_to_owned()?);
        io::copy(&mut rest, &mut self.read)?;
        self.read.rewind()?;
        Ok(Some(self.read.try_clone()?.into()))
    }
}
