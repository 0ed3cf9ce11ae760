//! Which upstreams there are, and which of them serve a name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::model_not_found;
use crate::clock::Clock;
use crate::config::{self, Config, Price, ProviderKind};
use crate::error::{Error, Result};
use crate::llm::{Endpoint, Offline, OpenAi, Provider, Timeouts};

/// What is configured, ready to be asked.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// In the order in which they are configured.
    pub(super) providers: Vec<Upstream>,
    pub(super) models: BTreeMap<String, config::Model>,
    pub(super) serves_direct_names: bool,
    max_attempts: usize,
}

#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) name: Arc<str>,
    pub(super) client: Arc<dyn Provider>,
    can_report_usage: bool,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Route {
    /// Tried in this order.
    pub(super) targets: Vec<Target>,
    pub(super) price: Option<Price>,
}

/// A model at one upstream.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) provider_name: Arc<str>,
    pub(super) provider: Arc<dyn Provider>,
    /// The upstream's own name for it.
    pub(super) model: String,
    pub(super) can_report_usage: bool,
    /// In the place of the provider's own.
    pub(super) first_token_timeout: Option<Duration>,
}

impl Catalogue {
    pub(super) fn new(config: &Config, clock: &Clock) -> Result<Self> {
        let upstream = |provider: &config::Provider| {
            Ok(Upstream {
                name: provider.name.as_str().into(),
                client: client(provider, &config.relay, clock)?,
                can_report_usage: provider.stream_usage,
            })
        };
        Ok(Self {
            providers: config
                .providers
                .iter()
                .map(upstream)
                .collect::<Result<_>>()?,
            models: config.models.clone(),
            serves_direct_names: config.relay.direct_models,
            max_attempts: usize::try_from(config.relay.max_attempts).unwrap_or(usize::MAX),
        })
    }

    /// A configured name; else `provider/model`; else, where no names are configured, whatever the
    /// first provider makes of it.
    pub(super) fn resolve(&self, name: &str) -> Result<Route> {
        let Some(first) = self.providers.first() else {
            return Err(Error::unavailable(
                "ai_not_configured",
                "No model provider is configured.",
            ));
        };
        if let Some(model) = self.models.get(name) {
            return Ok(self.configured(model));
        }
        let direct = name
            .split_once('/')
            .filter(|_| self.serves_direct_names)
            .and_then(|(provider, model)| Some((self.provider(provider)?, model)));
        let (provider, model) = match direct {
            Some((_, "")) => return Err(model_not_found(name)),
            Some(direct) => direct,
            None if self.models.is_empty() => (first, name),
            None => return Err(model_not_found(name)),
        };
        Ok(Route {
            targets: vec![provider.serving(model)],
            price: None,
        })
    }

    fn configured(&self, model: &config::Model) -> Route {
        let target = |target: &config::Target| {
            let provider = self.provider(&target.provider)?;
            Some(Target {
                first_token_timeout: model.first_token_timeout,
                ..provider.serving(&target.model)
            })
        };
        let targets = model.targets.iter().filter_map(target);
        Route {
            targets: targets.take(self.max_attempts).collect(),
            price: model.price,
        }
    }

    fn provider(&self, name: &str) -> Option<&Upstream> {
        self.providers
            .iter()
            .find(|provider| *provider.name == *name)
    }
}

impl Upstream {
    fn serving(&self, model: &str) -> Target {
        Target {
            provider_name: self.name.clone(),
            provider: self.client.clone(),
            model: model.to_owned(),
            can_report_usage: self.can_report_usage,
            first_token_timeout: None,
        }
    }
}

fn client(
    provider: &config::Provider,
    relay: &config::Relay,
    clock: &Clock,
) -> Result<Arc<dyn Provider>> {
    let timeouts = Timeouts {
        connect: relay.connect_timeout,
        first_token: relay.first_token_timeout,
        idle: relay.idle_timeout,
        total: relay.total_timeout,
    };
    match (provider.kind, &provider.base_url) {
        (ProviderKind::Offline, _) => Ok(Arc::new(Offline::new(clock.clone()))),
        (ProviderKind::OpenAi, Some(base_url)) => {
            let endpoint = Endpoint {
                base_url: base_url.clone(),
                api_key: provider.api_keys.first().cloned(),
                headers: provider.headers.clone(),
            };
            Ok(Arc::new(OpenAi::new(&endpoint, timeouts)?))
        }
        _ => Err(Error::internal(
            "a provider of a kind that is not spoken here",
        )),
    }
}
