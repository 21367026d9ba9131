//! Families of series as text, by Prometheus' own client library.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, prometheus_text, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Syntax;
use super::family::Family;

/// The labels of a series: words of the vocabularies, in the order of the family's labels.
pub(super) type Words = Vec<&'static str>;

/// The series of a family, in the order in which they are written.
#[derive(Debug)]
pub(super) enum Series {
    Counts(BTreeMap<Words, u64>),
    Histograms(BTreeMap<Words, Histogram>),
    Gauges(BTreeMap<Words, f64>),
}

/// A family with its series.
#[derive(Debug)]
pub(super) struct Filled {
    pub family: &'static Family,
    pub series: Series,
}

pub(super) fn encode(families: Vec<Filled>, syntax: Syntax) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    for family in families {
        registry.register_collector(Box::new(family));
    }
    let mut written = String::new();
    match syntax {
        Syntax::Prometheus => prometheus_text::encode(&mut written, &registry)?,
        Syntax::OpenMetrics => text::encode(&mut written, &registry)?,
    }
    Ok(written)
}

impl Filled {
    fn labels(&self, words: &Words) -> Vec<(&'static str, &'static str)> {
        self.family.labels.iter().copied().zip(words.iter().copied()).collect()
    }

    fn all<M: EncodeMetric>(&self, mut to: MetricEncoder<'_>, series: &BTreeMap<Words, M>) -> fmt::Result {
        series.iter().try_for_each(|(words, metric)| metric.encode(to.encode_family(&self.labels(words))?))
    }
}

impl Collector for Filled {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let unit = self.family.unit();
        let ending = unit.map(|unit| format!("_{unit}")).unwrap_or_default();
        // The encoder adds the unit itself, and the full stop does not.
        let name = self.family.name.trim_end_matches(&ending);
        let unit = unit.map(|unit| Unit::Other(unit.to_owned()));
        let help = format!("{}.", self.family.help);
        let kind = self.family.kind.metric_type();
        let to = encoder.encode_descriptor(name, &help, unit.as_ref(), kind)?;
        match &self.series {
            Series::Counts(counts) => {
                let counters = counts.iter().map(|(words, count)| (words.clone(), ConstCounter::new(*count)));
                self.all(to, &counters.collect())
            }
            Series::Histograms(histograms) => self.all(to, histograms),
            Series::Gauges(values) => {
                let gauges = values.iter().map(|(words, value)| (words.clone(), ConstGauge::new(*value)));
                self.all(to, &gauges.collect())
            }
        }
    }
}
