//! The audit log, for administrators.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::kit::caller::Administrator;
use crate::api::kit::extract::Query;
use crate::api::kit::page::{Asked, Page, Paged, Paging};
use crate::api::kit::refusals::{BadParameters, Failures, Unauthenticated};
use crate::api::kit::until::until;
use crate::domain::{AuditEntry, Event, Ts, UserId};
use crate::error::Result;
use crate::state::App;
use crate::store::audit::Sought;

/// Which events are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only events of this sort.
    #[param(inline)]
    event: Option<Event>,
    /// Only what was done to this user's account.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// Only what this user did.
    #[param(value_type = Option<String>)]
    actor_id: Option<UserId>,
    /// RFC 3339, or a day (`2026-11-01`).
    #[param(value_type = Option<String>)]
    from: Option<Ts>,
    /// RFC 3339, or a day, which is then the last.
    to: Option<String>,
}

/// List security events
///
/// What happened to accounts and to what opens them, the newest first: who did it, to whom, when, and
/// from where. An event is kept for `AUDIT_RETENTION`; of an account that is deleted its events keep
/// the id, and lose where its user came from. Administrators only.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "audit_list", tag = "users",
    params(Asked, Wanted),
    responses(
        (status = 200, description = "One page of events.", body = Page<AuditEntry>,
            headers(
                ("Link" = String, description = "RFC 8288: first, prev, next, last."),
                ("X-Total-Count" = u64, description = "Events on all pages.")),
            example = json!({"items": [{"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
                "at": "2026-11-21T09:30:00.25Z", "event": "user.updated",
                "actor_id": "0199d3f0-1c2b-7a90-b1f3-5d2e4a6c8e01",
                "user_id": "0199d3f1-77aa-7e02-9c44-1b3d5f7a9c02",
                "session_id": "0199d3f0-2233-7b15-8d66-2c4e6a8c0e03", "key_id": null,
                "ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "request_id": "req-17",
                "details": {"changed": ["role"], "role": {"from": "user", "to": "admin"}}}],
                "total": 1, "page": 1, "size": 20, "pages": 1})),
        Unauthenticated, BadParameters, Failures))]
pub async fn list(
    _admin: Administrator,
    app: App,
    paging: Paging,
    Query(wanted): Query<Wanted>,
) -> Result<Paged<AuditEntry>> {
    let sought = Sought {
        event: wanted.event,
        user: wanted.user_id,
        actor: wanted.actor_id,
        from: wanted.from,
        until: wanted.to.as_deref().map(until).transpose()?,
    };
    let (entries, total) = app.auth.audit(&sought, paging.page, paging.size).await?;

    Ok(paging.holding(entries, total))
}
