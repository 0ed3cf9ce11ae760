//! What of the relay is measured, and by which names.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::Ask;
use super::series::Series;
use super::span::Server;
use super::watch::Watch;
use crate::config::{Config, Model};
use crate::telemetry::{Gauge, Histogram, Metrics, names};

/// The label of every model that a caller has named: there may be any number of them.
const OTHER: &str = "other";

/// What is told of all requests. What can be a label is known from the start.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) metrics: Metrics,
    pub(super) providers: HashMap<String, Observed>,
    pub(super) in_flight: Gauge,
    /// The overhead of either kind of answer.
    pub(super) plain: Histogram,
    pub(super) stream: Histogram,
}

#[derive(Debug)]
pub(super) struct Observed {
    pub(super) server: Server,
    /// By their public names.
    models: HashMap<String, OnceLock<Arc<Series>>>,
    other: OnceLock<Arc<Series>>,
}

impl Observer {
    pub(super) fn new(config: &Config, metrics: &Metrics) -> Self {
        let providers = config.providers.iter();
        let observed = providers.map(|provider| {
            let serves = |model: &Model| {
                let mut targets = model.targets.iter();
                targets.any(|target| target.provider == provider.name)
            };
            let models = config.models.iter().filter(|(_, model)| serves(model));
            let observed = Observed {
                server: Server::of(provider),
                models: models
                    .map(|(name, _)| (name.clone(), OnceLock::new()))
                    .collect(),
                other: OnceLock::new(),
            };
            (provider.name.clone(), observed)
        });
        Self {
            providers: observed.collect(),
            in_flight: metrics.gauge(&names::RELAY_IN_FLIGHT, &[]),
            plain: metrics.histogram(&names::RELAY_OVERHEAD, &["plain"]),
            stream: metrics.histogram(&names::RELAY_OVERHEAD, &["stream"]),
            metrics: metrics.clone(),
        }
    }

    pub(super) fn watch(self: &Arc<Self>, ask: &Ask) -> Watch {
        Watch::new(self.clone(), ask)
    }
}

impl Observed {
    pub(super) fn series(&self, metrics: &Metrics, provider: &str, model: &str) -> Arc<Series> {
        let (kept, label) = match self.models.get_key_value(model) {
            Some((name, kept)) => (kept, name.as_str()),
            None => (&self.other, OTHER),
        };
        let new = || Arc::new(Series::new(metrics, provider, label));
        kept.get_or_init(new).clone()
    }
}
