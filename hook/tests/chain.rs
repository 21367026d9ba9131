//! The hook in the place of another one: both are called, and libvirt sees the other's answer.

mod lab;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use lab::{HOOK, Hooks, UUID, XML, assert_silent};

/// softoff's hook as `qemu`, and `script` as the hook that was there before.
fn chained(script: &str, mode: u32) -> Hooks {
    let hooks = Hooks::with_hook_at("qemu");
    let before = hooks.dir().join("qemu.before-softoff");
    fs::write(&before, script).expect("written");
    fs::set_permissions(&before, fs::Permissions::from_mode(mode)).expect("mode set");
    hooks
}

#[test]
fn output_and_exit_code_of_the_hook_before_are_what_libvirt_sees() {
    let hooks = chained("#!/bin/sh\necho \"$*\"; echo trouble >&2; exit 7\n", 0o755);
    let output = hooks.call(["a b", "migrate", "begin", "-"], XML.as_bytes());
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a b migrate begin -\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "trouble\n");
    assert_eq!(hooks.records().len(), 1);
}

#[test]
fn the_hook_before_gets_the_whole_xml_of_any_size() {
    for devices in [0, 10, 100_000] {
        let xml = XML.replace("</devices>", &("<disk/>".repeat(devices) + "</devices>"));
        let hooks = chained("#!/bin/sh\nexec cat\n", 0o755);
        let output = hooks.call(["vm", "restore", "begin", "-"], xml.as_bytes());
        assert!(output.status.success() && output.stdout == xml.as_bytes(), "{} bytes", output.stdout.len());
        assert_eq!(hooks.records()[0].uuid.map(|uuid| uuid.to_string()).as_deref(), Some(UUID));
    }
}

#[test]
fn xml_that_comes_in_pieces_arrives_whole() {
    let hooks = chained("#!/bin/sh\nexec cat\n", 0o755);
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let slow = std::thread::spawn(move || {
        for piece in XML.as_bytes().chunks(1000) {
            writer.write_all(piece).expect("somebody reads");
            std::thread::sleep(Duration::from_millis(150));
        }
    });
    let output = hooks.command(["vm", "started", "begin", "-"]).stdin(reader).output().expect("ended");
    slow.join().expect("written");
    assert_eq!(String::from_utf8_lossy(&output.stdout), XML);
}

#[test]
fn a_hook_before_that_reads_nothing_is_not_kept_waiting_by_an_open_pipe() {
    let hooks = chained("#!/bin/sh\nexit 0\n", 0o755);
    let (reader, _writer) = std::io::pipe().expect("pipe");
    let began = Instant::now();
    let output = hooks.command(["vm", "started", "begin", "-"]).stdin(reader).output().expect("ended");
    assert_silent(&output);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// glibc's posix_spawn, which starts the hook here, itself ignores its two internal signals.
const GLIBC: u64 = 0x1_8000_0000;
/// Rust's programs ignore it, and give it back to what they start.
const SIGPIPE: u64 = 1 << 12;

/// Blocked and ignored signals in a /proc/PID/status.
fn signals(status: &str) -> Vec<Option<u64>> {
    let lines = status.lines().filter(|line| line.starts_with("SigBlk") || line.starts_with("SigIgn"));
    let mask = |line: &str| u64::from_str_radix(line.rsplit('\t').next()?, 16).ok();
    lines.map(|line| mask(line).map(|mask| mask & !GLIBC)).collect()
}

#[test]
fn signals_are_to_the_hook_before_as_libvirt_left_them() {
    let hooks = chained("#!/bin/sh\ngrep -E '^Sig(Blk|Ign)' /proc/self/status\n", 0o755);
    let output = hooks.call(["vm", "started", "begin", "-"], XML.as_bytes());
    // Who starts the tests may ignore signals: a shell does for what runs in its background.
    let own = fs::read_to_string("/proc/thread-self/status").expect("read");
    let left = signals(&own).into_iter().map(|mask| mask.map(|mask| mask & !SIGPIPE)).collect::<Vec<_>>();
    let found = signals(&String::from_utf8_lossy(&output.stdout));
    assert_eq!((found.len(), &found), (2, &left));
}

#[test]
fn a_hook_before_that_cannot_run_is_as_if_it_were_not_there() {
    for (script, mode) in [("#!/bin/sh\nexit 7\n", 0o644), ("#!/no/such/interpreter\n", 0o755)] {
        let hooks = chained(script, mode);
        assert_silent(&hooks.call(["vm", "started", "begin", "-"], XML.as_bytes()));
        assert_eq!(hooks.records().len(), 1);
    }
}

#[test]
fn a_hook_chained_to_itself_ends() {
    let hooks = Hooks::with_hook_at("qemu");
    fs::copy(HOOK, hooks.dir().join("qemu.before-softoff")).expect("copied");
    assert_silent(&hooks.call(["vm", "started", "begin", "-"], XML.as_bytes()));
    assert_eq!(hooks.records().len(), 2);
}
