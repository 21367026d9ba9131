//! Logs as libvirt 1.3 to 12 and QEMU 2 to 11 write them, whole and in pieces, honest and forged.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use softoff_journal::record::{Death, DomainLog, LogEntry, ShutoffReason};
use softoff_journal::{Event, Reader};
use uuid::Uuid;

use super::parser::{Found, Parser};
use super::{Imported, LogError, Target, import};

const START: &str = "\
2026-01-05 08:00:00.101+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4+deb12u2 (Debian), qemu version: 7.2.22Debian 1:7.2+dfsg-7+deb12u18, kernel: 6.1.0-40-amd64, hostname: kvm7
LC_ALL=C \\
PATH=/usr/local/sbin:/usr/bin \\
/usr/bin/qemu-system-x86_64 \\
-name guest=web,debug-threads=on \\
-uuid 11111111-1111-4111-8111-111111111111 \\
-msg timestamp=on
char device redirected to /dev/pts/1 (label charserial0)
";
const TERM: &str = "2026-01-09T20:00:01.000100Z qemu-system-x86_64: terminating on signal 15 from pid 6530 (/usr/sbin/libvirtd)\n";
const DOWN: &str = "2026-01-09 20:00:01.302+0000: shutting down, reason=shutdown\n";
const CRASHED: &str = "2026-01-09 20:00:01.302+0000: shutting down, reason=crashed\n";
const ASSERTION: &str =
    "qemu-system-x86_64: ../hw/usb/core.c:720: usb_ep_get: Assertion `dev != NULL' failed.\n";

type Entries = Vec<(DateTime<Utc>, DomainLog)>;

/// The entries of a log; those after the number were given at its end.
fn parsed(log: &[u8]) -> (Entries, usize, Found) {
    let mut entries = Vec::new();
    let mut parser = Parser::new("web".to_owned());
    let whole = log.iter().rposition(|byte| *byte == b'\n').map_or(&log[..0], |end| &log[..end]);
    for line in whole.split(|byte| *byte == b'\n').filter(|_| !log.is_empty()) {
        parser.line(line, &mut |at, log| entries.push((at, log)));
    }
    let before = entries.len();
    let found = parser.finish(&mut |at, log| entries.push((at, log)));
    (entries, before, found)
}

fn entries(parts: &[&str]) -> Vec<LogEntry> {
    parsed(parts.concat().as_bytes()).0.into_iter().map(|(_, log)| log.entry).collect()
}

fn only_start(log: &str) -> (Option<String>, Option<String>, Option<String>, Option<Uuid>) {
    match entries(&[log]).as_slice() {
        [LogEntry::Starting { libvirt, qemu, host, uuid }] => {
            (libvirt.clone(), qemu.clone(), host.clone(), *uuid)
        }
        other => panic!("not one start: {other:?}"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what records hold")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn starts_of_all_versions_tell_versions_host_and_uuid() {
    let uuid = Some(Uuid::from_u128(0x1111_1111_1111_4111_8111_1111_1111_1111));
    let debian = (some("9.0.0"), some("7.2.22Debian 1:7.2+dfsg-7+deb12u18"), some("kvm7"), uuid);
    assert_eq!(only_start(START), debian);
    // libvirt 5.3 without a package, its command line in pieces.
    let arch = "2019-05-30 15:07:44.216+0000: starting up libvirt version: 5.3.0, qemu version: 4.0.0, kernel: \
                4.19.46-1-ARCH, hostname: n1.example.org\nLC_ALL=C \\\n/usr/bin/qemu-system-aarch64 \\\n-uuid \
                11111111-1111-4111-8111-111111111111 \\\n-no-user-config\n";
    assert_eq!(only_start(arch), (some("5.3.0"), some("4.0.0"), some("n1.example.org"), uuid));
    // libvirt 4.5: a package with commas, a command line in one piece.
    let centos = "2020-10-31 08:29:51.737+0000: starting up libvirt version: 4.5.0, package: 42.module_el8.2.0 \
                  (CentOS Buildsys <bugs@centos.org>, 2020-05-28-17:13:31, ), qemu version: \
                  2.12.0qemu-kvm-2.12.0-99, kernel: 4.18.0, hostname: interns.novalocal\nLC_ALL=C \
                  PATH=/usr/bin /usr/libexec/qemu-kvm -name guest=c -S -uuid \
                  11111111-1111-4111-8111-111111111111 -msg timestamp=on\n";
    assert_eq!(
        only_start(centos),
        (some("4.5.0"), some("2.12.0qemu-kvm-2.12.0-99"), some("interns.novalocal"), uuid)
    );
    assert_eq!(only_start("2014-01-01 00:00:00.000+0000: starting up\n"), (None, None, None, None));
}

#[test]
fn a_start_whose_command_line_is_missing_or_cut_is_a_start_without_a_uuid() {
    let line = START.lines().next().expect("a line").to_owned() + "\n";
    for log in [line.clone(), line.clone() + "LC_ALL=C \\\n", line.clone() + "-name a-uuid 1 \\\n-uuid zz\n"]
    {
        assert_eq!(only_start(&log).3, None, "{log}");
    }
    assert_eq!(entries(&[&line, DOWN]).len(), 2);
}

#[test]
fn an_end_is_told_with_its_signal_and_its_reason() {
    let told = entries(&[START, TERM, DOWN]);
    assert!(matches!(&told[1], LogEntry::Terminating(told) if told.signal == 15 && told.pid == Some(6530)));
    assert_eq!(told[2], LogEntry::ShuttingDown { reason: Some(ShutoffReason::Shutdown) });
    let old = entries(&["2014-01-01 00:00:00.000+0000: shutting down\n"]);
    assert_eq!(old, [LogEntry::ShuttingDown { reason: None }]);
    assert_eq!(entries(&[&DOWN.replace('\n', "\r\n").replace('\r', "")]).len(), 1);
}

#[test]
fn a_death_without_a_time_has_that_of_the_next_line_or_else_of_the_last_one() {
    let (told, _, found) = parsed([START, ASSERTION, CRASHED].concat().as_bytes());
    assert_eq!(told[1].0, told[2].0);
    assert!(
        matches!(&told[1].1.entry, LogEntry::Died { how: Death::Assertion, stamped: false, text } if text == ASSERTION.trim_end())
    );
    assert_eq!(found.deaths, 1);
    let (told, _, _) = parsed([START, DOWN, ASSERTION].concat().as_bytes());
    assert_eq!(told[1].0, told[2].0);
    let (told, _, found) = parsed(ASSERTION.as_bytes());
    assert_eq!((told.len(), found.left_out, found.timed), (0, 1, false));
}

#[test]
fn a_panic_is_libvirts_word() {
    let panic = "2026-01-09 20:00:01.000+0000: panic hyper-v: arg1='0x7e', arg2='0x0', arg3='0x0', arg4='0x0', arg5='0x0'\n";
    let told = entries(&[START, panic, CRASHED]);
    assert!(matches!(&told[1], LogEntry::Died { how: Death::GuestPanic, stamped: true, .. }));
    assert_eq!(entries(&[START, "panic hyper-v: arg1='0x7e'\n", &format!("x{panic}")]).len(), 1);
}

#[test]
fn lines_that_are_not_wholly_libvirts_or_qemus_tell_nothing() {
    for forged in [
        format!(" {DOWN}"),
        format!("serial: {DOWN}"),
        format!("serial: {TERM}"),
        DOWN.replace("+0000", "+0100"),
        DOWN.replace("2026-01", "2026-13"),
        DOWN.replace("shutdown", "<b>"),
        DOWN.trim_end().to_owned(),
        TERM.replace("qemu-system-x86_64: ", "a guest says: "),
        format!("\u{fffd}{DOWN}"),
    ] {
        assert_eq!(entries(&[START, &forged]).len(), 1, "{forged:?}");
    }
    assert_eq!(parsed(b"\xff\xfe\n2026-01-09 20:00:01.302+0000: shutting down, reason=\xff\n").0, []);
}

#[test]
fn starts_ends_and_what_has_none_are_counted() {
    let found = parsed([START, DOWN, START, START, CRASHED, START].concat().as_bytes()).2;
    assert_eq!((found.starts, found.ends, found.endless, found.running), (4, 2, 1, true));
}

#[test]
fn a_run_that_dies_without_end_fills_no_disk() {
    let log = [START.to_owned(), ASSERTION.repeat(1000), TERM.repeat(1000), DOWN.to_owned()].concat();
    let (told, _, found) = parsed(log.as_bytes());
    assert_eq!((told.len(), found.left_out), (1 + 16 + 16 + 1, 2 * 984));
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn import(&self, name: &str, log: &[u8]) -> Result<Imported, LogError> {
        let path = self.dir.path().join(name);
        fs::write(&path, log).expect("written");
        self.import_path(&path)
    }

    fn import_path(&self, path: &Path) -> Result<Imported, LogError> {
        let journal = self.journal();
        import(path, &Target { journal: &journal, version: "1", host: "here" }, &mut |_, _| {})
    }

    fn entries(&self) -> Vec<(String, LogEntry)> {
        let read = Reader::open(&self.journal()).expect("a journal").map(|item| item.expect("no defect"));
        let told = read.filter_map(|entry| match entry.record.event {
            Event::DomainLog(log) => Some((entry.origin.provenance.host.clone(), log.entry)),
            _ => None,
        });
        told.collect()
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).expect("packed");
    packer.finish().expect("packed")
}

#[test]
fn a_log_counts_once_however_often_and_in_whichever_form_it_is_imported() {
    let place = Place::new();
    let log = [START, TERM, DOWN].concat();
    assert_eq!(place.import("web.log", log.as_bytes()).expect("imported").records, Some(3));
    let grown = [&log, START].concat();
    assert_eq!(place.import("web.log", grown.as_bytes()).expect("imported").records, Some(4));
    assert_eq!(place.import("web.log.1.gz", &packed(grown.as_bytes())).expect("imported").records, Some(4));
    assert_eq!(place.import("web.log-20260101", log.as_bytes()).expect("imported").records, None);
    assert_eq!(place.entries().len(), 4);
    assert!(place.entries().iter().all(|(host, _)| host == "kvm7"));
}

#[test]
fn pieces_of_a_rotated_log_share_a_boot_and_a_log_without_a_host_is_of_this_one() {
    let place = Place::new();
    place.import("web.log.1", START.as_bytes()).expect("imported");
    place.import("db.log", DOWN.as_bytes()).expect("imported");
    let second = START.replace("2026-01-05", "2026-01-10");
    place.import("web.log", [DOWN, &second].concat().as_bytes()).expect("imported");
    let reader = Reader::open(&place.journal()).expect("a journal");
    let boots: std::collections::BTreeSet<_> =
        reader.map(|item| item.expect("no defect").origin.provenance.boot_id).collect();
    assert_eq!(boots.len(), 2);
    assert!(
        place
            .entries()
            .contains(&("here".to_owned(), LogEntry::ShuttingDown { reason: Some(ShutoffReason::Shutdown) }))
    );
}

#[test]
fn a_damaged_archive_gives_what_stands_before_the_damage_and_says_where_that_is() {
    let place = Place::new();
    let log = [START, TERM, DOWN, &"x".repeat(100_000)].concat();
    let mut archive = packed(log.as_bytes());
    archive.truncate(archive.len() - 20);
    let imported = place.import("web.log.gz", &archive).expect("imported in part");
    assert!(imported.broken.is_some() && imported.records == Some(3), "{imported:?}");
    let error = place.import("bad.log.gz", b"\x1f\x8bnonsense that is no archive").unwrap_err();
    assert!(matches!(error, LogError::Read { .. }) && error.to_string().contains("byte 0"), "{error}");
}

#[test]
fn what_is_no_log_is_said_to_be_none() {
    let place = Place::new();
    let said = |name: &str, bytes: &[u8]| place.import(name, bytes).unwrap_err().to_string();
    assert!(said("notes.log", b"hello\n").contains("no domain's log"));
    assert!(said("web.log.xz", b"\xfd7zXZ\0rest").contains("xz -d"));
    assert!(said("binary.log", &[0; 100]).contains("none of its 0 whole lines"));
    assert!(place.import_path(Path::new("/dev/null")).unwrap_err().to_string().contains("is no file"));
    assert!(place.import_path(Path::new("/no/such.log")).unwrap_err().to_string().contains("/no/such.log"));
    assert_eq!(place.import("empty.log", b"").expect("nothing to import").records, Some(0));
    assert!(!place.journal().exists(), "nothing was written");
}

/// Lines of all kinds, whole and broken.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just(START.as_bytes().to_vec()),
        Just(TERM.as_bytes().to_vec()),
        Just(DOWN.as_bytes().to_vec()),
        Just(CRASHED.as_bytes().to_vec()),
        Just(ASSERTION.as_bytes().to_vec()),
        Just(b"2026-01-09T20:00:00.000100Z qemu-system-x86_64: warning: x\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(known, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_give_more_than_a_line_holds(log in lines()) {
        let (told, _, _) = parsed(&log);
        let lines = log.split(|byte| *byte == b'\n').count() - 1;
        prop_assert!(told.len() <= lines);
        for (_, log) in told {
            if let LogEntry::Died { text, .. } = log.entry {
                prop_assert!(text.len() <= 512);
            }
        }
    }

    #[test]
    fn what_comes_later_changes_nothing_of_what_was_told(log in lines(), at in any::<prop::sample::Index>()) {
        let cut = at.index(log.len() + 1);
        let (before, settled, _) = parsed(&log[..cut]);
        let (whole, _, _) = parsed(&log);
        prop_assert!(whole.starts_with(&before[..settled]));
    }
}
