//! The hook program as libvirt runs it: always exit code 0, never a word, one record.

mod lab;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::{HOOK, Hooks, UUID, XML, assert_silent, feed};
use proptest::prelude::*;
use softoff_journal::record::{HookCall, Operation, ReasonSource, ShutoffReason};

const DROP_IN: &str = "qemu.d/50-softoff";

fn only(mut records: Vec<HookCall>) -> HookCall {
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

#[test]
fn each_operation_of_libvirt_leaves_one_record_and_no_word() {
    let operations = [
        ("prepare", "begin", Operation::Prepare),
        ("start", "begin", Operation::Start),
        ("started", "begin", Operation::Started),
        ("stopped", "end", Operation::Stopped),
        ("release", "end", Operation::Release),
        ("migrate", "begin", Operation::Migrate),
        ("restore", "begin", Operation::Restore),
        ("reconnect", "begin", Operation::Reconnect),
        ("attach", "begin", Operation::Attach),
        ("rejuvenate", "begin", Operation::Other("rejuvenate".to_owned())),
    ];
    for (operation, sub_operation, recorded) in operations {
        let hooks = Hooks::with_hook_at(DROP_IN);
        assert_silent(&hooks.call(["no-such-domain", operation, sub_operation, "-"], XML.as_bytes()));
        let call = only(hooks.records());
        assert_eq!((call.domain.as_str(), call.operation), ("no-such-domain", recorded));
        assert_eq!((call.sub_operation.as_str(), call.extra.as_str()), (sub_operation, "-"));
        assert_eq!(call.uuid.map(|uuid| uuid.to_string()).as_deref(), Some(UUID), "{operation}");
        assert_eq!(call.os.as_deref(), Some("http://debian.org/debian/12"));
        assert_eq!(call.trouble, [""; 0]);
    }
}

#[test]
fn the_reason_libvirt_passes_is_recorded() {
    let hooks = Hooks::with_hook_at(DROP_IN);
    assert_silent(&hooks.call(["vm", "release", "end", "destroyed"], XML.as_bytes()));
    let call = only(hooks.records());
    assert_eq!(call.reason, Some(ShutoffReason::Destroyed));
    assert_eq!(call.reason_source, Some(ReasonSource::Argument));
}

#[test]
fn any_name_is_recorded_as_it_is() {
    let hooks = Hooks::with_hook_at(DROP_IN);
    let name = format!("a \"quoted\" 'name'\n\\ \u{1b}[31m{}", "ä".repeat(90));
    assert!(name.len() > 200);
    assert_silent(&hooks.call([&*name, "started", "begin", "-"], XML.as_bytes()));
    assert_eq!(only(hooks.records()).domain, name);
}

#[test]
fn a_name_that_is_not_utf8_is_recorded_as_far_as_it_is() {
    let hooks = Hooks::with_hook_at(DROP_IN);
    let name = OsString::from_vec(b"vm-\xff".to_vec());
    assert_silent(&hooks.call([name, "started".into(), "begin".into(), "-".into()], XML.as_bytes()));
    assert_eq!(only(hooks.records()).domain, "vm-\u{fffd}");
}

#[test]
fn too_few_arguments_leave_nothing_at_all() {
    for args in [&[][..], &["--help"], &["vm"]] {
        let hooks = Hooks::with_hook_at(DROP_IN);
        assert_silent(&hooks.call(args, b""));
        assert!(!hooks.journal().exists());
    }
    assert_silent(&feed(Command::new(HOOK).env_clear(), b""));
}

#[test]
fn input_that_never_comes_and_never_ends_costs_a_moment_and_not_the_record() {
    let hooks = Hooks::with_hook_at(DROP_IN);
    let (reader, writer) = std::io::pipe().expect("pipe");
    let began = Instant::now();
    let output = hooks.command(["vm", "started", "begin", "-"]).stdin(reader).output().expect("ended");
    assert_silent(&output);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(writer);
    let call = only(hooks.records());
    assert!(call.uuid.is_none() && call.trouble[0].contains("in time"), "{call:?}");
}

#[test]
fn input_without_end_is_cut_off() {
    let hooks = Hooks::with_hook_at(DROP_IN);
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let endless = std::thread::spawn(move || while writer.write_all(&[b'x'; 4096]).is_ok() {});
    let output = hooks.command(["vm", "started", "begin", "-"]).stdin(reader).output().expect("ended");
    assert_silent(&output);
    endless.join().expect("the writer is told that nobody reads");
    assert!(only(hooks.records()).trouble[0].contains("too long"));
}

#[test]
fn input_that_is_closed_empty_or_no_xml_is_no_reason_to_fail() {
    let hooks = Hooks::with_hook_at(DROP_IN);
    let program = hooks.dir().join(DROP_IN);
    let closed = ["-c", "exec \"$0\" vm started begin - <&-", &program.to_string_lossy()].map(str::to_owned);
    assert_silent(&Command::new("sh").args(closed).output().expect("ended"));
    for input in [&b""[..], b"\0\xff<", b"<domain>", b"<domain><uuid>no</uuid></domain>"] {
        assert_silent(&hooks.call(["vm", "started", "begin", "-"], input));
    }
    let records = hooks.records();
    assert_eq!(records.len(), 5);
    for call in records {
        assert!(call.uuid.is_none() && call.trouble.len() == 1, "{call:?}");
    }
}

#[test]
fn a_journal_that_cannot_be_written_is_nobodys_trouble() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("utf-8");
    for journal in [path, &format!("{path}/below"), "/proc/nowhere", "/dev/null"] {
        let mut command = Command::new(HOOK);
        command.args(["vm", "stopped", "end", "-"]).env("SOFTOFF_JOURNAL", journal);
        assert_silent(&feed(&mut command, XML.as_bytes()));
    }
}

#[test]
fn a_journal_directory_that_is_missing_is_made() {
    let hooks = Hooks::with_hook_at("qemu");
    assert!(!hooks.journal().exists());
    assert_silent(&hooks.call(["vm", "stopped", "end", "-"], XML.as_bytes()));
    assert_eq!(hooks.records().len(), 1);
}

#[test]
fn a_full_disk_loses_its_own_record_and_not_the_next() {
    // A file system of four pages: the ballast takes all but what the first record left.
    const SCRIPT: &str = r#"
        set -eu
        mount -t tmpfs -o size=16k softoff-test "$1"
        export SOFTOFF_JOURNAL="$1"
        "$0" first started begin - </dev/null
        # Only the rest of the journal's own page is left, and then not even that.
        dd if=/dev/zero of="$1/ballast" bs=4096 count=4 2>/dev/null || true
        n=0
        while [ $n -lt 40 ]; do "$0" lost started begin - </dev/null; n=$((n + 1)); done
        rm "$1/ballast"
        "$0" last started begin - </dev/null
        cat "$1"/*.jsonl
    "#;
    if !can_mount() {
        return;
    }
    let disk = tempfile::tempdir().expect("tempdir");
    let script = Command::new("unshare").args(["-m", "sh", "-c", SCRIPT, HOOK]).arg(disk.path()).output();
    let output = script.expect("ended");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let journal = tempfile::tempdir().expect("tempdir");
    fs::write(journal.path().join("copy.jsonl"), output.stdout).expect("written");
    let entries: Vec<_> = softoff_journal::Reader::open(journal.path()).expect("a journal").collect();
    let torn = entries.iter().filter(|entry| entry.is_err()).count();
    let last = format!("{:?}", entries.last().expect("records"));
    assert!(torn <= 1 && last.contains("domain: \"last\""), "{torn} torn, then {last}");
    assert!(entries.len() < 42, "nothing was lost: the disk was not full");
}

/// Whether file systems can be mounted here. In CI they must be.
fn can_mount() -> bool {
    let mounted = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    let can = mounted.is_ok_and(|status| status.success());
    let required = std::env::var_os("SOFTOFF_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(can || !required, "this test needs root, to mount a file system");
    if !can {
        eprintln!("skipped: needs root, to mount a file system");
    }
    can
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_arguments_and_no_input_make_it_speak_or_fail(
        args in prop::collection::vec(prop::collection::vec(1_u8.., 0..300), 0..7),
        xml: Vec<u8>,
    ) {
        let hooks = Hooks::with_hook_at(DROP_IN);
        let enough = args.len() >= 2;
        assert_silent(&hooks.call(args.into_iter().map(OsString::from_vec), &xml));
        prop_assert_eq!(hooks.journal().exists(), enough);
        if enough {
            prop_assert_eq!(hooks.records().len(), 1);
        }
    }
}
