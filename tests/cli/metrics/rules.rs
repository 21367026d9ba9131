//! The alert rules, carried out by promtool over made-up hours: which fire, and which do not.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::programs::needed;
use crate::softoff;

fn promtool(dir: &TempDir, arguments: &[&str]) -> Output {
    Command::new("promtool").current_dir(dir.path()).args(arguments).output().expect("it runs")
}

/// A directory with the rules.
fn rules() -> TempDir {
    let dir = crate::journal::empty();
    let ended = softoff(dir.path(), &["export", "--format", "prometheus-rules", "-o", "softoff.rules.yml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    dir
}

/// A series of a host with a value each minute.
fn series(host: &str, name: &str, labels: &str, values: &str) -> Value {
    let labels = if labels.is_empty() { String::new() } else { format!(",{labels}") };
    json!({"series": format!("softoff_{name}{{instance=\"{host}\"{labels}}}"), "values": values})
}

/// From nothing to `count` in the middle of the two hours.
fn grown(count: u32) -> String {
    stepped(0, count)
}

fn stepped(from: u32, to: u32) -> String {
    format!("{from}+0x89 {to}+0x60")
}

/// So many shutdowns that failed, and so many clean ones.
fn shutdowns(host: &str, failed: u32, clean: u32) -> [Value; 2] {
    [
        series(host, "shutdowns_total", "outcome=\"hard\",verdict=\"failed\"", &grown(failed)),
        series(host, "shutdowns_total", "outcome=\"soft\",verdict=\"clean\"", &grown(clean)),
    ]
}

/// So many guests that needed less than a minute, and so many that were cut off.
fn durations(host: &str, quick: u32, cut_off: u32) -> Vec<Value> {
    let bucket = |censored: bool, le: &str, count| {
        let labels = format!("censored=\"{censored}\",le=\"{le}\"");
        series(host, "shutdown_duration_seconds_bucket", &labels, &grown(count))
    };
    let count = |censored: bool, count| {
        series(host, "shutdown_duration_seconds_count", &format!("censored=\"{censored}\""), &grown(count))
    };
    vec![
        bucket(false, "60", quick),
        bucket(false, "300", quick),
        bucket(false, "+Inf", quick),
        bucket(true, "60", cut_off),
        bucket(true, "300", cut_off),
        bucket(true, "+Inf", cut_off),
        count(false, quick),
        count(true, cut_off),
    ]
}

/// Hosts on which something is wrong, and what fires.
fn wrong() -> (Vec<Value>, Vec<(&'static str, &'static str)>) {
    let mut input = shutdowns("fails", 5, 5).to_vec();
    input.extend(durations("slow", 6, 4));
    input.push(series("cuts", "hard_stops_total", "escalated=\"true\",risk=\"high\"", &grown(1)));
    input.push(series("loses", "lost_events_total", "", &grown(7)));
    input.push(series("unreadable", "journal_bad_files", "", "1+0x150"));
    input.push(series("torn", "journal_bad_lines", "", &grown(1)));
    input.push(series("hangs", "pending_shutdowns", "", "1+0x150"));
    input.push(series("stopped", "last_export_timestamp_seconds", "", "0+0x150"));
    let fires = vec![
        ("SoftoffExportStale", "stopped"),
        ("SoftoffHardStopsAtHighRisk", "cuts"),
        ("SoftoffJournalDamaged", "torn"),
        ("SoftoffJournalDamaged", "unreadable"),
        ("SoftoffLosesEvents", "loses"),
        ("SoftoffShutdownHangs", "hangs"),
        ("SoftoffShutdownsFail", "fails"),
        ("SoftoffShutdownsNearTimeout", "slow"),
    ];
    (input, fires)
}

/// Hosts on which nothing is wrong, though it nearly looks like it.
fn right() -> Vec<Value> {
    let mut input = shutdowns("fails-once", 1, 2).to_vec();
    input.extend(shutdowns("fails-seldom", 3, 97));
    input.extend(durations("quick", 20, 1));
    input.extend(durations("hardly-used", 1, 1));
    let pruned = [("failed", "hard"), ("clean", "soft")].map(|(verdict, outcome)| {
        let labels = format!("outcome=\"{outcome}\",verdict=\"{verdict}\"");
        series("pruned", "shutdowns_total", &labels, &stepped(90, 40))
    });
    input.extend(pruned);
    input.push(series("pruned", "hard_stops_total", "escalated=\"true\",risk=\"high\"", &stepped(9, 4)));
    input.push(series("pruned", "lost_events_total", "", &stepped(9, 4)));
    input.push(series("cuts-idle", "hard_stops_total", "escalated=\"true\",risk=\"low\"", &grown(3)));
    input.push(series("torn-long-ago", "journal_bad_lines", "", "3+0x150"));
    input.push(series("works", "pending_shutdowns", "", "0+0x112 1+0x40"));
    input.push(series("works", "last_export_timestamp_seconds", "", "0+60x150"));
    input
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    needed!();
    let output = promtool(&rules(), &["check", "rules", "softoff.rules.yml"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("SUCCESS: 7 rules found"), "{output:?}");
}

#[test]
fn rules_fire_where_something_is_wrong_and_only_there() {
    needed!();
    let dir = rules();
    let (mut input, fires) = wrong();
    input.extend(right());
    let fires = fires.iter().map(|(alert, host)| {
        json!({"labels": format!("{{alertname=\"{alert}\",instance=\"{host}\"}}"), "value": 1})
    });
    let test = json!({
        "rule_files": ["softoff.rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": input,
            "promql_expr_test": [{
                "expr": "count by (alertname, instance) (ALERTS{alertstate=\"firing\"})",
                "eval_time": "2h",
                "exp_samples": fires.collect::<Vec<_>>(),
            }],
        }],
    });
    // JSON is YAML.
    fs::write(dir.path().join("test.yml"), test.to_string()).expect("written");
    let output = promtool(&dir, &["test", "rules", "test.yml"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)
    );
}
