//! All that is kept about the caller, to take along.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::kit::caller::WithSession;
use crate::api::kit::refusals::{Failures, Unauthenticated};
use crate::auth::Part;
use crate::domain::{AuditEntry, ExportedAccount, KeptAnswer, UsageEntry};
use crate::error::{Error, Result};
use crate::state::App;

/// Everything kept about one user. Its lists are written as they are read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"exported_at": "2026-11-21T12:00:00Z",
    "user": {"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55", "email": "ada@example.com",
        "username": "ada", "name": "Ada Lovelace", "role": "user", "status": "active",
        "email_verified": false, "created_at": "2026-11-21T09:30:00.25Z",
        "updated_at": "2026-11-21T09:30:00.25Z", "last_seen_at": "2026-11-21T11:57:02.5Z"},
    "caps": {"budget_microusd": null, "budget_period": null, "rpm": null, "tpm": null},
    "password_changed_at": "2026-11-21T09:30:00.25Z", "identities": [],
    "sessions": [{"id": "0199d3f2-a001-7d10-9c55-3a5b7d9f1e02",
        "created_at": "2026-11-21T09:30:05Z", "last_seen_at": "2026-11-21T11:30:05Z",
        "ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "current": true}],
    "api_keys": [{"id": "0199d3f3-b002-7e21-8d66-4b6c8e0a2f13", "name": "ci",
        "prefix": "sk-cg-4fT9xQ2a", "last_four": "x7Qp", "scopes": ["models"],
        "models": ["gpt-4o"], "budget_microusd": null, "budget_period": null, "rpm": null,
        "tpm": null, "created_at": "2026-11-21T09:31:00Z", "expires_at": "2027-02-19T00:00:00Z",
        "last_used_at": null}],
    "budgets": [{"holder": "user:0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55", "period": "2026-11",
        "spent_microusd": 8110}],
    "live_codes": [{"purpose": "password", "destination": "ada@example.com",
        "created_at": "2026-11-21T11:58:00Z", "expires_at": "2026-11-21T12:28:00Z"}],
    "waiting_messages": [{"channel": "mail", "created_at": "2026-11-21T11:58:00Z",
        "expires_at": "2026-11-21T12:28:00Z"}],
    "usage": [{"id": "0199d3f4-c003-7f32-9e77-5c7d9f1b3024", "at": "2026-11-21T09:32:00Z",
        "key_id": null, "provider": "openai", "model": "gpt-4o", "upstream_model": "gpt-4o",
        "status": "ok", "http_status": 200, "prompt_tokens": 900, "cached_tokens": 0,
        "completion_tokens": 120, "reasoning_tokens": 0, "cost_microusd": 3450, "ttft_ms": 310,
        "duration_ms": 2204, "attempts": 1, "request_id": "req-17", "estimated": false}],
    "idempotent_answers": [{"operation": "chat_completions_create", "idempotency_key": "order-17",
        "expires_at": "2026-11-22T09:32:00Z", "status": 200,
        "headers": [["content-type", "application/json"]], "body": "{}"}],
    "audit": [{"id": "0199d3f2-9d5e-7c42-8a52-1d8e0f2a4b36", "at": "2026-11-21T09:30:00.25Z",
        "event": "user.registered", "actor_id": null,
        "user_id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55", "session_id": null, "key_id": null,
        "ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "request_id": "req-16",
        "details": {}}]})))]
pub struct Export {
    #[serde(flatten)]
    account: ExportedAccount,
    /// Relayed requests, the oldest first.
    usage: Vec<UsageEntry>,
    /// What is kept under `Idempotency-Key`s.
    idempotent_answers: Vec<KeptAnswer>,
    /// What the user did, and what was done to their account, the oldest first.
    audit: Vec<AuditEntry>,
}

/// Which lists are written: the one that is open, and whether it has an entry.
#[derive(Default)]
struct Page {
    open: Option<&'static str>,
    has_entries: bool,
}

/// Export one's data
///
/// Everything that is kept about the caller, as one JSON document: the account, its sessions, keys and
/// budgets, each relayed request, what is kept under Idempotency-Keys, and what the audit log has. What
/// opens the account (passwords, tokens, keys) is not in it, as not even we have more than hashes. The
/// document is written while it is read: one that does not end is not whole. Needs a session.
#[utoipa::path(get, path = "/api/v1/auth/me/export", operation_id = "auth_me_export", tag = "auth",
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 200, description = "The document.", body = Export,
            headers(("Content-Disposition" = String, description = "A name for the file."))),
        Unauthenticated, Failures))]
pub async fn get(caller: WithSession, app: App) -> Result<Response> {
    let (account, parts) = app.auth.export(&caller).await?;

    let name = format!(
        "attachment; filename=\"{}-{}.json\"",
        app.config.app.name,
        account.exported_at.date()
    );
    let body = Body::from_stream(written(&account, parts)?);
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The document, from its first brace to its last.
fn written<S>(
    account: &ExportedAccount,
    parts: S,
) -> Result<impl Stream<Item = Result<Bytes>> + use<S>>
where
    S: Stream<Item = Result<Part>> + Send + 'static,
{
    let mut head = serde_json::to_vec(account).map_err(Error::internal)?;
    // The lists go on where the account's brace would close.
    head.pop();
    let mut page = Page::default();
    let lists = parts.and_then(move |part| {
        let text = page.write(&part);
        async move { text.map(Bytes::from) }
    });
    let end = stream::iter([Ok(Bytes::from_static(b"]}"))]);
    Ok(stream::iter([Ok(Bytes::from(head))])
        .chain(lists)
        .chain(end))
}

impl Page {
    fn write(&mut self, part: &Part) -> Result<Vec<u8>> {
        match part {
            Part::Usage(entries) => self.list("usage", entries),
            Part::Answers(answers) => self.list("idempotent_answers", answers),
            Part::Audit(entries) => self.list("audit", entries),
        }
    }

    fn list<T: Serialize>(&mut self, name: &'static str, entries: &[T]) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        if self.open != Some(name) {
            let end = if self.open.is_some() { "]" } else { "" };
            text.extend_from_slice(format!("{end},\"{name}\":[").as_bytes());
            *self = Self {
                open: Some(name),
                has_entries: false,
            };
        }
        for entry in entries {
            if self.has_entries {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, entry).map_err(Error::internal)?;
            self.has_entries = true;
        }
        Ok(text)
    }
}
