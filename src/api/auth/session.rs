//! Signing in and out.

use axum::response::Response;
use axum_extra::extract::CookieJar;
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cookie::{self, Cookies, DEVICE};
use crate::api::kit::caller::{WithSession, in_cookie, in_header};
use crate::api::kit::client::Client;
use crate::api::kit::extract::{Json, JsonOrForm, broken};
use crate::api::kit::limit::{Limited, Passwords};
use crate::api::kit::refusals::{
    BadBody, CannotSignIn, Failures, ForeignSite, LimitedByAddress, Unauthenticated,
};
use crate::auth::{LogIn, SignedIn};
use crate::config::SecretString;
use crate::domain::User;
use crate::error::{Error, Field, Location, Result};
use crate::state::App;

/// Who wants to sign in. As a form it is the OAuth 2 password grant (RFC 6749 §4.3.2).
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({"email": "ada@example.com", "password": "correct horse battery"})))]
pub struct Credentials {
    /// Either this or `username`.
    email: Option<String>,
    /// A username, or an e-mail address.
    username: Option<String>,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Whether the cookie outlives the browser (the default).
    remember: Option<bool>,
    /// `password`, as OAuth 2 forms say; there is no other.
    grant_type: Option<String>,
}

/// What a signed-in caller gets. The cookies `session_token` and `refresh_token` come beside it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.e30.c2ln",
    "refresh_token": "v1.0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55.0.q0Jc2mZ6o5yJ0f1nWw3b5A",
    "token_type": "bearer", "expires_in": 900, "user": {"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
    "email": "ada@example.com", "username": null, "name": "Ada", "role": "user", "status": "active",
    "email_verified": false, "created_at": "2026-11-21T09:30:00.25Z",
    "updated_at": "2026-11-21T09:30:00.25Z", "last_seen_at": null}})))]
pub struct Tokens {
    /// A JWT for the `Authorization` header.
    access_token: String,
    /// For `POST /api/v1/auth/refresh`, once.
    refresh_token: String,
    #[schema(examples("bearer"))]
    token_type: &'static str,
    /// Seconds until the access token ends.
    #[schema(examples(900))]
    expires_in: u64,
    user: User,
}

/// Sign in
///
/// Takes JSON, or the OAuth 2 password form that Swagger's Authorize button sends. Answers with an
/// access token and a refresh token, and sets two `HttpOnly` cookies: the session's, and the refresh
/// token's. Every refusal is the same.
#[utoipa::path(post, path = "/api/v1/auth/login", operation_id = "auth_login", tag = "auth",
    security(()),
    request_body(description = "JSON or form.", content(
        (Credentials = "application/json"), (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Signed in.", body = Tokens,
            headers(("Set-Cookie" = String, description = "The cookies."))),
        CannotSignIn, LimitedByAddress, BadBody, Failures))]
pub async fn log_in(
    limited: Limited<Passwords>,
    app: App,
    client: Client,
    jar: CookieJar,
    JsonOrForm(asked): JsonOrForm<Credentials>,
) -> Response {
    limited.tell(sign_in(&app, client, &jar, asked).await)
}

async fn sign_in(
    app: &App,
    client: Client,
    jar: &CookieJar,
    asked: Credentials,
) -> Result<Response> {
    require_password_grant(asked.grant_type.as_deref())?;
    let cookies = Cookies::of(&app.config, client.is_https);
    let shown = |name: &str| {
        jar.get(name)
            .map(|cookie| SecretString::from(cookie.value()))
    };
    let attempt = LogIn {
        login: one_name(asked.email, asked.username)?,
        password: asked.password,
        remember: asked.remember.unwrap_or(true),
        origin: client.origin,
        replacing: shown(&app.config.cookie.name),
        device: shown(DEVICE),
    };
    let signed_in = app.auth.log_in(attempt).await?;

    Ok(answer(&cookies, signed_in))
}

fn require_password_grant(grant: Option<&str>) -> Result<()> {
    match grant {
        None | Some("" | "password") => Ok(()),
        Some(_) => Err(rule("grant_type", "not_allowed", "must be 'password'")),
    }
}

fn one_name(email: Option<String>, username: Option<String>) -> Result<String> {
    match (email, username) {
        (Some(name), None) | (None, Some(name)) => Ok(name),
        (None, None) => Err(rule("email", "missing", "or 'username' must be sent")),
        (Some(_), Some(_)) => Err(rule(
            "username",
            "ambiguous",
            "must not be sent beside 'email'",
        )),
    }
}

fn rule(name: &'static str, code: &'static str, rule: &'static str) -> Error {
    broken(vec![Field {
        name: name.into(),
        location: Location::Body,
        code,
        message: rule.into(),
    }])
}

fn answer(cookies: &Cookies<'_>, signed_in: SignedIn) -> Response {
    let session = signed_in.session_token.expose_secret().to_owned();
    let refresh = signed_in.refresh_token.expose_secret().to_owned();
    let mut set = vec![
        cookies.session(session, signed_in.session_lifetime),
        cookies.refresh(refresh.clone(), signed_in.refresh_lifetime),
    ];
    let device = signed_in.device_token;
    set.extend(device.map(|token| cookies.device(token.expose_secret().to_owned())));
    let tokens = Tokens {
        access_token: signed_in.access_token.expose_secret().to_owned(),
        refresh_token: refresh,
        token_type: "bearer",
        expires_in: signed_in.expires_in.as_secs(),
        user: signed_in.user,
    };
    cookie::with(Json(tokens), set)
}

/// Sign out
///
/// Ends the session on the server, with all its tokens, and clears the cookie. Always 204: whoever
/// has no session is signed out already.
#[utoipa::path(post, path = "/api/v1/auth/logout", operation_id = "auth_logout", tag = "auth",
    security((), ("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 204, description = "Signed out.",
            headers(("Set-Cookie" = String, description = "Takes the cookies away."))),
        ForeignSite, Failures))]
pub async fn log_out(
    app: App,
    client: Client,
    headers: HeaderMap,
    jar: CookieJar,
) -> Result<Response> {
    let header = in_header(&headers).unwrap_or_default();
    let cookie = in_cookie(&jar, &app.config.cookie.name);
    // A browser may send both, and neither is to open anything from now on.
    for credential in [header, cookie].into_iter().flatten() {
        app.auth.log_out(&credential, &client.origin).await?;
    }

    let cookies = Cookies::of(&app.config, client.is_https);
    Ok(cookie::with(StatusCode::NO_CONTENT, cookies.cleared()))
}

/// Sign out everywhere
///
/// Ends all sessions of the caller, with all their tokens, and clears the cookie. API keys stay.
#[utoipa::path(post, path = "/api/v1/auth/logout-all", operation_id = "auth_logout_all",
    tag = "auth", security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 204, description = "Signed out everywhere.",
            headers(("Set-Cookie" = String, description = "Takes the session cookie away."))),
        Unauthenticated, Failures))]
pub async fn log_out_all(
    caller: WithSession,
    app: App,
    client: Client,
    jar: CookieJar,
) -> Result<Response> {
    app.auth.end_sessions(&caller).await?;
    // Beside a header the cookie may be another user's, and is taken away all the same.
    if let Some(cookie) = in_cookie(&jar, &app.config.cookie.name) {
        app.auth.log_out(&cookie, &client.origin).await?;
    }

    let cookies = Cookies::of(&app.config, client.is_https);
    Ok(cookie::with(StatusCode::NO_CONTENT, cookies.cleared()))
}
