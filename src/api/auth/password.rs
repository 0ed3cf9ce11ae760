//! Another password.

use axum::response::Response;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::cookie::{self, Cookies};
use crate::api::kit::caller::WithSession;
use crate::api::kit::client::Client;
use crate::api::kit::extract::Json;
use crate::api::kit::limit::{Limited, Passwords};
use crate::api::kit::refusals::{BadBody, Failures, LimitedByAddress, Unauthenticated};
use crate::auth;
use crate::config::SecretString;
use crate::error::Result;
use crate::state::App;

/// Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"current_password": "correct horse battery",
    "new_password": "a staple that nobody guesses"})))]
pub struct NewPassword {
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// 8 to 256 characters.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    new_password: SecretString,
}

/// Change the password
///
/// Ends every other login of the account; API keys stay. The session's cookie is another one from now
/// on. A wrong current password is 403 `invalid_credentials`: the login itself is good.
#[utoipa::path(post, path = "/api/v1/auth/change-password", operation_id = "auth_change_password",
    tag = "auth", request_body = NewPassword,
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 204, description = "Changed.", headers(("Set-Cookie" = String,
            description = "The session's new cookie, where it was shown by its cookie."))),
        Unauthenticated, LimitedByAddress, BadBody, Failures))]
pub async fn change(
    caller: WithSession,
    limited: Limited<Passwords>,
    app: App,
    client: Client,
    Json(wanted): Json<NewPassword>,
) -> Response {
    let cookies = Cookies::of(&app.config, client.is_https);
    limited.tell(set(&caller, &app, &cookies, wanted).await)
}

async fn set(
    caller: &WithSession,
    app: &App,
    cookies: &Cookies<'_>,
    wanted: NewPassword,
) -> Result<Response> {
    let wanted = auth::NewPassword {
        current: wanted.current_password,
        new: wanted.new_password,
        by_cookie: caller.by_cookie,
    };
    let changed = app.auth.change_password(caller, wanted);
    let cookie = changed.await?.map(|new| {
        let token = new.token.expose_secret().to_owned();
        cookies.session(token, new.lifetime)
    });

    Ok(cookie::with(
        StatusCode::NO_CONTENT,
        cookie.into_iter().collect(),
    ))
}
