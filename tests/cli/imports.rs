//! Logs that are there already, imported and told.

use std::fs;
use std::path::Path;

use crate::journal::empty;
use crate::{Ended, softoff};

const START: &str = "2026-01-05 08:00:00.101+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4 (Debian), qemu \
                     version: 7.2.22Debian 1:7.2, kernel: 6.1.0, hostname: kvm7\nLC_ALL=C \\\n\
                     /usr/bin/qemu-system-x86_64 \\\n-uuid 11111111-1111-4111-8111-111111111111 \\\n-msg timestamp=on\n";
const TERM: &str = "2026-01-09T20:00:01.000100Z qemu-system-x86_64: terminating on signal 15 from pid 6530 (/usr/sbin/libvirtd)\n";
const DOWN: &str = "2026-01-09 20:00:01.302+0000: shutting down, reason=shutdown\n";
const CRASHED: &str = "2026-01-09 20:00:01.302+0000: shutting down, reason=crashed\n";

fn write(dir: &Path, name: &str, parts: &[&str]) {
    fs::create_dir_all(dir.join("logs")).expect("made");
    fs::write(dir.join("logs").join(name), parts.concat()).expect("written");
}

fn import(dir: &Path, what: &str) -> Ended {
    softoff(dir, &["--journal", "j", "import", "qemu-log", what])
}

fn list(dir: &Path) -> String {
    softoff(dir, &["--journal", "j", "list"]).stdout
}

#[test]
fn a_directory_of_logs_becomes_a_list_of_shutdowns_and_says_what_to_do_next() {
    let dir = empty();
    write(dir.path(), "web.log", &[START, TERM, DOWN]);
    write(
        dir.path(),
        "web.log.0",
        &[&START.replace("01-05", "01-02"), &TERM.replace("01-09", "01-04"), &DOWN.replace("01-09", "01-04")],
    );
    write(dir.path(), "notes.txt", &["hello\n"]);
    let ended = import(dir.path(), "logs");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    for said in
        ["logs/web.log: 1 start, 1 end", "2 logs imported: 2 starts, 2 ends", "softoff --journal j list"]
    {
        assert!(ended.stderr.contains(said), "{said} in {}", ended.stderr);
    }
    let listed = list(dir.path());
    let times: Vec<_> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(times.starts_with(&["WHEN", "2026-01-04", "2026-01-09"]), "{listed}");
    assert_eq!(import(dir.path(), "logs/web.log").code, 0);
    assert_eq!(list(dir.path()), listed, "imported twice, told once");
}

#[test]
fn a_file_that_is_no_log_is_named_and_the_rest_is_imported() {
    let dir = empty();
    write(dir.path(), "a.log", &["hello\n"]);
    write(dir.path(), "web.log", &[START, TERM, DOWN]);
    let ended = import(dir.path(), "logs");
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("a.log is no domain's log"), "{}", ended.stderr);
    assert!(list(dir.path()).contains("web"));
}

#[test]
fn what_is_missing_is_said() {
    let dir = empty();
    fs::create_dir(dir.path().join("none")).expect("made");
    for (what, said) in [("no/such.log", "no/such.log"), ("none", "no *.log in none")] {
        let ended = import(dir.path(), what);
        assert_eq!((ended.code, ended.stderr.contains(said)), (2, true), "{}", ended.stderr);
    }
    write(dir.path(), "web.log", &[START, DOWN]);
    let ended = softoff(dir.path(), &["--journal", "/proc/j", "import", "qemu-log", "logs"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("/proc/j") && ended.stderr.contains("--journal DIR"), "{}", ended.stderr);
}

#[test]
fn names_and_texts_that_somebody_chose_to_harm_reach_no_terminal_and_no_page() {
    let dir = empty();
    let death = "qemu-system-x86_64: \u{1b}[2J<script>alert(1)</script>: x.c:1: f: Assertion `x' failed.\n";
    write(dir.path(), "we\u{1b}[31m<b>.log", &[START, death, CRASHED]);
    let ended = import(dir.path(), "logs");
    assert!(ended.code == 0 && !ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
    for verb in [&["list"][..], &["explain"]] {
        let told = softoff(dir.path(), &[&["--journal", "j"], verb].concat());
        assert!(
            told.stdout.contains("host.qemu-crash") && !told.stdout.contains('\u{1b}'),
            "{:?}",
            told.stdout
        );
    }
    assert_eq!(softoff(dir.path(), &["--journal", "j", "report", "-o", "page.html"]).code, 1);
    let page = fs::read_to_string(dir.path().join("page.html")).expect("a page");
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "quoted");
    assert!(!page.contains("<script>alert"), "escaped");
}
