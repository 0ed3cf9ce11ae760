//! The registry of one application's numbers, and handles to them.

use std::sync::Arc;

pub use metrics::{Counter, Gauge, Histogram};
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::names::{ALL, Kind, Metric};
use crate::error::{Error, Result};

const METADATA: Metadata<'static> = Metadata::new("concierge", Level::INFO, None);

/// The numbers of one application: many may live in one process. Cloning it copies a pointer.
///
/// A handle is found by name and labels, which costs; to count by it costs next to nothing. So handles
/// are kept where something happens often.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Metrics {
    pub fn new() -> Result<Self> {
        let mut builder = PrometheusBuilder::new();
        for metric in ALL {
            if let Kind::Histogram(buckets) = metric.kind {
                let name = Matcher::Full(metric.name.to_owned());
                builder = builder
                    .set_buckets_for_metric(name, buckets)
                    .map_err(Error::internal)?;
            }
        }
        let recorder = builder.build_recorder();
        for metric in ALL {
            describe(&recorder, metric);
        }
        let handle = recorder.handle();
        Ok(Self(Arc::new(Parts { recorder, handle })))
    }

    /// The values stand in the order of the metric's labels.
    pub fn counter(&self, metric: &Metric, values: &[&str]) -> Counter {
        let key = key(metric, values);
        self.0.recorder.register_counter(&key, &METADATA)
    }

    pub fn gauge(&self, metric: &Metric, values: &[&str]) -> Gauge {
        let key = key(metric, values);
        self.0.recorder.register_gauge(&key, &METADATA)
    }

    pub fn histogram(&self, metric: &Metric, values: &[&str]) -> Histogram {
        let key = key(metric, values);
        self.0.recorder.register_histogram(&key, &METADATA)
    }

    /// Everything, in the text form of Prometheus.
    pub fn render(&self) -> String {
        self.0.handle.render()
    }

    /// Sorts what histograms were told into their buckets. Until then it is kept one by one, so this
    /// is to be done now and then, whether anybody reads the numbers or not.
    pub fn keep_up(&self) {
        self.0.handle.run_upkeep();
    }
}

fn key(metric: &Metric, values: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let labels = metric.labels.iter().zip(values);
    let labels: Vec<_> = labels
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(metric.name, labels)
}

fn describe(recorder: &PrometheusRecorder, metric: &Metric) {
    let (name, help) = (metric.name.into(), metric.help.into());
    match metric.kind {
        Kind::Counter => recorder.describe_counter(name, None, help),
        Kind::Gauge => recorder.describe_gauge(name, None, help),
        Kind::Histogram(_) => recorder.describe_histogram(name, None, help),
    }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    #[test]
    fn a_histogram_is_told_by_its_buckets_whenever_it_is_read() {
        let metrics = Metrics::new().unwrap();
        let waited = metrics.histogram(&names::RELAY_OVERHEAD, &["plain"]);

        waited.record(0.000_2);
        metrics.keep_up();
        waited.record(0.000_2);

        let told = metrics.render();
        for line in [
            "concierge_relay_overhead_seconds_bucket{kind=\"plain\",le=\"0.0001\"} 0",
            "concierge_relay_overhead_seconds_bucket{kind=\"plain\",le=\"0.00025\"} 2",
            "concierge_relay_overhead_seconds_bucket{kind=\"plain\",le=\"+Inf\"} 2",
            "concierge_relay_overhead_seconds_count{kind=\"plain\"} 2",
        ] {
            assert!(told.contains(line), "{line} is not in\n{told}");
        }
    }

    #[test]
    fn two_applications_do_not_count_together() {
        let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());

        one.counter(&names::HTTP_ERRORS, &["not_found"])
            .increment(1);

        assert!(one.render().contains("{code=\"not_found\"} 1"));
        assert!(!other.render().contains("not_found"));
    }
}
