//! Codes by mail: they show that an address is one's own, or make it another one.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::kit::accepted::Accepted;
use crate::api::kit::caller::WithSession;
use crate::api::kit::client::Client;
use crate::api::kit::extract::{Json, broken};
use crate::api::kit::limit::{Limited, Passwords};
use crate::api::kit::refusals::{
    BadBody, BadCode, Failures, LimitedByAddress, TooManyCodes, Unauthenticated,
};
use crate::auth::Whom;
use crate::config::SecretString;
use crate::domain::{Email, User};
use crate::error::{Error, Field, Location, Result};
use crate::state::App;

/// Where a code is to go. Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@example.com"})))]
pub struct SendCode {
    /// Who is signed in: by what way. There is `email`.
    channel: Option<Way>,
    /// Who is not signed in: to which address.
    email: Option<Email>,
}

/// By what way a code goes.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    Email,
}

/// A code that was sent. Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"code": "012345", "email": "ada@example.com"})))]
pub struct ShownCode {
    #[schema(value_type = String, pattern = "^[0-9]{6}$")]
    code: Digits,
    /// Who is not signed in: the address that it was sent to.
    email: Option<Email>,
}

/// Six digits.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
struct Digits(String);

/// Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"password": "correct horse battery", "new_email": "ada@example.org"})))]
pub struct NewEmail {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    new_email: Email,
}

/// Send a code
///
/// Sends six digits to the caller's address; who is not signed in names the address, and is answered the
/// same whether it has an account or not. A code is good for ten minutes and until the next one. One
/// address gets one a minute, five an hour and ten a day.
#[utoipa::path(post, path = "/api/v1/auth/verification/send", operation_id = "auth_verification_send",
    tag = "auth", request_body = SendCode,
    security((), ("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 202, description = "Whether there is such an account is not told.", body = Accepted,
            example = json!({"message": "If there is an account to verify, a code is on its way."})),
        Unauthenticated, TooManyCodes, BadBody, Failures))]
pub async fn send(
    caller: Option<WithSession>,
    app: App,
    client: Client,
    Json(wanted): Json<SendCode>,
) -> Result<Accepted> {
    let Way::Email = wanted.channel.unwrap_or(Way::Email);
    let whom = whom(caller.as_ref(), wanted.email.as_ref(), &client)?;
    app.auth.send_code(whom).await?;

    Ok(Accepted::saying(
        "If there is an account to verify, a code is on its way.",
    ))
}

/// Show a code
///
/// Takes a code that was sent, once: the address is verified, and an account that waited for it is open;
/// or the account has the address that it asked for. Five wrong tries kill a code, and twenty a day are
/// taken for one address.
#[utoipa::path(post, path = "/api/v1/auth/verification/confirm",
    operation_id = "auth_verification_confirm", tag = "auth", request_body = ShownCode,
    security((), ("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 200, description = "Signed in: the account as it is now.", body = User,
            example = json!({"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
        "email": "ada@example.com", "username": "ada", "name": "Ada Lovelace", "role": "user",
        "status": "active", "email_verified": true, "created_at": "2026-11-21T09:30:00.25Z",
        "updated_at": "2026-11-21T09:33:00.5Z", "last_seen_at": null})),
        (status = 204, description = "Not signed in: it is done."),
        Unauthenticated, TooManyCodes, BadBody, BadCode, Failures))]
pub async fn confirm(
    caller: Option<WithSession>,
    app: App,
    client: Client,
    Json(shown): Json<ShownCode>,
) -> Result<Response> {
    let whom = whom(caller.as_ref(), shown.email.as_ref(), &client)?;
    let user = app.auth.confirm_code(whom, &shown.code.0).await?;

    Ok(match user {
        Some(user) => Json(user).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Change one's address
///
/// Sends a code to the new address; the account has it when the code is shown. Whether the address is
/// another account's is not told. Needs a session and the password.
#[utoipa::path(post, path = "/api/v1/auth/change-email", operation_id = "auth_change_email",
    tag = "auth", request_body = NewEmail,
    security(("bearerAuth" = []), ("cookieAuth" = []), ("oauth2Password" = [])),
    responses(
        (status = 202, description = "A code is on its way.", body = Accepted,
            example = json!({"message": "A code is on its way to the new address."})),
        Unauthenticated, LimitedByAddress, BadBody, Failures))]
pub async fn change_email(
    caller: WithSession,
    limited: Limited<Passwords>,
    app: App,
    Json(wanted): Json<NewEmail>,
) -> Response {
    let (password, new) = (&wanted.password, &wanted.new_email);
    let asked = app.auth.change_email(&caller, password, new).await;
    let said = "A code is on its way to the new address.";
    limited.tell(asked.map(|()| Accepted::saying(said)))
}

/// The caller, or whoever has the address that a stranger names.
fn whom<'a>(
    caller: Option<&'a WithSession>,
    email: Option<&'a Email>,
    client: &'a Client,
) -> Result<Whom<'a>> {
    match (caller, email) {
        (Some(caller), None) => Ok(Whom::Caller(caller)),
        (None, Some(email)) => Ok(Whom::Address(email, &client.origin)),
        (Some(_), Some(_)) => Err(rule("ambiguous", "must not be sent by who is signed in")),
        (None, None) => Err(rule("missing", "must be sent by who is not signed in")),
    }
}

fn rule(code: &'static str, rule: &'static str) -> Error {
    broken(vec![Field {
        name: "email".into(),
        location: Location::Body,
        code,
        message: rule.into(),
    }])
}

impl TryFrom<String> for Digits {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let is_code = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(text)).ok_or("must be six digits")
    }
}

impl std::fmt::Debug for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digits")
    }
}
