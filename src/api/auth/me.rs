//! Who am I, and what am I called?

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::VARY;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::kit::caller::WithSession;
use crate::api::kit::extract::Json;
use crate::api::kit::refusals::{BadBody, Failures, NameTaken, Unauthenticated};
use crate::api::kit::scoped::{ProfileRead, Scoped};
use crate::auth::NewProfile;
use crate::domain::{Name, Patch, User, Username};
use crate::error::Result;
use crate::state::App;

/// What is to change: what is not given stays, null clears. Unknown fields are refused; e-mail address
/// and password are among them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Ada King", "username": "countess"})))]
pub struct ProfilePatch {
    #[serde(default)]
    #[schema(value_type = Option<Name>)]
    name: Patch<Name>,
    /// A second name to sign in by.
    #[serde(default)]
    #[schema(value_type = Option<Username>)]
    username: Patch<Username>,
}

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

/// Change one's profile
///
/// Sets the name, and the username to sign in by. Needs a session: a key cannot change its owner.
#[utoipa::path(patch, path = "/api/v1/auth/me", operation_id = "auth_me_update", tag = "auth",
    request_body = ProfilePatch,
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 200, description = "The account as it is now.", body = User, example = json!({"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
        "email": "ada@example.com", "username": "countess", "name": "Ada King", "role": "user",
        "status": "active", "email_verified": false, "created_at": "2026-11-21T09:30:00.25Z",
        "updated_at": "2026-11-21T10:15:00.5Z", "last_seen_at": "2026-11-21T10:12:30Z"})),
        Unauthenticated, NameTaken, BadBody, Failures))]
pub async fn change(
    caller: WithSession,
    app: App,
    Json(patch): Json<ProfilePatch>,
) -> Result<Json<User>> {
    let new = NewProfile {
        name: patch.name,
        username: patch.username,
    };
    let user = app.auth.change_profile(&caller.user, new).await?;

    Ok(Json(user))
}
