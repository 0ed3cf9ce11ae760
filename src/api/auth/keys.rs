//! API keys: what programs sign in with.

use http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::kit::caller::WithSession;
use crate::api::kit::created::Created;
use crate::api::kit::extract::{Json, Path};
use crate::api::kit::page::{Asked, Page, Paged, Paging};
use crate::api::kit::refusals::{
    BadBody, BadParameters, Failures, Missing, TooMany, Unauthenticated,
};
use crate::auth::{self, KeyChange, NewCaps};
use crate::domain::{ApiKey, FlatCaps, KeyId, Name, Patch, Period, Scope, Ts, not_null};
use crate::error::Result;
use crate::state::App;

/// What a new key is to be. Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "nightly job", "scopes": ["completions", "models"],
    "budget_microusd": 5_000_000, "budget_period": "month", "rpm": 60})))]
pub struct NewKey {
    name: Name,
    /// None: all that its owner may, but for `admin:*`.
    scopes: Option<Vec<Scope>>,
    /// Public model names. None: all.
    #[schema(max_items = 100)]
    models: Option<Vec<String>>,
    /// At most 366 days ahead; 90 days unless said.
    expires_at: Option<Ts>,
    /// What it may spend in a period, in millionths of a dollar. None: what its owner may.
    #[schema(value_type = Option<u64>, maximum = 1_000_000_000_000_000i64)]
    budget_microusd: Option<i64>,
    /// The period of that budget, a month unless said. Needs a budget beside it.
    budget_period: Option<Period>,
    /// Requests a minute.
    #[schema(value_type = Option<u64>, minimum = 1)]
    rpm: Option<i64>,
    /// Tokens a minute, prompt and answer together.
    #[schema(value_type = Option<u64>, minimum = 1)]
    tpm: Option<i64>,
}

/// What is to change: what is not given stays, null clears. Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"models": ["fast"], "budget_microusd": 1_000_000, "rpm": null})))]
pub struct KeyPatch {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Name)]
    name: Option<Name>,
    /// Null: all that its owner may, but for `admin:*`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Scope>>)]
    scopes: Patch<Vec<Scope>>,
    /// Public model names. Null: all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    models: Patch<Vec<String>>,
    /// At most 366 days from now. Null: 90 days from now. A key that has expired opens again.
    #[serde(default)]
    #[schema(value_type = Option<Ts>)]
    expires_at: Patch<Ts>,
    /// What it may spend in a period, in millionths of a dollar; what it has spent counts. Null: what
    /// its owner may.
    #[serde(default)]
    #[schema(value_type = Option<u64>, maximum = 1_000_000_000_000_000i64)]
    budget_microusd: Patch<i64>,
    /// The period of that budget. Needs a budget beside it, or one that is set. Null: a month.
    #[serde(default)]
    #[schema(value_type = Option<Period>)]
    budget_period: Patch<Period>,
    /// Requests a minute.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1)]
    rpm: Patch<i64>,
    /// Tokens a minute, prompt and answer together.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1)]
    tpm: Patch<i64>,
}

/// A key with its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55", "name": "nightly job",
    "prefix": "sk-cg-4fT9xQ2a", "last_four": "x7Qp", "scopes": ["completions", "models"],
    "models": null, "budget_microusd": 5_000_000, "budget_period": "month", "rpm": 60,
    "tpm": null, "created_at": "2026-11-21T09:30:00.25Z",
    "expires_at": "2027-02-19T09:30:00.25Z", "last_used_at": null, "key": "sk-cg-4fT9xQ2a..."})))]
pub struct CreatedKey {
    #[serde(flatten)]
    about: ApiKey,
    /// The key itself. It is not kept, and cannot be shown again.
    #[schema(examples("sk-cg-4fT9xQ2a..."))]
    key: String,
}

/// Create an API key
///
/// The key is in the answer, and nowhere else. Needs a session: a key cannot make keys.
#[utoipa::path(post, path = "/api/v1/api-keys", operation_id = "api_keys_create", tag = "api-keys",
    request_body = NewKey, security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 201, description = "The new key.", body = CreatedKey,
            headers(("Location" = String, description = "Where the key is."))),
        Unauthenticated, TooMany, BadBody, Failures))]
pub async fn create(
    caller: WithSession,
    app: App,
    Json(new): Json<NewKey>,
) -> Result<Created<CreatedKey>> {
    let wanted = auth::NewKey {
        name: new.name,
        scopes: new.scopes,
        models: new.models,
        caps: FlatCaps {
            budget_microusd: new.budget_microusd,
            budget_period: new.budget_period,
            rpm: new.rpm,
            tpm: new.tpm,
        },
        expires_at: new.expires_at,
    };
    let (about, secret) = app.auth.create_key(&caller, wanted).await?;

    let location = format!("/api/v1/api-keys/{}", about.id);
    let key = secret.expose_secret().to_owned();
    Ok(Created::at(location, CreatedKey { about, key }))
}

/// List API keys
///
/// The caller's keys without their secrets, the newest first.
#[utoipa::path(get, path = "/api/v1/api-keys", operation_id = "api_keys_list", tag = "api-keys",
    params(Asked), security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 200, description = "One page of keys.", body = Page<ApiKey>,
            headers(
                ("Link" = String, description = "RFC 8288: first, prev, next, last."),
                ("X-Total-Count" = u64, description = "Keys on all pages.")),
            example = json!({"items": [{"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
                "name": "nightly job", "prefix": "sk-cg-4fT9xQ2a", "last_four": "x7Qp",
                "scopes": ["completions", "models"], "models": null,
                "budget_microusd": 5_000_000, "budget_period": "month", "rpm": 60, "tpm": null,
                "created_at": "2026-11-21T09:30:00.25Z", "expires_at": "2027-02-19T09:30:00.25Z",
                "last_used_at": null}], "total": 1, "page": 1, "size": 20, "pages": 1})),
        Unauthenticated, BadParameters, Failures))]
pub async fn list(caller: WithSession, app: App, paging: Paging) -> Result<Paged<ApiKey>> {
    let (keys, total) = app
        .auth
        .keys(&caller.user, paging.page, paging.size)
        .await?;

    Ok(paging.holding(keys, total))
}

/// Get an API key
///
/// One of the caller's keys without its secret, expired or not.
#[utoipa::path(get, path = "/api/v1/api-keys/{id}", operation_id = "api_keys_get",
    tag = "api-keys", params(("id" = KeyId, Path, description = "The key's id.")),
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 200, description = "The key.", body = ApiKey,
            example = json!({"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55", "name": "nightly job",
                "prefix": "sk-cg-4fT9xQ2a", "last_four": "x7Qp",
                "scopes": ["completions", "models"], "models": null,
                "budget_microusd": 5_000_000, "budget_period": "month", "rpm": 60, "tpm": null,
                "created_at": "2026-11-21T09:30:00.25Z",
                "expires_at": "2027-02-19T09:30:00.25Z", "last_used_at": null})),
        Unauthenticated, Missing, BadParameters, Failures))]
pub async fn get(caller: WithSession, app: App, Path(id): Path<KeyId>) -> Result<Json<ApiKey>> {
    let key = app.auth.key(&caller.user, id).await?;

    Ok(Json(key))
}

/// Change an API key
///
/// The secret stays as it is. The change counts from the key's next request on, at other replicas
/// within five seconds.
#[utoipa::path(patch, path = "/api/v1/api-keys/{id}", operation_id = "api_keys_update",
    tag = "api-keys", params(("id" = KeyId, Path, description = "The key's id.")),
    request_body = KeyPatch,
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 200, description = "The key as it is now.", body = ApiKey,
            example = json!({"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55", "name": "nightly job",
                "prefix": "sk-cg-4fT9xQ2a", "last_four": "x7Qp",
                "scopes": ["completions", "models"], "models": ["fast"],
                "budget_microusd": 1_000_000, "budget_period": "month", "rpm": null, "tpm": null,
                "created_at": "2026-11-21T09:30:00.25Z",
                "expires_at": "2027-02-19T09:30:00.25Z", "last_used_at": null})),
        Unauthenticated, Missing, BadBody, Failures))]
pub async fn change(
    caller: WithSession,
    app: App,
    Path(id): Path<KeyId>,
    Json(patch): Json<KeyPatch>,
) -> Result<Json<ApiKey>> {
    let key = app.auth.change_key(&caller, id, patch.into()).await?;

    Ok(Json(key))
}

/// Delete an API key
///
/// From now on the key opens nothing.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", operation_id = "api_keys_delete",
    tag = "api-keys", params(("id" = KeyId, Path, description = "The key's id.")),
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses((status = 204, description = "The key is gone."), Unauthenticated, Missing,
        BadParameters, Failures))]
pub async fn delete(caller: WithSession, app: App, Path(id): Path<KeyId>) -> Result<StatusCode> {
    app.auth.remove_key(&caller, id).await?;

    Ok(StatusCode::NO_CONTENT)
}

impl From<KeyPatch> for KeyChange {
    fn from(patch: KeyPatch) -> Self {
        Self {
            name: patch.name,
            scopes: patch.scopes,
            models: patch.models,
            caps: NewCaps {
                budget_microusd: patch.budget_microusd,
                budget_period: patch.budget_period,
                rpm: patch.rpm,
                tpm: patch.tpm,
            },
            expires_at: patch.expires_at,
        }
    }
}
