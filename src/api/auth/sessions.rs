//! The logins that a user has, on all their machines.

use axum::response::Response;
use http::StatusCode;

use super::cookie::{self, Cookies};
use crate::api::kit::caller::WithSession;
use crate::api::kit::client::Client;
use crate::api::kit::extract::Path;
use crate::api::kit::page::{Asked, Page, Paged, Paging};
use crate::api::kit::refusals::{BadParameters, Failures, Missing, Unauthenticated};
use crate::domain::{ActiveSession, SessionId};
use crate::error::Result;
use crate::state::App;

/// List sessions
///
/// Where the caller is signed in, the newest login first. Those that are over are not listed.
#[utoipa::path(get, path = "/api/v1/auth/sessions", operation_id = "auth_sessions_list",
    tag = "auth", params(Asked),
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 200, description = "One page of sessions.", body = Page<ActiveSession>,
            headers(
                ("Link" = String, description = "RFC 8288: first, prev, next, last."),
                ("X-Total-Count" = u64, description = "Sessions on all pages.")),
            example = json!({"items": [{"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
                "created_at": "2026-11-21T09:30:00.25Z", "last_seen_at": "2026-11-21T11:02:41.5Z",
                "ip": "203.0.113.7",
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0",
                "current": true}], "total": 1, "page": 1, "size": 20, "pages": 1})),
        Unauthenticated, BadParameters, Failures))]
pub async fn list(caller: WithSession, app: App, paging: Paging) -> Result<Paged<ActiveSession>> {
    let (sessions, total) = app.auth.sessions(&caller, paging.page, paging.size).await?;

    Ok(paging.holding(sessions, total))
}

/// End a session
///
/// Its cookie and its access tokens open nothing from now on; API keys are none of its. Who ends the
/// session that asks is signed out, and loses the cookie that it came by.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", operation_id = "auth_sessions_delete",
    tag = "auth", params(("id" = SessionId, Path, description = "The session's id.")),
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 204, description = "The session is over.",
            headers(("Set-Cookie" = String, description = "Takes the session cookie away where it \
                was the cookie's session."))),
        Unauthenticated, Missing, BadParameters, Failures))]
pub async fn end(
    caller: WithSession,
    app: App,
    client: Client,
    Path(id): Path<SessionId>,
) -> Result<Response> {
    app.auth.end_session(&caller, id).await?;

    let mut cleared = Vec::new();
    if caller.by_cookie && Some(id) == caller.session {
        cleared = Cookies::of(&app.config, client.is_https).cleared();
    }
    Ok(cookie::with(StatusCode::NO_CONTENT, cleared))
}
