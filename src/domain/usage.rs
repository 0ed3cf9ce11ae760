//! What was used, and what it cost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{KeyId, RequestId, RowId, Ts, UserId};

/// One row of the ledger: a request that began an attempt at an upstream.
#[derive(Clone, Debug)]
pub struct Charge {
    pub id: RowId,
    pub at: Ts,
    pub user_id: UserId,
    pub key_id: Option<KeyId>,
    pub provider: String,
    /// The public name, as the caller asked for it.
    pub model: String,
    pub upstream_model: String,
    pub status: Outcome,
    /// What the caller was answered with; None where the caller left before the head.
    pub http_status: Option<u16>,
    pub prompt_tokens: u64,
    pub cached_tokens: u64,
    pub completion_tokens: u64,
    pub reasoning_tokens: u64,
    pub cost_microusd: u64,
    /// Until the first frame of a stream.
    pub ttft_ms: Option<u64>,
    pub duration_ms: u64,
    pub attempts: u32,
    pub request_id: RequestId,
    /// Whether the tokens were counted by us, the upstream having told none.
    pub estimated: bool,
}

/// How a relayed request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Ok,
    Error,
    /// The caller left.
    Cancelled,
    /// The upstream broke off.
    Truncated,
}

/// What usage is added up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    #[default]
    Day,
    Model,
    Key,
}

/// Usage added up. Money is in micro-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct Sums {
    pub requests: i64,
    pub prompt_tokens: i64,
    /// Of the prompt tokens, those that the upstream had kept.
    pub cached_tokens: i64,
    pub completion_tokens: i64,
    /// Of the completion tokens, those that were thought and not said.
    pub reasoning_tokens: i64,
    pub cost_microusd: i64,
}

/// The usage of one day (`2026-11-21`), model or key; no label where no key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    pub label: Option<String>,
    pub sums: Sums,
}

impl std::iter::Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(rows: I) -> Self {
        rows.fold(Self::default(), |total, row| Self {
            requests: total.requests + row.requests,
            prompt_tokens: total.prompt_tokens + row.prompt_tokens,
            cached_tokens: total.cached_tokens + row.cached_tokens,
            completion_tokens: total.completion_tokens + row.completion_tokens,
            reasoning_tokens: total.reasoning_tokens + row.reasoning_tokens,
            cost_microusd: total.cost_microusd + row.cost_microusd,
        })
    }
}
