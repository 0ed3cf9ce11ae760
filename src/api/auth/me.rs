//! Who am I?

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::VARY;

use crate::api::kit::caller::Caller;
use crate::api::kit::extract::Json;
use crate::api::kit::problem::{Failures, Unauthenticated};
use crate::domain::{Scope, User};
use crate::error::Result;
use crate::state::App;

/// The caller's account
///
/// Never cached: who is asking decides the answer.
#[utoipa::path(get, path = "/api/v1/auth/me", operation_id = "auth_me", tag = "auth",
    responses((status = 200, body = User), Unauthenticated, Failures))]
pub async fn me(caller: Caller, app: App) -> Result<Response> {
    caller.require(Scope::ProfileRead)?;
    let user = app.auth.user(&caller.user).await?;

    let vary = [(VARY, HeaderValue::from_static("Cookie, Authorization"))];
    Ok((vary, Json(user)).into_response())
}
