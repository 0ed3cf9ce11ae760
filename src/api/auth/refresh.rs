//! Going on without signing in again.

use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cookie::{self, Cookies, REFRESH};
use crate::api::kit::client::Client;
use crate::api::kit::extract::Json;
use crate::api::kit::refusals::{BadBody, CannotRefresh, Failures};
use crate::auth::Refreshed;
use crate::config::SecretString;
use crate::error::{Error, Result};
use crate::state::App;

/// Empty, or left out, where the token is in its cookie. Unknown fields are refused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"refresh_token":
    "v1.0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55.0.q0Jc2mZ6o5yJ0f1nWw3b5A"})))]
pub struct Shown {
    /// The newest refresh token of the login. The cookie does not count beside it.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

/// New tokens in the place of the old ones.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.e30.c2ln",
    "refresh_token": "v1.0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55.1.x8Rk1tB0d4uN7h2vYq6m9w",
    "token_type": "bearer", "expires_in": 900})))]
pub struct FreshTokens {
    /// A JWT for the `Authorization` header.
    access_token: String,
    /// For the next time: the one that was sent is used up.
    refresh_token: String,
    #[schema(examples("bearer"))]
    token_type: &'static str,
    /// Seconds until the access token ends.
    #[schema(examples(900))]
    expires_in: u64,
}

/// Refresh the tokens
///
/// Takes the refresh token from the body or from its cookie, and answers with the next one and a new
/// access token. A token is good once; for ten seconds its successor is told again, so that tabs that
/// refresh together stay signed in. One that was used before that ends the login: somebody else has it.
#[utoipa::path(post, path = "/api/v1/auth/refresh", operation_id = "auth_refresh", tag = "auth",
    security(("refreshCookie" = [])), request_body = Shown,
    responses(
        (status = 200, description = "New tokens.", body = FreshTokens,
            headers(("Set-Cookie" = String,
                description = "The next refresh token, where the last one came in its cookie."))),
        CannotRefresh, BadBody, Failures))]
pub async fn refresh(
    app: App,
    client: Client,
    jar: CookieJar,
    body: Option<Json<Shown>>,
) -> Result<Response> {
    let Json(shown) = body.unwrap_or_else(|| Json(Shown::default()));
    if let Some(token) = shown.refresh_token {
        let refreshed = app.auth.refresh(&token, &client.origin).await?;
        return Ok(Json(FreshTokens::from(&refreshed)).into_response());
    }
    let kept = jar.get(REFRESH).ok_or_else(nothing_shown)?;
    let refreshed = app
        .auth
        .refresh(&kept.value().into(), &client.origin)
        .await?;

    let token = refreshed.refresh_token.expose_secret().to_owned();
    let cookies = Cookies::of(&app.config, client.is_https);
    let next = cookies.refresh(token, refreshed.refresh_lifetime);
    Ok(cookie::with(
        Json(FreshTokens::from(&refreshed)),
        vec![next],
    ))
}

fn nothing_shown() -> Error {
    let message = "Send a refresh token, in the body or in its cookie.";
    Error::unauthenticated("unauthorized", message)
}

impl From<&Refreshed> for FreshTokens {
    fn from(refreshed: &Refreshed) -> Self {
        Self {
            access_token: refreshed.access_token.expose_secret().to_owned(),
            refresh_token: refreshed.refresh_token.expose_secret().to_owned(),
            token_type: "bearer",
            expires_in: refreshed.expires_in.as_secs(),
        }
    }
}
