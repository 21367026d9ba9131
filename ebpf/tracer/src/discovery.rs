//! Which processes are virtual machines, and whose.

use std::fs::File;
use std::io;

use softoff_journal::record::{AgentChannel, Coverage, MissingSentinel, ProcessId, QemuProcess};

use crate::binary::FileId;
use crate::cmdline::CommandLine;
use crate::libvirt::Libvirt;
use crate::proc;

/// What a process number turned out to be.
pub enum Finding {
    /// A QEMU that runs a guest.
    Guest(Candidate),
    /// Something else.
    Other,
    /// It ended before it could be looked at.
    Gone,
    /// It may be a QEMU, but this process may not look at it.
    Unreadable(io::Error),
}

/// A QEMU that runs a guest.
pub struct Candidate {
    /// The process.
    pub id: ProcessId,
    /// Its executable, open.
    pub file: File,
    /// Which file that is.
    pub file_id: FileId,
    /// The executable's name, as `/proc/PID/exe` reads.
    pub executable: String,
    command_line: CommandLine,
}

/// Looks at a process. `of_libvirt`: libvirt says that it runs a domain there.
pub fn look_at(pid: u32, of_libvirt: bool) -> Finding {
    let (Ok(id), Ok(arguments)) = (proc::process(pid), proc::command_line(pid)) else {
        return Finding::Gone;
    };
    let command_line = CommandLine::parse(&arguments);
    match proc::executable(pid) {
        Ok((file, executable)) => {
            if command_line.runs_guest(is_child(of_libvirt, &executable) || names_qemu(&executable)) {
                match FileId::of(&file) {
                    Ok(file_id) => Finding::Guest(Candidate { id, file, file_id, executable, command_line }),
                    Err(error) => Finding::Unreadable(error),
                }
            } else {
                Finding::Other
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::Gone,
        Err(error) if command_line.runs_guest(of_libvirt) => Finding::Unreadable(error),
        Err(_) => Finding::Other,
    }
}

/// libvirt writes the pid file of a domain before its child has become QEMU; until then the child is
/// still libvirt's own program.
fn is_child(of_libvirt: bool, executable: &str) -> bool {
    let name = executable.rsplit('/').next().unwrap_or(executable);
    of_libvirt && !matches!(name.trim_end_matches(" (deleted)"), "libvirtd" | "virtqemud")
}

/// `/usr/bin/qemu-system-x86_64`, `/usr/libexec/qemu-kvm`, `/usr/bin/kvm (deleted)`.
fn names_qemu(executable: &str) -> bool {
    let name = executable.rsplit('/').next().unwrap_or(executable);
    name_of_emulator(name.trim_end_matches(" (deleted)").as_bytes())
}

/// Whether a program of this name (perhaps cut to 15 bytes) runs guests; `qemu-img` does not.
pub fn name_of_emulator(name: &[u8]) -> bool {
    name.starts_with(b"qemu-system") || name.starts_with(b"qemu-kvm") || name == b"kvm"
}

impl Candidate {
    /// KVM may run the guest, as far as the command line says.
    pub fn may_use_kvm(&self) -> bool {
        self.command_line.may_use_kvm()
    }

    /// The record of this process. The command line is asked first: it is QEMU's own.
    pub fn describe(
        self,
        libvirt: &Libvirt,
        build_id: Option<String>,
        coverage: Coverage,
        missing: Vec<MissingSentinel>,
    ) -> QemuProcess {
        let CommandLine { name, uuid, accelerator, agent_port, .. } = self.command_line;
        let domain = libvirt.domain(self.id.pid, name.as_deref());
        let name = name.or(domain.name);
        QemuProcess {
            process: self.id,
            version: name.as_deref().and_then(|name| libvirt.qemu_version(name)),
            domain: name,
            uuid: uuid.or(domain.uuid),
            os: domain.os,
            executable: self.executable,
            build_id,
            accelerator,
            agent: agent_port.map(|port| AgentChannel { port, open: domain.agent_open }),
            state: domain.state,
            coverage,
            missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulators_are_known_by_name_wherever_they_are() {
        for name in ["/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm", "/usr/bin/kvm (deleted)"] {
            assert!(names_qemu(name), "{name}");
        }
        for name in ["/usr/bin/qemu-img", "/usr/bin/kvm-ok", "/usr/sbin/libvirtd", ""] {
            assert!(!names_qemu(name), "{name}");
        }
    }

    #[test]
    fn libvirts_child_is_no_qemu_before_it_has_become_one() {
        assert!(is_child(true, "/opt/emulator") && !is_child(false, "/opt/emulator"));
        assert!(!is_child(true, "/usr/sbin/libvirtd") && !is_child(true, "/usr/sbin/virtqemud (deleted)"));
    }

    #[test]
    fn this_test_is_no_virtual_machine_and_a_number_too_high_is_nobody() {
        assert!(matches!(look_at(std::process::id(), false), Finding::Other));
        assert!(matches!(look_at(u32::MAX, false), Finding::Gone));
    }
}
