//! Joining.

use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::kit::accepted::Accepted;
use crate::api::kit::client::Client;
use crate::api::kit::created::Created;
use crate::api::kit::extract::Json;
use crate::api::kit::limit::{Limited, Registrations};
use crate::api::kit::refusals::{BadBody, CannotJoin, Failures, LimitedByAddress};
use crate::auth;
use crate::config::SecretString;
use crate::domain::{Email, Name, Origin, User, Username};
use crate::error::Result;
use crate::state::App;

/// What a new account needs. Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"})))]
pub struct NewAccount {
    email: Email,
    /// 8 to 256 characters.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: SecretString,
    /// A second name to sign in by.
    username: Option<Username>,
    name: Option<Name>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"user": {"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
        "email": "ada@example.com", "username": "ada", "name": "Ada Lovelace", "role": "user",
        "status": "active", "email_verified": false, "created_at": "2026-11-21T09:30:00.25Z",
        "updated_at": "2026-11-21T09:30:00.25Z", "last_seen_at": null}})))]
pub struct Registered {
    user: User,
}

/// Create an account
///
/// Creates an account; sign in afterwards. Whoever asks learns whether the address has an account:
/// that cannot be hidden while addresses are not verified. With `REQUIRE_EMAIL_VERIFICATION` it is
/// hidden: the answer is 202 for all, a new address gets a code by mail, and one that has an account a
/// hint; until the code is shown, signing in is 403 `email_not_verified`.
#[utoipa::path(post, path = "/api/v1/auth/register", operation_id = "auth_register", tag = "auth",
    security(()), request_body = NewAccount, responses(
        (status = 201, description = "The new account.", body = Registered,
            headers(("Location" = String, description = "Where to ask who one is."))),
        (status = 202, description = "Where addresses must be verified: mail is on its way.",
            body = Accepted,
            example = json!({"message": "Mail is on its way to this address: read on there."})),
        CannotJoin, LimitedByAddress, BadBody, Failures))]
pub async fn register(
    limited: Limited<Registrations>,
    app: App,
    client: Client,
    Json(new): Json<NewAccount>,
) -> Response {
    limited.tell(join(&app, &client.origin, new).await)
}

async fn join(app: &App, origin: &Origin, new: NewAccount) -> Result<Response> {
    let wanted = auth::NewAccount {
        email: new.email,
        password: new.password,
        username: new.username,
        name: new.name,
    };
    let user = app.auth.join(wanted, origin).await?;

    Ok(match user {
        Some(user) => Created::at("/api/v1/auth/me", Registered { user }).into_response(),
        None => {
            Accepted::saying("Mail is on its way to this address: read on there.").into_response()
        }
    })
}
