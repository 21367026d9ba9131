//! Which shutdowns are meant.

use softoff_analyzer::Episode;

use crate::journal::{clean, ignoring, named, recorded};
use crate::softoff;

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[test]
fn explain_tells_the_last_failed_one_unless_it_is_told_which() {
    let dir = recorded(&[clean(), ignoring(), named("late")]);
    let explained = |wanted: &[&str]| {
        let ended = softoff(dir.path(), &[&["explain"], wanted].concat());
        (first_line(&ended.stdout).split(' ').next().unwrap_or_default().to_owned(), ended.code)
    };
    assert_eq!(explained(&[]), ("db-1".to_owned(), 1));
    assert_eq!(explained(&["last"]), ("db-1".to_owned(), 1));
    assert_eq!(explained(&["web-1"]), ("web-1".to_owned(), 0));
    assert_eq!(explained(&["00000000-0000-0000-0000-000000000003"]), ("late".to_owned(), 0));
}

#[test]
fn an_id_or_its_beginning_names_a_shutdown() {
    let dir = recorded(&[clean(), ignoring()]);
    let list = softoff(dir.path(), &["list", "--format", "json"]);
    let episodes: Vec<Episode> = serde_json::from_str(&list.stdout).expect("episodes");
    for id in [episodes[0].id.as_str(), &episodes[0].id[..4]] {
        let ended = softoff(dir.path(), &["explain", id]);
        assert!(ended.stdout.starts_with("web-1"), "{}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn an_unknown_name_is_an_error_that_suggests_others() {
    let dir = recorded(&[clean(), ignoring()]);
    let ended = softoff(dir.path(), &["explain", "web-2"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("did you mean \"web-1\"?"), "{}", ended.stderr);
    let ended = softoff(dir.path(), &["plot", "zzz"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("there are some of \"db-1\", \"web-1\""), "{}", ended.stderr);
    assert!(!dir.path().join("softoff-timeline.svg").exists());
}

#[test]
fn filters_leave_only_what_is_wanted() {
    let dir = recorded(&[clean(), ignoring()]);
    let names = |filter: &[&str]| {
        let ended = softoff(dir.path(), &[&["list", "--format", "json"], filter].concat());
        let episodes: Vec<Episode> = serde_json::from_str(&ended.stdout).expect("episodes");
        (episodes.into_iter().filter_map(|episode| episode.domain.name).collect::<Vec<_>>(), ended.code)
    };
    assert_eq!(names(&["--failed"]), (vec!["db-1".to_owned()], 1));
    assert_eq!(names(&["--domain", "web-1"]), (vec!["web-1".to_owned()], 0));
    assert_eq!(names(&["--since", "2000-01-01"]).0.len(), 2);
    assert_eq!(names(&["--since", "2100-01-01 00:00"]), (vec![], 0));
    // The stories begin 1100 s after the boot of 2026-09-21 14:13:20; the second an hour later.
    assert_eq!(names(&["--since", "2026-09-21 15:00"]), (vec!["db-1".to_owned()], 1));
}

#[test]
fn a_time_that_cannot_be_read_is_an_error_that_shows_how() {
    let dir = recorded(&[clean()]);
    let ended = softoff(dir.path(), &["list", "--since", "soon"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("2h, 3days"), "{}", ended.stderr);
}

#[test]
fn the_journal_may_be_named_before_and_after_the_verb() {
    let (dir, elsewhere) = (recorded(&[clean()]), recorded(&[]));
    let path = dir.path().to_str().expect("UTF-8");
    for arguments in [["--journal", path, "list"], ["list", "--journal", path]] {
        assert!(softoff(elsewhere.path(), &arguments).stdout.contains("web-1"));
    }
}
