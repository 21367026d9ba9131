//! A dashboard for Grafana.

use serde_json::{Value, json};

use super::family::{
    BAD_FILES, BAD_LINES, BY_CAUSE, BY_OS, BY_TIER, DURATION, Family, HARD_STOPS, LAST_EXPORT, LOST_EVENTS,
    PENDING, PHASE, SHUTDOWNS, UNFINISHED,
};
use super::rules::percentile;

/// Columns of Grafana's grid.
const WIDE: u32 = 24;
const HOST: &str = "instance=~\"$host\"";

/// The dashboard as Grafana imports it.
pub fn json() -> Result<String, crate::ReportError> {
    let mut dashboard = json!({
        "uid": "softoff",
        "title": "Shutdowns of virtual machines (softoff)",
        "description": "How VMs shut down: outcomes, times, causes. The figures are those of softoff export --format prometheus.",
        "tags": ["softoff", "libvirt", "kvm"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "timezone": "utc",
        "time": {"from": "now-7d", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [data_source(), hosts()]},
        "panels": placed(panels()),
    });
    // The order of members depends on what else is built with serde_json.
    dashboard.sort_all_objects();
    crate::to_json(&dashboard)
}

fn data_source() -> Value {
    json!({"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"})
}

fn hosts() -> Value {
    let query = format!("label_values({}, instance)", name(&LAST_EXPORT));
    json!({
        "name": "host", "label": "Host", "type": "query", "datasource": source(),
        "query": {"query": query, "refId": "hosts"}, "definition": query,
        "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    })
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// The name of a family's only series.
fn name(family: &Family) -> String {
    family.series().collect()
}

/// How much a series of the chosen hosts grew.
fn grown(family: &str, matchers: &str, window: &str) -> String {
    format!("increase({family}{{{HOST}{matchers}}}[{window}])")
}

/// How much a family of counters grew, in each step of the picture, by a label.
fn by(label: &str, family: &Family, matchers: &str) -> String {
    format!("sum by ({label}) ({})", grown(&name(family), matchers, "$__rate_interval"))
}

fn panels() -> Vec<Value> {
    let mut panels = figures();
    panels.extend([
        outcomes(),
        causes(),
        heatmap(),
        percentiles(),
        phases(),
        unfinished(),
        hard_stops(),
        systems(),
    ]);
    panels.extend([tiers(), damage(), ages()]);
    panels
}

fn figures() -> Vec<Value> {
    let all = grown(&name(&SHUTDOWNS), "", "$__range");
    let failed = grown(&name(&SHUTDOWNS), ",verdict=\"failed\"", "$__range");
    let risky = grown(&name(&HARD_STOPS), ",risk=\"high\"", "$__range");
    let pending = format!("sum({}{{{HOST}}})", name(&PENDING));
    vec![
        figure("Shutdowns", "short", &format!("sum({all})"), "blue"),
        figure("Failed", "percentunit", &format!("sum({failed}) / sum({all})"), "orange"),
        figure("Hard stops at high risk", "short", &format!("sum({risky})"), "red"),
        figure("Going on now", "short", &pending, "blue"),
    ]
}

fn figure(title: &str, unit: &str, query: &str, colour: &str) -> Value {
    json!({
        "title": title, "type": "stat", "gridPos": {"w": 6, "h": 4}, "datasource": source(),
        "fieldConfig": {"overrides": [], "defaults": {
            "unit": unit, "decimals": 0, "color": {"mode": "fixed", "fixedColor": colour},
        }},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false}, "graphMode": "none"},
        "targets": [instant(query)],
    })
}

fn outcomes() -> Value {
    bars("Shutdowns by outcome", "How they ended.", &[shown(&by("outcome", &SHUTDOWNS, ""), "{{outcome}}")])
}

fn causes() -> Value {
    let causes = by("cause", &BY_CAUSE, ",cause!=\"none\"");
    bars(
        "Slow and failed ones by cause",
        "Only causes that there were.",
        &[shown(&format!("{causes} > 0"), "{{cause}}")],
    )
}

fn heatmap() -> Value {
    let bucket = format!("{}_bucket", DURATION.name);
    let query = format!("sum by (le) ({})", grown(&bucket, ",censored=\"false\"", "$__rate_interval"));
    let mut target = shown(&query, "{{le}}");
    target["format"] = json!("heatmap");
    json!({
        "title": "How long guests took to power themselves off",
        "description": "Guests that were asked softly and went. Those that were cut off are not in it.",
        "type": "heatmap", "gridPos": {"w": 12, "h": 8}, "datasource": source(),
        "fieldConfig": {"overrides": [], "defaults": {"custom": {"scaleDistribution": {"type": "linear"}}}},
        "options": {
            "calculate": false, "yAxis": {"unit": "s"}, "cellValues": {"unit": "short"},
            "color": {"mode": "scheme", "scheme": "Blues", "steps": 64}, "legend": {"show": true},
        },
        "targets": [target],
    })
}

fn percentiles() -> Value {
    let percentile = |quantile| percentile(quantile, "", &format!("{HOST},"), "$__rate_interval");
    lines(
        "Percentiles of the time guests need",
        "Guests that were cut off count as longer than all others; a line at the last bucket's limit means longer than that.",
        "s",
        &[
            shown(&percentile("0.5"), "p50"),
            shown(&percentile("0.9"), "p90"),
            shown(&percentile("0.99"), "p99"),
        ],
    )
}

fn phases() -> Value {
    let of = |ending| {
        let series = format!("{}{ending}", PHASE.name);
        format!("sum by (phase) ({})", grown(&series, "", "$__rate_interval"))
    };
    let mean = format!("{} / {}", of("_sum"), of("_count"));
    lines("Mean length of phases", "Of phases that came to their end.", "s", &[shown(&mean, "{{phase}}")])
}

fn unfinished() -> Value {
    let query = by("phase", &UNFINISHED, "");
    bars(
        "Cut off or given up, by phase",
        "In which phase guests were when they were cut off, or given up on.",
        &[shown(&query, "{{phase}}")],
    )
}

fn hard_stops() -> Value {
    let query = by("risk", &HARD_STOPS, "");
    bars("Hard stops by risk", "What they may have cost the guest.", &[shown(&query, "{{risk}}")])
}

fn systems() -> Value {
    let share = format!("{} / {}", by("os", &BY_OS, ",verdict=\"failed\""), by("os", &BY_OS, ""));
    lines(
        "Failed, by guest system",
        "Share of the shutdowns of each system.",
        "percentunit",
        &[shown(&share, "{{os}}")],
    )
}

fn tiers() -> Value {
    bars(
        "Seen by",
        "The best source that covered a shutdown. Only hook or log: the probe saw nothing.",
        &[shown(&by("tier", &BY_TIER, ""), "{{tier}}")],
    )
}

fn damage() -> Value {
    let gauge = |family: &Family| format!("sum({}{{{HOST}}})", name(family));
    lines(
        "Lost or unreadable",
        "Events lost on their way; lines and files of journals that cannot be read.",
        "short",
        &[
            shown(&format!("sum({})", grown(&name(&LOST_EVENTS), "", "$__rate_interval")), "events lost"),
            shown(&gauge(&BAD_LINES), "bad lines"),
            shown(&gauge(&BAD_FILES), "bad files"),
        ],
    )
}

fn ages() -> Value {
    let age = format!("time() - {}{{{HOST}}}", name(&LAST_EXPORT));
    lines("Age of the export", "All figures are as old.", "s", &[shown(&age, "{{instance}}")])
}

fn bars(title: &str, description: &str, targets: &[Value]) -> Value {
    let custom = json!({"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"}});
    series(title, description, "short", &custom, targets)
}

fn lines(title: &str, description: &str, unit: &str, targets: &[Value]) -> Value {
    let custom = json!({"drawStyle": "line", "fillOpacity": 10, "showPoints": "auto", "spanNulls": true});
    series(title, description, unit, &custom, targets)
}

fn series(title: &str, description: &str, unit: &str, custom: &Value, targets: &[Value]) -> Value {
    json!({
        "title": title, "description": description, "type": "timeseries",
        "gridPos": {"w": 12, "h": 8}, "datasource": source(),
        "fieldConfig": {"overrides": [], "defaults": {"unit": unit, "min": 0, "custom": custom}},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": targets,
    })
}

fn shown(query: &str, legend: &str) -> Value {
    json!({"expr": query, "legendFormat": legend, "range": true, "datasource": source()})
}

fn instant(query: &str) -> Value {
    json!({"expr": query, "instant": true, "datasource": source()})
}

/// From left to right and from top to bottom; each with an id, and its queries with letters.
fn placed(panels: Vec<Value>) -> Vec<Value> {
    let (mut x, mut y) = (0, 0);
    let place = |(number, mut panel): (usize, Value)| {
        let length =
            |side: &str| panel["gridPos"][side].as_u64().and_then(|length| u32::try_from(length).ok());
        let (width, height) = (length("w").unwrap_or(WIDE), length("h").unwrap_or(8));
        panel["gridPos"]["x"] = x.into();
        panel["gridPos"]["y"] = y.into();
        panel["id"] = (number + 1).into();
        for (target, letter) in panel["targets"].as_array_mut().into_iter().flatten().zip('A'..) {
            target["refId"] = letter.to_string().into();
        }
        x += width;
        if x >= WIDE {
            (x, y) = (0, y + height);
        }
        panel
    };
    panels.into_iter().enumerate().map(place).collect()
}
