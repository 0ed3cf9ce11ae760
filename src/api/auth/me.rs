//! Who am I?

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::VARY;

use crate::api::kit::extract::Json;
use crate::api::kit::refusals::{Failures, Unauthenticated};
use crate::api::kit::scoped::{ProfileRead, Scoped};
use crate::domain::User;
use crate::error::Result;
use crate::state::App;

/// The caller's account
///
/// Never cached: who is asking decides the answer.
#[utoipa::path(get, path = "/api/v1/auth/me", operation_id = "auth_me", tag = "auth",
    responses(
        (status = 200, description = "Who the caller is.", body = User, example = json!({"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
        "email": "ada@example.com", "username": "ada", "name": "Ada Lovelace", "role": "user",
        "status": "active", "email_verified": false, "created_at": "2026-11-21T09:30:00.25Z",
        "updated_at": "2026-11-21T09:30:00.25Z", "last_seen_at": null})),
        Unauthenticated, Failures))]
pub async fn me(caller: Scoped<ProfileRead>, app: App) -> Result<Response> {
    let user = app.auth.user(&caller.user).await?;

    let vary = [(VARY, HeaderValue::from_static("Cookie, Authorization"))];
    Ok((vary, Json(user)).into_response())
}
