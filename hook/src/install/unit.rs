//! The systemd unit that runs the recorder.

use std::path::Path;
use std::process::{Command, Stdio};

use super::UNIT_DIR;

/// Its file name.
pub(super) const NAME: &str = "softoff.service";

/// The unit's text.
///
/// The recorder needs root for the pid files and logs of libvirt and for other users' processes,
/// and BPF; it writes nothing but its journal. It must see the host's own processes and file
/// systems, so nothing is hidden from it: they are only made read-only. What it starts to look at
/// guests, and to read their screens, lives under the same rules: it reaches libvirt by its socket, and
/// a program that is root may become nobody without new privileges.
pub(super) fn text(program: &Path, journal: &Path) -> String {
    format!(
        "[Unit]
Description=Records how virtual machines shut down
Documentation=man:softoff(1)
After=network.target

[Service]
Type=simple
ExecStart={program} --journal {journal} trace
Restart=on-failure
RestartSec=5s
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={journal}
ProtectHome=read-only
PrivateTmp=yes
RestrictAddressFamilies=AF_UNIX
RestrictSUIDSGID=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
",
        program = quoted(program),
        journal = quoted(journal),
    )
}

/// A path as one word of a unit file (`systemd.syntax(7)`, `systemd.service(5)`): quoted, with
/// specifiers and variables left unexpanded.
fn quoted(path: &Path) -> String {
    let mut word = String::from("\"");
    for char in path.to_string_lossy().chars() {
        match char {
            '"' | '\\' => word.extend(['\\', char]),
            '%' | '$' => word.extend([char, char]),
            '\n' => word.push_str("\\n"),
            char => word.push(char),
        }
    }
    word + "\""
}

/// Stops the unit and takes it out of the boot sequence, where this machine's systemd runs it.
pub(super) fn disable(unit: &Path) {
    if unit.parent() == Some(Path::new(UNIT_DIR)) && super::libvirt::is_run_by_systemd() {
        // It may never have been enabled; the file is removed all the same.
        let _ = Command::new("systemctl").args(["disable", "--now", NAME]).stderr(Stdio::null()).status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_reach_the_program_as_they_are() {
        let text = text(Path::new("/usr/bin/softoff"), Path::new("/srv/a b/100%/\"$x\"\\"));
        let start = r#"ExecStart="/usr/bin/softoff" --journal "/srv/a b/100%%/\"$$x\"\\" trace"#;
        assert!(text.contains(start), "{text}");
    }
}
