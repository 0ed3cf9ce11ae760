//! Another password, for who has forgotten the one before.

use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::kit::accepted::Accepted;
use crate::api::kit::client::Client;
use crate::api::kit::extract::Json;
use crate::api::kit::refusals::{BadBody, BadToken, Failures, ForeignSite};
use crate::config::SecretString;
use crate::domain::Email;
use crate::error::Result;
use crate::state::App;

/// Who has forgotten their password. Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@example.com"})))]
pub struct Forgotten {
    email: Email,
}

/// Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"token": "q0Jc2mZ6o5yJ0f1nWw3b5AfT9xQ2a7Hk4uVb8sLdEeM",
    "new_password": "a staple that nobody guesses"})))]
pub struct ResetPassword {
    /// What stands in the link after `#token=`.
    #[schema(value_type = String)]
    token: SecretString,
    /// 8 to 256 characters.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    new_password: SecretString,
}

/// Ask for another password
///
/// Sends a link to the address if it has an account: good once, for 30 minutes, and in the place of any
/// sent before. The answer is the same for all addresses. One address gets a link at most once a minute,
/// five times an hour and ten times a day; what is asked for more often is accepted, and nothing is sent.
/// Where no mail can be sent, everybody is told so.
#[utoipa::path(post, path = "/api/v1/auth/forgot-password", operation_id = "auth_forgot_password",
    tag = "auth", security(()), request_body = Forgotten,
    responses(
        (status = 202, description = "Whether there is such an account is not told.", body = Accepted,
            example = json!({"message":
                "If there is an account with this address, a link is on its way."})),
        ForeignSite, BadBody, Failures))]
pub async fn forgot(app: App, client: Client, Json(who): Json<Forgotten>) -> Result<Accepted> {
    app.auth.forgot_password(&who.email, &client.origin).await?;

    Ok(Accepted::saying(
        "If there is an account with this address, a link is on its way.",
    ))
}

/// Set another password
///
/// Takes the token of such a link, once, and ends every login of the account; API keys stay. Nobody is
/// signed in by it.
#[utoipa::path(post, path = "/api/v1/auth/reset-password", operation_id = "auth_reset_password",
    tag = "auth", security(()), request_body = ResetPassword,
    responses(
        (status = 204, description = "Set. Sign in with it."),
        ForeignSite, BadBody, BadToken, Failures))]
pub async fn reset(
    app: App,
    client: Client,
    Json(wanted): Json<ResetPassword>,
) -> Result<StatusCode> {
    app.auth
        .reset_password(&wanted.token, &wanted.new_password, &client.origin)
        .await?;

    Ok(StatusCode::NO_CONTENT)
}
