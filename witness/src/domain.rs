//! Finding the domain, and whether it may be looked at: libvirt is asked for nothing that could wait
//! behind a job, and QEMU for nothing while it cannot answer.

use std::fs;

use softoff_journal::process::Stat;
use softoff_journal::record::ProcessId;
use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::{Domain, DomainState};
use virt::enumutil::Enum;
use virt::error::Error;
use virt::sys;

const JOB: &str =
    "libvirt has a job on the domain, such as a dump, a backup or a migration: it is left alone";

/// Connects; the error is a sentence.
pub fn connect(uri: &str) -> Result<Connect, String> {
    // libvirt would print each error; here they are recorded.
    virt::error::clear_error_callback();
    Connect::open(Some(uri)).map_err(|error| {
        format!("libvirt at {uri} cannot be reached ({}): is its daemon running?", message(&error))
    })
}

/// Finds the domain, running in this process; the error says why there is nothing to look at.
pub fn find(connection: &Connect, uuid: Uuid, process: ProcessId) -> Result<Domain, String> {
    runs(process, uuid)?;
    let unknown = |error: Error| format!("libvirt does not know the domain {uuid} ({})", message(&error));
    let domain = connection.lookup_domain_by_uuid(uuid).map_err(unknown)?;
    must_be_running(&domain)?;
    Ok(domain)
}

/// Whether libvirt holds the domain in no job and waits for no answer of QEMU; to be asked right before
/// something that needs both.
pub fn must_be_free(domain: &Domain, process: ProcessId) -> Result<(), String> {
    must_be_scheduled(process)?;
    match control_state(domain).map_err(|error| format!("libvirt does not tell ({})", message(&error)))? {
        sys::VIR_DOMAIN_CONTROL_OK => must_have_no_job(domain),
        sys::VIR_DOMAIN_CONTROL_JOB => Err(JOB.to_owned()),
        sys::VIR_DOMAIN_CONTROL_OCCUPIED => {
            Err("libvirt waits for an answer of QEMU's monitor: the domain is left alone".to_owned())
        }
        _ => Err("libvirt has lost the connection with QEMU's monitor".to_owned()),
    }
}

/// Long jobs are none of the control state's: libvirt would have QEMU answer in the midst of them.
fn must_have_no_job(domain: &Domain) -> Result<(), String> {
    let job =
        domain.job_info().map_err(|error| format!("libvirt does not tell of jobs ({})", message(&error)))?;
    let is_none = u32::try_from(job.r#type) == Ok(sys::VIR_DOMAIN_JOB_NONE);
    is_none.then_some(()).ok_or_else(|| JOB.to_owned())
}

fn control_state(domain: &Domain) -> Result<sys::virDomainControlState, Error> {
    let mut info = sys::virDomainControlInfo { state: 0, details: 0, stateTime: 0 };
    // SAFETY: the domain is alive for the call, which writes to `info` alone.
    let result = unsafe { sys::virDomainGetControlInfo(domain.as_ptr(), &raw mut info, 0) };
    if result == 0 { Ok(info.state) } else { Err(Error::last_error()) }
}

fn must_be_running(domain: &Domain) -> Result<(), String> {
    let (state, _) =
        domain.state().map_err(|error| format!("libvirt does not tell its state ({})", message(&error)))?;
    match state {
        Enum::Known(DomainState::Running | DomainState::Blocked) => Ok(()),
        Enum::Known(DomainState::Paused) => Err("the domain is paused".to_owned()),
        Enum::Known(DomainState::PMSuspended) => Err("the guest is asleep (S3)".to_owned()),
        Enum::Known(DomainState::Crashed) => Err("the guest has crashed".to_owned()),
        _ => Err("the domain is on its way out, or off".to_owned()),
    }
}

/// Whether the process runs the domain, as its own command line says (`-uuid`): what libvirt knows under
/// this UUID may be a later run by now.
fn runs(process: ProcessId, uuid: Uuid) -> Result<(), String> {
    stat(process)?;
    let line = fs::read(format!("/proc/{}/cmdline", process.pid))
        .map_err(|error| format!("the command line of process {} cannot be read ({error})", process.pid))?;
    let is_its = names(&line, uuid);
    is_its.then_some(()).ok_or_else(|| format!("process {} does not run the domain {uuid}", process.pid))
}

/// Whether a QEMU's command line names the domain.
fn names(line: &[u8], uuid: Uuid) -> bool {
    let mut words = line.split(|&byte| byte == 0);
    let named = words.find(|word| *word == b"-uuid").and_then(|_| words.next());
    named.and_then(|word| Uuid::try_parse_ascii(word).ok()) == Some(uuid)
}

/// A QEMU that is stopped, or whose main thread hangs in the kernel, does not answer: libvirt would wait,
/// and so would all that comes after.
fn must_be_scheduled(process: ProcessId) -> Result<(), String> {
    match stat(process)?.state {
        b'T' | b't' => Err("QEMU is stopped by a signal or a debugger".to_owned()),
        b'D' => Err("QEMU's main thread hangs in the kernel, waiting for storage or the like".to_owned()),
        _ => Ok(()),
    }
}

fn stat(process: ProcessId) -> Result<Stat, String> {
    let gone = || format!("process {} has ended", process.pid);
    let line = fs::read(format!("/proc/{}/stat", process.pid)).map_err(|_| gone())?;
    Stat::parse(&line)
        .filter(|stat| stat.start_ticks == process.start_ticks && !stat.has_ended())
        .ok_or_else(gone)
}

/// Whether libvirt is connected with the agent, as the domain's XML says.
pub fn has_agent(xml: &str) -> bool {
    let is_connected = |node: roxmltree::Node<'_, '_>| {
        node.has_tag_name("target")
            && node.attribute("name") == Some("org.qemu.guest_agent.0")
            && node.attribute("state") == Some("connected")
    };
    roxmltree::Document::parse(xml).is_ok_and(|xml| xml.descendants().any(is_connected))
}

/// What libvirt says, as part of a sentence.
pub fn message(error: &Error) -> String {
    error.message().trim().chars().filter(|char| !char.is_control()).take(512).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: Uuid = Uuid::from_u128(0x1234);

    #[test]
    fn a_command_line_names_the_domain_after_its_option_alone() {
        let line = |words: [&str; 3]| words.join("\0").into_bytes();
        assert!(names(&line(["qemu", "-uuid", &UUID.to_string()]), UUID));
        assert!(!names(&line(["qemu", "-name", &UUID.to_string()]), UUID));
        assert!(!names(&line(["qemu", "-uuid", &Uuid::nil().to_string()]), UUID));
        assert!(!names(b"qemu\0-uuid", UUID));
    }

    #[test]
    fn this_process_runs_no_domain_and_a_later_one_of_a_number_is_another() {
        let line = fs::read("/proc/self/stat").expect("read");
        let start_ticks = Stat::parse(&line).expect("parse").start_ticks;
        let process = ProcessId { pid: std::process::id(), start_ticks };
        assert!(runs(process, UUID).expect_err("no QEMU").contains("does not run the domain"));
        let earlier = ProcessId { start_ticks: start_ticks - 1, ..process };
        assert!(runs(earlier, UUID).expect_err("another").contains("has ended"));
    }

    #[test]
    fn an_agent_is_there_where_its_channel_is_connected() {
        let xml = |name: &str, state: &str| {
            format!(
                "<domain><devices><channel><target name='{name}' state='{state}'/></channel></devices></domain>"
            )
        };
        assert!(has_agent(&xml("org.qemu.guest_agent.0", "connected")));
        assert!(!has_agent(&xml("org.qemu.guest_agent.0", "disconnected")));
        assert!(!has_agent(&xml("com.redhat.spice.0", "connected")));
        assert!(!has_agent("<domain"));
    }
}
