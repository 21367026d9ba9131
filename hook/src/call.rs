//! One call of the hook: everything that can be known about it, as a record.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::BufRead;
use std::path::PathBuf;

use softoff_journal::record::{HookCall, Operation, ReasonSource, ShutoffReason};

use crate::arguments::{Arguments, recordable};
use crate::process;
use crate::{domain_xml, files, reason};

/// The longest sentence about trouble, in bytes: it may quote the XML.
const LONGEST_TROUBLE: usize = 300;

/// The directories of the host the hook looks into.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Where libvirt keeps its pid files.
    pub run: PathBuf,
    /// Where libvirt keeps the domains' logs.
    pub logs: PathBuf,
    /// The kernel's process table.
    pub proc: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { run: "/run/libvirt/qemu".into(), logs: "/var/log/libvirt/qemu".into(), proc: "/proc".into() }
    }
}

/// Gathers what is to be recorded about a call. Never fails: what cannot be read is in `trouble`.
pub fn observe(arguments: &Arguments, roots: &Roots, xml: impl BufRead) -> HookCall {
    let mut call = as_called(arguments);
    if files::is_entry_name(&arguments.domain) {
        add_process(&mut call, &arguments.domain, roots);
        add_reason(&mut call, arguments, roots);
    } else {
        trouble(&mut call, "the domain's name is no file name, so its files were not looked for", "");
    }
    add_identity(&mut call, xml);
    call
}

fn as_called(arguments: &Arguments) -> HookCall {
    HookCall {
        domain: recordable(&arguments.domain),
        uuid: None,
        operation: arguments.operation(),
        sub_operation: recordable(&arguments.sub_operation),
        extra: recordable(&arguments.extra),
        reason: None,
        reason_source: None,
        terminated: None,
        pid: None,
        start_ticks: None,
        os: None,
        trouble: Vec::new(),
    }
}

fn add_process(call: &mut HookCall, domain: &OsStr, roots: &Roots) {
    if !matches!(call.operation, Operation::Started | Operation::Reconnect | Operation::Stopped) {
        return;
    }
    match process::pid(&roots.run, domain) {
        Ok(Some(pid)) => {
            call.pid = Some(pid);
            add_start_time(call, pid, roots);
        }
        Ok(None) => {}
        Err(error) => trouble(call, "libvirt's pid file cannot be read", error),
    }
}

fn add_start_time(call: &mut HookCall, pid: u32, roots: &Roots) {
    match process::stat(&roots.proc, pid) {
        // After `stopped` the process is gone as a rule, and its number may be another's by now.
        Ok(Some(stat)) if call.operation == Operation::Stopped && !stat.comm.starts_with(b"qemu") => {}
        Ok(stat) => call.start_ticks = stat.map(|stat| stat.start_ticks),
        Err(error) => trouble(call, "the start time of the process cannot be read", error),
    }
}

fn add_reason(call: &mut HookCall, arguments: &Arguments, roots: &Roots) {
    if !matches!(call.operation, Operation::Stopped | Operation::Release) {
        return;
    }
    match reason::from_log(&roots.logs, &arguments.domain) {
        Ok(words) => {
            call.reason_source = words.reason.is_some().then_some(ReasonSource::Log);
            call.reason = words.reason;
            call.terminated = words.terminated;
        }
        Err(error) => trouble(call, "the domain's log cannot be read", error),
    }
    if let (Operation::Release, Some(extra)) = (&call.operation, arguments.extra()) {
        call.reason = Some(ShutoffReason::from_libvirt(&extra));
        call.reason_source = Some(ReasonSource::Argument);
    }
}

fn add_identity(call: &mut HookCall, xml: impl BufRead) {
    let (identity, outcome) = domain_xml::read(xml);
    call.uuid = identity.uuid;
    call.os = identity.os;
    if let Err(defect) = outcome {
        trouble(call, "the domain's XML was not fully read", defect);
    }
}

fn trouble(call: &mut HookCall, what: &str, why: impl Display) {
    let why = why.to_string();
    let mut sentence = if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") };
    sentence.truncate(sentence.floor_char_boundary(LONGEST_TROUBLE));
    call.trouble.push(sentence);
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    const UUID: &str = "7b0f9ce1-2f3e-4f5b-9d4f-0a1b2c3d4e5f";

    /// A host with one running domain `vm`, whose QEMU has the pid 4711.
    struct Host(TempDir);

    impl Host {
        fn new() -> Self {
            let host = Self(tempfile::tempdir().expect("tempdir"));
            let roots = host.roots();
            for dir in [&roots.run, &roots.logs, &roots.proc.join("4711")] {
                fs::create_dir_all(dir).expect("created");
            }
            fs::write(roots.run.join("vm.pid"), "4711").expect("written");
            host.process("qemu-system-x86");
            let log = "2026-11-23 04:17:20.623+0000: shutting down, reason=destroyed\n";
            fs::write(roots.logs.join("vm.log"), log).expect("written");
            host
        }

        fn process(&self, comm: &str) {
            let stat = format!("4711 ({comm}) S{} 99 0", " 1".repeat(18));
            fs::write(self.roots().proc.join("4711/stat"), stat).expect("written");
        }

        fn roots(&self) -> Roots {
            let root = self.0.path();
            Roots { run: root.join("run"), logs: root.join("log"), proc: root.join("proc") }
        }

        fn call(&self, args: &[&str]) -> HookCall {
            let args = [&["hook"], args].concat();
            let arguments = Arguments::take(args.iter().map(OsString::from)).expect("enough arguments");
            observe(&arguments, &self.roots(), format!("<domain><uuid>{UUID}</uuid>").as_bytes())
        }
    }

    #[test]
    fn a_running_domain_has_its_process() {
        for operation in ["started", "reconnect"] {
            let call = Host::new().call(&["vm", operation, "begin", "-"]);
            assert_eq!(
                (call.pid, call.start_ticks, call.reason),
                (Some(4711), Some(99), None),
                "{operation}"
            );
            assert_eq!(call.uuid.map(|uuid| uuid.to_string()).as_deref(), Some(UUID));
            assert_eq!(call.trouble, [""; 0]);
        }
    }

    #[test]
    fn before_its_start_and_after_its_release_a_domain_has_no_process() {
        for operation in ["prepare", "start", "release", "migrate", "restore", "attach", "else"] {
            assert_eq!(Host::new().call(&["vm", operation, "begin", "-"]).pid, None, "{operation}");
        }
    }

    #[test]
    fn a_stopped_domain_has_its_pid_and_the_reason_from_the_log() {
        let call = Host::new().call(&["vm", "stopped", "end", "-"]);
        assert_eq!((call.pid, call.start_ticks), (Some(4711), Some(99)), "QEMU may still hang in the kernel");
        assert_eq!(call.reason, Some(ShutoffReason::Destroyed));
        assert_eq!(call.reason_source, Some(ReasonSource::Log));
    }

    #[test]
    fn a_pid_that_is_anothers_by_now_gets_no_start_time() {
        let host = Host::new();
        host.process("sshd");
        let call = host.call(&["vm", "stopped", "end", "-"]);
        assert_eq!((call.pid, call.start_ticks), (Some(4711), None));
    }

    #[test]
    fn libvirts_argument_comes_before_the_log() {
        let call = Host::new().call(&["vm", "release", "end", "from snapshot"]);
        assert_eq!(call.reason, Some(ShutoffReason::FromSnapshot));
        assert_eq!(call.reason_source, Some(ReasonSource::Argument));
        let call = Host::new().call(&["vm", "release", "end", "-"]);
        assert_eq!(call.reason, Some(ShutoffReason::Destroyed));
        assert_eq!(call.reason_source, Some(ReasonSource::Log));
    }

    #[test]
    fn a_domain_without_files_is_recorded_without_a_word() {
        let call = Host::new().call(&["other", "stopped", "end", "-"]);
        assert_eq!((call.pid, call.reason, call.trouble), (None, None, vec![]));
    }

    #[test]
    fn a_name_with_a_slash_leads_nowhere() {
        let host = Host::new();
        let call = host.call(&["../run/vm", "stopped", "end", "-"]);
        assert_eq!((call.pid, &call.reason), (None, &None));
        assert_eq!(call.trouble.len(), 1, "{:?}", call.trouble);
        for name in [".", "..", ".hidden"] {
            assert_eq!(host.call(&[name, "stopped", "end", "-"]).trouble, [""; 0], "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let host = Host::new();
        let roots = host.roots();
        fs::write(roots.run.join("vm.pid"), "no number").expect("written");
        fs::remove_file(roots.logs.join("vm.log")).expect("removed");
        fs::create_dir(roots.logs.join("vm.log")).expect("created");
        let call = host.call(&["vm", "stopped", "end", "-"]);
        assert_eq!(call.trouble.len(), 2, "{:?}", call.trouble);
        assert!(call.trouble[0].contains("it holds no process id"), "{:?}", call.trouble);
    }

    proptest! {
        #[test]
        fn any_arguments_and_any_input_make_a_record(
            args in prop::collection::vec(prop::collection::vec(1_u8.., 0..300), 2..6),
            operation in prop::sample::select(vec!["started", "stopped", "release", ""]),
            xml: Vec<u8>,
        ) {
            let host = Host::new();
            let mut args: Vec<_> = args.into_iter().map(OsString::from_vec).collect();
            args.insert(2, operation.into());
            let arguments = Arguments::take(args.into_iter()).expect("enough arguments");
            let call = observe(&arguments, &host.roots(), &xml[..]);
            prop_assert_eq!(call.pid, None);
            prop_assert!(serde_json::to_string(&call).is_ok());
        }
    }
}
