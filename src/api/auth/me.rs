//! Who am I, what am I called, and how do I leave?

use axum::response::{IntoResponse, Response};
use http::header::VARY;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::cookie::{self, Cookies};
use crate::api::kit::caller::WithSession;
use crate::api::kit::client::Client;
use crate::api::kit::extract::Json;
use crate::api::kit::limit::{Limited, Passwords};
use crate::api::kit::refusals::{
    BadBody, Failures, LastAdmin, LimitedByAddress, NameTaken, Unauthenticated,
};
use crate::api::kit::scoped::{ProfileRead, Scoped};
use crate::auth::NewProfile;
use crate::config::SecretString;
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

/// Who is to be gone. Unknown fields are refused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"password": "correct horse battery"})))]
pub struct Farewell {
    /// The account's password; an account without one sends none.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
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
    let user = User {
        // An issuer may have a say in it.
        role: caller.role,
        ..app.auth.user(&caller.user).await?
    };

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
    let user = app.auth.change_profile(&caller, new).await?;

    Ok(Json(user))
}

/// Delete one's account
///
/// The account, its sessions, its keys and what is kept under its Idempotency-Keys are gone; the ledger
/// keeps what was spent, and not by whom. The last administrator stays. Needs a session: a key cannot
/// delete its owner.
#[utoipa::path(delete, path = "/api/v1/auth/me", operation_id = "auth_me_delete", tag = "auth",
    request_body = Farewell,
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 204, description = "The account is gone.",
            headers(("Set-Cookie" = String, description = "Takes the cookies away."))),
        Unauthenticated, LastAdmin, LimitedByAddress, BadBody, Failures))]
pub async fn delete(
    caller: WithSession,
    limited: Limited<Passwords>,
    app: App,
    client: Client,
    body: Option<Json<Farewell>>,
) -> Response {
    let Json(farewell) = body.unwrap_or_else(|| Json(Farewell::default()));
    let password = farewell.password.as_ref();
    let gone = app.auth.remove_self(&caller, password).await;

    let cookies = Cookies::of(&app.config, client.is_https);
    limited.tell(gone.map(|()| cookie::with(StatusCode::NO_CONTENT, cookies.cleared())))
}
