//! The whole way with real programs: softoff exports, node_exporter reads, Prometheus scrapes and answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::{Value, json};
use softoff_analyzer::Episode;
use softoff_analyzer::episode::{Outcome, Path as Way};
use tempfile::TempDir;

use super::programs::{Server, needed, until};
use crate::softoff;

/// The journal of three real shutdowns, which `softoff demo` tells.
const DEMO: [(&str, &str); 2] = [
    ("hook.jsonl", include_str!("../../../src/demo/hook.jsonl")),
    ("tracer.jsonl", include_str!("../../../src/demo/tracer.jsonl")),
];

/// A host that exports, and what looks at it.
struct Monitoring {
    dir: TempDir,
    node_exporter: Server,
    prometheus: Server,
}

impl Monitoring {
    /// A host without a shutdown, scraped at least once.
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for made in ["journal", "textfile"] {
            fs::create_dir(dir.path().join(made)).expect("made");
        }
        export(dir.path(), "prometheus", "textfile/softoff.prom");
        export(dir.path(), "prometheus-rules", "softoff.rules.yml");
        export(dir.path(), "openmetrics", "softoff.om");
        let node_exporter = Server::node_exporter(&dir.path().join("textfile"));
        let openmetrics = serve(dir.path().join("softoff.om"));
        let targets = [("node", node_exporter.address()), ("openmetrics", openmetrics)];
        let prometheus = Server::prometheus(dir.path(), &targets);
        let monitoring = Self { dir, node_exporter, prometheus };
        monitoring.shows(0.0);
        monitoring
    }

    /// Waits until Prometheus shows so many shutdowns of each target.
    #[expect(clippy::float_cmp, reason = "counts are whole numbers")]
    fn shows(&self, shutdowns: f64) {
        until(&format!("{shutdowns} shutdowns are scraped, both ways"), || {
            let shown = self.prometheus.query("sum by (job) (softoff_shutdowns_total)");
            shown.len() == 2 && shown.iter().all(|(_, count)| *count == shutdowns)
        });
    }

    /// The three shutdowns happen.
    fn record_the_demo(&self) -> Vec<Episode> {
        for (name, text) in DEMO {
            fs::write(self.dir.path().join("journal").join(name), text).expect("written");
        }
        export(self.dir.path(), "prometheus", "textfile/softoff.prom");
        export(self.dir.path(), "openmetrics", "softoff.om");
        self.shows(3.0);
        let listed = softoff(&self.dir.path().join("journal"), &["list", "--format", "json"]);
        serde_json::from_str(&listed.stdout).expect("episodes")
    }

    /// The values that a query gives, by the value of a label.
    fn by(&self, label: &str, query: &str) -> BTreeMap<String, f64> {
        let series = self.prometheus.query(query);
        series
            .into_iter()
            .map(|(labels, value)| (labels[label].as_str().expect(label).to_owned(), value))
            .collect()
    }
}

/// Exports as a host does.
fn export(dir: &Path, format: &str, file: &str) {
    let file = dir.join(file).display().to_string();
    let ended = softoff(&dir.join("journal"), &["export", "--format", format, "-o", &file]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Serves a file as OpenMetrics as long as the test lasts.
fn serve(file: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // A request without a body, which fits into one packet.
            let _ = stream.read(&mut [0; 4096]);
            let text = fs::read_to_string(&file).unwrap_or_default();
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}", text.len());
            let _ = write!(stream, "{head}\r\nConnection: close\r\n\r\n{text}");
        }
    });
    address
}

/// How many episodes have each word.
fn counted<'a>(episodes: &'a [Episode], word: impl Fn(&'a Episode) -> String) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for episode in episodes {
        *counts.entry(word(episode)).or_insert(0.0) += 1.0;
    }
    counts
}

fn word(value: &Value) -> String {
    value.as_str().expect("a word").to_owned()
}

#[test]
fn prometheus_answers_what_softoff_lists() {
    needed!();
    let monitoring = Monitoring::start();
    let episodes = monitoring.record_the_demo();
    assert_eq!(episodes.len(), 3);
    for job in ["node", "openmetrics"] {
        let by = |label: &str, series: &str| {
            monitoring.by(label, &format!("sum by ({label}) ({series}{{job=\"{job}\"}}) > 0"))
        };
        assert_eq!(
            by("outcome", "softoff_shutdowns_total"),
            counted(&episodes, |episode| word(&json!(episode.outcome)))
        );
        assert_eq!(
            by("verdict", "softoff_shutdowns_total"),
            counted(&episodes, |episode| word(&json!(episode.verdict)))
        );
        assert_eq!(
            by("cause", "softoff_shutdowns_by_cause_total"),
            counted(&episodes, |episode| word(&json!(episode.cause.code)))
        );
        assert_eq!(
            by("path", "softoff_shutdowns_by_path_total"),
            counted(&episodes, |episode| word(&json!(episode.request.path)))
        );
        let asked =
            episodes.iter().filter(|episode| episode.request.path == Way::Acpi).cloned().collect::<Vec<_>>();
        assert_eq!(
            by("censored", "softoff_shutdown_duration_seconds_count"),
            counted(&asked, |episode| (episode.outcome != Outcome::Soft).to_string())
        );
        let soft = episodes.iter().find(|episode| episode.outcome == Outcome::Soft).expect("a clean one");
        let took = format!("softoff_shutdown_duration_seconds_sum{{censored=\"false\",job=\"{job}\"}}");
        let difference =
            monitoring.prometheus.value(&took).expect("a sum") - soft.duration_seconds.expect("an end");
        assert!(difference.abs() < 1e-6, "{difference}");
    }
    assert_eq!(monitoring.prometheus.value("sum(softoff_hard_stops_total{job=\"node\"})"), Some(2.0));
}

#[test]
fn node_exporter_keeps_types_and_helps() {
    needed!();
    let monitoring = Monitoring::start();
    let text = monitoring.node_exporter.text("/metrics");
    assert!(text.contains("node_textfile_scrape_error 0"), "{text}");
    let file = fs::read_to_string(monitoring.dir.path().join("textfile/softoff.prom")).expect("read");
    for comment in file.lines().filter(|line| line.starts_with("# ")) {
        // Without a sample there is nothing to comment.
        assert!(text.contains(comment) || comment.contains("softoff_last_shutdown_"), "{comment}");
    }
    // What is in OpenMetrics is read too, but what it says of counters is not.
    fs::copy(monitoring.dir.path().join("softoff.om"), monitoring.dir.path().join("textfile/softoff.prom"))
        .expect("copied");
    let text = monitoring.node_exporter.text("/metrics");
    assert!(text.contains("node_textfile_scrape_error 0"), "{text}");
    assert!(text.contains("# TYPE softoff_shutdowns_total untyped"), "{text}");
}

#[test]
fn dashboard_and_rules_ask_for_what_there_is() {
    needed!();
    let monitoring = Monitoring::start();
    monitoring.record_the_demo();
    let prometheus = &monitoring.prometheus;
    let names = prometheus.api("/api/v1/label/__name__/values", &[]);
    let known: BTreeSet<_> = names.as_array().expect("names").iter().filter_map(Value::as_str).collect();
    let asked = dashboard(&monitoring);
    assert!(asked.len() > 15, "{}", asked.len());
    for (query, legend) in &asked {
        let unknown: Vec<_> = metrics_in(query).filter(|name| !known.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {query}");
        let answer = prometheus.query(query);
        assert!(!answer.is_empty(), "no answer to {query}");
        for label in legend.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")) {
            let without = answer.iter().find(|(labels, _)| labels[label.0].is_null());
            assert_eq!(without, None, "no label {} in the answer to {query}", label.0);
        }
    }
    for (rule, query) in evaluated_rules(prometheus) {
        let unknown: Vec<_> = metrics_in(&query).filter(|name| !known.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {rule}");
    }
}

/// The dashboard's queries with their legends, with what Grafana puts in for its variables.
fn dashboard(monitoring: &Monitoring) -> Vec<(String, String)> {
    export(monitoring.dir.path(), "grafana-dashboard", "dashboard.json");
    let text = fs::read_to_string(monitoring.dir.path().join("dashboard.json")).expect("read");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("queries"));
    let query = |target: &Value| {
        let query = target["expr"].as_str().expect("a query").to_owned();
        let query = query.replace("$host", ".*").replace("$__range", "1h").replace("$__rate_interval", "1h");
        assert!(!query.contains('$'), "{query}");
        (query, target["legendFormat"].as_str().unwrap_or_default().to_owned())
    };
    targets.map(query).collect()
}

/// The rules and their queries, once Prometheus has evaluated them without an error.
fn evaluated_rules(prometheus: &Server) -> Vec<(String, String)> {
    let rules =
        || prometheus.api("/api/v1/rules", &[])["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
    until("all rules are evaluated without an error", || {
        !rules().is_empty() && rules().iter().all(|rule| rule["health"] == "ok")
    });
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rules().iter().map(|rule| (text(&rule["name"]), text(&rule["query"]))).collect()
}

/// The names of softoff's metrics in a query.
fn metrics_in(query: &str) -> impl Iterator<Item = String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("softoff_")).map(str::to_owned)
}
