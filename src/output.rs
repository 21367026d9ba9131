//! Where output goes: the screen, or a file that appears whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use softoff_reports::{Screen, visible};
use tempfile::NamedTempFile;

/// What standard output is, for the text formats.
pub fn screen() -> Screen {
    let stdout = io::stdout();
    let width = terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0));
    // The choice follows --color, NO_COLOR, TERM and whether this is a terminal at all.
    let colour = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
    Screen { width, colour }
}

/// Writes to standard output.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// An output opened before the work is done, so that a bad path fails at once.
#[derive(Debug)]
pub enum Output {
    /// `-`
    Stdout,
    /// Something that cannot be replaced: a device, a pipe.
    Stream(PathBuf, File),
    /// A file that replaces what is at the path in the end.
    File(PathBuf, NamedTempFile),
}

impl Output {
    /// Opens `path` for writing; `-` is standard output.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let failed = || {
            let path = path.display().to_string();
            format!("cannot write {}; name another file with -o", visible(&path))
        };
        // A symbolic link stays one: what it points to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match path.metadata() {
            Ok(existing) if !existing.is_file() => {
                let stream = OpenOptions::new().write(true).open(&path).with_context(failed)?;
                Ok(Self::Stream(path, stream))
            }
            _ => Ok(Self::File(path.clone(), beside(&path).with_context(failed)?)),
        }
    }

    /// Lets everybody read the file, whatever the umask: other users' programs wait for it.
    pub fn readable_by_all(self) -> anyhow::Result<Self> {
        if let Self::File(path, file) = &self {
            let failed = || format!("cannot let others read {}", visible(&path.display().to_string()));
            file.as_file().set_permissions(Permissions::from_mode(0o644)).with_context(failed)?;
        }
        Ok(self)
    }

    /// Writes all of `bytes` and says on stderr where they are.
    pub fn write(self, bytes: &[u8]) -> anyhow::Result<()> {
        let place = match &self {
            Self::File(path, _) => Some(path.clone()),
            Self::Stdout | Self::Stream(..) => None,
        };
        self.write_quietly(bytes)?;
        if let Some(path) = place {
            eprintln!("softoff: wrote {}", visible(&path.display().to_string()));
        }
        Ok(())
    }

    /// Writes all of `bytes`.
    pub fn write_quietly(self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(bytes)?,
            Self::Stream(path, mut stream) => {
                stream.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))?;
            }
            Self::File(path, mut file) => {
                let written = file.write_all(bytes).and_then(|()| Ok(file.persist(&path)?));
                written.with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// A temporary file in the directory of `path`, with the permissions of an ordinary new file.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".softoff-").permissions(Permissions::from_mode(0o666)).tempfile_in(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_yet_whole_has_a_name_that_node_exporter_does_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = beside(&dir.path().join("softoff.prom")).expect("a file");
        assert_eq!(file.path().parent(), Some(dir.path()));
        assert_eq!(file.path().extension(), None);
    }
}
