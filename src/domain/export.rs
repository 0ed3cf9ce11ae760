//! What is kept about a user, as they take it with them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    ActiveSession, ApiKey, FlatCaps, IdempotencyKey, KeyId, KnownIdentity, LiveCode, Outcome,
    RowId, Ts, User, WaitingMessage,
};

/// What there is one of, or few.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExportedAccount {
    pub exported_at: Ts,
    pub user: User,
    /// What the user may use, where it is not what is configured for everybody.
    pub caps: FlatCaps,
    /// Null: there is no password.
    #[schema(required = true)]
    pub password_changed_at: Option<Ts>,
    /// Who the user is to a foreign issuer.
    pub identities: Vec<KnownIdentity>,
    pub sessions: Vec<ActiveSession>,
    pub api_keys: Vec<ApiKey>,
    pub budgets: Vec<Spent>,
    /// Codes and links that were sent and can still be used.
    pub live_codes: Vec<LiveCode>,
    /// What is on its way to the user.
    pub waiting_messages: Vec<WaitingMessage>,
}

/// What a user or one of their keys has spent in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct Spent {
    /// `user:…` or `key:…`, with the id.
    pub holder: String,
    /// `2026-11-21`, `2026-11` or `total`.
    pub period: String,
    pub spent_microusd: i64,
}

/// One relayed request, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct UsageEntry {
    pub id: RowId,
    pub at: Ts,
    /// The key that it was asked with. Null: it was asked in a session.
    #[schema(required = true)]
    pub key_id: Option<KeyId>,
    pub provider: String,
    pub model: String,
    pub upstream_model: String,
    pub status: Outcome,
    /// Null: the caller left before the answer began.
    #[schema(required = true)]
    pub http_status: Option<i64>,
    pub prompt_tokens: i64,
    pub cached_tokens: i64,
    pub completion_tokens: i64,
    pub reasoning_tokens: i64,
    pub cost_microusd: i64,
    /// Milliseconds until a stream began.
    #[schema(required = true)]
    pub ttft_ms: Option<i64>,
    pub duration_ms: i64,
    pub attempts: i64,
    pub request_id: String,
    /// Whether the tokens were counted by us.
    pub estimated: bool,
}

/// An answer that is kept under an `Idempotency-Key`, to be given again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeptAnswer {
    /// As this document names it.
    pub operation: String,
    #[schema(value_type = String)]
    pub idempotency_key: IdempotencyKey,
    pub expires_at: Ts,
    /// Null: it is being made.
    #[schema(required = true)]
    pub status: Option<i64>,
    /// Names and values.
    #[schema(required = true, value_type = Option<Vec<Vec<String>>>)]
    pub headers: Option<Value>,
    #[schema(required = true)]
    pub body: Option<String>,
}
