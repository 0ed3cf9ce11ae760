//! The list of what an upstream serves. It is asked for seldom, over connections of its own.

use http::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Body, Client};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::{Timeouts, refusal};
use crate::error::{Error, Result};
use crate::llm::{Failure, ModelCard, Wait, transport};

const LIMIT: usize = 16 * 1024 * 1024;

/// Cloning it copies pointers.
#[derive(Clone, Debug)]
pub(super) struct Models(Client);

impl Models {
    pub(super) fn new(timeouts: Timeouts) -> Result<Self> {
        let client = Client::builder()
            .tls_backend_preconfigured((*transport::tls_config()?).clone())
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .connect_timeout(timeouts.connect)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(Error::internal)?;
        Ok(Self(client))
    }

    pub(super) async fn list(
        &self,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Vec<ModelCard>, Failure> {
        let request = self.0.get(url.clone()).headers(headers.clone());
        let answer = request.send().await.map_err(unanswered)?;
        let answer: http::Response<Body> = refusal::accepted(answer.into()).await?;
        let body = transport::whole(answer.into_body(), LIMIT).await?;
        cards(&body).ok_or(Failure::Garbled("it is not a list of models"))
    }
}

fn unanswered(error: reqwest::Error) -> Failure {
    // A URL may hold a key in its query.
    let error = error.without_url();
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => Failure::Late(Wait::Connect),
        (true, false) => Failure::Unreachable(error.into()),
        _ => Failure::Cut(Some(error.into())),
    }
}

/// Reads `{"data":[…]}` or a bare array; an entry without an id is left out.
fn cards(body: &[u8]) -> Option<Vec<ModelCard>> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Card {
        id: String,
    }
    let entries = serde_json::from_slice::<List<'_>>(body)
        .map(|list| list.data)
        .or_else(|_| serde_json::from_slice(body))
        .ok()?;
    let card = |json: &RawValue| {
        let Card { id } = serde_json::from_str(json.get()).ok()?;
        Some(ModelCard {
            id,
            json: json.to_owned(),
        })
    };
    Some(entries.into_iter().filter_map(card).collect())
}
