//! Alert rules for Prometheus.

use serde::Serialize;

use super::family::{BAD_FILES, BAD_LINES, LAST_EXPORT, PENDING};
use super::family::{DURATION, Family, HARD_STOPS, LOST_EVENTS, SHUTDOWNS};

const HEAD: &str = "\
# Alert rules for what `softoff export --format prometheus` exports: docs/metrics.md.
# As `softoff export --format prometheus-rules` prints them; limits and lengths are there to be changed.
";

#[derive(Debug, Serialize)]
struct File {
    groups: [Group; 1],
}

#[derive(Debug, Serialize)]
struct Group {
    name: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Rule {
    alert: &'static str,
    expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    wait: Option<&'static str>,
    labels: Labels,
    annotations: Annotations,
}

#[derive(Debug, Serialize)]
struct Labels {
    severity: &'static str,
}

#[derive(Debug, Serialize)]
struct Annotations {
    summary: &'static str,
    description: &'static str,
}

/// The rules as YAML, for Prometheus' `rule_files`.
pub fn yaml() -> Result<String, crate::ReportError> {
    let rules = vec![failing(), near_timeout(), hangs(), high_risk(), losing(), damaged(), stale()];
    let file = File { groups: [Group { name: "softoff", rules }] };
    Ok(HEAD.to_owned() + &serde_saphyr::to_string(&file)?)
}

/// The name of a family's only series.
fn name(family: &Family) -> String {
    family.series().collect()
}

/// How much it grew on each host.
fn grown(series: &str, window: &str) -> String {
    format!("sum by (instance) (increase({series}[{window}]))")
}

/// Where the journal was pruned, Prometheus takes what is left for new: such a window tells nothing.
fn unless_pruned(condition: &str, window: &str) -> String {
    let shutdowns = name(&SHUTDOWNS);
    format!("({condition}) unless sum by (instance) (resets({shutdowns}[{window}])) > 0")
}

fn failing() -> Rule {
    let all = name(&SHUTDOWNS);
    let failed = grown(&format!("{all}{{verdict=\"failed\"}}"), "1h");
    let share = format!("{failed} / {} > 0.2 and {failed} > 2", grown(&all, "1h"));
    Rule {
        alert: "SoftoffShutdownsFail",
        expr: unless_pruned(&share, "1h"),
        wait: None,
        labels: Labels { severity: "warning" },
        annotations: Annotations {
            summary: "{{ $value | humanizePercentage }} of the shutdowns on {{ $labels.instance }} failed",
            description: "In the last hour. On the host, softoff list --failed --since 1h shows them, softoff explain tells why.",
        },
    }
}

/// 240 s are four fifths of what libvirt-guests waits for a guest.
fn near_timeout() -> Rule {
    let count = format!("{}_count", DURATION.name);
    let slow = format!("{} > 240 and {} > 4", percentile("0.9", "instance, ", "", "6h"), grown(&count, "6h"));
    Rule {
        alert: "SoftoffShutdownsNearTimeout",
        expr: unless_pruned(&slow, "6h"),
        wait: None,
        labels: Labels { severity: "warning" },
        annotations: Annotations {
            summary: "One guest in ten on {{ $labels.instance }} needs {{ $value | humanizeDuration }} or more to shut down",
            description: "Or was cut off before. libvirt-guests waits 300 s by default (SHUTDOWN_TIMEOUT) and leaves a guest that needs longer to be cut off with the host. Raise it, or see softoff explain for where the time goes.",
        },
    }
}

/// A percentile of the time that guests need. Those that were cut off count as longer than all others.
pub(super) fn percentile(quantile: &str, by: &str, matchers: &str, window: &str) -> String {
    let bucket = format!("{}_bucket", DURATION.name);
    format!(
        "histogram_quantile({quantile}, sum by ({by}le) (increase({bucket}{{{matchers}censored=\"false\"}}[{window}]) \
         or increase({bucket}{{{matchers}censored=\"true\",le=\"+Inf\"}}[{window}])))"
    )
}

fn hangs() -> Rule {
    Rule {
        alert: "SoftoffShutdownHangs",
        expr: format!("{} > 0", name(&PENDING)),
        wait: Some("10m"),
        labels: Labels { severity: "warning" },
        annotations: Annotations {
            summary: "{{ $value }} guests on {{ $labels.instance }} were asked to shut down and have not",
            description: "For ten minutes now. Before anything is cut off: softoff explain last tells what the guest is doing.",
        },
    }
}

fn high_risk() -> Rule {
    let stops = grown(&format!("{}{{risk=\"high\"}}", name(&HARD_STOPS)), "1h");
    Rule {
        alert: "SoftoffHardStopsAtHighRisk",
        expr: unless_pruned(&format!("{stops} > 0"), "1h"),
        wait: None,
        labels: Labels { severity: "critical" },
        annotations: Annotations {
            summary: "A guest on {{ $labels.instance }} was cut off while it was writing",
            description: "Its data may be damaged: softoff list --failed --since 1h shows which, softoff explain what was in flight.",
        },
    }
}

fn losing() -> Rule {
    Rule {
        alert: "SoftoffLosesEvents",
        expr: unless_pruned(&format!("{} > 0", grown(&name(&LOST_EVENTS), "1h")), "1h"),
        wait: None,
        labels: Labels { severity: "warning" },
        annotations: Annotations {
            summary: "The recorder on {{ $labels.instance }} loses events",
            description: "What softoff says of these shutdowns is incomplete. Is the host out of CPU time, is the journal's disk full or slow?",
        },
    }
}

fn damaged() -> Rule {
    let (lines, files) = (name(&BAD_LINES), name(&BAD_FILES));
    Rule {
        alert: "SoftoffJournalDamaged",
        expr: format!("delta({lines}[1h]) > 0 or {files} > 0"),
        wait: None,
        labels: Labels { severity: "warning" },
        annotations: Annotations {
            summary: "Part of softoff's journal on {{ $labels.instance }} cannot be read",
            description: "softoff list on the host says which lines and files, and why. A full disk and a crash leave torn lines.",
        },
    }
}

fn stale() -> Rule {
    Rule {
        alert: "SoftoffExportStale",
        expr: format!("time() - {} > 900", name(&LAST_EXPORT)),
        wait: Some("5m"),
        labels: Labels { severity: "warning" },
        annotations: Annotations {
            summary: "softoff on {{ $labels.instance }} exported nothing for {{ $value | humanizeDuration }}",
            description: "All other figures are as old. See why its timer does not run: systemctl status softoff-metrics.",
        },
    }
}
