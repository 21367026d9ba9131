//! The tracing file system: which tracepoints this kernel has and where their fields are.

use std::fs;
use std::path::{Path, PathBuf};

/// Where it is mounted, by convention.
const MOUNT_POINTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The mounted file system.
#[derive(Debug)]
pub struct Tracefs(PathBuf);

impl Tracefs {
    /// Finds it; `None` where it is not mounted.
    pub fn find() -> Option<Self> {
        MOUNT_POINTS
            .iter()
            .map(|point| Path::new(point).join("events"))
            .find(|events| events.is_dir())
            .map(Self)
    }

    /// The offset of a field in bytes; `None` where the event or field does not exist.
    pub fn field_offset(&self, category: &str, event: &str, field: &str) -> Option<u32> {
        let format = fs::read_to_string(self.0.join(category).join(event).join("format")).ok()?;
        field_offset(&format, field)
    }
}

/// Finds `field:TYPE NAME; offset:N; size:N; signed:N;` (with tabs between) in a `format` file
/// (Documentation/trace/events.rst).
fn field_offset(format: &str, name: &str) -> Option<u32> {
    format.lines().find_map(|line| {
        let mut parts = line.trim().strip_prefix("field:")?.split(';').map(str::trim);
        let declared = parts.next()?.rsplit(' ').next()?;
        if declared.split('[').next() != Some(name) {
            return None;
        }
        parts.find_map(|part| part.strip_prefix("offset:"))?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNAL_GENERATE: &str = "name: signal_generate\nID: 261\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:int sig;\toffset:8;\tsize:4;\tsigned:1;\n\
        \tfield:char comm[16];\toffset:20;\tsize:16;\tsigned:0;\n\
        \tfield:pid_t pid;\toffset:36;\tsize:4;\tsigned:1;\n\n\
        print fmt: \"sig=%d pid=%d\", REC->sig, REC->pid\n";

    #[test]
    fn fields_are_found_by_their_whole_name() {
        assert_eq!(field_offset(SIGNAL_GENERATE, "sig"), Some(8));
        assert_eq!(field_offset(SIGNAL_GENERATE, "pid"), Some(36));
        assert_eq!(field_offset(SIGNAL_GENERATE, "comm"), Some(20));
        assert_eq!(field_offset(SIGNAL_GENERATE, "absent"), None);
    }
}
