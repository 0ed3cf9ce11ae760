//! The names that a caller may ask for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use moka::future::Cache;
use serde_json::{Map, Value, json};

use super::Relay;
use super::catalogue::{Catalogue, model_not_found};
use super::upstream::Upstream;
use crate::domain::Principal;
use crate::error::{Error, Result};
use crate::llm::{Failure, ModelCard};

/// How long what a provider listed is good for.
const FRESH: Duration = Duration::from_mins(5);

/// One model under its public name.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    pub id: String,
    /// The other members, as the provider gave them.
    rest: Map<String, Value>,
}

impl ModelEntry {
    /// OpenAI's shape, with what else the provider says of it.
    pub fn into_json(self) -> Value {
        let mut whole = Map::new();
        whole.insert("id".to_owned(), self.id.into());
        whole.extend(self.rest);
        whole.insert("object".to_owned(), "model".into());
        whole.entry("created").or_insert(0.into());
        whole.entry("owned_by").or_insert("concierge".into());
        whole.into()
    }
}

/// What the providers list, asked seldom.
pub(super) struct Listing(Cache<Arc<str>, Arc<Vec<ModelEntry>>>);

impl Listing {
    pub(super) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(1_000)
                .time_to_live(FRESH)
                .build(),
        )
    }

    /// What one provider lists. One that fails is left out, and asked again the next time.
    async fn of(&self, upstream: &Upstream) -> Arc<Vec<ModelEntry>> {
        let listed = self
            .0
            .try_get_with(upstream.name.clone(), async {
                let cards = upstream.client().models().await?;
                Ok::<_, Failure>(Arc::new(cards.into_iter().filter_map(entry).collect()))
            })
            .await;
        listed.unwrap_or_else(|failure| {
            let provider = &*upstream.name;
            tracing::warn!(provider, error = %failure, "{provider} does not list its models");
            Arc::default()
        })
    }
}

fn entry(card: ModelCard) -> Option<ModelEntry> {
    let mut rest: Map<String, Value> = serde_json::from_str(card.json.get()).ok()?;
    rest.remove("id");
    Some(ModelEntry { id: card.id, rest })
}

/// How many of the providers answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    All,
    Some,
    None,
    /// There are no providers.
    Nobody,
}

impl Relay {
    /// Whether the providers can be reached. One that refuses to list its models answers, too.
    pub async fn reach(&self) -> Reach {
        let providers = &self.0.catalogue.providers;
        let asked = providers.iter().map(|upstream| async {
            match upstream.client().models().await {
                Ok(_) => true,
                Err(Failure::Refused(refusal)) => !refusal.status.is_server_error(),
                Err(_) => false,
            }
        });
        let answers = join_all(asked).await;
        match answers.iter().filter(|answered| **answered).count() {
            _ if answers.is_empty() => Reach::Nobody,
            0 => Reach::None,
            count if count == answers.len() => Reach::All,
            _ => Reach::Some,
        }
    }

    /// What this caller may ask for: the configured names, and what the providers list.
    pub async fn models(&self, principal: &Principal) -> Result<Vec<ModelEntry>> {
        let catalogue = &self.0.catalogue;
        if catalogue.providers.is_empty() {
            return Err(Error::unavailable(
                "ai_not_configured",
                "No model provider is configured.",
            ));
        }
        let mut named: BTreeMap<String, ModelEntry> = BTreeMap::new();
        for entry in self.listed(catalogue).await {
            named.entry(entry.id.clone()).or_insert(entry);
        }
        for name in catalogue.models.keys() {
            named.insert(name.clone(), configured(name));
        }
        Ok(named
            .into_values()
            .filter(|entry| principal.may_use_model(&entry.id))
            .collect())
    }

    /// One of them.
    pub async fn model(&self, principal: &Principal, name: &str) -> Result<ModelEntry> {
        let models = self.models(principal).await?;
        models
            .into_iter()
            .find(|entry| entry.id == name)
            .ok_or_else(|| model_not_found(name))
    }

    /// What can be asked for without being configured, under the names that [`Catalogue::resolve`]
    /// understands.
    async fn listed(&self, catalogue: &Catalogue) -> Vec<ModelEntry> {
        let asked = catalogue
            .providers
            .iter()
            .enumerate()
            .map(|(place, upstream)| async move {
                let is_default = place == 0 && catalogue.models.is_empty();
                if !is_default && !catalogue.serves_direct_names {
                    return Vec::new();
                }
                let listed = self.0.listing.of(upstream).await;
                let public = |entry: &ModelEntry| {
                    // As it is, it would be taken for a name at the provider that it begins with.
                    if is_default && catalogue.direct(&entry.id).is_none() {
                        return entry.clone();
                    }
                    ModelEntry {
                        id: format!("{}/{}", upstream.name, entry.id),
                        ..entry.clone()
                    }
                };
                listed.iter().map(public).collect()
            });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

fn configured(name: &str) -> ModelEntry {
    let rest = json!({"created": 0, "owned_by": "concierge"});
    ModelEntry {
        id: name.to_owned(),
        rest: match rest {
            Value::Object(members) => members,
            _ => Map::new(),
        },
    }
}
