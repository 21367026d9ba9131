//! Journals that are missing, empty, torn, foreign or unreadable, and outputs that cannot be.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::journal::{FILE, clean, empty, ignoring, recorded};
use crate::softoff;

fn append(dir: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(dir.join(FILE)).expect("open");
    file.write_all(bytes).expect("written");
}

#[test]
fn a_missing_journal_is_an_error_that_says_what_to_do() {
    let dir = empty();
    for verb in ["list", "explain", "plot", "report"] {
        let ended = softoff(dir.path(), &[verb, "--journal", "no/such"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{verb}");
        for hint in ["no/such", "softoff install", "softoff trace", "--journal"] {
            assert!(ended.stderr.contains(hint), "{hint} in {}", ended.stderr);
        }
    }
    assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0, "nothing is left behind");
}

#[test]
fn an_empty_journal_is_no_error_but_says_so_and_what_comes_next() {
    let dir = empty();
    for verb in ["list", "explain", "plot", "report"] {
        let ended = softoff(dir.path(), &[verb]);
        assert_eq!(ended.code, 0, "{verb}: {}", ended.stderr);
        assert!(ended.stderr.contains("no shutdowns recorded"), "{}", ended.stderr);
        assert!(ended.stderr.contains("softoff install"), "{}", ended.stderr);
    }
    assert_eq!(softoff(dir.path(), &["list", "--format", "json"]).stdout, "[]\n");
    assert_eq!(softoff(dir.path(), &["explain", "web-1"]).code, 2);
}

#[test]
fn torn_lines_are_warned_of_a_few_times_and_cost_only_themselves() {
    let dir = recorded(&[clean()]);
    for _ in 0..10 {
        append(dir.path(), b"{\"boot_ns\": 12, \"wa\n");
    }
    let ended = softoff(dir.path(), &["list"]);
    assert!(ended.stdout.contains("web-1"), "{}", ended.stdout);
    assert_eq!(ended.stderr.lines().count(), 4, "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("{FILE}:")), "{}", ended.stderr);
    assert!(ended.stderr.contains("7 more torn or corrupt lines"), "{}", ended.stderr);
}

#[test]
fn a_line_of_binary_rubbish_does_not_reach_the_terminal() {
    let dir = recorded(&[clean()]);
    append(dir.path(), b"\x1b[2J\xff\x00{\n");
    let ended = softoff(dir.path(), &["list"]);
    assert!(
        ended.stderr.contains("torn or corrupt") && !ended.stderr.contains('\u{1b}'),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn a_foreign_file_is_left_alone_and_the_rest_is_read() {
    let dir = recorded(&[clean()]);
    fs::write(dir.path().join("other.jsonl"), "{\"level\": \"info\"}\n").expect("written");
    let ended = softoff(dir.path(), &["list"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("web-1") && ended.stderr.contains("not a softoff journal file"));
}

#[test]
fn a_journal_of_which_nothing_can_be_read_is_an_error() {
    let dir = empty();
    fs::write(dir.path().join("other.jsonl"), "hello\n").expect("written");
    let ended = softoff(dir.path(), &["list"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("nothing in the journal"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--journal"), "{}", ended.stderr);
}

#[test]
fn an_unreadable_file_is_warned_of_and_the_rest_is_read() {
    let dir = recorded(&[clean(), ignoring()]);
    // A directory cannot be read as a file by anybody, not even by root.
    fs::create_dir(dir.path().join("2026-11-24.b007.test.jsonl")).expect("made");
    let ended = softoff(dir.path(), &["list"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stdout.contains("web-1") && ended.stderr.contains("cannot be read"), "{}", ended.stderr);
}

#[test]
fn a_file_in_place_of_the_directory_is_an_error_that_says_so() {
    let dir = recorded(&[clean()]);
    let ended = softoff(dir.path(), &["list", "--journal", FILE]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("not a directory"), "{}", ended.stderr);
}

#[test]
fn an_output_that_cannot_be_written_fails_before_the_work() {
    let dir = empty();
    for arguments in [["report", "-o", "no/such/page.html"], ["plot", "-o", "no/such/picture.svg"]] {
        // The journal is missing too: the output is what is spoken of.
        let ended = softoff(dir.path(), &[arguments.as_slice(), &["--journal", "missing"]].concat());
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains("cannot write no/such/"), "{}", ended.stderr);
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let dir = recorded(&[clean()]);
    let ended = softoff(dir.path(), &["report", "-o", "/dev/full"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("cannot write /dev/full"), "{}", ended.stderr);
}

#[test]
fn a_picture_of_an_unknown_kind_is_an_error_that_names_the_known_ones() {
    let dir = recorded(&[clean()]);
    let ended = softoff(dir.path(), &["plot", "-o", "picture.jpeg"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains(".svg or .png"), "{}", ended.stderr);
}
