//! Which upstreams there are, and which of them serve a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::breaker::{BreakerState, Rules};
use super::condition::Board;
use super::plan::{Limits, micros};
use super::strategy::Strategy;
pub(super) use super::target::Target;
use super::upstream::Upstream;
use crate::clock::Clock;
use crate::config::{self, Config, Price};
use crate::error::{Error, Kind, Result};

/// What is configured, ready to be asked.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// In the order in which they are configured.
    pub(super) providers: Vec<Arc<Upstream>>,
    pub(super) models: BTreeMap<String, Route>,
    pub(super) serves_direct_names: bool,
    pub(super) board: Board,
    pub(super) limits: Limits,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// As they are configured.
    targets: Arc<[Arc<Target>]>,
    strategy: Strategy,
    pub(super) price: Option<Price>,
    /// Of one answer, where the request does not say.
    pub(super) max_output_tokens: Option<u64>,
}

impl Route {
    /// In the order in which this request asks them.
    pub(super) fn targets(&self, is_stream: bool) -> Vec<Arc<Target>> {
        self.strategy.order(&self.targets, is_stream)
    }
}

impl Catalogue {
    pub(super) fn new(config: &Config, clock: &Clock) -> Result<Self> {
        let relay = &config.relay;
        let upstream = |provider| Ok(Arc::new(Upstream::new(provider, relay, clock)?));
        let providers: Vec<_> = config
            .providers
            .iter()
            .map(upstream)
            .collect::<Result<_>>()?;
        let mut board = Board::new(Rules {
            failures: relay.breaker_failures,
            cooldown: micros(relay.breaker_cooldown),
        });
        let models = config
            .models
            .iter()
            .map(|(name, model)| (name.clone(), configured(model, &providers, &mut board)))
            .collect();
        Ok(Self {
            providers,
            models,
            serves_direct_names: relay.direct_models,
            board,
            limits: Limits {
                max_attempts: relay.max_attempts,
                max_wait: micros(relay.max_retry_after_wait),
            },
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
            return Ok(model.clone());
        }
        let (provider, model) = match self.direct(name) {
            Some((_, "")) => return Err(model_not_found(name)),
            Some(direct) => direct,
            None if self.models.is_empty() => (first, name),
            None => return Err(model_not_found(name)),
        };
        Ok(Route {
            targets: [Arc::new(Target::new(provider, model).known(&self.board))].into(),
            strategy: Strategy::Ordered,
            price: None,
            max_output_tokens: None,
        })
    }

    /// How the configured targets stand.
    pub(super) fn breakers(&self) -> Vec<(Arc<str>, String, BreakerState)> {
        let stands = self
            .board
            .configured()
            .map(|((provider, model), condition)| {
                (provider.clone(), model.clone(), condition.breaker.state())
            });
        stands.collect()
    }

    /// The provider that a name begins with, and its own name for the model.
    pub(super) fn direct<'a>(&self, name: &'a str) -> Option<(&Arc<Upstream>, &'a str)> {
        let (provider, model) = name.split_once('/').filter(|_| self.serves_direct_names)?;
        Some((named(&self.providers, provider)?, model))
    }
}

fn configured(model: &config::Model, providers: &[Arc<Upstream>], board: &mut Board) -> Route {
    let mut target = |target: &config::Target| {
        let upstream = named(providers, &target.provider)?;
        let mut served = Target::new(upstream, &target.model);
        served.first_token_timeout = model.first_token_timeout;
        Some(Arc::new(served.kept(board)))
    };
    let targets = model.targets.iter().filter_map(&mut target).collect();
    Route {
        targets,
        strategy: Strategy::of(model),
        price: model.price,
        max_output_tokens: model.max_output_tokens,
    }
}

fn named<'a>(providers: &'a [Arc<Upstream>], name: &str) -> Option<&'a Arc<Upstream>> {
    providers.iter().find(|provider| *provider.name == *name)
}

pub(super) fn model_not_found(name: &str) -> Error {
    let shown: String = name.chars().take(200).collect();
    Error::new(
        Kind::NotFound,
        "model_not_found",
        format!("The model '{shown}' does not exist, or you may not use it."),
    )
    .at("model")
}
