//! Standard input within bounds: so much time, so many bytes, never a wait without end.
//!
//! libvirt writes the domain's XML and closes the pipe. Anybody else may leave a terminal there, or
//! a pipe that nobody writes to.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long the hook waits for its input altogether. Only waiting counts: on a busy host the hook
/// itself may be kept from running for longer, with its input ready all the time.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// How much of its input the hook looks at, in bytes.
pub const MOST: usize = 1 << 20;

/// A descriptor that is read until [`MOST`] bytes or [`PATIENCE`] are used up.
#[derive(Debug)]
pub struct Bounded<'f> {
    fd: BorrowedFd<'f>,
    patience: Duration,
    left: usize,
    /// Receives what is read, for a chained hook.
    copy: Option<&'f File>,
}

impl<'f> Bounded<'f> {
    /// Bounds `fd`; what is read of it is also written to `copy`.
    pub fn new(fd: BorrowedFd<'f>, copy: Option<&'f File>) -> Self {
        Self { fd, patience: PATIENCE, left: MOST, copy }
    }

    fn wait(&mut self) -> io::Result<()> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: self.patience.subsec_nanos().into() };
        let began = Instant::now();
        let mut fds = [PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::IN)];
        let ready = poll(&mut fds, Some(&timeout));
        self.patience = self.patience.saturating_sub(began.elapsed());
        match ready? {
            0 => Err(io::Error::new(io::ErrorKind::TimedOut, "nothing more came in time")),
            _ => Ok(()),
        }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left);
        if most == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long"));
        }
        self.wait()?;
        let length = rustix::io::read(self.fd, &mut buffer[..most])?;
        self.left -= length;
        if let Some(mut copy) = self.copy {
            copy.write_all(&buffer[..length])?;
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_nobody_writes_to_is_given_up_in_time() {
        let (reader, _writer) = io::pipe().expect("pipe");
        let began = Instant::now();
        let error = Bounded::new(reader.as_fd(), None).read(&mut [0; 8]).expect_err("nothing to read");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((PATIENCE..PATIENCE * 20).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[test]
    fn a_trickle_does_not_stretch_the_time() {
        let (reader, mut writer) = io::pipe().expect("pipe");
        let trickle = std::thread::spawn(move || {
            while writer.write_all(b"x").is_ok() {
                std::thread::sleep(PATIENCE / 10);
            }
        });
        let began = Instant::now();
        let error = Bounded::new(reader.as_fd(), None).read_to_end(&mut Vec::new()).expect_err("cut off");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < PATIENCE * 20, "{:?}", began.elapsed());
        drop(reader);
        trickle.join().expect("the writer ends");
    }

    #[test]
    fn input_that_is_ready_is_read_however_long_the_hook_was_kept_from_running() {
        let (reader, mut writer) = io::pipe().expect("pipe");
        let mut input = Bounded::new(reader.as_fd(), None);
        writer.write_all(b"x").expect("written");
        std::thread::sleep(PATIENCE * 2);
        assert_eq!(input.read(&mut [0; 8]).expect("ready"), 1);
    }

    #[test]
    fn endless_input_is_cut_off() {
        let zeros = File::open("/dev/zero").expect("open");
        let mut input = Bounded::new(zeros.as_fd(), None);
        let error = input.read_to_end(&mut Vec::new()).expect_err("no end");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
