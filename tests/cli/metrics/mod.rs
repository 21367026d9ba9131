//! `softoff export --format prometheus` and its like: the file, and those that read it.

mod monitoring;
mod programs;
mod rules;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::journal::{clean, empty, ignoring, named, recorded};
use crate::softoff;

const EXPORT: [&str; 5] = ["export", "--format", "prometheus", "-o", "softoff.prom"];

/// Runs softoff on the journal in `dir` with what a shell sets up before.
fn after(setup: &str, dir: &Path, arguments: &[&str]) -> Output {
    let script = format!("{setup}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(dir).env("SOFTOFF_JOURNAL", dir).args(["-c", &script]);
    command.arg(env!("CARGO_BIN_EXE_softoff")).args(arguments).output().expect("sh runs")
}

/// The names of what is in a directory.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("listed");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_file_is_for_all_to_read_and_nothing_is_left_beside_it() {
    let dir = recorded(&[clean(), ignoring()]);
    let output = after("umask 077", dir.path(), &EXPORT);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let file = dir.path().join("softoff.prom");
    assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o644);
    assert_eq!(names(dir.path()), [crate::journal::FILE, "softoff.prom"]);
    let text = fs::read_to_string(file).expect("read");
    assert!(text.contains("softoff_shutdowns_total{outcome=\"soft\",verdict=\"clean\"} 1\n"), "{text}");
    assert!(text.contains("softoff_shutdowns_total{outcome=\"crashed\",verdict=\"failed\"} 0\n"), "{text}");
    assert!(!text.contains("web-1") && !text.contains("db-1"), "{text}");
}

#[test]
fn where_the_file_cannot_be_written_whole_the_old_one_stays() {
    let dir = recorded(&[clean()]);
    let file = dir.path().join("softoff.prom");
    fs::write(&file, "old\n").expect("written");
    // As a full disk does: the write ends in the middle.
    let output = after("trap '' XFSZ; ulimit -f 2", dir.path(), &EXPORT);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot write") && told.contains("softoff.prom"), "{told}");
    assert_eq!(fs::read_to_string(&file).expect("read"), "old\n");
    assert_eq!(names(dir.path()), [crate::journal::FILE, "softoff.prom"]);
}

#[test]
fn metrics_count_all_shutdowns_and_take_no_filter() {
    let dir = recorded(&[clean()]);
    for filter in [&["--failed"][..], &["--domain", "web-1"], &["--since", "1h"]] {
        let ended = softoff(dir.path(), &[&EXPORT[..], filter].concat());
        assert_eq!(ended.code, 2, "{filter:?}");
        assert!(ended.stderr.contains("metrics count all shutdowns"), "{}", ended.stderr);
    }
    assert!(!dir.path().join("softoff.prom").exists());
}

#[test]
fn the_administrator_chooses_the_buckets() {
    let dir = recorded(&[clean()]);
    let export = |buckets| softoff(dir.path(), &["export", "--format", "prometheus", "--buckets", buckets]);
    let limits = |text: &str| {
        let of =
            |line: &str| Some(line.split_once("censored=\"false\",le=\"")?.1.split_once('"')?.0.to_owned());
        text.lines().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(limits(&export("1,2.5,300").stdout), ["1", "2.5", "300", "+Inf"]);
    for (buckets, told) in
        [("5,1", "ascending"), ("0,1", "no length of time"), ("1,fast", "\"fast\" is no number")]
    {
        let ended = export(buckets);
        assert_eq!(ended.code, 2, "{buckets}");
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    let elsewhere = softoff(dir.path(), &["export", "--buckets", "1"]);
    assert!(elsewhere.stderr.contains("only metrics have --buckets"), "{}", elsewhere.stderr);
}

#[test]
fn rules_and_dashboard_come_without_a_journal() {
    let dir = empty();
    for (format, committed) in [
        ("prometheus-rules", include_str!("../../../docs/metrics/softoff.rules.yml")),
        ("grafana-dashboard", include_str!("../../../docs/metrics/softoff-dashboard.json")),
    ] {
        let ended = softoff(dir.path(), &["--journal", "/nonexistent", "export", "--format", format]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout == committed, "{format} is not the file below docs/metrics");
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    programs::needed!();
    let hostile = "web\"} 1\n# TYPE x\\ counter\u{1b}[31m";
    for stories in [vec![], vec![clean(), ignoring(), named(hostile)]] {
        let dir = recorded(&stories);
        let ended = softoff(dir.path(), &["export", "--format", "prometheus"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let mut check = assert_cmd::Command::new("promtool");
        let output = check.args(["check", "metrics"]).write_stdin(ended.stdout).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
