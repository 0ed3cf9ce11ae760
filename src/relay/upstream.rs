//! A provider, and a client of it for each of its keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::SecretString;

use crate::clock::Clock;
use crate::config::{self, ProviderKind};
use crate::error::{Error, Result};
use crate::llm::{Endpoint, Offline, OpenAi, Provider, Timeouts};

#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) name: Arc<str>,
    /// At least one.
    clients: Vec<Arc<dyn Provider>>,
    pub(super) can_report_usage: bool,
    turns: AtomicUsize,
}

impl Upstream {
    pub(super) fn new(
        provider: &config::Provider,
        relay: &config::Relay,
        clock: &Clock,
    ) -> Result<Self> {
        Ok(Self {
            name: provider.name.as_str().into(),
            clients: clients(provider, relay, clock)?,
            can_report_usage: provider.stream_usage,
            turns: AtomicUsize::new(0),
        })
    }

    /// For what is the same with every key.
    pub(super) fn client(&self) -> &Arc<dyn Provider> {
        &self.clients[0]
    }

    pub(super) fn with_key(&self, key: usize) -> &Arc<dyn Provider> {
        &self.clients[key % self.clients.len()]
    }

    pub(super) fn keys(&self) -> usize {
        self.clients.len()
    }

    /// The key whose turn it is to be asked first.
    pub(super) fn turn(&self) -> usize {
        match self.clients.len() {
            1 => 0,
            keys => self.turns.fetch_add(1, Ordering::Relaxed) % keys,
        }
    }
}

/// One for each key; one where none is needed.
fn clients(
    provider: &config::Provider,
    relay: &config::Relay,
    clock: &Clock,
) -> Result<Vec<Arc<dyn Provider>>> {
    let keys = provider.api_keys.iter().cloned().map(Some);
    let mut clients = keys
        .map(|key| client(provider, key, relay, clock))
        .collect::<Result<Vec<_>>>()?;
    if clients.is_empty() {
        clients.push(client(provider, None, relay, clock)?);
    }
    Ok(clients)
}

fn client(
    provider: &config::Provider,
    api_key: Option<SecretString>,
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
                api_key,
                headers: provider.headers.clone(),
            };
            Ok(Arc::new(OpenAi::new(&endpoint, timeouts)?))
        }
        _ => Err(Error::internal(
            "a provider of a kind that is not spoken here",
        )),
    }
}
