//! Whose log a file is: its name without `.log` and what rotation and compression add to it.

use std::path::Path;

/// What compression adds.
const PACKED: [&str; 4] = [".gz", ".xz", ".zst", ".bz2"];

/// The domain that the log at `path` is of.
pub fn domain(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let unpacked = PACKED.iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    // The last `.log` ends the domain's name, which may hold others, if nothing but a rotation follows.
    match unpacked.rsplit_once(".log") {
        Some((domain, rotation)) if is_rotation(rotation) && !domain.is_empty() => domain.to_owned(),
        _ => unpacked.to_owned(),
    }
}

/// `.1` of virtlogd and logrotate, `-20260101` and `-20260101-1767225600` of logrotate's `dateext`.
fn is_rotation(text: &str) -> bool {
    let numbers = |text: &str| text.split(['-', '.']).all(is_number);
    text.is_empty() || text.strip_prefix(['.', '-']).is_some_and(numbers)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a file in a directory of logs is one, whichever way it was rotated.
pub fn is_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let unpacked = PACKED.iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    unpacked.rsplit_once(".log").is_some_and(|(domain, rotation)| !domain.is_empty() && is_rotation(rotation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_and_compression_are_no_part_of_a_domains_name() {
        for (name, of) in [
            ("web.log", "web"),
            ("web.log.0", "web"),
            ("web.log.12.gz", "web"),
            ("web.log-20260101", "web"),
            ("web.log-20260101-1767225600.xz", "web"),
            ("web.log.gz", "web"),
            ("a.log.log", "a.log"),
            ("a.log.b.log.1", "a.log.b"),
            ("web 1\u{1b}[2J.log", "web 1\u{1b}[2J"),
            ("instance-00000038.log", "instance-00000038"),
            ("web.log.old", "web.log.old"),
            ("web", "web"),
            (".log", ".log"),
        ] {
            assert_eq!(domain(Path::new("/var/log/libvirt/qemu").join(name).as_path()), of, "{name}");
        }
    }

    #[test]
    fn a_directory_of_logs_may_hold_other_files() {
        assert!(is_log(Path::new("d/web.log")) && is_log(Path::new("d/web.log-20260101.gz")));
        assert!(
            !is_log(Path::new("d/notes.txt"))
                && !is_log(Path::new("d/.log"))
                && !is_log(Path::new("d/web.log.swp"))
        );
    }
}
