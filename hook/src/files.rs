//! Reading small files without ever waiting for them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file for reading; a FIFO or device in its place cannot make the hook wait.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// The beginning of a file, at most `buffer.len()` bytes, with one `read`; `None` where there is no
/// such file.
pub(crate) fn head<'b>(path: &Path, buffer: &'b mut [u8]) -> io::Result<Option<&'b [u8]>> {
    let length = match open(path).and_then(|mut file| file.read(buffer)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        length => length?,
    };
    Ok(Some(&buffer[..length]))
}

/// Whether a domain name names one entry of a directory. libvirt forbids the slash; a caller that
/// is not libvirt may not.
pub(crate) fn is_entry_name(name: &std::ffi::OsStr) -> bool {
    !name.is_empty() && !name.as_encoded_bytes().contains(&b'/')
}
