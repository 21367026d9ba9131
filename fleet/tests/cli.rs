//! The verbs of `softoff fleet`, run as a user runs them: do they find the truth of a made-up fleet, and what
//! becomes of bad input?

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// How a run ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

fn fleet(dir: &Path, arguments: &[&str]) -> Ended {
    let output = command(dir, arguments).output().expect("softoff-fleet runs");
    Ended {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_softoff-fleet"));
    command.args(arguments).current_dir(dir).env("SOFTOFF_STORE", "store").env_remove("SOFTOFF_SLOW_AFTER");
    command
}

fn json(dir: &Path, arguments: &[&str]) -> Value {
    let ended = fleet(dir, arguments);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// A fleet of 40 000 shutdowns: enough for figures.
fn large() -> (TempDir, Value) {
    made_up(["--hosts", "20", "--days", "10", "--per-day", "200", "--seed", "7"])
}

/// A fleet of 400 shutdowns in 20 files.
fn small() -> TempDir {
    made_up(["--hosts", "4", "--days", "5", "--per-day", "20", "--seed", "7"]).0
}

fn made_up(size: [&str; 8]) -> (TempDir, Value) {
    let dir = tempfile::tempdir().expect("a directory");
    let ended = fleet(dir.path(), &[&["synth"], size.as_slice()].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let truth = fs::read_to_string(dir.path().join("store/synthetic-truth.json")).expect("the truth");
    (dir, serde_json::from_str(&truth).expect("JSON"))
}

/// The Parquet files of a store, in order.
fn files(store: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![store.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The names below the store and what is in the files.
fn contents(store: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |path: &std::path::PathBuf| path.strip_prefix(store).expect("below").display().to_string();
    files(store).iter().map(|path| (name(path), fs::read(path).expect("read"))).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

#[test]
fn the_summary_finds_the_planted_percentiles_although_many_were_cut_off() {
    let (dir, truth) = large();
    let summary = json(dir.path(), &["summary", "--format", "json", "--limit", "100"]);
    assert_eq!((&summary["all"]["count"], &summary["synthetic"]), (&truth["rows"], &Value::Bool(true)));
    assert_eq!(
        (&summary["all"]["timed"], &summary["all"]["censored"]),
        (&truth["timed"], &truth["censored"])
    );
    // Half of the shutdowns of this cause were cut off, and its median is found all the same: hosts with the
    // old QEMU have the truth undiluted.
    let old = ["summary", "--format", "json", "--where", "qemu_version = '9.1.0'"];
    let summary = json(dir.path(), &old);
    let named = |json: &Value, key: &str, name: &str| {
        let found = json.as_array().expect("a list").iter().find(|item| item[key] == name);
        found.unwrap_or_else(|| panic!("{name} in {json}")).clone()
    };
    for (cause, tolerance) in [("none", 0.03), ("guest.update", 0.12), ("guest.slow-services", 0.08)] {
        let found = named(&summary["groups"], "name", cause);
        let planted = named(&truth["causes"], "cause", cause);
        let (found, planted) =
            (number(&found["percentiles"]["p50"]["seconds"]), number(&planted["p50_seconds"]));
        assert!((found / planted - 1.0).abs() < tolerance, "{cause}: {found} for {planted}");
    }
    let never = named(&summary["groups"], "name", "guest.button-disabled");
    assert_eq!(never["percentiles"]["p50"], serde_json::json!({ "seconds": null, "beyond_seconds": 3600.0 }));
    assert_eq!(never["timed"], never["censored"]);
    let destroyed = named(&summary["groups"], "name", "operator.destroy");
    assert_eq!(destroyed["timed"], 0, "nobody asked these guests");
}

#[test]
fn the_planted_regression_is_found_and_a_time_without_one_raises_no_alarm() {
    let (dir, _) = large();
    let by = ["compare", "--by", "qemu.version", "--format", "json"];
    let ended = fleet(dir.path(), &by);
    assert_eq!(ended.code, 1, "{ended:?}");
    let found: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let difference = &found["differences"][0];
    assert_eq!((&difference["verdict"], &difference["groups"]["second"]), (&"worse".into(), &"9.2.0".into()));
    assert!(number(&difference["low_seconds"]) > 0.0 && number(&difference["p_value"]) < 1e-6);
    let (old, new) = (&found["groups"][0]["p50"], &found["groups"][1]["p50"]);
    let factor = number(&new["seconds"]) / number(&old["seconds"]);
    assert!((factor - 1.35).abs() < 0.1, "the median is slower by the planted factor: {factor}");
    let before_and_after = ["compare", "--before", "2026-01-01..2026-01-05", "--after", "2026-01-06.."];
    assert_eq!(fleet(dir.path(), &before_and_after).code, 1);
    let quiet = ["compare", "--before", "2026-01-01..2026-01-02", "--after", "2026-01-03..2026-01-05"];
    let ended = fleet(dir.path(), &quiet);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
}

#[test]
fn the_phase_in_which_a_recorded_guest_was_cut_off_is_no_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/demo");
    assert_eq!(fleet(dir.path(), &["collect", demo]).code, 0);
    let phases = json(dir.path(), &["summary", "--by", "phase", "--format", "json"]);
    let counts = |name: &str| {
        let groups = phases["groups"].as_array().expect("phases");
        let found = groups.iter().find(|group| group["name"] == name).expect(name);
        (found["timed"].as_u64().expect("a count"), found["censored"].as_u64().expect("a count"))
    };
    // One guest went through all, one was cut off while it ignored the request, one before that reached it.
    assert_eq!((counts("deliver"), counts("notice")), ((3, 1), (2, 0)));
    assert_eq!((counts("guest"), counts("teardown")), ((2, 1), (3, 0)));
}

#[test]
fn phases_hosts_and_days_can_be_divided_by_and_top_names_what_costs_most() {
    let (dir, truth) = large();
    let phases = json(dir.path(), &["summary", "--by", "phase", "--format", "json"]);
    let names: Vec<_> =
        phases["groups"].as_array().expect("phases").iter().map(|group| &group["name"]).collect();
    assert_eq!(names, ["deliver", "notice", "guest", "poweroff", "teardown", "release"]);
    let hosts = json(dir.path(), &["summary", "--by", "host", "--format", "json", "--limit", "5"]);
    assert_eq!((hosts["groups"].as_array().expect("hosts").len(), &hosts["more_groups"]), (5, &15.into()));
    let days = json(dir.path(), &["summary", "--by", "date", "--since", "2026-01-09", "--format", "json"]);
    assert_eq!((days["groups"].as_array().expect("days").len(), &days["all"]["count"]), (2, &8000.into()));
    let top = json(dir.path(), &["top", "--format", "json"]);
    let shares: f64 = json(dir.path(), &["top", "-n", "99", "--format", "json"])["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| number(&group["share"]))
        .sum();
    assert!((shares - 1.0).abs() < 1e-9);
    let hours: Vec<f64> =
        top["groups"].as_array().expect("groups").iter().map(|group| number(&group["hours"])).collect();
    assert!(hours.is_sorted_by(|a, b| a >= b) && hours.len() == 10, "{hours:?}");
    let count = json(dir.path(), &["query", "SELECT count(*) AS n FROM episodes", "--format", "json"]);
    assert_eq!(count[0]["n"], truth["rows"]);
}

#[test]
fn the_same_seed_makes_the_same_fleet_and_nothing_comes_among_what_is_there() {
    let (one, other) = (small(), small());
    assert_eq!(contents(&one.path().join("store")), contents(&other.path().join("store")));
    let again = fleet(one.path(), &["synth"]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("store is not empty"), "{}", again.stderr);
}

#[test]
fn a_file_that_is_damaged_inside_is_named_when_a_query_fails_over_it() {
    let dir = small();
    let all = files(&dir.path().join("store"));
    let mut bytes = fs::read(&all[3]).expect("read");
    // The columns' beginning; most of such a small file is its footer.
    bytes[4..1000].fill(0xff);
    fs::write(&all[3], bytes).expect("damaged");
    let ended = fleet(dir.path(), &["query", "SELECT * FROM episodes"]);
    let name = all[3].strip_prefix(dir.path()).expect("below").display().to_string();
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains(&format!("{name}: damaged inside")), "{}", ended.stderr);
}

#[test]
fn files_that_are_cut_short_or_foreign_are_named_and_the_rest_goes_on() {
    let dir = small();
    let store = dir.path().join("store");
    let all = files(&store);
    let whole = fs::read(&all[0]).expect("read");
    fs::write(&all[0], &whole[..whole.len() / 2]).expect("cut short");
    fs::write(store.join("date=2026-01-01/foreign.parquet"), b"PAR1 no, it is not PAR1").expect("written");
    fs::write(store.join("date=2026-01-01/empty.parquet"), b"").expect("written");
    let ended = fleet(dir.path(), &["summary", "--format", "json"]);
    let summary: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((ended.code, &summary["all"]["count"]), (0, &380.into()));
    let short = all[0].strip_prefix(dir.path()).expect("below").display().to_string();
    assert!(ended.stderr.contains(&format!("{short}: not a whole Parquet file")), "{}", ended.stderr);
    assert!(ended.stderr.contains("foreign.parquet: not a whole Parquet file"), "{}", ended.stderr);
    assert!(ended.stderr.contains("empty.parquet: not a whole Parquet file"), "{}", ended.stderr);
}

#[test]
fn collecting_twice_gives_no_duplicates_and_never_takes_episodes_away() {
    let dir = small();
    for _ in 0..2 {
        let ended = fleet(dir.path(), &["collect", "store", "--store", "all"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(contents(&dir.path().join("all")), contents(&dir.path().join("store")));
    }
    let (name, bytes) = contents(&dir.path().join("store"))[3].clone();
    fs::write(dir.path().join("all").join(&name), &bytes[..100]).expect("damaged");
    assert_eq!(fleet(dir.path(), &["collect", "store", "--store", "all"]).code, 0);
    assert_eq!(
        contents(&dir.path().join("all")),
        contents(&dir.path().join("store")),
        "what is damaged is replaced"
    );
}

#[test]
fn a_collection_that_was_killed_is_finished_the_next_time() {
    let dir = small();
    let mut child = command(dir.path(), &["collect", "store", "--store", "all"])
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    // As soon as it has begun; where it was quicker, there is nothing left to finish.
    while !dir.path().join("all/date=2026-01-01").exists() && child.try_wait().expect("waits").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let partly = contents(&dir.path().join("all"));
    let whole = contents(&dir.path().join("store"));
    assert!(partly.iter().all(|file| whole.contains(file)), "each file is whole or not there");
    assert_eq!(fleet(dir.path(), &["collect", "store", "--store", "all"]).code, 0);
    assert_eq!(contents(&dir.path().join("all")), whole);
}

#[test]
fn a_bad_source_is_named_and_the_rest_goes_on() {
    let dir = small();
    fs::create_dir(dir.path().join("nothing")).expect("made");
    fs::write(dir.path().join("bad.jsonl"), "{\"schema\":\"softoff.episode/1\"}\nno\n").expect("written");
    let ended = fleet(dir.path(), &["collect", "nothing", "absent", "bad.jsonl", "store", "--store", "all"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for named in ["nothing: no journal, store or export in it", "absent: ", "bad.jsonl: none of its 2 lines"]
    {
        assert!(ended.stderr.contains(named), "{named}: {}", ended.stderr);
    }
    assert_eq!(contents(&dir.path().join("all")).len(), 20);
}

/// The recording that `softoff demo` tells.
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/demo");

#[test]
fn real_journals_are_collected_with_made_up_ones_and_told_apart() {
    let dir = small();
    let ended = fleet(dir.path(), &["collect", "store", DEMO, "--store", "all"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let sql = "SELECT cause, censored, kernel IS NOT NULL AS kernel FROM episodes WHERE NOT synthetic ORDER BY requested_at";
    let real = json(dir.path(), &["query", sql, "--store", "all", "--format", "json"]);
    let row = |cause: &str, censored: bool| serde_json::json!({ "cause": cause, "censored": censored, "kernel": true });
    assert_eq!(
        real,
        serde_json::json!([row("none", false), row("guest.ignored", true), row("guest.not-listening", true)])
    );
}

#[test]
fn two_hosts_with_one_name_and_a_clock_years_off_are_named() {
    let dir = small();
    let later =
        ["synth", "--hosts", "1", "--days", "3", "--per-day", "10", "--seed", "8", "--store", "namesake"];
    let long_ago = [
        "synth",
        "--hosts",
        "2",
        "--days",
        "1",
        "--per-day",
        "10",
        "--start",
        "1970-01-01",
        "--store",
        "past",
    ];
    assert_eq!((fleet(dir.path(), &later).code, fleet(dir.path(), &long_ago).code), (0, 0));
    assert_eq!(fleet(dir.path(), &["collect", "store", "namesake", "past", "--store", "all"]).code, 0);
    let ended = fleet(dir.path(), &["summary", "--store", "all"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("two hosts with one name"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("of 1970-01-01, more than a year from those of 2026-01-01"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_host_with_an_odd_name_is_found_under_its_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let export =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/odd-host.jsonl")).expect("a file");
    fs::write(dir.path().join("odd.jsonl"), export).expect("written");
    let ended = fleet(dir.path(), &["collect", "odd.jsonl"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let found = json(dir.path(), &["summary", "--by", "host", "--format", "json"]);
    assert_eq!(found["groups"][0]["name"], "a/b:c%d ü\u{1b}", "{found}");
    let text = fleet(dir.path(), &["summary", "--by", "host"]).stdout;
    assert!(!text.contains('\u{1b}'), "it cannot act on the terminal: {text:?}");
}

#[test]
fn queries_only_read_and_errors_say_what_to_do() {
    let dir = small();
    for sql in [
        "DROP TABLE episodes",
        "CREATE TABLE x AS SELECT 1",
        "COPY episodes TO 'x.csv'",
        "SELECT nothing FROM episodes",
    ] {
        let ended = fleet(dir.path(), &["query", sql]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{sql}");
        assert!(ended.stderr.contains("docs/fleet.md"), "{}", ended.stderr);
    }
    let ended = fleet(dir.path(), &["summary", "--store", "absent"]);
    assert!(
        ended.stderr.contains("cannot open the store absent; name another one with --store"),
        "{}",
        ended.stderr
    );
    let ended = fleet(dir.path(), &["compare", "--by", "kernel"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("not two groups of 20 timed shutdowns"),
        "{}",
        ended.stderr
    );
}

/// What `charts` writes for these arguments, with `-o charts`, and the page in it.
fn charts(dir: &Path, arguments: &[&str]) -> String {
    let ended = fleet(dir, &[&["charts", "-o", "charts"], arguments].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("charts/index.html"), "{}", ended.stderr);
    for name in ["percentiles", "change", "lost", "survival", "phases", "hosts"] {
        let svg = fs::read_to_string(dir.join(format!("charts/{name}.svg"))).expect("an SVG");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
        let png = fs::read(dir.join(format!("charts/{name}.png"))).expect("a PNG");
        assert!(png.starts_with(b"\x89PNG"), "{name}");
    }
    assert_eq!(fs::read_dir(dir.join("charts")).expect("listed").count(), 13, "nothing else is left there");
    fs::read_to_string(dir.join("charts/index.html")).expect("the page")
}

/// A number as the page writes it.
fn thousands(value: &Value) -> String {
    let digits = value.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { digits } else { format!("{head}\u{a0}{tail}") }
}

#[test]
fn the_charts_say_what_the_summary_says_and_name_the_planted_regression() {
    let (dir, truth) = large();
    let page = charts(dir.path(), &[]);
    let all = json(dir.path(), &["summary", "--format", "json"])["all"].clone();
    assert!(
        page.contains(&format!("<strong>{}</strong> shutdowns", thousands(&all["count"]))),
        "{}",
        all["count"]
    );
    let counted = format!("{} timed, {} cut off", thousands(&all["timed"]), thousands(&all["censored"]));
    assert!(page.contains(&counted), "{counted}");
    let median = softoff_reports::units::duration(number(&all["percentiles"]["p50"]["seconds"]));
    assert!(page.contains(&format!("<strong>{median}</strong> p50")), "{median}");
    let hours = format!("<strong>{:.1} h</strong> waited", number(&all["total_hours"]));
    assert!(page.contains(&hours), "{hours}");
    assert!(page.contains("<strong>20</strong> hosts") && page.contains("Synthetic."));
    let compared = json(
        dir.path(),
        &[
            "compare",
            "--before",
            "2026-01-01..2026-01-05",
            "--after",
            "2026-01-06..2026-01-10",
            "--format",
            "json",
        ],
    );
    let difference = &compared["differences"][0];
    let found = format!(
        "2026-01-01..2026-01-05 → 2026-01-06..2026-01-10: worse. Mean time {} → {}: {:+.2} s (95 %: {:+.2} to {:+.2} s)",
        softoff_reports::units::duration(number(&difference["first_mean_seconds"])),
        softoff_reports::units::duration(number(&difference["second_mean_seconds"])),
        number(&difference["seconds"]),
        number(&difference["low_seconds"]),
        number(&difference["high_seconds"]),
    );
    assert_eq!(truth["regression"]["from"], "2026-01-06");
    assert!(page.contains(&found), "{found}");
    let quiet =
        charts(dir.path(), &["--before", "2026-01-01..2026-01-02", "--after", "2026-01-03..2026-01-05"]);
    assert!(quiet.contains("Before and after: no difference that can be told from chance"));
}

#[test]
fn a_fleet_of_one_or_of_none_can_be_drawn_and_so_can_many_hosts() {
    let (dir, _) = made_up(["--hosts", "1", "--days", "2", "--per-day", "3", "--seed", "7"]);
    let page = charts(dir.path(), &["--by", "os"]);
    assert!(
        page.contains("<strong>1</strong> host<") || page.contains("<strong>1</strong> host\n"),
        "{page}"
    );
    assert!(page.contains("How many are still running, by system"));
    assert!(page.contains("There are not 20 timed shutdowns on both sides."));
    let page = charts(dir.path(), &["--until", "1999-01-01"]);
    assert!(page.contains("No shutdown whose time is known."));
    let (dir, _) = made_up(["--hosts", "70", "--days", "2", "--per-day", "6", "--seed", "7"]);
    let page = charts(dir.path(), &[]);
    assert!(page.contains("70 hosts, the 40 worst of them by name."));
}

#[test]
fn a_host_with_an_odd_name_cannot_act_on_the_charts() {
    let dir = tempfile::tempdir().expect("a directory");
    let export =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/odd-host.jsonl")).expect("a file");
    let export = export.replace("a/b:c%d", "a'b<script>");
    fs::write(dir.path().join("odd.jsonl"), export).expect("written");
    assert_eq!(fleet(dir.path(), &["collect", "odd.jsonl"]).code, 0);
    let page = charts(dir.path(), &[]);
    assert!(!page.contains("<script") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = small();
    let ended = fleet(dir.path(), &["charts", "-o", "store/synthetic-truth.json"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("cannot make store/synthetic-truth.json"), "{}", ended.stderr);
}
