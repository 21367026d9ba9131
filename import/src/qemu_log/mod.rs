//! Logs of domains, as libvirt keeps them: years of starts and ends, of which nobody needs to have recorded
//! anything.
//!
//! ```text
//! NAME.log, NAME.log.1, NAME.log-20260101.gz ─▶ lines ─▶ parser ─▶ entries ─▶ out ─▶ imported.qemu-log.….jsonl
//!  └ name: the domain      gzip, or plain ┘       └ death: how it died     └ waits for the log's host
//! ```
//!
//! A file gives one file of records, in constant memory, however long it is. It is known again by its
//! first line that has a time: a log that has grown or was rotated replaces what was imported of it, and a
//! shorter piece of it does not.
//!
//! What cannot be told: a line that a guest managed to put into QEMU's output with exactly the form of
//! libvirt's or QEMU's own; and a log's piece whose beginning was cut off from the whole it comes from.

mod death;
mod lines;
mod name;
mod out;
mod parser;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

pub use lines::Place;
pub use name::{domain, is_log};
pub use parser::Found;

use crate::ImportError;
use out::Out;
use parser::Parser;

/// How much is read at once, in bytes.
const BUFFER: usize = 1 << 18;

/// Where records go, and what they are about where the log does not say.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The journal's directory.
    pub journal: &'a Path,
    /// softoff's version.
    pub version: &'a str,
    /// The host of logs that do not name one: this machine.
    pub host: &'a str,
}

/// What came of a log.
#[derive(Debug)]
pub struct Imported {
    /// The domain.
    pub domain: String,
    /// What was found.
    pub found: Found,
    /// How far it was read.
    pub place: Place,
    /// Records written; none where the journal holds a longer piece of this log already.
    pub records: Option<u64>,
    /// Why it could not be read to its end.
    pub broken: Option<io::Error>,
}

/// Why a log could not be imported.
#[derive(Debug, Error)]
pub enum LogError {
    /// It could not be opened.
    #[error("cannot read {} ({source}); check the path, and run as root or as a user who may read it", path.display())]
    Open {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("{} is no file; name the log itself, or the directory that logs are in", path.display())]
    NoFile {
        /// What was named.
        path: PathBuf,
    },
    /// Reading it failed before anything was found.
    #[error("cannot read {} after line {line}, byte {byte} ({source}); is it damaged?", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// Whole lines before that.
        line: u64,
        /// Bytes before that, unpacked.
        byte: u64,
        /// Why.
        source: io::Error,
    },
    /// It is packed in a way that is not read.
    #[error("{} is packed with {with}; unpack it first ({with} -d), or import it packed with gzip", path.display())]
    Packed {
        /// The log.
        path: PathBuf,
        /// The program that packs like this.
        with: &'static str,
    },
    /// None of its lines has a time of libvirt or QEMU.
    #[error("{} is no domain's log: none of its {lines} whole lines begins with a time of libvirt or QEMU; they are in /var/log/libvirt/qemu as a rule", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
        /// Its lines.
        lines: u64,
    },
    /// The records could not be written.
    #[error(transparent)]
    Write(#[from] ImportError),
}

/// Imports the log at `path`. `progress` hears how many bytes of the file have been read, and of how many.
pub fn import(
    path: &Path,
    target: &Target<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Imported, LogError> {
    let (file, length) = open(path)?;
    let file = Told { file, read: 0, length, progress };
    let mut input = BufReader::with_capacity(BUFFER, file);
    let failed = |source| LogError::Open { path: path.to_owned(), source };
    let begin = input.fill_buf().map_err(failed)?;
    if let Some(with) = packed_with(begin) {
        return Err(LogError::Packed { path: path.to_owned(), with });
    }
    if begin.starts_with(b"\x1f\x8b") {
        let unpacked = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input));
        read(path, unpacked, target)
    } else {
        read(path, input, target)
    }
}

fn open(path: &Path) -> Result<(File, u64), LogError> {
    let failed = |source| LogError::Open { path: path.to_owned(), source };
    // A pipe would have to be waited for.
    let metadata = path.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(LogError::NoFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(failed)?;
    Ok((file, metadata.len()))
}

/// The program that files packed like this come from, by their first bytes.
fn packed_with(begin: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 3] =
        [(b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2")];
    KNOWN.iter().find(|(magic, _)| begin.starts_with(magic)).map(|(_, with)| *with)
}

fn read(path: &Path, mut input: impl BufRead, target: &Target<'_>) -> Result<Imported, LogError> {
    let mut parser = Parser::new(domain(path));
    let mut out = Out::new(target, parser.domain());
    let mut place = Place::default();
    let read = lines::each_line(&mut input, &mut place, |line| {
        let timed = parser.is_timed();
        parser.line(line, &mut |at, log| out.take(at, log));
        if !timed && parser.is_timed() {
            out.key(line);
        }
        if out.failed() { Err(io::Error::other("not written")) } else { Ok(()) }
    });
    let domain = parser.domain().to_owned();
    let found = parser.finish(&mut |at, log| out.take(at, log));
    let path = path.to_owned();
    let broken = if out.failed() { None } else { read.err() };
    match broken {
        Some(source) if !found.timed => {
            return Err(LogError::Read { path, line: place.lines, byte: place.bytes, source });
        }
        None if !found.timed && place.bytes > 0 => return Err(LogError::NoLog { path, lines: place.lines }),
        _ => {}
    }
    Ok(Imported { domain, found, place, records: out.finish()?, broken })
}

/// A file that says how far it was read.
struct Told<'a> {
    file: File,
    read: u64,
    length: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Read for Told<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        (self.progress)(self.read, self.length);
        Ok(read)
    }
}
