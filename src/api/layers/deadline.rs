//! No ordinary request takes longer than this.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::error::{Error, Kind};

pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// Not for relayed requests: those have deadlines of their own.
pub async fn keep(request: Request, next: Next) -> Response {
    timeout(LONGEST, next.run(request))
        .await
        .unwrap_or_else(|_| {
            Error::new(Kind::Timeout, "timeout", "The request took too long.").into_response()
        })
}
