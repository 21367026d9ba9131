//! `softoff export` and `softoff fleet`: what leaves the host.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use softoff_analyzer::Episode;

use crate::journal::{clean, ignoring, recorded};
use crate::softoff;

/// The files below a directory, in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![dir.to_owned()], Vec::new());
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn export_prints_one_episode_a_line() {
    let dir = recorded(&[clean(), ignoring()]);
    let ended = softoff(dir.path(), &["export"]);
    let episodes: Vec<Episode> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("an episode")).collect();
    assert_eq!((episodes.len(), ended.code), (2, 0));
    let failed = softoff(dir.path(), &["export", "--failed", "-o", "failed.jsonl"]);
    assert_eq!((failed.code, failed.stdout.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(dir.path().join("failed.jsonl")).expect("a file").lines().count(), 1);
}

#[test]
fn exporting_parquet_again_changes_nothing() {
    let dir = recorded(&[clean(), ignoring()]);
    let export = ["export", "--format", "parquet", "-o", "store"];
    let first = softoff(dir.path(), &export);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(
        first.stderr.contains("2 episodes in 1 files of store, 1 of them new or changed"),
        "{}",
        first.stderr
    );
    let store = dir.path().join("store");
    let [file] = files(&store).try_into().expect("one file");
    let name = file.strip_prefix(&store).expect("below").display().to_string();
    assert!(name.starts_with("date=2026-") && name.contains("/host=host-a/"), "{name}");
    let (bytes, modified) =
        (fs::read(&file).expect("read"), file.metadata().expect("a file").modified().expect("a time"));
    let again = softoff(dir.path(), &export);
    assert!(again.stderr.contains("0 of them new or changed"), "{}", again.stderr);
    assert_eq!(fs::read(&file).expect("read"), bytes);
    assert_eq!(file.metadata().expect("a file").modified().expect("a time"), modified);
}

#[test]
fn a_store_takes_whole_days_only_and_needs_a_directory() {
    let dir = recorded(&[clean()]);
    let part = softoff(dir.path(), &["export", "--format", "parquet", "-o", "store", "--failed"]);
    assert_eq!(part.code, 2);
    assert!(part.stderr.contains("a store holds all episodes of a day"), "{}", part.stderr);
    let nowhere = softoff(dir.path(), &["export", "--format", "parquet"]);
    assert!(nowhere.stderr.contains("-o DIR"), "{}", nowhere.stderr);
    let bucket = softoff(dir.path(), &["export", "--format", "parquet", "-o", "s3://bucket/x"]);
    assert_eq!(bucket.code, 2);
    assert!(bucket.stderr.contains("s3://bucket/x is no place for a store"), "{}", bucket.stderr);
}

#[test]
fn fleet_runs_the_program_in_the_path_with_all_that_follows() {
    let dir = recorded(&[]);
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).expect("made");
    let program = bin.join("softoff-fleet");
    fs::write(&program, "#!/bin/sh\necho \"$SOFTOFF_SLOW_AFTER $@\"\nexit 7\n").expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    // A copy of softoff, beside which there is no softoff-fleet.
    let alone = dir.path().join("softoff");
    fs::copy(env!("CARGO_BIN_EXE_softoff"), &alone).expect("copied");
    let run = |path: &Path| {
        let mut command = std::process::Command::new(&alone);
        command.env("PATH", path).args(["--slow-after", "90s", "fleet", "summary", "--by", "os", "--help"]);
        command.output().expect("it runs")
    };
    let output = run(&bin);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1m 30s summary --by os --help\n");
    let output = run(dir.path());
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("softoff-fleet is not installed") && told.contains("./x build fleet"), "{told}");
}
