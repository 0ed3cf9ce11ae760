//! The answer to something that goes on after it.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Json;

/// What was asked for goes on, or does not: who asks is not told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"message": "If there is an account with this address, a link is on its way."})))]
pub struct Accepted {
    /// For people; always the same.
    message: &'static str,
}

impl Accepted {
    pub fn saying(message: &'static str) -> Self {
        Self { message }
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self)).into_response()
    }
}
