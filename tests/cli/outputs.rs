//! What each verb gives.

use std::fs;

use softoff_analyzer::Episode;

use crate::journal::{clean, ignoring, named, recorded};
use crate::{command, softoff};

#[test]
fn list_prints_a_line_for_each_shutdown_and_ends_with_1_for_a_failed_one() {
    let dir = recorded(&[clean(), ignoring()]);
    let ended = softoff(dir.path(), &["list"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("WHEN"), "{}", ended.stdout);
    assert!(lines[1].contains("web-1") && lines[1].contains("clean"), "{}", ended.stdout);
    assert!(lines[2].contains("db-1") && lines[2].contains("guest.ignored"), "{}", ended.stdout);
    assert_eq!(lines[4], "2 shutdowns: 1 clean, 1 failed");
}

#[test]
fn list_ends_with_0_where_all_is_well() {
    let dir = recorded(&[clean()]);
    assert_eq!(softoff(dir.path(), &["list"]).code, 0);
}

#[test]
fn list_as_json_is_an_array_of_episodes() {
    let dir = recorded(&[clean(), ignoring()]);
    let ended = softoff(dir.path(), &["list", "--format", "json"]);
    let episodes: Vec<Episode> = serde_json::from_str(&ended.stdout).expect("episodes");
    assert_eq!((episodes.len(), ended.code), (2, 1));
}

#[test]
fn explain_as_json_is_one_episode_and_as_markdown_has_a_heading() {
    let dir = recorded(&[clean()]);
    let json = softoff(dir.path(), &["explain", "--format", "json"]);
    let episode: Episode = serde_json::from_str(&json.stdout).expect("an episode");
    assert_eq!((episode.domain.name.as_deref(), json.code), (Some("web-1"), 0));
    let markdown = softoff(dir.path(), &["explain", "--format", "markdown"]);
    assert!(markdown.stdout.starts_with("## web-1 shut down cleanly in"), "{}", markdown.stdout);
}

#[test]
fn a_name_of_an_operators_fancy_cannot_act_on_the_terminal() {
    let name = "odd \"name\"\n\u{1b}[2J'ü";
    let dir = recorded(&[named(name)]);
    for arguments in [["list"].as_slice(), &["explain"], &["explain", name], &["list", "--domain", name]] {
        let ended = softoff(dir.path(), arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stdout.contains('\u{1b}'), "{:?}", ended.stdout);
        assert!(ended.stdout.contains("odd \"name\"\\n\\u{1b}[2J'ü"), "{}", ended.stdout);
    }
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let dir = recorded(&[clean()]);
    assert!(!softoff(dir.path(), &["list"]).stdout.contains('\u{1b}'));
    assert!(softoff(dir.path(), &["list", "--color", "always"]).stdout.contains('\u{1b}'));
}

#[test]
fn plot_writes_what_the_name_of_the_file_says() {
    let dir = recorded(&[clean(), ignoring()]);
    assert_eq!(softoff(dir.path(), &["plot", "-o", "one.svg"]).code, 1);
    let svg = fs::read_to_string(dir.path().join("one.svg")).expect("an SVG");
    roxmltree::Document::parse(&svg).expect("well-formed");
    assert!(svg.contains("db-1 did not shut down when asked"), "the failed one is drawn by default");
    assert_eq!(softoff(dir.path(), &["plot", "web-1", "-o", "two.png"]).code, 0);
    let png = fs::read(dir.path().join("two.png")).expect("a PNG");
    assert!(png.starts_with(b"\x89PNG"));
}

#[test]
fn plot_to_a_dash_is_svg_on_standard_output_with_all_that_was_named() {
    let dir = recorded(&[clean(), ignoring()]);
    let ended = softoff(dir.path(), &["plot", "web-1", "db-1", "-o", "-"]);
    roxmltree::Document::parse(&ended.stdout).expect("well-formed");
    assert!(ended.stdout.contains("web-1 shut down cleanly") && ended.stdout.contains("db-1 did not"));
}

#[test]
fn report_writes_one_page_with_the_newest_first() {
    let dir = recorded(&[clean(), ignoring()]);
    let ended = softoff(dir.path(), &["report"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("softoff-report.html"), "{}", ended.stderr);
    let page = fs::read_to_string(dir.path().join("softoff-report.html")).expect("a page");
    let (newest, oldest) = (page.find("<h2>db-1"), page.find("<h2>web-1"));
    assert!(newest.is_some() && newest < oldest, "{newest:?} {oldest:?}");
}

#[test]
fn a_written_file_replaces_the_old_one_whole_and_leaves_nothing_aside() {
    let dir = recorded(&[clean()]);
    let page = dir.path().join("page.html");
    fs::write(&page, "x".repeat(1 << 20)).expect("written");
    assert_eq!(softoff(dir.path(), &["report", "-o", "page.html"]).code, 0);
    assert!(fs::read_to_string(&page).expect("a page").ends_with("</html>\n"));
    let mut files: Vec<_> =
        fs::read_dir(dir.path()).expect("listed").map(|file| file.expect("file").file_name()).collect();
    files.sort();
    assert_eq!(files, ["2026-11-23.b007.test.jsonl", "page.html"]);
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let dir = recorded(&[clean()]);
    assert_eq!(softoff(dir.path(), &["report", "-o", "/dev/null"]).code, 0);
    assert!(fs::metadata("/dev/null").expect("there").file_type().is_char_device());
}

#[test]
fn schema_describes_what_is_printed() {
    let dir = recorded(&[clean()]);
    let both = softoff(dir.path(), &["schema"]);
    let both: serde_json::Value = serde_json::from_str(&both.stdout).expect("JSON");
    for (contract, title) in [("journal", "Record"), ("episode", "Episode")] {
        let one = softoff(dir.path(), &["schema", contract]);
        let one: serde_json::Value = serde_json::from_str(&one.stdout).expect("JSON");
        assert_eq!((&both[contract], one["title"].as_str()), (&one, Some(title)));
    }
    let episode = softoff(dir.path(), &["explain", "--format", "json"]);
    let episode: serde_json::Value = serde_json::from_str(&episode.stdout).expect("JSON");
    for key in episode.as_object().expect("an object").keys() {
        assert!(both["episode"]["properties"].get(key).is_some(), "{key} is not in the schema");
    }
}

#[test]
fn completions_and_manual_know_every_verb() {
    let dir = recorded(&[]);
    for arguments in
        [["completions", "bash"].as_slice(), &["completions", "zsh"], &["completions", "fish"], &["man"]]
    {
        let ended = softoff(dir.path(), arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        for verb in ["list", "explain", "plot", "report", "trace", "install"] {
            assert!(ended.stdout.contains(verb), "{verb} in {arguments:?}");
        }
    }
    assert_eq!(softoff(dir.path(), &["man", "--to", "."]).code, 0);
    assert!(dir.path().join("softoff-explain.1").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = recorded(&[clean()]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let softoff = std::process::Command::new(command(dir.path()).get_program())
        .args(["--journal".as_ref(), dir.path().as_os_str(), "list".as_ref()])
        .stdout(writer)
        .output();
    let output = softoff.expect("softoff runs");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}
