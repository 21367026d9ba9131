use tempfile::TempDir;

use super::*;
use crate::row;

fn row(id: &str) -> Row<'static> {
    row::tests::row(id, 3.0)
}

fn exported(dir: &TempDir, rows: Vec<Row<'static>>) -> Vec<Written> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let place = Place::create(&dir.path().display().to_string()).expect("a place");
    let put = |(partition, rows): (Partition, Vec<Row<'_>>)| {
        runtime.block_on(export(&place, &partition, rows)).expect("written")
    };
    partitions(rows).into_iter().map(put).collect()
}

fn names(dir: &TempDir) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let place = Place::open(&dir.path().display().to_string()).expect("a place");
    let files = runtime.block_on(place.list()).expect("listed");
    files.iter().map(|file| file.location.to_string()).collect()
}

#[test]
fn rows_go_where_their_day_host_and_boot_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let (one, mut other) = (row("a"), row("b"));
    other.host_name = "ho/st:b".into();
    exported(&dir, vec![one, other]);
    let boot = "00000000-0000-0000-0000-000000000007";
    let expected = [
        format!("date=2026-11-25/host=ho%2Fst%3Ab/{boot}.parquet"),
        format!("date=2026-11-25/host=host-a/{boot}.parquet"),
    ];
    assert_eq!(names(&dir), expected);
    assert!(expected.iter().all(|name| dir.path().join(name).is_file()), "the names on disk are these");
}

#[test]
fn exporting_the_same_again_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = exported(&dir, vec![row("a"), row("b")]);
    assert_eq!((first[0].before, first[0].rows), (Before::Absent, 2));
    assert_eq!(exported(&dir, vec![row("b"), row("a")])[0].before, Before::Same);
    assert_eq!(names(&dir).len(), 1);
}

#[test]
fn a_later_export_replaces_and_says_when_episodes_are_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    exported(&dir, vec![row("a"), row("b")]);
    let later = exported(&dir, vec![row("a")]);
    assert_eq!((later[0].before, later[0].fewer()), (Before::Other(Some(2)), Some(1)));
    assert_eq!(exported(&dir, vec![row("a"), row("b"), row("c")])[0].fewer(), None);
}

#[test]
fn a_damaged_file_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    exported(&dir, vec![row("a")]);
    std::fs::write(dir.path().join(&names(&dir)[0]), b"PAR1").expect("damaged");
    assert_eq!(exported(&dir, vec![row("a")])[0].before, Before::Other(None));
    assert_eq!(exported(&dir, vec![row("a")])[0].before, Before::Same);
}

#[test]
fn what_an_interrupted_export_leaves_behind_is_no_file_of_the_store() {
    let dir = tempfile::tempdir().expect("a directory");
    exported(&dir, vec![row("a")]);
    let name = names(&dir)[0].clone();
    std::fs::write(dir.path().join(format!("{name}#1")), b"half").expect("left behind");
    assert_eq!(names(&dir), [name]);
    assert_eq!(exported(&dir, vec![row("a"), row("b")])[0].rows, 2);
}
